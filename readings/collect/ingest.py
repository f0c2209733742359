"""Readings on their way into the database: the only writer of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import orjson
import structlog
from django.db import DataError, IntegrityError, connection, models, transaction

from devices.ct6.protocol import Answer
from devices.registration import KnownUnit
from devices.seen import Seen, note_seen
from readings.archive_models import ArchiveFile
from readings.collect.ahead import Ahead
from readings.collect.inbox import Arrival
from readings.collect.windows import HORIZON_MS, Span, Timeline
from readings.inserting import Integers, insert, leaving
from readings.models import DeviceReading, DirtyBucket, PortReading
from readings.periods import MINUTE_MS, floor_minute
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES

log = structlog.get_logger(__name__)

# One transaction holds SQLite's write lock for some 50 ms with so many.
_READINGS_A_TRANSACTION: Final = 1000

_PORT_COLUMNS: Final = ("port", "time", "window_ms", "recovered", *(quantity.name for quantity in PORT_QUANTITIES))
_DEVICE_COLUMNS: Final = (
    "device",
    "time",
    "window_ms",
    "recovered",
    *(quantity.name for quantity in DEVICE_QUANTITIES),
)
_VALUES: Final = 4  # where the values begin in a row
_DIRTY_COLUMNS: Final = ("device", "minute")

_port_values = attrgetter(
    "active_power_w", "reactive_power_var", "apparent_power_va", "power_factor", "current_rms_a", "current_peak_a"
)
_device_values = attrgetter("voltage_v", "frequency_hz", "temperature_c", "rssi_dbm")

Row = tuple[int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class NewReading:
    """The rows of one answer; `kept_since_ms` is when it came, by a clock that never jumps.

    The values stand at the end of each row, in the order of `readings.quantities`; `port_numbers` belong to
    `port_rows`.
    """

    unit: str
    device_id: int
    time_ms: int
    window_ms: int
    kept_since_ms: int
    device_row: Row
    port_numbers: tuple[int, ...]
    port_rows: tuple[Row, ...]
    sent_at_s: int | None = None  # by the unit's own clock


def new_reading(  # noqa: PLR0913 - a reading has these parts
    known: KnownUnit, answer: Answer, time_ms: int, window_ms: int, kept_since_ms: int, *, recovered: bool = False
) -> NewReading:
    """The rows that an answer becomes. A port whose power is missing covers no time: its window is 0."""
    device_values = [q.fixed(value) for q, value in zip(DEVICE_QUANTITIES, _device_values(answer), strict=True)]
    ports = [port for port in answer.ports if port.number in known.ports]
    port_rows: list[Row] = []
    for port in ports:
        values = [q.fixed(value) for q, value in zip(PORT_QUANTITIES, _port_values(port), strict=True)]
        window_of_port_ms = 0 if values[0] is None else window_ms
        port_rows.append((known.ports[port.number].id, time_ms, window_of_port_ms, recovered, *values))
    return NewReading(
        known.assy,
        known.device_id,
        time_ms,
        window_ms,
        kept_since_ms,
        (known.device_id, time_ms, window_ms, recovered, *device_values),
        tuple(port.number for port in ports),
        tuple(port_rows),
        answer.sent_at_s,
    )


def last_answer(
    reading: NewReading,
    arrival: Arrival,
    *,
    other_poller: bool = False,
    answered_ms: int | None = None,
    interval_ms: int | None = None,
) -> str:
    """The JSON of ``Device.last_answer``: values in their units, rounded as they are stored.

    `answered_ms` is when the unit last answered a question, whether that counted or not, and `interval_ms` how often it
    publishes: what the next process goes on with.
    """
    said: dict[str, Any] = {"time": reading.time_ms, "way": arrival.way, "address": arrival.address}
    said["window_ms"] = reading.window_ms
    said["other_poller"] = other_poller
    said["answered_ms"], said["interval_ms"] = answered_ms, interval_ms
    return orjson.dumps(said | values_said(reading)).decode()


def values_said(reading: NewReading) -> dict[str, Any]:
    """Of that what the unit itself said."""
    said: dict[str, Any] = {"sent_at_s": reading.sent_at_s}
    for quantity, fixed in zip(DEVICE_QUANTITIES, reading.device_row[_VALUES:], strict=True):
        said[quantity.name] = quantity.shown(fixed)
    said["ports"] = {
        str(number): {q.name: q.shown(fixed) for q, fixed in zip(PORT_QUANTITIES, row[_VALUES:], strict=True)}
        for number, row in zip(reading.port_numbers, reading.port_rows, strict=True)
    }
    return said


def stored_timeline(device_id: int, now_ms: int, period_ms: int) -> Timeline:
    """The timeline that a device's stored readings leave off at, as after a restart."""
    readings = DeviceReading.objects.filter(device=device_id).values_list("time", "window_ms")
    newest = readings.order_by("-time").first()
    if newest is None or newest[0] <= now_ms:
        return Timeline(period_ms, None if newest is None else newest[0])
    # There are later readings: the clock was set back since. Files count as a whole.
    files = ArchiveFile.objects.filter(kind="device_readings", device=device_id)
    in_files = files.filter(last_ms__gt=now_ms, begins_ms__lte=now_ms + HORIZON_MS)
    measured = [Span(*edges) for edges in in_files.values_list("begins_ms", "last_ms")]
    before = readings.filter(time__lte=now_ms).order_by("-time").first()
    earlier = files.filter(last_ms__lte=now_ms).order_by("-last_ms").values_list("last_ms", flat=True).first()
    newest_ms = max([*([] if before is None else [before[0]]), *([] if earlier is None else [earlier])], default=None)
    after = readings.filter(time__gt=now_ms, time__lte=now_ms + HORIZON_MS)
    first, last = after.order_by("time").first(), after.order_by("-time").first()
    measured += [Span(first[0] - first[1], last[0])] if first is not None and last is not None else []
    return Timeline(period_ms, newest_ms, sorted(measured))


