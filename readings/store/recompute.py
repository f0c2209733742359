"""One transaction: some dirty minutes of some devices, and the hours and days above them, computed anew."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction

from devices.models import Device, Port
from readings.bad_minutes import NOTHING_BAD, BadOf, bad_of
from readings.inserting import insert
from readings.models import BadSpan, DayZone, DeviceReading, DirtyBucket
from readings.periods import HOUR_MS, MINUTE_MS, day_start, floor_hour, floor_minute, next_day_start
from readings.statements import Rows, fetch, numbers
from readings.store import day_zones
from readings.store.archive.layout import READINGS, kind_of
from readings.store.archive.together import (
    DeviceSpan,
    FloatArray,
    Kept,
    begin_of_files,
    first_file_after,
    joined,
    merged,
    next_in_file,
    read_ahead,
    with_files,
)
from readings.store.gone import gone_of, left_alone, marks_of, readings_gone, tell_late, without_known_hours
from readings.store.hours_and_days import forget, write_days, write_hours
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines, RollupRow
from readings.store.minutes import minute_rows
from readings.store.newest_minutes import add_to_days, add_to_hours, behind_all_others
from readings.store.old_minutes import made_of_minutes, require_rows, restoring_minutes

LINES_PER_STATEMENT = 200
SOON_MS = 2_500  # within which the next reading nearly always comes


@dataclass(frozen=True, slots=True)
class SomeLines:
    """Some lines of one kind, and the devices that they are of."""

    lines: Lines
    ids: Sequence[int]
    devices: Sequence[int]


def recompute(devices: Sequence[int], start_ms: int, end_ms: int, late_ms: int, kept: Kept | None = None) -> bool:
    """Take the dirty minutes in [start_ms, end_ms); False when somebody else has taken them all.

    No reading is missed, although another process may be storing one of these minutes right now. It stores a reading
    and, in the same transaction, inserts the minute's dirty row unless that is there. We delete the dirty row before
    we read, so there are three cases. It committed before our delete: we see its reading. It is between the two: on
    MariaDB its insert holds a lock on the dirty row, even one that was there before (a duplicate is locked too), so
    our delete waits for its commit, and the statements after it, read committed, see the reading. It inserts after
    our delete: it waits for our commit, finds no dirty row, and its own stays for the next time. On SQLite an
    immediate transaction is the only writer from its first moment, so one of the two comes wholly before the other.

    What was let go of is left as it is (``readings.store.gone``): a reading that comes late adds minutes and hours
    where there are none.

    Nor is a bad span missed, marked or lifted: that transaction inserts the dirty rows of the minutes that it changes
    just as one that stores a reading does, and we read the bad spans after we deleted those rows.

    ``kept`` is for who goes through many minutes: files are read into it before the transaction, and not again.
    """
    if kept is not None and end_ms - start_ms > MINUTE_MS:
        for kind in READINGS:
            spans = [DeviceSpan(device, start_ms + 1, end_ms + late_ms + 1) for device in devices]
            read_ahead(kind, spans, kind.lines.reading_columns[2:], kept)
    return restoring_minutes(lambda: _recompute(devices, start_ms, end_ms, late_ms, kept))


def _recompute(devices: Sequence[int], start_ms: int, end_ms: int, late_ms: int, kept: Kept | None) -> bool:
    with transaction.atomic():
        dirty = DirtyBucket.objects.filter(device__in=devices, minute__gte=start_ms, minute__lt=end_ms)
        if not dirty.delete()[0]:
            return False
        locked = _locked_lines(devices)
        require_rows(devices, *made_of_minutes(start_ms, end_ms, set(locked[-1][1].values())))
        day_zones.note_written(locked[-1][1])
        are_days_made = not day_zones.are_stale(devices)
        hours = floor_hour(start_ms), floor_hour(end_ms + HOUR_MS - 1)
        marks = marks_of(devices, hours[0])
        tell_late(marks, start_ms, end_ms)
        for lines, zones in locked:
            gone = gone_of(lines, marks)
            for ids in _batches(sorted(zones)):
                new = set() if marks else behind_all_others(lines, ids, start_ms, end_ms)
                with left_alone(lines, lines.minutes, (start_ms, end_ms), ids, gone.readings):
                    rows = _minutes_of(SomeLines(lines, ids, devices), start_ms, end_ms, late_ms, kept)
                    rows = without_known_hours(lines, rows, gone.minutes)
                    forget(lines, lines.minutes, _without(new, ids), start_ms, end_ms)
                    insert(f"INSERT INTO {lines.minutes._meta.db_table} ({', '.join(lines.rollup_columns)})", rows)
                new = add_to_hours(lines, new, rows)
                with left_alone(lines, lines.hours, hours, ids, gone.minutes):
                    write_hours(lines, _without(new, ids), *hours)
                for zone, same_days in _by_zone(ids, zones):
                    added = add_to_days(lines, new & {*same_days}, rows, zone) if are_days_made else set[int]()
                    write_days(lines, _without(added, same_days), start_ms, end_ms, zone)
    return True


def _without(some: Container[int], ids: Sequence[int]) -> list[int]:
    return [line for line in ids if line not in some]


def recompute_stale_days(device: int, days: int) -> bool:
    """Compute the next so many days that may be of an earlier zone anew; False when there are none left."""
    return restoring_minutes(lambda: _recompute_stale_days(device, days))


def _recompute_stale_days(device: int, days: int) -> bool:
    with transaction.atomic():
        locked = _locked_lines([device])
        zone = locked[-1][1].get(device)
        mark = DayZone.objects.select_for_update().filter(device=device).first()
        if zone is None or mark is None:
            return False
        since = mark.stale_from if mark.zone == zone else 0
        if since is None:
            return False
        end = _write_some_days(locked, since, days, zone)
        DayZone.objects.filter(device=device).update(zone=zone, stale_from=end)
    return end is not None


def _write_some_days(locked: Sequence[tuple[Lines, dict[int, str]]], since: int, days: int, zone: str) -> int | None:
    """Write so many days, from the first at or after ``since`` that has rows; where they end, None when none has."""
    # An hour that the midnight at ``since`` cuts begins before it.
    found = [start for lines, ids in locked for start in _first_rows(lines, ids, floor_hour(since))]
    if not found:
        return None
    start = end = max(since, day_start(min(found), zone))
    for _ in range(days):
        end = next_day_start(end, zone)
    if start % HOUR_MS or end % HOUR_MS:
        require_rows(locked[-1][1], *made_of_minutes(start, end, [zone]))
    for lines, ids in locked:
        for some in _batches(sorted(ids)):
            write_days(lines, some, start, end, ZoneInfo(zone))
    return end


def _first_rows(lines: Lines, ids: Iterable[int], since: int) -> Iterator[int]:
    """Where the first hour and the first day of each line begin. Line by line, since an index answers that at once."""
    for table in (lines.hours, lines.days):
        for line in ids:
            rows = table._default_manager.filter(**{lines.key: line}, start__gte=since).order_by("start")
            yield from rows.values_list("start", flat=True)[:1]


def _locked_lines(devices: Sequence[int]) -> list[tuple[Lines, dict[int, str]]]:
    """The ports and the devices themselves with the time zone of each, locked against another roll-up of them.

    Two roll-ups of different minutes would each write the hour without the other's minute. The rows of the ports
    serve as the lock, since the collector does not write them with every answer. Everything else is read after it.
    """
    ports = list(Port.objects.filter(device__in=devices).order_by("pk").values_list("pk", flat=True))
    locked = Port.objects.filter(pk__in=ports).order_by("pk").select_for_update()
    owners = dict(locked.values_list("pk", "device_id"))
    zones = dict(Device.objects.filter(pk__in=devices).values_list("pk", "timezone"))
    port_zones = {port: zones[device] for port, device in owners.items()}
    return [(PORT_LINES, port_zones), (DEVICE_LINES, zones)]


def _by_zone(ids: Sequence[int], zones: dict[int, str]) -> Iterator[tuple[ZoneInfo, list[int]]]:
    same: dict[str, list[int]] = defaultdict(list)
    for line in ids:
        same[zones[line]].append(line)
    for name, lines in same.items():
        yield ZoneInfo(name), lines


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), LINES_PER_STATEMENT):
        yield ids[first : first + LINES_PER_STATEMENT]


def _minutes_of(some: SomeLines, start_ms: int, end_ms: int, late_ms: int, kept: Kept | None) -> list[RollupRow]:
    readings = _readings_near(some, start_ms, end_ms, late_ms, kept)
    bad = bad_minutes(some.lines, some.ids, start_ms, end_ms)
    return minute_rows(some.lines, readings, start_ms, end_ms, bad)


def bad_minutes(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int) -> BadOf:
    """What of [start_ms, end_ms) is to be left out of these lines' rollups. Devices have nothing that is bad."""
    if lines is not PORT_LINES:
        return NOTHING_BAD
    spans = BadSpan.objects.in_effect(ids, start_ms, end_ms)
    return bad_of(spans.values_list("port_id", "start_ms", "until_ms"))


