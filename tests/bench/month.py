"""A month of seconds in files: how long its rollups take to make anew, what they take in the database, and its plots.

Every day of the month is the same one, moved: making thirty would take longer than all the rest.
"""

import time
from pathlib import Path

import pyarrow as pa
from django.conf import settings
from django.db import connection

from devices.models import Device
from readings import history
from readings.periods import HOUR_MS
from readings.quantities import ACTIVE_POWER
from readings.store import rollups
from readings.store.archive import files
from readings.store.archive.layout import DAY_MS, KINDS, MINUTES, Kind
from readings.store.archive.moving import described
from readings.store.archive.place import archive
from readings.store.archive.rows import Piece, insert_rows, read_rows
from readings.store.lines import DEVICE_LINES, PORT_LINES
from tests.bench.archive import readings_of, tables_of_day
from tests.bench.figures import Figure, figure, median_s

DAYS = 30
HOT_HOURS = 6
_YEAR_DAYS = 365


def month_figures(engine: str, device: Device, end_ms: int, scratch: Path) -> list[Figure]:
    """The device has no readings yet; the month ends at a UTC midnight."""
    settings.CT6_ARCHIVE = str(scratch / "archive-of-a-month")
    suffix = "" if engine == "mariadb" else f"_{engine}"
    begin_ms = end_ms - DAYS * DAY_MS
    _store_month(device, begin_ms)
    _store_hot_hours(device, end_ms)
    started = time.perf_counter()
    done = rollups.rebuild([device], begin_ms, end_ms)
    rebuild_s = time.perf_counter() - started
    if done.minutes < DAYS * 1440 - 1:
        raise SystemExit(f"rebuilt {done.minutes} minutes of {DAYS} days")
    rollups.roll_up_closed(end_ms + HOUR_MS)
    now_ms = end_ms + HOT_HOURS * HOUR_MS
    size = []
    if engine == "mariadb":
        size = [
            figure("db_bytes_per_unit_second", _bytes_per_second(), "B, from a month"),
            figure("archive_minute_bytes_per_unit_second", _minute_bytes(device, begin_ms + DAY_MS) / 86_400, "B"),
        ]
    return [
        figure(f"rebuild_unit_year_s{suffix}", rebuild_s * _YEAR_DAYS / DAYS, "s, from a month"),
        *size,
        _day(f"series_day_seconds_ms{suffix}", device, now_ms - DAY_MS, now_ms, now_ms),
        _day(f"series_old_day_seconds_ms{suffix}", device, begin_ms + DAY_MS, begin_ms + 2 * DAY_MS, now_ms),
    ]


def _store_month(device: Device, begin_ms: int) -> None:
    """A file a day, as the archiver leaves them."""
    for kind, table in tables_of_day(device, begin_ms):
        for day in range(DAYS):
            piece = Piece(kind, device.pk, begin_ms + day * DAY_MS, begin_ms + (day + 1) * DAY_MS)
            moved = _moved(kind, table, day * DAY_MS)
            content = files.to_bytes(kind, moved, device)
            file = described(piece, [], moved, content)
            archive().write(file.path, content)
            file.save()


def _moved(kind: Kind, table: pa.Table, by_ms: int) -> pa.Table:
    column = table.schema.get_field_index("time")
    moments = pa.array(files.integers(table, "time") + by_ms).cast(table.schema.field(column).type)
    return table.set_column(column, table.schema.field(column), moments)


def _store_hot_hours(device: Device, end_ms: int) -> None:
    for name, of_lines in readings_of(device, end_ms, end_ms + HOT_HOURS * HOUR_MS).items():
        kind = KINDS["port_readings" if name == "port_readings" else "device_readings"]
        lines = list(device.ports.order_by("number").values_list("pk", flat=True)) if kind.of_ports else [device.pk]
        for line, rows in zip(lines, of_lines, strict=True):
            for first in range(0, len(rows), 5_000):
                insert_rows(kind, [(line, *row) for row in rows[first : first + 5_000]])


def _bytes_per_second() -> float:
    """After a year: hot hours, minutes that are no files yet, all hours and days; by what a row takes."""
    seconds = _YEAR_DAYS * 86_400
    total = 0.0
    for lines, count in ((PORT_LINES, 6), (DEVICE_LINES, 1)):
        for table, rows in (
            (lines.readings, HOT_HOURS * 3_600),
            (lines.minutes, settings.CT6_MINUTE_DAYS * 1_440),
            (lines.hours, _YEAR_DAYS * 24),
            (lines.days, _YEAR_DAYS),
        ):
            total += count * rows * bytes_per_row(table._meta.db_table)
    return total / seconds


def _minute_bytes(device: Device, day_ms: int) -> int:
    """What the minutes of a day take in the archive."""
    pieces = [Piece(kind, device.pk, day_ms, day_ms + DAY_MS) for kind in MINUTES]
    return sum(len(files.to_bytes(piece.kind, read_rows(piece), device)) for piece in pieces)


def bytes_per_row(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {table}")
        cursor.fetchall()
        cursor.execute(
            "SELECT data_length + index_length FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = %s",
            [table],
        )
        (size,) = cursor.fetchone()
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        (rows,) = cursor.fetchone()
    return float(size) / float(max(1, rows))


def _day(name: str, device: Device, start_ms: int, end_ms: int, now_ms: int) -> Figure:
    ports = list(device.ports.all())

    def ask() -> None:
        found = history.series(ports, ACTIVE_POWER, start_ms, end_ms, now_ms=now_ms, resolution="second")
        if min(len(line.times) for line in found.lines) < 1_000:
            raise SystemExit(f"{name}: too few points")

    return figure(name, 1000 * median_s(ask, rounds=15), "ms")
