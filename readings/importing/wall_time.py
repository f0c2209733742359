"""Local times without an offset, as clocks on the wall show them, placed in UTC by the order of the rows. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from readings.periods import to_ms

# A clock that is put right now and then goes back by less; the end of summer time puts it back by half an hour or more.
PUT_RIGHT_MS: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - of local times
_MILLISECOND: Final = timedelta(milliseconds=1)


class Hour(Enum):
    """Whether clocks show a time once, twice (the end of summer time) or never (its beginning)."""

    PLAIN = "plain"
    DOUBLED = "doubled"
    SKIPPED = "skipped"


def place(shown: datetime, zone: ZoneInfo, previous_ms: int | None) -> tuple[int, Hour]:
    """The epoch ms of a local time, given that of the row before.

    A time that clocks show twice is its first showing, unless that lies before the row before: then they have been put
    back since, and it is the second. Without a row before it is the first. A time that clocks skip is what one shows
    that nobody has put forward yet: so the rows before and after it join.
    """
    if shown.tzinfo is not None:
        return to_ms(shown), Hour.PLAIN
    earlier, later = _offsets(shown.replace(second=0, microsecond=0), zone)
    local_ms = (shown - _EPOCH) // _MILLISECOND
    if earlier == later:
        return local_ms - earlier, Hour.PLAIN
    if earlier < later:
        return local_ms - earlier, Hour.SKIPPED
    first_ms, second_ms = local_ms - earlier, local_ms - later
    if previous_ms is not None and first_ms < previous_ms - PUT_RIGHT_MS <= second_ms:
        return second_ms, Hour.DOUBLED
    return first_ms, Hour.DOUBLED


@lru_cache(maxsize=4096)
def _offsets(minute: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The offsets in ms before and after a change of the clocks where a local minute is at one, else twice the same."""
    before, after = (minute.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return before // _MILLISECOND, after // _MILLISECOND
