"""What lies in files of the archive is read as if it were still in the database."""

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from devices.models import Device
from readings import bad_spans, history
from readings.archive_models import ArchiveFile
from readings.collect.ingest import stored_timeline
from readings.models import DeviceReading, DirtyBucket, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, format_time, parse_time
from readings.quantities import ACTIVE_POWER, CURRENT_RMS, VOLTAGE, Quantity
from readings.store import auditing, rollups
from readings.store.archive.archiving import archive_due, compact_due
from readings.store.archive.errors import FileMissing
from readings.turn import Turn
from tests.factories import make_device
from tests.people import logged_in, make_user
from tests.readings import bulk

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

T0 = parse_time("2026-05-04T22:00:00Z")  # over a midnight
END = T0 + 5 * HOUR_MS
NOW = T0 + 40 * HOUR_MS
# Edges on and off the minute, inside and outside an outage of two hours, at both ends of what is stored.
EDGES = (
    T0 - HOUR_MS, T0 + 7_300, T0 + 61 * MINUTE_MS + 12_345, T0 + 2 * HOUR_MS, T0 + 4 * HOUR_MS + 1, END + HOUR_MS,
)  # fmt: skip


def no_pause(_seconds: float) -> None:
    pass


TURN = Turn(pause=no_pause)


def answers() -> list[bulk.Answer]:
    """Ten-second windows that lie across minutes, an hour and a half without answers whose mean was recovered, and a
    gap; then a reading a day later, whose hour stays in the database."""
    found = []
    for time in range(T0 + 3_700, END, 10 * SECOND_MS):
        hour = (time - T0) / HOUR_MS
        if 1 < hour < 2.5 or 3.2 < hour < 3.3:
            continue
        powers = (time // 7 % 9001 - 4500, None if time // 10_000 % 17 == 0 else -800)
        found.append(bulk.Answer(time, 10 * SECOND_MS, powers))
    outage = next(n for n in range(1, len(found)) if found[n].time - found[n - 1].time > HOUR_MS)
    length_ms = found[outage].time - found[outage - 1].time
    found[outage] = bulk.Answer(found[outage].time, length_ms, (1234, -4321), recovered=True)
    return [*found, bulk.Answer(NOW - 2 * MINUTE_MS, 0, (1, 1))]


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE, settings.CT6_PERIOD = str(tmp_path / "archive"), 10.0
    return tmp_path / "archive"


@pytest.fixture
def house() -> Device:
    device = make_device(ports=["Grid", "Solar"], timezone="Europe/Berlin")
    bulk.store(device, answers())
    bulk.roll_up(NOW)
    return device


def archive(*, compacts: bool = False) -> None:
    before = PortReading.objects.count()
    assert archive_due(NOW, turn=TURN).pieces
    if compacts:
        assert compact_due(NOW, turn=TURN).pieces
    assert PortReading.objects.count() == 2 < before


def lines_of(
    device: Device, quantity: Quantity, resolution: Any, start_ms: int, end_ms: int, *, now_ms: int = NOW
) -> list[Any]:
    lines = list(device.ports.all()) if quantity.of == "port" else [device]
    found = history.series(lines, quantity, start_ms, end_ms, now_ms=now_ms, resolution=resolution)
    return [
        (
            line.times.tolist(),
            *(repr(column.tolist()) for column in (line.values, line.minimum, line.maximum, line.covered_ms)),
        )
        for line in found.lines
    ]


def everything(device: Device, now_ms: int = NOW) -> dict[Any, Any]:
    """What history tells of spans between all edges."""
    ports, said = list(device.ports.all()), {}
    for start_ms, end_ms in spans():
        span = start_ms, end_ms
        for bucket in ("total", "hour", "day"):
            said["energy", bucket, span] = history.energy(ports, *span, bucket, now_ms=now_ms)
        for quantity, resolution in product((ACTIVE_POWER, CURRENT_RMS, VOLTAGE), ("second", "minute", "hour")):
            said[quantity.name, resolution, span] = lines_of(device, quantity, resolution, *span, now_ms=now_ms)
    return said


def mismatches(device: Device) -> list[auditing.Mismatch]:
    return auditing.audit([device], 0, NOW, sample=None, chance=random.Random(1)).mismatches


def spans() -> Iterator[tuple[int, int]]:
    return ((start, end) for start, end in product(EDGES, EDGES) if start < end)


@pytest.mark.parametrize("compacts", [False, True])
def test_nothing_that_is_told_changes_with_the_archive(house: Device, *, compacts: bool) -> None:
    before = everything(house)
    archive(compacts=compacts)
    assert everything(house) == before


def test_minutes_that_wait_are_answered_from_files(house: Device) -> None:
    """The rollups are taken out, and put in from readings."""
    before = everything(house)
    archive()
    minutes = range(T0 - HOUR_MS, END + HOUR_MS, MINUTE_MS)
    DirtyBucket.objects.bulk_create([DirtyBucket(device=house, minute=minute) for minute in minutes])
    assert everything(house) == before


def test_rollups_are_rebuilt_from_files(house: Device) -> None:
    before = list(PortMinute.objects.order_by("port", "start").values())
    archive(compacts=True)
    PortMinute.objects.filter(start__gte=T0, start__lt=T0 + HOUR_MS).update(positive_energy=7, covered_ms=7)
    rollups.rebuild([house], 0, NOW, pause=no_pause)
    assert list(PortMinute.objects.order_by("port", "start").values()) == before
    assert not mismatches(house)


def test_a_late_reading_joins_those_in_files(house: Device) -> None:
    """It comes into the gap, and again as a copy of one that is in a file already."""
    archive()
    late = bulk.Answer(T0 + 3 * HOUR_MS + 15 * MINUTE_MS, 10 * SECOND_MS, (36_000, 0))
    ports = list(house.ports.all())
    before = history.energy(ports, T0, END, "total", now_ms=NOW)
    bulk.store(house, [late, answers()[5]])
    for _ in range(2):
        after = history.energy(ports, T0, END, "total", now_ms=NOW)
        assert after[0].export_energy - before[0].export_energy == 36_000 * 10_000
        assert [row.covered_ms for row in after] == [row.covered_ms + 10_000 for row in before]
        bulk.roll_up(NOW)
    files = ArchiveFile.objects.count()
    assert archive_due(NOW, turn=TURN).rows == 6
    assert ArchiveFile.objects.count() == files
    assert history.energy(ports, T0, END, "total", now_ms=NOW) == after
    assert not mismatches(house)


def test_bad_spans_are_left_out_of_files_and_lifted_again(house: Device) -> None:
    before = everything(house)
    port = house.ports.all()[0]
    covered_ms = history.energy([port], T0, END, "total", now_ms=NOW)[0].covered_ms
    archive()
    span = bad_spans.mark(port, T0 + 10 * MINUTE_MS, T0 + 50 * MINUTE_MS, reason="clamp open", who=None)
    for _ in range(2):  # at once, and once it is rolled up
        total = history.energy([port], T0, END, "total", now_ms=NOW)[0]
        assert total.covered_ms == covered_ms - 40 * MINUTE_MS
        bulk.roll_up(NOW)
    bad_spans.lift(span, who=None)
    bulk.roll_up(NOW)
    assert everything(house) == before


def test_a_missing_file_is_said_and_never_passed_over(house: Device, root: Path) -> None:
    archive()
    for file in root.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(FileMissing):
        lines_of(house, ACTIVE_POWER, "second", T0, END)
    client = logged_in(make_user("anna", sees=[house]))
    asked: dict[str, str | int] = {"device": house.pk, "start": format_time(T0), "resolution": "second"}
    answer = client.get("/api/v1/series/", asked | {"end": format_time(T0 + HOUR_MS)})
    assert (answer.status_code, "cannot be read" in answer.json()["detail"]) == (503, True)
    # Whole minutes need no file.
    assert history.energy(list(house.ports.all()), T0, END, "total", now_ms=NOW)[0].covered_ms


def test_what_waits_for_a_missing_file_keeps_nobody_else_waiting(house: Device, root: Path) -> None:
    other = make_device("ASY0398_V003.300_SN00001802", ports=["Grid", "Solar"])
    archive()
    for file in root.rglob("*.parquet"):
        file.rename(file.with_suffix(".away"))
    bulk.store(other, bulk.steady(T0, T0 + MINUTE_MS, 10 * SECOND_MS, 5, 5))
    DirtyBucket.objects.create(device=house, minute=T0 + MINUTE_MS)
    rolled = rollups.roll_up_closed(NOW, pause=no_pause)
    assert "is missing" in rolled.unreadable
    assert list(DirtyBucket.objects.values_list("device_id", "minute")) == [(house.pk, T0 + MINUTE_MS)]
    with pytest.raises(CommandError, match=r"is missing.*waits"):
        call_command("rebuild_rollups")
    assert mismatches(house) == []  # left out, as it cannot be compared
    for file in root.rglob("*.away"):
        file.rename(file.with_suffix(".parquet"))
    assert rollups.roll_up_closed(NOW, pause=no_pause).unreadable == ""
    assert not DirtyBucket.objects.exists()


def test_what_is_missing_is_the_same_where_the_first_minutes_are_bad(house: Device) -> None:
    port = house.ports.all()[0]
    bad_spans.mark(port, T0, T0 + 30 * MINUTE_MS, reason="clamp open", who=None)
    bulk.roll_up(NOW)
    before = history.energy([port], T0 - HOUR_MS, END, "total", now_ms=NOW)
    archive()
    assert history.energy([port], T0 - HOUR_MS, END, "total", now_ms=NOW) == before


def test_a_first_window_over_a_minutes_edge_is_rebuilt_from_its_file(house: Device) -> None:
    """It reaches back before the first reading's own minute."""
    first = bulk.Answer(T0 - 30 * MINUTE_MS + 2_000, 5 * SECOND_MS, (100, 100))
    bulk.store(house, [first])
    bulk.roll_up(NOW)
    before = list(PortMinute.objects.order_by("port", "start").values())
    archive()
    rollups.rebuild([house], 0, NOW, pause=no_pause)
    assert list(PortMinute.objects.order_by("port", "start").values()) == before


def test_after_the_clock_was_set_back_what_is_in_files_is_not_measured_again(house: Device) -> None:
    archive()
    back_ms = T0 + 30 * MINUTE_MS
    timeline = stored_timeline(house.pk, back_ms, 1_000)
    assert [timeline.add(back_ms + n * 1_000, n * 1_000) for n in range(1, 10)] == [0] * 9


def test_the_newest_readings_never_open_a_file(house: Device, root: Path) -> None:
    archive()
    for file in root.rglob("*.parquet"):
        file.unlink()
    assert lines_of(house, ACTIVE_POWER, "second", NOW - HOUR_MS, NOW)
    assert DeviceReading.objects.count() == 1
