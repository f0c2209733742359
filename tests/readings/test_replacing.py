"""A unit takes over the place of a broken one: nothing measured is lost or counted twice, wherever it is stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from rest_framework.test import APIClient

from devices.configuration import open_wishes, wish
from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import AuditEntry, Device, FactoryConfig, Job, Port, Replacement
from readings import history, replacing
from readings.models import DayZone, DeviceReading, DirtyBucket, PortDay, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, parse_time, to_datetime
from readings.replacing import NotReplaced, move_all_on, move_on, replace
from readings.retention_models import Retention
from readings.store import moving
from readings.store.rollups import rebuild_stale_days
from tests.factories import ASSY, make_device
from tests.people import make_user, with_token
from tests.readings.bulk import DAY_MS, Answer, amounts, roll_up, store
from tests.readings.collect.arrivals import HERE, NOON_MS, THERE, Collecting, answer_of, arrival

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NEW_ASSY = "ASY0398_V003.300_SN00001802"
NOON = parse_time("2026-03-10T12:00:00+00:00")
LATER = NOON + 400 * DAY_MS
BROKE = NOON + 5 * HOUR_MS + 20 * MINUTE_MS
SINCE = BROKE + 10 * MINUTE_MS
OLD = [Answer(NOON + n * 30_007, 30_007, (-1000 - n, 500)) for n in range(1, (BROKE - NOON) // 30_007)]
NEW = [Answer(SINCE + 4000 + n * 90_001, 90_001 if n else 0, (-3000 + n, 700)) for n in range(30 * 40)]


@pytest.fixture
def old() -> Device:
    device = make_device(ports=["Grid", "Solar"], timezone="Europe/London", name="House", group_name="home")
    device.ports.filter(number=1).update(role="grid", reversed=True)
    store(device, OLD)
    return device


@pytest.fixture
def new() -> Device:
    device = make_device(NEW_ASSY, ports=["", "", "Spare"], name="", address="127.0.0.3", firmware_version="3.2")
    store(device, NEW)
    return device


def go(old: Device, new: Device, at_ms: int = SINCE, **more: Any) -> Replacement:
    return replace(old, new, at_ms=at_ms, who=None, **more)


def finish(replacement: Replacement) -> None:
    """As the worker does some minutes later."""
    replacement = Replacement.objects.select_related("device", "moving_from").get(pk=replacement.pk)
    move_on(replacement, now=datetime.now(UTC) + timedelta(minutes=3), pause=lambda _seconds: None)
    rebuild_stale_days(limit_steps=100, pause=lambda _seconds: None)


def energies(device: Device, bucket: Any = "hour") -> list[tuple[int, int, int, int]]:
    start, end = NOON - HOUR_MS, NOON + 40 * HOUR_MS
    ports = list(device.ports.order_by("number"))[:2]
    rows = history.energy(ports, start, end, bucket, now_ms=LATER)
    return [(row.port_id, row.start_ms, row.covered_ms, row.import_energy + row.export_energy) for row in rows]


def expected_total(port: int) -> tuple[int, int]:
    covered, _recovered, positive, negative = amounts([*OLD, *NEW], port, NOON - HOUR_MS, NOON + 40 * HOUR_MS)
    return covered, positive + negative


# --- What it becomes ----------------------------------------------------------------------------------------------
def test_the_device_goes_on_as_the_new_unit(old: Device, new: Device) -> None:
    replacement = go(old, new)
    finish(replacement)
    device = Device.objects.get()
    assert (device.pk, device.assy, device.address, device.firmware_version) == (
        old.pk,
        NEW_ASSY,
        "127.0.0.3",
        "3.2",
    )
    assert (device.timezone, device.adoption) == ("Europe/London", "adopted")
    assert list(device.ports.order_by("number").values_list("number", "role", "reversed")) == [
        (1, "grid", True),
        (2, "other", False),
        (3, "other", False),
    ]
    replacement.refresh_from_db()
    assert (replacement.former_assy, replacement.new_assy, replacement.moving_from_id) == (ASSY, NEW_ASSY, None)
    entry = AuditEntry.objects.get(action="replace", before__assy=ASSY)
    assert (entry.device, entry.after["assy"], entry.after["from"]) == (old, NEW_ASSY, "2026-03-10T17:30:00+00:00")


def test_its_names_become_wishes_towards_the_new_unit(old: Device, new: Device) -> None:
    wish(old, {"CT2_NAME": "Roof"}, None, now=datetime.now(UTC))
    go(old, new)
    device = Device.objects.get(pk=old.pk)
    wished = {key: change.wished for key, change in open_wishes(device).items()}
    assert wished == {"YDEV_UNIT_NAME": "House", "YDEV_GROUP_NAME": "home", "CT1_NAME": "Grid", "CT2_NAME": "Roof"}
    assert (device.name, device.ports.get(number=1).name) == ("", ""), "what the new unit reports, until it confirms"


def test_a_name_that_it_has_already_is_not_wished(old: Device, new: Device) -> None:
    new.ports.filter(number=1).update(name="Grid")
    go(old, new)
    assert "CT1_NAME" not in open_wishes(old)


def test_its_copies_and_history_of_changes_come_along(old: Device, new: Device) -> None:
    FactoryConfig.objects.create(device=new, content="{}", sha256="")
    finish(go(old, new))
    assert FactoryConfig.objects.get().device_id == old.pk


# --- What was measured --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rolled_up", ["both", "before", "after"])
def test_every_reading_and_every_energy_is_there_once(old: Device, new: Device, rolled_up: str) -> None:
    if rolled_up == "both":
        roll_up(LATER)
    elif rolled_up == "before":
        roll_up(NOON + 20 * HOUR_MS)
    finish(go(old, new))
    if rolled_up == "after":
        roll_up(LATER)
    for bucket in ("total", "hour", "day"):
        for port, number in zip(old.ports.order_by("number"), (0, 1), strict=False):
            ours = [row for row in energies(old, bucket) if row[0] == port.pk]
            assert (sum(row[2] for row in ours), sum(row[3] for row in ours)) == expected_total(number)
    assert DeviceReading.objects.count() == DeviceReading.objects.filter(device=old).count() == len(OLD) + len(NEW)
    assert not PortReading.objects.exclude(port__in=Port.objects.all()).exists()


def test_the_rollups_are_those_of_one_unit_that_measured_it_all(old: Device, new: Device) -> None:
    roll_up(LATER)
    finish(go(old, new))
    roll_up(LATER)
    found = [list(table.objects.order_by("port", "start").values()) for table in (PortMinute, PortHour, PortDay)]
    tables = (PortMinute, PortHour, PortDay)
    for table in tables:
        table.objects.filter(port__in=Port.objects.all(), start__gte=0).delete()
    first, last = NOON // MINUTE_MS, NEW[-1].time // MINUTE_MS + 1
    minutes = [minute * MINUTE_MS for minute in range(first, last)]
    DirtyBucket.objects.bulk_create([DirtyBucket(device=old, minute=minute) for minute in minutes])
    roll_up(LATER)
    assert [list(table.objects.order_by("port", "start").values()) for table in tables] == found
    assert not DayZone.objects.stale().exists()


def test_it_can_be_stopped_after_every_step(old: Device, new: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "ANSWERS_PER_STEP", 300)
    roll_up(NOON + 20 * HOUR_MS)
    replacement = go(old, new)
    before = 0
    for _ in range(100):
        again = Replacement.objects.select_related("device", "moving_from").get(pk=replacement.pk)
        if not move_on(again, limit_steps=1):
            break
        now = DeviceReading.objects.filter(device=old).count()
        assert now >= before
        before = now
        total = sum(row[3] for row in energies(old, "total"))
        moved = [answer for answer in NEW if answer.time <= _newest(old)]
        parts = [amounts([*OLD, *moved], port, NOON, NOON + 40 * HOUR_MS) for port in (0, 1)]
        assert total == sum(part[2] + part[3] for part in parts), "never more or less than what is there"
    finish(replacement)
    assert sum(row[3] for row in energies(old, "total")) == expected_total(0)[1] + expected_total(1)[1]


def _newest(device: Device) -> int:
    return DeviceReading.objects.filter(device=device).order_by("-time")[0].time


def test_minutes_whose_readings_are_gone_come_along(old: Device, new: Device) -> None:
    roll_up(LATER)
    for device in (old, new):
        PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LATER).delete()
        DeviceReading.objects.filter(device=device, time__gte=0, time__lt=LATER).delete()
    finish(go(old, new))
    assert sum(row[3] for row in energies(old, "total")) == expected_total(0)[1] + expected_total(1)[1]


def test_a_window_that_reaches_back_over_the_moment_is_cut_there(old: Device) -> None:
    device = make_device(NEW_ASSY, ports=["", ""])
    store(device, [Answer(SINCE - MINUTE_MS, 0, (10, 10)), Answer(SINCE + 30_000, 90_000, (10, 10), recovered=True)])
    roll_up(LATER)
    finish(go(old, device, forget_earlier=True))
    reading = DeviceReading.objects.get(device=old, time__gt=BROKE)
    assert (reading.time, reading.window_ms) == (SINCE + 30_000, 30_000)
    assert DeviceReading.objects.count() == len(OLD) + 1


# --- What is refused ----------------------------------------------------------------------------------------------
def refusal(old: Device, new: Device, at_ms: int = SINCE, **more: Any) -> str:
    with pytest.raises(NotReplaced) as refused:
        go(old, new, at_ms, **more)
    assert not Replacement.objects.exists()
    assert {old.assy, new.assy} <= set(Device.objects.values_list("assy", flat=True))
    return str(refused.value)


def test_the_old_unit_must_not_have_measured_after_the_moment(old: Device, new: Device) -> None:
    said = refusal(old, new, BROKE - HOUR_MS)
    assert "no time is measured twice" in said
    assert "Take a moment from 2026-03-10T17:20:00+00:00 on" in said
    assert replacing.first_possible(old) == BROKE


def test_what_the_new_unit_measured_before_is_not_deleted_unasked(old: Device, new: Device) -> None:
    later = SINCE + HOUR_MS
    assert "it has measured since 2026-03-10T17:30:04+00:00" in refusal(old, new, later)
    finish(go(old, new, later, forget_earlier=True))
    assert DeviceReading.objects.count() == len(OLD) + sum(answer.time > later for answer in NEW)


def test_what_was_let_go_of_cannot_come_along(old: Device, new: Device) -> None:
    gone = SINCE + HOUR_MS
    Retention.objects.create(device=new, seconds_days=2, readings_gone_ms=gone, changed_at=to_datetime(LATER))
    assert "was let go of, and only its sums are stored: take a moment from then on" in refusal(old, new)


def test_the_moment_is_a_whole_minute_of_the_past(old: Device, new: Device) -> None:
    assert "whole minute" in refusal(old, new, SINCE + 1)
    assert "still to come" in refusal(old, new, SINCE, now=to_datetime(SINCE - 1))


def test_units_in_doubt_do_not_change_places(old: Device, new: Device) -> None:
    assert "its own place" in refusal(old, old)
    job = Job.objects.create(device=new, kind=Job.Kind.REBOOT)
    assert "a job of it waits or runs" in refusal(old, new)
    job.delete()
    Device.objects.filter(pk=new.pk).update(claimed_from="127.0.0.9")
    assert "two units claim its label" in refusal(old, new)


def test_the_label_of_uncalibrated_boards_takes_no_place(old: Device) -> None:
    assert "give the new unit a label of its own" in refusal(old, make_device(DEFAULT_ASSY))


def test_one_replacement_at_a_time(old: Device, new: Device) -> None:
    go(old, new)
    other = make_device("ASY0398_V003.300_SN00001803")
    with pytest.raises(NotReplaced, match="still goes on"):
        go(Device.objects.get(pk=old.pk), other, parse_time("2026-04-10T12:00:00+00:00"))


# --- While the collector collects ---------------------------------------------------------------------------------
def test_the_collector_goes_on_without_a_gap_and_stragglers_are_not_lost(settings: Settings) -> None:
    settings.CT6_ADOPT = "all"
    old = make_device(ports=["Grid"] + [""] * 5)
    collecting = Collecting()
    payload = answer_of(NEW_ASSY)
    collecting.take_each_second(0, 130, payload, address=THERE)
    new = Device.objects.get(assy=NEW_ASSY)
    replacement = go(old, new, NOON_MS - MINUTE_MS, now=to_datetime(NOON_MS + 131_000))
    collecting.intake.take([arrival(131_000, payload, address=THERE)])  # it does not know of it yet
    collecting.ingest.write()
    assert DeviceReading.objects.filter(device=new, time=NOON_MS + 131_000).exists()
    collecting.take_each_second(135, 200, payload, address=THERE)
    assert Device.objects.filter(assy=NEW_ASSY).get().pk == old.pk
    roll_up(NOON_MS + HOUR_MS)
    finish(replacement)
    roll_up(NOON_MS + HOUR_MS)
    readings = DeviceReading.objects.filter(device=old).order_by("time").values_list("time", "window_ms")
    assert [(time - NOON_MS) // 1000 for time, _ in readings] == [*range(132), *range(135, 201)]
    assert [window for _, window in readings] == [0, *[1000] * 131, 4000, *[1000] * 65]
    assert sum(PortMinute.objects.filter(port=old.ports.get(number=1)).values_list("covered_ms", flat=True)) == 200_000
    assert DeviceReading.objects.count() == 198


def test_the_emptied_device_stays_until_nobody_can_write_to_it(old: Device, new: Device) -> None:
    replacement = go(old, new)
    move_on(replacement)
    assert Device.objects.get(pk=new.pk).adoption == "ignored"
    finish(replacement)
    assert not Device.objects.filter(pk=new.pk).exists()


def test_a_unit_that_was_never_stored_leaves_nothing_behind(old: Device) -> None:
    new = make_device(NEW_ASSY, adoption="pending")
    go(old, new)
    move_all_on()
    assert Device.objects.get().pk == old.pk
    assert not Replacement.objects.filter(moving_from__isnull=False).exists()


def test_the_broken_unit_that_comes_back_is_pending(old: Device, settings: Settings) -> None:
    settings.CT6_ADOPT = "all"
    go(old, make_device(NEW_ASSY, adoption="pending"))
    collecting = Collecting()
    collecting.take_each_second(0, 3, answer_of(ASSY), address=HERE)
    back = Device.objects.get(assy=ASSY)
    assert (back.adoption, back.pk != old.pk) == ("pending", True)
    assert not DeviceReading.objects.filter(time__gte=NOON_MS).exists()


# --- Over the API and at the command line -------------------------------------------------------------------------
@pytest.fixture
def staff() -> APIClient:
    return with_token(make_user("sam", staff=True, may=["adopt"]), "configure")


def test_the_api_replaces(old: Device, new: Device, staff: APIClient) -> None:
    asked = {"new": new.pk, "at": "2026-03-10T17:30:59Z"}
    answer = staff.post(f"/api/v1/devices/{old.pk}/replace/", asked, format="json")
    assert answer.status_code == 202, answer.content
    told = answer.json()
    assert (told["device"], told["former_assy"], told["new_assy"]) == (old.pk, ASSY, NEW_ASSY)
    assert (told["at"], told["moving"]) == ("2026-03-10T17:30:00+00:00", True)
    assert staff.get(f"/api/v1/devices/{old.pk}/replacements/").json() == [told]


def test_the_api_refuses_with_the_sentence(old: Device, new: Device, staff: APIClient) -> None:
    address = f"/api/v1/devices/{old.pk}/replace/"
    early = staff.post(address, {"new": new.pk, "at": "2026-03-10T12:00:00Z"}, format="json")
    assert early.status_code == 400
    assert "no time is measured twice" in early.json()["new"][0]
    assert staff.post(address, {"new": 99}, format="json").status_code == 400
    without = with_token(make_user("rob", staff=True, may=["configure"]), "configure")
    assert without.post(address, {"new": new.pk}, format="json").status_code == 403
    assert not Replacement.objects.exists()


def test_the_command_replaces(old: Device, new: Device, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("replace_ct6", ASSY, NEW_ASSY, "--from", "2026-03-10T17:30:00Z")
    said = capsys.readouterr().out
    assert f"{NEW_ASSY} has the place of {ASSY} from 2026-03-10T17:30:00+00:00 on." in said
    assert "goes in some minutes" in said
    assert DeviceReading.objects.filter(device=old).count() == len(OLD) + len(NEW)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody", NEW_ASSY], "no unit with the name"),
        ([ASSY, NEW_ASSY, "--from", "yesterday"], "no ISO 8601 time"),
        ([ASSY, NEW_ASSY, "--from", "2026-03-10T12:00:00Z"], "no time is measured twice"),
        ([ASSY, NEW_ASSY, "--as", "nobody"], "no user"),
    ],
)
def test_the_command_says_why_not(old: Device, new: Device, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("replace_ct6", *arguments)
    assert not Replacement.objects.exists()
