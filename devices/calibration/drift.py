"""How a unit's gains changed over time: from its calibrations, and from the copies of its factory configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from devices import factory, gains
from devices.calibration.arithmetic import as_offset
from devices.ct6.errors import UnitError
from devices.models import Calibration, Device, FactoryConfig

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Drift:
    """One value that a setting took. Offsets are with their sign.

    `change_percent` is by how much it differs from the first known value: of gains only, since an offset can be 0.
    `calibration` is the id of the one that made it; without one it was found in a copy of the factory configuration.
    """

    at: datetime
    value: float
    change_percent: float | None
    calibration: int | None


class _Seen(NamedTuple):
    at: datetime
    calibration: int | None
    values: Values


def drift(device: Device) -> dict[str, list[Drift]]:
    """By setting, each value that it was seen to have, oldest first; a value that stayed the same is told once.

    What a unit that stood here before had is left out.
    """
    found: dict[str, list[Drift]] = {}
    for seen in sorted(_seen(device), key=lambda seen: seen.at):
        for key, register in seen.values.items():
            value = float(as_offset(int(register))) if key.endswith("_IOFFSET") else float(register)
            line = found.setdefault(key, [])
            if not line or line[-1].value != value:
                first = line[0].value if line else value
                line.append(Drift(seen.at, value, _change_percent(key, first, value), seen.calibration))
    return found


def _seen(device: Device) -> Iterator[_Seen]:
    replaced = device.replacements.order_by("made").last()
    calibrations = Calibration.objects.filter(device=device, succeeded=True).select_related("job")
    if replaced is not None:
        calibrations = calibrations.filter(made__gt=replaced.made)
    for calibration in calibrations:
        ended = calibration.job.ended if calibration.job is not None else None
        yield _Seen(calibration.made, None, gains.gains_in(calibration.before))
        yield _Seen(ended or calibration.made, calibration.pk, gains.gains_in(calibration.after))
    # What a calibration left is known from itself, with its id.
    copies = device.factory_configs.exclude(reason=FactoryConfig.Reason.AFTER_CALIBRATION)
    for copy in copies.select_related("device"):
        try:
            values = factory.values_of(copy)
        except UnitError:
            continue  # kept as it was found, whatever it is
        if values.get("ASSY") == device.assy:
            yield _Seen(copy.taken, None, gains.gains_in(values))


def _change_percent(key: str, first: float, value: float) -> float | None:
    return 100.0 * (value / first - 1.0) if key.endswith("GAIN") and first else None
