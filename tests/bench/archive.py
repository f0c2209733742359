"""The archive: what a unit-second takes in it, and how long a unit-hour takes to get there.

A house's load with what a real unit adds: questions that are answered some ms sooner or later, and measured values that
tremble by a thousandth. The same seed makes the same.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from devices.ct6.simulator.fleet import simulated_curve
from devices.models import Device
from readings.models import DirtyBucket
from readings.periods import HOUR_MS, SECOND_MS
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES, Quantity
from readings.store.archive import archiving, files, together
from readings.store.archive.layout import DAY_MS, KINDS, READINGS, Kind, floor_day
from readings.store.archive.reading import read_files
from readings.store.archive.rows import insert_rows, lines_of
from readings.turn import Turn
from tests.bench.figures import Figure, figure, median_s

_NS = 1_000_000
_TREMBLE = 0.001
HOURS = 8
_ATTRIBUTES = {
    "active_power": "active_power_w", "reactive_power": "reactive_power_var", "apparent_power": "apparent_power_va",
    "power_factor": "power_factor", "current_rms": "current_rms_a", "current_peak": "current_peak_a",
    "voltage": "voltage_v", "frequency": "frequency_hz", "temperature": "temperature_c", "rssi": "rssi_dbm",
}  # fmt: skip


def archive_figures(engine: str, device: Device, now_ms: int, scratch: Path) -> list[Figure]:
    """The device has no readings yet."""
    settings.CT6_ARCHIVE = str(scratch / "archive")
    suffix = "" if engine == "mariadb" else f"_{engine}"
    store_hours(device, now_ms)
    hours_s = archive_hours(device, now_ms)
    found = [figure(f"archive_unit_hour_s{suffix}", statistics.median(hours_s), "s")]
    if engine == "mariadb":
        found.append(figure("archive_bytes_per_unit_second", _bytes_of_day(device, floor_day(now_ms)) / 86_400, "B"))
    return [*found, _day_read(engine, device, floor_day(now_ms))]


def readings_of(device: Device, start_ms: int, end_ms: int) -> dict[str, list[list[tuple[int, ...]]]]:
    """By kind and line, the stored integers of every reading but the line's id."""
    chance = np.random.default_rng(6)
    late = chance.integers(0, 12, (end_ms - start_ms) // SECOND_MS + 1)
    late += (chance.random(len(late)) < 0.02) * chance.integers(0, 80, len(late))
    edges = np.arange(start_ms, end_ms + 1, SECOND_MS, dtype=np.int64) + late
    means = simulated_curve(0).mean_values(edges * _NS)

    def fixed(quantity: Quantity) -> Any:
        values = getattr(means, _ATTRIBUTES[quantity.name])
        return np.rint(values * chance.normal(1.0, _TREMBLE, values.shape) * quantity.scale).astype(np.int64)

    common = [edges[1:], np.diff(edges), np.zeros(len(edges) - 1, dtype=np.int64)]
    of_ports = [fixed(quantity) for quantity in PORT_QUANTITIES]
    of_device = [fixed(quantity) for quantity in DEVICE_QUANTITIES]
    ports = device.ports.count()
    return {
        "port_readings": [_rows([*common, *(values[:, n] for values in of_ports)]) for n in range(ports)],
        "device_readings": [_rows([*common, *of_device])],
    }


def _rows(columns: list[Any]) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


def store_hours(device: Device, now_ms: int) -> None:
    """Some hours of seconds, rolled up as far as the archive can see."""
    for name, of_lines in readings_of(device, now_ms - HOURS * HOUR_MS, now_ms).items():
        kind = next(kind for kind in READINGS if kind.name == name)
        for line, rows in zip(lines_of(kind, device.pk), of_lines, strict=True):
            for begin in range(0, len(rows), 5_000):
                insert_rows(kind, [(line.pk, *row) for row in rows[begin : begin + 5_000]])
    DirtyBucket.objects.filter(device=device).delete()


def archive_hours(device: Device, now_ms: int) -> list[float]:
    """The seconds that each of some hours takes, among other hours that stay hot."""
    seconds = []
    for hour_ms in range(now_ms - HOURS * HOUR_MS, now_ms - HOUR_MS, HOUR_MS):
        started = time.perf_counter()
        turn = Turn(pause=lambda _seconds: None)
        done = archiving.archive_due(now_ms, device_ids=[device.pk], until_ms=hour_ms + HOUR_MS, turn=turn)
        seconds.append(time.perf_counter() - started)
        if done.pieces != 2:
            raise SystemExit(f"archived {done.pieces} files instead of 2")
    return seconds


def tables_of_day(device: Device, day_ms: int) -> list[tuple[Kind, Any]]:
    found = []
    for name, of_lines in readings_of(device, day_ms, day_ms + DAY_MS).items():
        kind = next(kind for kind in READINGS if kind.name == name)
        ports = [None if line.number is None else (line.number, line.pk) for line in lines_of(kind, device.pk)]
        tables = [files.table_of(kind, rows, port) for rows, port in zip(of_lines, ports, strict=True)]
        found.append((kind, files.joined(kind, tables)))
    return found


def _bytes_of_day(device: Device, day_ms: int) -> int:
    return sum(len(files.to_bytes(kind, table, device)) for kind, table in tables_of_day(device, day_ms))


def _day_read(engine: str, device: Device, now_ms: int) -> Figure:
    """One quantity of six ports in all the hours that were archived, each in a file of its own."""
    wanted = together.Wanted(now_ms - 2 * DAY_MS, now_ms + DAY_MS, ["active_power", "window_ms"])
    span, kind = together.DeviceSpan(device.pk, wanted.start_ms, wanted.end_ms), KINDS["port_readings"]
    seconds = median_s(lambda: read_files(kind, together.files_of(kind, [span]), wanted))
    return figure(f"archive_read_{HOURS - 1}_hour_files_ms_{engine}", 1000 * seconds, "ms")
