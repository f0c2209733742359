"""Rows of theirs become readings: each gets its time and its window by the rows before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from readings.collect.windows import PERIODS_BRIDGED, SHORTEST_RESTART_MS
from readings.importing import wall_time
from readings.importing.layout import TheirRow, read_shown
from readings.importing.wall_time import PUT_RIGHT_MS, Hour

USUAL_PERIOD_MS: Final = 1000
LONGEST_PERIOD_MS: Final = 300_000  # as the collector has it: nobody asks more rarely on purpose


class Why(StrEnum):
    """Why a row is not stored, as the report says it."""

    NO_TIME = "time unreadable"
    IDENTICAL = "the same row twice"
    MEASURED = "measured already"
    ONLY_SUMS = "only sums are kept from then"
    TO_COME = "lies in the future"


class Note(StrEnum):
    """What is odd about rows that are stored all the same."""

    SKIPPED_HOUR = "in the hour that summer time skips"
    DOUBLED_HOUR = "in the doubled hour"
    SET_BACK = "clock set back"
    SAME_SECOND = "same second as the row before"
    GAP = "after a gap"
    UNUSABLE = "with values that cannot be"


@dataclass(frozen=True, slots=True)
class Placed:
    """A row at its time; the window reaches back to the row before, 0 where that is too far."""

    row: TheirRow
    time_ms: int
    window_ms: int
    goes_back: bool
    notes: tuple[Note, ...]


@dataclass(slots=True)
class Placer:
    """Goes through the rows of one unit, in the order in which they were stored."""

    zone: ZoneInfo
    period_ms: int = USUAL_PERIOD_MS
    previous_ms: int | None = None
    previous: TheirRow | None = None
    """The row before; after an import that was stopped it is read again."""

    @property
    def bridged_ms(self) -> int:
        """So long a silence is still filled by the mean that ends it, as the collector does it."""
        return max(PERIODS_BRIDGED * self.period_ms, SHORTEST_RESTART_MS)

    def place(self, row: TheirRow) -> Placed | Why:
        """Where a row belongs, or why it is left out. It then is the row before."""
        shown = read_shown(row.shown)
        if shown is None:
            return Why.NO_TIME
        same_shown = self.previous is not None and self.previous.shown == row.shown
        if same_shown and self.previous is not None and self.previous.values == row.values:
            return Why.IDENTICAL
        time_ms, hour = wall_time.place(shown, self.zone, self.previous_ms)
        notes: list[Note] = []
        if same_shown and self.previous_ms is not None:
            time_ms = self.previous_ms + 1
            notes.append(Note.SAME_SECOND)
        goes_back = self.previous_ms is not None and time_ms <= self.previous_ms
        window_ms = self._window_ms(time_ms, notes)
        if hour is Hour.SKIPPED:
            notes.append(Note.SKIPPED_HOUR)
        elif hour is Hour.DOUBLED:
            notes.append(Note.DOUBLED_HOUR)
        self.previous_ms, self.previous = time_ms, row
        return Placed(row, time_ms, window_ms, goes_back, tuple(notes))

    def _window_ms(self, time_ms: int, notes: list[Note]) -> int:
        if self.previous_ms is None:
            return 0
        distance_ms = time_ms - self.previous_ms
        if distance_ms < -PUT_RIGHT_MS:
            notes.append(Note.SET_BACK)
        elif distance_ms > self.bridged_ms:
            notes.append(Note.GAP)
        return distance_ms if 0 < distance_ms <= self.bridged_ms else 0


def usual_period_ms(rows: Iterable[TheirRow], zone: ZoneInfo) -> int:
    """How long it mostly is from one row to the next, five minutes at most."""
    placer = Placer(zone)
    times = [placed.time_ms for row in rows if isinstance(placed := placer.place(row), Placed)]
    apart = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return min(max(1, round(median(apart))), LONGEST_PERIOD_MS) if apart else USUAL_PERIOD_MS
