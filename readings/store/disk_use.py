"""How much a device takes on the disk, how fast that grows, and how long the disks will do."""

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q, Sum

from devices.models import Device, Port
from readings.archive_models import ArchiveFile
from readings.models import DeviceDay, DeviceHour, DeviceMinute, DeviceReading
from readings.periods import HOUR_MS, MINUTE_MS, floor_hour
from readings.retention_models import Retention
from readings.store.archive.layout import DAY_MS, MINUTES, READINGS, Kind, floor_day
from readings.store.archive.together import minutes_before
from readings.store.lines import DEVICE_LINES, PORT_LINES
from readings.store.sizes import bytes_per_row

Level = Literal["readings", "minutes", "hours", "days"]

_DAYS: Final = 7
_AT_ONCE: Final = 200
_COUNTED: Final = 200_000
_MINUTES_OF_AN_HOUR: Final = HOUR_MS // MINUTE_MS
_LOCAL_HOSTS: Final = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is of one level: ``rows`` and ``file_rows`` of the device, each with one of every port beside it.

    Files are exact once all lines of an hour are in them, the rest is about so many.
    """

    level: Level
    since_ms: int | None
    rows: int
    row_bytes: int
    files: int = 0
    file_rows: int = 0
    file_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes a day, by the last seven; where as much goes as comes, nothing grows."""

    rows: float
    files: float


@dataclass(frozen=True, slots=True)
class Disk:
    """``free`` and ``days_left`` are None where the disk cannot be seen from here; the latter, too, where nothing
    grows. ``shared``: database and archive lie on it together, and its days count for both.
    """

    holds: Literal["database", "archive"]
    growth_bytes: int
    free: int | None
    days_left: int | None
    shared: bool


