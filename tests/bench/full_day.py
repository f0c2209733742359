"""The end of a day in which everything was measured: as much lies in the newest hour and day as ever does."""

from django.db import connection, transaction

from devices.models import Device, Port
from readings.models import Rollup
from readings.periods import HOUR_MS, MINUTE_MS
from readings.store.archive.layout import DAY_MS
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines


def fill(minute_ms: int) -> None:
    """Copy the minute of all units, which is rolled up, over its hour so far, and that hour over its day."""
    hour_ms, day_ms = minute_ms // HOUR_MS * HOUR_MS, minute_ms // DAY_MS * DAY_MS
    for lines in (PORT_LINES, DEVICE_LINES):
        for start_ms in range(hour_ms, minute_ms, MINUTE_MS):
            _copy(lines, lines.minutes, minute_ms, start_ms)
        for start_ms in range(day_ms, hour_ms, HOUR_MS):
            _copy(lines, lines.hours, hour_ms, start_ms)


def _copy(lines: Lines, table: type[Rollup], from_ms: int, to_ms: int) -> None:
    name, rest = table._meta.db_table, ", ".join(lines.rollup_columns[2:])
    line = Port if lines is PORT_LINES else Device
    of_minute = f"start = %s AND {lines.key} IN (SELECT id FROM {line._meta.db_table})"
    copied = f"SELECT {lines.key}, %s, {rest} FROM {name} WHERE {of_minute}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {name} ({lines.key}, start, {rest}) {copied}", [to_ms, from_ms])
