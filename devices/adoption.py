"""Whether a unit's readings are stored, and what speaks against it."""

from typing import Any

import structlog
from django.utils.translation import gettext as _

from devices import audit
from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import Device

log = structlog.get_logger(__name__)


def adopt(device: Device, who: Any) -> bool:
    """Store the unit's readings from now on. False if that was so already."""
    return _decide(device, Device.Adoption.ADOPTED, "adopt", who)


def ignore(device: Device, who: Any) -> bool:
    """Store nothing of the unit any more; what is stored stays. False if that was so already."""
    return _decide(device, Device.Adoption.IGNORED, "ignore", who)


def become(device: Device, adoption: Device.Adoption) -> bool:
    """Write the decision and leave its record to the caller. False if that was so already."""
    changed = Device.objects.filter(pk=device.pk).exclude(adoption=adoption).update(adoption=adoption)
    device.adoption = adoption
    if changed:
        log.info("A unit's adoption was decided", unit=device.assy, name=device.name, adoption=str(adoption))
    return bool(changed)


def doubts(device: Device) -> list[str]:
    """What makes this unit's identity doubtful, each with what to do about it, in the reader's language."""
    found = []
    if device.claimed_from is not None:
        sentence = _(
            "Two units claim the label %(assy)s: one at %(address)s, one at %(other)s. Nothing is stored until one of "
            "them has been silent for a minute: switch the other one off, or give it a label of its own."
        )
        found.append(sentence % {"assy": device.assy, "address": device.address, "other": device.claimed_from})
    if device.assy == DEFAULT_ASSY:
        sentence = _(
            "This is the factory's default label, which every uncalibrated board carries, so it identifies nothing. "
            "Calibrate the unit and give it a label of its own. Adopt it only if it is, and stays, the only such "
            "unit on your network."
        )
        found.append(sentence)
    return found


def _decide(device: Device, adoption: Device.Adoption, action: str, who: Any) -> bool:
    before = str(device.adoption)
    changed = become(device, adoption)
    if changed:
        audit.note(who, action, device, before={"adoption": before}, after={"adoption": str(adoption)})
    return changed
