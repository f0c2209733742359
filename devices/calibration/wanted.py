"""What a calibration was asked to do, and why some are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_noop

from devices import gains
from devices.calibration import arithmetic
from devices.ct6.errors import DestructiveValue, UnitError
from devices.models import Calibration, Device

Target = Calibration.Target
LINE_FREQUENCIES_HZ: Final = (50, 60)
PORTS: Final = range(1, 7)  # the shipped firmware has settings for these only
# Each chip's gain, and the port on which its voltage is read.
VOLTAGE_KEYS: Final = {"CS4_VOLTAGE_GAIN": 1, "CS0_VOLTAGE_GAIN": 4}


class CalibrationRefused(UnitError):
    """This is not done, and nothing was changed on the unit; the sentence says what to mend."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A calibration that may be done: what, on which port, against which reference in V or A, at which frequency; 0
    stands where the target needs none.

    `gains` are those to put back, for an earlier calibration, whose id `calibration` is.
    """

    target: Calibration.Target
    port: int = 0
    reference: float = 0.0
    line_freq_hz: int = 50
    calibration: int | None = None
    gains: gains.Gains = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that it changes."""
        match self.target:
            case Target.VOLTAGE:
                return (gains.LINE_FREQ_HZ, *VOLTAGE_KEYS)
            case Target.CURRENT_GAIN:
                return (gains.LINE_FREQ_HZ, f"CT{self.port}_IGAIN")
            case Target.CURRENT_OFFSET:
                return (gains.LINE_FREQ_HZ, f"CT{self.port}_IOFFSET")
            case _:
                return tuple(self.gains)


def wanted_from(asked: Mapping[str, Any], device: Device) -> Wanted:
    """What was asked for. Raises CalibrationRefused."""
    if asked.get("target") == Target.RESTORED:
        return _earlier(asked, device)
    if asked.get("target") not in (Target.VOLTAGE, Target.CURRENT_GAIN, Target.CURRENT_OFFSET):
        template = gettext_noop("choose what to calibrate: voltage, current_gain or current_offset.")
        raise CalibrationRefused(device.assy, template)
    target = Target(asked["target"])
    if asked.get("mains_side_is_safe") is not True:
        template = gettext_noop(
            "confirm that the mains side is safe: somebody works at live parts while a unit is calibrated."
        )
        raise CalibrationRefused(device.assy, template)
    if asked.get("line_freq_hz") not in LINE_FREQUENCIES_HZ:
        raise CalibrationRefused(device.assy, gettext_noop("the line frequency is 50 or 60 Hz."))
    return Wanted(target, _port(target, asked, device), _reference(target, asked, device), int(asked["line_freq_hz"]))


def _port(target: Calibration.Target, asked: Mapping[str, Any], device: Device) -> int:
    if target == Target.VOLTAGE:
        return 0
    port = asked.get("port")
    if isinstance(port, bool) or not isinstance(port, int) or port not in PORTS:
        template = gettext_noop("choose the port to calibrate, from %(first)d to %(last)d.")
        raise CalibrationRefused(device.assy, template, {"first": PORTS[0], "last": PORTS[-1]})
    return port


def _reference(target: Calibration.Target, asked: Mapping[str, Any], device: Device) -> float:
    if target == Target.CURRENT_OFFSET:
        return 0.0
    reference = asked.get("reference")
    is_voltage = target == Target.VOLTAGE
    low, high = arithmetic.VOLTAGE_REFERENCES_V if is_voltage else arithmetic.CURRENT_REFERENCES_A
    if isinstance(reference, bool) or not isinstance(reference, int | float) or not low <= reference <= high:
        template = (
            gettext_noop("the reference must be a voltage from %(low)g to %(high)g V.")
            if is_voltage
            else gettext_noop("the reference must be a current from %(low)g to %(high)g A.")
        )
        raise CalibrationRefused(device.assy, template, {"low": low, "high": high})
    return float(reference)


def _earlier(asked: Mapping[str, Any], device: Device) -> Wanted:
    """An earlier calibration's gains: those that it ended with, or began with if it came to nothing."""
    number = asked.get("calibration")
    earlier = Calibration.objects.filter(pk=number, device=device).first() if isinstance(number, int) else None
    if earlier is None:
        raise CalibrationRefused(device.assy, gettext_noop("there is no such calibration of this unit."))
    if device.replacements.filter(made__gt=earlier.made).exists():
        template = gettext_noop(
            "that calibration was of the unit that stood here before: its gains would make this one measure wrong."
        )
        raise CalibrationRefused(device.assy, template)
    found = gains.gains_in(earlier.after if earlier.succeeded else earlier.before)
    if earlier.succeeded is False and not found:
        template = gettext_noop(
            "that calibration was refused before it changed anything, so there is nothing to restore."
        )
        raise CalibrationRefused(device.assy, template)
    if not found or (earlier.succeeded is None and earlier.job is not None and not earlier.job.is_over):
        raise CalibrationRefused(device.assy, gettext_noop("that calibration has not ended; it left no gains yet."))
    try:
        gains.as_sent(found)
    except DestructiveValue as refusal:
        raise CalibrationRefused(device.assy, refusal.template, refusal.values) from refusal
    return Wanted(Target.RESTORED, earlier.port_number or 0, calibration=earlier.pk, gains=found)
