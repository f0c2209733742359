"""Energies of ports by bucket: exact integers, from as few rollups and readings as the span allows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from devices.models import Port
from devices.port_past import eras_of
from readings import periods
from readings.archive_models import ArchiveFile
from readings.bad_minutes import BadOf
from readings.history import unrolled
from readings.history.eras import as_they_were, is_plain
from readings.history.port_energy import PortEnergy
from readings.history.rows import PORTS, Days, Piece, integers, zones_of
from readings.history.thinning import FloatArray, IntArray
from readings.history.turns import energy_moments
from readings.history.unrolled import Unfinished
from readings.models import PortDay, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS
from readings.quantities import ACTIVE_POWER
from readings.statements import Rows, fetch
from readings.store.archive.together import DeviceSpan, Sought, merged, minutes_with_files
from readings.store.gone import is_all_there

EnergyBucket = Literal["total", "hour", "day", "month"]

PORTS_AT_ONCE = 48  # SQLite takes 500 parts of a statement, and each device can need eight
BUCKETS_AT_ONCE = 30
_WORTH_DAYS_MS = 48 * HOUR_MS  # so few hours are read as quickly as their days, and need no look at the days' zone
READINGS_AT_MOST = 5_000_000
_COVERED, _RECOVERED, _POSITIVE, _NEGATIVE = range(4)
_ROLLUP_COLUMNS = ("port_id", "start", "covered_ms", "recovered_ms", "positive_energy", "negative_energy")


def energy(ports: Sequence[Port], start_ms: int, end_ms: int, bucket: EnergyBucket, *, now_ms: int) -> list[PortEnergy]:
    """Import, export and measured time of [start_ms, end_ms), by port in the order given, then by bucket.

    Hours are UTC hours; days and months are those of the device's time zone. The span's own ends shorten the first and
    the last bucket. A bucket without any measurement has its row too. An end off the minute is answered from readings,
    or pro rata of the minute once its readings are gone. Minutes that wait for their rollup are answered from readings.
    What was marked as bad counts nowhere: that time is missing.
    """
    eras = eras_of(ports)
    moments = energy_moments(eras, start_ms, end_ms)
    zones = zones_of(ports)
    # Where minutes may be gone only day rows tell rightly of a day that begins or ends off the hour.
    by_days = end_ms - start_ms >= _WORTH_DAYS_MS or not is_all_there(start_ms, now_ms)
    ids = sorted({port.pk for port in ports})
    waiting = unrolled.unfinished(zones, start_ms, end_ms, days=by_days and bucket != "hour", ports=ids)
    made = _made(zones, waiting, bucket)
    answered: dict[int, list[PortEnergy]] = {port.pk: [] for port in ports}
    for days in sorted({Days(zone, device_id in made) for device_id, zone in zones.items()}):
        same = [p for p in dict.fromkeys(ports) if (zones[p.device_id], p.device_id in made) == days]
        for begin in range(0, len(same), PORTS_AT_ONCE):
            for span in _spans([start_ms, *moments, end_ms], bucket, days):
                sheet = _Sheet(same[begin : begin + PORTS_AT_ONCE], *span, bucket, days)
                _fill(sheet, waiting, now_ms)
                for port_id, rows in sheet.answer(now_ms):
                    answered[port_id] += rows
    for port in {port.pk: port for port in ports if moments or not is_plain(port)}.values():
        starts = (start for start, _ in periods.buckets(start_ms, end_ms, bucket, zones[port.device_id]))
        answered[port.pk] = as_they_were(port, answered[port.pk], eras.get(port.pk, ()), starts)
    return [row for port in ports for row in answered[port.pk]]


def _made(zones: Mapping[int, str], waiting: Unfinished, bucket: EnergyBucket) -> set[int]:
    """The devices whose day rows can be used."""
    if bucket == "hour":
        return set(zones)
    return set(zones) - waiting.days if waiting.days is not None else set()


def _spans(edges: Sequence[int], bucket: EnergyBucket, days: Days) -> list[tuple[int, int]]:
    """What lies between the edges, in parts that one statement can answer: without day rows each bucket needs some of
    its own.
    """
    between = list(pairwise(edges))
    if days.made:
        return between
    parts = []
    for start_ms, end_ms in between:
        buckets = periods.buckets(start_ms, end_ms, bucket, days.zone)
        parts += [buckets[first : first + BUCKETS_AT_ONCE] for first in range(0, len(buckets), BUCKETS_AT_ONCE)]
    return [(part[0][0], part[-1][1]) for part in parts]


class _Sheet:
    """Measured time and energy of ports that share a time zone, by port, bucket and column."""

    def __init__(self, ports: Sequence[Port], start_ms: int, end_ms: int, bucket: EnergyBucket, days: Days) -> None:
        self.ports = ports
        self.start_ms, self.end_ms = start_ms, end_ms
        self.bucket, self.days = bucket, days
        self.ids = np.unique([port.pk for port in ports])
        self.keys: dict[int, list[int]] = {}
        for port in ports:
            self.keys.setdefault(port.device_id, []).append(port.pk)
        self.buckets = periods.buckets(start_ms, end_ms, bucket, days.zone)
        self.starts = np.array([start for start, _ in self.buckets], dtype=np.int64)
        self.sums = np.zeros((len(self.ids), len(self.buckets), 4), dtype=np.int64)
        self.first_ms: dict[int, int] = {}

    def add(self, port_ids: IntArray, starts: IntArray, amounts: IntArray) -> None:
        """Add the four columns of each row to the bucket that its start lies in."""
        buckets = np.searchsorted(self.starts, starts, side="right") - 1
        np.add.at(self.sums, (np.searchsorted(self.ids, port_ids), buckets), amounts)

    def answer(self, now_ms: int) -> Iterator[tuple[int, list[PortEnergy]]]:
        for port in self.ports:
            sums = self.sums[np.searchsorted(self.ids, port.pk)].tolist()
            first = self.first_ms.get(port.pk, now_ms)
            rows = []
            for (start, end), amounts in zip(self.buckets, sums, strict=True):
                measured = amounts[_COVERED] + amounts[_RECOVERED]
                rows.append(PortEnergy(
                    port_id=port.pk, start_ms=start, end_ms=end,
                    import_energy=amounts[_POSITIVE if port.reversed else _NEGATIVE],
                    export_energy=amounts[_NEGATIVE if port.reversed else _POSITIVE],
                    covered_ms=amounts[_COVERED], recovered_ms=amounts[_RECOVERED],
                    missing_ms=max(0, min(end, now_ms) - max(start, first) - measured),
                ))  # fmt: skip
            yield port.pk, rows


def _fill(sheet: _Sheet, waiting: Unfinished, now_ms: int) -> None:
    """Whole days, hours and minutes from their rollups; from readings the minutes that those do not answer for.

    Days and hours hold the minutes beneath them as those stood when they were last rolled up: a minute that waits for
    its rollup is taken out of the sum again as its row stands, and put in from readings.
    """
    if not sheet.buckets:
        return
    device_ids = list(sheet.keys)
    dirty = unrolled.within(waiting.minutes, device_ids, periods.floor_minute(sheet.start_ms), sheet.end_ms)
    dirty = unrolled.newest(PORTS, sheet.keys, dirty, READINGS_AT_MOST)
    cut = [edge for edge in (sheet.start_ms, sheet.end_ms) if edge % MINUTE_MS]
    cut_minutes = np.unique([periods.floor_minute(edge) for edge in cut]).astype(np.int64)
    single = {device_id: np.union1d(dirty[device_id], cut_minutes) for device_id in device_ids}
    summed, apart = _rollups(sheet, single, waiting.bad, now_ms)
    sheet.add(summed[:, 0], summed[:, 1], summed[:, 2:])
    pieces = {
        device_id: _Pieces(sheet, device_id, single[device_id], dirty[device_id], waiting.bad)
        for device_id in device_ids
    }
    for readings in unrolled.readings_in(PORTS, sheet.keys, single, ACTIVE_POWER, now_ms=now_ms):
        table = np.nan_to_num(readings).astype(np.int64)  # without a power its window is 0
        for device_pieces in pieces.values():
            device_pieces.measure(table)
    for device_pieces in pieces.values():
        device_pieces.settle(apart)
        device_pieces.add_to(sheet)


def _rollups(sheet: _Sheet, single: dict[int, IntArray], bad: BadOf, now_ms: int) -> tuple[IntArray, IntArray]:
    """The rows to sum, and the rows of single minutes, all of one moment so that they agree with each other.

    With them comes when each port was first measured, as that would be a statement of its own.
    """
    ids = sheet.ids.tolist()
    whole = _whole(sheet)
    summed = [PORTS.between(table, ids, start, end) for table, start, end in whole]
    of_minutes = [piece for piece in whole if piece.table is PortMinute]
    in_whole = [DeviceSpan(device_id, *piece[1:]) for piece in of_minutes for device_id in sheet.keys]
    in_single = unrolled.spans_in(sheet.keys, single)
    apart = unrolled.rollups_in(PORTS, sheet.keys, in_single)
    parts = [_marked(part, 0) for part in summed] + [_marked(part, 1) for part in apart] + [_beginnings(ids)]
    width = len(_ROLLUP_COLUMNS) + 1
    rows, in_files = minutes_with_files(
        PORTS.archived_minutes, [Sought(spans, _ROLLUP_COLUMNS[2:], ids) for spans in (in_whole, in_single)],
        lambda more: integers(fetch([*parts, *more]), width), width=width, now_ms=now_ms,
    )  # fmt: skip
    sheet.first_ms = _first_measured(rows[rows[:, -1] == 2, :6].tolist(), bad)
    return _both(in_files[0], rows[rows[:, -1] == 0, :-1]), _both(in_files[1], rows[rows[:, -1] == 1, :-1])


def _both(in_files: FloatArray, rows: IntArray) -> IntArray:
    """Rollups of rows and files: what is in both once."""
    return merged(in_files, rows.astype(np.float64)).astype(np.int64) if len(in_files) else rows


def _marked(part: Rows, mark: int) -> Rows:
    return part.values_list(*_ROLLUP_COLUMNS, Value(mark))


def _whole(sheet: _Sheet) -> list[Piece]:
    """The whole days, hours and minutes that make up a span, none of them across an edge of the buckets.

    Right after a change of time zone the day rows are still of another zone: then hours take their place.
    """
    start_ms, end_ms = sheet.start_ms, sheet.end_ms
    if sheet.bucket == "hour":
        return PORTS.whole_hours(start_ms, end_ms)
    if not sheet.days.made:
        return [part for edges in sheet.buckets for part in PORTS.whole_hours(*edges)]
    first = periods.next_day_start(start_ms - 1, sheet.days.zone)
    last = periods.day_start(end_ms, sheet.days.zone)
    if first > last:
        return PORTS.whole_hours(start_ms, end_ms)
    days = [Piece(PortDay, first, last)] if first < last else []
    return [*PORTS.whole_hours(start_ms, first), *days, *PORTS.whole_hours(last, end_ms)]


class _Pieces:
    """The minutes of a device that its rollups do not answer for: dirty ones, and those that the span cuts."""

    def __init__(self, sheet: _Sheet, device_id: int, minutes: IntArray, dirty: IntArray, bad: BadOf) -> None:
        self.ids = np.unique(sheet.keys[device_id])
        self.minutes, self.ends = minutes, minutes + MINUTE_MS
        self.inside_start = np.maximum(minutes, sheet.start_ms)
        self.inside_end = np.minimum(self.ends, sheet.end_ms)
        self.cut = self.inside_end - self.inside_start < MINUTE_MS
        self.dirty = np.isin(minutes, dirty)
        self.bad = np.zeros((len(self.ids), len(minutes)), dtype=np.bool_)
        for port in bad.keys() & set(self.ids.tolist()):
            self.bad[np.searchsorted(self.ids, port)] = bad[port].hold(minutes)
        self.sums = np.zeros((len(self.ids), len(minutes), 4), dtype=np.int64)
        self.measured_ms = np.zeros((len(self.ids), len(minutes)), dtype=np.int64)

    def measure(self, readings: IntArray) -> None:
        """Add the share that each of the readings has in each of the minutes that is not bad."""
        readings = readings[np.isin(readings[:, 0], self.ids)]
        ids, times, windows, recovered, powers = readings.T
        reading, minute, overlap = unrolled.overlaps(times, windows, self.minutes, self.ends)
        port = np.searchsorted(self.ids, ids[reading])
        good = ~self.bad[port, minute]
        reading, minute, overlap, port = reading[good], minute[good], overlap[good], port[good]
        np.add.at(self.measured_ms, (port, minute), overlap)
        begun = np.maximum(times[reading] - windows[reading], self.inside_start[minute])
        inside = np.maximum(np.minimum(times[reading], self.inside_end[minute]) - begun, 0)
        power, is_recovered = powers[reading], recovered[reading]
        shares = (
            inside * (1 - is_recovered),
            inside * is_recovered,
            inside * np.maximum(power, 0),
            inside * np.maximum(-power, 0),
        )
        np.add.at(self.sums, (port, minute), np.stack(shares, axis=-1))

    def settle(self, rollups: IntArray) -> None:
        """Take out what the stale rollups of dirty minutes brought into the sums; answer a clean minute that is cut
        from its rollup where its readings are gone. A bad one that is clean has none.
        """
        rollups = rollups[np.isin(rollups[:, 0], self.ids) & np.isin(rollups[:, 1], self.minutes)]
        port, minute = np.searchsorted(self.ids, rollups[:, 0]), np.searchsorted(self.minutes, rollups[:, 1])
        amounts = rollups[:, 2:]
        stale = ~self.cut[minute]
        self.sums[port[stale], minute[stale]] -= amounts[stale]
        gone = ~self.dirty[minute] & (amounts[:, _COVERED] + amounts[:, _RECOVERED] != self.measured_ms[port, minute])
        port, minute, amounts = port[gone], minute[gone], amounts[gone]
        # Rounded from the start of the minute on, so that neighbouring spans add up to the whole minute.
        until, since = self.inside_end[minute] - self.minutes[minute], self.inside_start[minute] - self.minutes[minute]
        self.sums[port, minute] = amounts * until[:, None] // MINUTE_MS - amounts * since[:, None] // MINUTE_MS

    def add_to(self, sheet: _Sheet) -> None:
        ports, minutes = len(self.ids), len(self.minutes)
        sheet.add(np.repeat(self.ids, minutes), np.tile(self.inside_start, ports), self.sums.reshape(-1, 4))


def _beginnings(port_ids: Sequence[int]) -> Rows:
    """Time and window of each port's first reading, its first minute, where the files of its device begin, and its
    first hour; -1 where there is none.
    """
    readings = PortReading.objects.filter(port_id=OuterRef("pk")).order_by("time")
    minutes = PortMinute.objects.filter(port_id=OuterRef("pk")).order_by("start")
    files = ArchiveFile.objects.filter(kind=PORTS.archived.name, device_id=OuterRef("device_id")).order_by("start_ms")
    hours = PortHour.objects.filter(port_id=OuterRef("pk")).order_by("start")
    of_readings = (readings.values("time"), readings.values("window_ms"))
    firsts = (*of_readings, minutes.values("start"), files.values("begins_ms"), hours.values("start"))
    columns = [Coalesce(Subquery(first[:1]), -1) for first in firsts]
    return Port.objects.filter(pk__in=port_ids).order_by().values_list("pk", *columns, Value(2))


def _first_measured(beginnings: Sequence[Sequence[int]], bad: BadOf) -> dict[int, int]:
    """By port, when what is known of it begins; ports without any reading are left out."""
    first_ms: dict[int, int] = {}
    for port_id, time, window_ms, minute, in_files, hour in beginnings:
        begun = None if time < 0 else time - window_ms
        # A file is of all ports of its device: one that came later has its first minute later. So has one whose first
        # minutes are bad.
        first = periods.floor_minute(in_files)
        is_bad = port_id in bad and bool(bad[port_id].hold(np.array([first]))[0])
        if in_files >= 0 and (begun is None or in_files < begun) and (minute <= first or is_bad):
            begun = in_files
        # An older minute tells that the readings of the beginning are gone.
        if minute >= 0 and (begun is None or minute < periods.floor_minute(begun - 1)):
            begun = minute
        if hour >= 0 and (begun is None or hour < periods.floor_hour(begun - 1)):  # and an older hour, the minutes
            begun = hour
        if begun is not None:
            first_ms[port_id] = begun
    return first_ms
