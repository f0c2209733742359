"""The zone in which a device's days run."""

import zoneinfo
from collections.abc import Mapping
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from django.utils.translation import gettext_noop as _
from kombu.exceptions import OperationalError

from devices import audit
from devices.models import Device

log = structlog.get_logger(__name__)

# By its name: what is made of readings lies above this app.
REBUILD_TASK = "readings.tasks.rebuild_days"


class UnknownTimeZone(ValueError):
    """No IANA time zone has this name."""

    template = _("%(zone)s is no IANA time zone; write it like Europe/London.")

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.values: Mapping[str, object] = {"zone": repr(zone)}

    def __str__(self) -> str:
        return self.template % self.values


def known_timezones() -> list[str]:
    """The names that a device's time zone may have: places, and nothing that depends on the machine."""
    return sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


def change_timezone(device: Device, zone: str, *, who: Any) -> bool:
    """Let the device's days run from midnight of this zone; a task then computes its day rows anew.

    False if it was so already. Raises UnknownTimeZone.
    """
    if zone not in known_timezones():
        raise UnknownTimeZone(zone)
    with transaction.atomic():
        row = Device.objects.select_for_update().filter(pk=device.pk)
        before = row.values_list("timezone", flat=True).first()
        if before in (None, zone):
            return False
        row.update(timezone=zone)
        audit.note(who, "time_zone", device, before={"timezone": before}, after={"timezone": zone})
    device.timezone = zone
    log.info("A unit's time zone was changed; its days are computed anew", unit=device.assy, zone=zone)
    transaction.on_commit(lambda: _start_rebuild(device.pk, device.assy))
    return True


def _start_rebuild(device_id: int, assy: str) -> None:
    try:
        current_app.send_task(REBUILD_TASK, [device_id])
    except OperationalError as error:
        advice = "The broker cannot be reached; run manage.py rebuild_rollups for this unit"
        log.warning(advice, unit=assy, reason=str(error))
