"""Rows get their times and windows by the rows before them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from readings.importing.layout import TheirRow
from readings.importing.placing import Note, Placed, Placer, Why, usual_period_ms

LONDON = ZoneInfo("Europe/London")
NOON = datetime.fromisoformat("2026-01-15 12:00:00")


def row(position: int, seconds: float, power_w: float = 1.0) -> TheirRow:
    return TheirRow(position, str(NOON + timedelta(seconds=seconds)), (power_w,))


def placed(placer: Placer, one: TheirRow) -> Placed:
    found = placer.place(one)
    assert isinstance(found, Placed)
    return found


def windows(*seconds: float, period_ms: int = 1000) -> list[int]:
    placer = Placer(LONDON, period_ms)
    return [placed(placer, row(n, second, n)).window_ms for n, second in enumerate(seconds)]


def test_a_window_reaches_back_to_the_row_before() -> None:
    assert windows(0, 1, 2.5, 6) == [0, 1000, 1500, 3500]


@pytest.mark.parametrize(("period_ms", "gap_s", "window_ms"), [
    (1000, 5, 5000), (1000, 5.001, 0), (500, 5, 5000), (2000, 10, 10_000), (2000, 10.001, 0),
])  # fmt: skip
def test_five_periods_are_bridged_and_never_less_than_a_restart(period_ms: int, gap_s: float, window_ms: int) -> None:
    assert windows(0, gap_s, period_ms=period_ms)[1] == window_ms


def test_rows_of_the_same_second_get_milliseconds_in_their_order() -> None:
    placer = Placer(LONDON)
    found = [placed(placer, row(n, second, n)) for n, second in enumerate((0, 1, 1, 1, 2))]
    assert [one.time_ms - found[0].time_ms for one in found] == [0, 1000, 1001, 1002, 2000]
    assert [one.window_ms for one in found] == [0, 1000, 1, 1, 998]
    assert found[2].notes == (Note.SAME_SECOND,)


def test_the_same_row_twice_counts_once() -> None:
    placer = Placer(LONDON)
    placer.place(row(1, 0))
    assert placer.place(row(2, 0)) is Why.IDENTICAL


def test_a_clock_that_was_set_back_begins_without_a_window() -> None:
    placer = Placer(LONDON)
    placer.place(row(1, 600))
    back = placed(placer, row(2, 0))
    assert (back.window_ms, back.goes_back, back.notes) == (0, True, (Note.SET_BACK,))
    assert placed(placer, row(3, 1)).window_ms == 1000


@pytest.mark.parametrize("shown", [None, "", "yesterday", "0000-00-00 00:00:00", 17, "1066-10-14 09:00:00"])
def test_a_row_without_a_time_is_left_out(shown: object) -> None:
    assert Placer(LONDON).place(TheirRow(1, shown, (1.0,))) is Why.NO_TIME


def test_the_usual_period_is_the_median() -> None:
    rows = [row(n, second, n) for n, second in enumerate((0, 2, 4, 6, 600, 602))]
    assert usual_period_ms(rows, LONDON) == 2000
    assert usual_period_ms(rows[:1], LONDON) == 1000
    assert usual_period_ms([row(1, 0), row(2, 86_400)], LONDON) == 300_000
