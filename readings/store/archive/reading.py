"""What lies in files, for those who read: tables of numbers, as the rows of the database would be.

A table has a row per reading or minute: line, moment (epoch ms), then the wanted columns, NaN where a value is NULL;
in order of line and moment. Stored integers are exact in it up to 2**53.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import Max, Min
from numpy.typing import NDArray

from readings.archive_models import ArchiveFile
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import DAY_MS, Kind
from readings.store.archive.place import Place, archive, place_at

FloatArray = NDArray[np.float64]
Rows = TypeVar("Rows")

_READS = 5
_FILES_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of what has start_ms <= moment < end_ms, of some ports (None: of all lines)."""

    start_ms: int
    end_ms: int
    columns: Sequence[str]
    line_ids: Collection[int] | None = None


def files_between(kind: Kind, device_ids: Collection[int], start_ms: int, end_ms: int) -> list[ArchiveFile]:
    """The files that may hold something of [start_ms, end_ms), by their start. No file is longer than a day."""
    found = ArchiveFile.objects.filter(kind=kind.name, device__in=device_ids)
    found = found.filter(start_ms__gt=start_ms - DAY_MS, start_ms__lt=end_ms, end_ms__gt=start_ms)
    return list(found.order_by("start_ms"))


def first_archived_ms(kind: Kind, device_ids: Collection[int]) -> int | None:
    """The earliest moment that a file holds."""
    found = ArchiveFile.objects.filter(kind=kind.name, device__in=device_ids)
    first: int | None = found.aggregate(first=Min("first_ms"))["first"]
    return first


def newest_archived_ms(kind: Kind, device_ids: Collection[int]) -> int | None:
    """The latest moment that a file holds."""
    found = ArchiveFile.objects.filter(kind=kind.name, device__in=device_ids)
    last: int | None = found.aggregate(last=Max("last_ms"))["last"]
    return last


def rows_and_files(
    kind: Kind, device_ids: Collection[int], start_ms: int, end_ms: int, read_rows: Callable[[], Rows]
) -> tuple[Rows, list[ArchiveFile]]:
    """Rows, and the files that go with them: together they miss nothing, though an archiver moves rows meanwhile.

    What is in both is the same (``merged``). One statement that reads both needs no such care.
    """
    before = files_between(kind, device_ids, start_ms, end_ms)
    for _ in range(_READS):
        rows = read_rows()
        files = files_between(kind, device_ids, start_ms, end_ms)
        if [file.pk for file in files] == [file.pk for file in before]:
            break
        before = files
    return rows, before


def read_files(kind: Kind, files: Sequence[ArchiveFile], wanted: Wanted) -> FloatArray:
    """What these files hold of what is wanted.

    Raises FileMissing (also where the file was replaced since it was found: look again, as ``archived`` does),
    FileDamaged, ArchiveOff, ArchiveUnreachable.
    """
    if not files:
        return np.empty((0, 2 + len(wanted.columns)))
    place = archive()
    parts = [_read_file(place, kind, file, wanted) for file in files]
    return _in_order(np.concatenate(parts)) if len(parts) > 1 else parts[0]


def archived(kind: Kind, device_ids: Collection[int], wanted: Wanted) -> FloatArray:
    """All that files hold of what is wanted of some devices. Raises as ``read_files``."""
    for _ in range(_READS - 1):
        files = files_between(kind, device_ids, wanted.start_ms, wanted.end_ms)
        try:
            return read_files(kind, files, wanted)
        except FileMissing as missing:
            if ArchiveFile.objects.filter(path=missing.path).exists():
                raise
    return read_files(kind, files_between(kind, device_ids, wanted.start_ms, wanted.end_ms), wanted)


def merged(in_files: FloatArray, in_rows: FloatArray) -> FloatArray:
    """Both in order of line and moment; what is in both once."""
    if not len(in_files):
        return _in_order(in_rows)
    table = _in_order(np.concatenate([in_files, in_rows]))
    is_new = np.ones(len(table), dtype=bool)
    is_new[1:] = (np.diff(table[:, :2], axis=0) != 0).any(axis=1)
    return table[is_new]


def _in_order(table: FloatArray) -> FloatArray:
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def _read_file(place: Place, kind: Kind, file: ArchiveFile, wanted: Wanted) -> FloatArray:
    names = [*(["port_id"] if kind.of_ports else []), kind.moment, *wanted.columns]
    try:
        with place.open(file.path) as stream:
            about = _about(place.root, file.path)
            groups = _groups(about, kind, wanted)
            opened = pq.ParquetFile(stream, metadata=about, page_checksum_verification=True)
            table = opened.read_row_groups(groups, columns=names, use_threads=False) if groups else None
    except FileMissing:
        raise FileMissing(file.path, file.device_id) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        place.has(file.path)  # raises ArchiveUnreachable where the store is what fails
        raise FileDamaged(file.path, error, file.device_id) from error
    if table is None:
        return np.empty((0, 2 + len(wanted.columns)))
    return _numbers(table, kind, file.device_id, wanted)


def _numbers(table: Any, kind: Kind, device_id: int, wanted: Wanted) -> FloatArray:
    moments = table.column(kind.moment).cast(pa.int64()).to_numpy()
    inside = (moments >= wanted.start_ms) & (moments < wanted.end_ms)
    found = np.empty((int(inside.sum()), 2 + len(wanted.columns)))
    found[:, 0] = table.column("port_id").to_numpy()[inside] if kind.of_ports else device_id
    found[:, 1] = moments[inside]
    for n, name in enumerate(wanted.columns):
        found[:, 2 + n] = _floats(table.column(name))[inside]
    return found


def _floats(column: Any) -> Any:
    """NULL as NaN."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.to_numpy()  # of integers with a NULL among them, pyarrow makes floats


@lru_cache(_FILES_REMEMBERED)
def _about(root: str, path: str) -> Any:
    """The footer of a file: paths never change their content."""
    with place_at(root).open(path) as stream:
        return pq.read_metadata(stream)


def _groups(about: Any, kind: Kind, wanted: Wanted) -> list[int]:
    """The row groups that may hold something of a span and of these ports, by their statistics."""
    names = [about.schema.column(n).name for n in range(about.num_columns)]
    moment, line = names.index(kind.moment), names.index("port_id") if kind.of_ports else None
    found = []
    for group in range(about.num_row_groups):
        chunks = about.row_group(group)
        times = chunks.column(moment).statistics
        of_wanted_line = (
            line is None or wanted.line_ids is None or chunks.column(line).statistics.min in wanted.line_ids
        )
        if of_wanted_line and times.min_raw < wanted.end_ms and times.max_raw >= wanted.start_ms:
            found.append(group)
    return found
