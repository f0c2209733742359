"""What flows through a simulated unit: a believable load whose energy is known exactly.

Power is constant over steps of one second and a whole number of milliwatts, so its integral is exact.
Negative is drawn from the grid, positive is delivered to it. The same seed makes the same load.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from devices.ct6.simulator.household import ANNEX, HOME, HOUR_S, Floats, PortLoad, hour_of_signals

__all__ = ["ANNEX", "HOME", "LoadCurve", "MeanValues", "PortLoad"]

Integers: TypeAlias = npt.NDArray[np.int64]

SECOND_NS = 1_000_000_000
# The steps' edges lie off the clock's seconds, where questions are asked.
_PHASE_NS = 400_000_000
_HOUR_NS = HOUR_S * SECOND_NS
# A unit shows less than ZERO_POWER_GATE_WATTS as nothing; the load keeps clear of that.
_LEAST_MW = 1000
_HOURS_KEPT = 8
_TOTALS_KEPT = 2000


@dataclass(frozen=True, slots=True)
class MeanValues:
    """True means over windows: arrays of (window, port), or (window,) for the unit's own values."""

    active_power_w: Floats
    reactive_power_var: Floats
    apparent_power_va: Floats
    power_factor: Floats
    current_rms_a: Floats
    current_peak_a: Floats
    voltage_v: Floats
    frequency_hz: Floats
    temperature_c: Floats
    rssi_dbm: Floats


@dataclass(frozen=True, slots=True)
class _Hour:
    """An hour's power in mW, (second, port), and what had flowed before each second, in mW·s.

    The second half of the columns is the same without its sign, which apparent power follows.
    """

    power: Integers
    before: Integers

    @property
    def total(self) -> Integers:
        """What flowed in the whole hour, in mW·s."""
        last: Integers = self.before[-1]
        return last


