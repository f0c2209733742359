"""Pieces of time: what a day, a month or a minute is, where clocks change and where they do not."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from readings import periods
from readings.periods import HOUR_MS, MINUTE_MS, Bucket, UnreadableTime, buckets, parse_time

ZONES = ["UTC", "Europe/London", "Asia/Kathmandu", "America/Santiago", "America/St_Johns", "Pacific/Apia"]
instants = st.integers(parse_time("2000-01-01T00:00:00Z"), parse_time("2060-01-01T00:00:00Z"))


def hours_of_day(text: str, zone: str) -> float:
    start = periods.day_start(parse_time(text), zone)
    return (periods.next_day_start(start, zone) - start) / HOUR_MS


def test_minutes_and_hours_are_those_of_utc() -> None:
    assert periods.floor_minute(parse_time("2026-05-04T10:11:12.345Z")) == parse_time("2026-05-04T10:11:00Z")
    assert periods.floor_hour(parse_time("2026-05-04T10:11:12+05:45")) == parse_time("2026-05-04T04:00:00Z")


def test_a_day_has_24_hours() -> None:
    assert hours_of_day("2026-03-28T12:00:00Z", "Europe/London") == 24


def test_the_day_clocks_go_forward_has_23_hours() -> None:
    assert hours_of_day("2026-03-29T12:00:00Z", "Europe/London") == 23


def test_the_day_clocks_go_back_has_25_hours() -> None:
    assert hours_of_day("2026-10-25T12:00:00Z", "Europe/London") == 25


def test_days_of_kathmandu_begin_off_the_hour() -> None:
    noon = parse_time("2026-05-04T12:00:00+05:45")
    assert periods.day_start(noon, "Asia/Kathmandu") == parse_time("2026-05-03T18:15:00Z")
    assert periods.next_day_start(noon, "Asia/Kathmandu") == parse_time("2026-05-04T18:15:00Z")


def test_an_instant_just_before_midnight_belongs_to_the_old_day_and_midnight_to_the_new() -> None:
    midnight = parse_time("2026-05-04T00:00:00+01:00")
    assert periods.day_start(midnight - 1, "Europe/London") == parse_time("2026-05-03T00:00:00+01:00")
    assert periods.day_start(midnight, "Europe/London") == midnight
    assert periods.next_day_start(midnight - 1, "Europe/London") == midnight


def test_a_day_whose_midnight_is_skipped_begins_when_clocks_jump_over_it() -> None:
    # Santiago, 2026-09-06: at 00:00 clocks show 01:00.
    start = periods.day_start(parse_time("2026-09-06T12:00:00-03:00"), "America/Santiago")
    assert periods.format_time(start, "America/Santiago") == "2026-09-06T01:00:00-03:00"
    assert hours_of_day("2026-09-06T12:00:00-03:00", "America/Santiago") == 23


def test_an_hour_that_is_shown_twice_before_midnight_belongs_to_the_old_day() -> None:
    # Santiago, 2026-04-05: at 00:00 clocks show 23:00 of the 4th again.
    assert hours_of_day("2026-04-04T12:00:00-03:00", "America/Santiago") == 25
    twice = parse_time("2026-04-04T23:30:00-04:00")
    assert periods.day_start(twice, "America/Santiago") == parse_time("2026-04-04T00:00:00-03:00")


def test_a_date_that_a_zone_never_had_is_no_day() -> None:
    edges = periods.day_edges(
        parse_time("2011-12-29T00:00:00-10:00"), parse_time("2012-01-01T00:00:00+14:00"), "Pacific/Apia"
    )
    assert [str(periods.local_date(edge, "Pacific/Apia")) for edge in edges] == ["2011-12-29", "2011-12-31"]


def test_day_edges_hold_the_start_and_not_the_end() -> None:
    start, end = parse_time("2026-03-28T00:00:00Z"), parse_time("2026-03-31T00:00:00+01:00")
    assert periods.day_edges(start, end, "Europe/London") == [
        start,
        parse_time("2026-03-29T00:00:00Z"),
        parse_time("2026-03-30T00:00:00+01:00"),
    ]
    assert periods.day_edges(start + 1, end, "Europe/London")[0] == parse_time("2026-03-29T00:00:00Z")


def test_weeks_begin_on_monday_and_months_and_years_on_the_first() -> None:
    moment, zone = parse_time("2028-02-29T12:00:00Z"), "Europe/London"
    assert periods.week_start(moment, zone) == parse_time("2028-02-28T00:00:00Z")
    assert periods.next_week_start(moment, zone) == parse_time("2028-03-06T00:00:00Z")
    assert periods.month_start(moment, zone) == parse_time("2028-02-01T00:00:00Z")
    assert periods.next_month_start(moment, zone) == parse_time("2028-03-01T00:00:00Z")
    assert periods.year_start(moment, zone) == parse_time("2028-01-01T00:00:00Z")
    assert periods.next_year_start(moment, zone) == parse_time("2029-01-01T00:00:00Z")
    assert periods.next_month_start(parse_time("2026-12-31T23:00:00Z"), zone) == parse_time("2027-01-01T00:00:00Z")


def test_buckets_are_cut_at_the_ends_of_the_span() -> None:
    start, end = parse_time("2026-03-28T06:00:00Z"), parse_time("2026-03-30T06:00:00Z")
    assert buckets(start, end, "day", "Europe/London") == [
        (start, parse_time("2026-03-29T00:00:00Z")),
        (parse_time("2026-03-29T00:00:00Z"), parse_time("2026-03-29T23:00:00Z")),
        (parse_time("2026-03-29T23:00:00Z"), end),
    ]
    assert buckets(start, end, "total", "Europe/London") == [(start, end)]
    assert len(buckets(start, end, "hour", "Europe/London")) == 48


def test_an_empty_span_has_no_buckets() -> None:
    assert buckets(5, 5, "total", "UTC") == []
    assert buckets(5, 4, "day", "UTC") == []


@given(start=instants, length=st.integers(1, 20 * 24 * HOUR_MS), zone=st.sampled_from(ZONES))
@example(start=parse_time("2011-12-29T12:00:00Z"), length=3 * 24 * HOUR_MS, zone="Pacific/Apia")
@example(start=parse_time("2006-10-28T12:00:00Z"), length=2 * 24 * HOUR_MS, zone="America/St_Johns")
@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", "year"])
def test_buckets_cover_the_span_without_gap_or_overlap(start: int, length: int, zone: str, bucket: Bucket) -> None:
    pieces = buckets(start, start + length, bucket, zone)
    assert pieces[0][0] == start
    assert pieces[-1][1] == start + length
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert all(piece_start < piece_end for piece_start, piece_end in pieces)


@given(moment=instants, zone=st.sampled_from(ZONES))
@example(moment=parse_time("2006-10-29T02:50:00Z"), zone="America/St_Johns")
def test_every_instant_lies_in_its_day(moment: int, zone: str) -> None:
    start = periods.day_start(moment, zone)
    assert start <= moment < periods.next_day_start(moment, zone)
    assert periods.day_start(start, zone) == start
    assert periods.next_day_start(start, zone) == periods.next_day_start(moment, zone)


@given(instants)
def test_times_are_written_and_read_back(moment: int) -> None:
    for zone in ZONES:
        assert parse_time(periods.format_time(moment, zone)) == moment


def test_times_are_written_with_the_zones_offset() -> None:
    assert periods.format_time(parse_time("2026-07-01T12:00:00Z"), "Asia/Kathmandu") == "2026-07-01T17:45:00+05:45"
    assert periods.format_time(1_500) == "1970-01-01T00:00:01.500+00:00"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yesterday", "no ISO 8601 time"),
        ("", "no ISO 8601 time"),
        ("2026-03-29T00:00:00", "no offset"),
        ("2026-03-29", "no offset"),
        ("0001-01-01T00:00:00Z", "not between"),
        ("9999-12-31T23:59:59Z", "not between"),
    ],
)
def test_a_text_that_is_no_instant_is_refused_with_a_reason(text: str, problem: str) -> None:
    with pytest.raises(UnreadableTime, match=problem):
        parse_time(text)


def test_datetimes_become_epoch_ms_and_back() -> None:
    when = datetime(2026, 5, 4, 10, 11, 12, 345_000, tzinfo=UTC)
    assert periods.to_ms(when) % MINUTE_MS == 12_345
    assert periods.to_datetime(periods.to_ms(when)) == when
