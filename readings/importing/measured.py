"""Which time of a device is measured already in our database, so that nothing is stored over it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Max, Min

from readings.models import DeviceHour, DeviceMinute
from readings.periods import HOUR_MS, MINUTE_MS, floor_hour
from readings.store.archive.together import in_order
from readings.store.lines import DEVICE_LINES
from readings.store.recompute import SomeLines, computable_since, readings_touching


@dataclass(frozen=True, slots=True)
class Measured:
    """The windows of stored readings, by their ends."""

    ends: Sequence[int]
    starts: Sequence[int]

    def holds(self, time_ms: int) -> bool:
        """Whether a moment is measured: it lies in a window, or there is a reading of it."""
        after = bisect_left(self.ends, time_ms)
        return after < len(self.ends) and (self.ends[after] == time_ms or self.starts[after] < time_ms)

    def clear_window_ms(self, time_ms: int, window_ms: int) -> int:
        """As much of a window as lies behind everything that is measured before its end, which is not."""
        before = bisect_left(self.ends, time_ms) - 1
        return window_ms if before < 0 else min(window_ms, time_ms - self.ends[before])


def measured_between(device_id: int, start_ms: int, end_ms: int) -> Measured:
    """What is measured of [start_ms, end_ms], in rows and in the archive's files. Raises ArchiveError."""
    device = SomeLines(DEVICE_LINES, [device_id], [device_id])
    found = in_order(readings_touching(device, start_ms - 1, end_ms, 0))
    times, windows = found[:, 1].astype(np.int64), found[:, 2].astype(np.int64)
    return Measured(times.tolist(), (times - windows).tolist())


def only_sums_until(device_id: int) -> int | None:
    """Until when only sums are kept of a device, since the readings that they were made of are gone.

    A reading that was stored there would have its minute computed anew, from itself alone. None: there is no such time.
    """
    minutes = DeviceMinute.objects.filter(device=device_id).aggregate(first=Min("start"), last=Max("start"))
    hours = DeviceHour.objects.filter(device=device_id).aggregate(first=Min("start"), last=Max("start"))
    since_ms = computable_since(device_id)
    if since_ms is None:
        ends = [(minutes["last"], MINUTE_MS), (hours["last"], HOUR_MS)]
        return max((start + length for start, length in ends if start is not None), default=None)
    starts = [(minutes["first"], since_ms), (hours["first"], floor_hour(since_ms))]
    return since_ms if any(start is not None and start < first_ms for start, first_ms in starts) else None
