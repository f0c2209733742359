"""The quantities that a unit measures, and the fixed-point integers that they are stored as.

A value is rounded once, at ingest, to a whole number of ``1 / scale`` units: 2760.04 W becomes 27600. From there on
all sums are exact. Energy is power times window, in units of 0.1 mJ.
"""

from dataclasses import dataclass
from typing import Literal

from readings.marking import gettext_noop as _

ENERGY_PER_WH = 36_000_000
ENERGY_PER_KWH = 1000 * ENERGY_PER_WH


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity; ``flips`` tells that its sign changes where a port is reversed, ``scales`` that the
    port's scale multiplies it.

    ``label`` is English: who shows it shows ``gettext(label)``.
    """

    name: str
    unit: str
    scale: int
    of: Literal["port", "device"]
    label: str
    flips: bool = False
    scales: bool = False

    def fixed(self, value: float | None) -> int | None:
        """The stored integer nearest to a value in the quantity's unit; None stays None."""
        return None if value is None else round(value * self.scale)

    def shown(self, fixed: float | None) -> float | None:
        """The value in the quantity's unit."""
        return None if fixed is None else fixed / self.scale


ACTIVE_POWER = Quantity("active_power", "W", 10, "port", _("Active power"), flips=True, scales=True)
REACTIVE_POWER = Quantity("reactive_power", "var", 10, "port", _("Reactive power"), flips=True, scales=True)
APPARENT_POWER = Quantity("apparent_power", "VA", 10, "port", _("Apparent power"), scales=True)
POWER_FACTOR = Quantity("power_factor", "", 1000, "port", _("Power factor"), flips=True)
CURRENT_RMS = Quantity("current_rms", "A", 1000, "port", _("RMS current"), scales=True)
CURRENT_PEAK = Quantity("current_peak", "A", 1000, "port", _("Peak current"), scales=True)
VOLTAGE = Quantity("voltage", "V", 100, "device", _("AC voltage"))
FREQUENCY = Quantity("frequency", "Hz", 1000, "device", _("AC frequency"))
TEMPERATURE = Quantity("temperature", "°C", 100, "device", _("Temperature"))
RSSI = Quantity("rssi", "dBm", 10, "device", _("WiFi RSSI"))

PORT_QUANTITIES = (ACTIVE_POWER, REACTIVE_POWER, APPARENT_POWER, POWER_FACTOR, CURRENT_RMS, CURRENT_PEAK)
DEVICE_QUANTITIES = (VOLTAGE, FREQUENCY, TEMPERATURE, RSSI)
QUANTITIES = {quantity.name: quantity for quantity in PORT_QUANTITIES + DEVICE_QUANTITIES}

IDLE_BELOW_W = 0.5


def direction_of(active_power_w: float | None) -> Literal["import", "export", "idle"] | None:
    """The direction of a power in W as read (``reversed`` applied): negative is import, under 0.5 W is idle."""
    if active_power_w is None:
        return None
    if abs(active_power_w) < IDLE_BELOW_W:
        return "idle"
    return "import" if active_power_w < 0 else "export"
