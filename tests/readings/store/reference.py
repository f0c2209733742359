"""Rollups by the plainest arithmetic: one bucket at a time, straight from the readings, in Python's integers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from readings.periods import HOUR_MS, MINUTE_MS, floor_hour
from readings.quantities import Quantity
from readings.store.lines import Lines, RollupRow

Bucket = dict[str, int | None]


@dataclass(frozen=True)
class Window:
    """A reading of one line."""

    time: int
    window_ms: int
    recovered: bool
    values: Mapping[str, int | None]

    def overlap_ms(self, start_ms: int, end_ms: int) -> int:
        return max(0, min(self.time, end_ms) - max(self.time - self.window_ms, start_ms))


def as_bucket(lines: Lines, row: RollupRow) -> Bucket:
    return dict(zip(lines.rollup_columns[2:], row[2:], strict=True))


def minutes_of(quantities: Sequence[Quantity], windows: Iterable[Window], start: int, end: int) -> dict[int, Bucket]:
    """The minutes of [start, end) that any of one line's windows touches."""
    found: dict[int, Bucket] = {}
    for minute in range(start, end, MINUTE_MS):
        touching = [
            window
            for window in windows
            if window.overlap_ms(minute, minute + MINUTE_MS) or minute < window.time <= minute + MINUTE_MS
        ]
        if touching:
            found[minute] = _minute(quantities, touching, minute)
    return found


def hours_of(quantities: Sequence[Quantity], minutes: Mapping[int, Bucket]) -> dict[int, Bucket]:
    return {
        hour: combine(quantities, [minutes[minute] for minute in minutes if floor_hour(minute) == hour])
        for hour in {floor_hour(minute) for minute in minutes}
    }


def days_of(
    quantities: Sequence[Quantity], minutes: Mapping[int, Bucket], midnights: Sequence[int]
) -> dict[int, Bucket]:
    """Days between midnights: of their whole hours, and of minutes in the hours that a midnight cuts."""
    hours = hours_of(quantities, minutes)
    found = {}
    for start, end in pairwise(midnights):
        whole = [hour for hour in hours if start <= hour and hour + HOUR_MS <= end]
        pieces = [hours[hour] for hour in whole]
        pieces += [minutes[m] for m in minutes if start <= m < end and floor_hour(m) not in whole]
        if pieces:
            found[start] = combine(quantities, pieces)
    return found


def combine(quantities: Sequence[Quantity], pieces: Sequence[Bucket]) -> Bucket:
    """A longer bucket out of shorter ones."""
    weights = [_number(piece, "covered_ms") + _number(piece, "recovered_ms") for piece in pieces]
    bucket: Bucket = {}
    for name in pieces[0]:
        values = [piece[name] for piece in pieces]
        known = [value for value in values if value is not None]
        if name.endswith("_min"):
            bucket[name] = min(known, default=None)
        elif name.endswith("_max"):
            bucket[name] = max(known, default=None)
        elif name.endswith("_sum"):
            bucket[name] = _scaled(zip(values, weights, strict=True), sum(weights), known)
        else:
            bucket[name] = sum(known)
    return bucket


def _minute(quantities: Sequence[Quantity], touching: Sequence[Window], minute: int) -> Bucket:
    end = minute + MINUTE_MS
    overlaps = [window.overlap_ms(minute, end) for window in touching]
    samples = [window for window in touching if minute < window.time <= end]
    bucket: Bucket = {
        "samples": len(samples),
        "covered_ms": sum(ms for ms, window in zip(overlaps, touching, strict=True) if not window.recovered),
        "recovered_ms": sum(ms for ms, window in zip(overlaps, touching, strict=True) if window.recovered),
    }
    for quantity in quantities:
        name = quantity.name
        products = [None if (v := w.values[name]) is None else v * ms for w, ms in zip(touching, overlaps, strict=True)]
        if name == "active_power":
            bucket["positive_energy"] = sum(max(product or 0, 0) for product in products)
            bucket["negative_energy"] = -sum(min(product or 0, 0) for product in products)
        else:
            known = [product for product in products if product is not None]
            bucket[f"{name}_sum"] = _scaled(zip(products, overlaps, strict=True), sum(overlaps), known)
        seen = [value for window in samples if (value := window.values[name]) is not None]
        bucket[f"{name}_min"] = min(seen, default=None)
        bucket[f"{name}_max"] = max(seen, default=None)
    return bucket


def _scaled(parts: Iterator[tuple[int | None, int]], all_ms: int, known: Sequence[int]) -> int | None:
    """The sum of what is known, as if the rest of the time had the same mean; halves are rounded up."""
    known_ms = sum(ms for value, ms in parts if value is not None)
    if not known or known_ms == 0 < all_ms:
        return None
    if known_ms == all_ms:
        return sum(known)
    whole, rest = divmod(sum(known) * all_ms, known_ms)
    return whole + (1 if 2 * rest >= known_ms else 0)


def _number(bucket: Bucket, name: str) -> int:
    value = bucket[name]
    assert value is not None
    return value
