"""After a change of time zone energies and days are right at every moment, and get rebuilt whatever is stopped."""

import pytest

from devices.models import Device, Port
from readings import history, tasks
from readings.history import EnergyBucket
from readings.models import DayZone, DirtyBucket, PortDay
from readings.periods import HOUR_MS, buckets, day_start, next_day_start, parse_time
from readings.quantities import ACTIVE_POWER
from readings.store import rollups
from readings.store.recompute import recompute_stale_days
from readings.store.rollups import rebuild_days, rebuild_stale_days, roll_up_closed
from tests.factories import make_device
from tests.readings.bulk import Answer, amounts, store

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

START, END = parse_time("2026-05-01T00:00:00Z"), parse_time("2026-05-04T00:00:00Z")
LATER = parse_time("2030-01-01T00:00:00Z")
WINDOW_MS = 15 * 60_000
ANSWERS = [
    Answer(time, WINDOW_MS, (time // WINDOW_MS * 7 % 3001 - 1500,))
    for time in range(START + WINDOW_MS, END + 1, WINDOW_MS)
]
# East and west of UTC, and off the hour.
ZONES = ("Pacific/Auckland", "America/New_York", "Asia/Kathmandu")


def no_pause(_seconds: float) -> None:
    pass


class Stopped(Exception):
    pass


def stop(_seconds: float) -> None:
    raise Stopped


@pytest.fixture
def device() -> Device:
    device = make_device(ports=["Grid"], timezone="UTC")
    store(device, ANSWERS)
    roll_up_closed(LATER, pause=no_pause)
    return device


def move(device: Device, zone: str) -> None:
    Device.objects.filter(pk=device.pk).update(timezone=zone)
    device.refresh_from_db()


def assert_energies_are_right(device: Device) -> None:
    port = Port.objects.get(device=device)
    spans: list[tuple[EnergyBucket, int, int]] = [
        ("total", START, END),
        ("total", START + 5 * HOUR_MS, END - 7 * HOUR_MS),
        ("day", START, END),
        ("month", START, END),
        ("hour", START, END),
    ]
    for bucket, start, end in spans:
        rows = history.energy([port], start, end, bucket, now_ms=LATER)
        found = [(row.covered_ms, row.recovered_ms, row.export_energy, row.import_energy) for row in rows]
        assert found == [amounts(ANSWERS, 0, *edges) for edges in buckets(start, end, bucket, device.timezone)]
    assert_days_are_right(device, port)


def assert_days_are_right(device: Device, port: Port) -> None:
    """Days are shown whole, also those that the span only touches."""
    span = (START + 5 * HOUR_MS, END - 7 * HOUR_MS)
    found = history.series([port], ACTIVE_POWER, *span, now_ms=LATER, resolution="day")
    (line,) = found.lines
    first, end = day_start(span[0], device.timezone), next_day_start(span[1] - 1, device.timezone)
    days = buckets(first, end, "day", device.timezone)
    assert (found.resolution, line.times.tolist()) == ("day", [start for start, _ in days])
    for number, day in enumerate(days):
        covered, recovered, positive, negative = amounts(ANSWERS, 0, *day)
        powers = [answer.powers[0] or 0 for answer in ANSWERS if day[0] < answer.time <= day[1]]
        assert (line.covered_ms[number], line.recovered_ms[number]) == (covered, recovered)
        assert line.values[number] == pytest.approx((positive - negative) / covered / 10)
        assert (line.minimum[number], line.maximum[number]) == (min(powers) / 10, max(powers) / 10)


def is_stale() -> bool:
    return DayZone.objects.stale().exists()


@pytest.mark.parametrize("zone", ZONES)
def test_energies_are_right_at_once_after_the_change(device: Device, zone: str) -> None:
    assert not is_stale()
    move(device, zone)
    assert is_stale()
    assert_energies_are_right(device)


@pytest.mark.parametrize("zone", ZONES)
def test_energies_are_right_right_after_the_rebuild_and_come_from_days(device: Device, zone: str) -> None:
    move(device, zone)
    rebuild_days(device, pause=no_pause)
    assert not is_stale()
    assert_energies_are_right(device)
    day = PortDay.objects.order_by("start")[1]
    PortDay.objects.filter(port_id=day.port_id, start=day.start).update(covered_ms=day.covered_ms + 1)
    (row,) = history.energy(list(device.ports.all()), START, END, "total", now_ms=LATER)
    assert row.covered_ms == END - START + 1


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("zone", ZONES)
def test_a_rebuild_that_was_interrupted_leaves_them_right_and_is_gone_on_with(
    device: Device, zone: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "DAYS_PER_STEP", 1)
    move(device, zone)
    rebuild_stale_days(limit_steps=steps, pause=no_pause)
    assert is_stale()
    assert_energies_are_right(device)
    tasks.roll_up()
    assert not is_stale()
    assert_energies_are_right(device)
    assert PortDay.objects.count() == 4


def test_a_worker_that_dies_in_a_rebuild_loses_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "DAYS_PER_STEP", 2)
    monkeypatch.setattr(rollups, "let_others_write", stop)
    move(device, "Asia/Kathmandu")
    with pytest.raises(Stopped):
        rebuild_days(device)
    assert is_stale()
    monkeypatch.undo()
    tasks.roll_up()
    assert not is_stale()
    assert_energies_are_right(device)


def test_a_roll_up_in_the_new_zone_before_the_rebuild_leaves_them_right(device: Device) -> None:
    move(device, "Pacific/Auckland")
    DirtyBucket.objects.create(device=device, minute=END - HOUR_MS)
    roll_up_closed(LATER, pause=no_pause)
    assert is_stale()
    assert_energies_are_right(device)
    rebuild_stale_days(pause=no_pause)
    assert_energies_are_right(device)


def test_there_and_back_again_leaves_them_right(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "DAYS_PER_STEP", 1)
    move(device, "Asia/Kathmandu")
    rebuild_stale_days(limit_steps=2, pause=no_pause)
    move(device, "UTC")
    assert is_stale()
    assert_energies_are_right(device)
    rebuild_stale_days(pause=no_pause)
    assert not is_stale()
    assert_energies_are_right(device)
    assert PortDay.objects.count() == 3


def test_more_buckets_than_one_statement_takes(device: Device) -> None:
    move(device, "Asia/Kathmandu")
    start, end = START - 200 * 24 * HOUR_MS, END + 200 * 24 * HOUR_MS
    rows = history.energy(list(device.ports.all()), start, end, "day", now_ms=LATER)
    assert [row.start_ms for row in rows] == [first for first, _ in buckets(start, end, "day", "Asia/Kathmandu")]
    assert sum(row.covered_ms for row in rows) == END - START
    found = history.series(list(device.ports.all()), ACTIVE_POWER, start, end, now_ms=LATER, resolution="day")
    assert found.lines[0].covered_ms.sum() == END - START


def test_a_device_that_was_never_rolled_up_has_nothing_to_rebuild() -> None:
    device = make_device()
    assert recompute_stale_days(device.pk, 30) is False
    assert recompute_stale_days(12345, 30) is False
    assert not is_stale()
