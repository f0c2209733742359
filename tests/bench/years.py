"""Rollups of years, put in as they would stand after so long; making them out of readings would take too long."""

from collections.abc import Iterator

import numpy as np
from django.db import connection, transaction

from devices.models import Device
from readings.models import Rollup
from readings.periods import HOUR_MS, MINUTE_MS, day_edges
from readings.store.lines import PORT_LINES, Lines

DAY_MS = 24 * HOUR_MS
MINUTE_DAYS = 92
YEARS_DAYS = 10 * 365 + 2
SPIKE = 999_990
_ROWS_AT_ONCE = 5000


def store_years(device: Device, end_ms: int, *, minute_days: int = MINUTE_DAYS, all_days: int = YEARS_DAYS) -> None:
    """Minutes of the last 92 days, hours and days of ten years, for all ports; 12 hours before the end was a spike."""
    days = day_edges(end_ms - all_days * DAY_MS, end_ms, device.timezone)
    spike_ms = end_ms - 12 * HOUR_MS
    minutes = np.arange(end_ms - minute_days * DAY_MS, end_ms, MINUTE_MS)
    hours = np.arange(end_ms - all_days * DAY_MS, end_ms, HOUR_MS)
    ports = list(device.ports.order_by("number").values_list("pk", flat=True))
    for table, starts in (
        (PORT_LINES.minutes, minutes),
        (PORT_LINES.hours, hours),
        (PORT_LINES.days, np.array(days)),
    ):
        spike = int(np.searchsorted(starts, spike_ms, side="right")) - 1
        _store_line(PORT_LINES, table, ports[0], starts, spike)
        for port in ports[1:]:
            _copy_line(PORT_LINES, table, ports[0], port, end_ms)


def _store_line(lines: Lines, table: type[Rollup], key: int, starts: np.ndarray, spike: int) -> None:
    names = lines.rollup_columns
    values = ", ".join(["%s"] * len(names))
    statement = f"INSERT INTO {table._meta.db_table} ({', '.join(names)}) VALUES ({values})"
    rows = list(_rows(names, key, starts, spike))
    with transaction.atomic(), connection.cursor() as cursor:
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            cursor.executemany(statement, rows[begin : begin + _ROWS_AT_ONCE])


def _rows(names: tuple[str, ...], key: int, starts: np.ndarray, spike: int) -> Iterator[tuple[int, ...]]:
    """Fully measured buckets around a power that swings by the day, in noise."""
    noise = np.random.default_rng(7)
    span_ms = np.diff(starts, append=2 * starts[-1] - starts[-2])
    power = (8000 * np.sin(starts / DAY_MS * 2 * np.pi) + noise.integers(-3000, 3000, len(starts))).astype(np.int64)
    column = {
        "positive_energy": np.maximum(power, 0) * span_ms,
        "negative_energy": np.maximum(-power, 0) * span_ms,
        "covered_ms": span_ms,
        "recovered_ms": 0 * span_ms,
        "samples": span_ms // 1000,
        "active_power_max": power + 500,
    }
    column["active_power_max"][spike] = SPIKE
    for name in names:
        if name not in column:
            column[name] = power * span_ms if name.endswith("_sum") else power - 500
    column["start"] = starts
    column[names[0]] = np.full(len(starts), key)
    return zip(*(column[name].tolist() for name in names), strict=True)


def _copy_line(lines: Lines, table: type[Rollup], key: int, other: int, end_ms: int) -> None:
    rest = ", ".join(lines.rollup_columns[1:])
    name = table._meta.db_table
    rows_of_key = f"SELECT %s, {rest} FROM {name} WHERE {lines.key} = %s AND start < %s"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {name} ({lines.key}, {rest}) {rows_of_key}", [other, key, end_ms])
