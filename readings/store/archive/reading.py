"""What lies in files, for those who read: tables of numbers, as the rows of the database would be.

A table has a row per reading or minute: line, moment (epoch ms), then the wanted columns, NaN where a value is NULL;
in order of line and moment. Stored integers are exact in it up to 2**53.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from readings.archive_models import ArchiveFile
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import Kind
from readings.store.archive.place import Place, archive, is_as_written, place_at
from readings.store.archive.together import FloatArray, Kept, Wanted

_FILES_REMEMBERED = 512


def read_files(kind: Kind, files: Sequence[ArchiveFile], wanted: Wanted, kept: Kept | None = None) -> FloatArray:
    """What these files hold of what is wanted. With ``kept``, of a file that is not in it everything is read.

    Raises FileMissing (also where the file was replaced since it was found: look again, as ``together.with_files``
    does), FileDamaged, ArchiveOff, ArchiveUnreachable.
    """
    if not files:
        return np.empty((0, 2 + len(wanted.columns)))
    place = archive()
    whole = [run for file in files for run in _runs(place, kind, file, wanted, kept)]
    of_lines = [run for run in whole if wanted.line_ids is None or run.line in wanted.line_ids]
    runs = [run for run in map(_cut, of_lines, repeat(wanted)) if len(run.moments)]
    runs.sort(key=lambda run: (run.line, run.moments[0]))
    found = np.empty((sum(len(run.moments) for run in runs), 2 + len(wanted.columns)), order="F")
    start = 0
    for run in runs:
        end = start + len(run.moments)
        found[start:end, 0], found[start:end, 1] = run.line, run.moments
        for n, name in enumerate(wanted.columns):
            found[start:end, 2 + n] = _floats(run.rows.column(name))
        start = end
    return found


def keep_files(kind: Kind, files: Sequence[ArchiveFile], columns: Sequence[str], kept: Kept) -> None:
    """Read these columns of the files that are not kept yet. Raises as ``read_files``."""
    place = archive()
    for file in files:
        _runs(place, kind, file, Wanted(0, 0, columns), kept)


class _Run(NamedTuple):
    """What a file holds of one line, in order; what others hold of it is earlier or later."""

    line: int
    moments: "np.ndarray[Any, np.dtype[np.int64]]"
    rows: Any


def _runs(place: Place, kind: Kind, file: ArchiveFile, wanted: Wanted, kept: Kept | None) -> list[_Run]:
    """The runs that may hold something of what is wanted; all of a file, where it is to be kept."""
    names = [*(["port_id"] if kind.of_ports else []), kind.moment, *wanted.columns]
    runs: list[_Run] | None = None if kept is None else kept.get(file.path, names)
    if runs is not None:
        return runs
    table = _read(place, kind, file, names, wanted if kept is None else None)
    moments = table.column(kind.moment).cast(pa.int64()).to_numpy()
    lines = table.column("port_id").to_numpy() if kind.of_ports else np.full(len(moments), file.device_id)
    edges = [0, *(np.flatnonzero(np.diff(lines)) + 1).tolist(), len(lines)]
    runs = [_Run(int(lines[start]), moments[start:end], table[start:end]) for start, end in pairwise(edges) if end]
    if kept is not None:
        kept.put(file.path, names, runs, table.nbytes + moments.nbytes)
    return runs


def _cut(run: _Run, wanted: Wanted) -> _Run:
    start, end = np.searchsorted(run.moments, (wanted.start_ms, wanted.end_ms)).tolist()
    return _Run(run.line, run.moments[start:end], run.rows[start:end])


def _read(place: Place, kind: Kind, file: ArchiveFile, names: Sequence[str], wanted: Wanted | None) -> Any:
    """The row groups that may hold something of what is wanted; without that, all of a file."""
    try:
        with place.open(file.path) as stream:
            about = _about(place.root, file.path)
            groups = range(about.num_row_groups) if wanted is None else _groups(about, kind, wanted)
            opened = pq.ParquetFile(
                stream,
                metadata=about,
                page_checksum_verification=True,
                pre_buffer=place.is_remote,  # a request for all columns instead of one for each
            )
            return opened.read_row_groups(groups, columns=names, use_threads=False)
    except FileMissing:
        raise FileMissing(file.path, file.device_id) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        place.has(file.path)  # raises ArchiveUnreachable where the store is what fails
        if place.is_remote and is_as_written(place.read(file.path), file):
            raise place.unreachable(error) from error  # it broke off
        raise FileDamaged(file.path, error, file.device_id) from error


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
