"""Rows of the database and files of the archive as one, for all who read readings.

Files are opened only where there are some: the library that reads them takes 50 MB of a process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from django.conf import settings
from django.db.models import Max, Min, QuerySet, Value
from numpy.typing import NDArray

from readings.archive_models import ArchiveFile
from readings.models import DeviceReading
from readings.periods import HOUR_MS
from readings.statements import Rows
from readings.store.archive.errors import ArchiveBusy, FileMissing
from readings.store.archive.layout import DAY_MS, KINDS, Kind, floor_day

Table = TypeVar("Table", NDArray[np.float64], NDArray[np.int64])
FloatArray = NDArray[np.float64]
"""A row per reading or minute: line, moment (epoch ms), then the wanted columns, NaN where a value is NULL. Stored
integers are exact in it up to 2**53."""

LEAST_HOT_MS: Final = HOUR_MS
"""A reading that is younger is never in a file: CT6_HOT_HOURS is one at least."""
LEAST_MINUTE_AGE_MS: Final = DAY_MS
"""Nor is a minute that began later than so long ago: CT6_MINUTE_DAYS is two at least."""

_KEPT_BYTES: Final = 64 * 2**20
_READS = 5
_EDGES_AT_MOST = 8
_MOMENT, _WINDOW = 1, 2  # the places of these columns in what with_files reads
_FILE = -2  # the moment that stands for a file, whose key is where a window is else; no row has one below -1
_FAR_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of what has start_ms <= moment < end_ms, of some ports (None: of all lines)."""

    start_ms: int
    end_ms: int
    columns: Sequence[str]
    line_ids: Collection[int] | None = None


def minutes_before(now_ms: int) -> int:
    """The UTC midnight before which minutes are due for files."""
    return floor_day(now_ms) - settings.CT6_MINUTE_DAYS * DAY_MS


class DeviceSpan(NamedTuple):
    """[start_ms, end_ms) of a device."""

    device_id: int
    start_ms: int
    end_ms: int


class Kept:
    """The whole contents of the files that were read last, for who reads some days bit by bit; so many bytes at most.

    A path never changes its content, so nothing in it can be out of date.
    """

    def __init__(self) -> None:
        self._contents: dict[tuple[str, tuple[str, ...]], tuple[Any, int]] = {}

    def get(self, path: str, names: Sequence[str]) -> Any:
        """What was put for these columns; None if it is not kept."""
        key = path, tuple(names)
        if key not in self._contents:
            return None
        self._contents[key] = self._contents.pop(key)
        return self._contents[key][0]

    def put(self, path: str, names: Sequence[str], content: Any, nbytes: int) -> None:
        self._contents[path, tuple(names)] = content, nbytes
        while sum(nbytes for _, nbytes in self._contents.values()) > _KEPT_BYTES:
            del self._contents[next(iter(self._contents))]


def with_files(  # noqa: PLR0913 - what is sought, and how rows are read
    kind: Kind,
    spans: Sequence[DeviceSpan],
    columns: Sequence[str],
    line_ids: Collection[int] | None,
    read: Callable[[list[Rows]], FloatArray],
    *,
    kept: Kept | None = None,
) -> tuple[FloatArray, FloatArray]:
    """The rows that ``read`` gives, and what files hold of these spans beside them: line, moment, then the columns,
    window and recovered before all others. ``merged`` makes one table of both.

    ``read`` gets parts that its statement has to hold too, and leaves their rows in what it gives: they tell which
    files there are at the same moment. So nothing is missed, though an archiver moves rows meanwhile, and without any
    file there is no other statement. What is in both is the same. Raises FileMissing, FileDamaged, ArchiveOff,
    ArchiveUnreachable: what cannot be read is not passed over.
    """
    marks = _marks(_files_of_parts(kind, spans), 2 + len(columns))
    rows, (in_files,) = _with_marked_files(kind, marks, [Sought(spans, columns, line_ids, kept)], read)
    return rows, in_files


