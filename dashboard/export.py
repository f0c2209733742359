"""What is plotted, as a table and as a CSV file: a row per time, a column per line."""

import csv
import io
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from numpy.typing import NDArray

from dashboard import energy_choices, energy_lines
from dashboard.compare import Period
from dashboard.plot import USUAL_POINTS, series_of
from dashboard.port_names import labels_of
from dashboard.state import Shown, ports_of
from devices.models import Port
from readings import history, periods
from readings.history import PortEnergy

DIGITS: Final = 4
# At a resolution that somebody chose every bucket has its row, also where a drawing has no room for it.
ROWS_AT_MOST: Final = 10_000
_NO_TIMES: Final = np.empty(0, dtype=np.int64)
# A spreadsheet that opens a CSV file takes cells that begin with one of these for formulas.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_ROW_WORDS: Final = {
    "hour": gettext_lazy("a row per hour"),
    "day": gettext_lazy("a row per day"),
    "month": gettext_lazy("a row per month"),
    "year": gettext_lazy("a row per year"),
}
_STEP_WORDS: Final = {
    "second": gettext_lazy("second, a row for every %(step)s s"),
    "minute": gettext_lazy("minute, a row for every %(step)s s"),
    "hour": gettext_lazy("hour, a row for every %(step)s s"),
    "day": gettext_lazy("day, a row for every %(step)s s"),
}
_ITSELF: Final = "%(name)s"
_MINIMUM, _MAXIMUM = gettext_lazy("%(name)s minimum"), gettext_lazy("%(name)s maximum")
_IMPORT, _EXPORT = gettext_lazy("%(name)s import"), gettext_lazy("%(name)s export")


@dataclass(frozen=True, slots=True)
class Column:
    """Values of something in a unit, NaN where there is none; ``side`` says what of it they are."""

    name: str | Promise
    side: str | Promise
    unit: str
    values: NDArray[np.float64]

    @property
    def head(self) -> str:
        """In the language that is active, e.g. ``Grid import (kWh)``."""
        return _with_unit(str(self.side) % {"name": self.name}, self.unit)

    @property
    def cells(self) -> list[float | None]:
        known = np.isfinite(self.values).tolist()
        return [value if is_known else None for value, is_known in zip(self.values.tolist(), known, strict=True)]


@dataclass(frozen=True, slots=True)
class Table:
    """The plotted lines side by side, a row for every time (epoch ms, ascending) at which one of them has a value.

    ``title`` and ``resolution`` say in words what the values are. Where the energies were read for it, they come along.
    """

    shown: Shown
    ports: list[Port]
    title: str
    resolution: str
    start_ms: int
    end_ms: int
    times: NDArray[np.int64]
    columns: list[Column]
    energies: list[PortEnergy] | None = None


def table_of(shown: Shown) -> Table:
    """What the address shows: the lines of the plot, or the bars of the energy view for every port."""
    return _bars(shown) if shown.state.view == "energy" else _lines(shown)


def _lines(shown: Shown) -> Table:
    """In the quantity's unit. Where a point stands for several readings, their lowest and highest come with it."""
    quantity = shown.state.quantity
    ports = [port for port in ports_of(shown.device) if port.number not in shown.state.hidden]
    max_points = USUAL_POINTS if shown.state.resolution == "auto" else ROWS_AT_MOST
    series = series_of(shown, ports, shown.view_ms, max_points)
    times = np.unique(np.concatenate([line.times[np.isfinite(line.values)] for line in series.lines] or [_NO_TIMES]))
    labels = labels_of(ports, shown.view_ms[1])
    names: dict[int | None, Any] = {None: gettext_lazy(quantity.label), **{pk: labels[pk] for pk in labels}}
    columns = [
        Column(names[line.port_id], side, quantity.unit, _at(times, line.times, values))
        for line in series.lines
        for side, values in _sides(shown, line, is_thinned=series.step_ms is not None)
    ]
    title = _with_unit(_(quantity.label), quantity.unit)
    return Table(shown, ports, title, _resolution(series), *shown.view_ms, times, columns)


def _bars(shown: Shown) -> Table:
    ports, bucket = energy_choices.ports_of(shown), energy_choices.bar_bucket(shown)
    pieces = Period(shown.start_ms, shown.end_ms, shown.zone).pieces(bucket)
    stored: history.EnergyBucket = "month" if bucket == "year" else bucket
    energies = history.energy(ports, shown.start_ms, shown.end_ms, stored, now_ms=shown.now_ms)
    columns = []
    labels = labels_of(ports, shown.end_ms)
    is_measured = np.zeros(len(pieces), dtype=np.bool_)
    for port in ports:
        sides = energy_lines.kwh_of(energies, (port.pk,), pieces)
        is_measured |= np.isfinite(sides[0])
        columns += [
            Column(labels[port.pk], side, "kWh", np.round(kwh, DIGITS))
            for side, kwh in zip((_IMPORT, _EXPORT), sides, strict=True)
        ]
    starts = np.array([start for start, _ in pieces], dtype=np.int64)
    return Table(
        shown,
        ports,
        _with_unit(_("Energy"), "kWh"),
        str(_ROW_WORDS[bucket]),
        shown.start_ms,
        shown.end_ms,
        starts[is_measured],
        [replace(column, values=column.values[is_measured]) for column in columns],
        energies,
    )


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _sides(shown: Shown, line: history.Line, *, is_thinned: bool) -> list[tuple[str | Promise, NDArray[np.float64]]]:
    mean, low, high = line.values, line.minimum, line.maximum
    if shown.state.quantity.flips and shown.state.sign == "positive":
        mean, low, high = 0.0 - mean, 0.0 - high, 0.0 - low  # 0 stays 0, not -0
    return [(_ITSELF, mean), (_MINIMUM, low), (_MAXIMUM, high)] if is_thinned else [(_ITSELF, mean)]


def _at(times: NDArray[np.int64], own: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    column = np.full(len(times), np.nan)
    column[np.searchsorted(times, own[known])] = np.round(values[known], DIGITS)
    return column


def _resolution(series: history.Series) -> str:
    if series.step_ms is None:
        return _("readings as they came")
    return str(_STEP_WORDS[series.resolution]) % {"step": f"{series.step_ms / 1000:g}"}


def file_name(table: Table, ending: str) -> str:
    """Named after the device, what is plotted and the days, e.g. ``house_active-power_2026-11-22.csv``."""
    shown = table.shown
    first = periods.local_date(table.start_ms, shown.zone)
    last = periods.local_date(max(table.start_ms, table.end_ms - 1), shown.zone)
    days = dict.fromkeys([first.isoformat(), last.isoformat()])
    device = slugify(str(shown.device), allow_unicode=True) or slugify(shown.device.assy)
    what = "energy" if shown.state.view == "energy" else slugify(shown.state.quantity.label)
    return f"{device}_{what}_{'_'.join(days)}.{ending}"


def to_csv(table: Table) -> str:
    """Times as ISO 8601 with the offset of the device's zone; a value that is missing is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text)
    with translation.override("en"):  # programs read the file: its headings are the same whoever asks
        writer.writerow(["Time", *[_harmless(column.head) for column in table.columns]])
    zone = table.shown.zone
    cells = [column.cells for column in table.columns]
    writer.writerows(
        [periods.format_time(ms, zone), *row] for ms, *row in zip(table.times.tolist(), *cells, strict=True)
    )
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
