"""What was measured by minute, hour or day: from rollups, and from readings where minutes wait for their rollup."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from django.db.models import F, Value
from django.db.models.expressions import Combinable

from readings import periods
from readings.history import unrolled
from readings.history.rows import Rows, Source, by_key, fetch, numbers
from readings.history.thinning import FloatArray, IntArray, Points, joined, merged
from readings.history.unrolled import DeviceKeys, DeviceMinutes
from readings.periods import HOUR_MS, MINUTE_MS
from readings.quantities import ACTIVE_POWER, Quantity

Bucket = Literal["minute", "hour", "day"]

UNROLLED_AT_MOST = 600_000
_STEP_MS: dict[Bucket, int] = {"minute": MINUTE_MS, "hour": HOUR_MS}


class Grid:
    """The buckets that a span touches, numbered from 0."""

    def __init__(self, bucket: Bucket, start_ms: int, end_ms: int, zone: str) -> None:
        self.bucket = bucket
        if bucket == "day":
            self.start_ms = periods.day_start(start_ms, zone)
            self.end_ms = periods.next_day_start(end_ms - 1, zone)
            self._days = np.array([*periods.day_edges(self.start_ms, self.end_ms, zone), self.end_ms], dtype=np.int64)
        else:
            self._step_ms = _STEP_MS[bucket]
            self.start_ms = start_ms // self._step_ms * self._step_ms
            self.end_ms = -(-end_ms // self._step_ms) * self._step_ms

    def slots(self, times: IntArray) -> IntArray:
        """The numbers of the buckets that hold these times."""
        if self.bucket == "day":
            return np.searchsorted(self._days, times, side="right") - 1
        return (times - self.start_ms) // self._step_ms

    def starts(self, slots: IntArray) -> IntArray:
        if self.bucket == "day":
            return self._days[slots]
        return self.start_ms + slots * self._step_ms


@dataclass(frozen=True, slots=True)
class Wanted:
    """One quantity of the ports of some devices (or of the devices themselves), by bucket."""

    source: Source
    keys: DeviceKeys
    quantity: Quantity
    grid: Grid

    def device_of(self) -> dict[int, int]:
        return {key: device_id for device_id, of_device in self.keys.items() for key in of_device}


def points_of(wanted: Wanted, *, now_ms: int) -> dict[int, Points]:
    """By key, a point per bucket in which the quantity was measured, in its stored integers.

    The extremes are the mean where no reading ended in the bucket.
    """
    waiting = unrolled.dirty_minutes(list(wanted.keys), wanted.grid.start_ms, wanted.grid.end_ms)
    dirty = unrolled.newest(wanted.source, wanted.keys, waiting, UNROLLED_AT_MOST)
    parts: dict[int, list[Points]] = {}
    for key, points in chain(_from_rollups(wanted, dirty), _from_readings(wanted, dirty, now_ms)):
        parts.setdefault(key, []).append(points)
    return {key: _measured(merged(joined(of_key))) for key, of_key in parts.items()}


def _measured(points: Points) -> Points:
    points = points.where((points.weight > 0) & ~np.isnan(points.total))
    means = points.values()
    low, high = (np.where(np.isnan(extreme), means, extreme) for extreme in (points.low, points.high))
    return Points(points.slot, points.weight, points.total, low, high)


def _from_rollups(wanted: Wanted, dirty: DeviceMinutes) -> Iterator[tuple[int, Points]]:
    """The buckets, and, to be taken out of them again, the stale rollups of the dirty minutes; all of one moment."""
    source, grid = wanted.source, wanted.grid
    device_of = wanted.device_of()
    whole = source.between(source.table(grid.bucket), list(device_of), grid.start_ms, grid.end_ms)
    rows = [_marked(wanted, whole, 0)]
    rows += [_marked(wanted, part, 1) for part in unrolled.rollups_in(source, wanted.keys, dirty)]
    for key, values in by_key(numbers(fetch(rows), 7)).items():
        starts, weight, total, low, high, stale = values.T
        sign = np.where(stale > 0, -1.0, 1.0)
        points = Points(grid.slots(starts.astype(np.int64)), sign * weight, sign * total, low, high)
        yield key, points.where((stale == 0) | np.isin(starts, dirty[device_of[key]]))


def _marked(wanted: Wanted, part: Rows, stale: int) -> Rows:
    name = wanted.quantity.name
    total: Combinable = F("positive_energy") - F("negative_energy")
    if wanted.quantity != ACTIVE_POWER:
        total = F(f"{name}_sum")
    measured_ms = F("covered_ms") + F("recovered_ms")
    extremes = (f"{name}_min__fixed", f"{name}_max__fixed")
    return part.values_list(wanted.source.key, "start", measured_ms, total, *extremes, Value(stale))


def _from_readings(wanted: Wanted, dirty: DeviceMinutes, now_ms: int) -> Iterator[tuple[int, Points]]:
    """What the readings say about the dirty minutes."""
    columns = (wanted.source.key, "time", "window_ms", f"{wanted.quantity.name}__fixed")
    device_of = wanted.device_of()
    for rows in unrolled.readings_in(wanted.source, wanted.keys, dirty, columns, now_ms=now_ms):
        for key, table in by_key(numbers(rows, len(columns))).items():
            minutes = dirty[device_of[key]]
            times, windows = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
            yield key, _shares(times, windows, table[:, 2], minutes, wanted.grid)
            yield key, _extremes(times, table[:, 2], minutes, wanted.grid)


def _shares(times: IntArray, windows: IntArray, values: FloatArray, minutes: IntArray, grid: Grid) -> Points:
    reading, minute, overlap = unrolled.overlaps(times, windows, minutes, minutes + MINUTE_MS)
    unknown = np.full(len(reading), np.nan)
    return Points(grid.slots(minutes[minute]), overlap.astype(float), values[reading] * overlap, unknown, unknown)


def _extremes(times: IntArray, values: FloatArray, minutes: IntArray, grid: Grid) -> Points:
    """A reading counts for the extremes of the minute (start, end] that its time lies in."""
    ended = (times - 1) // MINUTE_MS * MINUTE_MS
    inside = np.isin(ended, minutes)
    values = values[inside]
    return Points(grid.slots(ended[inside]), np.zeros(len(values)), np.full(len(values), np.nan), values, values)
