"""Acts that somebody has to mean: they are confirmed by typing the unit's name."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from devices.ct6.errors import UnitError
from devices.models import Device


class ConfirmationNeeded(UnitError):
    """What was typed is not the unit's name, so nothing was done."""


def name_to_type(device: Device) -> str:
    """What has to be typed: the unit's name, or its label where it has no name that can be seen."""
    return device.name.strip() or device.assy


def check_typed_name(device: Device, typed_name: str) -> None:
    """Raise ConfirmationNeeded unless just this unit's name was typed; outer white space does not count."""
    name = name_to_type(device)
    if typed_name.strip() != name:
        template = gettext_noop("To confirm that just this unit is meant, type its name: %(name)s. Nothing was done.")
        raise ConfirmationNeeded(device.assy, template, {"name": name})
