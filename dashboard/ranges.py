"""The ranges that a button names, and the ranges beside a range; all on the calendar of a time zone. Pure."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
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
    """The range before or after a range: as many months of the calendar, else as many days, else the same time."""
    months, days = whole_months(start_ms, end_ms, zone), whole_days(start_ms, end_ms, zone)
    if not months and not days:
        length_ms = end_ms - start_ms
        return (end_ms, end_ms + length_ms) if later else (start_ms - length_ms, start_ms)
    inner = periods.local_date(end_ms if later else start_ms, zone)
    sign = -1 if later else 1
    outer = months_before(inner, sign * months) if months else inner - timedelta(days=sign * (days or 0))
    outer_ms = midnight(outer, zone)
    return (end_ms, outer_ms) if later else (outer_ms, start_ms)


def whole_months(start_ms: int, end_ms: int, zone: ZoneInfo) -> int | None:
    """How many whole months a range is; None where it is not."""
    first, after = (periods.local_date(ms, zone) for ms in (start_ms, end_ms))
    if whole_days(start_ms, end_ms, zone) is None or first.day != 1 or after.day != 1:
        return None
    return 12 * (after.year - first.year) + after.month - first.month


def whole_days(start_ms: int, end_ms: int, zone: ZoneInfo) -> int | None:
    """How many whole local days a range is; None where it is not."""
    if any(periods.day_start(edge, zone) != edge for edge in (start_ms, end_ms)):
        return None
    return (periods.local_date(end_ms, zone) - periods.local_date(start_ms, zone)).days


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months before, or the last one of a shorter month."""
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    after = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (after - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def midnight(day: date, zone: ZoneInfo) -> int:
    """Where a day begins in a zone."""
    return periods.day_start(periods.to_ms(datetime(day.year, day.month, day.day, 12, tzinfo=zone)), zone)


def local(ms: int, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show, without the zone."""
    return periods.to_datetime(ms, zone).replace(tzinfo=None)


def instant(when: datetime, zone: ZoneInfo) -> int:
    """When clocks of a zone show this: the first time of two, and where they skip it, as if they had not yet."""
    return periods.to_ms(when.replace(tzinfo=zone))