def computable_since(device: int) -> int | None:
    """The first minute that stored readings touch and of which none was let go of: those before cannot be computed
    again. None without readings.
    """
    row = DeviceReading.objects.filter(device=device).order_by("time").values_list("time", "window_ms").first()
    begins = [] if row is None else [row[0] - max(1, row[1])]
    in_files = begin_of_files(device)
    first = min((floor_minute(begin) for begin in [*begins, *in_files]), default=None)
    return None if first is None else max(first, readings_gone(device))


def readings_touching(some: SomeLines, start_ms: int, end_ms: int, late_ms: int) -> FloatArray:
    """The readings of some lines whose time or window touches [start_ms, end_ms), in the order of
    ``reading_columns``; from rows and files.

    Windows of a line never overlap, so at most one reading of each line reaches back over the end. Nearly always it
    comes within ``late_ms``; for the lines where none does, the next reading is looked up.
    """
    found = _readings_near(some, start_ms, end_ms, late_ms, None)
    return found[(found[:, 1] <= end_ms) | (found[:, 1] - found[:, 2] < end_ms)]


def _readings_near(some: SomeLines, start_ms: int, end_ms: int, late_ms: int, kept: Kept | None) -> FloatArray:
    """With some more that come after the span."""
    soon_ms, late_end_ms = end_ms + min(SOON_MS, late_ms), end_ms + late_ms
    found = _readings_in(some, start_ms, soon_ms, kept)
    if not (silent := _silent_after(end_ms, some.ids, found)):
        return found
    if soon_ms < late_end_ms:
        soon = _readings_in(replace(some, ids=silent), soon_ms, late_end_ms, kept)
        found, silent = joined([found, soon]), _silent_after(end_ms, silent, soon)
    if not silent:
        return found
    in_rows = _later(some.lines, silent, late_end_ms)
    for in_files in _later_in_files(some.lines, silent, some.devices, late_end_ms):
        in_rows = merged(in_files, in_rows)
    # What was brought back from a file between the two looks is in rows by now.
    return joined([found, merged(_later(some.lines, silent, late_end_ms), in_rows)])