class Overtaken(Exception):
    """Another collector goes on from what was stored when it took over: nothing more may be stored here.

    Trying again does not help; what waits is to be given up.
    """


class Ingest:
    """Readings that are not in the database yet, oldest first, and when units were last heard.

    What is added stays until `write` has committed it, `drop_older_than` gives it up, or the database refuses it.
    With ``ahead`` full batches are stored as they are added, by a thread of its own; what comes of them `write` tells.
    ``is_ours`` is asked at the end of each transaction: see `store`.
    """

    def __init__(self, *, ahead: bool = False, is_ours: Callable[[], bool] = lambda: True) -> None:
        self.stored = 0
        self.refused = 0
        self._readings: deque[NewReading] = deque()  # those begun first
        self._seen: dict[int, Seen] = {}
        self._is_ours = is_ours
        self._ahead: Ahead[NewReading] | None = Ahead(self._store) if ahead else None

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: NewReading) -> None:
        self._readings.append(reading)
        if self._ahead is not None and len(self._readings) - self._ahead.begun >= _READINGS_A_TRANSACTION:
            self._ahead.begin(list(islice(self._readings, self._ahead.begun, None)))

    def close(self) -> None:
        """End what stores ahead; it waits for nothing."""
        if self._ahead is not None:
            self._ahead.close()

    def note_seen(self, seen: Seen) -> None:
        """That a unit was heard; the newest of each is written, and the newest answer of each."""
        former = self._seen.get(seen.device_id)
        if seen.last_answer is None and former is not None:
            seen = Seen(seen.device_id, seen.at, former.last_answer)
        self._seen[seen.device_id] = seen

    def drop_older_than(self, steady_ms: int) -> int:
        """Give up readings that came before this moment; returns how many."""
        self._finish_begun()
        dropped = 0
        while self._readings and self._readings[0].kept_since_ms < steady_ms:
            self._readings.popleft()
            dropped += 1
        return dropped

    def drop_all(self) -> int:
        """Give everything up but what is on its way to the database; returns how many readings that were."""
        if self._ahead is not None:
            self._ahead.give_up()
        self._finish_begun()
        dropped = len(self._readings)
        self._readings.clear()
        self._seen.clear()
        return dropped

    def write(self) -> None:
        """Store everything. Raises DatabaseError, or Overtaken, and keeps what is not stored, unless the database
        refuses the values themselves: then it goes on without that reading, saying so."""
        self._finish_begun()
        while self._readings or self._seen:
            batch = list(islice(self._readings, _READINGS_A_TRANSACTION))
            seen = list(self._seen.values())
            try:
                self._store(batch, seen)
            except (DataError, IntegrityError):
                self._store_one_by_one(len(batch), seen)
            else:
                self._count_stored(len(batch))
            self._seen.clear()

    def _store(self, batch: Sequence[NewReading], seen: Sequence[Seen] = ()) -> None:
        store(batch, seen, self._is_ours)

    def _finish_begun(self) -> None:
        if self._ahead is not None:
            self._count_stored(self._ahead.finish())

    def _count_stored(self, count: int) -> None:
        self.stored += count
        for _ in range(count):
            self._readings.popleft()

    def _store_one_by_one(self, count: int, seen: Sequence[Seen]) -> None:
        for _ in range(count):
            reading = self._readings[0]
            try:
                self._store([reading])
            except (DataError, IntegrityError) as error:
                self.refused += 1
                log.error(  # noqa: TRY400 - the sentence says all
                    "The database refuses a reading; it is left out",
                    unit=reading.unit,
                    time=reading.time_ms,
                    reason=str(error),
                )
            else:
                self.stored += 1
            self._readings.popleft()
        for one in seen:
            try:
                self._store([], [one])
            except (DataError, IntegrityError) as error:
                log.error(  # noqa: TRY400 - the sentence says all
                    "The database refuses a unit's last answer", device=one.device_id, reason=str(error)
                )


