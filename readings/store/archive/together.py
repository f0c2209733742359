"""Rows of the database and files of the archive as one, for all who read readings.

Files are opened only where there are some: the library that reads them takes 50 MB of a process.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from django.db.models import Max, Min, QuerySet, Value
from numpy.typing import NDArray

from readings.archive_models import ArchiveFile
from readings.models import DeviceReading
from readings.periods import HOUR_MS
from readings.statements import Rows
from readings.store.archive.errors import ArchiveBusy, FileMissing
from readings.store.archive.layout import DAY_MS, KINDS, Kind

FloatArray = NDArray[np.float64]
"""A row per reading: line, moment (epoch ms), then the wanted columns, NaN where a value is NULL. Stored integers are
exact in it up to 2**53."""

LEAST_HOT_MS: Final = HOUR_MS
"""What is younger is never in a file: CT6_HOT_HOURS is one at least."""

_READS = 5
_MOMENT, _WINDOW = 1, 2  # the places of these columns in what with_files reads
_FILE = -1  # the moment that stands for a file, whose key is where a window is else; no reading has one below 0
_FAR_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of what has start_ms <= moment < end_ms, of some ports (None: of all lines)."""

    start_ms: int
    end_ms: int
    columns: Sequence[str]
    line_ids: Collection[int] | None = None


class DeviceSpan(NamedTuple):
    """[start_ms, end_ms) of a device."""

    device_id: int
    start_ms: int
    end_ms: int


def with_files(
    kind: Kind,
    spans: Sequence[DeviceSpan],
    columns: Sequence[str],
    line_ids: Collection[int] | None,
    read: Callable[[list[Rows]], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """The rows that ``read`` gives, and what files hold of these spans beside them: line, moment, then the columns,
    window and recovered before all others. ``merged`` makes one table of both.

    ``read`` gets parts that its statement has to hold too, and leaves their rows in what it gives: they tell which
    files there are at the same moment. So nothing is missed, though an archiver moves rows meanwhile, and without any
    file there is no other statement. What is in both is the same. Raises FileMissing, FileDamaged, ArchiveOff,
    ArchiveUnreachable: what cannot be read is not passed over.
    """
    for _ in range(_READS):
        table = read(_marks(kind, spans, 2 + len(columns)))
        is_mark = table[:, _MOMENT] == _FILE
        rows, keys = table[~is_mark], table[is_mark, _WINDOW].astype(np.int64).tolist()
        files = list(ArchiveFile.objects.filter(pk__in=keys).order_by("start_ms", "pk")) if keys else []
        if len(files) < len(set(keys)):
            continue  # others took their place meanwhile
        try:
            return rows, _read(kind, spans, columns, line_ids, files)
        except FileMissing as missing:
            if ArchiveFile.objects.filter(path=missing.path).exists():
                raise
    raise ArchiveBusy(kind.name)


def _marks(kind: Kind, spans: Iterable[DeviceSpan], width: int) -> list[Rows]:
    rest = [Value(0)] * (width - 3)
    return [part.values_list("device_id", Value(_FILE), "pk", *rest) for part in _files_of_parts(kind, spans)]


def files_of(kind: Kind, spans: Iterable[DeviceSpan]) -> list[ArchiveFile]:
    """The files that may hold something of these spans, by their start; read by one statement."""
    parts = _files_of_parts(kind, spans)
    return sorted(parts[0].union(*parts[1:]), key=lambda file: (file.start_ms, file.pk)) if parts else []


def _files_of_parts(kind: Kind, spans: Iterable[DeviceSpan]) -> list[QuerySet[ArchiveFile]]:
    by_edges: dict[tuple[int, int], set[int]] = {}
    for device_id, start_ms, end_ms in spans:
        by_edges.setdefault((start_ms, end_ms), set()).add(device_id)
    # No file is longer than a day.
    return [
        ArchiveFile.objects.filter(
            kind=kind.name, device__in=devices, start_ms__gt=start_ms - DAY_MS, start_ms__lt=end_ms, end_ms__gt=start_ms
        )
        for (start_ms, end_ms), devices in by_edges.items()
    ]


def merged(in_files: FloatArray, in_rows: FloatArray) -> FloatArray:
    """Both in order of line and moment; what is in both once."""
    if not len(in_files):
        return in_order(in_rows)
    table = in_order(np.concatenate([in_files, in_rows]))
    is_new = np.ones(len(table), dtype=bool)
    is_new[1:] = (np.diff(table[:, :2], axis=0) != 0).any(axis=1)
    return table[is_new]


def in_order(table: FloatArray) -> FloatArray:
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def first_file_after(kind: Kind, device_id: int, after_ms: int) -> QuerySet[ArchiveFile]:
    """The first file with something after a moment, if there is one."""
    return ArchiveFile.objects.filter(kind=kind.name, device_id=device_id, last_ms__gt=after_ms).order_by("start_ms")[
        :1
    ]


def next_in_file(kind: Kind, device_id: int, file_id: int, after_ms: int) -> int | None:
    """The first moment after another one, from the file that ``first_file_after`` found."""
    from readings.store.archive.reading import read_files  # noqa: PLC0415 - see the module's text

    file = ArchiveFile.objects.filter(pk=file_id).first()
    for _ in range(_READS):
        file = file or first_file_after(kind, device_id, after_ms).first()
        if file is None:  # restored meanwhile
            return None
        try:
            found = read_files(kind, [file], Wanted(after_ms + 1, _FAR_MS, ()))
        except FileMissing:
            if ArchiveFile.objects.filter(pk=file.pk).exists():
                raise
            file = None  # another one took its place meanwhile
        else:
            return int(found[:, 1].min()) if len(found) else None
    raise ArchiveBusy(kind.name)


def begin_of_files(device_id: int) -> list[int]:
    """Where the first window that is in a file begins, a millisecond before its reading at least; empty without any."""
    of_device = ArchiveFile.objects.filter(kind=KINDS["device_readings"].name, device=device_id)
    found = of_device.aggregate(begins=Min("begins_ms"), first=Min("first_ms"))
    return [] if found["first"] is None else [min(found["begins"], found["first"] - 1)]


def measured_span(device_id: int) -> tuple[int, int] | None:
    """The times of the first and the last reading that is stored of a device, in rows or files; None without any."""
    rows = DeviceReading.objects.filter(device=device_id).aggregate(first=Min("time"), last=Max("time"))
    of_device = ArchiveFile.objects.filter(kind=KINDS["device_readings"].name, device=device_id)
    files = of_device.aggregate(first=Min("first_ms"), last=Max("last_ms"))
    firsts = [edges["first"] for edges in (rows, files) if edges["first"] is not None]
    lasts = [edges["last"] for edges in (rows, files) if edges["last"] is not None]
    return (min(firsts), max(lasts)) if firsts else None


def _read(
    kind: Kind,
    spans: Sequence[DeviceSpan],
    columns: Sequence[str],
    line_ids: Collection[int] | None,
    files: Sequence[ArchiveFile],
) -> FloatArray:
    if not files:
        return np.empty((0, 2 + len(columns)))
    from readings.store.archive.reading import read_files  # noqa: PLC0415 - see the module's text

    tables = []
    for device_id, start_ms, end_ms in spans:
        touching = [
            file for file in files if file.device_id == device_id and file.start_ms < end_ms and file.end_ms > start_ms
        ]
        tables.append(read_files(kind, touching, Wanted(start_ms, end_ms, columns, line_ids)))
    return np.concatenate(tables)
