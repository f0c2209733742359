"""The period shown and the one before it, of the same length in the calendar's sense. Pure but for ``read``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from dashboard.energy_dates import (
    CLOCK,
    DATE,
    DAY,
    DAY_OF_MONTH,
    MOMENT,
    MOMENT_OF_YEAR,
    MONTH,
    SHORT_MONTH,
    YEAR,
    written,
)
from dashboard.ranges import beside, midnight, months_before, whole_days, whole_months
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
        return whole_months(self.start_ms, self.end_ms, self.zone)

    @property
    def days(self) -> int | None:
        """How many whole local days this is; None where it is not."""
        return whole_days(self.start_ms, self.end_ms, self.zone)

    def before(self) -> "Period":
        """As many months, else days, else the same time, up to where this period starts."""
        return Period(*beside(self.start_ms, self.end_ms, self.zone, later=False), self.zone)

    def full_until(self, bucket: StoredBucket, now_ms: int) -> int:
        """Where its last full bucket ends that is over; its end if all of it is over, its start if nothing is."""
        ends = (end for _start, end in reversed(self.pieces(bucket)))
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
        return min(periods.next_day_start(midnight(day, period.zone), period.zone), before.end_ms)
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
    for place, (start, _end) in enumerate(there):
        places.setdefault(_on_the_clock(start, before), place)
    return [places.get(_on_the_clock(start, now)) for start, _end in here]


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
    begins_ms: int | None  # where those of the period before begin, if that is after that moment and was read

    @classmethod
    def read(cls, ports: Sequence[Port], now: Period, bucket: StoredBucket, now_ms: int) -> "Both":
        before, until_ms = now.before(), now.full_until(bucket, now_ms)
        moment_ms = before.end_ms if until_ms == now.end_ms else same_moment(until_ms, now)
        until_moment = Period(before.start_ms, moment_ms, before.zone) if now.is_cut_by(bucket) else before
        here, there = read(ports, now, until_moment, bucket, now_ms=now_ms)
        before_cut = [energy for energy in there if energy.end_ms <= moment_ms]
        begins_ms = None
        if not any(map(_is_measured, before_cut)):
            begins_ms = min((energy.start_ms for energy in there if _is_measured(energy)), default=None)
        return cls(
            now=here,
            now_cut=[energy for energy in here if energy.end_ms <= until_ms],
            before_cut=before_cut,
            now_name=name_of(now, until_ms),
            before_name=name_of(before, moment_ms),
            begins_ms=begins_ms,
        )


def _is_measured(energy: PortEnergy) -> bool:
    return bool(energy.covered_ms or energy.recovered_ms)


def name_of_moment(ms: int, zone: ZoneInfo) -> str:
    return written(periods.to_datetime(ms, zone), MOMENT)


def name_of(period: Period, until_ms: int | None = None) -> str:
    """What a period is called, e.g. "November 2026"; with where it was cut, if it was."""
    if until_ms is None or until_ms == period.end_ms:
        return _whole_name_of(period)
    cut = written(periods.to_datetime(until_ms, period.zone), CLOCK if period.days == 1 else MOMENT_OF_YEAR)
    return _("%(period)s, up to %(moment)s") % {"period": _whole_name_of(period), "moment": cut}


def _whole_name_of(period: Period) -> str:
    start, end = (periods.to_datetime(ms, period.zone) for ms in (period.start_ms, period.end_ms))
    last = end - timedelta(days=1)
    if period.months and period.months % 12 == 0 and start.month == 1:
        return written(start, YEAR) if period.months == 12 else _from_to(written(start, YEAR), written(last, YEAR))
    if period.months == 1:
        return written(start, MONTH)
    if period.months:
        return _from_to(written(start, SHORT_MONTH), written(last, SHORT_MONTH))
    if period.days == 1:
        return written(start, DAY)
    if period.days:
        return _from_to(written(start, DAY_OF_MONTH), written(last, DATE))
    return _from_to(written(start, MOMENT), written(end, MOMENT))


def _from_to(first: str, last: str) -> str:
    return _("%(first)s – %(last)s") % {"first": first, "last": last}


def _on_the_clock(ms: int, period: Period) -> tuple[int, int]:
    local, first = periods.to_datetime(ms, period.zone), periods.local_date(period.start_ms, period.zone)
    return (local.date() - first).days, 60 * local.hour + local.minute
