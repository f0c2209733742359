"""Minutes that lie in files come back into rows before anything is written that is made of them, or in their place.

Whoever writes rollups asks for that in his transaction, under the lock under which an archiver takes minutes away. Then
nobody takes them until that transaction ends; a day later the archiver does again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from readings.archive_models import ArchiveFile
from readings.periods import HOUR_MS, day_start, floor_hour, next_day_start
from readings.store.archive.errors import ArchiveBusy
from readings.store.archive.layout import MINUTES

T = TypeVar("T")

_ATTEMPTS: Final = 5
_KINDS: Final = tuple(kind.name for kind in MINUTES)

FileSpan = tuple[int, int, int]
"""A device, and the span of one of its files."""


class MinutesInFiles(Exception):
    """Minutes that have to be rows are in files. Nothing was written."""

    def __init__(self, spans: Sequence[FileSpan]) -> None:
        super().__init__(f"Minutes of {len(spans)} days are in files")
        self.spans = spans


def restoring_minutes(write: Callable[[], T]) -> T:
    """What ``write`` gives once it does not raise MinutesInFiles: what it lacks is restored, and it is called again.

    It ends its transaction by raising. Raises as ``restoring.restore``.
    """
    for _ in range(_ATTEMPTS):
        try:
            return write()
        except MinutesInFiles as missing:
            from readings.store.archive.restoring import restore  # noqa: PLC0415 - see `archive.together`

            for span in missing.spans:
                restore(*span, kinds=MINUTES)
    raise ArchiveBusy("minutes")


def require_rows(devices: Iterable[int], start_ms: int, end_ms: int) -> None:
    """Raises MinutesInFiles where a file holds minutes of [start_ms, end_ms). The devices' ports have to be locked."""
    files = ArchiveFile.objects.filter(kind__in=_KINDS, device__in=devices, start_ms__lt=end_ms, end_ms__gt=start_ms)
    spans = sorted(set(files.values_list("device_id", "start_ms", "end_ms")))
    if spans:
        raise MinutesInFiles(spans)


def made_of_minutes(start_ms: int, end_ms: int, zones: Iterable[str]) -> tuple[int, int]:
    """What the hours and the local days that [start_ms, end_ms) touches are made of, as far as it is minutes: the hours
    themselves, and those that a midnight cuts.
    """
    first, last = floor_hour(start_ms), floor_hour(end_ms + HOUR_MS - 1)
    for name in zones:
        zone = ZoneInfo(name)
        midnights = day_start(start_ms, zone), next_day_start(end_ms - 1, zone)
        if any(midnight % HOUR_MS for midnight in midnights):
            first, last = min(first, floor_hour(midnights[0])), max(last, floor_hour(midnights[1] + HOUR_MS - 1))
    return first, last
