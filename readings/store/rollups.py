"""Rollups: minutes, hours and local days computed from stored readings, wherever a reading made a minute dirty.

Work goes in transactions that each take some dirty minutes; after one their rows equal their readings, and the hours
and days above equal the minutes beneath. Stopped anywhere and started again, the outcome is the same.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from devices.models import Device, Port
from devices.querysets import silence_limit
from readings.inserting import insert, leaving
from readings.models import DeviceMinute, DeviceReading, DirtyBucket
from readings.periods import MINUTE_MS, floor_minute
from readings.store import day_zones
from readings.store.archive.errors import ArchiveError
from readings.store.archive.layout import KINDS
from readings.store.archive.together import DeviceSpan, Kept, files_of, measured_span
from readings.store.gone import readings_gone
from readings.store.recompute import recompute, recompute_stale_days
from readings.turn import Pause, let_others_write

Progress = Callable[[int, int], None]
"""Called with how many of how many minutes of devices are done."""

# Together these keep a transaction to about a tenth of a second: SQLite has one write lock for everybody.
PORTS_PER_STEP = 200
ANSWERS_PER_STEP = 2_000
READINGS_IN_FILES_PER_STEP = 320_000  # which are read before the transaction
ROWS_PER_STEP = 5_040
MINUTES_PER_STEP = 720
DAYS_PER_STEP = 30
STEPS_PER_TURN = 30
MARKS_PER_STEP = 5_000

MINUTES_PER_LOOK = 20_000


@dataclass(frozen=True, slots=True)
class RolledUp:
    """How many minutes of devices were computed, and whether more of them are waiting.

    ``unreadable`` says which file of the archive some of them wait for, if they do.
    """

    minutes: int
    more: bool
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The minutes in [start_ms, end_ms) of some devices."""

    devices: tuple[int, ...]
    start_ms: int
    end_ms: int

    @property
    def minutes(self) -> int:
        return len(self.devices) * (self.end_ms - self.start_ms) // MINUTE_MS


def late_ms() -> int:
    """How long after its end a minute stays open for readings that are on their way."""
    return silence_limit() // timedelta(milliseconds=1)


def closed_before(now_ms: int) -> int:
    """The start of the first minute that is not closed yet."""
    return floor_minute(now_ms - late_ms() - 1)


def roll_up_closed(now_ms: int, *, limit_minutes: int = 100_000, pause: Pause = time.sleep) -> RolledUp:
    """Compute the closed minutes that readings made dirty, oldest first; stop once ``limit_minutes`` are done."""
    dirty = DirtyBucket.objects.filter(minute__lt=closed_before(now_ms))
    done, unreadable = 0, list[ArchiveError]()
    for minutes in _work_off(dirty, pause, unreadable):
        done += minutes
        if done >= limit_minutes:
            return RolledUp(done, more=dirty.exists(), unreadable=_first(unreadable))
    return RolledUp(done, more=False, unreadable=_first(unreadable))


def _first(unreadable: Sequence[ArchiveError]) -> str:
    return str(unreadable[0]) if unreadable else ""


def rebuild(
    devices: Iterable[Device],
    start_ms: int,
    end_ms: int,
    *,
    pause: Pause = time.sleep,
    progress: Progress | None = None,
) -> RolledUp:
    """Compute all minutes that [start_ms, end_ms) touches anew, and the hours and days above them.

    Minutes from before a device's first stored reading are left as they are: what they came from is gone.
    All are marked dirty first, so that the regular roll-up completes a rebuild that was stopped. Then it goes device by
    device, so that of the files of one the last ones can be kept. Raises ArchiveError where a file cannot be read, once
    all the others are done.
    """
    chosen = list(devices)
    first = floor_minute(start_ms)
    for device in chosen:
        _mark(device, first, end_ms, pause)
    dirty = DirtyBucket.objects.filter(device__in=chosen, minute__gte=first, minute__lt=end_ms)
    marked, done, unreadable = dirty.count(), 0, list[ArchiveError]()
    for minutes in chain.from_iterable(_work_off(dirty.filter(device=one), pause, unreadable) for one in chosen):
        done += minutes
        if progress:
            progress(min(done, marked), marked)
    if unreadable:
        raise unreadable[0]
    return RolledUp(done, more=False)


def rebuild_days(device: Device, *, pause: Pause = time.sleep) -> None:
    """Compute all day rows of a device anew, after its time zone has changed.

    It goes from the oldest day on, so that there are day rows all the while; stopped, ``rebuild_stale_days`` goes on.
    """
    zone = Device.objects.values_list("timezone", flat=True).get(pk=device.pk)
    day_zones.mark_stale(device.pk, zone)
    while recompute_stale_days(device.pk, DAYS_PER_STEP):
        let_others_write(pause)


def rebuild_stale_days(*, limit_steps: int = STEPS_PER_TURN, pause: Pause = time.sleep) -> str:
    """Go on with the days that are not yet of their device's zone, wherever a rebuild was stopped or never began.

    Returns which file of the archive some of them wait for, empty if they do not; all others go on.
    """
    unreadable = list[ArchiveError]()
    for device in day_zones.stale_devices():
        try:
            while limit_steps and recompute_stale_days(device, DAYS_PER_STEP):
                limit_steps -= 1
                let_others_write(pause)
        except ArchiveError as error:
            unreadable.append(error)
    return _first(unreadable)


