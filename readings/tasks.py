"""What the rollups' worker does: by Celery's schedule, and days after a change of time zone."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from devices.models import Device
from readings import bad_spans, heartbeats, replacing
from readings.periods import HOUR_MS
from readings.store import audit_findings, auditing, letting_go, rollups
from readings.store.archive import together
from readings.store.archive.errors import ArchiveError
from readings.turn import Turn

if TYPE_CHECKING:
    from readings.store.archive import archiving

log = structlog.get_logger(__name__)

_HOURS_A_NIGHT = 200
_ARCHIVE_S = 5.0
_ARCHIVE_WHILE_MORE_S = 15.0  # of every 30: what comes in the meantime is rolled up in the rest
_LET_GO_S = 5.0
_MINUTES = "archive of minutes"


@shared_task
def roll_up() -> None:
    bad_spans.go_on_all()
    rolled = rollups.roll_up_closed(time.time_ns() // 1_000_000)
    # A worker that was stopped while it rebuilt days has lost its task.
    unreadable = rollups.rebuild_stale_days()
    unreadable = rolled.unreadable or unreadable
    counted = {"minutes": rolled.minutes, "more": rolled.more, "unreadable": unreadable}
    if heartbeats.note_trouble("rollups", timezone.now(), counted, unreadable):
        log.error("Some minutes or days wait for a file of the archive", reason=unreadable)
    replacing.move_all_on()


@shared_task
def rebuild_days(device_id: int) -> None:
    for device in Device.objects.filter(pk=device_id):  # it may be gone by now
        try:
            rollups.rebuild_days(device)
        except ArchiveError as error:  # each turn of the roll-ups goes on, and tells of it
            log.error("Days wait for a file of the archive", unit=device.assy, reason=str(error))  # noqa: TRY400


@shared_task
def audit_rollups() -> None:
    devices, now_ms, chance = list(Device.objects.all()), time.time_ns() // 1_000_000, random.SystemRandom()
    found = auditing.audit(devices, 0, now_ms, sample=_HOURS_A_NIGHT, chance=chance)
    again = audit_findings.look_again(devices, chance)
    counts = audit_findings.note([found, again], timezone.now())
    if mismatches := found.mismatches + again.mismatches:
        log.error(
            "Rollups differ from what they are made of",
            first=str(mismatches[0]),
            to_do="run manage.py audit_rollups --all --repair",
            **counts,
        )


@shared_task
def archive() -> None:
    """A turn that is short, as roll-ups wait for the same worker, and longer as long as there was no time for all.

    What is due goes into files, then days into one file each.
    """
    from readings.store.archive import archiving, errors  # noqa: PLC0415 - 50 MB, of workers that never archive too

    if not settings.CT6_ARCHIVE:
        return
    was_more = heartbeats.detail("archive").get("more")
    turn = Turn(limit_s=_ARCHIVE_WHILE_MORE_S if was_more else _ARCHIVE_S)
    now_ms = time.time_ns() // 1_000_000
    try:
        done = archiving.archive_due(now_ms, turn=turn)
        if not done.more:
            done = done.and_then(archiving.compact_due(now_ms, turn=turn))
        if not done.more:
            done = done.and_then(_archive_minutes(now_ms, turn))
    except errors.ArchiveUnreachable as error:
        if heartbeats.note_trouble("archive", timezone.now(), {"unreachable": str(error)}, str(error)):
            log.error("Nothing is archived; readings stay in the database", reason=str(error))  # noqa: TRY400
        return
    unmoved = done.unmoved
    if done.more and not unmoved:  # there was no time for all, so what it was the last time still holds
        unmoved = str(heartbeats.detail("archive").get("unmoved") or "")
    counted = {"more": done.more, **({"unmoved": unmoved} if unmoved else {})}
    if heartbeats.note_trouble("archive", timezone.now(), counted, unmoved):
        log.error("What belongs into a file of the archive stays in the database", reason=unmoved)


def _archive_minutes(now_ms: int, turn: Turn) -> archiving.Archived:
    """Once a day, since every unit has to be looked at."""
    from readings.store.archive import archiving  # noqa: PLC0415 - as above

    before, last = together.minutes_before(now_ms), heartbeats.detail(_MINUTES)
    # What could not be moved is tried again every hour.
    looked = str(before) if not last.get("unmoved") else f"{before} {now_ms // HOUR_MS}"
    if last.get("looked") == looked:
        return archiving.Archived(unmoved=str(last.get("unmoved") or ""))
    done = archiving.archive_minutes_due(now_ms, turn=turn)
    if not done.more:
        looked = f"{before} {now_ms // HOUR_MS}" if done.unmoved else str(before)
        heartbeats.note(_MINUTES, timezone.now(), {"looked": looked, "unmoved": done.unmoved})
    return done


@shared_task
def sweep_archive() -> None:
    from readings.store.archive import forgetting  # noqa: PLC0415 - as above

    if settings.CT6_ARCHIVE:
        forgetting.sweep(time.time_ns() // 1_000_000)


@shared_task
def let_go() -> None:
    """A short turn, as above: what is older than its unit's retention says goes for good."""
    done = letting_go.let_go_tonight(time.time_ns() // 1_000_000, turn=Turn(limit_s=_LET_GO_S))
    problem = done.problems[0] if done.problems else ""
    counted = {"more": done.more, **({"problem": problem} if problem else {})}
    heartbeats.note_trouble("retention", timezone.now(), counted, problem)


@shared_task
def note_heartbeat(part: str) -> None:
    heartbeats.note(part, timezone.now())
