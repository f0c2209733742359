"""What the workers do for units by themselves."""

from celery import shared_task
from django.utils import timezone

from devices import configuration, factory, status, sweeping
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import Device

EXPIRES_S = 29  # the next turn of the beat asks again


@shared_task
def push_open_wishes() -> None:
    """Start a task for every unit whose wishes are due, so that one that is away does not hold up the others."""
    for device_id in configuration.due(timezone.now()):
        push_wishes.apply_async((device_id,), expires=EXPIRES_S)


@shared_task
def push_wishes(device_id: int) -> None:
    device = Device.objects.filter(pk=device_id).first()
    if device is not None:
        configuration.push(device, now=timezone.now())


@shared_task
def read_due_statuses() -> None:
    """Start a task for every unit whose turn it is, so that one that does not answer does not hold up the others."""
    for device_id in status.due(timezone.now()):
        read_status.apply_async((device_id,), expires=EXPIRES_S)


@shared_task
def read_status(device_id: int) -> None:
    device = Device.objects.filter(pk=device_id).first()
    if device is not None:
        status.refresh(device, now=timezone.now())


@shared_task
def run_job(job_id: int) -> None:
    runner.run(job_id, KINDS)


@shared_task
def start_due_jobs() -> None:
    """Jobs whose time has come, whose message was lost, or whose worker died."""
    now = timezone.now()
    queue.recover(now)
    queue.tell_workers(queue.due(now))
    sweeping.recover(now)
    sweeping.tell_workers(sweeping.due())


@shared_task
def run_sweep(sweep_id: int) -> None:
    sweeping.run(sweep_id)


@shared_task
def back_up_factory_configs() -> None:
    """At night: a copy of each factory configuration that has changed, so that one that was overwritten is not lost."""
    factory.back_up_all_changed(timezone.now())
