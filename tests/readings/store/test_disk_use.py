"""How much a device takes, how fast that grows, and how long the disks will do."""

from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.models import DeviceHour, DeviceMinute, DeviceReading
from readings.periods import HOUR_MS, parse_time
from readings.retention_models import Retention
from readings.store import disk_use, letting_go
from readings.store.archive import archiving
from readings.store.archive.layout import DAY_MS
from readings.store.disk_use import Disk, Stored
from readings.store.lines import DEVICE_LINES, PORT_LINES
from readings.store.sizes import bytes_per_row
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.stored import no_pause, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

T0 = parse_time("2026-05-01T00:00:00Z")
NOW = T0 + 10 * DAY_MS
TURN = Turn(pause=no_pause)


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def device() -> Device:
    """Two hours of each of ten days, a reading of two ports every five minutes."""
    device = make_device(ports=["Grid", "Solar"])
    for day in range(T0, NOW, DAY_MS):
        bulk.store(device, bulk.steady(day, day + 2 * HOUR_MS, 300_000, 500, 20))
    roll_up(NOW + DAY_MS)
    return device


def used(device: Device) -> dict[str, Stored]:
    return {stored.level: stored for stored in disk_use.disk_use(device)}


def disks() -> dict[str, Disk]:
    return {disk.holds: disk for disk in disk_use.disks(NOW)}


def test_levels_tell_their_rows_since_when_and_about_how_many_bytes(device: Device) -> None:
    found = used(device)
    tables = {"readings": DeviceReading, "minutes": DeviceMinute, "hours": DeviceHour}
    assert {level: found[level].rows for level in tables} == {
        level: table._default_manager.count() for level, table in tables.items()
    }
    assert found["days"].rows == 10
    assert found["readings"].since_ms == T0 + 300_000
    assert {found[level].since_ms for level in ("minutes", "hours", "days")} == {T0}
    if connection.vendor == "sqlite":
        assert found["hours"].row_bytes == 20 * (94 + 2 * 127)


def test_what_is_in_files_is_not_counted_as_rows(device: Device) -> None:
    archiving.archive_due(NOW, turn=TURN)
    archiving.compact_due(NOW, turn=TURN)
    readings = used(device)["readings"]
    assert readings.rows == DeviceReading.objects.count() == 1
    assert readings.rows + readings.file_rows == 240
    assert readings.since_ms == T0 + 300_000
    files = ArchiveFile.objects.all()
    assert (readings.files, readings.file_bytes) == (files.count(), sum(file.bytes for file in files))


def test_while_only_the_ports_are_in_files_so_far_their_rows_are_told(device: Device) -> None:
    archiving.archive_due(NOW, turn=TURN)
    ArchiveFile.objects.filter(kind="device_readings").delete()
    assert used(device)["readings"].file_rows == 239


def test_rows_in_their_millions_are_not_counted_one_by_one(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their hours tell how many they are."""
    archiving.archive_due(T0 + 5 * DAY_MS, turn=TURN)
    monkeypatch.setattr(disk_use, "_COUNTED", 10)
    readings = used(device)["readings"]
    assert readings.rows == pytest.approx(DeviceReading.objects.count(), abs=5)


def test_minutes_in_files_are_their_own_line(device: Device, settings: Settings) -> None:
    settings.CT6_MINUTE_DAYS = 3
    archiving.archive_minutes_due(NOW, turn=TURN)
    found = used(device)
    assert found["minutes"].files > 0
    assert found["minutes"].rows == DeviceMinute.objects.count()
    assert found["readings"].files == 0


def test_a_unit_that_measured_nothing_takes_nothing() -> None:
    assert {(stored.rows, stored.files, stored.since_ms) for stored in used(make_device()).values()} == {(0, 0, None)}


def test_growth_is_that_of_the_last_seven_days(device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = ""
    sizes, per_day = bytes_per_row(), {"readings": 24, "minutes": 120, "hours": 2, "days": 2 / 24}
    of_all = {level: sizes[getattr(DEVICE_LINES, level)] + 2 * sizes[getattr(PORT_LINES, level)] for level in per_day}
    expected = sum(count * of_all[level] for level, count in per_day.items())
    growth = disk_use.growth_of([device], NOW)
    assert growth.rows == pytest.approx(expected)
    assert growth.files == 0


def test_what_goes_into_files_grows_there(device: Device) -> None:
    archiving.archive_due(NOW, turn=TURN)
    week = ArchiveFile.objects.filter(start_ms__gte=NOW - 7 * DAY_MS)
    growth = disk_use.growth_of([device], NOW)
    assert growth.files == pytest.approx(sum(file.bytes for file in week) / 7)


def test_where_as_much_goes_as_comes_seconds_do_not_grow(device: Device) -> None:
    archiving.archive_due(NOW, turn=TURN)
    Retention.objects.create(device=device, seconds_days=3, changed_at=timezone.now())
    assert disk_use.growth_of([device], NOW).files > 0  # nothing has gone yet
    letting_go.let_go(NOW, turn=Turn(pause=no_pause))
    assert disk_use.growth_of([device], NOW).files == 0


def test_days_left_are_what_is_free_by_what_all_units_grow(device: Device) -> None:
    found = disks()
    archive = found["archive"]
    assert archive.free is not None
    assert archive.free > 0
    database = found["database"]
    assert database.growth_bytes == round(disk_use.growth_of([device], NOW).rows)
    if database.free is not None:
        assert database.days_left is not None
        assert database.days_left * database.growth_bytes == pytest.approx(database.free, rel=0.01)


def test_an_object_store_and_a_database_elsewhere_are_not_known(device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = "s3://bucket/ct6"
    found = disks()
    assert (found["archive"].free, found["archive"].days_left) == (None, None)
    assert not found["database"].shared


def test_an_inactive_unit_does_not_grow(device: Device) -> None:
    Device.objects.update(active=False)
    assert disks()["database"].growth_bytes == 0
    assert disks()["database"].days_left is None


def test_hours_that_are_hot_now_are_in_no_whole_day(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = bytes_per_row()  # which a server may tell anew
    monkeypatch.setattr(disk_use, "bytes_per_row", lambda: sizes)
    before = disk_use.growth_of([device], NOW)
    bulk.store(device, bulk.steady(NOW, NOW + 3 * HOUR_MS, 300_000, 500, 20))
    roll_up(NOW + DAY_MS)
    assert disk_use.growth_of([device], NOW + 3 * HOUR_MS) == before
