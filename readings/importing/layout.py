"""How ct6_db_store and ct6_app lay out their databases, and what becomes of a row of theirs. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from devices.ct6.names import decode_name
from devices.ct6.protocol import MAX_PORTS, PLAUSIBLE
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES, Quantity

META: Final = "CT6_META"
SECONDS: Final = "CT6_SENSOR"
HOURS: Final = "CT6_SENSOR_HOUR"
DAYS: Final = "CT6_SENSOR_DAY"
TIMESTAMP: Final = "TIMESTAMP"

_OF_PORTS: Final = {
    "active_power": "ACT_WATTS",
    "reactive_power": "REACT_WATTS",
    "apparent_power": "APP_WATTS",
    "power_factor": "PF",
}
_OF_DEVICE: Final = {
    "voltage": "VOLTAGE",
    "frequency": "FREQUENCY",
    "temperature": "BOARD_TEMPERATURE",
    "rssi": "RSSI_DBM",
}
_POWER_COLUMN: Final = re.compile(r"CT(\d{1,2})_ACT_WATTS")


@dataclass(frozen=True, slots=True)
class TheirUnit:
    """What a database says of its unit; empty texts where it says nothing."""

    assy: str
    name: str
    port_names: dict[int, str]
    other_labels: tuple[str, ...] = ()  # of units that had the same name before


@dataclass(frozen=True, slots=True)
class TheirRow:
    """A row of seconds; `position` grows in the order in which they were stored."""

    position: int
    shown: Any
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Columns:
    """The columns of their table of seconds that we know, in the order of a row's values."""

    names: tuple[str, ...]
    ports: tuple[int, ...]
    at: dict[tuple[int, str], int]
    """Where the value of a port (0: of the device) and a quantity stands."""


@dataclass(frozen=True, slots=True)
class Values:
    """A row's stored integers by `PORT_QUANTITIES` and `DEVICE_QUANTITIES`; how many values could not be used."""

    of_ports: tuple[tuple[int | None, ...], ...]
    of_device: tuple[int | None, ...]
    unusable: int


def known_columns(names: Iterable[str]) -> Columns | None:
    """None where that is no table of theirs: it has no TIMESTAMP, or no port's power."""
    there = {name.upper() for name in names}
    found = (int(match[1]) for name in there if (match := _POWER_COLUMN.fullmatch(name)))
    ports = tuple(sorted(number for number in found if 1 <= number <= MAX_PORTS))
    if TIMESTAMP not in there or not ports:
        return None
    wanted = {(number, name): f"CT{number}_{column}" for number in ports for name, column in _OF_PORTS.items()}
    wanted |= {(0, name): column for name, column in _OF_DEVICE.items()}
    kept = {key: column for key, column in wanted.items() if column in there}
    return Columns(tuple(kept.values()), ports, {key: index for index, key in enumerate(kept)})


def their_unit(meta: Sequence[dict[str, Any]], database: str) -> TheirUnit:
    """By the rows of CT6_META, the newest last. What it does not tell, the database's own name may."""
    labels = [label for row in meta if (label := _text(row.get("HW_ASSY")))]
    newest = meta[-1] if meta else {}
    names = {number: _text(newest.get(f"CT{number}_NAME")) for number in range(1, MAX_PORTS + 1)}
    return TheirUnit(
        assy=labels[-1] if labels else "",
        name=_text(newest.get("UNIT_NAME")) or decode_name(database),
        port_names={number: name for number, name in names.items() if name},
        other_labels=tuple(sorted(set(labels[:-1]) - {labels[-1]})) if labels else (),
    )


def read_shown(shown: Any) -> datetime | None:
    """The time of a row, with an offset only where it has one; None where it is none."""
    if isinstance(shown, str):
        try:
            shown = datetime.fromisoformat(shown.strip())
        except ValueError:
            return None
    return shown if isinstance(shown, datetime) and 1971 <= shown.year < 2199 else None


def fixed_values(columns: Columns, row: TheirRow) -> Values:
    """A row's values, each rounded once. What is missing, no number or beyond anything possible is None."""
    unusable = 0

    def fixed(number: int, quantity: Quantity) -> int | None:
        nonlocal unusable
        index = columns.at.get((number, quantity.name))
        value = None if index is None else row.values[index]
        if value is None:
            return None
        lowest, highest = PLAUSIBLE[quantity.name]
        if isinstance(value, int | float) and math.isfinite(value) and lowest <= value <= highest:
            return quantity.fixed(value)
        unusable += 1
        return None

    of_ports = tuple(tuple(fixed(number, quantity) for quantity in PORT_QUANTITIES) for number in columns.ports)
    of_device = tuple(fixed(0, quantity) for quantity in DEVICE_QUANTITIES)
    return Values(of_ports, of_device, unusable)


def _text(value: Any) -> str:
    return decode_name(value).strip() if isinstance(value, str | float | int) else ""
