"""What one device measured becomes what another one measured, from a moment on, in transactions of some rows each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import models, transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from devices.models import Device, Port
from readings.archive_models import ArchiveFile
from readings.models import DeviceReading, DirtyBucket
from readings.periods import HOUR_MS, MINUTE_MS, day_start, floor_hour, floor_minute
from readings.store import day_zones
from readings.store.hours_and_days import write_hours
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines
from readings.store.old_minutes import require_rows, restoring_minutes

# Some tenths of a second of SQLite's one write lock at most.
ANSWERS_PER_STEP: Final = 1_000
MINUTES_PER_STEP: Final = 720
_FAR_MS: Final = 1 << 62
_HELD: Final = timedelta(days=1)  # no archiver takes it away again before it is moved


@dataclass(frozen=True, slots=True)
class Move:
    """From which device to which; ``ports`` tell the target's port by the source's."""

    source: int
    target: int
    zone: str
    at_ms: int
    ports: dict[int, int]

    @classmethod
    def between(cls, source: Device, target: Device, at_ms: int) -> Move:
        """From the source to the target; ports are those of the same number."""
        theirs = dict(Port.objects.filter(device=target).values_list("number", "pk"))
        ours = Port.objects.filter(device=source).order_by("pk").values_list("pk", "number")
        zone = Device.objects.values_list("timezone", flat=True).get(pk=target.pk)
        return cls(source.pk, target.pk, zone, at_ms, {pk: theirs[number] for pk, number in ours})

    @property
    def lines(self) -> list[tuple[Lines, dict[int, int]]]:
        return [(PORT_LINES, self.ports), (DEVICE_LINES, {self.source: self.target})]


def move_some(move: Move) -> int:
    """Move the oldest rows from the moment on, in one transaction; 0 when there are none left.

    Readings and minutes are moved, hours are computed anew, and days are marked to be. As when a reading is stored, all
    minutes that its window touches wait for their rollup then: a minute computed before its next reading had come
    would lack that one's share. Minutes whose readings are gone keep their rows. What is in files of the archive comes
    back into rows first. Raises as ``restoring.restore``.
    """
    _bring_back(move)
    span = _next_span(move)
    if span is None:
        return 0
    return restoring_minutes(lambda: _move_span(move, *span))


def _move_span(move: Move, start_ms: int, end_ms: int) -> int:
    with transaction.atomic():
        # Marks before locks, as the roll-up does.
        dirty = DirtyBucket.objects.filter(device=move.source, minute__gte=start_ms, minute__lt=end_ms)
        marks = set(dirty.values_list("minute", flat=True))
        dirty.filter(minute__in=marks).delete()  # one that comes meanwhile stays, for the next step
        list(Port.objects.select_for_update().filter(device__in=[move.source, move.target]).order_by("pk"))
        first_hour, end_hour = floor_hour(start_ms), floor_hour(end_ms + HOUR_MS - 1)
        require_rows([move.target], first_hour, end_hour)
        _cut_first_windows(move)
        marks |= _touched(move, start_ms, end_ms)
        moved = 0
        for lines, pairs in move.lines:
            for source, target in pairs.items():
                line = _Line(lines, source, target)
                moved += line.move_readings(start_ms, end_ms)
                marks |= line.move_minutes(start_ms, end_ms)
        DirtyBucket.objects.bulk_create(
            [DirtyBucket(device_id=move.target, minute=minute) for minute in sorted(marks)], ignore_conflicts=True
        )
        for lines, pairs in move.lines:
            if pairs:
                write_hours(lines, sorted(pairs.values()), first_hour, end_hour)
        day_zones.mark_stale_from(move.target, move.zone, day_start(start_ms, move.zone))
    return max(1, moved)


def _bring_back(move: Move) -> None:
    if ArchiveFile.objects.filter(device=move.source, last_ms__gte=move.at_ms).exists():
        from readings.store.archive.restoring import restore  # noqa: PLC0415 - see `archive.together`

        restore(move.source, move.at_ms, _FAR_MS, hold_until=timezone.now() + _HELD)


def _next_span(move: Move) -> tuple[int, int] | None:
    """The whole minutes that hold the next rows to move."""
    edges: list[tuple[int, int]] = []
    for lines, pairs in move.lines:
        for source in pairs:
            rows = lines.readings._default_manager.filter(**{lines.key: source}, time__gt=move.at_ms)
            for first, last in _ends(rows.order_by("time").values_list("time", flat=True), ANSWERS_PER_STEP):
                edges.append((floor_minute(first - 1), floor_minute(last - 1) + MINUTE_MS))
            buckets = lines.minutes._default_manager.filter(**{lines.key: source}, start__gte=move.at_ms)
            for first, last in _ends(buckets.order_by("start").values_list("start", flat=True), MINUTES_PER_STEP):
                edges.append((first, last + MINUTE_MS))
    if not edges:
        marks = DirtyBucket.objects.filter(device=move.source, minute__gte=move.at_ms)
        first, last = marks.aggregate(Min("minute"), Max("minute")).values()
        return None if first is None else (first, last + MINUTE_MS)
    start_ms = min(first for first, _end in edges)
    return start_ms, max(start_ms + MINUTE_MS, min(end for _first, end in edges))


def _touched(move: Move, start_ms: int, end_ms: int) -> set[int]:
    """The minutes of the readings that are to be moved, but none from before the first one that is still there."""
    readings = DeviceReading.objects.filter(time__gt=move.at_ms)
    ours = readings.filter(device=move.source, time__gt=start_ms, time__lte=end_ms)
    first = readings.filter(device__in=[move.source, move.target]).aggregate(first=Min("time"))["first"]
    return {
        minute
        for time_ms, window_ms in ours.values_list("time", "window_ms")
        for minute in range(max(floor_minute(time_ms - max(1, window_ms)), floor_minute(first - 1)), time_ms, MINUTE_MS)
    }


def _ends(times: models.QuerySet[Any, int], at_most: int) -> list[tuple[int, int]]:
    """The first of some times and the last of so many from it on; nothing where there are none."""
    first = times.first()
    if first is None:
        return []
    beyond = next(iter(times[at_most : at_most + 1]), None)
    return [(first, beyond if beyond is not None else times.last() or first)]


def _cut_first_windows(move: Move) -> None:
    """A window that reaches back over the moment keeps what lies after it. Windows never overlap: at most one does."""
    for lines, pairs in move.lines:
        for source in pairs:
            rows = lines.readings._default_manager.filter(**{lines.key: source}, time__gt=move.at_ms)
            for time_ms, window_ms in rows.order_by("time").values_list("time", "window_ms")[:1]:
                if time_ms - window_ms < move.at_ms:
                    same = lines.readings._default_manager.filter(**{lines.key: source}, time=time_ms)
                    same.update(window_ms=F("time") - move.at_ms)


@dataclass(frozen=True, slots=True)
class _Line:
    lines: Lines
    source: int
    target: int

    def move_readings(self, start_ms: int, end_ms: int) -> int:
        readings = self.lines.readings._default_manager.filter(**{self.lines.key: self.source})
        return readings.filter(time__gt=start_ms, time__lte=end_ms).update(**{self.lines.key: self.target})

    def move_minutes(self, start_ms: int, end_ms: int) -> set[int]:
        """Returns the minutes that both have a row of: there the target's has to be computed anew from readings."""
        minutes = self.lines.minutes._default_manager.filter(start__gte=start_ms, start__lt=end_ms)
        ours, theirs = (minutes.filter(**{self.lines.key: line}) for line in (self.source, self.target))
        both = set(ours.values_list("start", flat=True)) & set(theirs.values_list("start", flat=True))
        for start in both:
            self.lines.minutes._default_manager.filter(**{self.lines.key: self.source}, start=start).delete()
        ours.update(**{self.lines.key: self.target})
        return both
