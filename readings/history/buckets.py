"""What was measured by minute, hour or day: from rollups, and from readings where minutes wait for their rollup."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from django.db.models import F, Value
from django.db.models.expressions import Combinable

from readings import periods
from readings.bad_minutes import BadOf
from readings.history import unrolled
from readings.history.rows import Piece, Source, by_key
from readings.history.thinning import FloatArray, IntArray, Points, joined, merged
from readings.history.turns import TurnsOf
from readings.history.unrolled import DeviceKeys, DeviceMinutes
from readings.periods import HOUR_MS, MINUTE_MS
from readings.quantities import ACTIVE_POWER, Quantity
from readings.statements import Rows, fetch, numbers
from readings.store.archive.together import DeviceSpan, Sought, minutes_with_files
from readings.store.archive.together import merged as merged_with_files

Bucket = Literal["minute", "hour", "day"]

UNROLLED_AT_MOST = 600_000
NO_TIMES: Final = np.empty(0, dtype=np.int64)
_WIDTH: Final = 7  # columns of rollups as points: key, start, weight, recovered, total, lowest and highest
DAYS_AT_ONCE = 30  # SQLite takes 500 parts of a statement, and a day off the hour needs three
_STEP_MS: dict[Bucket, int] = {"minute": MINUTE_MS, "hour": HOUR_MS}


class Grid:
    """The buckets that a span touches, numbered from 0."""

    def __init__(self, bucket: Bucket, start_ms: int, end_ms: int, zone: str) -> None:
        self.bucket = bucket
        if bucket == "day":
            self.start_ms = periods.day_start(start_ms, zone)
            self.end_ms = periods.next_day_start(end_ms - 1, zone)
            self.days = _days(self.start_ms, self.end_ms, zone)
        else:
            self._step_ms = _STEP_MS[bucket]
            self.start_ms = start_ms // self._step_ms * self._step_ms
            self.end_ms = -(-end_ms // self._step_ms) * self._step_ms

    def slots(self, times: IntArray) -> IntArray:
        """The numbers of the buckets that hold these times."""
        if self.bucket == "day":
            return np.searchsorted(self.days, times, side="right") - 1
        return (times - self.start_ms) // self._step_ms

    def starts(self, slots: IntArray) -> IntArray:
        if self.bucket == "day":
            return self.days[slots]
        return self.start_ms + slots * self._step_ms


@lru_cache(maxsize=64)
def _days(start_ms: int, end_ms: int, zone: str) -> IntArray:
    """All local midnights from start to end. Five years of them take longer to find than their rollups to add up."""
    days = np.array([*periods.day_edges(start_ms, end_ms, zone), end_ms], dtype=np.int64)
    days.flags.writeable = False
    return days


@dataclass(frozen=True, slots=True)
class Wanted:
    """One quantity of the ports of some devices (or of the devices themselves), by bucket.

    ``days_made`` tells whether their day rows are all of the grid's time zone. ``turns`` are of the lines whose factor
    was another one before. ``bad`` is what is to be left out of their readings.
    """

    source: Source
    keys: DeviceKeys
    quantity: Quantity
    grid: Grid
    days_made: bool = True
    turns: TurnsOf = field(default_factory=dict)
    bad: BadOf = field(default_factory=dict)

    def device_of(self) -> dict[int, int]:
        return {key: device_id for device_id, of_device in self.keys.items() for key in of_device}

    def cut_days(self) -> list[tuple[int, int]]:
        """The days in which a line's factor changes: their rows say nothing of when in the day something was."""
        moments = {ms for of_device in self.keys.values() for key in of_device for ms in self._moments(key)}
        days = self.grid.days.tolist()
        found = {}
        for moment in sorted(moments):
            place = int(np.searchsorted(self.grid.days, moment, side="right")) - 1
            if 0 <= place < len(days) - 1 and days[place] != moment:
                found[days[place]] = days[place + 1]
        return list(found.items())

    def _moments(self, key: int) -> list[int]:
        return self.turns[key].moments.tolist() if key in self.turns else []

    def points(self, key: int, starts: IntArray, weight: FloatArray, *values: FloatArray) -> Points:
        """What began at these times, by slot; the values are the recovered weight, the totals and the extremes."""
        recovered, total, low, high = values
        if key in self.turns:
            total, low, high = self.turns[key].applied(starts, total, low, high)
        return Points(self.grid.slots(starts), weight, recovered, total, low, high)


