"""The newest answer of a device, as people read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from devices.models import Device, Port
from readings.history.turns import factor_of
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES, direction_of


@dataclass(frozen=True, slots=True)
class LatestPort:
    """A port's values by quantity name, in their units, its direction and scale applied; None where one is missing."""

    port_id: int
    number: int
    values: Mapping[str, float | None]
    direction: Literal["import", "export", "idle"] | None


@dataclass(frozen=True, slots=True)
class Latest:
    """Means over the window (time_ms - window_ms, time_ms]; ``ports`` by port number."""

    time_ms: int
    window_ms: int
    values: Mapping[str, float | None]
    ports: Mapping[int, LatestPort]


def latest(device: Device) -> Latest | None:
    """What a device said last, however long ago that was; None if it never answered.

    Every port of the device is there, those without a value too. Prefetch ``ports`` where many devices are asked.
    """
    answer = device.last_answer
    if not answer:
        return None
    ports = {
        port.number: _of_port(port, answer.get("ports", {}).get(str(port.number), {})) for port in device.ports.all()
    }
    values = {quantity.name: answer.get(quantity.name) for quantity in DEVICE_QUANTITIES}
    return Latest(answer["time"], answer.get("window_ms", 0), values, ports)


def _of_port(port: Port, measured: Mapping[str, float | None]) -> LatestPort:
    values: dict[str, float | None] = {}
    for quantity in PORT_QUANTITIES:
        value = measured.get(quantity.name)
        factor = factor_of(port, quantity)
        values[quantity.name] = value * factor if value and factor != 1.0 else value
    return LatestPort(port.pk, port.number, values, direction_of(values["active_power"]))
