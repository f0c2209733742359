"""The questions that the rest of the product asks about devices, ports and wishes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from devices.models import ConfigChange, Device, Job, Port  # noqa: F401  (named in quotes below)


def silence_limit() -> timedelta:
    """How long a unit may be silent and still count as online: 10 s, or five periods if that is longer."""
    return timedelta(seconds=max(10.0, 5 * settings.CT6_PERIOD))


class DeviceQuerySet(models.QuerySet["Device"]):
    def adopted(self) -> DeviceQuerySet:
        return self.filter(adoption="adopted")

    def pending(self) -> DeviceQuerySet:
        return self.filter(adoption="pending")

    def online(self, now: datetime) -> DeviceQuerySet:
        return self.filter(last_seen__gte=now - silence_limit())

    def demo(self) -> DeviceQuerySet:
        return self.filter(demo=True)


class PortQuerySet(models.QuerySet["Port"]):
    def shown(self) -> PortQuerySet:
        """Ports that are not hidden, by device and number."""
        return self.filter(enabled=True).order_by("device_id", "number")


class ConfigChangeQuerySet(models.QuerySet["ConfigChange"]):
    def open(self) -> ConfigChangeQuerySet:
        return self.filter(state="open")


class JobQuerySet(models.QuerySet["Job"]):
    def running(self) -> JobQuerySet:
        return self.filter(state="running")

    def waiting(self) -> JobQuerySet:
        return self.filter(state="waiting")

    def over(self) -> JobQuerySet:
        return self.filter(state__in=("done", "failed", "cancelled"))
