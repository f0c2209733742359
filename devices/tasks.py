"""What the workers do for units by themselves."""

from celery import shared_task
from django.utils import timezone

from devices import configuration
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
