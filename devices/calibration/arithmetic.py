"""The numbers of a calibration: which gain or offset to try next, what is near enough, and what is never tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LOWEST_GAIN: Final = 1000
HIGHEST_GAIN: Final = 64_535
START_VOLTAGE_GAIN: Final = 50_000
START_CURRENT_GAIN: Final = 8_000
# A gain is found within a few rounds, or never.
MOST_GAIN_ROUNDS: Final = 10

# Offsets are stepped from none at all as far down as the register goes.
OFFSET_STEP: Final = 1000
LOWEST_OFFSET: Final = -32_000
MOST_OFFSET_ROUNDS: Final = 1 - LOWEST_OFFSET // OFFSET_STEP

VOLTAGE_REFERENCES_V: Final = (100.0, 270.0)
CURRENT_REFERENCES_A: Final = (1.0, 100.0)
LEAST_VOLTAGE_V: Final = 100.0
LOAD_IS_OFF_BELOW_A: Final = 2.0

NEAR_ENOUGH_V: Final = 0.3
NEAR_ENOUGH_A: Final = 0.02
NO_CURRENT_A: Final = 0.001  # the smallest part of a current register

_REGISTER_VALUES = 1 << 16


def mean(readings: Sequence[float]) -> float:
    return sum(readings) / len(readings)


def next_gain(gain: int, reading: float, reference: float) -> int:
    """The gain that should make the reading equal the reference, since the one is proportional to the other; the
    nearest allowed one where that is out of bounds, and the greatest where nothing is read.
    """
    if reading <= 0:
        return HIGHEST_GAIN
    return round(min(max(gain * reference / reading, LOWEST_GAIN), HIGHEST_GAIN))


def next_offset(offset: int, reading_a: float) -> int:
    """The offset (with its sign) to try after this one: lower while a current is read, higher if one below 0 is."""
    step = -OFFSET_STEP if reading_a > 0 else OFFSET_STEP
    return min(max(offset + step, LOWEST_OFFSET), -LOWEST_OFFSET)


def as_register(offset: int) -> int:
    """The offset as its register holds it: 16 bits, as a number without a sign."""
    return offset % _REGISTER_VALUES


def as_offset(register: int) -> int:
    """The offset with its sign, from its register."""
    return register - _REGISTER_VALUES if register >= _REGISTER_VALUES // 2 else register


def is_no_current(reading_a: float) -> bool:
    """Whether this reads 0."""
    return abs(reading_a) < NO_CURRENT_A
