"""Minutes out of readings, against plain arithmetic on the same readings."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readings.bad_minutes import bad_of
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines, ReadingRow, scaled_sum
from readings.store.minutes import minute_rows
from tests.readings.store.reference import Window, as_bucket, minutes_of

T0 = parse_time("2026-05-04T10:00:00Z")

spans_ms = st.one_of(
    st.just(0), st.integers(1, 3_000), st.sampled_from([1_000, MINUTE_MS, HOUR_MS]), st.integers(1, 4 * HOUR_MS)
)


@st.composite
def windows(draw: st.DrawFn, lines: Lines) -> list[Window]:
    """Windows of one line that do not overlap, with times that increase."""
    value = st.none() | st.integers(-300_000, 300_000)
    steps = draw(st.lists(st.tuples(spans_ms, spans_ms), max_size=12))
    times = accumulate((max(1, gap + window) for gap, window in steps), initial=T0 + draw(st.integers(0, 90_000)))
    made = []
    for time, (_gap, window_ms) in zip(list(times)[1:], steps, strict=True):
        values = {quantity.name: draw(value) for quantity in lines.quantities}
        measured = values.get("active_power", 0) is not None  # else ingest stores window 0
        made.append(Window(time, window_ms if measured else 0, draw(st.booleans()), values))
    return made


def as_row(lines: Lines, line: int, window: Window) -> ReadingRow:
    values = (window.values[quantity.name] for quantity in lines.quantities)
    return (line, window.time, window.window_ms, int(window.recovered), *values)


@pytest.mark.parametrize("lines", [PORT_LINES, DEVICE_LINES])
@given(data=st.data())
def test_minutes_are_what_plain_arithmetic_makes_of_the_readings(lines: Lines, data: st.DataObject) -> None:
    of_line = {line: data.draw(windows(lines)) for line in (3, 8)}
    start = T0 + MINUTE_MS * data.draw(st.integers(0, 5))
    end = start + MINUTE_MS * data.draw(st.integers(1, 90))
    rows = [as_row(lines, line, window) for line, made in of_line.items() for window in made]
    found = minute_rows(lines, data.draw(st.permutations(rows)), start, end)
    expected = {
        (line, minute): bucket
        for line, made in of_line.items()
        for minute, bucket in minutes_of(lines.quantities, made, start, end).items()
    }
    assert {(row[0], row[1]): as_bucket(lines, row) for row in found} == expected


@given(data=st.data())
def test_bad_minutes_of_a_line_are_left_out_and_all_others_are_as_they_were(data: st.DataObject) -> None:
    rows = [as_row(PORT_LINES, line, window) for line in (3, 8) for window in data.draw(windows(PORT_LINES))]
    end = T0 + 90 * MINUTE_MS
    minutes = st.tuples(st.integers(-10, 90), st.integers(1, 60))
    spans = [
        (data.draw(st.sampled_from([3, 8, 9])), T0 + first * MINUTE_MS, T0 + (first + length) * MINUTE_MS)
        for first, length in data.draw(st.lists(minutes, max_size=4))
    ]
    expected = [
        row
        for row in minute_rows(PORT_LINES, rows, T0, end)
        if not any(line == row[0] and start <= (row[1] or 0) < until for line, start, until in spans)
    ]
    assert minute_rows(PORT_LINES, rows, T0, end, bad_of(spans)) == expected


def test_no_readings_make_no_minutes() -> None:
    assert minute_rows(PORT_LINES, [], T0, T0 + HOUR_MS) == []


def test_readings_elsewhere_make_no_minutes() -> None:
    row: ReadingRow = (1, T0, 1_000, 0, 1, 1, 1, 1, 1, 1)
    assert minute_rows(PORT_LINES, [row], T0, T0 + HOUR_MS) == []


@pytest.mark.parametrize(
    ("known_sum", "known_ms", "all_ms", "scaled"),
    [
        (7, 60_000, 60_000, 7),
        (7, 30_000, 60_000, 14),
        (5, 2, 3, 8),  # 7.5
        (-5, 2, 3, -7),  # -7.5
        (0, 0, 0, 0),
        (0, 0, 60_000, None),
        (3 * 10**14, 86_399_999, 86_400_000, 300_000_003_472_222),
    ],
)
def test_a_sum_is_scaled_to_the_whole_time(known_sum: int, known_ms: int, all_ms: int, scaled: int | None) -> None:
    assert scaled_sum(known_sum, known_ms, all_ms) == scaled
