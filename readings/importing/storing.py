"""Rows of theirs on their way into our tables: some at a time, each lot together with how far the import is then."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from django.db import OperationalError, transaction

from readings.collect.ingest import NewReading, store
from readings.import_models import ImportedDay, ImportSource
from readings.importing.databases import TheirDatabase
from readings.importing.errors import NotImported
from readings.importing.layout import TheirRow, fixed_values
from readings.importing.measured import Measured, measured_between, only_sums_until
from readings.importing.placing import Note, Placed, Placer, Why
from readings.periods import HOUR_MS, local_date
from readings.turn import PAUSE_S, Pause, let_others_write

_ATTEMPTS: Final = 5
_CLOCKS_DIFFER_MS: Final = 60_000
_SPAN_AT_MOST_MS: Final = 6 * HOUR_MS
_NOTHING_MEASURED: Final = Measured((), ())


@dataclass(slots=True)
class _Day:
    read: int = 0
    stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Storing:
    """Takes the rows of a database in their order. `ports` tells the ids of the device's ports by number."""

    database: TheirDatabase
    source: ImportSource
    placer: Placer
    ports: dict[int, int]
    now_ms: int
    pause: Pause = time.sleep
    _zone: ZoneInfo = field(init=False)
    _assy: str = field(init=False)
    _only_sums_until: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._zone = self.placer.zone
        self._assy = self.source.device.assy
        self._only_sums_until = only_sums_until(self.source.device_id)

    def take(self, rows: Sequence[TheirRow]) -> int:
        """Store rows; returns how many readings they became. Raises NotImported, DatabaseError.

        Where time goes back a new transaction begins, so that what is stored together never lies over itself, and
        after some hours, so that what is measured then is looked up in bounded parts.
        """
        stored, lot = 0, _Lot()
        for row in rows:
            placed = self.placer.place(row)
            if isinstance(placed, Placed) and lot.ends_before(placed):
                stored += self._store(lot)
                lot = _Lot()
            lot.add(row, placed)
        return stored + self._store(lot)

    def _store(self, lot: _Lot) -> int:
        for attempt in range(_ATTEMPTS):
            try:
                stored = self._store_at_once(lot)
            except OperationalError:  # a deadlock with a roll-up, or a lock that was held for too long
                if attempt == _ATTEMPTS - 1:
                    raise
                self.pause(PAUSE_S)
            else:
                let_others_write(self.pause)
                return stored
        return 0

    def _store_at_once(self, lot: _Lot) -> int:
        with transaction.atomic():
            measured = self._measured(lot.placed)
            days: dict[date | None, _Day] = defaultdict(_Day)
            readings = [reading for one in lot.placed if (reading := self._reading(one, measured, days)) is not None]
            for why, day_ms in lot.left_out:
                day = days[None if day_ms is None else local_date(day_ms, self._zone)]
                day.read += 1
                day.skipped[why] += 1
            store(readings, [])
            reached = self._note(lot, days)
        for name, value in reached.items():
            setattr(self.source, name, value)
        return len(readings)

    def _measured(self, placed: Sequence[Placed]) -> Measured:
        if not placed:
            return _NOTHING_MEASURED
        return measured_between(self.source.device_id, placed[0].time_ms - self.placer.bridged_ms, placed[-1].time_ms)

    def _reading(self, placed: Placed, measured: Measured, days: dict[date | None, _Day]) -> NewReading | None:
        day = days[local_date(placed.time_ms, self._zone)]
        day.read += 1
        why = self._refused(placed.time_ms, measured)
        if why is not None:
            day.skipped[why] += 1
            return None
        window_ms = measured.clear_window_ms(placed.time_ms, placed.window_ms)
        if self._only_sums_until is not None:
            window_ms = min(window_ms, placed.time_ms - self._only_sums_until)
        values = fixed_values(self.database.columns, placed.row)
        notes = (*placed.notes, Note.UNUSABLE) if values.unusable else placed.notes
        day.stored += 1
        day.notes.update(notes)
        common = (placed.time_ms, window_ms, False)
        port_rows = []
        for number, of_port in zip(self.database.columns.ports, values.of_ports, strict=True):
            # As at ingest: a port whose power is missing covers no time.
            covers = common if of_port[0] is not None else (placed.time_ms, 0, False)
            port_rows.append((self.ports[number], *covers, *of_port))
        return NewReading(
            self._assy,
            self.source.device_id,
            placed.time_ms,
            window_ms,
            placed.time_ms,
            (self.source.device_id, *common, *values.of_device),
            self.database.columns.ports,
            tuple(port_rows),
        )

    def _refused(self, time_ms: int, measured: Measured) -> Why | None:
        if measured.holds(time_ms):
            return Why.MEASURED
        if time_ms > self.now_ms + _CLOCKS_DIFFER_MS:
            return Why.TO_COME
        if self._only_sums_until is not None and time_ms <= self._only_sums_until:
            return Why.ONLY_SUMS
        return None

    def _note(self, lot: _Lot, days: dict[date | None, _Day]) -> dict[str, int | str]:
        """How far it is, and what became of the rows. Raises NotImported if somebody else has gone on meanwhile."""
        reached: dict[str, int | str] = {"position": lot.position}
        if lot.placed:
            last = lot.placed[-1]
            shown = str(last.row.shown)[:40]
            reached |= {"placed_position": last.row.position, "placed_ms": last.time_ms, "placed_shown": shown}
        held = ImportSource.objects.filter(pk=self.source.pk, position=self.source.position)
        if not held.update(**reached):
            raise NotImported(f"Another import of {self.database} is going on, so this one ends.")
        for day, counts in sorted(days.items(), key=lambda item: str(item[0])):
            _add(self.source, day, counts)
        return reached


@dataclass(slots=True)
class _Lot:
    """What one transaction stores: placed rows, each later than the one before, and rows that are left out."""

    placed: list[Placed] = field(default_factory=list)
    left_out: list[tuple[Why, int | None]] = field(default_factory=list)
    position: int = 0

    def ends_before(self, placed: Placed) -> bool:
        return bool(self.placed) and (placed.goes_back or placed.time_ms - self.placed[0].time_ms > _SPAN_AT_MOST_MS)

    def add(self, row: TheirRow, placed: Placed | Why) -> None:
        self.position = row.position
        if isinstance(placed, Placed):
            self.placed.append(placed)
        else:
            # A row without a time of its own counts to the day of the one before it.
            self.left_out.append((placed, self.placed[-1].time_ms if self.placed else None))


def _add(source: ImportSource, day: date | None, counts: _Day) -> None:
    row, _made = ImportedDay.objects.get_or_create(source=source, day=day)
    row.read += counts.read
    row.stored += counts.stored
    row.skipped = dict(Counter(row.skipped) + counts.skipped)
    row.notes = dict(Counter(row.notes) + counts.notes)
    row.save()
