"""What the meter chips of a simulated unit make of the truth, by the gains and offsets that they were loaded with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from devices.ct6.simulator.household import Floats
from devices.ct6.simulator.load import MeanValues

# The chip of ports 1 to 3, and that of 4 to 6.
_CHIP_KEYS = ("CS4_VOLTAGE_GAIN", "CS0_VOLTAGE_GAIN")
_PORTS_A_CHIP = 3
# An offset register counts 128ths of a current register's smallest part, which is 1 mA / 65536.
_OFFSET_STEP_A = 0.001 * 128 / 65536


@dataclass(slots=True)
class Mains:
    """What is there to be measured, where a test wants it otherwise than the load makes it.

    Currents are by port, drawn from the grid at a power factor of 1. `true_energy_ws` of the unit knows nothing of it.
    """

    voltage_v: float | None = None
    currents_a: dict[int, float] = field(default_factory=dict)

    def truth(self, means: MeanValues) -> MeanValues:
        """The load's values, or these in their place."""
        if self.voltage_v is None and not self.currents_a:
            return means
        voltage = means.voltage_v if self.voltage_v is None else np.full_like(means.voltage_v, self.voltage_v)
        rise = (voltage / means.voltage_v)[:, None]
        current, power_factor = means.current_rms_a.copy(), means.power_factor.copy()
        active, reactive, apparent = (
            powers * rise for powers in (means.active_power_w, means.reactive_power_var, means.apparent_power_va)
        )
        for port, current_a in self.currents_a.items():
            column = port - 1
            current[:, column] = current_a
            active[:, column] = -current_a * voltage
            reactive[:, column] = 0.0
            apparent[:, column] = current_a * voltage
            power_factor[:, column] = -1.0 if current_a > 0 else 0.0
        return replace(
            means,
            voltage_v=voltage,
            current_rms_a=current,
            current_peak_a=current * math.sqrt(2.0),
            active_power_w=active,
            reactive_power_var=reactive,
            apparent_power_va=apparent,
            power_factor=power_factor,
        )


class MeterChips:
    """Both meter chips. `right` has the gains and offsets by key with which this unit's board reads the truth; a test
    that changes one makes a unit that reads wrong until it is calibrated.
    """

    def __init__(self, settings: Mapping[str, object], port_count: int) -> None:
        self._port_count = port_count
        self.right = self._registers(settings)
        self._loaded = dict(self.right)

    def load(self, settings: Mapping[str, object]) -> None:
        """Take the gains and offsets over; until then changed ones have no effect."""
        self._loaded = self._registers(settings)

    def voltage_ratio(self, chip: int) -> float:
        """By how much the chip (from 0) shows more than the true voltage."""
        if chip >= len(_CHIP_KEYS):
            return 1.0  # stacked boards have no setting for theirs
        return self._ratio(_CHIP_KEYS[chip])

    def measured(self, truth: MeanValues) -> MeanValues:
        """What the chips show in place of the truth; voltages are `voltage_ratio`'s business."""
        if self._loaded == self.right:
            return truth
        numbers = range(1, self._port_count + 1)
        gains = np.array([self._ratio(f"CT{number}_IGAIN") for number in numbers])
        shifts = np.array([self._shift_a(f"CT{number}_IOFFSET") for number in numbers])
        voltages = np.array([self.voltage_ratio((number - 1) // _PORTS_A_CHIP) for number in numbers])
        current = np.maximum(truth.current_rms_a * gains + shifts, 0.0)
        # What the offset adds where nothing flows is noise: it makes a current, and no power.
        share = np.divide(current, truth.current_rms_a, out=np.zeros_like(current), where=truth.current_rms_a > 0)
        power: Floats = share * voltages
        return replace(
            truth,
            current_rms_a=current,
            current_peak_a=current * math.sqrt(2.0),
            active_power_w=truth.active_power_w * power,
            reactive_power_var=truth.reactive_power_var * power,
            apparent_power_va=truth.apparent_power_va * power,
        )

    def _registers(self, settings: Mapping[str, object]) -> dict[str, float]:
        keys = [*_CHIP_KEYS]
        for number in range(1, self._port_count + 1):
            keys += [f"CT{number}_IGAIN", f"CT{number}_IOFFSET"]
        values = {key: settings.get(key) for key in keys}
        return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}

    def _ratio(self, key: str) -> float:
        right = self.right.get(key, 0.0)
        return self._loaded.get(key, right) / right if right else 1.0

    def _shift_a(self, key: str) -> float:
        right = self.right.get(key, 0.0)
        return (_signed(self._loaded.get(key, right)) - _signed(right)) * _OFFSET_STEP_A


def _signed(register: float) -> float:
    """The number that a register of 16 bits with a sign holds."""
    return register - 65536 if register >= 32768 else register
