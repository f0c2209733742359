"""The rows of the database that go into files: by line and key range, as plain integers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from devices.models import Device, Port
from readings.inserting import Integers, insert, leaving
from readings.models import DirtyBucket
from readings.periods import floor_minute
from readings.store.archive import files
from readings.store.archive.layout import Kind
from readings.store.archive.span_rows import rows_of


@dataclass(frozen=True, slots=True)
class Piece:
    """What one kind holds of a device in [start_ms, end_ms)."""

    kind: Kind
    device_id: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Line:
    """A port with its number, or the device itself."""

    pk: int
    number: int | None = None


def lines_of(kind: Kind, device_id: int) -> list[Line]:
    """In the order of the files."""
    if not kind.of_ports:
        return [Line(device_id)]
    ports = Port.objects.filter(device=device_id).order_by("number").values_list("pk", "number")
    return [Line(pk, number) for pk, number in ports]


def read_rows(piece: Piece) -> files.Table:
    """All rows of a piece, in the order of the files."""
    kind = piece.kind
    statement = (
        f"SELECT {', '.join(kind.names)} FROM {kind.table._meta.db_table} "  # noqa: S608 - our own names
        f"WHERE {kind.key} = %s AND {kind.moment} >= %s AND {kind.moment} < %s ORDER BY {kind.moment}"
    )
    tables = []
    for line in lines_of(kind, piece.device_id):
        with connection.cursor() as cursor:
            cursor.execute(statement, [line.pk, piece.start_ms, piece.end_ms])
            rows = cursor.fetchall()
        if rows:
            tables.append(files.table_of(kind, rows, None if line.number is None else (line.number, line.pk)))
    return files.joined(kind, tables)


def delete_rows(piece: Piece) -> int:
    """Delete all rows of a piece in the caller's transaction; returns how many."""
    deleted = 0
    for line in lines_of(piece.kind, piece.device_id):
        deleted += rows_of(piece.kind, line.pk, piece.start_ms, piece.end_ms).delete()[0]
    return deleted


def insert_rows(kind: Kind, rows: Sequence[Integers]) -> None:
    """Insert rows, their line first; those whose key is there already are left alone."""
    names = (kind.key, *kind.names)
    insert(f"INSERT INTO {kind.table._meta.db_table} ({', '.join(names)})", rows, leaving(kind.key))


def waits(device_id: int, start_ms: int, end_ms: int) -> bool:
    """Whether a minute that lies or begins in the span is still to be rolled up."""
    dirty = DirtyBucket.objects.filter(device=device_id, minute__gte=floor_minute(start_ms), minute__lt=end_ms)
    return dirty.exists()


def first_moments(kind: Kind, before_ms: int, device_ids: Iterable[int] | None) -> dict[int, int]:
    """The devices with rows from before a moment, each with its oldest one's; the oldest first."""
    owners: QuerySet[Any] = Port.objects.all() if kind.of_ports else Device.objects.all()
    device = "device_id" if kind.of_ports else "pk"
    if device_ids is not None:
        owners = owners.filter(**{f"{device}__in": list(device_ids)})
    rows = kind.table._default_manager.filter(**{kind.key: OuterRef("pk")}).order_by(kind.moment)
    found = owners.annotate(first_ms=Subquery(rows.values(kind.moment)[:1])).filter(first_ms__lt=before_ms)
    first: dict[int, int] = {}
    for device_id, first_ms in found.order_by("first_ms").values_list(device, "first_ms"):
        first.setdefault(device_id, first_ms)
    return first


def next_moment(kind: Kind, device_id: int, since_ms: int) -> int | None:
    """When the device's first row at or after a moment is."""
    return min(_edges(kind, device_id, "MIN", since_ms), default=None)


def newest_moment(kind: Kind, device_id: int) -> int | None:
    return max(_edges(kind, device_id, "MAX"), default=None)


def beginnings(kind: Kind, device_id: int) -> list[int]:
    """When the first row of each line is."""
    return _edges(kind, device_id, "MIN")


def _edges(kind: Kind, device_id: int, edge: Literal["MIN", "MAX"], since_ms: int = 0) -> list[int]:
    """Line by line, since an index answers that at once."""
    table = kind.table._meta.db_table
    found = []
    with connection.cursor() as cursor:
        for line in lines_of(kind, device_id):
            cursor.execute(
                f"SELECT {edge}({kind.moment}) FROM {table} WHERE {kind.key} = %s AND {kind.moment} >= %s",  # noqa: S608
                [line.pk, since_ms],
            )
            found += [value for (value,) in cursor.fetchall() if value is not None]
    return found
