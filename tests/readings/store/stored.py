"""Rolling up in tests, and what is stored then."""

from collections.abc import Sequence

from django.db import connection

from readings.models import (
    DeviceDay,
    DeviceHour,
    DeviceMinute,
    PortDay,
    PortHour,
    PortMinute,
    Rollup,
)
from readings.periods import parse_time
from readings.store import rollups
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines, RollupRow
from readings.store.rollups import roll_up_closed
from tests.readings.store.reference import Bucket, as_bucket

T0 = parse_time("2026-05-04T10:00:00Z")
LATER = parse_time("2026-05-06T00:00:00Z")
ROLLUPS: Sequence[type[Rollup]] = (PortMinute, PortHour, PortDay, DeviceMinute, DeviceHour, DeviceDay)


def no_pause(_seconds: float) -> None:
    pass


def roll_up(now_ms: int = LATER) -> rollups.RolledUp:
    return roll_up_closed(now_ms, pause=no_pause)


def rows(lines: Lines, table: type[Rollup]) -> list[RollupRow]:
    """The stored integers of a table."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(lines.rollup_columns)} FROM {table._meta.db_table} ORDER BY {lines.key}, start"
        )
        return [tuple(row) for row in cursor.fetchall()]


def everything() -> list[list[RollupRow]]:
    return [
        rows(lines, table) for lines in (PORT_LINES, DEVICE_LINES) for table in (lines.minutes, lines.hours, lines.days)
    ]


def buckets(lines: Lines, table: type[Rollup], line: int) -> dict[int, Bucket]:
    """The rollups of a line by their start."""
    return {int(row[1] or 0): as_bucket(lines, row) for row in rows(lines, table) if row[0] == line}


def energies(table: type[PortMinute] | type[PortHour], line: int) -> dict[int, tuple[int, int, int]]:
    """Covered ms, positive and negative energy in 0.1 mJ, by start."""
    found = table._default_manager.filter(port_id=line)
    return {row.start: (row.covered_ms, row.positive_energy, row.negative_energy) for row in found}
