"""What was imported, and how the day totals of the other application differ from ours."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import IO, Final
from zoneinfo import ZoneInfo

from devices.models import Device, Port
from readings import history
from readings.import_models import ImportSource
from readings.importing.databases import Mean, TheirDatabase
from readings.importing.layout import DAYS, HOURS
from readings.periods import HOUR_MS, day_start, local_date, to_ms
from readings.quantities import ENERGY_PER_KWH

HEADINGS: Final = (
    "unit", "name", "database", "day", "rows_read", "rows_stored", "rows_skipped", "rows_noted", "port", "port_name",
    "their_kwh", "our_kwh", "difference_kwh", "difference_percent", "their_kwh_from",
    "measured_hours",
)  # fmt: skip
_DAYS_AT_ONCE: Final = 400
_HOURS_A_DAY: Final = 24
_KWH_PER_WH: Final = 0.001


@dataclass(frozen=True, slots=True)
class Total:
    """The net energy of a port on a day in kWh as the unit counts it, positive for export: theirs and ours."""

    port: int
    port_name: str
    their_kwh: float | None
    our_kwh: float | None
    measured_h: float | None
    """For how much of the day ours stands."""
    their_table: str

    @property
    def difference_kwh(self) -> float | None:
        """By how much theirs is greater."""
        return None if self.their_kwh is None or self.our_kwh is None else self.their_kwh - self.our_kwh

    @property
    def difference_percent(self) -> float | None:
        if self.difference_kwh is None or not self.our_kwh:
            return None
        return 100 * self.difference_kwh / abs(self.our_kwh)


@dataclass(frozen=True, slots=True)
class ReportedDay:
    day: date | None
    read: int
    stored: int
    skipped: dict[str, int]
    notes: dict[str, int]
    totals: tuple[Total, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Of one database: every day of which rows were read."""

    device: Device
    database: str
    days: tuple[ReportedDay, ...]

    @property
    def read(self) -> int:
        return sum(day.read for day in self.days)

    @property
    def stored(self) -> int:
        return sum(day.stored for day in self.days)

    @property
    def skipped(self) -> Counter[str]:
        return sum((Counter(day.skipped) for day in self.days), Counter())

    @property
    def notes(self) -> Counter[str]:
        return sum((Counter(day.notes) for day in self.days), Counter())

    def differences(self) -> list[tuple[ReportedDay, Total]]:
        """The days and ports that can be compared, the greatest difference first."""
        found = [(day, total) for day in self.days for total in day.totals if total.difference_kwh is not None]
        return sorted(found, key=lambda one: -abs(one[1].difference_kwh or 0))


def report_of(database: TheirDatabase, source: ImportSource, *, now_ms: int, with_ours: bool = True) -> Report:
    """Ours are those of the rollups; without them nothing is compared. Raises NotImported."""
    device = source.device
    ports = list(Port.objects.filter(device=device, number__in=database.columns.ports).order_by("number"))
    rows = list(source.days.all())
    days = [row.day for row in rows if row.day is not None]
    ours = _our_totals(device, ports, days, now_ms) if with_ours and days else {}
    theirs = _their_totals(database, ZoneInfo(source.zone))
    reported = []
    for row in rows:
        totals = () if row.day is None else _totals(ports, row.day, theirs, ours)
        reported.append(ReportedDay(row.day, row.read, row.stored, row.skipped, row.notes, totals))
    return Report(device, str(database), tuple(reported))


def write_csv(reports: Iterable[Report], file: IO[str]) -> None:
    """A line per unit, day and port."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADINGS)
    for report in reports:
        for day in report.days:
            about = [report.device.assy, report.device.name, report.database, "" if day.day is None else day.day]
            rows = [day.read, day.stored, counted(day.skipped), counted(day.notes)]
            for total in day.totals:
                kwh = (total.their_kwh, total.our_kwh, total.difference_kwh)
                percent = total.difference_percent
                writer.writerow([
                    *about, *rows, total.port, total.port_name, *("" if one is None else f"{one:.6f}" for one in kwh),
                    "" if percent is None else f"{percent:.3f}", total.their_table,
                    "" if total.measured_h is None else f"{total.measured_h:.4f}",
                ])  # fmt: skip
            if not day.totals:
                writer.writerow([*about, *rows, *[""] * (len(HEADINGS) - len(about) - len(rows))])


def counted(counts: dict[str, int]) -> str:
    """In words, the most first."""
    return "; ".join(f"{count} {why}" for why, count in sorted(counts.items(), key=lambda item: -item[1]))


def _totals(
    ports: Sequence[Port],
    day: date,
    theirs: dict[tuple[int, date], tuple[float, str]],
    ours: dict[tuple[int, date], tuple[float, float]],
) -> tuple[Total, ...]:
    totals = []
    for port in ports:
        their_kwh, table = theirs.get((port.number, day), (None, ""))
        our_kwh, measured_h = ours.get((port.number, day), (None, None))
        totals.append(Total(port.number, port.name, their_kwh, our_kwh, measured_h, table))
    return tuple(totals)


def _our_totals(
    device: Device, ports: Sequence[Port], days: Sequence[date], now_ms: int
) -> dict[tuple[int, date], tuple[float, float]]:
    """kWh, turned as the unit counts it where the port is reversed, and measured hours; by port number and day."""
    by_id = {port.pk: port for port in ports}
    found = {}
    for first, last in _spans(sorted(days)):
        start_ms, end_ms = _edge(first, device.timezone), _edge(last + timedelta(days=1), device.timezone)
        for row in history.energy(ports, start_ms, end_ms, "day", now_ms=now_ms):
            port = by_id[row.port_id]
            net = row.import_energy - row.export_energy if port.reversed else row.export_energy - row.import_energy
            found[port.number, local_date(row.start_ms, device.timezone)] = (
                net / ENERGY_PER_KWH,
                (row.covered_ms + row.recovered_ms) / HOUR_MS,
            )
    return found


def _their_totals(database: TheirDatabase, zone: ZoneInfo) -> dict[tuple[int, date], tuple[float, str]]:
    """A day's mean power over 24 hours, as their day table means it; where that has no row, the sum of their hours."""
    found = {}
    for (number, day), watts in _by_day(database.means(HOURS), zone).items():
        found[number, day] = sum(watts) * _KWH_PER_WH, HOURS
    for (number, day), watts in _by_day(database.means(DAYS), zone).items():
        found[number, day] = sum(watts) / len(watts) * _HOURS_A_DAY * _KWH_PER_WH, DAYS
    return found


def _by_day(means: Iterable[Mean], zone: ZoneInfo) -> dict[tuple[int, date], list[float]]:
    found: dict[tuple[int, date], list[float]] = defaultdict(list)
    for mean in means:
        shown = mean.shown if mean.shown.tzinfo is None else mean.shown.astimezone(zone)
        for number, power_w in mean.powers_w.items():
            found[number, shown.date()].append(power_w)
    return found


def _spans(days: Sequence[date]) -> Iterable[tuple[date, date]]:
    """First and last of days that follow each other closely enough to be asked for at once."""
    first = last = days[0]
    for day in days[1:]:
        if day - last > timedelta(days=7) or day - first >= timedelta(days=_DAYS_AT_ONCE):
            yield first, last
            first = day
        last = day
    yield first, last


def _edge(day: date, zone: str) -> int:
    """The start of a local day."""
    noon_ms = to_ms(datetime.combine(day, time(12), ZoneInfo(zone)))
    return day_start(noon_ms, zone)