class LoadCurve:
    """The load of one unit with `port_count` ports, numbered from 1; times are UNIX epoch nanoseconds."""

    def __init__(
        self,
        seed: int = 1,
        *,
        layout: Sequence[PortLoad] = HOME,
        port_count: int = 6,
        utc_offset_s: int = 0,
    ) -> None:
        self.ports = tuple(layout[n % len(layout)] for n in range(port_count))
        self._seed = seed
        self._shift_ns = utc_offset_s * SECOND_NS - _PHASE_NS
        self._power_factors = np.array([port.power_factor for port in self.ports])
        self._hour = lru_cache(_HOURS_KEPT)(self._made_hour)
        self._total = lru_cache(_TOTALS_KEPT)(lambda hour: self._hour(hour).total)

    def prepare(self, t_ns: int) -> None:
        """Make the hour of a moment beforehand: it takes longer than an answer may."""
        self._hour((t_ns + self._shift_ns) // _HOUR_NS)

    def energy_ws(self, port: int, start_ns: int, end_ns: int) -> float:
        """The exact integral of the port's active power, in watt-seconds."""
        column = port - 1
        first = (start_ns + self._shift_ns) // _HOUR_NS
        last = (end_ns + self._shift_ns) // _HOUR_NS
        whole_mw_s = sum(int(self._total(hour)[column]) for hour in range(first, last))
        part_mw_ns = self._since_hour_mw_ns(column, end_ns) - self._since_hour_mw_ns(column, start_ns)
        return (whole_mw_s * SECOND_NS + part_mw_ns) / (1000 * SECOND_NS)

    def values(self, port: int, t_ns: int) -> dict[str, float]:
        """What the port carries at one moment, by the names that MeanValues has for it."""
        start_ns = t_ns - (t_ns + self._shift_ns) % SECOND_NS
        means = self.mean_values([start_ns, start_ns + SECOND_NS])
        names = (
            "active_power_w",
            "reactive_power_var",
            "apparent_power_va",
            "power_factor",
            "current_rms_a",
            "current_peak_a",
        )
        return {name: float(getattr(means, name)[0, port - 1]) for name in names}

    def mean_values(self, edges_ns: Sequence[int] | Integers, *, pf_threshold_w: float = 5.0) -> MeanValues:
        """The means over the windows between rising edges: one window less than edges."""
        edges = np.asarray(edges_ns, dtype=np.int64)
        windows_s = np.diff(edges) / SECOND_NS
        power_w = np.diff(self._flowed_mw_s(edges), axis=0) / windows_s[:, None] / 1000.0
        active, apart = np.split(power_w, 2, axis=1)
        apparent = apart / self._power_factors
        reactive = apparent * np.sqrt(1.0 - self._power_factors**2)
        factor = np.divide(active, apparent, out=np.zeros_like(active), where=apart > 0)
        voltage = 235.0 + _swing(edges, 1.8, 1260.0) + _swing(edges, 0.7, 97.0)
        current = apparent / voltage[:, None]
        return MeanValues(
            active_power_w=active,
            reactive_power_var=reactive,
            apparent_power_va=apparent,
            power_factor=np.where(np.abs(active) < pf_threshold_w, 0.0, factor),
            current_rms_a=current,
            current_peak_a=current * math.sqrt(2.0),
            voltage_v=voltage,
            frequency_hz=50.0 + _swing(edges, 0.022, 331.0) + _swing(edges, 0.011, 41.0),
            temperature_c=31.0 + _swing(edges, 4.5, 86400.0) + _swing(edges, 0.4, 1900.0),
            rssi_dbm=-54.0 + _swing(edges, 3.0, 773.0),
        )

    def _flowed_mw_s(self, edges: Integers) -> Floats:
        """What had flowed at each edge since the start of the first edge's hour, in mW·s."""
        hours, within_ns = np.divmod(edges + self._shift_ns, _HOUR_NS)
        seconds, rest_ns = np.divmod(within_ns, SECOND_NS)
        flowed = np.empty((len(edges), 2 * len(self.ports)))
        base = np.zeros(2 * len(self.ports), dtype=np.int64)
        for hour in range(int(hours[0]), int(hours[-1]) + 1):
            here = slice(*np.searchsorted(hours, (hour, hour + 1)))
            if here.stop > here.start:
                made, second = self._hour(hour), seconds[here]
                part = made.power[second] * (rest_ns[here] / SECOND_NS)[:, None]
                flowed[here] = base + made.before[second] + part
            base = base + self._total(hour)
        return flowed

    def _since_hour_mw_ns(self, column: int, at_ns: int) -> int:
        hour, within_ns = divmod(at_ns + self._shift_ns, _HOUR_NS)
        second, rest_ns = divmod(within_ns, SECOND_NS)
        made = self._hour(hour)
        return int(made.before[second, column]) * SECOND_NS + int(made.power[second, column]) * rest_ns

    def _made_hour(self, hour: int) -> _Hour:
        signals = hour_of_signals(self._seed, hour)
        power_mw = np.rint(np.stack([port.power_w(signals) for port in self.ports], axis=1) * 1000.0)
        power_mw = np.where(np.abs(power_mw) < _LEAST_MW, 0.0, power_mw).astype(np.int64)
        power = np.concatenate([power_mw, np.abs(power_mw)], axis=1)
        before = np.concatenate([np.zeros((1, power.shape[1]), dtype=np.int64), np.cumsum(power, axis=0)])
        return _Hour(power, before)


def _swing(edges: Integers, height: float, period_s: float) -> Floats:
    """The true means of a sine wave over the windows between the edges."""
    turn = 2.0 * math.pi / (period_s * SECOND_NS)
    # Whole periods are taken off first: the epoch in nanoseconds is too big for an exact sine.
    since = edges - edges[0] + int(edges[0]) % round(period_s * SECOND_NS)
    means: Floats = height * -np.diff(np.cos(turn * since)) / (turn * np.diff(edges))
    return means
