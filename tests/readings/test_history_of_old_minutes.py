"""Minutes that lie in files of the archive are read as if they were still rows, and come back where they change."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from devices.models import Device
from readings import bad_spans, history, replacing, tasks
from readings.archive_models import ArchiveFile
from readings.bad_spans import NotMarked
from readings.models import DeviceMinute, DeviceReading, DirtyBucket, PortDay, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, day_start
from readings.store import auditing, rollups
from readings.store.archive import archiving
from readings.store.archive.errors import FileMissing
from readings.store.archive.layout import DAY_MS
from readings.store.archive.restoring import restore
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.test_history_of_files import END, T0, TURN, answers, everything, no_pause
from tests.readings.test_history_of_files import NOW as LAST

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

FIRST = T0 - 3 * DAY_MS  # its day stays, and so does that of the last reading
NOW = LAST + 4 * DAY_MS
# One whose days begin on the hour, and one whose days begin off it.
in_zones = pytest.mark.parametrize("house", ["Europe/Berlin", "Asia/Kathmandu"], indirect=True)


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE, settings.CT6_PERIOD, settings.CT6_MINUTE_DAYS = str(tmp_path / "archive"), 10.0, 2
    return tmp_path / "archive"


@pytest.fixture
def house(request: pytest.FixtureRequest) -> Device:
    device = make_device(ports=["Grid", "Solar"], timezone=getattr(request, "param", "Europe/Berlin"))
    bulk.store(device, [bulk.Answer(FIRST, 0, (1, 1)), *answers()])
    bulk.roll_up(NOW)
    return device


def archive_minutes() -> None:
    assert archiving.archive_minutes_due(NOW, turn=TURN).pieces == 4  # two days of ports, two of the device
    assert set(days_in_files()) == {T0 // DAY_MS, T0 // DAY_MS + 1}
    assert not PortMinute.objects.filter(start__gte=T0, start__lt=END).exists()
    assert PortMinute.objects.filter(start__lt=T0).exists()


def days_in_files() -> Iterator[int]:
    files = ArchiveFile.objects.filter(kind__in=["port_minutes", "device_minutes"])
    return (file.start_ms // DAY_MS for file in files)


def mismatches(device: Device) -> list[auditing.Mismatch]:
    return auditing.audit([device], 0, NOW, sample=None, chance=random.Random(1)).mismatches


def rollup_rows() -> list[object]:
    tables = (PortMinute, DeviceMinute, PortHour, PortDay)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def minutes() -> list[Any]:
    return list(PortMinute.objects.order_by("port", "start").values())


@in_zones
def test_nothing_that_is_told_changes(house: Device) -> None:
    before = everything(house, NOW)
    archiving.archive_due(NOW, turn=TURN)
    archive_minutes()
    assert everything(house, NOW) == before
    assert not mismatches(house)


def test_minutes_that_wait_are_taken_out_of_what_files_say(house: Device) -> None:
    before = everything(house, NOW)
    archive_minutes()
    waiting = range(T0 - HOUR_MS, END + HOUR_MS, MINUTE_MS)
    DirtyBucket.objects.bulk_create([DirtyBucket(device=house, minute=minute) for minute in waiting])
    assert everything(house, NOW) == before
    bulk.roll_up(NOW)
    assert everything(house, NOW) == before


@in_zones
def test_a_rebuild_brings_them_back_and_writes_the_same(house: Device) -> None:
    before = rollup_rows()
    archiving.archive_due(NOW, turn=TURN)
    archive_minutes()
    rollups.rebuild([house], T0, T0 + HOUR_MS, pause=no_pause)
    assert T0 // DAY_MS not in days_in_files()
    rollups.rebuild([house], 0, NOW, pause=no_pause)
    assert not list(days_in_files())
    assert rollup_rows() == before


def test_a_late_reading_counts_at_once_and_for_ever(house: Device) -> None:
    archive_minutes()
    ports = list(house.ports.all())
    before = history.energy(ports, T0, END, "total", now_ms=NOW)
    bulk.store(house, [bulk.Answer(T0 + 3 * HOUR_MS + 15 * MINUTE_MS, 10 * SECOND_MS, (36_000, 0))])
    for _ in range(2):
        after = history.energy(ports, T0, END, "total", now_ms=NOW)
        assert after[0].export_energy - before[0].export_energy == 36_000 * 10_000
        assert [row.covered_ms for row in after] == [row.covered_ms + 10_000 for row in before]
        bulk.roll_up(NOW)
    assert not mismatches(house)
    told = everything(house, NOW)
    assert archiving.archive_minutes_due(NOW, turn=TURN).pieces
    assert everything(house, NOW) == told


def test_days_of_another_zone_are_made_of_them(house: Device) -> None:
    """Its midnights lie at half past the hour."""
    archive_minutes()
    house.timezone = "Asia/Kolkata"
    house.save()
    rollups.rebuild_days(house, pause=no_pause)
    assert not mismatches(house)
    starts = PortDay.objects.filter(start__gte=T0 - DAY_MS).values_list("start", flat=True)
    assert all(start == day_start(start, "Asia/Kolkata") for start in starts)


def test_a_bad_span_leaves_out_what_is_in_files_and_can_be_lifted(house: Device) -> None:
    before = everything(house, NOW)
    archive_minutes()
    span = bad_spans.mark(house.ports.all()[0], T0 + 10 * MINUTE_MS, T0 + 50 * MINUTE_MS, reason="clamp open", who=None)
    bulk.roll_up(NOW)
    assert not mismatches(house)
    bad_spans.lift(span, who=None)
    bulk.roll_up(NOW)
    assert everything(house, NOW) == before


def test_minutes_in_files_whose_readings_are_gone_cannot_be_bad(house: Device) -> None:
    archive_minutes()
    PortReading.objects.filter(time__lt=END).delete()
    DeviceReading.objects.filter(time__lt=END).delete()
    with pytest.raises(NotMarked, match="only sums are stored"):
        bad_spans.mark(house.ports.all()[0], T0, T0 + HOUR_MS, reason="clamp open", who=None)


def test_a_unit_takes_its_minutes_along_to_the_place_of_another(house: Device) -> None:
    old = make_device("ASY0398_V003.300_SN00001802", ports=["Grid", "Solar"], timezone=house.timezone, active=False)
    bulk.store(old, bulk.steady(FIRST, FIRST + HOUR_MS, 10 * SECOND_MS, 5, 5))
    bulk.roll_up(NOW)
    at_ms = T0 + HOUR_MS // 2
    before = history.energy(list(house.ports.all()), at_ms, END, "hour", now_ms=NOW)
    archive_minutes()
    replacement = replacing.replace(old, house, at_ms=at_ms, who=None, forget_earlier=True)
    replacing.move_on(replacement, pause=no_pause)
    bulk.roll_up(NOW)
    old = Device.objects.get(pk=old.pk)
    after = history.energy(list(old.ports.all()), at_ms, END, "hour", now_ms=NOW)
    assert [row.covered_ms for row in after] == [row.covered_ms for row in before]
    assert [row.net_energy for row in after] == [row.net_energy for row in before]
    assert not mismatches(old)


def test_they_come_back_into_rows(house: Device) -> None:
    before = minutes()
    archive_minutes()
    restore(house.pk, 0, NOW, pause=no_pause)
    assert minutes() == before


def test_a_missing_file_is_said(house: Device, root: Path) -> None:
    archive_minutes()
    for file in root.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(FileMissing):
        history.energy(list(house.ports.all()), T0 + MINUTE_MS, T0 + 2 * MINUTE_MS, "total", now_ms=NOW)
    hours = history.energy(list(house.ports.all()), T0, T0 + 2 * HOUR_MS, "total", now_ms=NOW)
    assert hours[0].covered_ms
    assert mismatches(house) == []


def test_the_task_looks_for_them_once_a_day(house: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(now_ms: int) -> int:
        monkeypatch.setattr("readings.tasks.time.time_ns", lambda: now_ms * 1_000_000)
        tasks.archive()
        return len(list(days_in_files()))

    assert at(NOW) == 4
    restore(house.pk, 0, NOW, pause=no_pause)
    assert at(NOW + HOUR_MS) == 0
    assert at(NOW + DAY_MS) == 4


def test_the_command_takes_them_too(house: Device, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("archive_readings")
    assert set(days_in_files())
    call_command("archive_readings", "--check")
    assert "0 are missing or damaged" in capsys.readouterr().out
