"""One quantity of ports or devices over time: as fine as asked for, and never more points than asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from django.conf import settings
from django.db.models import F, Value

from devices.models import Device, Port
from devices.querysets import silence_limit
from readings.bad_minutes import NOTHING_BAD, BadMinutes, BadOf, bad_of
from readings.history.buckets import NO_TIMES, Bucket, Grid, Rolled, Wanted, rolled
from readings.history.levels import LADDER, STEP_MS, Asked, Extent, Resolution, finer_level, level_for
from readings.history.rows import DEVICES, PORTS, Days, Source, by_key, zones_of
from readings.history.thinning import (
    BoolArray,
    FloatArray,
    IntArray,
    Points,
    fair,
    firsts,
    merged,
    slots_per_point,
    with_gaps,
)
from readings.history.turns import Turns, TurnsOf, factor_of, turns_of
from readings.history.unrolled import Unfinished, unfinished
from readings.models import BadSpan
from readings.periods import MINUTE_MS, floor_minute
from readings.quantities import Quantity
from readings.statements import Rows, fetch, numbers
from readings.store.archive.together import LEAST_HOT_MS, DeviceSpan, with_files
from readings.store.archive.together import merged as merged_with_files
from readings.store.gone import finest_left, is_all_there

MAX_POINTS = 2000
DEVICES_AT_ONCE = 40
TOUCH_MS = 1000
_KEPT_FOR_EVER: Final = ("hour", "day")


@dataclass(frozen=True, slots=True)
class Line:
    """Points in order of time (epoch ms) in the quantity's unit; NaN is a gap. ``port_id`` is None for a device.

    ``covered_ms`` is the time of each point that was measured normally, ``recovered_ms`` that in recovered windows.
    """

    device_id: int
    port_id: int | None
    times: IntArray
    values: FloatArray
    minimum: FloatArray
    maximum: FloatArray
    covered_ms: FloatArray
    recovered_ms: FloatArray

    @property
    def recovered(self) -> BoolArray:
        """The points of which more time lies in recovered windows than was measured normally."""
        return self.recovered_ms > self.covered_ms


@dataclass(frozen=True, slots=True)
class Series:
    """``resolution`` names what was read, which can be finer than the points are far apart: ``step_ms`` is the time
    from point to point (a day counts as 24 h). It is None for readings as they came. ``has_bad`` tells whether anything
    of the span is left out because somebody marked it as bad.
    """

    resolution: Resolution
    unit: str
    start_ms: int
    end_ms: int
    step_ms: int | None
    lines: list[Line]
    has_bad: bool = False


def series(  # noqa: PLR0913  (a question has these parts, and callers name them)
    lines: Sequence[Port] | Sequence[Device],
    quantity: Quantity,
    start_ms: int,
    end_ms: int,
    *,
    now_ms: int,
    resolution: Asked = "auto",
    max_points: int = MAX_POINTS,
) -> Series:
    """What these ports (or devices, for a device's quantity) measured in [start_ms, end_ms).

    ``second`` gives readings as they came; the others give every bucket that the span touches, by its start: its
    weighted mean, its lowest and its highest reading (the mean, where no reading ended in the bucket). Minutes that
    wait for their rollup are computed from readings. A gap is one NaN. What was marked as bad is left out, as a gap.

    No question is refused, and none reads much: a resolution with too many rows for these lines and this span gives
    way to a coarser one, as does one of which something of the span was let go of; ``auto`` takes the one that suits
    both (``levels.level_for``); where only a part of the span was measured, it is that part that counts
    (``levels.finer_level``). Lines with more than max_points are thinned: mean, minimum and maximum of equal slices, so
    that a spike of one second is always seen.
    """
    if any(isinstance(line, Port) != (quantity.of == "port") for line in lines):
        raise ValueError(f"{quantity.name} is measured per {quantity.of}: ask for {quantity.of}s")
    turns = turns_of((line for line in lines if isinstance(line, Port)), quantity)
    question = _Question(lines, quantity, start_ms, end_ms, now_ms, max_points, turns)
    level = question.left(level_for(question.extent(end_ms - start_ms), resolution))
    if level == "second":
        answer = question.as_they_came()
        if resolution == "auto" and not _has_points(answer):
            # The readings of long ago are gone, their rollups are not.
            minutes = question.by_bucket("minute")
            return minutes if _has_points(minutes) else answer
        return answer
    rollups = question.rollups(level)
    finer = finer_level(question.extent(_measured_ms(rollups, level)), resolution, level)
    if finer is not None and question.left(finer) == finer:
        answer = question.as_they_came() if finer == "second" else question.by_bucket(finer)
        if _has_points(answer):
            return answer
    return question.answer(level, rollups)


def _measured_ms(rollups: Sequence[Rolled], level: Bucket) -> int:
    """About the time from the first measured bucket of all lines to the end of the last."""
    starts = np.concatenate([NO_TIMES, *(rolled.starts() for rolled in rollups)])
    return int(starts.max() - starts.min()) + STEP_MS[level] if len(starts) else 0


def _has_points(answer: Series) -> bool:
    return any(len(line.times) for line in answer.lines)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A line in stored integers, gaps marked: times, then mean, lowest, highest, covered and recovered ms."""

    times: IntArray
    columns: tuple[FloatArray, ...]


@dataclass(frozen=True)
class _Question:
    lines: Sequence[Port] | Sequence[Device]
    quantity: Quantity
    start_ms: int
    end_ms: int
    now_ms: int
    max_points: int
    turns: TurnsOf = field(default_factory=dict)

    @property
    def source(self) -> Source:
        return PORTS if self.quantity.of == "port" else DEVICES

    @property
    def keys(self) -> list[int]:
        return sorted({line.pk for line in self.lines})

    def extent(self, length_ms: int) -> Extent:
        return Extent(len(self.keys), length_ms, self.max_points, 1000 * settings.CT6_PERIOD)

    def left(self, level: Resolution) -> Resolution:
        """The level, or the finest of which nothing of the span was let go of."""
        return level if level in _KEPT_FOR_EVER else max(level, self.finest, key=LADDER.index)

    @cached_property
    def finest(self) -> Resolution:
        if is_all_there(self.start_ms, self.now_ms):
            return "second"
        return finest_left(self.unfinished.gone, self.start_ms)

    def by_bucket(self, bucket: Bucket) -> Series:
        return self.answer(bucket, self.rollups(bucket))

    def answer(self, bucket: Bucket, rollups: Sequence[Rolled]) -> Series:
        """The rollups, and the readings of the minutes that wait for theirs."""
        points: dict[int, Points] = {}
        grids: dict[int, Grid] = {}
        for part in rollups:
            found = part.points(now_ms=self.now_ms)
            points.update(found)
            grids.update(dict.fromkeys(found, part.wanted.grid))
        first, slots = slots_per_point([of_line.slot for of_line in points.values()], self.max_points)
        drawn = {key: _by_slice(of_line, grids[key], first, slots) for key, of_line in points.items()}
        bad = rollups[0].wanted.bad if rollups else NOTHING_BAD
        return self._series(bucket, STEP_MS[bucket] * slots, drawn, bad)

    def rollups(self, bucket: Bucket) -> list[Rolled]:
        found = []
        for days, keys in self._portions(bucket):
            grid = Grid(bucket, self.start_ms, self.end_ms, days.zone)
            bad = self.unfinished.bad
            wanted = Wanted(self.source, keys, self.quantity, grid, days.made, self.turns, bad)
            found.append(rolled(wanted, self.unfinished.minutes, now_ms=self.now_ms))
        return found

    @cached_property
    def unfinished(self) -> Unfinished:
        """Of the span and the rest of the days that it touches."""
        day_ms = STEP_MS["day"]
        span = self.start_ms - 2 * day_ms, self.end_ms + 2 * day_ms
        return unfinished(zones_of(self.lines), *span, days=True, ports=self._ports)

    @property
    def _ports(self) -> list[int]:
        return self.keys if self.quantity.of == "port" else []

    def _portions(self, bucket: Bucket) -> Iterator[tuple[Days, dict[int, list[int]]]]:
        """The keys by device, in portions that one statement can take and whose buckets have the same edges."""
        if self.start_ms >= self.end_ms:
            return
        keys: dict[int, list[int]] = {}
        for line in self.lines:
            keys.setdefault(_device_id(line), []).append(line.pk)
        known = dict.fromkeys(keys, Days("UTC", made=True))
        if bucket == "day":
            stale = self.unfinished.days or frozenset()
            known = {pk: Days(zone, pk not in stale) for pk, zone in zones_of(self.lines).items()}
        for days in sorted(set(known.values())):
            devices = [device_id for device_id in keys if known[device_id] == days]
            for begin in range(0, len(devices), DEVICES_AT_ONCE):
                yield days, {device_id: keys[device_id] for device_id in devices[begin : begin + DEVICES_AT_ONCE]}

    def as_they_came(self) -> Series:
        table, bad = self._readings()
        tables = by_key(table)
        readings = {key: _Readings.of(table, self.turns.get(key), bad.get(key)) for key, table in tables.items()}
        if all(len(of_line) <= self.max_points for of_line in readings.values()):
            return self._series("second", None, {key: of_line.drawn() for key, of_line in readings.items()}, bad)
        first_ms, step_ms = slots_per_point([of_line.times for of_line in readings.values()], self.max_points)
        step_ms = -(-step_ms // 1000) * 1000
        drawn = {key: of_line.thinned(first_ms, step_ms) for key, of_line in readings.items()}
        return self._series("second", step_ms, drawn, bad)

    def _readings(self) -> tuple[FloatArray, BadOf]:
        """Key, time, window, whether it is recovered, and value; and what has to be left out of them."""
        in_files = None
        if self.start_ms >= self.now_ms - LEAST_HOT_MS:
            rows = self._rows([])
        else:
            spans = [DeviceSpan(device_id, self.start_ms, self.end_ms) for device_id in {*map(_device_id, self.lines)}]
            columns = ("window_ms", "recovered", self.quantity.name)
            rows, in_files = with_files(self.source.archived, spans, columns, self.keys, self._rows)
        is_span = rows[:, 2] < 0
        bad = bad_of((rows[is_span, :3].astype(np.int64) * (1, 1, -1)).tolist())
        rows = rows[~is_span] if bad else rows
        return rows if in_files is None else merged_with_files(in_files, rows), bad

    def _rows(self, more: list[Rows]) -> FloatArray:
        """The readings of the span, and in the same statement bad spans, told apart by their windows: no reading has
        one below 0."""
        columns = (self.source.key, "time", "window_ms", "recovered", f"{self.quantity.name}__fixed")
        readings = self.source.rows(self.source.reading, self.keys)
        inside = readings.filter(time__gte=self.start_ms, time__lt=self.end_ms).values_list(*columns)
        spans = BadSpan.objects.in_effect(self._ports, floor_minute(self.start_ms - 1), self.end_ms)
        marked = spans.values_list("port_id", "start_ms", Value(0) - F("until_ms"), Value(0), Value(0))
        return numbers(fetch([inside, marked, *more]), len(columns))

    def _series(self, resolution: Resolution, step_ms: int | None, drawn: dict[int, _Drawn], bad: BadOf) -> Series:
        lines = [self._line(line, drawn.get(line.pk)) for line in self.lines]
        has_bad = any(of_port.touch(self.start_ms, self.end_ms) for of_port in bad.values())
        return Series(resolution, self.quantity.unit, self.start_ms, self.end_ms, step_ms, lines, has_bad)

    def _line(self, line: Port | Device, drawn: _Drawn | None) -> Line:
        none = np.empty(0)
        times, columns = (drawn.times, drawn.columns) if drawn else (none.astype(np.int64), (none,) * 5)
        values, minimum, maximum = (column / self.quantity.scale for column in columns[:3])
        factor = factor_of(line, self.quantity) if isinstance(line, Port) and line.pk not in self.turns else 1.0
        if factor != 1.0:
            values, minimum, maximum = (factor * column + 0.0 for column in (values, minimum, maximum))  # 0, not -0
        if factor < 0:
            minimum, maximum = maximum, minimum
        port_id = line.pk if isinstance(line, Port) else None
        return Line(_device_id(line), port_id, times, values, minimum, maximum, *columns[3:])


def _device_id(line: Port | Device) -> int:
    return line.device_id if isinstance(line, Port) else line.pk


def _by_slice(points: Points, grid: Grid, first: int, slots: int) -> _Drawn:
    """One point per slice of so many buckets, counted from the bucket ``first``."""
    points = merged(Points((points.slot - first) // slots, *points.measured))
    after = np.flatnonzero(np.diff(points.slot) > 1)
    times, gap_times = (grid.starts(first + slice_ * slots) for slice_ in (points.slot, points.slot[after] + 1))
    return _Drawn(*with_gaps(times, _columns(points), after, gap_times))


def _columns(points: Points) -> tuple[FloatArray, ...]:
    return points.values(), points.low, points.high, points.weight - points.recovered, points.recovered


@dataclass(frozen=True, slots=True)
class _Readings:
    """The readings of a line that have a value; ``broken`` tells where something is missing before the next one."""

    times: IntArray
    windows: IntArray
    recovered_ms: FloatArray
    values: FloatArray
    broken: BoolArray

    @classmethod
    def of(cls, table: FloatArray, turns: Turns | None = None, bad: BadMinutes | None = None) -> "_Readings":
        is_known = ~np.isnan(table[:, 3])
        if bad is not None:
            is_known &= ~bad.hold((table[:, 0].astype(np.int64) - 1) // MINUTE_MS * MINUTE_MS)
        known = np.flatnonzero(is_known)
        times, windows = table[known, 0].astype(np.int64), table[known, 1].astype(np.int64)
        recovered_ms, values = windows * table[known, 2], table[known, 3]
        if turns is not None:
            values = values * turns.at(times - 1) + 0.0  # the moment itself ends the time before it
        apart, windows_after = np.diff(times), windows[1:]
        silent = apart > silence_limit().total_seconds() * 1000
        untouched = np.where(windows_after > 0, apart - windows_after > TOUCH_MS, silent)
        return cls(times, windows, recovered_ms, values, untouched | (np.diff(known) > 1))

    def __len__(self) -> int:
        """How many points they make, gaps included."""
        return len(self.times) + int(self.broken.sum())

    def drawn(self) -> _Drawn:
        after = np.flatnonzero(self.broken)
        halfway = (self.times[after] + self.times[after + 1]) // 2
        columns = (*(self.values,) * 3, self.windows - self.recovered_ms, self.recovered_ms)
        return _Drawn(*with_gaps(self.times, columns, after, halfway))

    def thinned(self, first_ms: int, step_ms: int) -> _Drawn:
        """One point per slice; a gap shows where it leaves a slice empty (slow readings alone are no gap)."""
        slot = (self.times - first_ms) // step_ms
        weight = fair(slot, self.windows.astype(float))
        first = firsts(slot)
        measured_ms = (np.add.reduceat(ms, first) for ms in (self.windows - self.recovered_ms, self.recovered_ms))
        points = merged(Points(slot, weight, 0 * weight, weight * self.values, self.values, self.values))
        columns = (points.values(), points.low, points.high, *measured_ms)
        last_of_slice = np.flatnonzero(np.diff(slot))
        after = np.flatnonzero((np.diff(points.slot) > 1) & self.broken[last_of_slice])
        times, gap_times = (first_ms + slice_ * step_ms for slice_ in (points.slot, points.slot[after] + 1))
        return _Drawn(*with_gaps(times, columns, after, gap_times))
