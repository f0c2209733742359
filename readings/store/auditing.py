"""Whether rollups equal what they are made of: minutes the readings, hours the minutes, local days the hours.

Nothing is written. What waits for its rollup is left out, as it is known to differ.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import QuerySet

from devices.models import Device, Port
from readings.models import DirtyBucket, Rollup
from readings.periods import HOUR_MS, day_start, floor_hour, next_day_start
from readings.statements import fetch, numbers
from readings.store import day_zones
from readings.store.archive.errors import ArchiveError
from readings.store.archive.layout import minutes_of
from readings.store.archive.together import DeviceSpan, measured_span, merged, with_files
from readings.store.gone import readings_gone
from readings.store.hours_and_days import pieces_of_day
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines, RollupRow, scaled_sum
from readings.store.minutes import minute_rows
from readings.store.recompute import SomeLines, bad_minutes, readings_touching
from readings.store.rollups import late_ms

log = structlog.get_logger(__name__)

Rows = dict[tuple[int, int], RollupRow]
"""Rollups by line and start."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A rollup that is not what it should be; None for a row that is missing, or that should not be there."""

    device_id: int
    table: str
    line: int
    start_ms: int
    stored: RollupRow | None
    computed: RollupRow | None


@dataclass(slots=True)
class Audited:
    """Hours of devices that were looked at, and those left out (waiting rollups, unreadable files); what was found.

    ``wrong`` are the hours and days with something that differs, by device and first hour, and the hour of the device
    at which that was seen.
    """

    hours: int = 0
    left_out: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    wrong: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


def audit(
    devices: Sequence[Device], start_ms: int, end_ms: int, *, sample: int | None, chance: random.Random
) -> Audited:
    """Look at so many hours of these devices, drawn at random (None: at all), and at the days that they lie in."""
    found = Audited()
    hours = {device: _hours(device, start_ms, end_ms) for device in devices}
    for device, hour in _drawn(hours, sample, chance):
        try:
            with transaction.atomic():
                mismatches = _look(device, hour)
        except ArchiveError as error:
            log.error("An hour cannot be compared with its readings", unit=device.assy, reason=str(error))  # noqa: TRY400
            mismatches = None
        if mismatches is None:
            found.left_out += 1
        else:
            found.hours += 1
            found.mismatches += mismatches
            for mismatch in mismatches:
                found.wrong.setdefault((device.pk, floor_hour(mismatch.start_ms)), (device.pk, hour))
    return found


def _hours(device: Device, start_ms: int, end_ms: int) -> range:
    """The hours of a span that lie wholly behind its first stored reading: what older rollups came from is gone."""
    measured = measured_span(device.pk)
    if measured is None:
        return range(0)
    first = max(floor_hour(start_ms + HOUR_MS - 1), floor_hour(measured[0]) + HOUR_MS, readings_gone(device.pk))
    return range(first, floor_hour(min(end_ms, measured[1])) + HOUR_MS, HOUR_MS)


def _drawn(hours: dict[Device, range], sample: int | None, chance: random.Random) -> Iterator[tuple[Device, int]]:
    total = sum(map(len, hours.values()))
    places = range(total) if sample is None or sample >= total else sorted(chance.sample(range(total), sample))
    begin = 0
    remaining = iter(hours.items())
    device, of_device = next(remaining, (None, range(0)))
    for place in places:
        while device is not None and place - begin >= len(of_device):
            begin += len(of_device)
            device, of_device = next(remaining, (None, range(0)))
        if device is not None:
            yield device, of_device[place - begin]


def _look(device: Device, hour_ms: int) -> list[Mismatch] | None:
    """What is wrong with an hour of a device and the day it lies in; None while anything of it waits."""
    zone = ZoneInfo(device.timezone)
    day = day_start(hour_ms, zone), next_day_start(hour_ms, zone)
    if _waits(device, hour_ms, hour_ms + HOUR_MS):
        return None
    found: list[Mismatch] = []
    looks_at_day = not _waits(device, *day) and device.pk not in day_zones.stale_devices()
    for lines, ids in _lines(device):
        hour = hour_ms, hour_ms + HOUR_MS
        minutes = _stored(lines, lines.minutes, ids, DeviceSpan(device.pk, *hour))
        readings = readings_touching(SomeLines(lines, ids, [device.pk]), *hour, late_ms())
        computed = {_key(row): row for row in minute_rows(lines, readings, *hour, bad_minutes(lines, ids, *hour))}
        found += _differences(device, lines.minutes, minutes, computed)
        hours = _stored(lines, lines.hours, ids, DeviceSpan(device.pk, hour_ms, hour_ms + 1))
        found += _differences(device, lines.hours, hours, _summed(lines, minutes, hour_ms))
        if looks_at_day:
            days = _stored(lines, lines.days, ids, DeviceSpan(device.pk, *day))
            pieces: Rows = {}
            for piece in pieces_of_day(lines, *day):
                pieces |= _stored(lines, piece.table, ids, DeviceSpan(device.pk, piece.start_ms, piece.end_ms))
            found += _differences(device, lines.days, days, _summed(lines, pieces, day[0]))
    # What came meanwhile explains a difference.
    return None if found and _waits(device, *day) else found


