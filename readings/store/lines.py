"""The tables of the ports and those of the devices: one shape, told apart by their key and their quantities."""

from dataclasses import dataclass

from readings.models import (
    DeviceDay,
    DeviceHour,
    DeviceMinute,
    DeviceReading,
    PortDay,
    PortHour,
    PortMinute,
    PortReading,
    Reading,
    Rollup,
)
from readings.quantities import ACTIVE_POWER, DEVICE_QUANTITIES, PORT_QUANTITIES, Quantity


@dataclass(frozen=True)
class Lines:
    """All lines of one kind: a line is what one port, or one device, measured over time."""

    key: str
    readings: type[Reading]
    minutes: type[Rollup]
    hours: type[Rollup]
    days: type[Rollup]
    quantities: tuple[Quantity, ...]

    @property
    def reading_columns(self) -> tuple[str, ...]:
        return (self.key, "time", "window_ms", "recovered", *(quantity.name for quantity in self.quantities))

    @property
    def additive(self) -> tuple[str, ...]:
        """Rollup columns that are never NULL; a bucket's is the sum of those of its pieces."""
        energies = ("positive_energy", "negative_energy") if ACTIVE_POWER in self.quantities else ()
        return ("samples", "covered_ms", "recovered_ms", *energies)

    @property
    def weighted(self) -> tuple[Quantity, ...]:
        """The quantities that have a column of value x ms (the energies are that of the active power)."""
        return tuple(quantity for quantity in self.quantities if quantity is not ACTIVE_POWER)

    @property
    def sums(self) -> tuple[str, ...]:
        return tuple(f"{quantity.name}_sum" for quantity in self.weighted)

    @property
    def least(self) -> tuple[str, ...]:
        return tuple(f"{quantity.name}_min" for quantity in self.quantities)

    @property
    def greatest(self) -> tuple[str, ...]:
        return tuple(f"{quantity.name}_max" for quantity in self.quantities)

    @property
    def rollup_columns(self) -> tuple[str, ...]:
        """Every column of a rollup, in the order of the rows that are written."""
        return (self.key, "start", *self.additive, *self.sums, *self.least, *self.greatest)


PORT_LINES = Lines("port_id", PortReading, PortMinute, PortHour, PortDay, PORT_QUANTITIES)
DEVICE_LINES = Lines("device_id", DeviceReading, DeviceMinute, DeviceHour, DeviceDay, DEVICE_QUANTITIES)

ReadingRow = tuple[int, int, int, int, *tuple[int | None, ...]]
"""The stored integers of a reading, in the order of ``reading_columns``: line, time, window, recovered, quantities."""

RollupRow = tuple[int | None, ...]
"""The stored integers of a rollup, in the order of ``rollup_columns``."""


def scaled_sum(known_sum: int, known_ms: int, all_ms: int) -> int | None:
    """Value x ms of a bucket, from the part of its time in which the quantity is known.

    Scaled to the whole time, so that sum / time stays the mean of what is known; rounded once, half up. None where
    there is time and nothing is known of it.
    """
    if known_ms == all_ms:
        return known_sum
    if known_ms == 0:
        return None
    return (2 * known_sum * all_ms + known_ms) // (2 * known_ms)
