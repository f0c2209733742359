"""What is due goes into files: hours of readings, and finished days into one file each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import F

from readings.archive_models import ArchiveFile, ArchiveHold
from readings.periods import HOUR_MS
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import DAY_MS, MINUTES, READINGS, Kind, floor_day
from readings.store.archive.moving import move
from readings.store.archive.rows import Piece, beginnings, first_moments, newest_moment, next_moment
from readings.store.archive.together import LEAST_HOT_MS, minutes_before
from readings.turn import Turn, let_others_write

Devices = list[int] | None
"""Ids; None means all."""

FILES_PER_LOOK = 5_000


@dataclass(slots=True)
class Archived:
    """How many pieces went into files, and how many rows. ``more``: there was no time for all that is due; ``unmoved``
    says of one file why what belongs into it stays in the database, if there is such a one.
    """

    pieces: int = 0
    rows: int = 0
    more: bool = False
    unmoved: str = ""

    def and_then(self, later: Archived) -> Archived:
        """Both as one."""
        pieces, rows = self.pieces + later.pieces, self.rows + later.rows
        return Archived(pieces, rows, later.more, self.unmoved or later.unmoved)


def archive_due(
    now_ms: int, *, device_ids: Devices = None, until_ms: int | None = None, turn: Turn | None = None
) -> Archived:
    """Move the readings of hours that ended CT6_HOT_HOURS ago into files.

    ``until_ms`` says instead that readings from before it go, an hour old at least. Left where they are:
    the hour of a line's newest reading, which the collector goes on from, what waits for its roll-up, and what was
    restored to stay.
    Raises ArchiveOff, ArchiveUnreachable; a file that is missing or damaged is left out, and told of as ``unmoved``.
    """
    hot_ms = settings.CT6_HOT_HOURS * HOUR_MS if until_ms is None else 0
    until_ms = now_ms if until_ms is None else min(until_ms, now_ms - LEAST_HOT_MS)
    due = (piece for kind in READINGS for piece in _due(kind, until_ms - hot_ms, now_ms, device_ids))
    return _move_all(due, turn)


def archive_minutes_due(now_ms: int, *, device_ids: Devices = None, turn: Turn | None = None) -> Archived:
    """Move the minute rollups of UTC days that ended CT6_MINUTE_DAYS ago into files, a day each.

    Left where they are: a day in which a line begins, as the first minute tells from when on it could be measured; the
    day of the newest minute; what waits for its roll-up, and what was restored to stay. Raises as ``archive_due``.
    """
    before = minutes_before(now_ms)
    return _move_all((piece for kind in MINUTES for piece in _due(kind, before, now_ms, device_ids)), turn)


def compact_due(now_ms: int, *, device_ids: Devices = None, turn: Turn | None = None) -> Archived:
    """Put the hour files of each UTC day that ended CT6_HOT_HOURS ago into one file. Raises as ``archive_due``."""
    before = floor_day(now_ms - settings.CT6_HOT_HOURS * HOUR_MS)
    return _move_all((piece for kind in READINGS for piece in _loose_days(kind, before, now_ms, device_ids)), turn)


def _move_all(pieces: Iterator[Piece], turn: Turn | None) -> Archived:
    turn = turn or Turn()
    done = Archived()
    for piece in pieces:
        if turn.is_over:
            done.more = True
            return done
        try:
            moved = move(piece, step=turn.step)
        except (FileMissing, FileDamaged) as error:
            done.unmoved = done.unmoved or str(error)
            continue
        if moved is not None:
            done.pieces += 1
            done.rows += moved
        let_others_write(turn.pause)
    return done


def _due(kind: Kind, before_ms: int, now_ms: int, device_ids: Devices) -> Iterator[Piece]:
    """Whole hours or days with rows, device by device, the one with the oldest rows first."""
    step_ms = kind.step_ms
    before_ms = before_ms // step_ms * step_ms
    for device_id, first_ms in first_moments(kind, before_ms, device_ids).items():
        holds = _holds(device_id, now_ms)
        newest = newest_moment(kind, device_id)
        end_ms = before_ms if newest is None else min(before_ms, newest // step_ms * step_ms)
        stays = {begin // step_ms * step_ms for begin in beginnings(kind, device_id)} if kind in MINUTES else set()
        start: int | None = first_ms
        while start is not None and (start := start // step_ms * step_ms) + step_ms <= end_ms:
            piece = Piece(kind, device_id, start, start + step_ms)
            if start not in stays and not _is_held(piece, holds):
                yield piece
            start = next_moment(kind, device_id, piece.end_ms)


def _loose_days(kind: Kind, before_ms: int, now_ms: int, device_ids: Devices) -> Iterator[Piece]:
    """The days, from before a moment, that have files of hours; some of them, the oldest first."""
    files = ArchiveFile.objects.filter(kind=kind.name, end_ms__lte=before_ms, end_ms=F("start_ms") + HOUR_MS)
    if device_ids is not None:
        files = files.filter(device__in=device_ids)
    found = files.order_by("start_ms").values_list("device_id", "start_ms")[:FILES_PER_LOOK]
    for device_id, day in dict.fromkeys((device_id, floor_day(start)) for device_id, start in found):
        piece = Piece(kind, device_id, day, day + DAY_MS)
        newest = newest_moment(kind, device_id)
        if (newest is None or newest >= piece.end_ms) and not _is_held(piece, _holds(device_id, now_ms)):
            yield piece


def _holds(device_id: int, now_ms: int) -> list[ArchiveHold]:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    ArchiveHold.objects.filter(device=device_id, until__lte=now).delete()
    return list(ArchiveHold.objects.filter(device=device_id))


def _is_held(piece: Piece, holds: Sequence[ArchiveHold]) -> bool:
    return any(hold.start_ms < piece.end_ms and hold.end_ms > piece.start_ms for hold in holds)
