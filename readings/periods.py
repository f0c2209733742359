"""Pieces of time: minutes and hours of UTC, days, weeks, months and years of a time zone.

Every instant is UTC epoch milliseconds, every span half open: it holds its start and not its end.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from readings.marking import gettext_noop as _

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

Bucket = Literal["total", "minute", "hour", "day", "week", "month", "year"]
Zone = str | ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 2199
_NO_TIME = _("%(text)s is no ISO 8601 time; write for example 2026-03-29T00:00:00+01:00 or 2026-03-28T23:00:00Z.")
_NO_OFFSET = _("%(text)s has no offset from UTC; write for example 2026-03-29T00:00:00+01:00 or 2026-03-28T23:00:00Z.")
_OUTSIDE = _("%(text)s is not between %(first)d and %(last)d.")


class UnreadableTime(ValueError):
    """A text that is no instant we can use; the message says what to write instead.

    ``gettext(template) % values`` says it in the reader's language.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template % values)
        self.template = template
        self.values = values


def floor_minute(ms: int) -> int:
    return ms // MINUTE_MS * MINUTE_MS


def floor_hour(ms: int) -> int:
    return ms // HOUR_MS * HOUR_MS


def to_ms(when: datetime) -> int:
    """The epoch ms of an aware datetime; what lies under the millisecond is cut off."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(ms: int, zone: Zone = "UTC") -> datetime:
    """The aware datetime of an instant, on the clocks of a zone."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(_zone_info(zone))


def local_date(ms: int, zone: Zone) -> date:
    """The date that the clocks of a zone show."""
    return to_datetime(ms, zone).date()


def parse_time(text: str) -> int:
    """The epoch ms of an ISO 8601 time with its offset, such as ``2026-03-29T00:00:00+01:00``.

    Raises UnreadableTime.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableTime(_NO_TIME, text=repr(text)) from None
    if when.tzinfo is None:
        raise UnreadableTime(_NO_OFFSET, text=repr(text))
    if not _EARLIEST_YEAR < when.year < _LATEST_YEAR:
        raise UnreadableTime(_OUTSIDE, text=repr(text), first=_EARLIEST_YEAR + 1, last=_LATEST_YEAR - 1)
    return to_ms(when)


def format_time(ms: int, zone: Zone = "UTC") -> str:
    """ISO 8601 with the zone's offset, to the second, or to the millisecond where that is needed."""
    return to_datetime(ms, zone).isoformat(timespec="milliseconds" if ms % SECOND_MS else "seconds")


def day_start(ms: int, zone: Zone) -> int:
    """The local midnight that begins the day of an instant."""
    return _span(ms, zone, _first_of_day)[0]


def next_day_start(ms: int, zone: Zone) -> int:
    """The first local midnight after an instant."""
    return _span(ms, zone, _first_of_day)[1]


def week_start(ms: int, zone: Zone) -> int:
    """The local midnight that begins the Monday of an instant's week."""
    return _span(ms, zone, _first_of_week)[0]


def next_week_start(ms: int, zone: Zone) -> int:
    return _span(ms, zone, _first_of_week)[1]


def month_start(ms: int, zone: Zone) -> int:
    return _span(ms, zone, _first_of_month)[0]


def next_month_start(ms: int, zone: Zone) -> int:
    return _span(ms, zone, _first_of_month)[1]


def year_start(ms: int, zone: Zone) -> int:
    return _span(ms, zone, _first_of_year)[0]


def next_year_start(ms: int, zone: Zone) -> int:
    return _span(ms, zone, _first_of_year)[1]


def day_edges(start_ms: int, end_ms: int, zone: Zone) -> list[int]:
    """All local midnights in [start_ms, end_ms)."""
    edges = []
    edge = next_day_start(start_ms - 1, zone)
    while edge < end_ms:
        edges.append(edge)
        edge = next_day_start(edge, zone)
    return edges


def buckets(start_ms: int, end_ms: int, bucket: Bucket, zone: Zone) -> list[tuple[int, int]]:
    """[start_ms, end_ms) cut at the edges of a bucket; the span's own ends may shorten the first and the last piece.

    Minutes and hours are those of UTC, the others those of the zone's calendar; ``total`` cuts nothing.
    """
    if end_ms <= start_ms:
        return []
    pieces = []
    piece_start = start_ms
    while piece_start < end_ms:
        piece_end = min(_next_edge(piece_start, bucket, zone) or end_ms, end_ms)
        pieces.append((piece_start, piece_end))
        piece_start = piece_end
    return pieces


def _next_edge(ms: int, bucket: Bucket, zone: Zone) -> int | None:
    if bucket == "total":
        return None
    if bucket == "minute":
        return floor_minute(ms) + MINUTE_MS
    if bucket == "hour":
        return floor_hour(ms) + HOUR_MS
    return _span(ms, zone, _FIRST_DATES[bucket])[1]


_FirstDate = Callable[[date, int], date]


def _first_of_day(day: date, later: int) -> date:
    return day + timedelta(days=later)


def _first_of_week(day: date, later: int) -> date:
    return day - timedelta(days=day.weekday()) + timedelta(weeks=later)


def _first_of_month(day: date, later: int) -> date:
    years, month = divmod(day.month - 1 + later, 12)
    return date(day.year + years, month + 1, 1)


def _first_of_year(day: date, later: int) -> date:
    return date(day.year + later, 1, 1)


_FIRST_DATES: dict[Bucket, _FirstDate] = {
    "day": _first_of_day,
    "week": _first_of_week,
    "month": _first_of_month,
    "year": _first_of_year,
}


def _span(ms: int, zone: Zone, first_date: _FirstDate) -> tuple[int, int]:
    """Start and end of the calendar span that holds an instant.

    The loop passes over spans that clocks never showed (Samoa had no 30 December 2011) or showed again after the next
    one had begun (where clocks went back across midnight), so that spans never overlap and leave nothing out.
    """
    info = _zone_info(zone)
    shown = local_date(ms, info)
    start = _midnight(first_date(shown, 0), info)
    later = 1
    while (end := _midnight(first_date(shown, later), info)) <= ms:
        start = end
        later += 1
    return start, end


@lru_cache(maxsize=4096)
def _midnight(day: date, info: ZoneInfo) -> int:
    """When a date begins: at the first of two midnights, and where clocks skip midnight, when they do."""
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=info))


def _zone_info(zone: Zone) -> ZoneInfo:
    return ZoneInfo(zone) if isinstance(zone, str) else zone
