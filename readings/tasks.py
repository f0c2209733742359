"""What the rollups' worker does: by Celery's schedule, and days after a change of time zone."""

import random
import time

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from devices.models import Device
from readings import bad_spans, heartbeats, replacing
from readings.store import auditing, rollups

log = structlog.get_logger(__name__)

_HOURS_A_NIGHT = 200
_ARCHIVE_S = 5.0


@shared_task
def roll_up() -> None:
    bad_spans.go_on_all()
    rolled = rollups.roll_up_closed(time.time_ns() // 1_000_000)
    if rolled.unreadable:
        log.error("Some minutes wait for a file of the archive", reason=rolled.unreadable)
    detail = {"minutes": rolled.minutes, "more": rolled.more, "unreadable": rolled.unreadable}
    heartbeats.note("rollups", timezone.now(), detail)
    replacing.move_all_on()
    rollups.rebuild_stale_days()  # a worker that was stopped while it rebuilt days has lost its task


@shared_task
def rebuild_days(device_id: int) -> None:
    for device in Device.objects.filter(pk=device_id):  # it may be gone by now
        rollups.rebuild_days(device)


@shared_task
def audit_rollups() -> None:
    devices, now_ms = list(Device.objects.all()), time.time_ns() // 1_000_000
    found = auditing.audit(devices, 0, now_ms, sample=_HOURS_A_NIGHT, chance=random.SystemRandom())
    counts = {"hours": found.hours, "left_out": found.left_out, "mismatches": len(found.mismatches)}
    heartbeats.note("audit", timezone.now(), counts)
    if found.mismatches:
        log.error(
            "Rollups differ from what they are made of",
            first=str(found.mismatches[0]),
            to_do="run manage.py audit_rollups --all --repair",
            **counts,
        )


@shared_task
def archive() -> None:
    """A short turn, as roll-ups wait for the same worker: what is due goes into files, then days into one file each."""
    from readings.store.archive import archiving, errors  # noqa: PLC0415 - 50 MB, of workers that never archive too

    if not settings.CT6_ARCHIVE:
        return
    now_ms, turn = time.time_ns() // 1_000_000, archiving.Turn(limit_s=_ARCHIVE_S)
    try:
        done = archiving.archive_due(now_ms, turn=turn)
        if not done.more:
            done = archiving.compact_due(now_ms, turn=turn)
    except errors.ArchiveUnreachable as error:
        log.error("Nothing is archived; readings stay in the database", reason=str(error))  # noqa: TRY400
        return
    heartbeats.note("archive", timezone.now(), {"more": done.more})


@shared_task
def sweep_archive() -> None:
    from readings.store.archive import forgetting  # noqa: PLC0415 - as above

    if settings.CT6_ARCHIVE:
        forgetting.sweep(time.time_ns() // 1_000_000)


@shared_task
def note_heartbeat(part: str) -> None:
    heartbeats.note(part, timezone.now())
