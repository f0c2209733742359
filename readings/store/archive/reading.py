"""What lies in files, for those who read: tables of numbers, as the rows of the database would be.

A table has a row per reading: line, time (epoch ms), then the wanted columns, NaN where a value is NULL;
in order of line and time. Stored integers are exact in it up to 2**53.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from readings.archive_models import ArchiveFile
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import Kind
from readings.store.archive.place import Place, archive, place_at
from readings.store.archive.together import FloatArray, Wanted, in_order

_FILES_REMEMBERED = 512


def read_files(kind: Kind, files: Sequence[ArchiveFile], wanted: Wanted) -> FloatArray:
    """What these files hold of what is wanted.

    Raises FileMissing (also where the file was replaced since it was found: look again, as ``together.with_files``
    does), FileDamaged, ArchiveOff, ArchiveUnreachable.
    """
    if not files:
        return np.empty((0, 2 + len(wanted.columns)))
    place = archive()
    parts = [_read_file(place, kind, file, wanted) for file in files]
    return in_order(np.concatenate(parts)) if len(parts) > 1 else parts[0]


def _read_file(place: Place, kind: Kind, file: ArchiveFile, wanted: Wanted) -> FloatArray:
    names = [*(["port_id"] if kind.of_ports else []), "time", *wanted.columns]
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
    moments = table.column("time").cast(pa.int64()).to_numpy()
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
    moment, line = names.index("time"), names.index("port_id") if kind.of_ports else None
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
