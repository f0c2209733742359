"""Which hours and days go into files, and that nothing changes by it."""

from itertools import count
from pathlib import Path

import pytest
from django.db.models import F
from pytest_django import Settings

from devices.models import Device
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.models import DeviceReading, DirtyBucket, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, to_datetime
from readings.store.archive import archiving, moving
from readings.store.archive.errors import ArchiveOff
from readings.store.archive.layout import DAY_MS
from readings.store.archive.rows import Piece, read_rows
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.archive.stored import (
    DEVICE_READINGS,
    NOW,
    PORT_READINGS,
    T0,
    TURN,
    archive,
    compact,
    everything,
    in_rows,
    measure,
    named,
    on_disk,
    spans,
)

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


def test_finished_hours_go_into_files_and_nothing_changes(device: Device, root: Path) -> None:
    measure(device)
    before = everything()
    done = archive()
    assert everything() == before
    assert done.pieces == 4  # two hours of ports, two of the device; the newest hour stays
    assert done.rows == 2 * 60 * 3
    assert spans() == spans(DEVICE_READINGS) == [(0, 1), (1, 2)]
    assert on_disk(root) == named()
    assert len(in_rows("port_readings")) == 2 * 60


def test_the_path_tells_kind_device_day_and_hour(device: Device, root: Path) -> None:
    measure(device)
    archive()
    file = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")[0]
    assert file.path == f"port_readings/device={device.pk}/day=2026-05-04/10-{file.sha256[:8]}.parquet"
    assert (root / file.path).stat().st_size == file.bytes
    assert (file.first_ms, file.last_ms) == (T0 + 59_500, T0 + HOUR_MS - 500)


def test_a_reading_at_the_full_hour_belongs_to_the_hour_that_begins(device: Device) -> None:
    bulk.store(device, [bulk.Answer(T0 + HOUR_MS, 1_000, (1, 2)), bulk.Answer(T0 + 3 * HOUR_MS, 0, (1, 2))])
    DirtyBucket.objects.all().delete()
    archive()
    assert spans() == [(1, 2)]


def test_hours_that_are_still_hot_stay(device: Device, settings: Settings) -> None:
    measure(device, hours=5)
    settings.CT6_HOT_HOURS = 10
    archive(T0 + 12 * HOUR_MS - 1)
    assert spans() == [(0, 1)]
    archive(T0 + 12 * HOUR_MS)
    assert spans() == [(0, 1), (1, 2)]


def test_a_moment_may_be_given_instead(device: Device) -> None:
    measure(device)
    archive(until_ms=T0 + HOUR_MS)
    assert spans() == [(0, 1)]


def test_the_hour_of_the_newest_reading_stays_for_the_collector(device: Device) -> None:
    measure(device, hours=1)
    assert archive(NOW + 365 * DAY_MS).rows == 0
    assert len(in_rows("device_readings")) == 60


@pytest.mark.parametrize("minute", [0, 30, 58])
def test_an_hour_that_waits_for_its_roll_up_stays(device: Device, minute: int) -> None:
    measure(device)
    DirtyBucket.objects.create(device=device, minute=T0 + minute * MINUTE_MS)
    archive()
    assert spans() == [(1, 2)]


def test_an_hour_stays_while_a_minute_that_its_windows_reach_back_to_waits(device: Device) -> None:
    measure(device)
    PortReading.objects.filter(time=T0 + 59_500).update(window_ms=180_000, recovered=True)
    DirtyBucket.objects.create(device=device, minute=T0 - 2 * MINUTE_MS)
    archive()
    assert spans() == [(1, 2)]
    assert spans(DEVICE_READINGS) == [(0, 1), (1, 2)]


def test_a_reading_at_the_start_of_an_hour_counts_in_the_minute_before(device: Device) -> None:
    bulk.store(device, [bulk.Answer(T0, 0, (1, 2)), bulk.Answer(T0 + 3 * HOUR_MS, 0, (1, 2))])
    archive()
    assert spans() == []


def test_a_reading_that_comes_while_its_hour_is_written_is_not_lost(device: Device) -> None:
    measure(device)
    late = bulk.Answer(T0 + 123, 0, (77, 78))
    came: list[str] = []

    def comes(step: str) -> None:
        if step == "compared" and not came:
            came.append(step)
            bulk.store(device, [late])
            DirtyBucket.objects.all().delete()

    assert moving.move(Piece(PORT_READINGS, device.pk, T0, T0 + HOUR_MS), step=comes) == 2 * 60 + 2
    assert 77 in [row[4] for row in everything()["port_readings"]]
    assert PortReading.objects.filter(time=T0 + 123).count() == 0


def test_where_others_keep_writing_the_rows_stay(device: Device) -> None:
    measure(device)
    times = iter(range(T0 + 1, T0 + 100))

    def comes(step: str) -> None:
        if step == "compared":
            bulk.store(device, [bulk.Answer(next(times), 0, (1, 1))])
            DirtyBucket.objects.all().delete()

    assert moving.move(Piece(PORT_READINGS, device.pk, T0, T0 + HOUR_MS), step=comes) is None
    assert not ArchiveFile.objects.exists()
    assert PortReading.objects.filter(time=T0 + 59_500).count() == 2


