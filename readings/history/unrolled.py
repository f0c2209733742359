"""Minutes that wait for their rollup, and the readings that answer for them (and for pieces of minutes) meanwhile."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import structlog
from django.conf import settings
from django.db.models import Value
from django.db.models.expressions import Combinable

from readings.bad_minutes import BadOf, bad_of
from readings.history.rows import UNMADE, Row, Rows, Source, fetch, integers, more_than, unmade_days
from readings.history.thinning import IntArray
from readings.models import BadSpan, DeviceReading, DirtyBucket
from readings.periods import MINUTE_MS, floor_minute

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
    left out of readings that are looked at in place of rollups.
    """

    minutes: DeviceMinutes
    days: frozenset[int] | None
    bad: BadOf


def unfinished(
    zones: Mapping[int, str], start_ms: int, end_ms: int, *, days: bool, ports: Sequence[int] = ()
) -> Unfinished:
    """Of these devices, with their time zones, and of these ports of them, in a span; read by one statement, so that
    a minute is bad or waits, or its rollup tells that already.
    """
    start_ms = floor_minute(start_ms)
    dirty = DirtyBucket.objects.filter(device_id__in=list(zones), minute__gte=start_ms, minute__lt=end_ms)
    bad = BadSpan.objects.in_effect(ports, start_ms, end_ms).values_list("port_id", "start_ms", "until_ms")
    parts = [dirty.values_list("device_id", "minute", Value(0)), bad, *(unmade_days(zones) if days else [])]
    table = integers(fetch(parts), 3)
    is_bad, is_mark = table[:, 2] > 0, table[:, 1] == UNMADE
    waits = table[~is_bad & ~is_mark, :2]
    minutes = {device_id: np.sort(waits[waits[:, 0] == device_id, 1]) for device_id in zones}
    unmade = frozenset(table[is_mark, 0].tolist()) if days else None
    return Unfinished(minutes, unmade, bad_of(table[is_bad].tolist()))


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


def rollups_in(source: Source, keys: DeviceKeys, minutes: DeviceMinutes) -> list[Rows]:
    """The minute rollups of these minutes (and of some between them)."""
    return [
        source.between(source.minute, keys[device_id], start, end)
        for device_id in keys
        for start, end in spans_of(minutes[device_id])
    ]


def newest(source: Source, keys: DeviceKeys, minutes: DeviceMinutes, at_most: int) -> DeviceMinutes:
    """These minutes, or the newest of them if they hold more readings than can be read for one question.

    That happens only while a large import waits for its rollups; its older minutes then count as their rollups stand.
    """
    per_minute = MINUTE_MS / (1000 * settings.CT6_PERIOD)
    expected = sum(per_minute * len(minutes[device_id]) * len(keys[device_id]) for device_id in keys)
    if expected <= at_most or not any(
        more_than(at_most, source.rows(source.reading, keys[device_id]).filter(time__gt=start, time__lte=end))
        for device_id in keys
        for start, end in spans_of(minutes[device_id])
    ):
        return minutes
    log.warning(
        "Too many minutes wait for their rollup: history leaves out the oldest until they are rolled up",
        minutes=sum(map(len, minutes.values())),
    )
    share = at_most / expected
    return {device_id: held[len(held) - int(share * len(held)) :] for device_id, held in minutes.items()}


def readings_in(
    source: Source, keys: DeviceKeys, minutes: DeviceMinutes, columns: Sequence[str | Combinable], *, now_ms: int
) -> Iterator[list[Row]]:
    """The readings whose windows reach into these minutes of their device, each once, in portions that fit in memory.

    Others come along: what a reading weighs is found by ``overlaps``.
    """
    spans = {device_id: spans_of(held) for device_id, held in minutes.items()}
    parts = [
        (source.rows(source.reading, keys[device_id]).filter(time=time), 1)
        for device_id, time in _readings_after(spans, now_ms)
    ]
    ms_at_once = max(MINUTE_MS, ROWS_AT_ONCE * 1000 // max(1, sum(map(len, keys.values()))))
    for device_id in keys:
        for start, end in spans[device_id]:
            for piece in range(start, end, ms_at_once):
                piece_end = min(piece + ms_at_once, end)
                rows = source.rows(source.reading, keys[device_id]).filter(time__gt=piece, time__lte=piece_end)
                parts.append((rows, piece_end - piece))
    portion: list[Rows] = []
    portion_ms = 0
    for rows, length_ms in parts:
        if portion and (portion_ms + length_ms > ms_at_once or len(portion) == STATEMENTS_AT_ONCE):
            yield fetch(portion)
            portion, portion_ms = [], 0
        portion.append(rows.values_list(*columns))
        portion_ms += length_ms
    if portion:
        yield fetch(portion)


def _readings_after(spans: Mapping[int, list[Span]], now_ms: int) -> list[Span]:
    """Device and time of the first reading after each span, outside all of them.

    Windows of a device never overlap, so that no later one can reach back into the span.
    """
    firsts = [
        DeviceReading.objects.filter(device_id=device_id, time__gt=end)
        .order_by("time")
        .values_list("device_id", "time")
        for device_id, device_spans in spans.items()
        for _, end in device_spans
        if end < now_ms
    ]
    found: set[Span] = set()
    for start in range(0, len(firsts), STATEMENTS_AT_ONCE):
        found.update(fetch(first[:1] for first in firsts[start : start + STATEMENTS_AT_ONCE]))
    return sorted(
        (device_id, time)
        for device_id, time in found
        if not any(start < time <= end for start, end in spans[device_id])
    )


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
