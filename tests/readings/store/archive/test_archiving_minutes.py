"""Which days of minutes go into files, and that nothing changes by it."""

from pathlib import Path

import pytest
from pytest_django import Settings

from devices.models import Device, Port
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.models import DirtyBucket, PortMinute
from readings.periods import HOUR_MS, MINUTE_MS, to_datetime
from readings.store.archive import archiving, files, together
from readings.store.archive.layout import DAY_MS, KINDS, floor_day
from readings.store.archive.restoring import restore
from readings.store.archive.together import DeviceSpan
from tests.readings import bulk
from tests.readings.store.archive.stored import T0, TURN, everything, in_rows, measure, named, no_pause, on_disk, spans

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

DAY = floor_day(T0)
NOW = DAY + 30 * DAY_MS
MINUTES = KINDS["port_minutes"]


@pytest.fixture(autouse=True)
def minute_days(settings: Settings) -> None:
    settings.CT6_MINUTE_DAYS = 20


def measure_days(device: Device, days: int = 5) -> None:
    """Some minutes at each of these days' noons, rolled up."""
    for day in range(days):
        measure(device, DAY + day * DAY_MS + 12 * HOUR_MS, hours=1, step_s=600, rolled_up=False)
    bulk.roll_up(NOW)


def archive(now_ms: int = NOW) -> archiving.Archived:
    return archiving.archive_minutes_due(now_ms, turn=TURN)


def days(kind: str = "port_minutes") -> list[int]:
    found = ArchiveFile.objects.filter(kind=kind).order_by("start_ms").values_list("start_ms", "end_ms")
    assert all(end - start == DAY_MS for start, end in found)
    return [(start - DAY) // DAY_MS for start, _ in found]


def test_old_days_go_into_files_and_nothing_changes(device: Device, root: Path) -> None:
    measure_days(device)
    before = everything()
    done = archive()
    assert everything() == before
    assert days() == days("device_minutes") == [1, 2, 3]
    minutes = len(before["port_minutes"]) + len(before["device_minutes"])
    assert (done.pieces, done.rows) == (6, minutes - len(in_rows("port_minutes")) - len(in_rows("device_minutes")))
    assert done.rows > minutes // 2
    assert on_disk(root) == named()


def test_the_path_tells_kind_device_and_day(device: Device) -> None:
    measure_days(device)
    archive()
    file = ArchiveFile.objects.get(kind="port_minutes", start_ms=DAY + DAY_MS)
    assert file.path == f"port_minutes/device={device.pk}/day=2026-05-05/day-{file.sha256[:8]}.parquet"


def test_days_that_are_not_old_enough_stay(device: Device) -> None:
    measure_days(device)
    archive(DAY + 22 * DAY_MS + DAY_MS - 1)
    assert days() == [1]
    archive(DAY + 23 * DAY_MS)
    assert days() == [1, 2]


def test_the_day_in_which_a_port_begins_stays(device: Device) -> None:
    """Its first minute tells from when on the port could be measured."""
    measure_days(device)
    late = Port.objects.get(device=device, number=2)
    PortMinute.objects.filter(port=late, start__lt=DAY + 2 * DAY_MS).delete()
    archive()
    assert days() == [1, 3]
    assert days("device_minutes") == [1, 2, 3]


def test_a_day_that_waits_for_its_roll_up_stays(device: Device) -> None:
    measure_days(device)
    DirtyBucket.objects.create(device=device, minute=DAY + 3 * DAY_MS - MINUTE_MS)
    archive()
    assert days() == [1, 3]


def test_a_day_that_was_restored_stays_for_as_long_as_was_said(device: Device) -> None:
    measure_days(device)
    archive()
    restore(device.pk, DAY + DAY_MS, DAY + DAY_MS + 1, hold_until=to_datetime(NOW + HOUR_MS), pause=no_pause)
    archive()
    assert days() == [2, 3]
    archive(NOW + 2 * HOUR_MS)
    assert days() == [1, 2, 3]
    assert not ArchiveHold.objects.exists()


def test_readings_and_minutes_lie_apart(device: Device) -> None:
    measure_days(device)
    before = everything()
    archiving.archive_due(NOW, turn=TURN)
    archive()
    archiving.compact_due(NOW, turn=TURN)
    assert everything() == before
    assert len(spans()) == 4
    assert days() == [1, 2, 3]


def test_energies_and_sums_are_whole_numbers_of_any_size(device: Device) -> None:
    measure_days(device)
    PortMinute.objects.filter(start__gte=DAY + DAY_MS).update(positive_energy=2**62, reactive_power_sum=-(2**61))
    before = in_rows("port_minutes")
    archive()
    restore(device.pk, 0, NOW, pause=no_pause)
    assert in_rows("port_minutes") == before


def test_many_far_spans_are_looked_for_in_one(device: Device) -> None:
    few = [DeviceSpan(device.pk, DAY + day * DAY_MS + 7, DAY + day * DAY_MS + 8) for day in (0, 3)]
    assert together._whole_days(few) == {
        DeviceSpan(device.pk, DAY, DAY + DAY_MS), DeviceSpan(device.pk, DAY + 3 * DAY_MS, DAY + 4 * DAY_MS),
    }  # fmt: skip
    many = [DeviceSpan(device.pk, DAY + day * DAY_MS + 7, DAY + day * DAY_MS + 8) for day in range(0, 30, 2)]
    assert together._whole_days(many) == {DeviceSpan(device.pk, DAY, DAY + 29 * DAY_MS)}


def test_a_file_of_minutes_opens_like_any_other(device: Device, root: Path) -> None:
    measure_days(device)
    archive()
    path = root / ArchiveFile.objects.filter(kind="port_minutes")[0].path
    table = files.from_bytes(MINUTES, path.read_bytes(), str(path))
    assert table.column_names[:5] == ["port", "port_id", "start", "samples", "covered_ms"]
    assert set(table.column("port").to_pylist()) == {1, 2}
