"""Files that go for good: those of a device that is forgotten, and those that nobody names."""

import structlog
from django.db import transaction

from devices.models import Device
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.store.archive.layout import DAY_MS, KINDS, device_of, folder_of
from readings.store.archive.place import archive
from readings.store.archive.span_rows import lock

log = structlog.get_logger(__name__)

SWEPT_AFTER_MS = DAY_MS


def forget_files(device: Device) -> int:
    """Remove all files of a device; returns how many rows they held. Raises ArchiveOff, ArchiveUnreachable."""
    place = archive()
    of_device = ArchiveFile.objects.filter(device=device)
    rows = sum(of_device.values_list("rows", flat=True))
    of_device.delete()
    ArchiveHold.objects.filter(device=device).delete()
    for kind in KINDS.values():
        place.remove_folder(folder_of(kind, device.pk))
    return rows


def sweep(now_ms: int) -> int:
    """Remove the files that were written more than a day ago and that nothing names; returns how many.

    They are left where an archiver was stopped between writing and naming a file, or between naming the next one and
    removing it. Raises ArchiveOff, ArchiveUnreachable.
    """
    place, swept = archive(), 0
    named = set(ArchiveFile.objects.values_list("path", flat=True))
    for kind in KINDS:
        for file in place.files(kind):
            if file.path in named or file.written_ms > now_ms - SWEPT_AFTER_MS:
                continue
            if _remove_unnamed(file.path):
                swept += 1
                log.info("Removed a file of the archive that nothing named", path=file.path)
    return swept


def _remove_unnamed(path: str) -> bool:
    """Under the lock under which a file comes to be named, since the same rows would get the same path again."""
    with transaction.atomic():
        lock(device_of(path) or 0)
        if ArchiveFile.objects.filter(path=path).exists():
            return False
        archive().remove(path)
        return True
