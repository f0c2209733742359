"""The ranges that a button names, and the ranges beside a range; all on the calendar of a time zone. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from readings import periods

Preset = Literal["today", "yesterday", "week", "last-week", "month", "last-month", "year", "last-year"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

_Edge = Callable[[int, ZoneInfo], int]
_EDGES: dict[str, tuple[_Edge, _Edge]] = {
    "day": (periods.day_start, periods.next_day_start),
    "week": (periods.week_start, periods.next_week_start),
    "month": (periods.month_start, periods.next_month_start),
    "year": (periods.year_start, periods.next_year_start),
}
_NAMED: dict[Preset, tuple[str, bool]] = {
    "today": ("day", False),
    "yesterday": ("day", True),
    "week": ("week", False),
    "last-week": ("week", True),
    "month": ("month", False),
    "last-month": ("month", True),
    "year": ("year", False),
    "last-year": ("year", True),
}


def span_of(preset: Preset, now_ms: int, zone: ZoneInfo) -> tuple[int, int]:
    """The day, week, month or year that holds this moment, or the one before it."""
    period, is_before = _NAMED[preset]
    start_of, end_of = _EDGES[period]
    start_ms = start_of(now_ms, zone)
    return (start_of(start_ms - 1, zone), start_ms) if is_before else (start_ms, end_of(now_ms, zone))


def period_of(start_ms: int, end_ms: int, zone: ZoneInfo) -> str | None:
    """``day``, ``week``, ``month`` or ``year`` where a range is exactly one of them."""
    for period, (start_of, end_of) in _EDGES.items():
        if start_of(start_ms, zone) == start_ms and end_of(start_ms, zone) == end_ms:
            return period
    return None


def beside(start_ms: int, end_ms: int, zone: ZoneInfo, *, later: bool) -> tuple[int, int]:
    """The range before or after a range: of the calendar where it is one of its periods, else as long as it is."""
    period = period_of(start_ms, end_ms, zone)
    if period is None:
        length_ms = end_ms - start_ms
        return (end_ms, end_ms + length_ms) if later else (start_ms - length_ms, start_ms)
    start_of, end_of = _EDGES[period]
    return (end_ms, end_of(end_ms, zone)) if later else (start_of(start_ms - 1, zone), start_ms)


def local(ms: int, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show, without the zone."""
    return periods.to_datetime(ms, zone).replace(tzinfo=None)


def instant(when: datetime, zone: ZoneInfo) -> int:
    """When clocks of a zone show this: the first time of two, and where they skip it, as if they had not yet."""
    return periods.to_ms(when.replace(tzinfo=zone))
