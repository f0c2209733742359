"""The peak day: complete local days only, and how many others were left out."""

import pytest

from devices.models import Device, Port
from readings import history
from readings.history import PeakDay, PeakOf
from readings.periods import HOUR_MS, MINUTE_MS, day_edges, parse_time
from tests.factories import make_device
from tests.readings.bulk import DAY_MS, Answer, roll_up, steady, store

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

START = parse_time("2026-03-02T00:00:00Z")
LONG_AFTER = START + 800 * DAY_MS


def grid_of(device: Device) -> Port:
    return device.ports.get(number=1)


def measured(days: list[int], *, first_ms: int = START, timezone: str = "UTC") -> Port:
    """A port that had one power (0.1 W, import below zero) on each of some days; the days are 24 hours each."""
    device = make_device(ports=["Grid"], timezone=timezone)
    for index, power in enumerate(days):
        start = first_ms + index * DAY_MS
        store(device, steady(start, start + DAY_MS, 10 * MINUTE_MS, power))
    roll_up(LONG_AFTER)
    return grid_of(device)


def peak(
    port: Port, end_ms: int, of: PeakOf = "import", *, start_ms: int = START, now_ms: int = LONG_AFTER
) -> PeakDay | None:
    return history.peak_day(port, start_ms, end_ms, now_ms=now_ms, of=of)


@pytest.mark.parametrize(("of", "day", "power"), [("import", 1, 300), ("export", 2, 500), ("net", 1, 300)])
def test_the_day_with_the_greatest_energy(of: PeakOf, day: int, power: int) -> None:
    port = measured([-100, -300, 500, -200])
    begin = START + day * DAY_MS
    assert peak(port, START + 4 * DAY_MS, of) == PeakDay(begin, begin + DAY_MS, power * DAY_MS, 4, 0)


def test_its_energy_in_kwh() -> None:
    found = peak(measured([-10_000]), START + DAY_MS)
    assert found is not None
    assert found.kwh == pytest.approx(24)


def test_a_reversed_port_peaks_the_other_way_round() -> None:
    port = measured([-100, -300, 500])
    Port.objects.update(reversed=True)
    port.refresh_from_db()
    found = peak(port, START + 3 * DAY_MS, "import")
    assert found is not None
    assert found.day_start_ms == START + 2 * DAY_MS


def test_the_net_peak_of_a_port_that_only_exports_is_its_least_export() -> None:
    found = peak(measured([700, 200, 900]), START + 3 * DAY_MS, "net")
    assert found is not None
    assert (found.day_start_ms, found.energy) == (START + DAY_MS, -200 * DAY_MS)


def test_the_first_of_equal_days() -> None:
    found = peak(measured([-100, -300, -300]), START + 3 * DAY_MS)
    assert found is not None
    assert found.day_start_ms == START + DAY_MS


def test_a_day_that_the_range_cuts_is_left_out() -> None:
    found = peak(measured([-900, -100, -800]), START + 3 * DAY_MS - 1, start_ms=START + 1)
    assert found is not None
    assert (found.day_start_ms, found.complete_days, found.left_out_days) == (START + DAY_MS, 1, 2)


def test_a_day_that_is_not_over_is_left_out_and_days_to_come_count_nowhere() -> None:
    found = peak(measured([-100, -900]), START + 30 * DAY_MS, now_ms=START + 2 * DAY_MS - 1)
    assert found is not None
    assert (found.day_start_ms, found.complete_days, found.left_out_days) == (START, 1, 1)


def test_days_before_the_first_reading_count_nowhere() -> None:
    found = peak(measured([-100]), START + DAY_MS, start_ms=START - 30 * DAY_MS)
    assert found is not None
    assert (found.complete_days, found.left_out_days) == (1, 0)


@pytest.mark.parametrize(("missing_ms", "complete"), [(14 * MINUTE_MS, 2), (15 * MINUTE_MS, 1)])
def test_a_day_is_complete_with_99_percent_of_its_length(missing_ms: int, complete: int) -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(START, START + 2 * DAY_MS - HOUR_MS, MINUTE_MS, -100),
        *steady(START + 2 * DAY_MS - HOUR_MS + missing_ms, START + 2 * DAY_MS, MINUTE_MS, -900),
    ])  # fmt: skip
    roll_up(LONG_AFTER)
    found = peak(grid_of(device), START + 2 * DAY_MS)
    assert found is not None
    assert (found.complete_days, found.left_out_days) == (complete, 2 - complete)


def test_recovered_time_is_measured_time() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(START + DAY_MS, DAY_MS, (-100,), recovered=True)])
    assert peak(grid_of(device), START + DAY_MS) == PeakDay(START, START + DAY_MS, 100 * DAY_MS, 1, 0)


def test_days_are_local_and_as_long_as_the_clocks_make_them() -> None:
    midnight = parse_time("2026-03-27T00:00:00Z")
    port = measured([-100] * 5, first_ms=midnight, timezone="Europe/London")
    edges = day_edges(midnight, midnight + 5 * DAY_MS, "Europe/London")
    found = peak(port, edges[3], start_ms=edges[2])
    assert found == PeakDay(edges[2], edges[3], 100 * 23 * HOUR_MS, 1, 0)


def test_what_is_not_rolled_up_yet_counts() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(START, START + DAY_MS, 10 * MINUTE_MS, -100))
    found = peak(grid_of(device), START + DAY_MS)
    assert found is not None
    assert found.energy == 100 * DAY_MS


def test_no_complete_day_has_no_peak() -> None:
    port = measured([-100])
    assert peak(port, START + HOUR_MS) is None
    assert peak(port, START) is None
