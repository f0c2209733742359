"""When units were last heard, and what they said."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from devices.seen import Seen, note_seen
from tests.factories import ASSY, make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

AT = datetime(2026, 3, 29, 1, 30, 0, 123000, tzinfo=UTC)


def seen_and_said(device: Device) -> tuple[datetime | None, object]:
    device.refresh_from_db()
    return device.last_seen, device.last_answer


def test_when_a_unit_was_heard_is_kept_to_the_millisecond() -> None:
    device, other = make_device(ASSY), make_device("ASY0398_V003.300_SN00001802")
    note_seen([Seen(device.pk, AT, '{"time": 5}'), Seen(other.pk, AT, None)])
    assert seen_and_said(device) == (AT, {"time": 5})
    assert seen_and_said(other) == (AT, None)


def test_an_answer_that_is_not_told_leaves_the_former_one() -> None:
    device = make_device()
    note_seen([Seen(device.pk, AT, '{"time": 5}')])
    note_seen([Seen(device.pk, AT + timedelta(seconds=1), None)])
    assert seen_and_said(device) == (AT + timedelta(seconds=1), {"time": 5})


def test_what_units_say_comes_back_as_it_was() -> None:
    said = {
        "name": 'Küche "süd" \\ 厨房 \N{ELECTRIC PLUG} it\'s %s %%',
        "ports": {"1": {"active_power": -1092.5, "current_peak": None}},
        "other_poller": False,
        "long": "x" * 40_000,
    }
    device = make_device()
    note_seen([Seen(device.pk, AT, json.dumps(said, ensure_ascii=False))])
    assert seen_and_said(device) == (AT, said)


def test_a_unit_that_was_deleted_meanwhile_keeps_no_other_out() -> None:
    device = make_device()
    note_seen([Seen(device.pk + 1, AT, '{"time": 1}'), Seen(device.pk, AT, '{"time": 2}')])
    assert seen_and_said(device) == (AT, {"time": 2})


def test_hundreds_of_units_are_written_at_once_each_with_its_own() -> None:
    Device.objects.bulk_create(
        Device(assy=f"ASY0398_V003.300_SN{number:08d}", name="Meter", timezone="UTC") for number in range(1, 2_301)
    )
    devices = Device.objects.order_by("pk")  # not every engine gives the numbers back
    heard = [
        Seen(device.pk, AT + timedelta(milliseconds=index), f'{{"time": {index}}}' if index % 3 else None)
        for index, device in enumerate(devices)
    ]
    with CaptureQueriesContext(connection) as queries:
        note_seen(heard[::-1])
    if connection.vendor == "mysql":  # 767 that said nothing new and 1,533 that did, 250 at a time
        assert len(queries) == 4 + 7
    found = Device.objects.order_by("pk").values_list("last_seen", "last_answer")
    assert list(found) == [(one.at, json.loads(one.last_answer) if one.last_answer else None) for one in heard]


def test_nobody_was_heard() -> None:
    note_seen([])
