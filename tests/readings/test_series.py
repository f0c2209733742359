"""Series: as fine as asked for, gaps shown, spikes kept, never refused."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from devices.models import Device, Port
from readings import history
from readings.history import Line, Resolution, Series
from readings.models import DirtyBucket, PortHour, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, day_edges, parse_time
from readings.quantities import (
    ACTIVE_POWER,
    APPARENT_POWER,
    CURRENT_PEAK,
    POWER_FACTOR,
    QUANTITIES,
    REACTIVE_POWER,
    VOLTAGE,
    Quantity,
)
from tests.factories import make_device
from tests.readings.bulk import DAY_MS, Answer, amounts, roll_up, steady, store

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOON = parse_time("2026-03-10T12:00:00+00:00")
LONG_AFTER = NOON + 800 * DAY_MS
Asked = Resolution | Literal["auto"]
RESOLUTIONS: tuple[Resolution, ...] = ("second", "minute", "hour", "day")
ALL_ASKED: tuple[Asked, ...] = ("auto", *RESOLUTIONS)


def ask(
    lines: Device | Sequence[Port],
    start_ms: int,
    end_ms: int,
    resolution: Asked = "auto",
    *,
    quantity: Quantity = ACTIVE_POWER,
    max_points: int = 2000,
) -> Series:
    ports = list(lines.ports.order_by("number")) if isinstance(lines, Device) else lines
    return history.series(
        ports, quantity, start_ms, end_ms, now_ms=LONG_AFTER, resolution=resolution, max_points=max_points
    )


def shown(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def offsets(line: Line, since_ms: int = NOON) -> list[int]:
    return [int(time) - since_ms for time in line.times]


def equal(one: Series, other: Series) -> bool:
    return all(
        np.array_equal(mine.times, theirs.times)
        and np.array_equal(mine.recovered, theirs.recovered)
        and all(
            np.allclose(getattr(mine, name), getattr(theirs, name), rtol=0, atol=1e-9, equal_nan=True)
            for name in ("values", "minimum", "maximum")
        )
        for mine, theirs in zip(one.lines, other.lines, strict=True)
    )


# --- Readings as they came ---------------------------------------------------------------------------------------
def test_seconds_are_the_readings_as_they_came() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + 1003, 1000, (-12345,)), Answer(NOON + 2001, 998, (7,))])
    found = ask(device, NOON, NOON + MINUTE_MS, "second")
    (line,) = found.lines
    assert (found.resolution, found.step_ms, found.unit) == ("second", None, "W")
    assert offsets(line) == [1003, 2001]
    assert shown(line.values) == shown(line.minimum) == shown(line.maximum) == [-1234.5, 0.7]


def test_a_span_holds_its_start_and_not_its_end() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON - 5000, NOON + 5000, 1000, 1))
    assert offsets(ask(device, NOON, NOON + 3000, "second").lines[0]) == [0, 1000, 2000]


def test_a_gap_is_one_null_between_windows_that_do_not_touch() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(NOON, NOON + 3000, 1000, 10),
        Answer(NOON + 9000, 1000, (20,)),
        Answer(NOON + 10_500, 1500, (30,)),
    ])  # fmt: skip
    (line,) = ask(device, NOON, NOON + MINUTE_MS, "second").lines
    assert shown(line.values) == [1.0, 1.0, 1.0, None, 2.0, 3.0]
    assert offsets(line) == [1000, 2000, 3000, 6000, 9000, 10_500]


def test_a_long_window_that_touches_is_no_gap() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 1000, (10,)), Answer(NOON + HOUR_MS, HOUR_MS, (20,), recovered=True)])
    assert shown(ask(device, NOON, NOON + 2 * HOUR_MS, "second").lines[0].values) == [1.0, 2.0]


@pytest.mark.parametrize(("silence_ms", "gap"), [(9000, False), (10_000, False), (10_001, True)])
def test_an_unknown_window_follows_a_gap_after_ten_seconds(silence_ms: int, gap: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 1000, (10,)), Answer(NOON + silence_ms, 0, (20,))])
    (line,) = ask(device, NOON, NOON + MINUTE_MS, "second").lines
    assert shown(line.values) == ([1.0, None, 2.0] if gap else [1.0, 2.0])


def test_an_unknown_window_follows_a_gap_after_five_periods(settings: Settings) -> None:
    settings.CT6_PERIOD = 60.0
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 1000, (10,)), Answer(NOON + 200_000, 0, (20,)), Answer(NOON + 600_000, 0, (30,))])
    (line,) = ask(device, NOON, NOON + HOUR_MS, "second").lines
    assert shown(line.values) == [1.0, 2.0, None, 3.0]


def test_values_that_the_unit_did_not_send_are_a_gap_of_one_null() -> None:
    device = make_device(ports=["Grid", "Unknown"])
    powers = [(1, None), (2, None), (None, None), (5, None), (None, None), (None, None), (8, None)]
    store(device, [Answer(NOON + 1000 * index, 1000, pair) for index, pair in enumerate(powers)])
    grid, unknown = ask(device, NOON, NOON + MINUTE_MS, "second").lines
    assert shown(grid.values) == [0.1, 0.2, None, 0.5, None, 0.8]
    assert shown(unknown.values) == []


# --- Buckets -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_minutes_have_weighted_mean_and_extremes_and_one_null_where_some_are_missing(rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        Answer(NOON + 45_000, 45_000, (100,)),
        Answer(NOON + 60_000, 15_000, (300,)),
        Answer(NOON + 120_000, 60_000, (-50,)),
        Answer(NOON + 540_000, 30_000, (70,)),
    ])  # fmt: skip
    if rolled_up:
        roll_up(LONG_AFTER)
    found = ask(device, NOON, NOON + HOUR_MS, "minute")
    (line,) = found.lines
    assert (found.resolution, found.step_ms) == ("minute", MINUTE_MS)
    assert [offset // MINUTE_MS for offset in offsets(line)] == [0, 1, 2, 8]
    assert shown(line.values) == [15.0, -5.0, None, 7.0]
    assert shown(line.minimum) == [10.0, -5.0, None, 7.0]
    assert shown(line.maximum) == [30.0, -5.0, None, 7.0]


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_a_minute_inside_a_long_window_has_its_mean_as_extremes(rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + 5 * MINUTE_MS, 5 * MINUTE_MS, (100,), recovered=True)])
    if rolled_up:
        roll_up(LONG_AFTER)
    (line,) = ask(device, NOON, NOON + HOUR_MS, "minute").lines
    assert shown(line.values) == shown(line.minimum) == shown(line.maximum) == [10.0] * 5


def test_readings_without_a_window_have_no_mean_by_minute() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + 1000, 0, (100,)), *steady(NOON + 10 * MINUTE_MS, NOON + 11 * MINUTE_MS, 1000, 20)])
    for _ in range(2):
        (line,) = ask(device, NOON, NOON + HOUR_MS, "minute").lines
        assert shown(line.values) == [2.0]
        roll_up(LONG_AFTER)


def test_a_bucket_that_the_span_touches_is_shown_whole() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 10 * MINUTE_MS, 30_000, 10))
    (line,) = ask(device, NOON + 90_000, NOON + 180_001, "minute").lines
    assert [offset // MINUTE_MS for offset in offsets(line)] == [1, 2, 3]


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_dirty_and_open_minutes_show_what_their_rollups_will_say(name: str) -> None:
    device = make_device(ports=["Grid", "Solar"], timezone="Asia/Kathmandu")
    answers = [
        Answer(NOON + index * 131_000, 131_000, (index * 77 % 5000 - 2000, None if index % 5 else index), index % 7 < 3)
        for index in range(1, 900)
    ]
    late = answers[60:70] + answers[480:483]
    store(device, [answer for answer in answers if answer not in late])
    roll_up(NOON + 30 * HOUR_MS)
    store(device, late)
    quantity = QUANTITIES[name]
    lines: Sequence[Port] | Sequence[Device] = list(device.ports.all()) if quantity.of == "port" else [device]

    def by_resolution() -> list[Series]:
        start, end = NOON - HOUR_MS, NOON + 34 * HOUR_MS
        return [
            history.series(lines, quantity, start, end, now_ms=LONG_AFTER, resolution=resolution, max_points=5000)
            for resolution in RESOLUTIONS[1:]
        ]

    before = by_resolution()
    roll_up(LONG_AFTER)
    assert not DirtyBucket.objects.exists()
    after = by_resolution()
    assert min(sum(len(line.times) for line in found.lines) for found in after) > 1
    assert any(line.recovered.any() for line in after[0].lines)
    assert list(map(equal, before, after)) == [True] * 3


def test_hours_and_days_have_the_mean_of_their_energy() -> None:
    device = make_device(ports=["Grid"], timezone="Europe/London")
    midnight = parse_time("2026-03-28T00:00:00+00:00")
    answers = [Answer(midnight + index * 90_000, 90_000, (index * 997 % 7000 - 3000,)) for index in range(1, 2880)]
    store(device, answers)
    roll_up(LONG_AFTER)
    end = midnight + 71 * HOUR_MS
    hours, days = (ask(device, midnight, end, resolution).lines[0] for resolution in RESOLUTIONS[2:])
    edges = day_edges(midnight, end, "Europe/London")
    assert days.times.tolist() == edges
    assert [edge - edges[0] for edge in edges] == [0, 24 * HOUR_MS, 47 * HOUR_MS]
    for line, ends in ((hours, [start + HOUR_MS for start in hours.times.tolist()]), (days, [*edges[1:], end])):
        for start, end_ms, value in zip(line.times.tolist(), ends, line.values, strict=True):
            covered, _, positive, negative = amounts(answers, 0, start, end_ms)
            assert value == pytest.approx((positive - negative) / covered / 10)


# --- Recovered spans -------------------------------------------------------------------------------------------
def times_of(line: Line) -> list[tuple[float | None, float | None]]:
    """The covered and the recovered seconds of each point."""
    return list(zip(shown(line.covered_ms / 1000), shown(line.recovered_ms / 1000), strict=True))


def test_seconds_tell_which_of_them_are_recovered_and_gaps_are_not() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        Answer(NOON + 1000, 1000, (10,)),
        Answer(NOON + 9000, 8000, (20,), recovered=True),
        Answer(NOON + 30_000, 1000, (30,), recovered=True),
    ])  # fmt: skip
    (line,) = ask(device, NOON, NOON + MINUTE_MS, "second").lines
    assert shown(line.values) == [1.0, 2.0, None, 3.0]
    assert line.recovered.tolist() == [False, True, False, True]
    assert times_of(line) == [(1.0, 0.0), (0.0, 8.0), (None, None), (0.0, 1.0)]


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_a_bucket_is_recovered_when_more_of_it_was_recovered_than_measured(rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        Answer(NOON + 30_000, 30_000, (10,)),
        Answer(NOON + 60_000, 30_000, (10,), recovered=True),
        Answer(NOON + 89_000, 29_000, (10,)),
        Answer(NOON + 120_000, 31_000, (10,), recovered=True),
        Answer(NOON + 240_000, 60_000, (10,)),
    ])  # fmt: skip
    if rolled_up:
        roll_up(LONG_AFTER)
    (line,) = ask(device, NOON, NOON + HOUR_MS, "minute").lines
    assert shown(line.values) == [1.0, 1.0, None, 1.0]
    assert line.recovered.tolist() == [False, True, False, False]
    assert times_of(line) == [(30.0, 30.0), (29.0, 31.0), (None, None), (60.0, 0.0)]
    (hour,) = ask(device, NOON, NOON + HOUR_MS, "hour").lines
    assert hour.recovered.tolist() == [False]
    assert times_of(hour) == [(119.0, 61.0)]


def test_a_thinned_slice_is_recovered_by_its_time_and_not_by_its_readings() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(NOON, NOON + 100_000, 1000, 10),
        Answer(NOON + 400_000, 300_000, (10,), recovered=True),
        *steady(NOON + 400_000, NOON + 600_000, 1000, 10),
    ])  # fmt: skip
    (line,) = ask(device, NOON, NOON + HOUR_MS, "second", max_points=2).lines
    assert line.recovered.tolist() == [False, True]
    assert times_of(line) == [(100.0, 0.0), (200.0, 300.0)]
    (line,) = ask(device, NOON, NOON + HOUR_MS, "minute", max_points=1).lines
    assert line.recovered.tolist() == [False]


# --- Directions and devices --------------------------------------------------------------------------------------
@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("quantity", [ACTIVE_POWER, REACTIVE_POWER, POWER_FACTOR, APPARENT_POWER, CURRENT_PEAK])
def test_a_reversed_port_is_negated_and_its_extremes_swapped(quantity: Quantity, resolution: Asked) -> None:
    device = make_device(ports=["Solar"])
    store(device, [*steady(NOON, NOON + 30_000, 1000, 500), *steady(NOON + 30_000, NOON + 60_000, 1000, -200)])
    roll_up(LONG_AFTER)
    (straight,) = ask(device, NOON, NOON + MINUTE_MS, resolution, quantity=quantity).lines
    device.ports.update(reversed=True)
    (turned,) = ask(device, NOON, NOON + MINUTE_MS, resolution, quantity=quantity).lines
    sign = -1 if quantity.flips else 1
    assert shown(turned.values) == shown(sign * straight.values)
    lowest, highest = (straight.maximum, straight.minimum) if quantity.flips else (straight.minimum, straight.maximum)
    assert shown(turned.minimum) == shown(sign * lowest)
    assert shown(turned.maximum) == shown(sign * highest)
    assert (turned.minimum <= turned.maximum).all()


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_what_a_device_measures_is_asked_for_by_device(resolution: Asked) -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + MINUTE_MS, 20_000, 1))
    roll_up(LONG_AFTER)
    found = history.series([device], VOLTAGE, NOON, NOON + HOUR_MS, now_ms=LONG_AFTER, resolution=resolution)
    assert found.unit == "V"
    assert (found.lines[0].device_id, found.lines[0].port_id) == (device.pk, None)
    assert set(found.lines[0].values.tolist()) == {230.0}


def test_the_voltage_of_a_port_is_refused_in_words() -> None:
    device = make_device(ports=["Grid"])
    with pytest.raises(ValueError, match="voltage is measured per device: ask for devices"):
        ask(device, NOON, NOON + HOUR_MS, quantity=VOLTAGE)


def test_every_line_asked_for_is_there_in_the_order_asked_for() -> None:
    london = make_device(ports=["a", "b"], timezone="Europe/London")
    kathmandu = make_device("ASY0398_V003.300_SN00001802", ports=["c"], timezone="Asia/Kathmandu")
    store(london, steady(NOON, NOON + HOUR_MS, 60_000, 10, None))
    store(kathmandu, steady(NOON, NOON + HOUR_MS, 60_000, 30))
    roll_up(LONG_AFTER)
    a, b = london.ports.order_by("number")
    c = kathmandu.ports.get()
    found = ask([c, b, a], NOON - DAY_MS, NOON + DAY_MS, "day")
    assert [line.port_id for line in found.lines] == [c.pk, b.pk, a.pk]
    assert [shown(line.values) for line in found.lines] == [[3.0], [], [1.0]]
    assert [line.times.tolist() for line in found.lines] == [
        [parse_time("2026-03-10T00:00:00+05:45")], [], [parse_time("2026-03-10T00:00:00+00:00")],
    ]  # fmt: skip


# --- Which resolution --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("length_ms", "max_points", "resolution"),
    [
        (30 * MINUTE_MS, 2000, "second"),
        (DAY_MS, 2000, "minute"),
        (7 * DAY_MS, 2000, "minute"),
        (80 * DAY_MS, 2000, "hour"),
        (365 * DAY_MS, 2000, "day"),
        (DAY_MS, 24, "hour"),
        (DAY_MS, 1, "day"),
    ],
)
def test_auto_reads_the_level_of_its_rule(length_ms: int, max_points: int, resolution: Asked) -> None:
    device = make_device(ports=["Grid"])
    store(device, [*steady(NOON, NOON + MINUTE_MS, 1000, 1), Answer(NOON + length_ms - 1, 1000, (1,))])
    roll_up(LONG_AFTER)
    found = ask(device, NOON, NOON + length_ms, "auto", max_points=max_points)
    assert found.resolution == resolution
    assert len(found.lines[0].times) > 0


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize(
    ("known_ms", "asked", "read"),
    [
        (20 * MINUTE_MS, "auto", "minute"),
        (20 * MINUTE_MS, "second", "minute"),
        (20 * MINUTE_MS, "day", "day"),
        (3 * DAY_MS, "auto", "minute"),
        (3 * DAY_MS, "second", "minute"),
        (3 * DAY_MS, "hour", "hour"),
        (60 * DAY_MS, "auto", "hour"),
    ],
)
@pytest.mark.parametrize("quantity", [ACTIVE_POWER, VOLTAGE])
def test_the_level_goes_by_the_part_of_the_span_that_was_measured(
    quantity: Quantity, known_ms: int, asked: Asked, read: Resolution, rolled_up: bool
) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 1000, (1,)), Answer(NOON + known_ms, 1000, (1,))])
    if rolled_up:
        roll_up(LONG_AFTER)
    lines: Sequence[Port] | Sequence[Device] = list(device.ports.all()) if quantity.of == "port" else [device]
    start, end = NOON - 200 * DAY_MS, NOON + 165 * DAY_MS
    assert history.series(lines, quantity, start, end, now_ms=LONG_AFTER, resolution=asked).resolution == read


@pytest.mark.parametrize(("known_ms", "read"), [(30 * MINUTE_MS, "second"), (6 * HOUR_MS, "minute")])
def test_the_first_minutes_of_a_day_are_shown_by_the_second(known_ms: int, read: Resolution) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + 1000, 1000, (1,)), Answer(NOON + known_ms, 1000, (1,))])
    assert ask(device, NOON, NOON + DAY_MS).resolution == read


def test_auto_shows_minutes_where_the_readings_are_gone() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 10 * MINUTE_MS, 1000, 10))
    roll_up(LONG_AFTER)
    PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LONG_AFTER).delete()
    found = ask(device, NOON, NOON + 10 * MINUTE_MS)
    assert found.resolution == "minute"
    assert shown(found.lines[0].values) == [1.0] * 10
    assert ask(device, NOON + DAY_MS, NOON + DAY_MS + MINUTE_MS).resolution == "second"


def test_a_span_whose_readings_are_gone_is_answered_from_rollups_however_short_what_was_measured() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 20 * MINUTE_MS, 1000, 10))
    roll_up(LONG_AFTER)
    PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LONG_AFTER).delete()
    for asked in ("auto", "second"):
        found = ask(device, NOON - 200 * DAY_MS, NOON + 165 * DAY_MS, asked)
        assert found.resolution == "minute"
        assert shown(found.lines[0].values) == [1.0] * 20


def test_too_many_rows_give_way_to_a_coarser_level() -> None:
    device = make_device(ports=["a", "b"])
    ends = [Answer(NOON + days * DAY_MS - 1, 1000, (10, 20)) for days in (30, 365)]
    store(device, [*steady(NOON, NOON + 5 * HOUR_MS, 10_000, 10, 20), *ends])
    roll_up(LONG_AFTER)
    questions: list[tuple[Asked, int, Resolution]] = [
        ("second", 2 * HOUR_MS, "second"),
        ("second", 5 * HOUR_MS, "minute"),
        ("second", 30 * DAY_MS, "hour"),
        ("second", 365 * DAY_MS, "day"),
        ("minute", 365 * DAY_MS, "day"),
        ("hour", 365 * DAY_MS, "hour"),
    ]
    for asked, length_ms, used in questions:
        found = history.series(
            list(device.ports.all()), ACTIVE_POWER, NOON, NOON + length_ms, now_ms=LONG_AFTER, resolution=asked
        )
        assert found.resolution == used
        assert [np.nanmean(line.values) for line in found.lines] == pytest.approx([1.0, 2.0])


def test_future_and_empty_spans_have_lines_without_points() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + MINUTE_MS, 1000, 1))
    for resolution in ALL_ASKED:
        for start, end in ((NOON + DAY_MS, NOON + 2 * DAY_MS), (NOON, NOON)):
            (line,) = ask(device, start, end, resolution).lines
            assert len(line.times) == len(line.values) == len(line.minimum) == len(line.maximum) == 0
    assert ask([], NOON, NOON + 1).lines == []


# --- Thinning ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("max_points", [1, 7, 100, 999])
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_no_line_ever_has_more_points_than_asked_for(resolution: Asked, max_points: int) -> None:
    device = make_device(ports=["a", "b"])
    store(device, [
        *steady(NOON, NOON + 20 * MINUTE_MS, 1000, 10, 20),
        *steady(NOON + HOUR_MS, NOON + 40 * HOUR_MS, 300_000, 10, None),
    ])  # fmt: skip
    length_ms = 2 * HOUR_MS if resolution == "second" else 5 * DAY_MS
    found = ask(device, NOON - HOUR_MS, NOON - HOUR_MS + length_ms, resolution, max_points=max_points)
    assert found.resolution == resolution
    for line, value in zip(found.lines, (1.0, 2.0), strict=True):
        assert 0 < len(line.times) <= max_points
        assert (np.diff(line.times) > 0).all()
        assert set(line.values[~np.isnan(line.values)].tolist()) == {value}


@pytest.mark.parametrize("resolution", ["second", "minute"])
def test_a_spike_of_one_second_is_in_the_extremes_of_its_slice(resolution: Asked) -> None:
    device = make_device(ports=["Grid"])
    answers = steady(NOON, NOON + HOUR_MS, 1000, 10)
    answers[1234] = Answer(answers[1234].time, 1000, (99_999,))
    answers[2345] = Answer(answers[2345].time, 1000, (-77_777,))
    store(device, answers)
    roll_up(LONG_AFTER)
    found = ask(device, NOON, NOON + HOUR_MS, resolution, max_points=12)
    (line,) = found.lines
    assert found.step_ms == 300_000
    assert len(line.times) <= 12
    assert (line.maximum.max(), line.minimum.min()) == (9999.9, -7777.7)
    energy = sum(answer.powers[0] or 0 for answer in answers)
    assert line.values.mean() == pytest.approx(energy / 10 / len(answers), rel=1e-3)


@pytest.mark.parametrize(
    ("length_ms", "asked", "read", "step_ms"),
    [
        (DAY_MS, "second", "minute", MINUTE_MS),
        (7 * DAY_MS, "auto", "minute", 6 * MINUTE_MS),
        (7 * DAY_MS, "minute", "minute", 6 * MINUTE_MS),
        (30 * DAY_MS, "second", "hour", HOUR_MS),
        (30 * DAY_MS, "auto", "hour", HOUR_MS),
        (365 * DAY_MS, "second", "day", DAY_MS),
        (365 * DAY_MS, "auto", "day", DAY_MS),
        (1826 * DAY_MS, "second", "day", DAY_MS),
        (1826 * DAY_MS, "auto", "day", DAY_MS),
    ],
)
def test_a_spike_of_one_second_is_seen_in_any_span(
    length_ms: int, asked: Asked, read: Resolution, step_ms: int
) -> None:
    device = make_device()
    answers = steady(NOON, NOON + HOUR_MS, 60_000, *(10,) * 6)
    answers.insert(31, Answer(answers[30].time + 1000, 1000, (99_999,) * 6))
    answers[32] = Answer(answers[32].time, 59_000, (10,) * 6)
    half_ms = length_ms // 2
    edges = [Answer(at, MINUTE_MS, (10,) * 6) for at in (NOON - half_ms + HOUR_MS, NOON + half_ms - HOUR_MS)]
    store(device, [edges[0], *answers, edges[1]])
    roll_up(LONG_AFTER)
    start = NOON - length_ms // 2
    found = ask(device, start, start + length_ms, asked)
    assert found.resolution == read
    assert found.step_ms is not None
    assert found.step_ms <= step_ms
    assert [line.maximum[np.isfinite(line.maximum)].max() for line in found.lines] == [9999.9] * 6
    assert all(np.nanmax(line.values) < 9999.9 for line in found.lines)


def test_slow_readings_are_no_gaps_when_thinned() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(NOON, NOON + HOUR_MS, 60_000, 10),
        *steady(NOON + HOUR_MS, NOON + 2 * HOUR_MS, 1000, 10),
        *steady(NOON + 3 * HOUR_MS, NOON + 4 * HOUR_MS, 60_000, 10),
    ])  # fmt: skip
    found = ask(device, NOON, NOON + 5 * HOUR_MS, "second", max_points=1000)
    (line,) = found.lines
    assert found.step_ms is not None
    assert found.step_ms < 60_000
    assert int(np.isnan(line.values).sum()) == 1
    assert 2 * HOUR_MS <= line.times[np.isnan(line.values)][0] - NOON <= 3 * HOUR_MS


def test_thinned_minutes_name_their_step_and_keep_gaps() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(NOON, NOON + 2 * HOUR_MS, 60_000, 10),
        *steady(NOON + 4 * HOUR_MS, NOON + 6 * HOUR_MS, 60_000, 30),
    ])  # fmt: skip
    found = ask(device, NOON, NOON + 6 * HOUR_MS, "minute", max_points=36)
    (line,) = found.lines
    assert found.step_ms == 10 * MINUTE_MS
    assert shown(line.values) == [1.0] * 12 + [None] + [3.0] * 12
    assert offsets(line)[12:14] == [2 * HOUR_MS, 4 * HOUR_MS]


# --- How it is read ----------------------------------------------------------------------------------------------
def test_six_ports_take_a_bounded_number_of_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    device = make_device()
    answers = steady(NOON, NOON + 10 * HOUR_MS, 60_000, *(10,) * 6)
    store(device, answers[:-50])
    roll_up(LONG_AFTER)
    store(device, answers[-50::7])
    ports = list(device.ports.all())
    for resolution in ALL_ASKED:
        with django_assert_max_num_queries(6):
            ask(ports, NOON, NOON + 10 * HOUR_MS, resolution)


def test_a_backlog_too_large_to_read_shows_its_newest_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readings.history.buckets.UNROLLED_AT_MOST", 100)
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 10 * MINUTE_MS, 1000, 10))
    (line,) = ask(device, NOON, NOON + 10 * MINUTE_MS, "minute").lines
    assert 0 < len(line.times) < 10
    assert offsets(line)[-1] == 9 * MINUTE_MS
    roll_up(LONG_AFTER)
    assert len(ask(device, NOON, NOON + 10 * MINUTE_MS, "minute").lines[0].times) == 10
    assert PortHour.objects.exists()
