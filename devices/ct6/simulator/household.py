"""What draws and makes power in the simulated houses, hour by hour of their local time.

Every hour can be made alone and always comes out the same: the battery follows the clock instead of
keeping a state of charge, and chance is drawn per hour or day from (seed, purpose, number).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Signals: TypeAlias = Mapping[str, Floats]

HOUR_S = 3600
HOURS_A_DAY = 24

_CLOUDS, _DAY, _NOISE, _KETTLE = range(4)
_CLOUD_KNOTS = 12  # one every five minutes
_SOLAR_PEAK_W = 4300.0
_INVERTER_STANDBY_W = 4.0
_BATTERY_CHARGE_W = 800.0
_BATTERY_DISCHARGE_W = 2200.0
_BATTERY_STANDBY_W = 6.0
_EV_W = 7200.0

# How likely the kettle is put on in an hour of the day.
_KETTLE_CHANCE = {6: 0.5, 7: 0.9, 8: 0.6, 10: 0.5, 13: 0.5, 16: 0.6, 19: 0.5, 21: 0.4}


@dataclass(frozen=True, slots=True)
class PortLoad:
    """What one port's clamp is round: `power_w` of the hour's signals, at a constant |power factor|."""

    name: str
    power_factor: float
    power_w: Callable[[Signals], Floats]


HOME = (
    PortLoad("Grid", 0.97, lambda s: s["solar"] + s["battery"] - s["house"] - s["ev"]),
    PortLoad("Solar", 0.995, lambda s: s["solar"]),
    PortLoad("Battery", 0.985, lambda s: s["battery"]),
    PortLoad("EV", 0.99, lambda s: -s["ev"]),
    PortLoad("House", 0.93, lambda s: -s["house"]),
    PortLoad("", 1.0, lambda s: 0.0 * s["house"]),
)
ANNEX = (
    PortLoad("Feed", 0.95, lambda s: s["solar"] - s["heat pump"] - s["kitchen"] - s["lights"] - s["fridge"]),
    PortLoad("Heat pump", 0.94, lambda s: -s["heat pump"]),
    PortLoad("Kitchen", 0.99, lambda s: -s["kitchen"]),
    PortLoad("Lights & sockets", 0.88, lambda s: -s["lights"]),
    PortLoad("Freezer", 0.72, lambda s: -s["fridge"]),
    PortLoad("Carport roof", 0.99, lambda s: s["solar"]),
)


def hour_of_signals(seed: int, hour: int) -> Signals:
    """Watts of everything in a house for each second of a local hour, counted from 1970; all positive
    but the battery's, which is negative while charging."""
    second = np.arange(HOUR_S, dtype=np.float64)
    time_of_day = hour % HOURS_A_DAY + second / HOUR_S
    lights = _lights(_chance(seed, _NOISE, hour), time_of_day)
    fridge = _cycling(hour * HOUR_S + second, 2700 + seed % 7 * 60, 0.36, 95.0)
    kitchen = _kettle(seed, hour, second) + _cooking(seed, hour, second)
    solar = _solar(seed, hour, time_of_day)
    house = lights + fridge + kitchen
    return {
        "lights": lights,
        "fridge": fridge,
        "kitchen": kitchen,
        "house": house,
        "solar": solar,
        "battery": _battery(hour % HOURS_A_DAY, solar, house),
        "ev": _ev(seed, hour, second),
        "heat pump": 12.0 + _cycling(hour * HOUR_S + second, 2520 + seed % 5 * 60, 0.45, 1350.0),
    }


def _chance(seed: int, purpose: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, purpose, number))


def _lights(chance: np.random.Generator, time_of_day: Floats) -> Floats:
    def evening(peak: float, width: float) -> Floats:
        return np.exp(-(((time_of_day - peak) / width) ** 2))

    flicker = chance.integers(-8, 9, HOUR_S)
    return 165.0 + 90.0 * evening(7.3, 1.1) + 230.0 * evening(20.5, 2.4) + flicker


def _cycling(second: Floats, period_s: int, share: float, power_w: float) -> Floats:
    """A thermostat: on for its share of every period."""
    return np.where(second % period_s < share * period_s, power_w, 0.0)


def _kettle(seed: int, hour: int, second: Floats) -> Floats:
    chance = _chance(seed, _KETTLE, hour)
    start_s, duration_s = chance.integers(60, 3200), chance.integers(110, 210)
    if chance.random() > _KETTLE_CHANCE.get(hour % HOURS_A_DAY, 0.0):
        return np.zeros(HOUR_S)
    return np.where((second >= start_s) & (second < start_s + duration_s), 2840.0, 0.0)


def _cooking(seed: int, hour: int, second: Floats) -> Floats:
    """An oven at six in the evening, a hob at noon, each on some days."""
    chance = _chance(seed, _DAY, hour // HOURS_A_DAY)
    dinner, lunch = chance.random(2) < (0.65, 0.45)
    if dinner and hour % HOURS_A_DAY == 18:
        on = np.where(second < 420, 1.0, (second % 95 < 50).astype(np.float64))
        return np.where((second >= 240) & (second < 3000), 2150.0 * on, 0.0)
    if lunch and hour % HOURS_A_DAY == 12:
        return np.where((second >= 900) & (second < 2100), _cycling(second, 24, 0.6, 1750.0), 0.0)
    return np.zeros(HOUR_S)


def _solar(seed: int, hour: int, time_of_day: Floats) -> Floats:
    """A bell from six to six under drifting clouds; the inverter draws a little at night."""
    bell = np.clip(np.sin(np.pi * (time_of_day - 6.0) / 12.0), 0.0, None) ** 1.35
    knots = np.append(_clouds(seed, hour), _clouds(seed, hour + 1)[0])
    clouds = np.interp(time_of_day % 1.0, np.linspace(0.0, 1.0, _CLOUD_KNOTS + 1), knots)
    made = _SOLAR_PEAK_W * bell * clouds
    return np.where(made > _INVERTER_STANDBY_W, made, -_INVERTER_STANDBY_W)


def _clouds(seed: int, hour: int) -> Floats:
    clearness = 0.25 + 0.75 * float(_chance(seed, _DAY, hour // HOURS_A_DAY).random(3)[2])
    shade: Floats = _chance(seed, _CLOUDS, hour).random(_CLOUD_KNOTS)
    return clearness + (1.0 - clearness) * (shade - 0.6)


def _battery(hour_of_day: int, solar: Floats, house: Floats) -> Floats:
    if 9 <= hour_of_day < 14:
        delivered: Floats = -np.clip(solar - house, _BATTERY_STANDBY_W, _BATTERY_CHARGE_W)
    elif hour_of_day >= 16:
        delivered = np.clip(house - solar, 0.0, _BATTERY_DISCHARGE_W) - _BATTERY_STANDBY_W
    else:
        delivered = np.full(HOUR_S, -_BATTERY_STANDBY_W)
    return delivered


def _ev(seed: int, hour: int, second: Floats) -> Floats:
    """A car that is charged in some nights, from a while after midnight."""
    chance = _chance(seed, _DAY, hour // HOURS_A_DAY)
    charges, start, length = chance.random(6)[3:]
    if charges > 0.6:
        return np.zeros(HOUR_S)
    start_s = HOUR_S * (0.4 + start)
    since_midnight_s = hour % HOURS_A_DAY * HOUR_S + second
    charging = (since_midnight_s >= start_s) & (since_midnight_s < start_s + HOUR_S * (1.0 + 3.0 * length))
    return np.where(charging, _EV_W, 0.0)
