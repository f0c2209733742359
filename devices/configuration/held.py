"""What a unit holds: read from its web server, kept without its passwords, and shown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import transaction
from django.utils.translation import gettext_noop as _

from devices.audit import HIDDEN
from devices.configuration.settings import (
    ACTIVE,
    GROUP_NAME,
    OFF,
    ON,
    UNIT_NAME,
    WISHABLE,
    as_text,
    is_active,
    port_name_key,
    sensor_type_key,
)
from devices.ct6.client import UnitClient
from devices.ct6.errors import WrongUnit
from devices.holding import alone, client_of
from devices.models import Device, Port

_SECRET = re.compile("PASS|WIFI|SECRET|TOKEN", re.IGNORECASE)
_LONGEST_TEXT = 512
_MOST_SETTINGS = 400
_SENSOR_TYPE_CHARACTERS = 32


def pull(device: Device, *, now: datetime) -> None:
    """Read what the unit holds and take it over. Raises UnitError."""
    with alone(device, now):
        take_over(device, read(device, client_of(device)))


def read(device: Device, client: UnitClient) -> dict[str, object]:
    """The unit's settings, passwords included: never log them. Raises WrongUnit if it is another unit's."""
    settings = client.config()
    if settings.get("ASSY") != device.assy:
        template = _("another unit (%(found)s) answers at %(address)s. Nothing was changed.")
        raise WrongUnit(device.assy, template, {"found": str(settings.get("ASSY")), "address": device.address})
    return settings


def take_over(device: Device, settings: Mapping[str, object]) -> None:
    """Store what the unit just reported over HTTP. Answers that came until now are older than that.

    Everything is written, whether it seems to differ or not: the collector writes these rows too.
    """
    values: dict[str, object] = {"told_at": datetime.now(UTC), "settings_held": without_passwords(settings)}
    if UNIT_NAME in settings:
        values["name"] = as_text(UNIT_NAME, settings[UNIT_NAME])
    if GROUP_NAME in settings:
        values["group_name"] = as_text(GROUP_NAME, settings[GROUP_NAME])
    if ACTIVE in settings:
        values["active"] = is_active(settings[ACTIVE])
    with transaction.atomic():
        Device.objects.filter(pk=device.pk).update(**values)
        for port in device.ports.all():
            _take_over_port(port, settings)
    for name, value in values.items():
        setattr(device, name, value)


def without_passwords(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings as they may be kept and shown: passwords and all about the WiFi hidden, nothing endless."""
    return {str(key): _kept(str(key), value) for key, value in list(settings.items())[:_MOST_SETTINGS]}


def held(device: Device) -> dict[str, str]:
    """What the unit last told, by setting, in the form of a wish; a setting that it never told is missing.

    Names, the group, activity and sensor types are also in its answers, which may be newer than what was read.
    """
    told = {key: as_text(key, value) for key, value in device.settings_held.items() if key in WISHABLE}
    told |= {UNIT_NAME: device.name}
    if device.group_name or GROUP_NAME in told or device.last_answer:
        told[GROUP_NAME] = device.group_name
    if device.active is not None:
        told[ACTIVE] = ON if device.active else OFF
    for port in device.ports.all():
        told[port_name_key(port.number)] = port.name
        key = sensor_type_key(port.number)
        if port.sensor_type and told.get(key, "")[:_SENSOR_TYPE_CHARACTERS] != port.sensor_type:
            told[key] = port.sensor_type
    return told


def _take_over_port(port: Port, settings: Mapping[str, object]) -> None:
    name_key, type_key = port_name_key(port.number), sensor_type_key(port.number)
    values = {}
    if name_key in settings:
        values["name"] = as_text(name_key, settings[name_key])
    if type_key in settings:
        values["sensor_type"] = as_text(type_key, settings[type_key])[:_SENSOR_TYPE_CHARACTERS]
    for name, value in values.items():
        setattr(port, name, value)
    if values:
        Port.objects.filter(pk=port.pk).update(**values)


def _kept(key: str, value: object) -> object:
    if _SECRET.search(key):
        return HIDDEN if value else ""
    if isinstance(value, Mapping):
        return without_passwords(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # no database takes it as a number
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST_TEXT]
