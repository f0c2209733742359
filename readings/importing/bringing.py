"""Bringing the rows of a database of theirs here: what would be done, and doing it from where it was stopped."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from devices import audit
from readings.import_models import ImportSource
from readings.importing.databases import Extent, TheirDatabase
from readings.importing.errors import NotImported
from readings.importing.layout import TheirRow, read_shown
from readings.importing.mysql_server import MysqlDatabase, Server, mysql_databases
from readings.importing.placing import Placer, usual_period_ms
from readings.importing.sqlite_files import SqliteFile, sqlite_files
from readings.importing.storing import Storing
from readings.importing.units import Belonging, belonging_of, device_for, ports_of
from readings.turn import Pause

log = structlog.get_logger(__name__)

Progress = Callable[[int], None]
"""Called with how many more rows are read."""
Opener = Callable[[], TheirDatabase]

_ROWS_FOR_PERIOD: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A database that can be imported, and what it is. Close it in the end."""

    database: TheirDatabase
    extent: Extent
    belonging: Belonging
    source: ImportSource | None
    """What an import before this one has left; None for the first."""


def openers(server: Server | None, paths: list[Path]) -> dict[str, Opener]:
    """All databases that the server, or these files and folders, hold, by name. Raises NotImported."""
    found: dict[str, Opener] = {}
    if server is not None:
        for name in mysql_databases(server):
            found[f"{name} ({server})"] = partial(MysqlDatabase, server, name)
    for path in paths:
        for file in sqlite_files(path):
            found[str(file)] = partial(SqliteFile, file)
    return found


def look(database: TheirDatabase, zone: str, label: str = "") -> Found:
    """What a database holds and where that would go; nothing is written. Raises NotImported."""
    known_zone(zone)
    extent = database.extent()
    if not extent.rows:
        raise NotImported(f"{database} holds no rows yet, so there is nothing to import.")
    belonging = belonging_of(database, label)
    source = ImportSource.objects.filter(origin=database.origin, name=database.name).first()
    if source is not None and source.zone != zone:
        raise NotImported(
            f"{database} was begun with the time zone {source.zone}: go on with --timezone {source.zone}."
        )
    return Found(database, extent, belonging, source)


def import_readings(  # noqa: PLR0913 - options with names
    found: Found,
    zone: str,
    *,
    who: Any,
    again: bool = False,
    now_ms: int | None = None,
    progress: Progress = lambda _rows: None,
    pause: Pause = time.sleep,
) -> ImportSource:
    """Store what a database holds and is not measured here yet. It may be stopped anywhere, and goes on from there.

    `again` begins with its first row; what is stored stays, once. Raises NotImported, DatabaseError.
    """
    database = found.database
    device = device_for(database, found.belonging, who)
    source = _begun(found, device.pk, zone, again=again)
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    ports = ports_of(device, database.columns.ports)
    storing = Storing(database, source, _placer(database, source), ports, now_ms, pause)
    log.info("An import begins", database=str(database), unit=device.assy, rows=found.extent.rows, at=source.position)
    progress(min(source.position, found.extent.rows))
    for rows in database.rows_after(source.position):
        storing.take(rows)
        progress(len(rows))
    source.finished_at = datetime.now(UTC)
    source.save(update_fields=["finished_at"])
    stored = sum(source.days.values_list("stored", flat=True))
    audit.note(who, "import", device, after={"database": str(database), "zone": zone, "readings": stored})
    log.info("An import has ended", database=str(database), unit=device.assy)
    return source


def known_zone(name: str) -> ZoneInfo:
    """Raises NotImported for a time zone that nobody knows."""
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise NotImported(f"--timezone {name} is no IANA time zone; write it like Europe/London.") from None


def _begun(found: Found, device_id: int, zone: str, *, again: bool) -> ImportSource:
    """The source as it was left, or from its beginning where that is not what was read then."""
    database, source = found.database, found.source
    if source is None:
        period_ms = usual_period_ms(islice(_rows(database), _ROWS_FOR_PERIOD), ZoneInfo(zone))
        return ImportSource.objects.create(
            origin=database.origin, name=database.name, device_id=device_id, zone=zone, period_ms=period_ms
        )
    if again or source.device_id != device_id or not _is_same(database, source):
        source.days.all().delete()
        source.device_id = device_id
        source.position = source.placed_position = 0
        source.placed_ms, source.placed_shown = None, ""
    source.finished_at = None
    source.save()
    return ImportSource.objects.select_related("device").get(pk=source.pk)


def _is_same(database: TheirDatabase, source: ImportSource) -> bool:
    """Whether the row that was placed last is still where it was."""
    if not source.placed_position:
        return True
    row = database.row_at(source.placed_position)
    return row is not None and str(row.shown)[:40] == source.placed_shown


def _placer(database: TheirDatabase, source: ImportSource) -> Placer:
    previous = database.row_at(source.placed_position) if source.placed_position else None
    if previous is None or read_shown(previous.shown) is None:
        return Placer(ZoneInfo(source.zone), source.period_ms)
    return Placer(ZoneInfo(source.zone), source.period_ms, source.placed_ms, previous)


def _rows(database: TheirDatabase) -> Iterator[TheirRow]:
    for rows in database.rows_after(0):
        yield from rows
