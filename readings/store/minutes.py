"""Minutes out of readings: pure arithmetic on integers, so that every database gets the same rows.

The integers are in columns of float64, which has NaN for what is missing. They are exact in it, as no sum of a minute
comes near 2**53: a value has 31 bits, and as the windows of a line do not overlap, a minute has 60,000 ms of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from readings.bad_minutes import NOTHING_BAD, BadOf
from readings.periods import MINUTE_MS
from readings.quantities import ACTIVE_POWER
from readings.store.archive.together import in_order
from readings.store.lines import Lines, ReadingRow, RollupRow, scaled_sum

_Integers = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Column = list[int | None]

_SAMPLES, _ALL_MS, _RECOVERED_MS, _POSITIVE, _NEGATIVE, _FIRST_SUM = range(6)
_PER_SUM: Final = 3  # value x ms of what is known, how long that is, and how many pieces know it


@dataclass(frozen=True)
class _Pieces:
    """Windows cut at the minutes' edges, the pieces of a minute one behind the other."""

    line: _Floats
    minute: _Integers
    overlap_ms: _Floats
    recovered: _Floats
    values: Sequence[_Floats]
    """A column per quantity."""
    are_samples: bool
    """Whether the readings' times lie in (minute, end of minute]."""


@dataclass(frozen=True)
class _Minutes:
    """What some pieces give to minutes, a row per line and minute."""

    line: _Floats
    minute: _Integers
    added: _Floats
    least: _Floats
    greatest: _Floats

    def at(self, which: _Flags | NDArray[np.intp]) -> "_Minutes":
        return _Minutes(
            self.line[which], self.minute[which], self.added[which], self.least[which], self.greatest[which]
        )


def minute_rows(
    lines: Lines, readings: Sequence[ReadingRow] | _Floats, start_ms: int, end_ms: int, bad: BadOf = NOTHING_BAD
) -> list[RollupRow]:
    """The rollups of all whole minutes in [start_ms, end_ms) that a reading touches, but for the bad ones of its line.

    ``readings`` are all whose window touches that span, in any order; those that touch nothing of it do no harm.
    """
    if not len(readings):
        return []
    table = in_order(np.asarray(readings, dtype=np.float64))
    parts = [_of_pieces(lines, pieces) for pieces in _pieces(table, start_ms, end_ms)]
    minutes = _put_together([_good(part, start_ms, end_ms, bad) for part in parts])
    return _rows(lines, minutes)


