"""What ``Port.reversed`` and ``Port.scale`` make of what is stored: as they are, and as they were before a moment.

A port's moments are whole UTC hours, so that minutes and hours lie wholly before or after them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from devices.models import Port
from devices.port_past import Era, PortThen, eras_of
from readings.history.thinning import FloatArray, IntArray
from readings.quantities import Quantity


@dataclass(frozen=True, slots=True)
class Turns:
    """The factors of a line: ``factors[n]`` is that of everything before ``moments[n]``, the last one of the rest."""

    moments: IntArray
    factors: FloatArray

    def at(self, times: FloatArray | IntArray) -> FloatArray:
        """The factor of what begins at each of these times."""
        return self.factors[np.searchsorted(self.moments, times, side="right")]

    def applied(
        self, times: FloatArray | IntArray, total: FloatArray, low: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Totals and extremes, each times the factor of when it begins; a negative one makes the lowest the highest."""
        factors = self.at(times)
        total, low, high = (column * factors + 0.0 for column in (total, low, high))  # 0 stays 0, not -0
        turned = factors < 0
        return total, np.where(turned, high, low), np.where(turned, low, high)


TurnsOf = Mapping[int, Turns]


def factor_of(port: Port | PortThen, quantity: Quantity) -> float:
    factor = float(port.scale) if quantity.scales else 1.0
    return -factor if port.reversed and quantity.flips else factor


def turns_of(ports: Iterable[Port], quantity: Quantity) -> TurnsOf:
    """By port whose factor was another one before: its factors. Of all others the one that they have holds."""
    found = {}
    for port_id, eras in eras_of(ports).items():
        factors = [factor_of(era.then, quantity) for era in eras]
        if len(set(factors)) > 1:
            moments = [era.until_ms for era in eras if era.until_ms is not None]
            found[port_id] = Turns(np.array(moments, dtype=np.int64), np.array(factors))
    return found


def energy_moments(eras: Mapping[int, Sequence[Era]], start_ms: int, end_ms: int) -> list[int]:
    """The moments inside (start_ms, end_ms) at which energies began to count in another way, in order."""
    return sorted({
        former.until_ms
        for of_port in eras.values()
        for former, later in pairwise(of_port)
        if former.until_ms is not None and start_ms < former.until_ms < end_ms and _ways(former) != _ways(later)
    })  # fmt: skip


def _ways(era: Era) -> tuple[str, bool, Decimal]:
    return era.then.role, era.then.reversed, era.then.scale
