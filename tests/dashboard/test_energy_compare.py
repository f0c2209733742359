"""The period before, by the calendar, and which of its moments and buckets are compared with which."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from dashboard.compare import Period, counterparts, name_of, same_moment
from dashboard.ranges import months_before
from readings.periods import HOUR_MS, format_time, parse_time, to_ms

LONDON = ZoneInfo("Europe/London")
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def ms(text: str, zone: ZoneInfo = LONDON) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=zone))


def period(start: str, end: str, zone: ZoneInfo = LONDON) -> Period:
    return Period(ms(start, zone), ms(end, zone), zone)


MARCH = period("2026-03-01", "2026-04-01")


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (("2026-11-22", "2026-11-23"), ("2026-11-21", "2026-11-22")),
        (("2026-11-16", "2026-11-23"), ("2026-11-09", "2026-11-16")),
        (("2026-03-30", "2026-04-06"), ("2026-03-23", "2026-03-30")),
        (("2026-03-01", "2026-04-01"), ("2026-02-01", "2026-03-01")),
        (("2026-01-01", "2026-02-01"), ("2025-12-01", "2026-01-01")),
        (("2026-01-01", "2026-04-01"), ("2025-10-01", "2026-01-01")),
        (("2025-01-01", "2026-01-01"), ("2024-01-01", "2025-01-01")),
        (("2026-11-22T10:20", "2026-11-22T11:50"), ("2026-11-22T08:50", "2026-11-22T10:20")),
    ],
    ids=["day", "week", "week after the clocks changed", "month", "January", "quarter", "year", "an hour and a half"],
)
def test_the_period_before_is_as_long_by_the_calendar(now: tuple[str, str], before: tuple[str, str]) -> None:
    assert period(*now).before() == period(*before)


@pytest.mark.parametrize(
    ("now", "moment", "then"),
    [
        (("2026-11-22", "2026-11-23"), "2026-11-22T14:00", "2026-11-21T14:00"),
        (("2026-03-29", "2026-03-30"), "2026-03-29T14:00", "2026-03-28T14:00"),
        (("2026-11-16", "2026-11-23"), "2026-11-18T09:00", "2026-11-11T09:00"),
        (("2026-03-01", "2026-04-01"), "2026-03-10T09:00", "2026-02-10T09:00"),
        (("2026-03-01", "2026-04-01"), "2026-03-30T09:00", "2026-03-01T00:00"),
        (("2024-01-01", "2025-01-01"), "2024-02-29T09:00", "2023-03-01T00:00"),
        (("2026-11-22T10:20", "2026-11-22T11:50"), "2026-11-22T11:00", "2026-11-22T09:30"),
    ],
    ids=["day", "day of 23 hours", "week", "month", "month longer than the one before", "leap day", "by length"],
)
def test_a_moment_is_compared_with_the_same_one_of_the_calendar(now: tuple[str, str], moment: str, then: str) -> None:
    assert format_time(same_moment(ms(moment), period(*now)), LONDON) == format_time(ms(then), LONDON)


def test_days_are_compared_by_their_place_in_the_month() -> None:
    places = counterparts(MARCH, MARCH.before(), "day")
    assert places == [*range(28), None, None, None]


@pytest.mark.parametrize(
    ("day", "gaps", "count"), [("2026-03-29", [], 23), ("2026-03-30", [1], 24)], ids=["23 hours", "the day after"]
)
def test_hours_are_compared_by_the_clock(day: str, gaps: list[int], count: int) -> None:
    """Otherwise all hours after a change of the clocks would be compared with their neighbours."""
    now = period(day, date.fromisoformat(day).replace(day=int(day[-2:]) + 1).isoformat())
    before = now.before()
    places = counterparts(now, before, "hour")
    assert len(places) == count
    assert [place for place, there in enumerate(places) if there is None] == gaps
    hours = [
        (format_time(start, LONDON)[11:13], format_time(before.pieces("hour")[there][0], LONDON)[11:13])
        for (start, _), there in zip(now.pieces("hour"), places, strict=True)
        if there is not None
    ]
    assert all(here == there for here, there in hours)


def test_the_doubled_hour_is_compared_twice_with_the_single_one() -> None:
    now = period("2026-10-25", "2026-10-26")
    places = counterparts(now, now.before(), "hour")
    assert len(places) == 25
    assert places[1] == places[2]


def test_the_last_full_bucket() -> None:
    day = period("2026-11-22", "2026-11-23")
    assert day.full_until("hour", ms("2026-11-22T14:28")) == ms("2026-11-22T14:00")
    assert day.full_until("hour", ms("2026-11-22T00:28")) == day.start_ms
    assert day.full_until("hour", ms("2026-12-22T14:28")) == day.end_ms
    assert day.full_until("day", ms("2026-11-22T14:28")) == day.start_ms


@pytest.mark.parametrize(("zone", "is_cut"), [(LONDON, False), (KATHMANDU, True)], ids=["on the hour", "off the hour"])
def test_a_midnight_off_the_hour_lies_in_an_hour(zone: ZoneInfo, is_cut: bool) -> None:
    day = period("2026-11-22", "2026-11-23", zone)
    assert day.is_cut_by("hour") is is_cut
    assert not day.is_cut_by("day")
    assert day.is_cut_by("month")


@pytest.mark.parametrize(
    ("span", "name"),
    [
        (("2026-11-22", "2026-11-23"), "Sun 22 Nov 2026"),
        (("2026-11-16", "2026-11-23"), "16 Nov – 22 Nov 2026"),
        (("2026-11-01", "2026-12-01"), "November 2026"),
        (("2026-10-01", "2027-01-01"), "Oct 2026 – Dec 2026"),
        (("2026-01-01", "2027-01-01"), "2026"),
        (("2025-01-01", "2027-01-01"), "2025 – 2026"),
        (("2026-11-22T10:20", "2026-11-22T11:50"), "22 Nov 2026 10:20 – 22 Nov 2026 11:50"),
    ],
)
def test_periods_have_names(span: tuple[str, str], name: str) -> None:
    assert name_of(period(*span)) == name


def test_names_are_in_the_language_that_is_active() -> None:
    with translation.override("de"):
        assert name_of(MARCH, ms("2026-03-10T09:00")) == "März 2026, bis 10. Mär 09:00"
        assert name_of(period("2026-11-16", "2026-11-23")) == "16. Nov – 22. Nov 2026"


def test_a_name_says_where_the_period_was_cut() -> None:
    assert name_of(MARCH, ms("2026-03-10T09:00")) == "March 2026, up to 10 Mar 09:00"
    assert name_of(period("2026-11-22", "2026-11-23"), ms("2026-11-22T14:00")) == "Sun 22 Nov 2026, up to 14:00"


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [("2026-03-31", 1, "2026-02-28"), ("2024-02-29", 12, "2023-02-28"), ("2026-01-15", 1, "2025-12-15")],
)
def test_the_same_day_some_months_before(day: str, months: int, before: str) -> None:
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(before)


def test_hours_of_any_range_are_compared_by_their_place() -> None:
    start = parse_time("2026-11-22T10:00:00Z")
    now = Period(start, start + 3 * HOUR_MS, LONDON)
    assert counterparts(now, now.before(), "hour") == [0, 1, 2]
