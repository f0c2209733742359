"""Files back into rows, e.g. to compute rollups anew from them, or to do without the archive."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from django.db import transaction

from readings.archive_models import ArchiveFile, ArchiveHold
from readings.periods import HOUR_MS
from readings.store.archive import files
from readings.store.archive.layout import KINDS, Kind
from readings.store.archive.moving import files_touching, read_whole
from readings.store.archive.place import archive
from readings.store.archive.rows import insert_rows
from readings.store.archive.span_rows import lock
from readings.turn import Pause, Step, let_others_write, no_step

_STEPS_A_DAY: Final = 4  # of minutes, of which there are fewer


@dataclass(slots=True)
class Restored:
    files: int = 0
    rows: int = 0


def restore(  # noqa: PLR0913 - options with names
    device_id: int,
    start_ms: int,
    end_ms: int,
    *,
    kinds: Sequence[Kind] = tuple(KINDS.values()),
    hold_until: datetime | None = None,
    pause: Pause = time.sleep,
    step: Step = no_step,
) -> Restored:
    """Bring every file that touches [start_ms, end_ms) back into rows, whole, and remove it.

    The archiver takes what is due again at its next turn, unless ``hold_until`` says how long it shall not. Until a
    file's last rows are in, it still counts: what is in both is the same. Raises FileMissing, FileDamaged,
    ArchiveOff, ArchiveUnreachable.
    """
    done = Restored()
    found = [(kind, file) for kind in kinds for file in files_touching(kind, device_id, start_ms, end_ms)]
    if found and hold_until is not None:
        first, last = min(file.start_ms for _, file in found), max(file.end_ms for _, file in found)
        ArchiveHold.objects.create(device_id=device_id, start_ms=first, end_ms=last, until=hold_until)
    for kind, file in found:
        done.rows += _restore_file(kind, file, pause, step)
        done.files += 1
    return done


def _restore_file(kind: Kind, file: ArchiveFile, pause: Pause, step: Step) -> int:
    table = read_whole(kind, file)
    of_step = files.integers(table, kind.moment) // max(HOUR_MS, kind.step_ms // _STEPS_A_DAY)
    steps = np.unique(of_step).tolist()
    for one in steps:
        rows = files.rows_of(kind, table.take(np.flatnonzero(of_step == one)))
        if not kind.of_ports:
            rows = [(file.device_id, *row) for row in rows]
        with transaction.atomic():
            lock(file.device_id)
            insert_rows(kind, rows)
            if one == steps[-1]:
                ArchiveFile.objects.filter(pk=file.pk).delete()
        step("inserted")
        let_others_write(pause)
    if not ArchiveFile.objects.filter(path=file.path).exists():
        archive().remove(file.path)
    step("removed")
    return len(table)
