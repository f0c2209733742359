"""What is older than a device's retention says, and may go: nothing is deleted here.

That is a device's oldest whole UTC days, up to the first one that has to stay: one that waits for its roll-up or has
none, one that an audit found wrong, one that a bad span is still on its way through, one that was restored to stay,
that of the newest reading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from django.db.models import Min, Q

from devices.models import Device, Port, Replacement
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.models import BadSpan, DeviceHour, DirtyBucket
from readings.periods import HOUR_MS, day_edges, floor_hour, to_datetime, to_ms
from readings.retention_models import Retention
from readings.store import audit_findings, day_zones
from readings.store.archive.layout import DAY_MS, MINUTES, READINGS, Kind, floor_day
from readings.store.archive.span_rows import rows_of
from readings.store.archive.together import measured_span
from readings.store.sizes import bytes_per_row

_MARGIN_MS: Final = 2 * DAY_MS
"""So long before the first reading minutes stay: a day that is still computed anew may begin there."""


@dataclass(frozen=True, slots=True)
class Sort:
    """Readings, or minutes: of the ports, then of the device itself, so that as long as the device's own are there
    something is left to do.
    """

    name: Literal["readings", "minutes"]
    kinds: tuple[Kind, Kind]
    mark: Literal["readings_gone_ms", "minutes_gone_ms"]

    @property
    def of_device(self) -> Kind:
        return self.kinds[1]


OLD_READINGS: Final = Sort("readings", READINGS, "readings_gone_ms")
OLD_MINUTES: Final = Sort("minutes", MINUTES, "minutes_gone_ms")


@dataclass(frozen=True, slots=True)
class Part:
    """What goes of one sort: all in [since_ms, until_ms), but for the hours in ``kept``.

    ``rows`` and ``file_rows`` count readings, or minutes, of the device: each stands for one of every port as well.
    ``file_bytes`` are exact; ``row_bytes`` are about so many.
    """

    sort: Sort
    since_ms: int
    first_ms: int
    until_ms: int
    rows: int
    row_bytes: int
    files: int
    file_rows: int
    file_bytes: int
    kept: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        return self.rows + self.file_rows

    @property
    def bytes(self) -> int:
        return self.row_bytes + self.file_bytes

    @property
    def spans(self) -> list[tuple[int, int]]:
        return _spans(self.since_ms, self.until_ms, self.kept)


@dataclass(frozen=True, slots=True)
class Going:
    """What goes of a device; None for nothing."""

    device: Device
    readings: Part | None = None
    minutes: Part | None = None

    @property
    def parts(self) -> list[Part]:
        return [part for part in (self.readings, self.minutes) if part is not None]


def foresee(rule: Retention, now_ms: int) -> Going:
    """What goes now by a rule, stored or not."""
    device = rule.device
    if rule.seconds_days is None or is_moving(device):
        return Going(device)
    readings_end = _end(OLD_READINGS, device, (0, floor_day(now_ms) - rule.seconds_days * DAY_MS), now_ms)
    going = Going(device, readings=_part(OLD_READINGS, device, 0, readings_end))
    if rule.minutes_years is None or device.pk in day_zones.stale_devices():
        return going
    # Minutes whose readings are there can still be computed anew, and so can their hours.
    years_ago = min(readings_end - _MARGIN_MS, _years_before(now_ms, rule.minutes_years))
    minutes_end = _end(OLD_MINUTES, device, (rule.minutes_done_ms, years_ago), now_ms)
    return replace(going, minutes=_part(OLD_MINUTES, device, rule.minutes_done_ms, minutes_end))


def is_moving(device: Device) -> bool:
    """Whether it takes another unit's place, or another one takes its own, right now."""
    moving = Replacement.objects.filter(Q(device=device) | Q(moving_from=device))
    return moving.filter(moving_from__isnull=False).exists()


def first_held(device: Device, end_ms: int, now_ms: int) -> int | None:
    """The first moment before another one that something is still to be done with."""
    waiting = DirtyBucket.objects.filter(device=device, minute__lt=end_ms).aggregate(first=Min("minute"))
    spans = BadSpan.objects.unfinished().filter(port__device=device, start_ms__lt=end_ms)
    holds = ArchiveHold.objects.filter(device=device, start_ms__lt=end_ms, until__gt=to_datetime(now_ms))
    found = [waiting, *(some.aggregate(first=Min("start_ms")) for some in (spans, holds))]
    edges = [*(edge["first"] for edge in found), audit_findings.first_wrong(device, end_ms)]
    return min((edge for edge in edges if edge is not None), default=None)


# --- Up to when ---------------------------------------------------------------------------------------------------
def _end(sort: Sort, device: Device, span: tuple[int, int], now_ms: int) -> int:
    """The start of the first UTC day of a span that stays, or its end."""
    since_ms, end_ms = span
    measured = measured_span(device.pk)
    if measured is not None:
        end_ms = min(end_ms, measured[1])
    # Of a port an hour may be bad, and not there although it has readings; a minute always has its hour.
    lines = lines_of(sort, device) if sort is OLD_MINUTES else [(sort.of_device, device.pk)]
    held = [first_held(device, end_ms, now_ms), _first_file_without_hours(sort.of_device, device, since_ms, end_ms)]
    held += [_first_without_hour(kind, line, since_ms, end_ms) for kind, line in lines]
    return floor_day(min([end_ms, *(moment for moment in held if moment is not None)]))


