"""The ranges that buttons name, on the calendar of the device's zone."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from dashboard.ranges import Preset, beside, instant, local, midnight, period_of, span_of
from readings.periods import HOUR_MS, format_time, parse_time

LONDON = ZoneInfo("Europe/London")
NOW = parse_time("2026-11-22T14:05:00Z")  # a Sunday


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("today", "2026-11-22", "2026-11-23"),
        ("yesterday", "2026-11-21", "2026-11-22"),
        ("week", "2026-11-16", "2026-11-23"),
        ("last-week", "2026-11-09", "2026-11-16"),
        ("month", "2026-11-01", "2026-12-01"),
        ("last-month", "2026-10-01", "2026-11-01"),
        ("year", "2026-01-01", "2027-01-01"),
        ("last-year", "2025-01-01", "2026-01-01"),
    ],
)
def test_a_named_range_reaches_from_midnight_to_midnight(preset: Preset, first: str, last: str) -> None:
    start_ms, end_ms = span_of(preset, NOW, LONDON)
    assert (format_time(start_ms, LONDON)[:16], format_time(end_ms, LONDON)[:16]) == (f"{first}T00:00", f"{last}T00:00")


def test_last_month_has_the_hour_that_came_twice() -> None:
    start_ms, end_ms = span_of("last-month", NOW, LONDON)
    assert end_ms - start_ms == (31 * 24 + 1) * HOUR_MS


@pytest.mark.parametrize(
    ("preset", "period"), [("today", "day"), ("week", "week"), ("month", "month"), ("year", "year")]
)
def test_a_period_of_the_calendar_is_known_as_such(preset: Preset, period: str) -> None:
    assert period_of(*span_of(preset, NOW, LONDON), LONDON) == period


def test_beside_a_month_is_a_month_however_long() -> None:
    october = span_of("last-month", NOW, LONDON)
    september = beside(*october, LONDON, later=False)
    assert period_of(*september, LONDON) == "month"
    assert beside(*september, LONDON, later=True) == october


@pytest.mark.parametrize(
    ("span", "before"),
    [
        (("2026-01-01", "2026-04-01"), ("2025-10-01", "2026-01-01")),
        (("2026-03-28", "2026-03-31"), ("2026-03-25", "2026-03-28")),
    ],
    ids=["a quarter", "three days, one of 23 hours"],
)
def test_beside_months_and_days_are_as_many(span: tuple[str, str], before: tuple[str, str]) -> None:
    start, end, before_start, _ = (midnight(date.fromisoformat(day), LONDON) for day in (*span, *before))
    assert beside(start, end, LONDON, later=False) == (before_start, start)
    assert beside(before_start, start, LONDON, later=True) == (start, end)


def test_beside_any_other_range_is_one_as_long() -> None:
    assert beside(NOW, NOW + 5 * HOUR_MS, LONDON, later=True) == (NOW + 5 * HOUR_MS, NOW + 10 * HOUR_MS)
    assert beside(NOW, NOW + 5 * HOUR_MS, LONDON, later=False) == (NOW - 5 * HOUR_MS, NOW)


def test_an_instant_is_what_the_clocks_of_the_zone_show() -> None:
    summer = datetime(2026, 7, 1, 12)  # noqa: DTZ001  (on some clock)
    assert instant(summer, LONDON) == parse_time("2026-07-01T11:00:00Z")
    assert local(parse_time("2026-07-01T11:00:00Z"), LONDON) == summer
