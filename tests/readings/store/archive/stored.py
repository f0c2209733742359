"""What a test stores, and all that rows and files hold together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.models import DirtyBucket
from readings.periods import HOUR_MS, SECOND_MS, parse_time
from readings.store.archive import archiving, files, together
from readings.store.archive.layout import KINDS, Kind, KindName
from readings.store.archive.moving import read_whole
from readings.store.archive.reading import read_files
from readings.turn import Turn
from tests.readings import bulk

T0 = parse_time("2026-05-04T10:00:00Z")
"""The start of a UTC hour; the device of a test measures from here on."""
NOW = T0 + 12 * HOUR_MS
PORT_READINGS = KINDS["port_readings"]
DEVICE_READINGS = KINDS["device_readings"]

Row = tuple[int | None, ...]


def no_pause(_seconds: float) -> None:
    pass


TURN = Turn(pause=no_pause)


def measure(device: Device, start_ms: int = T0, hours: int = 3, step_s: int = 60, *, rolled_up: bool = True) -> None:
    """A reading now and then, with a power that tells its time, and one port that lacks it at times."""
    end_ms = start_ms + hours * HOUR_MS
    step_ms = step_s * SECOND_MS
    answers = [
        bulk.Answer(time, step_ms, (time // SECOND_MS % 7919 - 4000, None if time % 7 == 0 else 5), time % 11 == 0)
        for time in range(start_ms + step_ms - 500, end_ms, step_ms)
    ]
    bulk.store(device, answers)
    if rolled_up:
        DirtyBucket.objects.all().delete()


def archive(now_ms: int = NOW, **options: Any) -> archiving.Archived:
    return archiving.archive_due(now_ms, turn=TURN, **options)


def compact(now_ms: int) -> archiving.Archived:
    return archiving.compact_due(now_ms, turn=TURN)


def in_rows(name: KindName) -> list[Row]:
    """The stored integers, line first."""
    kind = KINDS[name]
    columns = ", ".join((kind.key, *kind.names))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {kind.table._meta.db_table} ORDER BY {kind.key}, {kind.moment}")
        return [tuple(row) for row in cursor.fetchall()]


def in_files(name: KindName) -> list[Row]:
    kind = KINDS[name]
    rows: list[Row] = []
    for file in ArchiveFile.objects.filter(kind=name):
        found = files.rows_of(kind, read_whole(kind, file))
        rows += found if kind.of_ports else [(file.device_id, *row) for row in found]
    return sorted(rows, key=lambda row: row[:2])


def everything() -> dict[str, list[Row]]:
    """All that rows and files hold, each twice where it is in both."""
    return {name: sorted(in_rows(name) + in_files(name), key=lambda row: row[:2]) for name in KINDS}


def once(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: sorted(set(rows), key=lambda row: row[:2]) for name, rows in found.items()}


def spans(kind: Kind = PORT_READINGS) -> list[tuple[int, int]]:
    """The files' spans in hours since T0."""
    found = ArchiveFile.objects.filter(kind=kind.name).order_by("start_ms").values_list("start_ms", "end_ms")
    return [((start - T0) // HOUR_MS, (end - T0) // HOUR_MS) for start, end in found]


def on_disk(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def named() -> set[str]:
    return set(ArchiveFile.objects.values_list("path", flat=True))


def archived(kind: Kind, device_ids: Sequence[int], wanted: together.Wanted) -> together.FloatArray:
    """All that files hold of what is wanted of some devices."""
    spans = [together.DeviceSpan(device_id, wanted.start_ms, wanted.end_ms) for device_id in device_ids]
    found = together.files_of(kind, spans)
    return together.in_order(read_files(kind, found, wanted))