def _years_before(now_ms: int, years: int) -> int:
    now = to_datetime(now_ms)
    return floor_day(to_ms(_same_day(now, max(1971, now.year - years))))


def _same_day(now: datetime, year: int) -> datetime:
    try:
        return now.replace(year=year)
    except ValueError:  # 29 February
        return now.replace(year=year, day=28)


def _first_without_hour(kind: Kind, line: int, since_ms: int, end_ms: int) -> int | None:
    """The first row that is in no hour: looked for where there are no hours, as rows are many."""
    first = _first(kind, line, since_ms, end_ms)
    if first is None:
        return None
    after = _ends_its_bucket(kind)
    edge = floor_hour(first - after)
    hours = kind.lines.hours._default_manager.filter(**{kind.key: line}, start__gte=edge, start__lt=end_ms)
    for hour in [*hours.order_by("start").values_list("start", flat=True), end_ms]:
        found = None if hour <= edge else _first(kind, line, edge + after, min(hour + after, end_ms))
        if found is not None:
            return found - after
        edge = hour + HOUR_MS
    return None


def _first(kind: Kind, line: int, start_ms: int, end_ms: int) -> int | None:
    first: int | None = rows_of(kind, line, start_ms, end_ms).aggregate(first=Min(kind.moment))["first"]
    return first


def _first_file_without_hours(kind: Kind, device: Device, since_ms: int, end_ms: int) -> int | None:
    """The first file without the hours that it begins and ends in. No reading goes into one before it is rolled up."""
    of_device = ArchiveFile.objects.filter(device=device, kind=kind.name, start_ms__gte=since_ms, start_ms__lt=end_ms)
    files = list(of_device.order_by("start_ms").values_list("start_ms", "first_ms", "last_ms"))
    after = _ends_its_bucket(kind)
    first = min((floor_hour(first_ms - after) for _, first_ms, _ in files), default=end_ms)
    hours = kind.lines.hours._default_manager.filter(**{kind.key: device.pk}, start__gte=first, start__lt=end_ms)
    known = set(hours.values_list("start", flat=True)) if files else set()
    for start_ms, *edges in files:
        if any(floor_hour(edge - after) not in known for edge in edges):
            return start_ms
    return None


def _ends_its_bucket(kind: Kind) -> int:
    """1 for readings, whose time may be the end of the hour that they count in; 0 for minutes."""
    return 1 if kind.moment == "time" else 0


# --- What ---------------------------------------------------------------------------------------------------------
def lines_of(sort: Sort, device: Device) -> list[tuple[Kind, int]]:
    ports = Port.objects.filter(device=device).order_by("pk").values_list("pk", flat=True)
    return [*((sort.kinds[0], port) for port in ports), (sort.of_device, device.pk)]


def _part(sort: Sort, device: Device, since_ms: int, end_ms: int) -> Part | None:
    kept = tuple(_kept_hours(device, since_ms, end_ms)) if sort is OLD_MINUTES else ()
    kind = sort.of_device
    rows, first = 0, list[int]()
    for start, end in _spans(since_ms, end_ms, kept):
        some = rows_of(kind, device.pk, start, end)
        first += [] if first else some.order_by(kind.moment).values_list(kind.moment, flat=True)[:1]
        rows += some.count()
    files = [file for one in sort.kinds for file in due_files(one, device, (since_ms, end_ms), kept)]
    if not rows and not files:
        return None
    return Part(
        sort,
        since_ms=since_ms,
        first_ms=min([*first, *(file.first_ms for file in files)]),
        until_ms=end_ms,
        rows=rows,
        row_bytes=round(rows * _bytes_of_all_lines(sort, device)),
        files=len(files),
        file_rows=sum(file.rows for file in files if file.kind == kind.name),
        file_bytes=sum(file.bytes for file in files),
        kept=kept,
    )


def due_files(kind: Kind, device: Device, span: tuple[int, int], kept: Sequence[int]) -> list[ArchiveFile]:
    """The files that lie in a span, but those that hold nothing but kept hours."""
    of_device = ArchiveFile.objects.filter(device=device, kind=kind.name)
    files = of_device.filter(start_ms__gte=span[0], end_ms__lte=span[1]).order_by("start_ms")
    kept_hours = frozenset(kept)
    return [file for file in files if not {floor_hour(file.first_ms), floor_hour(file.last_ms)} <= kept_hours]


def _bytes_of_all_lines(sort: Sort, device: Device) -> float:
    sizes = bytes_per_row()
    return sum(sizes[kind.table] for kind, _ in lines_of(sort, device))


def _kept_hours(device: Device, since_ms: int, end_ms: int) -> Iterator[int]:
    """The hours that a local midnight cuts: days off the hour are made of their minutes."""
    first = DeviceHour.objects.filter(device=device, start__lt=end_ms).aggregate(first=Min("start"))["first"]
    if first is not None:
        edges = day_edges(max(since_ms, floor_day(first)), end_ms, device.timezone)
        yield from (floor_hour(edge) for edge in edges if edge % HOUR_MS)


def _spans(since_ms: int, end_ms: int, kept: Sequence[int]) -> list[tuple[int, int]]:
    """All of a span without the kept hours."""
    edges = [since_ms, *(edge for hour in kept for edge in (hour, hour + HOUR_MS)), end_ms]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