def _waits(device: Device, start_ms: int, end_ms: int) -> bool:
    return DirtyBucket.objects.filter(device=device, minute__gte=start_ms, minute__lt=end_ms).exists()


def _lines(device: Device) -> list[tuple[Lines, list[int]]]:
    ports = Port.objects.filter(device=device).order_by("pk").values_list("pk", flat=True)
    return [(PORT_LINES, list(ports)), (DEVICE_LINES, [device.pk])]


def _stored(lines: Lines, table: type[Rollup], ids: Sequence[int], span: DeviceSpan) -> Rows:
    """Of minutes from files too."""
    _, start_ms, end_ms = span
    of_lines = table._default_manager.filter(**{f"{lines.key}__in": ids}, start__gte=start_ms, start__lt=end_ms)
    columns = [f"{name}__fixed" if name in (*lines.least, *lines.greatest) else name for name in lines.rollup_columns]
    rows = of_lines.values_list(*columns)
    return {_key(row): row for row in (_minutes(lines, ids, span, rows) if table is lines.minutes else rows)}


def _minutes(
    lines: Lines, ids: Sequence[int], span: DeviceSpan, rows: QuerySet[Rollup, RollupRow]
) -> Iterator[RollupRow]:
    """These rows and what files have beside them. Exact, as no sum of a minute is beyond 2**53."""
    columns = lines.rollup_columns
    table, in_files = with_files(
        minutes_of(lines), [span], columns[2:], ids, lambda more: numbers(fetch([rows, *more]), len(columns))
    )
    for row in merged(in_files, table):
        yield tuple(None if math.isnan(value) else int(value) for value in row)


def _key(row: RollupRow) -> tuple[int, int]:
    return int(row[0] or 0), int(row[1] or 0)


def _differences(device: Device, table: type[Rollup], stored: Rows, computed: Rows) -> Iterator[Mismatch]:
    for key in sorted({*stored, *computed}):
        if stored.get(key) != computed.get(key):
            yield Mismatch(device.pk, table._meta.db_table, *key, stored.get(key), computed.get(key))


def _summed(lines: Lines, pieces: Rows, start_ms: int) -> Rows:
    """The bucket that these rollups make up, by line: none for a line that has none."""
    of_line: dict[int, list[dict[str, int | None]]] = defaultdict(list)
    for (line, _), row in pieces.items():
        of_line[line].append(dict(zip(lines.rollup_columns, row, strict=True)))
    return {(line, start_ms): _bucket(lines, line, start_ms, rows) for line, rows in of_line.items()}


def _bucket(lines: Lines, line: int, start_ms: int, rows: Sequence[dict[str, int | None]]) -> RollupRow:
    additive = [sum(row[name] or 0 for row in rows) for name in lines.additive]
    sums = [_scaled(rows, name) for name in lines.sums]
    least = [min(_known(rows, name), default=None) for name in lines.least]
    greatest = [max(_known(rows, name), default=None) for name in lines.greatest]
    return (line, start_ms, *additive, *sums, *least, *greatest)


def _scaled(rows: Sequence[dict[str, int | None]], name: str) -> int | None:
    known = [row for row in rows if row[name] is not None]
    if not known:
        return None
    return scaled_sum(sum(row[name] or 0 for row in known), _measured_ms(known), _measured_ms(rows))


def _measured_ms(rows: Sequence[dict[str, int | None]]) -> int:
    return sum((row["covered_ms"] or 0) + (row["recovered_ms"] or 0) for row in rows)


def _known(rows: Sequence[dict[str, int | None]], name: str) -> list[int]:
    return [value for row in rows if (value := row[name]) is not None]