def store(readings: Sequence[NewReading], seen: Sequence[Seen], is_ours: Callable[[], bool] = lambda: True) -> None:
    """Write readings, the minutes they touch, and what units last said, in one transaction.

    A reading that is stored already (same device, same time) is left as it is. Raises DatabaseError; and Overtaken
    where ``is_ours`` says right before the commit that another collector goes on: until then a process may have slept,
    or waited for the database, for as long as that takes.
    """
    dirty = {minute for reading in readings for minute in _minutes_touched(reading)}
    with transaction.atomic():
        if readings:
            port_rows = [row for reading in readings for row in reading.port_rows]
            _insert_new(PortReading, _PORT_COLUMNS, port_rows)
            _insert_new(DeviceReading, _DEVICE_COLUMNS, [reading.device_row for reading in readings])
            # In the order of the key, so that two writers cannot wait for each other.
            _insert_new(DirtyBucket, _DIRTY_COLUMNS, sorted(dirty))
        note_seen(seen)
        if not is_ours():
            raise Overtaken


def _minutes_touched(reading: NewReading) -> list[tuple[int, int]]:
    """The minutes that hold a part of the window, or, a bucket being (start, end], the moment itself."""
    first = floor_minute(reading.time_ms - max(1, reading.window_ms))
    return [(reading.device_id, minute) for minute in range(first, reading.time_ms, MINUTE_MS)]


def _insert_new(model: type[models.Model], names: Sequence[str], rows: Sequence[Integers]) -> None:
    """An INSERT that leaves rows with the same key alone, and nothing else unsaid (INSERT IGNORE bends values)."""
    columns = {field.name: connection.ops.quote_name(str(field.column)) for field in model._meta.concrete_fields}
    table = connection.ops.quote_name(model._meta.db_table)
    insert(f"INSERT INTO {table} ({', '.join(columns[name] for name in names)})", rows, leaving(columns[names[0]]))
