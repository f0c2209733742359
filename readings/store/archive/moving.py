"""Rows into a file: written, read back and compared, and only then, in one transaction, named and the rows deleted.

At each moment a reading is in the rows or in a file that an ``ArchiveFile`` names, except that one which comes twice
is in both. Stopped anywhere and started again, the outcome is the same; a file that nobody came to name is swept away
later (``sweeping``).
"""

import hashlib
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.utils import timezone

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.store.archive import files
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import MINUTES, Kind, path_of
from readings.store.archive.place import Place, archive, is_as_written
from readings.store.archive.rows import Piece, delete_rows, read_rows, waits
from readings.store.archive.span_rows import lock
from readings.turn import Step, no_step

log = structlog.get_logger(__name__)

_ATTEMPTS = 3


class _Changed(Exception):
    """Somebody wrote or took what we were about to move."""


def files_touching(kind: Kind, device_id: int, start_ms: int, end_ms: int) -> list[ArchiveFile]:
    """The files that may hold something of [start_ms, end_ms), by their start."""
    of_device = ArchiveFile.objects.filter(kind=kind.name, device=device_id)
    return list(of_device.filter(start_ms__lt=end_ms, end_ms__gt=start_ms).order_by("start_ms"))


def move(piece: Piece, *, step: Step = no_step) -> int | None:
    """Put the rows of a piece, and all files that touch it, into one file. How many rows went.

    None, and nothing has changed, where a minute of the piece waits for its roll-up or others keep writing there.
    Raises FileMissing, FileDamaged, ArchiveUnreachable.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _move(piece, archive(), step)
        except _Changed:
            continue
    return None


def read_whole(kind: Kind, file: ArchiveFile) -> files.Table:
    """Everything in a file that is as it was written. Raises FileMissing, FileDamaged, ArchiveUnreachable."""
    try:
        content = archive().read(file.path)
    except FileMissing:
        raise FileMissing(file.path, file.device_id) from None
    if not is_as_written(content, file):
        raise FileDamaged(file.path, "its SHA-256 is not the one that was noted", file.device_id)
    return files.from_bytes(kind, content, file.path)


def _move(piece: Piece, place: Place, step: Step) -> int | None:
    kind = piece.kind
    device = Device.objects.filter(pk=piece.device_id).first()
    old = files_touching(kind, piece.device_id, piece.start_ms, piece.end_ms)
    rows = read_rows(piece)
    step("read")
    if device is None or (not len(rows) and _is_done(piece, old)):
        return 0
    if waits(piece.device_id, _first_touched(kind, rows, piece.start_ms), piece.end_ms):
        return None
    table = files.joined(kind, [*(read_whole(kind, file) for file in old), rows])
    content = files.to_bytes(kind, table, device)
    new = described(piece, old, table, content)
    new.path = place.path_for(new.path)
    place.write(new.path, content, step)
    if not files.from_bytes(kind, place.read(new.path), new.path).equals(table):
        raise FileDamaged(new.path, "what was read back is not what was written", piece.device_id)
    step("compared")
    _commit(piece, old, new, rows, step)
    for file in old:
        if file.path != new.path:
            place.remove(file.path)
    step("removed")
    return len(rows)


def _is_done(piece: Piece, old: Sequence[ArchiveFile]) -> bool:
    """Whether there is nothing to put together: no file, or one that spans the whole piece."""
    return not old or [(file.start_ms, file.end_ms) for file in old] == [_span(piece, old)]


def _commit(piece: Piece, old: Sequence[ArchiveFile], new: ArchiveFile, rows: files.Table, step: Step) -> None:
    touched_ms = _first_touched(piece.kind, rows, piece.start_ms)
    with transaction.atomic():
        lock(piece.device_id)
        if waits(piece.device_id, touched_ms, piece.end_ms):
            raise _Changed
        if piece.kind in MINUTES and not read_rows(piece).equals(rows):  # computed anew meanwhile
            raise _Changed
        taken = ArchiveFile.objects.filter(pk__in=[file.pk for file in old]).delete()[0]
        if taken != len(old) or delete_rows(piece) != len(rows) or not archive().has(new.path):
            raise _Changed
        new.save(force_insert=True)
        step("deleted")
    step("committed")


def _first_touched(kind: Kind, rows: files.Table, start_ms: int) -> int:
    """Where the windows of these rows begin; a row without one counts in the minute before its time."""
    if not len(rows) or "window_ms" not in kind.names:
        return start_ms
    windows = files.integers(rows, "window_ms").clip(min=1)
    return min(start_ms, int((files.integers(rows, kind.moment) - windows).min()))


def _span(piece: Piece, old: Sequence[ArchiveFile]) -> tuple[int, int]:
    starts, ends = [file.start_ms for file in old], [file.end_ms for file in old]
    return min([piece.start_ms, *starts]), max([piece.end_ms, *ends])


def described(piece: Piece, old: Sequence[ArchiveFile], table: files.Table, content: bytes) -> ArchiveFile:
    """What names a file that holds a piece and all that was in old files; not saved."""
    start_ms, end_ms = _span(piece, old)
    moments = files.integers(table, piece.kind.moment)
    windows = files.integers(table, "window_ms") if "window_ms" in piece.kind.names else 0
    sha256 = hashlib.sha256(content).hexdigest()
    return ArchiveFile(
        device_id=piece.device_id,
        kind=piece.kind.name,
        start_ms=start_ms,
        end_ms=end_ms,
        path=path_of(piece.kind, piece.device_id, start_ms, end_ms, sha256),
        rows=len(table),
        bytes=len(content),
        sha256=sha256,
        begins_ms=int((moments - windows).min()),
        first_ms=int(moments.min()),
        last_ms=int(moments.max()),
        written_at=timezone.now(),
    )