def _mark(device: Device, start_ms: int, end_ms: int, pause: Pause) -> None:
    """Mark all minutes dirty that have readings, or rows that may have none any more."""
    measured = measured_span(device.pk)
    if measured is None:
        return
    # The newest of them are never in files.
    last_row = DeviceMinute.objects.filter(device=device).aggregate(last=Max("start"))["last"] or 0
    first_minute = max(start_ms, floor_minute(measured[0] - 1), readings_gone(device.pk))
    end_ms = min(end_ms, max(measured[1], last_row + 1))
    minutes = range(first_minute, end_ms, MINUTE_MS)
    for first in range(0, len(minutes), MARKS_PER_STEP):
        some = minutes[first : first + MARKS_PER_STEP]
        marks = [(device.pk, minute) for minute in some]
        with transaction.atomic():
            insert(f"INSERT INTO {DirtyBucket._meta.db_table} (device_id, minute)", marks, leaving("minute"))
        let_others_write(pause)


def _work_off(dirty: QuerySet[DirtyBucket], pause: Pause, unreadable: list[ArchiveError]) -> Iterator[int]:
    """Compute dirty minutes, oldest first, until there are none; yields the minutes of devices of each transaction.

    Those that need a file which cannot be read go on waiting, all others do not; ``unreadable`` gets the errors.
    """
    ordered, kept = dirty.order_by("minute", "device_id"), Kept()
    while keys := list(ordered.values_list("device_id", "minute")[:MINUTES_PER_LOOK]):
        before = len(unreadable)
        for step in _steps(keys):
            yield _recomputed(step, kept, unreadable)
            let_others_write(pause)
        if len(unreadable) > before:
            device, minute = keys[-1]
            ordered = ordered.filter(Q(minute__gt=minute) | Q(minute=minute, device__gt=device))


def _recomputed(step: _Stretch, kept: Kept, unreadable: list[ArchiveError]) -> int:
    """How many minutes of devices are done."""
    try:
        recompute(step.devices, step.start_ms, step.end_ms, late_ms(), kept)
    except ArchiveError as error:
        if len(step.devices) > 1:
            alone = (_Stretch((device,), step.start_ms, step.end_ms) for device in step.devices)
            return sum(_recomputed(one, kept, unreadable) for one in alone)
        unreadable.append(error)
        return 0
    return step.minutes


def _steps(keys: Sequence[tuple[int, int]]) -> Iterator[_Stretch]:
    """Dirty minutes, as (device, minute) by minute, cut into what one transaction should take."""
    ports = dict(Port.objects.order_by().values_list("device_id").annotate(Count("pk")))
    for stretch in _stretches(keys):
        for devices in _packed(stretch.devices, ports):
            start = stretch.start_ms
            while start < stretch.end_ms:
                end = _end_of_step(devices, sum(ports.get(one, 0) + 1 for one in devices), start, stretch.end_ms)
                yield _Stretch(devices, start, end)
                start = end


def _stretches(keys: Sequence[tuple[int, int]]) -> list[_Stretch]:
    """Each device's dirty minutes without a gap, together with those of devices that have the same; oldest first."""
    of_device: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for device, minute in keys:
        stretches = of_device[device]
        if stretches and stretches[-1][1] == minute:
            stretches[-1] = (stretches[-1][0], minute + MINUTE_MS)
        else:
            stretches.append((minute, minute + MINUTE_MS))
    devices_of: dict[tuple[int, int], list[int]] = defaultdict(list)
    for device, stretches in sorted(of_device.items()):
        for stretch in stretches:
            devices_of[stretch].append(device)
    return [_Stretch(tuple(devices), *stretch) for stretch, devices in sorted(devices_of.items())]


def _packed(devices: Sequence[int], ports: dict[int, int]) -> Iterator[tuple[int, ...]]:
    """Devices in packs that have at most PORTS_PER_STEP ports together."""
    pack: list[int] = []
    size = 0
    for device in devices:
        if pack and size + ports.get(device, 0) > PORTS_PER_STEP:
            yield tuple(pack)
            pack, size = [], 0
        pack.append(device)
        size += ports.get(device, 0)
    yield tuple(pack)


def _end_of_step(devices: Sequence[int], lines: int, start_ms: int, end_ms: int) -> int:
    """Where a transaction from start_ms on has enough to do: by its rows, and by the answers of the first device."""
    end_ms = min(end_ms, start_ms + max(1, min(MINUTES_PER_STEP, ROWS_PER_STEP // lines)) * MINUTE_MS)
    if end_ms - start_ms == MINUTE_MS:
        return end_ms
    files = files_of(KINDS["device_readings"], [DeviceSpan(devices[0], start_ms, end_ms)])
    for file in files:
        enough_ms = READINGS_IN_FILES_PER_STEP * (file.end_ms - file.start_ms) // max(1, lines * file.rows)
        end_ms = min(end_ms, max(floor_minute(start_ms + enough_ms), start_ms + MINUTE_MS))
    enough = ANSWERS_PER_STEP // len(devices)
    answers = DeviceReading.objects.filter(device=devices[0], time__gt=start_ms, time__lte=end_ms)
    for time_ms in answers.order_by("time").values_list("time", flat=True)[enough : enough + 1]:
        return max(floor_minute(time_ms), start_ms + MINUTE_MS)
    return end_ms
