"""What was let go of stays as its rollups tell it: those that are stored are never written again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import structlog
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from devices.models import Port
from readings.models import DeviceHour, DeviceMinute, DirtyBucket, Rollup
from readings.periods import floor_hour, format_time
from readings.retention_models import LEAST_DAYS, Retention
from readings.store.archive.layout import DAY_MS
from readings.store.lines import PORT_LINES, Lines, RollupRow

log = structlog.get_logger(__name__)


class Marks(NamedTuple):
    """Before which moments readings and minutes are gone; 0: none were let go of."""

    readings: int = 0
    minutes: int = 0


def readings_gone(device: int) -> int:
    """Before which moment the readings of a device are gone; 0: none were let go of."""
    return Retention.objects.filter(device=device).values_list("readings_gone_ms", flat=True).first() or 0


def is_all_there(start_ms: int, now_ms: int) -> bool:
    """Whether nothing can have been let go of that was measured from a moment on."""
    return start_ms >= now_ms - LEAST_DAYS * DAY_MS


def finest_left(gone: Marks, start_ms: int) -> Literal["second", "minute", "hour"]:
    """The finest of which nothing was let go of that was measured from a moment on."""
    return "hour" if start_ms < gone.minutes else "minute" if start_ms < gone.readings else "second"


def still_computed(waiting: QuerySet[DirtyBucket]) -> QuerySet[DirtyBucket]:
    """Those of these minutes that readings can answer for: of the others only those are there that came late."""
    rules = Retention.objects.filter(device=OuterRef("device_id"), readings_gone_ms__gt=OuterRef("minute"))
    return waiting.filter(~Exists(rules))


@dataclass(frozen=True)
class Gone:
    """Of some lines, before which moment their readings, or minutes, are gone; the others are left out."""

    readings: Mapping[int, int] = field(default_factory=dict)
    minutes: Mapping[int, int] = field(default_factory=dict)


def marks_of(devices: Sequence[int], since_ms: int) -> dict[int, Marks]:
    """By device, of those of which something after a moment is gone."""
    found = Retention.objects.filter(device__in=devices, readings_gone_ms__gt=since_ms)
    return {device: Marks(*of) for device, *of in found.values_list("device", "readings_gone_ms", "minutes_gone_ms")}


def tell_late(marks: Mapping[int, Marks], start_ms: int, end_ms: int) -> None:
    """Say so where what is made of a span stays as it is, although readings came that are not in it."""
    for device, mark in marks.items():
        minutes = DeviceMinute.objects.filter(device=device, start__gte=start_ms, start__lt=min(end_ms, mark.readings))
        since_ms, until_ms = floor_hour(start_ms), min(end_ms, mark.minutes)
        hours = DeviceHour.objects.filter(device=device, start__gte=since_ms, start__lt=until_ms)
        if minutes.exists() or hours.exists():
            log.warning(
                "Readings came late for a time of which readings were let go of: sums that are stored stay as they are",
                device=device,
                start=format_time(start_ms),
                end=format_time(end_ms),
            )


def gone_of(lines: Lines, marks: Mapping[int, Marks]) -> Gone:
    if not marks:
        return Gone()
    owners = (
        dict(Port.objects.filter(device__in=marks).values_list("pk", "device_id"))
        if lines is PORT_LINES
        else {device: device for device in marks}
    )
    return Gone(
        {line: marks[device].readings for line, device in owners.items()},
        {line: marks[device].minutes for line, device in owners.items() if marks[device].minutes},
    )


def without_known_hours(lines: Lines, rows: Sequence[RollupRow], until: Mapping[int, int]) -> list[RollupRow]:
    """These minutes, but for those from before their line's moment whose hour is stored: it tells of more than they."""
    late = [row for row in rows if int(row[1] or 0) < until.get(int(row[0] or 0), 0)]
    if not late:
        return list(rows)
    starts = {floor_hour(int(row[1] or 0)) for row in late}
    ids = {int(row[0] or 0) for row in late}
    stored = lines.hours._default_manager.filter(**{f"{lines.key}__in": ids}, start__in=starts)
    known, left_out = set(stored.values_list(lines.key, "start")), set(late)
    return [row for row in rows if row not in left_out or (row[0], floor_hour(int(row[1] or 0))) not in known]


@contextmanager
def left_alone(
    lines: Lines, table: type[Rollup], span: tuple[int, int], ids: Sequence[int], until: Mapping[int, int]
) -> Iterator[None]:
    """Put back, in the caller's transaction, the rollups of a span from before a line's moment that there were."""
    before = [
        row for line in ids if line in until for row in _rows(lines, table, line, span[0], min(span[1], until[line]))
    ]
    yield
    if not before:
        return
    name, columns = table._meta.db_table, lines.rollup_columns
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM {name} WHERE {lines.key} = %s AND start = %s",  # noqa: S608 - our own names
            [row[:2] for row in before],
        )
        cursor.executemany(
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",  # noqa: S608
            before,
        )


def _rows(lines: Lines, table: type[Rollup], line: int, start_ms: int, end_ms: int) -> list[RollupRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(lines.rollup_columns)} FROM {table._meta.db_table} "  # noqa: S608 - our own names
            f"WHERE {lines.key} = %s AND start >= %s AND start < %s",
            [line, start_ms, end_ms],
        )
        return list(cursor.fetchall())
