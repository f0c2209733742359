"""Which time of a device is measured already in our database, so that nothing is stored over it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.db.models import Max, Min

from readings.archive_models import ArchiveFile
from readings.importing.errors import NotImported
from readings.models import DeviceHour, DeviceMinute, DeviceReading
from readings.periods import HOUR_MS, MINUTE_MS, floor_hour
from readings.store.archive.errors import FileMissing
from readings.store.archive.files import integers
from readings.store.archive.layout import KINDS
from readings.store.archive.moving import read_whole
from readings.store.recompute import computable_since

_READINGS = KINDS["device_readings"]
_LOOKS: Final = 5


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
    files = _files(device_id, start_ms, end_ms)
    for _ in range(_LOOKS):
        found = _in_rows(device_id, start_ms, end_ms)
        before, files = files, _files(device_id, start_ms, end_ms)
        if before != files:
            continue  # rows were moved into files meanwhile, or back
        try:
            for file in files:
                found.update(_in_file(file.path, file))
        except FileMissing:
            if ArchiveFile.objects.filter(pk__in=[file.pk for file in files]).count() == len(files):
                raise
            continue  # another one took its place
        ends = sorted(found.items())
        return Measured([time_ms for time_ms, _ in ends], [time_ms - window_ms for time_ms, window_ms in ends])
    raise NotImported("The archive is being changed all the time. Start the import again later.")


def _in_rows(device_id: int, start_ms: int, end_ms: int) -> dict[int, int]:
    """Windows by time, and that of the next reading, which may reach back."""
    rows = DeviceReading.objects.filter(device=device_id).values_list("time", "window_ms")
    later = rows.filter(time__gt=end_ms).order_by("time")[:1]
    return dict([*rows.filter(time__gte=start_ms, time__lte=end_ms), *later])


def _files(device_id: int, start_ms: int, end_ms: int) -> list[ArchiveFile]:
    files = ArchiveFile.objects.filter(kind=_READINGS.name, device=device_id).order_by("start_ms")
    later = files.filter(last_ms__gt=end_ms)[:1]
    return list({file.pk: file for file in (*files.filter(start_ms__lte=end_ms, end_ms__gt=start_ms), *later)}.values())


@lru_cache(maxsize=4)
def _in_file(_path: str, file: ArchiveFile) -> dict[int, int]:
    """Windows by time. A path never changes its content."""
    table = read_whole(_READINGS, file)
    return dict(zip(integers(table, "time").tolist(), integers(table, "window_ms").tolist(), strict=True))


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
