"""Two simulated units with thirty days behind them, so that there is something to look at without hardware."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Q

from devices import registration
from devices.ct6.protocol import decode_answer
from devices.ct6.simulator.fleet import Fleet, simulated_assy
from devices.ct6.simulator.household import Floats
from devices.ct6.simulator.load import LoadCurve, MeanValues
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device, Port
from readings.collect import ingest
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, floor_minute
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES, Quantity
from readings.store import retention, rollups

UNITS: Final = 2
BIND: Final = "127.0.0.61"
HTTP_PORT: Final = 8061  # a free one where this is taken: the units tell it with every answer
FIRST_SERIAL: Final = 99_990_001  # no real unit's
ADDRESSES: Final = ("127.0.0.61", "127.0.0.62")
HISTORY: Final = timedelta(days=30)
SECONDS_FOR_MS: Final = 2 * HOUR_MS
_NS: Final = 1_000_000
_ROLES: Final = {
    "Grid": Port.Role.GRID,
    "Feed": Port.Role.GRID,
    "Solar": Port.Role.SOLAR,
    "Carport roof": Port.Role.SOLAR,
    "Battery": Port.Role.BATTERY,
    "EV": Port.Role.EV,
}


def simulator_arguments() -> list[str]:
    """The management command that runs the demo's units."""
    return [
        "simulate_ct6", "--units", str(UNITS), "--bind", BIND, "--http-port", str(HTTP_PORT), "--or-free-port",
        "--ayt-port", str(settings.CT6_PORT), "--first-serial", str(FIRST_SERIAL),
        "--utc-offset-s", str(_utc_offset_s()), "--keep", str(_unit_folder()),
    ]  # fmt: skip


def is_there() -> bool:
    """Whether the demo was made, to the end: its units are marked last of all."""
    return Device.objects.demo().exists()


def make_history(now_ms: int) -> None:
    """Make the demo's devices and their past, anew where that was broken off."""
    remove()
    units = _fleet().units
    devices = [_register(unit, now_ms) for unit in units]
    for device, unit in zip(devices, units, strict=True):
        _store_past(device, unit, now_ms)
    while rollups.roll_up_closed(now_ms, pause=lambda seconds: None).more:  # nobody else writes yet
        continue
    Device.objects.filter(pk__in=[device.pk for device in devices]).update(demo=True)


def remove() -> int:
    """Remove the demo's devices with all their readings and rollups; returns how many devices it removed.

    Those too that are not marked: one that was half made, or stored anew by a collector after it was removed.
    """
    labels = [simulated_assy(index, first_serial=FIRST_SERIAL) for index in range(UNITS)]
    devices = list(Device.objects.filter(Q(demo=True) | Q(assy__in=labels)))
    for device in devices:
        retention.forget(device)
        device.delete()
    if _unit_folder().exists():
        shutil.rmtree(_unit_folder())
    return len(devices)


def _unit_folder() -> Path:
    """Where the units keep what they were set to."""
    return Path(settings.DATA_DIR) / "demo-units"


@lru_cache(1)
def _utc_offset_s() -> int:
    offset = datetime.now(ZoneInfo(settings.CT6_TIMEZONE)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _fleet() -> Fleet:
    return Fleet(
        UNITS, BIND, http_port=HTTP_PORT, ayt_port=settings.CT6_PORT, first_serial=FIRST_SERIAL,
        utc_offset_s=_utc_offset_s(),
    )  # fmt: skip


def _register(unit: SimulatedUnit, now_ms: int) -> Device:
    payload = unit.answer(now_ms * _NS)
    if payload is None:
        raise ValueError(f"the simulated unit {unit.assy} does not answer")
    registration.register([registration.Sighting(decode_answer(payload), unit.address)])
    device = Device.objects.get(assy=unit.assy)
    device.adoption = Device.Adoption.ADOPTED
    device.last_seen = datetime.fromtimestamp(now_ms / SECOND_MS, UTC)
    device.save(update_fields=["adoption", "last_seen"])
    for port in device.ports.all():
        port.role = _ROLES.get(port.name, Port.Role.LOAD)
        port.save(update_fields=["role"])
    return device


def _store_past(device: Device, unit: SimulatedUnit, now_ms: int) -> None:
    seconds_from = floor_minute(now_ms - SECONDS_FOR_MS)
    first = floor_minute(now_ms - int(HISTORY.total_seconds() * SECOND_MS))
    for start, end, step in _spans(first, seconds_from, now_ms):
        ingest.store(simulated_readings(device, unit.curve, start, end, step), [])


def _spans(first: int, seconds_from: int, now_ms: int) -> Iterator[tuple[int, int, int]]:
    """(start, end, window), a few hours each: SQLite's lock is held for a short time only."""
    for start in range(first, seconds_from, 12 * HOUR_MS):
        yield start, min(start + 12 * HOUR_MS, seconds_from), MINUTE_MS
    for start in range(seconds_from, now_ms, 10 * MINUTE_MS):
        yield start, min(start + 10 * MINUTE_MS, now_ms), SECOND_MS


def simulated_readings(
    device: Device, curve: LoadCurve, start_ms: int, end_ms: int, window_ms: int
) -> list[ingest.NewReading]:
    """What the collector would have stored of a load, in whole windows of one length from ``start_ms`` on."""
    ports = list(device.ports.order_by("number").values_list("number", "pk"))
    edges = np.arange(start_ms, end_ms + 1, window_ms, dtype=np.int64)
    if len(edges) < 2:
        return []
    means = curve.mean_values(edges * _NS)
    of_ports = _fixed(PORT_QUANTITIES, _port_means(means))
    of_device = _fixed(DEVICE_QUANTITIES, _device_means(means))
    return [
        ingest.NewReading(
            unit=device.assy,
            device_id=device.pk,
            time_ms=time_ms,
            window_ms=window_ms,
            kept_since_ms=time_ms,
            device_row=(device.pk, time_ms, window_ms, False, *of_device[n]),
            port_numbers=tuple(number for number, _ in ports),
            port_rows=tuple((ports[m][1], time_ms, window_ms, False, *values) for m, values in enumerate(of_ports[n])),
        )
        for n, time_ms in enumerate(edges[1:].tolist())
    ]


def _fixed(quantities: Sequence[Quantity], means: Sequence[Floats]) -> list[Any]:
    """Per window, the stored integers of these quantities; of every port where the means have ports."""
    scaled = [np.rint(values * quantity.scale) for quantity, values in zip(quantities, means, strict=True)]
    integers: list[Any] = np.stack(scaled, axis=-1).astype(np.int64).tolist()
    return integers


def _port_means(means: MeanValues) -> list[Floats]:
    return [
        means.active_power_w,
        means.reactive_power_var,
        means.apparent_power_va,
        means.power_factor,
        means.current_rms_a,
        means.current_peak_a,
    ]


def _device_means(means: MeanValues) -> list[Floats]:
    return [means.voltage_v, means.frequency_hz, means.temperature_c, means.rssi_dbm]
