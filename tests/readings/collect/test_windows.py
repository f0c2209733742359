"""The windows of readings. Times are milliseconds; "steady" is a clock that nobody sets."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readings.collect.windows import HORIZON_MS, LONGEST_OUTAGE_MS, PERIODS_BRIDGED, Span, Timeline

PERIOD_MS = 1000
NOON_MS = 1_800_000_000_000


def a_timeline(*times_ms: int, period_ms: int = PERIOD_MS) -> Timeline:
    """A timeline that has seen answers at these times, with a wall clock that nobody has set."""
    timeline = Timeline(period_ms)
    for time_ms in times_ms:
        timeline.add(time_ms, time_ms)
    return timeline


def test_the_first_answer_ever_has_no_window() -> None:
    assert Timeline(PERIOD_MS).add(NOON_MS, 7) == 0


def test_the_window_is_the_time_since_the_previous_answer() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 1003, NOON_MS + 1003) == 1003


def test_a_lost_question_makes_one_longer_window() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 2996, NOON_MS + 2996) == 2996


def test_five_periods_are_bridged() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 5000, NOON_MS + 5000) == 5000


def test_more_than_five_periods_are_a_gap() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 5001, NOON_MS + 5001) == 0


def test_time_in_which_no_unit_can_restart_is_bridged_however_short_the_period() -> None:
    for gap_ms, window_ms in ((5000, 5000), (5001, 0)):
        timeline = a_timeline(NOON_MS, period_ms=250)
        assert timeline.add(NOON_MS + gap_ms, NOON_MS + gap_ms) == window_ms


def test_after_a_gap_windows_go_on() -> None:
    timeline = a_timeline(NOON_MS, NOON_MS + 60_000)
    assert timeline.add(NOON_MS + 61_000, NOON_MS + 61_000) == 1000


def test_where_answers_are_lost_no_mean_reaches_back_over_more_than_is_bridged() -> None:
    for gap_ms, window_ms in ((5000, 5000), (6000, 0)):
        timeline = a_timeline(NOON_MS)
        at_ms = NOON_MS + gap_ms
        assert timeline.add(at_ms, at_ms, uptime_ms=900_000, follows_loss=True) == window_ms


def test_the_bridged_time_grows_with_the_period() -> None:
    timeline = a_timeline(NOON_MS, period_ms=60_000)
    assert timeline.add(NOON_MS + 290_000, NOON_MS + 290_000) == 290_000


def test_a_unit_that_restarted_averages_since_its_start_at_most() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 4000, NOON_MS + 4000, uptime_ms=1500) == 1500


def test_an_uptime_beyond_the_window_changes_nothing() -> None:
    assert a_timeline(NOON_MS).add(NOON_MS + 1000, NOON_MS + 1000, uptime_ms=900_000) == 1000


def test_after_a_restart_of_ours_the_window_goes_back_to_the_last_stored_reading() -> None:
    timeline = Timeline(PERIOD_MS, newest_ms=NOON_MS)
    assert timeline.add(NOON_MS + 3200, 42) == 3200


def test_after_a_long_restart_of_ours_there_is_a_gap() -> None:
    timeline = Timeline(PERIOD_MS, newest_ms=NOON_MS)
    assert timeline.add(NOON_MS + 20_000, 42) == 0
    assert timeline.add(NOON_MS + 21_000, 1042) == 1000


def test_a_clock_set_forward_loses_nothing() -> None:
    timeline = a_timeline(NOON_MS)
    assert timeline.add(NOON_MS + 3_601_000, NOON_MS + 1000) == 1000


def test_a_clock_set_forward_and_back_again_loses_nothing() -> None:
    timeline = a_timeline(NOON_MS)
    windows_ms = [
        timeline.add(NOON_MS + ahead_ms + steady_ms, NOON_MS + steady_ms)
        for steady_ms, ahead_ms in ((1000, 0), (2000, 3_600_000), (3000, 3_600_000), (4000, 0), (5000, 0))
    ]
    assert windows_ms == [1000] * 5


def test_a_clock_that_is_set_again_and_again_loses_nothing() -> None:
    timeline = a_timeline(NOON_MS)
    hours = [0, 1, 0, -1] * 20
    for second, ahead_h in enumerate((hour for hour in hours for _ in range(5)), start=1):
        steady_ms = NOON_MS + 1000 * second
        assert timeline.add(steady_ms + 3_600_000 * ahead_h, steady_ms) == 1000


def test_a_clock_set_back_measures_no_time_twice() -> None:
    timeline = a_timeline(*range(NOON_MS, NOON_MS + 60_000, 1000))
    back_ms = 30_000
    for steady_ms in range(NOON_MS + 60_000, NOON_MS + 90_000, 1000):
        assert timeline.add(steady_ms - back_ms, steady_ms) == 0 or steady_ms - back_ms > NOON_MS + 59_000


def test_once_a_clock_set_back_has_caught_up_windows_go_on() -> None:
    timeline = a_timeline(*range(NOON_MS, NOON_MS + 60_000, 1000))
    windows = [
        timeline.add(steady_ms - 10_500, steady_ms) for steady_ms in range(NOON_MS + 60_000, NOON_MS + 75_000, 1000)
    ]
    assert windows == [0] * 10 + [500] + [1000] * 4


def test_a_clock_corrected_to_before_everything_that_is_stored_loses_nothing() -> None:
    """A machine that started with the clock years ahead."""
    years_ms = 5 * 365 * 86_400_000
    timeline = a_timeline(*range(NOON_MS + years_ms, NOON_MS + years_ms + 10_000, 1000))
    first_steady_ms = NOON_MS + years_ms + 10_000
    windows = [timeline.add(NOON_MS + n * 1000, first_steady_ms + n * 1000) for n in range(5)]
    assert windows == [1000] * 5


def test_a_step_back_of_less_than_a_period_shortens_one_window() -> None:
    timeline = a_timeline(NOON_MS)
    assert timeline.add(NOON_MS + 400, NOON_MS + 1000) == 400


def test_a_clock_set_back_just_after_a_restart_of_ours() -> None:
    timeline = Timeline(PERIOD_MS, newest_ms=NOON_MS)
    assert timeline.add(NOON_MS - 3_600_000, 0) == 0
    assert timeline.add(NOON_MS - 3_599_000, 1000) == 0


def test_a_restart_of_ours_while_the_clock_is_behind_stored_readings() -> None:
    later = Span(NOON_MS + 2000, NOON_MS + 5000)
    timeline = Timeline(PERIOD_MS, newest_ms=NOON_MS, measured=[later])
    windows = [timeline.add(NOON_MS + n * 1000, n * 1000) for n in range(1, 8)]
    assert windows == [1000, 1000, 0, 0, 0, 1000, 1000]


def test_a_clock_that_is_set_back_again_and_again_measures_the_first_window_once() -> None:
    timeline = Timeline(PERIOD_MS)
    windows = [timeline.add(NOON_MS, steady_ms) for steady_ms in (0, 150, 300)]
    assert windows == [0, 150, 0]


@pytest.mark.parametrize(
    ("period_ms", "silence_ms", "may"),
    [
        (1000, 5000, False),  # no unit restarts as quickly as that
        (1000, 5001, True),
        (3000, 3000, False),
        (3000, 5000, False),
        (3000, 6000, True),
        (3000, 15_000, True),
        (3000, 18_000, True),
        (1000, LONGEST_OUTAGE_MS, True),
        (1000, LONGEST_OUTAGE_MS + 1, False),  # a gap anyway
        (10_000, 10_000, False),
        (10_000, 20_000, True),
    ],
)
def test_in_which_windows_a_restart_may_hide(period_ms: int, silence_ms: int, *, may: bool) -> None:
    timeline = Timeline(period_ms, newest_ms=NOON_MS)
    assert timeline.may_hide_restart(NOON_MS + silence_ms, 0) is may


STEPS = st.one_of(
    st.just(0),
    st.integers(-2_000, 2_000),
    st.integers(-4_000_000, 4_000_000),
    st.integers(-3 * HORIZON_MS, 3 * HORIZON_MS),
)
ANSWERS = st.lists(
    st.tuples(st.integers(150, 12_000), STEPS, st.one_of(st.none(), st.integers(0, 10_000))), min_size=1, max_size=60
)


@given(answers=ANSWERS, restarted=st.booleans())
def test_windows_never_overlap_whatever_the_clock_does(
    answers: list[tuple[int, int, int | None]], *, restarted: bool
) -> None:
    timeline = Timeline(PERIOD_MS, newest_ms=NOON_MS - 500 if restarted else None)
    wall_ms, steady_ms, elapsed_ms = NOON_MS, 0, 0
    spans: list[tuple[int, int]] = []
    for after_ms, step_ms, uptime_ms in answers:
        steady_ms += after_ms
        elapsed_ms += after_ms
        wall_ms += after_ms + step_ms
        window_ms = timeline.add(wall_ms, steady_ms, uptime_ms=uptime_ms)
        assert 0 <= window_ms <= (PERIODS_BRIDGED * PERIOD_MS if uptime_ms is None else uptime_ms)
        if window_ms:
            spans.append((wall_ms - window_ms, wall_ms))
    spans.sort()
    assert all(former[1] <= later[0] for former, later in itertools.pairwise(spans))
    grain_ms = 50 * len(answers)  # under that, two clocks that disagree are both believed
    before_start_ms = 10_000 if restarted else 0  # of that only the wall clock is known
    assert sum(end - start for start, end in spans) <= elapsed_ms + before_start_ms + grain_ms


@given(gaps=st.lists(st.integers(150, 5000), min_size=1, max_size=50))
def test_windows_join_without_a_gap_while_nobody_sets_the_clock(gaps: list[int]) -> None:
    times = list(itertools.accumulate([NOON_MS, *gaps]))
    timeline = Timeline(PERIOD_MS)
    assert [timeline.add(time_ms, time_ms) for time_ms in times] == [0, *gaps]
