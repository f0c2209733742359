"""Whether a unit's readings are stored, and what speaks against it."""

import structlog

from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import Device

log = structlog.get_logger(__name__)


def adopt(device: Device) -> bool:
    """Store the unit's readings from now on. False if that was so already."""
    return _become(device, Device.Adoption.ADOPTED)


def ignore(device: Device) -> bool:
    """Store nothing of the unit any more; what is stored stays. False if that was so already."""
    return _become(device, Device.Adoption.IGNORED)


def doubts(device: Device) -> list[str]:
    """What makes this unit's identity doubtful, each with what to do about it."""
    found = []
    if device.claimed_from is not None:
        found.append(
            f"Two units claim the label {device.assy}: one at {device.address}, one at {device.claimed_from}. "
            "Nothing is stored until one of them has been silent for a minute: switch the other one off, or give it "
            "a label of its own."
        )
    if device.assy == DEFAULT_ASSY:
        found.append(
            "This is the factory's default label, which every uncalibrated board carries, so it identifies nothing. "
            "Calibrate the unit and give it a label of its own. Adopt it only if it is, and stays, the only such "
            "unit on your network."
        )
    return found


def _become(device: Device, adoption: Device.Adoption) -> bool:
    changed = Device.objects.filter(pk=device.pk).exclude(adoption=adoption).update(adoption=adoption)
    device.adoption = adoption
    if changed:
        log.info("A unit's adoption was decided", unit=device.assy, name=device.name, adoption=str(adoption))
    return bool(changed)
