"""How often a drawing is read anew: in proportion to what can be seen, and to what reading costs."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard.pace import LOOK_EVERY_MS, pace_ms
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS

DAY_MS = 24 * HOUR_MS
PORTS = 6
steps = st.integers(SECOND_MS, 400 * DAY_MS)


def pace(length_ms: int, step_ms: int, source_ms: int, *, ports: int = PORTS) -> int:
    return pace_ms(points=ports * length_ms // step_ms, step_ms=step_ms, source_ms=source_ms)


def test_the_page_looks_every_two_seconds() -> None:
    assert LOOK_EVERY_MS == 2 * SECOND_MS


def test_half_an_hour_of_seconds_and_a_day_of_minutes_follow_every_look() -> None:
    assert pace(HOUR_MS // 2, SECOND_MS, SECOND_MS) == LOOK_EVERY_MS
    assert pace(DAY_MS, MINUTE_MS, MINUTE_MS) == LOOK_EVERY_MS


def test_three_hours_of_seconds_stand_for_longer_than_a_point_is_wide() -> None:
    point_ms = 6 * SECOND_MS
    assert pace(3 * HOUR_MS, point_ms, SECOND_MS) > point_ms


def test_a_week_stands_for_ten_seconds_and_a_year_for_most_of_an_hour() -> None:
    assert pace(7 * DAY_MS, 5 * MINUTE_MS, MINUTE_MS) == 10 * SECOND_MS
    assert pace(365 * DAY_MS, DAY_MS, DAY_MS) == 48 * MINUTE_MS


@given(st.integers(0, 10**6), steps, steps)
def test_it_is_in_proportion_to_a_points_width_and_never_under_a_look(
    points: int, step_ms: int, source_ms: int
) -> None:
    found = pace_ms(points=points, step_ms=step_ms, source_ms=source_ms)
    assert found >= LOOK_EVERY_MS
    assert found >= step_ms // 30
    assert pace_ms(points=points, step_ms=2 * step_ms, source_ms=source_ms) >= found
