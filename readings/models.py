"""What the units measured: readings, the rollups computed from them, and what still has to be rolled up.

Times are UTC epoch milliseconds, windows milliseconds, energies units of 0.1 mJ (``readings.quantities``). The first
column of every key is its index, so the foreign keys have none of their own.
"""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Device, Port
from devices.who import who_field
from readings import archive_models, import_models, retention_models  # noqa: F401 - Django finds models here
from readings import quantities as q
from readings.fields import fixed_point


def _port_key() -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(Port, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")


def _device_key() -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(Device, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")


class Reading(models.Model):
    """What one answer said: means over the window (time - window_ms, time]. Windows never overlap."""

    time = models.BigIntegerField(help_text="When the answer reached our socket, epoch ms.")
    window_ms = models.IntegerField(
        help_text="How long the answer's means span; 0 where that is not known: shown, but in no energy."
    )
    recovered = models.BooleanField(
        default=False,
        help_text="One proven window over a span in which nobody asked, e.g. an outage of ours.",
    )

    class Meta:
        abstract = True


class PortReading(Reading):
    pk = models.CompositePrimaryKey("port", "time")
    port = _port_key()
    active_power = fixed_point(q.ACTIVE_POWER)
    reactive_power = fixed_point(q.REACTIVE_POWER)
    apparent_power = fixed_point(q.APPARENT_POWER)
    power_factor = fixed_point(q.POWER_FACTOR)
    current_rms = fixed_point(q.CURRENT_RMS)
    current_peak = fixed_point(q.CURRENT_PEAK)

    def __str__(self) -> str:
        return f"port {self.port_id} at {self.time}"


class DeviceReading(Reading):
    pk = models.CompositePrimaryKey("device", "time")
    device = _device_key()
    voltage = fixed_point(q.VOLTAGE)
    frequency = fixed_point(q.FREQUENCY)
    temperature = fixed_point(q.TEMPERATURE)
    rssi = fixed_point(q.RSSI)

    def __str__(self) -> str:
        return f"device {self.device_id} at {self.time}"


class Rollup(models.Model):
    """A bucket computed from readings.

    ``x_sum`` is the sum of value x ms of window inside the bucket, so that its mean is exact at every level:
    ``x_sum / (covered_ms + recovered_ms)``.
    """

    start = models.BigIntegerField(help_text="Start of the bucket, epoch ms.")
    samples = models.IntegerField(help_text="Readings whose time is in (start, end].")
    covered_ms = models.IntegerField(help_text="Time that was measured normally.")
    recovered_ms = models.IntegerField(help_text="Time that recovered windows span.")

    class Meta:
        abstract = True


def _sum() -> "models.BigIntegerField[Any, Any]":
    return models.BigIntegerField(null=True)


class PortRollup(Rollup):
    port = _port_key()
    positive_energy = models.BigIntegerField(help_text="in 0.1 mJ; export unless the port is reversed")
    negative_energy = models.BigIntegerField(help_text="in 0.1 mJ, as a magnitude; import unless reversed")
    active_power_min = fixed_point(q.ACTIVE_POWER)
    active_power_max = fixed_point(q.ACTIVE_POWER)
    reactive_power_sum = _sum()
    reactive_power_min = fixed_point(q.REACTIVE_POWER)
    reactive_power_max = fixed_point(q.REACTIVE_POWER)
    apparent_power_sum = _sum()
    apparent_power_min = fixed_point(q.APPARENT_POWER)
    apparent_power_max = fixed_point(q.APPARENT_POWER)
    power_factor_sum = _sum()
    power_factor_min = fixed_point(q.POWER_FACTOR)
    power_factor_max = fixed_point(q.POWER_FACTOR)
    current_rms_sum = _sum()
    current_rms_min = fixed_point(q.CURRENT_RMS)
    current_rms_max = fixed_point(q.CURRENT_RMS)
    current_peak_sum = _sum()
    current_peak_min = fixed_point(q.CURRENT_PEAK)
    current_peak_max = fixed_point(q.CURRENT_PEAK)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"port {self.port_id} from {self.start}"


class PortMinute(PortRollup):
    pk = models.CompositePrimaryKey("port", "start")


class PortHour(PortRollup):
    pk = models.CompositePrimaryKey("port", "start")


class PortDay(PortRollup):
    """A local day of the device's time zone: 23, 24 or 25 hours."""

    pk = models.CompositePrimaryKey("port", "start")


class DeviceRollup(Rollup):
    device = _device_key()
    voltage_sum = _sum()
    voltage_min = fixed_point(q.VOLTAGE)
    voltage_max = fixed_point(q.VOLTAGE)
    frequency_sum = _sum()
    frequency_min = fixed_point(q.FREQUENCY)
    frequency_max = fixed_point(q.FREQUENCY)
    temperature_sum = _sum()
    temperature_min = fixed_point(q.TEMPERATURE)
    temperature_max = fixed_point(q.TEMPERATURE)
    rssi_sum = _sum()
    rssi_min = fixed_point(q.RSSI)
    rssi_max = fixed_point(q.RSSI)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"device {self.device_id} from {self.start}"


class DeviceMinute(DeviceRollup):
    pk = models.CompositePrimaryKey("device", "start")


class DeviceHour(DeviceRollup):
    pk = models.CompositePrimaryKey("device", "start")


class DeviceDay(DeviceRollup):
    pk = models.CompositePrimaryKey("device", "start")


class DirtyBucket(models.Model):
    """A minute of a device that a reading's window touched and that has to be rolled up (again)."""

    pk = models.CompositePrimaryKey("device", "minute")
    device = _device_key()
    minute = models.BigIntegerField(help_text="Start of the minute, epoch ms.")

    class Meta:
        verbose_name = "minute to roll up"
        verbose_name_plural = "minutes to roll up"

    def __str__(self) -> str:
        return f"device {self.device_id}, minute {self.minute}"


class BadSpanQuerySet(models.QuerySet["BadSpan"]):
    def in_effect(self, ports: Sequence[int], start_ms: int, end_ms: int) -> "BadSpanQuerySet":
        """Those that leave something of these ports out in [start_ms, end_ms)."""
        touching = self.filter(port_id__in=ports, until_ms__gt=start_ms, start_ms__lt=end_ms)
        return touching.filter(until_ms__gt=models.F("start_ms")).order_by()

    def unfinished(self) -> "BadSpanQuerySet":
        """Those that are not yet, or still, in effect where they should not be."""
        growing = models.Q(lifted_at__isnull=True, until_ms__lt=models.F("end_ms"))
        return self.filter(growing | models.Q(lifted_at__isnull=False, until_ms__gt=models.F("start_ms")))


class BadSpan(models.Model):
    """A span of whole minutes in which what a port measured is bad. Its readings are kept, and count nowhere.

    It is in effect in [start_ms, until_ms): its minutes are marked to be rolled up again in steps, and each step moves
    ``until_ms`` along with its minutes, towards ``end_ms``, and back to ``start_ms`` once the span is lifted.
    """

    port = models.ForeignKey(Port, on_delete=models.CASCADE, related_name="bad_spans", verbose_name=_("port"))
    start_ms = models.BigIntegerField(help_text=_("Epoch ms; a whole minute."))
    end_ms = models.BigIntegerField(help_text=_("Epoch ms; a whole minute, the first that is good again."))
    until_ms = models.BigIntegerField(editable=False, help_text=_("Epoch ms; what lies behind it counts."))
    reason = models.CharField(_("reason"), max_length=200)
    marked_at = models.DateTimeField(_("marked at"))
    marked_by = who_field(_("marked by"), related_name="+")
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True, editable=False)
    lifted_by = who_field(_("lifted by"), editable=False, related_name="+")

    objects = BadSpanQuerySet.as_manager()

    class Meta:
        ordering = ["-start_ms", "-pk"]
        verbose_name = _("bad span")
        verbose_name_plural = _("bad spans")
        indexes = [models.Index(fields=["port", "until_ms"], name="badspan_port_until")]

    def __str__(self) -> str:
        return f"port {self.port_id} from {self.start_ms} to {self.end_ms}"


class DayZoneQuerySet(models.QuerySet["DayZone"]):
    def stale(self) -> "DayZoneQuerySet":
        """Those whose device has day rows of another zone than its own."""
        return self.filter(models.Q(stale_from__isnull=False) | ~models.Q(zone=models.F("device__timezone")))


class DayZone(models.Model):
    """The zone that a device's day rows are made in. A device without one has day rows of its own zone, or none."""

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, db_constraint=False, primary_key=True, related_name="day_zone"
    )
    zone = models.CharField(max_length=64)
    stale_from = models.BigIntegerField(
        null=True, help_text="Days from here on, epoch ms, may still be of an earlier zone; null: none are."
    )

    objects = DayZoneQuerySet.as_manager()

    def __str__(self) -> str:
        return f"days of device {self.device_id} in {self.zone}"


class Heartbeat(models.Model):
    """When a part of the product last said that it works, and what it counted."""

    part = models.CharField(max_length=64, primary_key=True, help_text=_("collector, worker-rollups, beat ..."))
    at = models.DateTimeField()
    detail = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.part
