"""Reading what a unit measures while it is calibrated."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop

from devices.calibration.arithmetic import mean
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, WrongUnit
from devices.jobs.patience import patiently
from devices.jobs.progress import Progress

# After the chips were loaded their readings need a moment; then a new one comes every 200 ms.
SETTLE_S = 1.0
BETWEEN_S = 0.25
READINGS: Final = 5
PATIENCE_S = 10.0  # with a bad connection; a unit that is away for longer has restarted, and the work is in vain

VOLTAGE: Final = "VRMS"
CURRENT: Final = "IRMS"


def measure(progress: Progress, client: UnitClient, port: int, quantity: str) -> float:
    """The mean of several readings of the port, in V or A. Stops a job that was cancelled; raises UnitError."""
    progress.pause(SETTLE_S)
    readings: list[float] = []
    while True:
        progress.check_cancelled()
        progress.alive()
        readings.append(patiently(progress, lambda: _read(client, port, quantity), within_s=PATIENCE_S))
        if len(readings) == READINGS:
            return mean(readings)
        progress.pause(BETWEEN_S)


def _read(client: UnitClient, port: int, quantity: str) -> float:
    stats = client.stats()
    unit = client.assy or client.address
    label = stats.get("ASSY", client.assy)
    if label != client.assy:
        template = gettext_noop("another unit (%(found)s) answers at %(address)s.")
        raise WrongUnit(unit, template, {"found": str(label), "address": client.address})
    values = stats.get(f"CT{port}")
    value = values.get(quantity) if isinstance(values, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        template = gettext_noop("its answer has no usable %(quantity)s of port %(port)d.")
        raise UnitAnsweredBadly(unit, template, {"quantity": quantity, "port": port})
    return float(value)
