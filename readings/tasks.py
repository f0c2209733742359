"""What the rollups' worker does: by Celery's schedule, and days after a change of time zone."""

import random
import time

import structlog
from celery import shared_task
from django.utils import timezone

from devices.models import Device
from readings import heartbeats, replacing
from readings.store import auditing, rollups

log = structlog.get_logger(__name__)

_HOURS_A_NIGHT = 200


@shared_task
def roll_up() -> None:
    rolled = rollups.roll_up_closed(time.time_ns() // 1_000_000)
    heartbeats.note("rollups", timezone.now(), {"minutes": rolled.minutes, "more": rolled.more})
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
def note_heartbeat(part: str) -> None:
    heartbeats.note(part, timezone.now())
