"""What is stored goes away only here."""

import time
from typing import Final

from django.db import models, transaction

from devices.models import Device, Port
from readings.archive_models import ArchiveFile
from readings.models import DirtyBucket
from readings.retention_models import Retention
from readings.store.lines import DEVICE_LINES, PORT_LINES
from readings.turn import Pause, let_others_write

# Some tenths of a second of SQLite's one write lock at most.
_ROWS_PER_STEP: Final = 10_000


def forget(device: Device, *, pause: Pause = time.sleep) -> int:
    """Delete all readings and rollups of a device, in short transactions; returns how many rows went.

    Its files in the archive go as well; raises ArchiveOff and ArchiveUnreachable where it has some.
    """
    Retention.objects.filter(device=device).update(readings_gone_ms=0, minutes_gone_ms=0, minutes_done_ms=0)
    ports = list(Port.objects.filter(device=device).values_list("pk", flat=True))
    deleted = _delete_rows(DirtyBucket, "device_id", device.pk, "minute", pause)
    for lines, keys in ((PORT_LINES, ports), (DEVICE_LINES, [device.pk])):
        for key in keys:
            deleted += _delete_rows(lines.readings, lines.key, key, "time", pause)
            for table in (lines.minutes, lines.hours, lines.days):
                deleted += _delete_rows(table, lines.key, key, "start", pause)
    if ArchiveFile.objects.filter(device=device).exists():  # after the rows, of which a new one could be made
        from readings.store.archive import forgetting  # noqa: PLC0415 - takes 50 MB, of everybody who never archives

        deleted += forgetting.forget_files(device)
    return deleted


def _delete_rows(table: type[models.Model], key: str, value: int, moment: str, pause: Pause) -> int:
    """Delete by ranges of the primary key, never by a sliced subquery."""
    rows = table._default_manager.filter(**{key: value})
    deleted = 0
    while True:
        with transaction.atomic():
            later = rows.order_by(moment).values_list(moment, flat=True)[_ROWS_PER_STEP : _ROWS_PER_STEP + 1]
            until = next(iter(later), None)
            part = rows if until is None else rows.filter(**{f"{moment}__lt": until})
            deleted += part.delete()[0]
        if until is None:
            return deleted
        let_others_write(pause)