@dataclass(frozen=True, slots=True)
class Rolled:
    """What the rollups of a question say. The minutes that wait for theirs are taken out of it, and not yet read."""

    wanted: Wanted
    dirty: DeviceMinutes
    parts: dict[int, list[Points]]

    def starts(self) -> IntArray:
        """When the buckets begin of which the rollups know something, and the minutes that wait."""
        slots = [part.slot for parts in self.parts.values() for part in parts]
        return np.concatenate([self.wanted.grid.starts(np.concatenate([NO_TIMES, *slots])), *self.dirty.values()])

    def points(self, *, now_ms: int) -> dict[int, Points]:
        """By key, a point per bucket in which the quantity was measured, in its stored integers.

        The extremes are the mean where no reading ended in the bucket.
        """
        parts = {key: list(of_key) for key, of_key in self.parts.items()}
        for key, points in _from_readings(self.wanted, self.dirty, now_ms):
            parts.setdefault(key, []).append(points)
        return {key: _measured(merged(joined(of_key))) for key, of_key in parts.items()}


def rolled(wanted: Wanted, waiting: DeviceMinutes, *, now_ms: int) -> Rolled:
    """The rollups' part of an answer. ``waiting`` are all minutes of the grid that wait for their rollup."""
    grid = wanted.grid
    dirty = unrolled.within(waiting, wanted.keys, grid.start_ms, grid.end_ms)
    dirty = unrolled.newest(wanted.source, wanted.keys, dirty, UNROLLED_AT_MOST)
    parts: dict[int, list[Points]] = {}
    for rollups in _statements(wanted):
        stale = unrolled.within(dirty, wanted.keys, rollups[0].start_ms, rollups[-1].end_ms)
        for key, points in _from_rollups(wanted, rollups, stale, now_ms):
            parts.setdefault(key, []).append(points)
    return Rolled(wanted, dirty, parts)


def _statements(wanted: Wanted) -> Iterator[list[Piece]]:
    """The rollups to add up, in portions that one statement can take.

    Right after a change of time zone the day rows are still of another zone: then hours take their place.
    """
    grid, source = wanted.grid, wanted.source
    cut = wanted.cut_days() if grid.bucket == "day" and wanted.turns else []
    if grid.bucket != "day" or (wanted.days_made and len(cut) <= DAYS_AT_ONCE):
        yield _around(wanted, cut)
        return
    for first in range(0, len(grid.days) - 1, DAYS_AT_ONCE):
        edges = grid.days[first : first + DAYS_AT_ONCE + 1].tolist()
        yield [piece for day in pairwise(edges) for piece in source.whole_hours(*day)]


def _around(wanted: Wanted, cut_days: list[tuple[int, int]]) -> list[Piece]:
    """All buckets of the grid, with hours in place of some days."""
    source, table = wanted.source, wanted.source.table(wanted.grid.bucket)
    pieces, begun = [], wanted.grid.start_ms
    for start_ms, end_ms in cut_days:
        pieces += [Piece(table, begun, start_ms)] if begun < start_ms else []
        pieces += source.whole_hours(start_ms, end_ms)
        begun = end_ms
    return [*pieces, Piece(table, begun, wanted.grid.end_ms)] if begun < wanted.grid.end_ms else pieces


def _measured(points: Points) -> Points:
    points = points.where((points.weight > 0) & ~np.isnan(points.total))
    means = points.values()
    low, high = (np.where(np.isnan(extreme), means, extreme) for extreme in (points.low, points.high))
    return Points(points.slot, points.weight, points.recovered, points.total, low, high)


def _from_rollups(
    wanted: Wanted, rollups: list[Piece], dirty: DeviceMinutes, now_ms: int
) -> Iterator[tuple[int, Points]]:
    """The buckets, and, to be taken out of them again, the stale rollups of the dirty minutes; all of one moment."""
    source = wanted.source
    device_of = wanted.device_of()
    stale = unrolled.spans_in(wanted.keys, dirty)
    rows = [_times(1, wanted, source.between(piece.table, list(device_of), *piece[1:])) for piece in rollups]
    rows += [_times(-1, wanted, part) for part in unrolled.rollups_in(source, wanted.keys, stale)]
    minutes = [piece for piece in rollups if piece.table is source.minute]
    whole = [DeviceSpan(device_id, *piece[1:]) for piece in minutes for device_id in wanted.keys]
    for key, values in by_key(_beside_files(wanted, rows, whole, stale, now_ms)).items():
        starts, weight, *others = values.T
        points = wanted.points(key, starts.astype(np.int64), weight, *others)
        # Some between the dirty minutes came along. Those without any measured time stay, and take nothing out.
        yield key, points.where((weight >= 0) | np.isin(starts, dirty[device_of[key]]))


