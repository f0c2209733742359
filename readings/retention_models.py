"""How long what a device measured is kept, and from when on it is still there."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from devices.who import who_field

LEAST_DAYS: Final = 2
"""Nothing that is younger is ever let go of."""

_A_NIGHT: Final = timedelta(hours=20)


class RetentionQuerySet(models.QuerySet["Retention"]):
    def in_force(self) -> "RetentionQuerySet":
        """Those by which something goes."""
        return self.filter(seconds_days__isnull=False).order_by("device_id")

    def due(self, now: datetime) -> "RetentionQuerySet":
        """Those of which this night is not through yet."""
        return self.in_force().filter(models.Q(looked_at__isnull=True) | models.Q(looked_at__lte=now - _A_NIGHT))


class Retention(models.Model):
    """Seconds for so many days, minutes for so many years; null: for ever, and so it is without a row.

    What lies before the two marks is gone for good, or goes right now: rollups of it that are stored are never written
    again. The marks move before anything is deleted, and stay when the rule is taken back.
    """

    device = models.OneToOneField(Device, on_delete=models.CASCADE, related_name="retention")
    seconds_days = models.PositiveIntegerField(null=True)
    minutes_years = models.PositiveIntegerField(null=True)
    readings_gone_ms = models.BigIntegerField(default=0, help_text="Readings from before it are gone; epoch ms.")
    minutes_gone_ms = models.BigIntegerField(default=0, help_text="Minutes from before it are gone; epoch ms.")
    minutes_done_ms = models.BigIntegerField(default=0, help_text="Minutes that go have gone before it; epoch ms.")
    looked_at = models.DateTimeField(null=True, help_text="When all that was due had gone; null: not since the change.")
    changed_at = models.DateTimeField()
    changed_by = who_field(_("changed by"), related_name="+")

    objects = RetentionQuerySet.as_manager()

    class Meta:
        verbose_name = "retention"
        verbose_name_plural = "retentions"

    def __str__(self) -> str:
        return f"device {self.device_id}: {self.seconds_days} days, {self.minutes_years} years"
