"""Rows as plain integers, many at once, in few statements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from django.db import models

from devices.models import Device, Port
from readings.history.thinning import FloatArray, IntArray
from readings.models import (
    DayZone,
    DeviceDay,
    DeviceHour,
    DeviceMinute,
    DeviceReading,
    PortDay,
    PortHour,
    PortMinute,
    PortReading,
)
from readings.periods import HOUR_MS, MINUTE_MS, floor_hour, floor_minute
from readings.statements import Row, Rows
from readings.store.archive.layout import KINDS, Kind

UNMADE: Final = -1  # beside a device whose day rows are not all made in its zone

Table = type[models.Model]


class Piece(NamedTuple):
    """The rollups of a table that start in [start_ms, end_ms)."""

    table: Table
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Source:
    """The tables that hold what was measured of ports, or of devices; ``key`` is the first column of all of them."""

    of: Literal["port", "device"]
    reading: Table
    minute: Table
    hour: Table
    day: Table

    @property
    def key(self) -> str:
        return f"{self.of}_id"

    @property
    def archived(self) -> Kind:
        """Where the readings are once they are in files."""
        return KINDS["port_readings" if self.of == "port" else "device_readings"]

    @property
    def archived_minutes(self) -> Kind:
        """Where the minutes are once they are in files."""
        return KINDS["port_minutes" if self.of == "port" else "device_minutes"]

    def rows(self, table: Table, keys: Sequence[int]) -> Rows:
        return table._default_manager.filter(**{f"{self.key}__in": keys})

    def table(self, bucket: Literal["minute", "hour", "day"]) -> Table:
        return {"minute": self.minute, "hour": self.hour, "day": self.day}[bucket]

    def between(self, table: Table, keys: Sequence[int], start_ms: int, end_ms: int) -> Rows:
        """Rollups that start in [start_ms, end_ms)."""
        return self.rows(table, keys).filter(start__gte=start_ms, start__lt=end_ms)

    def whole_hours(self, start_ms: int, end_ms: int) -> list[Piece]:
        """The hours, and the minutes around them, that lie wholly in [start_ms, end_ms)."""
        first, last = floor_hour(start_ms + HOUR_MS - 1), floor_hour(end_ms)
        if first >= last:
            return self.whole_minutes(start_ms, end_ms)
        hours = Piece(self.hour, first, last)
        return [*self.whole_minutes(start_ms, first), hours, *self.whole_minutes(last, end_ms)]

    def whole_minutes(self, start_ms: int, end_ms: int) -> list[Piece]:
        first, last = floor_minute(start_ms + MINUTE_MS - 1), floor_minute(end_ms)
        return [Piece(self.minute, first, last)] if first < last else []


PORTS = Source("port", PortReading, PortMinute, PortHour, PortDay)
DEVICES = Source("device", DeviceReading, DeviceMinute, DeviceHour, DeviceDay)


def integers(rows: Sequence[Row], columns: int) -> IntArray:
    """A table of integers, none of them NULL."""
    return np.array(rows, dtype=np.int64).reshape(-1, columns)


def by_key(table: FloatArray) -> dict[int, FloatArray]:
    """The rows of each key, the first column, without it, in order of the second."""
    if not len(table):
        return {}
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    keys, first = np.unique(table[:, 0], return_index=True)
    return {int(key): part for key, part in zip(keys, np.split(table[:, 1:], first[1:]), strict=True)}


def more_than(at_most: int, rows: Rows) -> bool:
    """Whether these are more rows than that; never looks at more than one beyond."""
    return rows[: at_most + 1].count() > at_most


def zones_of(lines: Iterable[Port | Device]) -> dict[int, str]:
    """The time zones by device; asked for only where a port was read without its device."""
    known: dict[int, str] = {}
    others: set[int] = set()
    for line in lines:
        if isinstance(line, Device):
            known[line.pk] = line.timezone
        elif "device" in line._state.fields_cache:
            known[line.device_id] = line.device.timezone
        else:
            others.add(line.device_id)
    if others - set(known):
        known |= dict(Device.objects.filter(pk__in=others).order_by().values_list("pk", "timezone"))
    return known


class Days(NamedTuple):
    """The time zone of a device's days, and whether its day rows are all made in it."""

    zone: str
    made: bool


def unmade_days(zones: Mapping[int, str]) -> list[Rows]:
    """The devices whose day rows are not all made in these zones, each with the number ``UNMADE`` beside it, and 0."""
    of_zone: dict[str, list[int]] = {}
    for device_id, zone in zones.items():
        of_zone.setdefault(zone, []).append(device_id)
    is_stale = models.Q(stale_from__isnull=False)
    return [
        DayZone.objects.filter(~models.Q(zone=zone) | is_stale, device__in=device_ids).values_list(
            "device_id", models.Value(UNMADE), models.Value(0)
        )
        for zone, device_ids in of_zone.items()
    ]