def _pieces(table: _Floats, start_ms: int, end_ms: int) -> Iterator[_Pieces]:
    """The piece of every window in the minute that holds its end, then those in earlier minutes of the span.

    Nearly all windows lie in one minute, so that what is done to each reading decides how long all of it takes.
    """
    line, recovered, values = table[:, 0], table[:, 3], list(table[:, 4:].T)
    time, window = table[:, 1].astype(np.int64), table[:, 2].astype(np.int64)
    begin, last = time - window, (time - 1) // MINUTE_MS * MINUTE_MS
    overlap_ms = (time - np.maximum(begin, last)).astype(np.float64)
    yield _Pieces(line, last, overlap_ms, recovered, values, are_samples=True)
    crossing = np.flatnonzero(begin < last)
    lowest = np.maximum(begin[crossing] // MINUTE_MS * MINUTE_MS, start_ms)
    highest = np.minimum(last[crossing], end_ms) - MINUTE_MS
    count = np.maximum((highest - lowest) // MINUTE_MS + 1, 0)
    of = np.repeat(crossing, count)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    minute = np.repeat(lowest, count) + nth * MINUTE_MS
    overlap_ms = (minute + MINUTE_MS - np.maximum(begin[of], minute)).astype(np.float64)
    earlier = [column[of] for column in values]
    yield _Pieces(line[of], minute, overlap_ms, recovered[of], earlier, are_samples=False)


def _of_pieces(lines: Lines, pieces: _Pieces) -> _Minutes:
    first = _firsts(pieces.line, pieces.minute)
    if not len(first):
        nothing = np.empty((0, len(lines.quantities)))
        return _Minutes(pieces.line, pieces.minute, np.empty((0, _width(lines))), nothing, nothing)
    least, greatest = (np.full((len(first), len(lines.quantities)), np.nan, order="F") for _ in range(2))
    if pieces.are_samples:
        for n, values in enumerate(pieces.values):
            np.fmin.reduceat(values, first, out=least[:, n])
            np.fmax.reduceat(values, first, out=greatest[:, n])
    added = _added(lines, pieces, first)
    return _Minutes(pieces.line[first], pieces.minute[first], added, least, greatest)


def _width(lines: Lines) -> int:
    return _FIRST_SUM + _PER_SUM * len(lines.weighted)


def _firsts(line: _Floats, minute: _Integers) -> NDArray[np.intp]:
    """Where another minute, or another line, begins."""
    begins = np.ones(len(line), dtype=np.bool_)
    begins[1:] = (line[1:] != line[:-1]) | (minute[1:] != minute[:-1])
    return np.flatnonzero(begins)


def _added(lines: Lines, pieces: _Pieces, first: NDArray[np.intp]) -> _Floats:
    """What is summed, a column each."""
    overlap_ms, count = pieces.overlap_ms, np.diff(first, append=len(pieces.line))
    added = np.zeros((len(first), _width(lines)), order="F")
    added[:, _SAMPLES] = count if pieces.are_samples else 0
    np.add.reduceat(overlap_ms, first, out=added[:, _ALL_MS])
    if pieces.recovered.any():
        np.add.reduceat(overlap_ms * pieces.recovered, first, out=added[:, _RECOVERED_MS])
    if ACTIVE_POWER in lines.quantities:
        # A missing power covers no time.
        energy = np.nan_to_num(pieces.values[lines.quantities.index(ACTIVE_POWER)]) * overlap_ms
        np.add.reduceat(np.maximum(energy, 0), first, out=added[:, _POSITIVE])
        added[:, _NEGATIVE] = added[:, _POSITIVE] - np.add.reduceat(energy, first)
    for n, quantity in enumerate(lines.weighted):
        values = pieces.values[lines.quantities.index(quantity)]
        known_sum, known_ms, known = added[:, _FIRST_SUM + _PER_SUM * n :][:, :_PER_SUM].T
        np.add.reduceat(values * overlap_ms, first, out=known_sum)
        known_ms[:], known[:] = added[:, _ALL_MS], count
        if np.isnan(known_sum).any():
            is_known = ~np.isnan(values)
            np.add.reduceat(np.nan_to_num(values) * overlap_ms, first, out=known_sum)
            np.add.reduceat(overlap_ms * is_known, first, out=known_ms)
            np.add.reduceat(is_known.astype(np.float64), first, out=known)
    return added


def _good(minutes: _Minutes, start_ms: int, end_ms: int, bad: BadOf) -> _Minutes:
    """Without those outside of the span, and without the bad ones."""
    good = (minutes.minute >= start_ms) & (minutes.minute < end_ms)
    for line, bad_minutes in bad.items():
        of_line = minutes.line == line
        good[of_line] &= ~bad_minutes.hold(minutes.minute[of_line])
    return minutes.at(good)


def _put_together(parts: Sequence[_Minutes]) -> _Minutes:
    """Each minute once, in order."""
    table = _Minutes(
        np.concatenate([part.line for part in parts]),
        np.concatenate([part.minute for part in parts]),
        np.concatenate([part.added for part in parts]),
        np.concatenate([part.least for part in parts]),
        np.concatenate([part.greatest for part in parts]),
    )
    table = table.at(np.lexsort((table.minute, table.line)))
    first = _firsts(table.line, table.minute)
    if not len(first):
        return table
    return _Minutes(
        table.line[first],
        table.minute[first],
        np.add.reduceat(table.added, first),
        np.fmin.reduceat(table.least, first),
        np.fmax.reduceat(table.greatest, first),
    )


def _rows(lines: Lines, minutes: _Minutes) -> list[RollupRow]:
    """In the order of ``rollup_columns``."""
    added = minutes.added
    energies = [added[:, _POSITIVE], added[:, _NEGATIVE]] if ACTIVE_POWER in lines.quantities else []
    exact = [
        minutes.line,
        minutes.minute,
        added[:, _SAMPLES],
        added[:, _ALL_MS] - added[:, _RECOVERED_MS],
        added[:, _RECOVERED_MS],
        *energies,
    ]
    columns: list[_Column] = [column.astype(np.int64).tolist() for column in exact]
    for n in range(len(lines.weighted)):
        columns.append(_sums(added[:, _FIRST_SUM + _PER_SUM * n :][:, :_PER_SUM], added[:, _ALL_MS]))
    columns += [_integers(column) for column in (*minutes.least.T, *minutes.greatest.T)]
    return list(zip(*columns, strict=True))


def _sums(of_known: _Floats, all_ms: _Floats) -> _Column:
    """Value x ms, as if what is not known of a minute were as the rest; None where nothing is."""
    known_sum, known_ms, known = of_known.astype(np.int64).T
    sums: _Column = known_sum.tolist()
    for n in np.flatnonzero((known_ms != all_ms) | (known == 0)).tolist():
        sums[n] = scaled_sum(int(known_sum[n]), int(known_ms[n]), int(all_ms[n])) if known[n] else None
    return sums


def _integers(column: _Floats) -> _Column:
    """None for NaN."""
    missing = np.isnan(column)
    integers: _Column = np.where(missing, 0, column).astype(np.int64).tolist()
    for n in np.flatnonzero(missing).tolist():
        integers[n] = None
    return integers