class TestLate:
    def test_a_late_reading_rewrites_its_hours_file(self, device: Device, root: Path) -> None:
        measure(device)
        archive()
        old = named()
        bulk.store(device, [bulk.Answer(T0 + 1_234, 1_000, (42, 43))])
        DirtyBucket.objects.all().delete()
        before = everything()
        assert archive().rows == 3
        assert everything() == before
        assert spans() == [(0, 1), (1, 2)]
        assert on_disk(root) == named() != old
        assert PortReading.objects.filter(time__lt=T0 + HOUR_MS).count() == 0

    def test_a_reading_that_comes_twice_is_kept_once_and_as_it_was_first(self, device: Device) -> None:
        measure(device)
        before = everything()
        archive()
        bulk.store(device, [bulk.Answer(T0 + 59_500, 60_000, (9_999, 9_999))])
        DirtyBucket.objects.all().delete()
        archive()
        assert everything() == before

    def test_a_reading_of_an_hour_without_a_file_of_a_day_that_has_one(self, device: Device) -> None:
        measure(device, hours=24)
        archive(NOW + DAY_MS)
        compact(NOW + DAY_MS)
        assert spans() == [(-10, 14), (14, 15), (15, 16), (16, 17), (17, 18), (18, 19), (19, 20), (20, 21), (21, 22),
                           (22, 23)]  # fmt: skip
        bulk.store(device, [bulk.Answer(T0 - 2 * HOUR_MS + 5, 0, (1, 1))])
        DirtyBucket.objects.all().delete()
        before = everything()
        archive(NOW + DAY_MS)
        assert everything() == before
        assert spans()[0] == (-10, 14)


class TestCompacting:
    def test_the_hours_of_a_finished_day_become_one_file(self, device: Device, root: Path) -> None:
        measure(device, hours=24)
        before = everything()
        archive(NOW + DAY_MS)
        compact(NOW + DAY_MS)
        assert everything() == before
        assert spans()[0] == (-10, 14)
        assert on_disk(root) == named()
        day = ArchiveFile.objects.get(kind="device_readings", start_ms=T0 - 10 * HOUR_MS)
        assert day.path == f"device_readings/device={device.pk}/day=2026-05-04/day-{day.sha256[:8]}.parquet"

    def test_a_day_that_is_still_hot_keeps_its_hours(self, device: Device) -> None:
        measure(device, hours=24)
        archive(NOW + DAY_MS)
        compact(T0 + 14 * HOUR_MS + 6 * HOUR_MS - 1)
        assert spans()[0] == (0, 1)

    def test_the_newest_hour_stays_in_the_database(self, device: Device) -> None:
        measure(device, hours=3)
        archive(NOW + 30 * DAY_MS)
        compact(NOW + 30 * DAY_MS)
        assert spans() == [(0, 1), (1, 2)]
        assert len(in_rows("port_readings")) == 120

    def test_once_is_enough(self, device: Device) -> None:
        measure(device, hours=24)
        archive(NOW + DAY_MS)
        compact(NOW + DAY_MS)
        files = named()
        assert compact(NOW + DAY_MS).pieces == 0
        assert named() == files


def test_what_somebody_restored_to_stay_is_left_until_then(device: Device) -> None:
    measure(device)
    ArchiveHold.objects.create(device=device, start_ms=T0, end_ms=T0 + HOUR_MS, until=to_datetime(NOW + HOUR_MS))
    archive(NOW)
    assert spans() == [(1, 2)]
    archive(NOW + HOUR_MS)
    assert spans() == [(0, 1), (1, 2)]
    assert not ArchiveHold.objects.exists()


def test_a_turn_ends_when_its_time_is_over_and_says_that_there_is_more(device: Device) -> None:
    measure(device)
    clock = count()
    turn = Turn(limit_s=2.5, pause=TURN.pause, clock=lambda: float(next(clock)))
    done = archiving.archive_due(NOW, turn=turn)
    assert (done.pieces, done.more) == (2, True)


def test_what_follows_in_a_turn_has_what_is_left_of_its_time(device: Device) -> None:
    measure(device)
    clock = count()
    turn = Turn(limit_s=2.5, pause=TURN.pause, clock=lambda: float(next(clock)))
    archiving.archive_due(NOW, turn=turn)
    done = archiving.archive_due(NOW, turn=turn)
    assert (done.pieces, done.more) == (0, True)


def test_a_chosen_device_only(device: Device) -> None:
    other = make_device("ASY0398_V003.300_SN00001802", ports=["Grid", "Solar"])
    measure(device)
    measure(other)
    archive(device_ids=[other.pk])
    assert set(ArchiveFile.objects.values_list("device_id", flat=True)) == {other.pk}


def test_without_an_archive_nothing_moves(device: Device, settings: Settings) -> None:
    measure(device)
    settings.CT6_ARCHIVE = ""
    with pytest.raises(ArchiveOff, match="CT6_ARCHIVE=off"):
        archive()
    assert not ArchiveFile.objects.exists()


def test_an_hour_with_a_damaged_file_stays_in_the_database_and_the_others_go(device: Device, root: Path) -> None:
    measure(device)
    archive(until_ms=T0 + HOUR_MS)
    file = ArchiveFile.objects.get(kind="port_readings")
    (root / file.path).write_bytes(b"PAR1 and nothing more")
    bulk.store(device, [bulk.Answer(T0 + 1, 0, (1, 1))])
    DirtyBucket.objects.all().delete()
    archive()
    assert spans() == [(0, 1), (1, 2)]
    assert PortReading.objects.filter(time=T0 + 1).count() == 2
    assert DeviceReading.objects.filter(time=T0 + 1).count() == 0


def test_rows_are_read_as_they_are(device: Device) -> None:
    measure(device)
    PortReading.objects.filter(time=T0 + 59_500).update(active_power=F("reactive_power"))
    table = read_rows(Piece(PORT_READINGS, device.pk, T0, T0 + HOUR_MS))
    assert table.column_names[:4] == ["port", "port_id", "time", "window_ms"]
    assert table.column("port").to_pylist() == [1] * 60 + [2] * 60