def _readings_in(some: SomeLines, after_ms: int, until_ms: int, kept: Kept | None) -> FloatArray:
    """The readings of (after_ms, until_ms]."""
    lines, kind = some.lines, kind_of(some.lines)
    spans = [DeviceSpan(device, after_ms + 1, until_ms + 1) for device in some.devices]
    inside = lines.readings._default_manager.filter(
        **{f"{lines.key}__in": some.ids}, time__gt=after_ms, time__lte=until_ms
    )
    columns = lines.reading_columns[2:]
    rows, in_files = with_files(kind, spans, columns, some.ids, lambda more: _rows(lines, [inside], more), kept=kept)
    return merged(in_files, rows)


def _silent_after(moment_ms: int, ids: Sequence[int], found: FloatArray) -> list[int]:
    """The lines of which nothing was found that came later."""
    return sorted(set(ids).difference(found[found[:, 1] > moment_ms, 0].astype(np.int64).tolist()))


def _later(lines: Lines, ids: Iterable[int], after_ms: int) -> FloatArray:
    """The first row of each line after a moment."""
    readings = lines.readings._default_manager
    return _rows(lines, [readings.filter(**{lines.key: line}, time__gt=after_ms).order_by("time")[:1] for line in ids])


def _later_in_files(lines: Lines, ids: Sequence[int], devices: Iterable[int], after_ms: int) -> Iterator[FloatArray]:
    """The first readings after a moment, device by device, that are in files."""
    kind = kind_of(lines)
    files = (first_file_after(kind, device, after_ms).values_list("device_id", "pk") for device in devices)
    for device, file in fetch(files):
        time = next_in_file(kind, device, file, after_ms)
        if time is not None:
            spans, columns = [DeviceSpan(device, time, time + 1)], lines.reading_columns[2:]
            yield with_files(kind, spans, columns, ids, lambda more: _rows(lines, [], more))[1]


def _rows(lines: Lines, readings: Iterable[Rows], more: Sequence[Rows] = ()) -> FloatArray:
    """The stored integers, past Django's conversion of every value, which takes three times as long as the rest."""
    parts = [part.values_list(*lines.reading_columns) for part in readings]
    return numbers(fetch([*parts, *more]), len(lines.reading_columns))