def read_ahead(kind: Kind, spans: Sequence[DeviceSpan], columns: Sequence[str], kept: Kept) -> None:
    """Keep what ``with_files`` would read from files, but for one that is missing: that may be replaced by now.

    Raises FileDamaged, ArchiveOff, ArchiveUnreachable, without a transaction that others wait for.
    """
    if not (files := files_of(kind, spans)):
        return
    from readings.store.archive.reading import keep_files  # noqa: PLC0415 - see the module's text

    with suppress(FileMissing):
        keep_files(kind, files, columns, kept)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be read from files: some columns of some spans, of some ports (None: of all lines)."""

    spans: Sequence[DeviceSpan]
    columns: Sequence[str]
    line_ids: Collection[int] | None = None
    kept: Kept | None = None

    def from_before(self, moment_ms: int) -> Sought:
        return replace(self, spans=[span for span in self.spans if span.start_ms < moment_ms])


def minutes_with_files(
    kind: Kind, sought: Sequence[Sought], read: Callable[[list[Rows]], Table], *, width: int, now_ms: int
) -> tuple[Table, list[FloatArray]]:
    """As ``with_files``, of minutes that are sought for several ends: a table from files for each of them.

    ``width``: how many columns ``read`` gives. Spans of which nothing can be in a file cost nothing.
    """
    old = [one.from_before(now_ms - LEAST_MINUTE_AGE_MS) for one in sought]
    marks = _marks(_files_of_parts(kind, _whole_days([span for one in old for span in one.spans])), width)
    return _with_marked_files(kind, marks, old, read)


def _whole_days(spans: Sequence[DeviceSpan]) -> set[DeviceSpan]:
    """UTC days that hold all of these spans: of few different edges, as a statement has no room for many parts."""
    found = {(one.device_id, floor_day(one.start_ms), floor_day(one.end_ms - 1) + DAY_MS) for one in spans}
    edges = {(start, end) for _, start, end in found}
    if len(edges) <= _EDGES_AT_MOST:
        return {DeviceSpan(*one) for one in found}
    first, last = min(start for start, _ in edges), max(end for _, end in edges)
    return {DeviceSpan(device_id, first, last) for device_id, _, _ in found}


def _with_marked_files(
    kind: Kind, marks: list[Rows], sought: Sequence[Sought], read: Callable[[list[Rows]], Table]
) -> tuple[Table, list[FloatArray]]:
    for _ in range(_READS):
        table = read(marks)
        is_mark = table[:, _MOMENT] == _FILE
        rows, keys = table[~is_mark], table[is_mark, _WINDOW].astype(np.int64).tolist()
        files = list(ArchiveFile.objects.filter(pk__in=keys).order_by("start_ms", "pk")) if keys else []
        if len(files) < len(set(keys)):
            continue  # others took their place meanwhile
        try:
            return rows, [_read(kind, one, files) for one in sought]
        except FileMissing as missing:
            if ArchiveFile.objects.filter(path=missing.path).exists():
                raise
    raise ArchiveBusy(kind.name)


def _marks(files: Iterable[QuerySet[ArchiveFile]], width: int) -> list[Rows]:
    rest = [Value(0)] * (width - 3)
    return [part.values_list("device_id", Value(_FILE), "pk", *rest) for part in files]


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
    table = in_order(joined([in_files, in_rows]))
    is_new = np.ones(len(table), dtype=bool)
    line, moment = table[:, 0], table[:, 1]
    is_new[1:] = (line[1:] != line[:-1]) | (moment[1:] != moment[:-1])
    return table if is_new.all() else table[is_new]


def in_order(table: FloatArray) -> FloatArray:
    """The table itself where its rows are in order of line and moment already."""
    line, moment = table[:, 0], table[:, 1]
    same_line, later_line = line[1:] == line[:-1], line[1:] > line[:-1]
    if (later_line | same_line & (moment[1:] >= moment[:-1])).all():
        return table
    return table[np.lexsort((moment, line))]


def joined(tables: Sequence[FloatArray]) -> FloatArray:
    """One below the other, column by column in memory, as those from files are."""
    some = [table for table in tables if len(table)] or tables[:1]
    if len(some) == 1:
        return some[0]
    found = np.empty((sum(map(len, some)), some[0].shape[1]), order="F")
    return np.concatenate(some, out=found)


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


def _nothing(columns: Sequence[str]) -> FloatArray:
    return np.empty((0, 2 + len(columns)))


def _read(kind: Kind, sought: Sought, files: Sequence[ArchiveFile]) -> FloatArray:
    if not files or not sought.spans:
        return _nothing(sought.columns)
    from readings.store.archive.reading import read_files  # noqa: PLC0415 - see the module's text

    tables = []
    for device_id, start_ms, end_ms in sought.spans:
        touching = [
            file for file in files if file.device_id == device_id and file.start_ms < end_ms and file.end_ms > start_ms
        ]
        wanted = Wanted(start_ms, end_ms, sought.columns, sought.line_ids)
        tables.append(read_files(kind, touching, wanted, sought.kept))
    return joined(tables)
