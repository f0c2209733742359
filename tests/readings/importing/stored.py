"""Importing in tests, what is stored then, and what rows of theirs amount to by integer arithmetic."""

from contextlib import closing
from pathlib import Path

from django.db import connection

from devices.models import Device
from readings.import_models import ImportSource
from readings.importing import bringing
from readings.importing.report import Report, report_of
from readings.importing.sqlite_files import SqliteFile
from readings.models import DeviceReading, PortReading
from readings.periods import parse_time
from readings.store.rollups import roll_up_closed
from tests.readings.importing.their_database import ASSY, Row

ZONE = "Europe/London"
NOW = parse_time("2028-01-01T00:00:00Z")


def no_pause(_seconds: float) -> None:
    pass


def bring(path: Path, *, zone: str = ZONE, again: bool = False) -> ImportSource:
    with closing(SqliteFile(path)) as database:
        found = bringing.look(database, zone)
        return bringing.import_readings(found, zone, who=None, again=again, now_ms=NOW, pause=no_pause)


def reported(path: Path, source: ImportSource) -> Report:
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    with closing(SqliteFile(path)) as database:
        return report_of(database, source, now_ms=NOW)


def the_device() -> Device:
    return Device.objects.get(assy=ASSY)


def everything() -> list[list[tuple[object, ...]]]:
    """All stored readings."""
    found = []
    for table, key in ((PortReading, "port_id"), (DeviceReading, "device_id")):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table._meta.db_table} ORDER BY {key}, time")
            found.append(list(cursor.fetchall()))
    return found


def energies(number: int = 1) -> int:
    """The energy of a port's readings, in 0.1 mJ."""
    rows = PortReading.objects.filter(port__number=number, active_power__isnull=False)
    return sum(power * window_ms for power, window_ms in rows.values_list("active_power__fixed", "window_ms"))


def expected_energy(rows: list[Row], number: int = 1, period_ms: int = 1000) -> int:
    """Of rows that follow each other by one period, in 0.1 mJ: the first has no window."""
    powers = [values[number - 1] for _, values in rows[1:]]
    return sum(round(float(power) * 10) * period_ms for power in powers if power is not None)


def windows() -> dict[int, int]:
    """By time."""
    return dict(DeviceReading.objects.values_list("time", "window_ms"))