def _beside_files(
    wanted: Wanted, rows: Sequence[Rows], whole: Sequence[DeviceSpan], stale: Sequence[DeviceSpan], now_ms: int
) -> FloatArray:
    """These rows, and minutes from files as such rows: those of whole spans, and those to be taken out again."""
    name, kind = wanted.quantity.name, wanted.source.archived_minutes
    sums = ("positive_energy", "negative_energy") if wanted.quantity == ACTIVE_POWER else (f"{name}_sum",)
    columns = ("covered_ms", "recovered_ms", *sums, f"{name}_min", f"{name}_max")
    sought = [Sought(spans, columns, list(wanted.device_of())) for spans in (whole, stale)]
    table, in_files = minutes_with_files(
        kind, sought, lambda more: numbers(fetch([*rows, *more]), _WIDTH), width=_WIDTH, now_ms=now_ms
    )
    if not any(map(len, in_files)):
        return table
    is_stale = table[:, 2] < 0
    parts = []
    for factor, found, of_table in zip((1, -1), in_files, (table[~is_stale], table[is_stale]), strict=True):
        parts.append(merged_with_files(_as_rows(factor, found, len(sums)), of_table))
    return np.concatenate(parts)


def _as_rows(factor: int, found: FloatArray, sums: int) -> FloatArray:
    """As ``_times`` gives them."""
    covered, recovered = found[:, 2], found[:, 3]
    total = found[:, 4] - found[:, 5] if sums == 2 else found[:, 4]
    weighed = factor * np.stack([covered + recovered, recovered, total])
    return np.column_stack([found[:, :2], weighed.T, found[:, 4 + sums :]])


def _times(factor: Literal[1, -1], wanted: Wanted, part: Rows) -> Rows:
    """The rollups as the columns of points, their sums times a factor."""
    name = wanted.quantity.name
    total: Combinable = F("positive_energy") - F("negative_energy")
    if wanted.quantity != ACTIVE_POWER:
        total = F(f"{name}_sum")
    measured_ms = F("covered_ms") + F("recovered_ms")
    sums: tuple[Combinable, ...] = (measured_ms, F("recovered_ms"), total)
    if factor < 0:
        sums = tuple(Value(0) - part_of_sum for part_of_sum in sums)
    return part.values_list(wanted.source.key, "start", *sums, f"{name}_min__fixed", f"{name}_max__fixed")


def _from_readings(wanted: Wanted, dirty: DeviceMinutes, now_ms: int) -> Iterator[tuple[int, Points]]:
    """What the readings say about the dirty minutes."""
    device_of = wanted.device_of()
    for readings in unrolled.readings_in(wanted.source, wanted.keys, dirty, wanted.quantity, now_ms=now_ms):
        for key, table in by_key(readings).items():
            minutes = dirty[device_of[key]]
            if key in wanted.bad:
                minutes = minutes[~wanted.bad[key].hold(minutes)]
            yield key, wanted.points(key, *_shares(table, minutes))
            yield key, wanted.points(key, *_extremes(table[:, 0].astype(np.int64), table[:, 3], minutes))


_Columns = tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""When it began, then the columns of points."""


def _shares(table: FloatArray, minutes: IntArray) -> _Columns:
    """What each reading (time, window, recovered, value) has of each of the minutes."""
    times, windows = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    reading, minute, overlap = unrolled.overlaps(times, windows, minutes, minutes + MINUTE_MS)
    recovered, values = table[reading, 2], table[reading, 3]
    unknown = np.full(len(reading), np.nan)
    return minutes[minute], overlap.astype(float), recovered * overlap, values * overlap, unknown, unknown


def _extremes(times: IntArray, values: FloatArray, minutes: IntArray) -> _Columns:
    """A reading counts for the extremes of the minute (start, end] that its time lies in."""
    ended = (times - 1) // MINUTE_MS * MINUTE_MS
    inside = np.isin(ended, minutes)
    values = values[inside]
    nothing = np.zeros(len(values))
    return ended[inside], nothing, nothing, np.full(len(values), np.nan), values, values
