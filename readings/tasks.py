"""What the rollups' worker does: by Celery's schedule, and days after a change of time zone."""

import time

from celery import shared_task
from django.utils import timezone

from devices.models import Device
from readings import heartbeats, replacing
from readings.store import rollups


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
def note_heartbeat(part: str) -> None:
    heartbeats.note(part, timezone.now())
