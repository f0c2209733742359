"""Which level answers which question: any span in few rows, and fine enough to be looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readings.history.levels import LADDER, ROWS_AT_MOST, Asked, Extent, Resolution, finer_level, level_for
from readings.periods import HOUR_MS, MINUTE_MS

DAY_MS = 24 * HOUR_MS
WEEK_MS, MONTH_MS, YEAR_MS = 7 * DAY_MS, 30 * DAY_MS, 365 * DAY_MS
ASKED: tuple[Asked, ...] = ("auto", *LADDER)


def six_ports(length_ms: int, max_points: int = 2000) -> Extent:
    return Extent(6, length_ms, max_points, 1000)


@pytest.mark.parametrize(
    ("length_ms", "levels"),
    [
        (30 * MINUTE_MS, "second second minute hour day"),
        (HOUR_MS, "second second minute hour day"),
        (3 * HOUR_MS, "second second minute hour day"),
        (4 * HOUR_MS, "minute minute minute hour day"),
        (DAY_MS, "minute minute minute hour day"),
        (WEEK_MS, "minute minute minute hour day"),
        (10 * DAY_MS, "hour hour hour hour day"),
        (MONTH_MS, "hour hour hour hour day"),
        (3 * MONTH_MS, "hour hour hour hour day"),
        (9 * MONTH_MS, "hour hour hour hour day"),
        (YEAR_MS, "day day day day day"),
        (5 * YEAR_MS, "day day day day day"),
    ],
)
def test_six_ports_at_auto_second_minute_hour_and_day(length_ms: int, levels: str) -> None:
    assert [level_for(six_ports(length_ms), asked) for asked in ASKED] == levels.split()


@pytest.mark.parametrize(
    ("length_ms", "used"), [(5 * HOUR_MS - 1, "second"), (5 * HOUR_MS, "second"), (20_001_000, "minute")]
)
def test_twenty_thousand_rows_are_read_as_they_were_asked_for(length_ms: int, used: Resolution) -> None:
    assert level_for(Extent(1, length_ms, 2000, 1000), "second") == used


def test_hours_of_a_year_are_exact_for_two_ports() -> None:
    assert level_for(Extent(2, YEAR_MS, 2000, 1000), "hour") == "hour"


def test_slow_units_have_fewer_rows() -> None:
    assert level_for(Extent(6, DAY_MS, 2000, 60_000), "second") == "second"


@pytest.mark.parametrize(("max_points", "used"), [(2000, "minute"), (300, "minute"), (299, "hour")])
def test_auto_goes_finer_only_where_so_many_points_are_allowed(max_points: int, used: Resolution) -> None:
    assert level_for(six_ports(2 * DAY_MS, max_points), "auto") == used


def test_auto_stays_with_what_fits_where_finer_is_too_much() -> None:
    assert level_for(Extent(24, WEEK_MS, 2000, 1000), "auto") == "hour"


@given(
    st.integers(0, 30 * YEAR_MS), st.integers(0, 200), st.integers(1, 20_000), st.floats(250, 300_000),
    st.sampled_from(ASKED),
)  # fmt: skip
def test_no_question_reads_more_than_it_may(
    length_ms: int, lines: int, max_points: int, period_ms: float, asked: Asked
) -> None:
    extent = Extent(lines, length_ms, max_points, period_ms)
    level = level_for(extent, asked)
    assert level == "day" or extent.rows(level) <= ROWS_AT_MOST


@given(st.integers(0, 30 * YEAR_MS), st.integers(0, 200), st.sampled_from(LADDER))
def test_what_is_read_is_never_finer_than_asked_for(length_ms: int, lines: int, asked: Resolution) -> None:
    assert LADDER.index(level_for(Extent(lines, length_ms, 2000, 1000), asked)) >= LADDER.index(asked)


@pytest.mark.parametrize(
    ("measured_ms", "asked", "answered", "finer"),
    [
        (0, "auto", "day", None),
        (30 * MINUTE_MS, "auto", "day", "second"),
        (30 * MINUTE_MS, "hour", "hour", None),
        (30 * MINUTE_MS, "auto", "second", None),
        (3 * HOUR_MS, "auto", "minute", None),
        (3 * HOUR_MS, "auto", "day", "minute"),
        (3 * DAY_MS, "auto", "day", "minute"),
        (3 * DAY_MS, "hour", "day", "hour"),
        (3 * DAY_MS, "auto", "minute", None),
        (MONTH_MS, "minute", "day", "hour"),
        (YEAR_MS, "auto", "day", None),
    ],
)
def test_what_was_measured_may_suit_a_finer_level(
    measured_ms: int, asked: Asked, answered: Resolution, finer: Resolution | None
) -> None:
    assert finer_level(six_ports(measured_ms), asked, answered) == finer
