"""The period shown and the one before it, of the same length in the calendar's sense. Pure but for ``read``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.dateformat import format as written
from numpy.typing import NDArray

from devices.models import Port
from readings import history, periods
from readings.history import PortEnergy
from readings.periods import HOUR_MS

StoredBucket = Literal["hour", "day", "month"]
Piece = tuple[int, int]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Period:
    start_ms: int
    end_ms: int
    zone: ZoneInfo

    @property
    def months(self) -> int | None:
        """How many whole months this is; None where it is not."""
        first, after = (periods.to_datetime(ms, self.zone).date() for ms in (self.start_ms, self.end_ms))
        if self.days is None or first.day != 1 or after.day != 1:
            return None
        return 12 * (after.year - first.year) + after.month - first.month

    @property
    def days(self) -> int | None:
        """How many whole local days this is; None where it is not."""
        edges = (self.start_ms, self.end_ms)
        if any(periods.day_start(edge, self.zone) != edge for edge in edges):
            return None
        return (periods.local_date(self.end_ms, self.zone) - periods.local_date(self.start_ms, self.zone)).days

    def before(self) -> "Period":
        """As many months, else days, else the same time, up to where this period starts."""
        first = periods.local_date(self.start_ms, self.zone)
        if self.months:
            start_ms = _midnight(months_before(first, self.months), self.zone)
        elif self.days:
            start_ms = _midnight(first - timedelta(days=self.days), self.zone)
        else:
            start_ms = 2 * self.start_ms - self.end_ms
        return Period(start_ms, self.start_ms, self.zone)

    def full_until(self, bucket: StoredBucket, now_ms: int) -> int:
        """Where its last full bucket ends that is over; its end if all of it is over, its start if nothing is."""
        ends = (end for _, end in reversed(self.pieces(bucket)))
        return next((end for end in ends if end <= now_ms), self.start_ms)

    def pieces(self, bucket: periods.Bucket) -> list[Piece]:
        return periods.buckets(self.start_ms, self.end_ms, bucket, self.zone)

    def is_cut_by(self, bucket: periods.Bucket) -> bool:
        """Whether its start lies inside a bucket."""
        if bucket == "hour":
            return self.start_ms % HOUR_MS != 0
        start = {"day": periods.day_start, "month": periods.month_start, "year": periods.year_start}[bucket]
        return start(self.start_ms, self.zone) != self.start_ms


def same_moment(ms: int, period: Period) -> int:
    """The instant in the period before that a moment of this period is compared with.

    By the clock and the calendar: 14:00 with 14:00 and the 3rd with the 3rd, or else the end of the shorter month.
    """
    before = period.before()
    local = periods.to_datetime(ms, period.zone)
    if period.months:
        day = months_before(local.date(), period.months)
        is_there = day.day == local.day
    elif period.days:
        day, is_there = local.date() - timedelta(days=period.days), True
    else:
        return ms - (period.end_ms - period.start_ms)
    if not is_there:
        return min(periods.next_day_start(_midnight(day, period.zone), period.zone), before.end_ms)
    then = datetime.combine(day, local.time(), tzinfo=period.zone).replace(fold=local.fold)
    return min(max(periods.to_ms(then), before.start_ms), before.end_ms)


def counterparts(now: Period, before: Period, bucket: periods.Bucket) -> list[int | None]:
    """For each piece of a period the number of the piece before it that it is compared with, if there is one.

    Hours of whole days go by the clock, so that a change of the clocks shifts nothing; all else by its place.
    """
    here, there = now.pieces(bucket), before.pieces(bucket)
    if bucket != "hour" or now.days is None:
        return [place if place < len(there) else None for place in range(len(here))]
    places: dict[tuple[int, int], int] = {}
    for place, (start, _) in enumerate(there):
        places.setdefault(_on_the_clock(start, before), place)
    return [places.get(_on_the_clock(start, now)) for start, _ in here]


def read(
    ports: Sequence[Port], now: Period, before: Period, bucket: StoredBucket, *, now_ms: int
) -> tuple[list[PortEnergy], list[PortEnergy]]:
    """The energies of a period and of the one before it, by bucket; by one question where that is exact."""
    if now.is_cut_by(bucket):
        return (
            history.energy(ports, now.start_ms, now.end_ms, bucket, now_ms=now_ms),
            history.energy(ports, before.start_ms, before.end_ms, bucket, now_ms=now_ms),
        )
    both = history.energy(ports, before.start_ms, now.end_ms, bucket, now_ms=now_ms)
    here = [energy for energy in both if energy.start_ms >= now.start_ms]
    return here, [energy for energy in both if energy.start_ms < now.start_ms]


@dataclass(frozen=True, slots=True)
class Both:
    """A period and the one before it. ``now_cut`` and ``before_cut`` end at the same moment of the two: where the
    period goes on, after its last full bucket.
    """

    now: list[PortEnergy]
    now_cut: list[PortEnergy]
    before_cut: list[PortEnergy]
    now_name: str
    before_name: str

    @classmethod
    def read(cls, ports: Sequence[Port], now: Period, bucket: StoredBucket, now_ms: int) -> "Both":
        before, until_ms = now.before(), now.full_until(bucket, now_ms)
        moment_ms = before.end_ms if until_ms == now.end_ms else same_moment(until_ms, now)
        if now.is_cut_by(bucket):
            before = Period(before.start_ms, moment_ms, before.zone)
        here, there = read(ports, now, before, bucket, now_ms=now_ms)
        return cls(
            now=here,
            now_cut=[energy for energy in here if energy.end_ms <= until_ms],
            before_cut=[energy for energy in there if energy.end_ms <= moment_ms],
            now_name=name_of(now, until_ms),
            before_name=name_of(now.before(), moment_ms),
        )


def name_of(period: Period, until_ms: int | None = None) -> str:
    """What a period is called, e.g. "November 2026"; with where it was cut, if it was."""
    start, end = (periods.to_datetime(ms, period.zone) for ms in (period.start_ms, period.end_ms))
    last = end - timedelta(days=1)
    if period.months and period.months % 12 == 0 and start.month == 1:
        name = written(start, "Y") if period.months == 12 else f"{start.year} – {last.year}"
    elif period.months:
        name = written(start, "F Y") if period.months == 1 else f"{written(start, 'M Y')} – {written(last, 'M Y')}"
    elif period.days:
        name = written(start, "D j M Y") if period.days == 1 else f"{written(start, 'j M')} – {written(last, 'j M Y')}"
    else:
        name = f"{written(start, 'j M Y H:i')} – {written(end, 'j M Y H:i')}"
    if until_ms is None or until_ms == period.end_ms:
        return name
    cut = periods.to_datetime(until_ms, period.zone)
    return f"{name}, up to {written(cut, 'H:i' if period.days == 1 else 'j M H:i')}"


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months before, or the last one of a shorter month."""
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    after = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (after - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def _on_the_clock(ms: int, period: Period) -> tuple[int, int]:
    local, first = periods.to_datetime(ms, period.zone), periods.local_date(period.start_ms, period.zone)
    return (local.date() - first).days, 60 * local.hour + local.minute


def _midnight(day: date, zone: ZoneInfo) -> int:
    return periods.day_start(periods.to_ms(datetime(day.year, day.month, day.day, 12, tzinfo=zone)), zone)
