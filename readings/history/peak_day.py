"""The day of a range on which most went through a port."""

from dataclasses import dataclass
from typing import Final, Literal

from devices.models import Port
from readings import periods
from readings.history.energy import energy
from readings.history.port_energy import PortEnergy
from readings.quantities import ENERGY_PER_KWH

PeakOf = Literal["import", "export", "net"]

_MEASURED_AT_LEAST: Final = 0.99


@dataclass(frozen=True, slots=True)
class PeakDay:
    """The local day [day_start_ms, day_end_ms) with the greatest energy, in units of 0.1 mJ, among ``complete_days``.

    ``left_out_days`` could not be compared: days with something to measure that were not complete.
    """

    day_start_ms: int
    day_end_ms: int
    energy: int
    complete_days: int
    left_out_days: int

    @property
    def kwh(self) -> float:
        return self.energy / ENERGY_PER_KWH


def peak_day(port: Port, start_ms: int, end_ms: int, *, now_ms: int, of: PeakOf) -> PeakDay | None:
    """The complete day of [start_ms, end_ms) with the greatest import, export or net import; the first of equal ones.

    A day of the device's time zone is complete when all of it lies in the range, it is over, and at least 99 % of its
    length was measured, normally or recovered. Days before the port's first reading and days to come count nowhere.
    None where no day is complete.
    """
    days = energy([port], start_ms, end_ms, "day", now_ms=now_ms)
    complete = [day for day in days if _is_complete(day, port.device.timezone, now_ms)]
    if not complete:
        return None
    peak = max(complete, key=lambda day: _amount(day, of))
    measurable = sum(bool(day.covered_ms or day.recovered_ms or day.missing_ms) for day in days)
    return PeakDay(peak.start_ms, peak.end_ms, _amount(peak, of), len(complete), measurable - len(complete))


def _is_complete(day: PortEnergy, zone: str, now_ms: int) -> bool:
    measured_ms = day.covered_ms + day.recovered_ms
    if day.end_ms > now_ms or measured_ms < _MEASURED_AT_LEAST * (day.end_ms - day.start_ms):
        return False
    return day.start_ms == periods.day_start(day.start_ms, zone) and day.end_ms == periods.next_day_start(
        day.start_ms, zone
    )


def _amount(day: PortEnergy, of: PeakOf) -> int:
    return {"import": day.import_energy, "export": day.export_energy, "net": day.net_energy}[of]
