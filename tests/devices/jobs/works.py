"""Jobs and kinds of work for the tests of the machinery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.holding import Hold
from devices.jobs import queue
from devices.jobs.progress import Progress
from devices.jobs.runner import Work
from devices.models import Device, FirmwareRelease, Job, JobLine, Rollout
from tests.factories import make_device

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
Kind = Job.Kind
State = Job.State


def unit_row(serial: int = 1) -> Device:
    return make_device(f"ASY0398_V003.300_SN{serial:08d}", ports=())


def job_of(device: Device, kind: Job.Kind = Kind.REBOOT, **asked: Any) -> Job:
    return queue.ask(device, kind, who=None, **asked)


def taken(job: Job, now: datetime = NOW) -> Job:
    """The job as the worker has it that took it."""
    ours = queue.take(job.pk, now)
    assert ours is not None
    return ours


def reread(job: Job) -> Job:
    return Job.objects.select_related("rollout").get(pk=job.pk)


def state_of(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def lines_of(job: Job) -> list[str]:
    return [line.text for line in JobLine.objects.filter(job=job)]


def make_rollout(**fields: Any) -> Rollout:
    release = FirmwareRelease.objects.create(version="3.2", sha256="0" * 64, file_name="x.zip", content=b"")
    return Rollout.objects.create(release=release, **fields)


def kinds(work: Callable[[Progress], None]) -> dict[str, Work]:
    return dict.fromkeys(Kind.values, work)


def progress_of(job: Job) -> Progress:
    """The progress of a job that was taken just now, with its unit held."""
    now = datetime.now(UTC)
    until = now + queue.DEAD_AFTER
    Device.objects.filter(pk=job.device_id).update(held_until=until)
    return Progress(job, Hold(job.device, until, queue.DEAD_AFTER))
