"""Minutes that wait for their rollup, and the readings that answer for them (and for pieces of minutes) meanwhile."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import structlog
from django.conf import settings
from django.db.models import F, Value

from readings.bad_minutes import BadOf, bad_of
from readings.history.rows import DEVICES, UNMADE, Source, integers, more_than, unmade_days
from readings.history.thinning import FloatArray, IntArray
from readings.models import BadSpan, DeviceReading, DirtyBucket
from readings.periods import MINUTE_MS, floor_minute
from readings.quantities import Quantity
from readings.retention_models import Retention
from readings.statements import Rows, fetch, numbers
from readings.store.archive.together import (
    LEAST_HOT_MS,
    DeviceSpan,
    files_of,
    first_file_after,
    merged,
    next_in_file,
    with_files,
)
from readings.store.gone import Marks, still_computed

log = structlog.get_logger(__name__)

Span = tuple[int, int]
DeviceMinutes = Mapping[int, IntArray]
DeviceKeys = Mapping[int, Sequence[int]]

SPANS_AT_MOST = 8
STATEMENTS_AT_ONCE = 200
ROWS_AT_ONCE = 200_000


class Unfinished(NamedTuple):
    """What rollups do not tell rightly yet: by device, in order, the minutes that may not equal the readings, and the
    devices whose day rows are not all made in their time zone (None where that was not asked for). And what has to be
    left out of readings that are looked at in place of rollups, and before which moments some of these devices have no
    readings, or minutes, any more.
    """

    minutes: DeviceMinutes
    days: frozenset[int] | None
    bad: BadOf
    gone: Marks


def unfinished(
    zones: Mapping[int, str], start_ms: int, end_ms: int, *, days: bool, ports: Sequence[int] = ()
) -> Unfinished:
    """Of these devices, with their time zones, and of these ports of them, in a span; read by one statement, so that
    a minute is bad or waits, or its rollup tells that already.
    """
    start_ms = floor_minute(start_ms)
    waiting = DirtyBucket.objects.filter(device_id__in=list(zones), minute__gte=start_ms, minute__lt=end_ms)
    dirty = still_computed(waiting)
    bad = BadSpan.objects.in_effect(ports, start_ms, end_ms).values_list("port_id", "start_ms", "until_ms")
    rules = Retention.objects.filter(device__in=list(zones))
    gone = rules.values_list("device_id", "readings_gone_ms", Value(-1) - F("minutes_gone_ms"))
    parts = [dirty.values_list("device_id", "minute", Value(0)), bad, gone, *(unmade_days(zones) if days else [])]
    table = integers(fetch(parts), 3)
    is_bad, is_gone, is_mark = table[:, 2] > 0, table[:, 2] < 0, table[:, 1] == UNMADE
    waits = table[~is_bad & ~is_gone & ~is_mark, :2]
    minutes = {device_id: np.sort(waits[waits[:, 0] == device_id, 1]) for device_id in zones}
    unmade = frozenset(table[is_mark, 0].tolist()) if days else None
    latest = (table[is_gone, 1:] * (1, -1) - (0, 1)).max(axis=0, initial=0).tolist()
    return Unfinished(minutes, unmade, bad_of(table[is_bad].tolist()), Marks(*latest))


def within(minutes: DeviceMinutes, device_ids: Iterable[int], start_ms: int, end_ms: int) -> DeviceMinutes:
    """Those of these devices that begin in a span."""
    held = {device_id: minutes[device_id] for device_id in device_ids}
    return {device_id: of[(of >= start_ms) & (of < end_ms)] for device_id, of in held.items()}


def spans_of(minutes: IntArray) -> list[Span]:
    """The minutes as few spans. Where they are too scattered, a span also holds minutes in between."""
    if not len(minutes):
        return []
    steps = np.diff(minutes)
    breaks = np.flatnonzero(steps > MINUTE_MS)
    if len(breaks) >= SPANS_AT_MOST:
        breaks = np.sort(breaks[np.argsort(steps[breaks])[1 - SPANS_AT_MOST :]])
    starts = minutes[np.append(0, breaks + 1)]
    ends = minutes[np.append(breaks, len(minutes) - 1)] + MINUTE_MS
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def spans_in(keys: DeviceKeys, minutes: DeviceMinutes) -> list[DeviceSpan]:
    """Spans that hold these minutes (and some between them)."""
    return [DeviceSpan(device_id, start, end) for device_id in keys for start, end in spans_of(minutes[device_id])]


def rollups_in(source: Source, keys: DeviceKeys, spans: Iterable[DeviceSpan]) -> list[Rows]:
    """The minute rollups of these spans that are rows."""
    return [source.between(source.minute, keys[device_id], start, end) for device_id, start, end in spans]


def newest(source: Source, keys: DeviceKeys, minutes: DeviceMinutes, at_most: int) -> DeviceMinutes:
    """These minutes, or the newest of them if they hold more readings than can be read for one question.

    That happens only while a large import waits for its rollups; its older minutes then count as their rollups stand.
    """
    per_minute = MINUTE_MS / (1000 * settings.CT6_PERIOD)
    expected = sum(per_minute * len(minutes[device_id]) * len(keys[device_id]) for device_id in keys)
    if expected <= at_most or not any(
        _are_more_than(at_most, source, device_id, keys[device_id], span)
        for device_id in keys
        for span in spans_of(minutes[device_id])
    ):
        return minutes
    log.warning(
        "Too many minutes wait for their rollup: history leaves out the oldest until they are rolled up",
        minutes=sum(map(len, minutes.values())),
    )
    share = at_most / expected
    return {device_id: held[len(held) - int(share * len(held)) :] for device_id, held in minutes.items()}


def _are_more_than(at_most: int, source: Source, device_id: int, keys: Sequence[int], span: Span) -> bool:
    """Whether rows or files hold more readings of a span than that; a file counts with all ports of its device."""
    start_ms, end_ms = span
    files = files_of(source.archived, [DeviceSpan(device_id, start_ms + 1, end_ms + 1)])
    in_files = sum(file.rows for file in files)
    return in_files > at_most or more_than(
        at_most - in_files, source.rows(source.reading, keys).filter(time__gt=start_ms, time__lte=end_ms)
    )


class _Part(NamedTuple):
    """The readings of a device whose time lies in (start_ms, end_ms]."""

    device_id: int
    start_ms: int
    end_ms: int


def readings_in(
    source: Source, keys: DeviceKeys, minutes: DeviceMinutes, quantity: Quantity, *, now_ms: int
) -> Iterator[FloatArray]:
    """The readings whose windows reach into these minutes of their device, each once, in portions that fit in memory:
    key, time, window, whether it is recovered, and the quantity in its stored integers (NaN for NULL).

    Others come along: what a reading weighs is found by ``overlaps``.
    """
    spans = {device_id: spans_of(held) for device_id, held in minutes.items()}
    parts = [_Part(device_id, time - 1, time) for device_id, time in _readings_after(spans, now_ms)]
    ms_at_once = max(MINUTE_MS, ROWS_AT_ONCE * 1000 // max(1, sum(map(len, keys.values()))))
    for device_id in keys:
        for start, end in spans[device_id]:
            pieces = range(start, end, ms_at_once)
            parts += [_Part(device_id, piece, min(piece + ms_at_once, end)) for piece in pieces]
    portion: list[_Part] = []
    portion_ms = 0
    for part in parts:
        length_ms = part.end_ms - part.start_ms
        if portion and (portion_ms + length_ms > ms_at_once or len(portion) == STATEMENTS_AT_ONCE):
            yield _read(source, keys, portion, quantity, now_ms)
            portion, portion_ms = [], 0
        portion.append(part)
        portion_ms += length_ms
    if portion:
        yield _read(source, keys, portion, quantity, now_ms)


def _read(source: Source, keys: DeviceKeys, parts: Sequence[_Part], quantity: Quantity, now_ms: int) -> FloatArray:
    columns = (source.key, "time", "window_ms", "recovered", f"{quantity.name}__fixed")

    def read(more: list[Rows]) -> FloatArray:
        found = [
            source.rows(source.reading, keys[part.device_id]).filter(time__gt=part.start_ms, time__lte=part.end_ms)
            for part in parts
        ]
        return numbers(fetch([*(rows.values_list(*columns) for rows in found), *more]), len(columns))

    old = [part for part in parts if part.start_ms < now_ms - LEAST_HOT_MS]
    if not old:
        return read([])
    wanted = sorted({key for part in old for key in keys[part.device_id]})
    spans = [DeviceSpan(part.device_id, part.start_ms + 1, part.end_ms + 1) for part in old]
    rows, in_files = with_files(source.archived, spans, ("window_ms", "recovered", quantity.name), wanted, read)
    return merged(in_files, rows)


def _readings_after(spans: Mapping[int, list[Span]], now_ms: int) -> list[Span]:
    """Device and time of the first reading after each span, outside all of them.

    Windows of a device never overlap, so that no later one can reach back into the span.
    """
    ends = [(device_id, end) for device_id, of_device in spans.items() for _, end in of_device if end < now_ms]
    found: set[Span] = set()
    for first in range(0, len(ends), STATEMENTS_AT_ONCE):
        found |= _first_after(ends[first : first + STATEMENTS_AT_ONCE], now_ms)
    return sorted(
        (device_id, time)
        for device_id, time in found
        if not any(start < time <= end for start, end in spans[device_id])
    )


def _first_after(ends: Sequence[Span], now_ms: int) -> set[Span]:
    """Device and time of the first reading after each of these moments; of rows and files one each."""
    parts: list[Rows] = []
    for device_id, end in ends:
        later = DeviceReading.objects.filter(device_id=device_id, time__gt=end).order_by("time")
        parts.append(later.values_list("device_id", "time", Value(0))[:1])
        if end < now_ms - LEAST_HOT_MS:
            files = first_file_after(DEVICES.archived, device_id, end)
            parts.append(files.values_list("device_id", Value(end), "pk"))
    found = set()
    for device_id, time, file in fetch(parts):
        in_file = next_in_file(DEVICES.archived, device_id, file, time) if file else time
        found |= {(device_id, in_file)} if in_file is not None else set()
    return found


def overlaps(
    times: IntArray, windows: IntArray, starts: IntArray, ends: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Which windows (time - window, time] meet which of some disjoint intervals in order, and for how many ms.

    Gives the positions of window and interval, and the overlap, one entry per meeting.
    """
    begun = times - windows
    first = np.searchsorted(ends, begun, side="right")
    meetings = np.maximum(np.searchsorted(starts, times, side="left") - first, 0)
    window = np.repeat(np.arange(len(times)), meetings)
    before = np.cumsum(meetings) - meetings
    interval = np.arange(len(window)) - before[window] + first[window]
    overlap = np.minimum(times[window], ends[interval]) - np.maximum(begun[window], starts[interval])
    return window, interval, overlap
