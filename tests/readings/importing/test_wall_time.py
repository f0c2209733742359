"""Local times are placed in UTC by the order of the rows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from readings.importing.wall_time import Hour, place
from readings.periods import parse_time

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("shown", "utc"),
    [("2026-01-15 12:00:00", "2026-01-15T12:00:00Z"), ("2026-07-15 12:00:00.250", "2026-07-15T11:00:00.250Z")],
)
def test_a_time_of_winter_or_summer_has_its_offset(shown: str, utc: str) -> None:
    assert place(at(shown), LONDON, None) == (parse_time(utc), Hour.PLAIN)


def test_a_time_with_an_offset_is_taken_as_it_is() -> None:
    assert place(at("2026-10-25 01:30:00+00:00"), LONDON, None)[0] == parse_time("2026-10-25T01:30:00Z")


def test_the_doubled_hour_is_told_by_the_order_of_the_rows() -> None:
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    previous: int | None = None
    for minute in range(180):
        moment = start + timedelta(minutes=minute)
        previous, _hour = place(moment.astimezone(LONDON).replace(tzinfo=None), LONDON, previous)
        assert previous == round(moment.timestamp() * 1000)


def test_a_row_of_the_doubled_hour_without_one_before_is_the_first_showing() -> None:
    assert place(at("2026-10-25 01:30:00"), LONDON, None) == (parse_time("2026-10-25T00:30:00Z"), Hour.DOUBLED)


def test_a_clock_that_is_put_right_in_the_doubled_hour_stays_in_its_pass() -> None:
    first = parse_time("2026-10-25T00:30:05Z")
    assert place(at("2026-10-25 01:30:02"), LONDON, first)[0] == parse_time("2026-10-25T00:30:02Z")
    second = parse_time("2026-10-25T01:30:05Z")
    assert place(at("2026-10-25 01:30:02"), LONDON, second)[0] == parse_time("2026-10-25T01:30:02Z")


def test_the_doubled_half_hour_of_lord_howe() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    start = datetime(2026, 4, 4, 14, 0, tzinfo=UTC)
    previous: int | None = None
    for minute in range(120):
        moment = start + timedelta(minutes=minute)
        previous, _hour = place(moment.astimezone(zone).replace(tzinfo=None), zone, previous)
        assert previous == round(moment.timestamp() * 1000)


def test_a_time_that_summer_time_skips_is_of_a_clock_that_nobody_has_put_forward() -> None:
    before = parse_time("2026-03-29T00:59:59Z")
    assert place(at("2026-03-29 01:00:00"), LONDON, before) == (parse_time("2026-03-29T01:00:00Z"), Hour.SKIPPED)
    assert place(at("2026-03-29 03:00:00"), LONDON, parse_time("2026-03-29T01:59:59Z"))[0] == parse_time(
        "2026-03-29T02:00:00Z"
    )
