"""Weighted points of one line, brought to fewer points without losing a spike. Pure numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Points:
    """What was measured by slot, a numbered piece of time: ``total`` is the sum of value x weight.

    ``recovered`` is the part of the weight that lies in recovered windows. ``low`` and ``high`` are the extremes, NaN
    where no reading ended in the slot; so is ``total`` where nothing but NULL was measured.
    """

    slot: IntArray
    weight: FloatArray
    recovered: FloatArray
    total: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.slot)

    def where(self, wanted: IntArray | BoolArray) -> "Points":
        measured = (column[wanted] for column in self.measured)
        return Points(self.slot[wanted], *measured)

    @property
    def measured(self) -> tuple[FloatArray, ...]:
        return self.weight, self.recovered, self.total, self.low, self.high

    def values(self) -> FloatArray:
        """The weighted means."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.weight > 0, self.total / self.weight, np.nan)


def joined(parts: list[Points]) -> Points:
    """All points of several parts, in order of their slots."""
    slot = np.concatenate([part.slot for part in parts])
    measured = (np.concatenate(columns) for columns in zip(*(part.measured for part in parts), strict=True))
    return Points(slot, *measured).where(np.argsort(slot, kind="stable"))


def merged(points: Points) -> Points:
    """One point per slot: what has a total adds it and its weights, and the extremes are those of all.

    The points have to be in order of their slots.
    """
    if not len(points):
        return points
    first = firsts(points.slot)
    measured = ~np.isnan(points.total)
    total = np.add.reduceat(np.where(measured, points.total, 0.0), first)
    return Points(
        points.slot[first],
        np.add.reduceat(np.where(measured, points.weight, 0.0), first),
        np.add.reduceat(np.where(measured, points.recovered, 0.0), first),
        np.where(np.logical_or.reduceat(measured, first), total, np.nan),
        np.fmin.reduceat(points.low, first),
        np.fmax.reduceat(points.high, first),
    )


def firsts(slot: IntArray) -> IntArray:
    """Where in a column of slots, which has to be in order, each of them comes first."""
    return np.flatnonzero(np.diff(slot, prepend=slot[:1] - 1))


def fair(slot: IntArray, weight: FloatArray) -> FloatArray:
    """The weights, but equal ones in slots where none of the points has any. The slots have to be in order."""
    if not len(slot):
        return weight
    first = firsts(slot)
    sums = np.add.reduceat(weight, first)
    return np.where(np.repeat(sums, np.diff(first, append=len(slot))) > 0, weight, 1.0)


def slots_per_point(lines: list[IntArray], max_points: int) -> tuple[int, int]:
    """The first slot of all lines, and how many slots make a point so that no line has more than max_points."""
    held = [slots for slots in lines if len(slots)]
    if not held:
        return 0, 1
    first = int(min(slots[0] for slots in held))
    extent = int(max(slots[-1] for slots in held)) - first + 1
    return first, -(-extent // max_points)


def with_gaps(
    times: IntArray, columns: tuple[FloatArray, ...], after: IntArray, gap_times: IntArray
) -> tuple[IntArray, tuple[FloatArray, ...]]:
    """The points of a line and, after each of the positions ``after``, one point without a value."""
    times = np.insert(times, after + 1, gap_times)
    return times, tuple(np.insert(column, after + 1, np.nan) for column in columns)
