"""Devices and ports come from what units say; written when it changes, and only what changes."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from devices.ct6.protocol import DEFAULT_ASSY, Answer, decode_answer
from devices.models import Device, Port
from devices.registration import KnownUnit, Sighting, known_units, note_claim, register
from tests.factories import make_device
from tests.readings.collect.arrivals import ASSY, HERE, OTHER_ASSY, THERE, answer_of, captured

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def heard(*answers: Answer, address: str = HERE) -> dict[str, KnownUnit]:
    return register([Sighting(answer, address) for answer in answers])


def said(assy: str = ASSY, **changes: Any) -> Answer:
    return decode_answer(answer_of(assy, **changes))


def test_a_new_unit_is_stored_with_everything_it_says() -> None:
    known = heard(said(GROUP_NAME="Cellar", CT2={"NAME": "Solar"}, SERVICE_LIST="WEB:8080"))[ASSY]
    device = Device.objects.get()
    assert (device.pk, device.assy, device.name, device.address) == (known.device_id, ASSY, "unit1", HERE)
    assert (device.product, device.device_type, device.firmware_version) == ("CT6", "6_CHNL_CT_SENSOR", "3.1")
    assert (device.group_name, device.http_port, device.active) == ("Cellar", 8080, True)
    assert [(port.number, port.name, port.sensor_type) for port in device.ports.order_by("number")] == [
        (1, "", "SCT013_100A"),
        (2, "Solar", "SCT013_100A"),
        (3, "", "SCT013_100A"),
        (4, "", "SCT013_100A"),
        (5, "", "SCT013_100A"),
        (6, "", "SCT013_100A"),
    ]


def test_a_new_unit_takes_the_time_zone_of_the_site(settings: Settings) -> None:
    settings.CT6_TIMEZONE = "Asia/Kathmandu"
    heard(said())
    assert Device.objects.get().timezone == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("adopt", "assy", "adoption"),
    [
        ("all", ASSY, Device.Adoption.ADOPTED),
        ("ask", ASSY, Device.Adoption.PENDING),
        ("all", DEFAULT_ASSY, Device.Adoption.PENDING),
        ("ask", DEFAULT_ASSY, Device.Adoption.PENDING),
    ],
)
def test_who_is_adopted_by_itself(settings: Settings, adopt: str, assy: str, adoption: str) -> None:
    settings.CT6_ADOPT = adopt
    known = heard(said(assy))[assy]
    assert Device.objects.get().adoption == adoption
    assert known.adopted == (adoption == Device.Adoption.ADOPTED)


def test_what_a_unit_says_anew_is_followed_and_what_people_set_is_left_alone() -> None:
    device = make_device(ASSY, adoption="ignored", timezone="Asia/Kathmandu", name="Old", address=THERE, demo=True)
    Port.objects.filter(number=1).update(role=Port.Role.GRID, reversed=True, enabled=False)
    heard(said(UNIT_NAME="New", FIRMWARE_VERSION="3.2", CT1={"NAME": "Grid", "TYPE": "SCT013_60A"}))
    device.refresh_from_db()
    assert (device.name, device.firmware_version, device.address) == ("New", "3.2", HERE)
    assert (device.adoption, device.timezone, device.demo) == ("ignored", "Asia/Kathmandu", True)
    port = device.ports.get(number=1)
    assert (port.name, port.sensor_type) == ("Grid", "SCT013_60A")
    assert (port.role, port.reversed, port.enabled) == (Port.Role.GRID, True, False)


def test_a_field_that_somebody_else_changes_meanwhile_is_not_written_back() -> None:
    heard(said())
    Device.objects.update(timezone="Asia/Kathmandu", adoption="ignored")
    heard(said(UNIT_NAME="New"))
    device = Device.objects.get()
    assert (device.name, device.timezone, device.adoption) == ("New", "Asia/Kathmandu", "ignored")


@pytest.mark.parametrize("number", [7, 13, 24])
def test_stacked_boards_bring_more_ports(number: int) -> None:
    heard(said())
    stacked: dict[str, Any] = {f"CT{number}": {"NAME": "Stacked", "TYPE": "SCT013_100A", "PRMS": 1.0}}
    heard(said(**stacked))
    assert Port.objects.count() == 7
    assert Port.objects.get(number=number).name == "Stacked"


def test_a_port_that_an_answer_leaves_out_stays() -> None:
    heard(said())
    heard(said(CT3=None))
    assert Port.objects.count() == 6


def test_texts_longer_than_their_columns_are_cut() -> None:
    answer = said(FIRMWARE_VERSION="3" * 60, CT1={"TYPE": "T" * 60, "NAME": "N" * 90})
    known = heard(answer)[ASSY]
    assert Device.objects.get().firmware_version == "3" * 32
    port = Port.objects.get(number=1)
    assert (port.sensor_type, port.name) == ("T" * 32, "N" * 64)
    assert known.is_described_by(answer, HERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"UNIT_NAME": "New"},
        {"GROUP_NAME": "New"},
        {"FIRMWARE_VERSION": "3.2"},
        {"DEVICE_TYPE": "12_CHNL_CT_SENSOR"},
        {"SERVICE_LIST": "WEB:81"},
        {"ACTIVE": 0},
        {"ACTIVE": None},
        {"CT6": {"NAME": "New"}},
        {"CT6": {"TYPE": "New"}},
        {"CT7": {"NAME": ""}},
    ],
)
def test_everything_that_is_new_in_an_answer_is_noticed(changes: dict[str, Any]) -> None:
    known = heard(said())[ASSY]
    assert known.is_described_by(said(power_w=77.0), HERE)
    assert not known.is_described_by(said(**changes), HERE)
    assert heard(said(**changes))[ASSY].is_described_by(said(**changes), HERE)


def test_another_address_is_noticed() -> None:
    known = heard(said())[ASSY]
    assert not known.is_described_by(said(), THERE)


def test_firmware_that_does_not_tell_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    heard(said(ACTIVE=None))
    caplog.clear()
    heard(said(ACTIVE=1))
    assert Device.objects.get().active is True
    assert caplog.text == ""


def test_news_are_said_with_what_was_and_what_is(caplog: pytest.LogCaptureFixture) -> None:
    heard(said())
    caplog.clear()
    heard(said(UNIT_NAME="Barn", CT2={"NAME": "Solar"}, CT9={"NAME": "x"}), address=THERE)
    lines = {record.getMessage() for record in caplog.records}
    assert len(lines) == 4
    for expected in ("A unit was renamed", "A unit has a new address", "A port was renamed", "A unit has new ports"):
        assert any(expected in line for line in lines)
    assert "unit1" in caplog.text
    assert "Barn" in caplog.text


def test_several_units_at_once_and_the_newest_word_of_each() -> None:
    known = heard(said(), said(OTHER_ASSY, UNIT_NAME="Other"), said(UNIT_NAME="Newest"))
    assert sorted(known) == [ASSY, OTHER_ASSY]
    assert known[ASSY].name == "Newest"
    assert known[OTHER_ASSY].name == "Other"
    assert Port.objects.count() == 12


def test_many_new_units_need_few_statements(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    answers = [said(f"ASY0398_V003.300_SN{number:08d}") for number in range(50)]
    with django_assert_max_num_queries(20):
        heard(*answers)
    assert Port.objects.count() == 300


def test_known_units_are_read_in_two_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for assy in (ASSY, OTHER_ASSY):
        make_device(assy, ports=["Grid", "Solar"], name="House", claimed_from=THERE)
    with django_assert_num_queries(2):
        known = known_units()
    assert known[ASSY].adopted
    assert known[ASSY].claimed_from == THERE
    assert {number: port.name for number, port in known[OTHER_ASSY].ports.items()} == {1: "Grid", 2: "Solar"}


def test_every_captured_answer_registers() -> None:
    for name in ("ayt_0", "ayt_1", "ayt_2", "ayt_numeric_names", "ayt_pct_utf8", "ayt_utf8", "ayt_squote"):
        answer = replace(decode_answer(captured(f"{name}.json")), assy=ASSY)
        known = heard(answer)[ASSY]
        assert known.is_described_by(answer, HERE)


def test_a_claim_is_noted_and_settled() -> None:
    device = make_device(ASSY)
    note_claim(device.pk, THERE)
    assert known_units()[ASSY].claimed_from == THERE
    note_claim(device.pk, None)
    assert known_units()[ASSY].claimed_from is None
