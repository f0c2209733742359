"""Minutes out of readings: pure arithmetic on integers, so that every database gets the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readings.bad_minutes import NOTHING_BAD, BadOf
from readings.periods import MINUTE_MS
from readings.quantities import ACTIVE_POWER
from readings.store.lines import Lines, ReadingRow, RollupRow, scaled_sum

_Integers = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Column = list[int | None]


@dataclass(frozen=True)
class _Shares:
    """What readings give to minutes: a long window gives a share to each minute that it touches."""

    line: _Integers
    minute: _Integers
    overlap_ms: _Integers
    ends_here: _Flags
    """Whether the reading's time lies in (minute, end of minute]: it is a sample of this minute."""
    recovered: _Flags
    values: _Floats
    """A column per quantity; NaN where it was missing. Exact: the stored integers are far below 2**53."""


def minute_rows(
    lines: Lines, readings: Sequence[ReadingRow] | _Floats, start_ms: int, end_ms: int, bad: BadOf = NOTHING_BAD
) -> list[RollupRow]:
    """The rollups of all whole minutes in [start_ms, end_ms) that a reading touches, but for the bad ones of its line.

    ``readings`` are all whose window touches that span, in any order; those that touch nothing of it do no harm.
    """
    if not len(readings):
        return []
    shares = _shares(np.array(readings, dtype=np.float64), start_ms, end_ms, bad)
    if not len(shares.line):
        return []
    first = np.flatnonzero(np.r_[True, (np.diff(shares.line) != 0) | (np.diff(shares.minute) != 0)])
    columns = [
        shares.line[first].tolist(),
        shares.minute[first].tolist(),
        *_additive(lines, shares, first),
        *_sums(lines, shares, first),
        *_extremes(shares, first, np.minimum, np.inf),
        *_extremes(shares, first, np.maximum, -np.inf),
    ]
    return list(zip(*columns, strict=True))


def _shares(readings: _Floats, start_ms: int, end_ms: int, bad: BadOf) -> _Shares:
    """Cut every window at the minutes' edges, drop the pieces in bad minutes, and sort the rest by line and minute."""
    line, time, window = readings[:, :3].astype(np.int64).T
    begin = time - window
    last = (time - 1) // MINUTE_MS * MINUTE_MS
    lowest = np.maximum(np.minimum(begin // MINUTE_MS * MINUTE_MS, last), start_ms)
    highest = np.minimum(last, end_ms - MINUTE_MS)
    pieces = np.maximum((highest - lowest) // MINUTE_MS + 1, 0)
    of = np.repeat(np.arange(len(readings)), pieces)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    minute = lowest[of] + nth * MINUTE_MS
    if bad:
        good = ~_are_bad(bad, line[of], minute)
        of, minute = of[good], minute[good]
    order = np.lexsort((minute, line[of]))
    of, minute = of[order], minute[order]
    return _Shares(
        line=line[of],
        minute=minute,
        overlap_ms=np.minimum(time[of], minute + MINUTE_MS) - np.maximum(begin[of], minute),
        ends_here=minute == last[of],
        recovered=readings[of, 3] != 0,
        values=readings[of, 4:],
    )


def _are_bad(bad: BadOf, lines: _Integers, minutes: _Integers) -> _Flags:
    found = np.zeros(len(minutes), dtype=np.bool_)
    for line, bad_minutes in bad.items():
        of_line = lines == line
        found[of_line] = bad_minutes.hold(minutes[of_line])
    return found


def _total(values: _Integers, first: _Integers) -> _Integers:
    totals: _Integers = np.add.reduceat(values, first, dtype=np.int64)
    return totals


def _additive(lines: Lines, shares: _Shares, first: _Integers) -> list[_Column]:
    recovered_ms = shares.overlap_ms * shares.recovered
    parts = [shares.ends_here.astype(np.int64), shares.overlap_ms - recovered_ms, recovered_ms]
    if ACTIVE_POWER in lines.quantities:
        power = np.nan_to_num(shares.values[:, lines.quantities.index(ACTIVE_POWER)]).astype(np.int64)
        energy = power * shares.overlap_ms
        parts += [np.maximum(energy, 0), np.maximum(-energy, 0)]
    return [_total(part, first).tolist() for part in parts]


def _sums(lines: Lines, shares: _Shares, first: _Integers) -> list[_Column]:
    all_ms = _total(shares.overlap_ms, first).tolist()
    columns = []
    for quantity in lines.weighted:
        values = shares.values[:, lines.quantities.index(quantity)]
        known = ~np.isnan(values)
        totals = _total(np.nan_to_num(values).astype(np.int64) * shares.overlap_ms, first).tolist()
        if known.all():
            columns.append(totals)
            continue
        known_ms = _total(shares.overlap_ms * known, first).tolist()
        known_at_all = np.logical_or.reduceat(known, first).tolist()
        columns.append(
            [
                scaled_sum(*parts) if is_known else None
                for is_known, *parts in zip(known_at_all, totals, known_ms, all_ms, strict=True)
            ]
        )
    return columns


def _extremes(shares: _Shares, first: _Integers, pick: np.ufunc, nothing: float) -> list[_Column]:
    """Least or greatest value per minute, of its samples only; None where none of them has the quantity."""
    counted = shares.ends_here[:, None] & ~np.isnan(shares.values)
    found = pick.reduceat(np.where(counted, shares.values, nothing), first)
    return [[None if value == nothing else int(value) for value in column] for column in found.T.tolist()]