def disk_use(device: Device) -> list[Stored]:
    """Level by level, the finest first. Nothing that is asked for reads years of readings."""
    ports = Port.objects.filter(device=device).count()
    sizes = bytes_per_row()

    def row_bytes(level: Level) -> float:
        tables = (getattr(lines, level) for lines in (DEVICE_LINES, PORT_LINES))
        return sum(sizes[table] * lines for table, lines in zip(tables, (1, ports), strict=True))

    found = []
    of_levels: list[tuple[Level, int | None, int, tuple[Kind, ...]]] = [
        ("readings", *_readings(device), READINGS),
        ("minutes", *_counted(device, DeviceMinute), MINUTES),
        ("hours", *_counted(device, DeviceHour), ()),
        ("days", *_counted(device, DeviceDay), ()),
    ]
    for level, since_ms, rows, kinds in of_levels:
        of_level = ArchiveFile.objects.filter(device=device, kind__in=[kind.name for kind in kinds])
        of_device = Q(kind__startswith="device_")
        files = of_level.aggregate(
            count=Count("pk"),
            of_device=Sum("rows", filter=of_device, default=0),
            of_ports=Sum("rows", filter=~of_device, default=0),
            bytes=Sum("bytes", default=0),
            first=Min("first_ms"),
        )
        firsts = [moment for moment in (since_ms, files["first"]) if moment is not None]
        found.append(
            Stored(
                level=level,
                since_ms=min(firsts, default=None),
                rows=rows,
                row_bytes=round(rows * row_bytes(level)),
                files=files["count"],
                # The ports go into files first, which takes hours where there is much.
                file_rows=max(files["of_device"], files["of_ports"] // max(1, ports)),
                file_bytes=files["bytes"],
            )
        )
    return found


def _readings(device: Device) -> tuple[int | None, int]:
    """The first one among the rows, and how many: where there may be millions, by the hours that they are in."""
    rows = DeviceReading.objects.filter(device=device)
    first = rows.aggregate(first=Min("time"))["first"]
    count = rows[: _COUNTED + 1].count()
    if first is None or count <= _COUNTED:
        return first, count
    since_ms = floor_hour(first - 1)
    hours = DeviceHour.objects.filter(device=device, start__gte=since_ms).aggregate(samples=Sum("samples"))
    files = ArchiveFile.objects.filter(device=device, kind=READINGS[1].name, start_ms__gte=since_ms)
    return first, max(0, (hours["samples"] or 0) - (files.aggregate(rows=Sum("rows"))["rows"] or 0))


def _counted(device: Device, table: type[DeviceMinute] | type[DeviceHour] | type[DeviceDay]) -> tuple[int | None, int]:
    found = table._default_manager.filter(device=device).aggregate(first=Min("start"), count=Count("start"))
    return found["first"], found["count"]


# --- Growth -------------------------------------------------------------------------------------------------------
def growth_of(devices: Sequence[Device], now_ms: int) -> Growth:
    """A port has about the hours of its device: those of all ports would take seconds to count."""
    rules = Retention.objects.filter(device__in=devices)
    without_readings = set(rules.filter(_in_force("readings")).values_list("device_id", flat=True))
    without_minutes = set(rules.filter(_in_force("minutes")).values_list("device_id", flat=True))
    of_readings, of_minutes = _file_bytes(READINGS, floor_day(now_ms)), _file_bytes(MINUTES, minutes_before(now_ms))
    ports = dict(Port.objects.order_by().values_list("device_id").annotate(Count("pk")))
    sizes, files, rows = bytes_per_row(), 0.0, 0.0
    for device, (hours, samples, days) in _measured([device.pk for device in devices], floor_day(now_ms)).items():
        counts: dict[Level, float] = {"hours": hours, "days": hours / 24}
        if device not in without_minutes:
            files += of_minutes.get(device, 0) / days
            counts["minutes"] = 0 if of_minutes.get(device) else hours * _MINUTES_OF_AN_HOUR
        if device not in without_readings:
            files += of_readings.get(device, 0) / days
            counts["readings"] = 0 if settings.CT6_ARCHIVE else samples
        for level, count in counts.items():
            for lines, factor in ((DEVICE_LINES, 1), (PORT_LINES, ports.get(device, 0))):
                rows += sizes[getattr(lines, level)] * count * factor / days
    return Growth(rows=rows, files=files)


def _measured(devices: Sequence[int], end_ms: int) -> dict[int, tuple[int, int, float]]:
    """By device, of the last seven whole days: hours, samples, and the days from the first of them on."""
    found: dict[int, tuple[int, int, float]] = {}
    for begin in range(0, len(devices), _AT_ONCE):
        of_some = DeviceHour.objects.filter(device__in=devices[begin : begin + _AT_ONCE])
        some = of_some.filter(start__gte=end_ms - _DAYS * DAY_MS, start__lt=end_ms).order_by().values_list("device_id")
        for device, hours, samples, first in some.annotate(Count("start"), Sum("samples"), Min("start")):
            found[device] = hours, samples, (end_ms - first) / DAY_MS
    return found


def _file_bytes(kinds: Sequence[Kind], end_ms: int) -> dict[int, int]:
    """By device, of seven days."""
    week = ArchiveFile.objects.filter(start_ms__gte=end_ms - _DAYS * DAY_MS, start_ms__lt=end_ms)
    some = week.filter(kind__in=[kind.name for kind in kinds])
    return dict(some.order_by().values_list("device_id").annotate(Sum("bytes")))


def _in_force(name: Literal["readings", "minutes"]) -> Q:
    limit = {"readings": "seconds_days", "minutes": "minutes_years"}[name]
    return Q(**{f"{limit}__isnull": False, f"{name}_gone_ms__gt": 0})


# --- Free ---------------------------------------------------------------------------------------------------------
def disks(now_ms: int) -> list[Disk]:
    """That of the database, then that of the archive, if there is one; the growth is that of all devices."""
    growth = growth_of(list(Device.objects.filter(adoption=Device.Adoption.ADOPTED, active=True)), now_ms)
    folders = {"database": _database_folder()} | ({"archive": _archive_folder()} if settings.CT6_ARCHIVE else {})
    bytes_a_day = {"database": growth.rows, "archive": growth.files}
    where = {holds: None if folder is None else folder.stat().st_dev for holds, folder in folders.items()}
    found = []
    for holds in ("database", "archive"):
        if holds not in folders:
            continue
        folder = folders[holds]
        free = None if folder is None else shutil.disk_usage(folder).free
        on_it = [other for other in folders if folder is not None and where[other] == where[holds]]
        grows = sum(bytes_a_day[other] for other in on_it)
        days_left = None if free is None or grows <= 0 else math.floor(free / grows)
        found.append(Disk(holds, round(bytes_a_day[holds]), free, days_left, shared=len(on_it) > 1))
    return found


def _archive_folder() -> Path | None:
    """The folder, or the one that it will be made in; None where it is an object store."""
    root = settings.CT6_ARCHIVE.removeprefix("file://")
    if "://" in root:
        return None
    return next((one for one in (Path(root), *Path(root).parents) if one.exists()), None)


def _database_folder() -> Path | None:
    """None where it is on another machine, or in a container of its own."""
    entry = connection.settings_dict
    if connection.vendor == "sqlite":
        return Path(str(entry["NAME"])).absolute().parent
    if entry["HOST"] not in _LOCAL_HOSTS and not str(entry["HOST"]).startswith("/"):
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@datadir, @@hostname")
        folder, host = cursor.fetchone()
    try:
        return Path(folder) if host == os.uname().nodename and Path(folder).exists() else None
    except OSError:
        return None
