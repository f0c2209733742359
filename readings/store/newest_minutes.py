"""Minutes that come behind all others of their line are added to their hour and day.

To sum those up again takes the longer the fuller they are: at the end of a day as long as all else of a roll-up. What
comes of both is the same whole numbers.
"""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from readings.periods import HOUR_MS, MINUTE_MS, day_start, floor_hour, next_day_start
from readings.store.hours_and_days import add_to, lines_with, lines_with_holes
from readings.store.lines import Lines, RollupRow

AT_MOST_MS: Final = 10 * MINUTE_MS  # of more, the hour is nearly as cheap


def behind_all_others(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int) -> set[int]:
    """The lines that have no minute yet from ``start_ms`` on, in this hour or the next.

    So a minute that is only missing, and is in the hour above it, is not added once more when it is computed again.
    """
    if end_ms - start_ms > AT_MOST_MS:
        return set()
    return set(ids) - lines_with(lines, lines.minutes, ids, start_ms, floor_hour(end_ms) + 2 * HOUR_MS)


def add_to_hours(lines: Lines, ids: set[int], rows: Sequence[RollupRow]) -> set[int]:
    """Add the new minutes of some lines to their hours; which lines that was right for: the hours of the others have
    to be summed up.
    """
    starts = _starts(ids, rows)
    if not starts:
        return ids
    hours = {start: floor_hour(start) for start in starts}
    first, end_ms = min(hours.values()), max(hours.values()) + HOUR_MS
    done = ids - lines_with_holes(lines, lines.minutes, sorted(ids), first, end_ms)
    add_to(lines, lines.hours, [row for row in rows if row[0] in done], hours)
    return done


def add_to_days(lines: Lines, ids: set[int], rows: Sequence[RollupRow], zone: ZoneInfo) -> set[int]:
    """The same for their days in a zone, which have to be made in it already. Only where days are of whole hours."""
    starts = _starts(ids, rows)
    if not starts:
        return ids
    days = {start: day_start(start, zone) for start in starts}
    first, end_ms = min(days.values()), next_day_start(max(days.values()), zone)
    if first % HOUR_MS or end_ms % HOUR_MS:
        return set()
    done = ids - lines_with_holes(lines, lines.hours, sorted(ids), first, end_ms)
    add_to(lines, lines.days, [row for row in rows if row[0] in done], days)
    return done


def _starts(ids: set[int], rows: Sequence[RollupRow]) -> set[int]:
    return {int(row[1] or 0) for row in rows if row[0] in ids}
