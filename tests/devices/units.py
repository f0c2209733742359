"""Simulated units as rows of the database."""

import socket
from typing import Any

from devices.ct6.protocol import decode_name
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device
from tests.factories import make_device


def device_of(unit: SimulatedUnit, **fields: Any) -> Device:
    """The unit as the collector would have registered it."""
    names = [name_held(unit, f"CT{number}_NAME") for number in range(1, unit.port_count + 1)]
    said: dict[str, Any] = {
        "name": name_held(unit, "YDEV_UNIT_NAME"),
        "address": unit.address,
        "http_port": unit.http_port,
    }
    return make_device(unit.assy, ports=names, **(said | fields))


def name_held(unit: SimulatedUnit, key: str) -> str:
    """A name in the unit's flash, as people read it."""
    value = unit.settings[key]
    assert isinstance(value, str | float)
    return decode_name(value)


def closed_port() -> int:
    """A TCP port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
