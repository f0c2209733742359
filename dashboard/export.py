"""What is plotted, as a table and as a CSV file: a row per time, a column per line."""

import csv
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.utils.text import slugify
from numpy.typing import NDArray

from dashboard import energy_choices, energy_lines
from dashboard.compare import Period
from dashboard.plot import USUAL_POINTS
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
    "hour": "a row per hour",
    "day": "a row per day",
    "month": "a row per month",
    "year": "a row per year",
}


@dataclass(frozen=True, slots=True)
class Column:
    """Values under a name, NaN where there is none."""

    name: str
    values: NDArray[np.float64]

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
    ports, quantity, asked = ports_of(shown.device), shown.state.quantity, shown.state.resolution
    start_ms, end_ms = shown.view_ms
    series = history.series(
        ports if quantity.of == "port" else [shown.device],
        quantity,
        start_ms,
        end_ms,
        now_ms=shown.now_ms,
        resolution=asked,
        max_points=USUAL_POINTS if asked == "auto" else ROWS_AT_MOST,
    )
    times = np.unique(np.concatenate([line.times[np.isfinite(line.values)] for line in series.lines] or [_NO_TIMES]))
    names: dict[int | None, str] = {None: quantity.label, **{port.pk: port.label for port in ports}}
    columns = [
        Column(_head(names[line.port_id], words, quantity.unit), _at(times, line.times, values))
        for line in series.lines
        for words, values in _sides(shown, line, is_thinned=series.step_ms is not None)
    ]
    return Table(
        shown, ports, _head(quantity.label, "", quantity.unit), _resolution(series), start_ms, end_ms, times, columns
    )


def _bars(shown: Shown) -> Table:
    ports, bucket = energy_choices.ports_of(shown), energy_choices.bar_bucket(shown)
    pieces = Period(shown.start_ms, shown.end_ms, shown.zone).pieces(bucket)
    stored: history.EnergyBucket = "month" if bucket == "year" else bucket
    energies = history.energy(ports, shown.start_ms, shown.end_ms, stored, now_ms=shown.now_ms)
    columns = []
    is_measured = np.zeros(len(pieces), dtype=np.bool_)
    for port in ports:
        sides = energy_lines.kwh_of(energies, (port.pk,), pieces)
        is_measured |= np.isfinite(sides[0])
        columns += [
            Column(_head(port.label, words, "kWh"), np.round(kwh, DIGITS))
            for words, kwh in zip(("import", "export"), sides, strict=True)
        ]
    starts = np.array([start for start, _ in pieces], dtype=np.int64)
    return Table(
        shown,
        ports,
        "Energy (kWh)",
        _ROW_WORDS[bucket],
        shown.start_ms,
        shown.end_ms,
        starts[is_measured],
        [Column(column.name, column.values[is_measured]) for column in columns],
        energies,
    )


def _head(name: str, words: str, unit: str) -> str:
    return " ".join(filter(None, [name, words, unit and f"({unit})"]))


def _sides(shown: Shown, line: history.Line, *, is_thinned: bool) -> list[tuple[str, NDArray[np.float64]]]:
    mean, low, high = line.values, line.minimum, line.maximum
    if shown.state.quantity.flips and shown.state.sign == "positive":
        mean, low, high = 0.0 - mean, 0.0 - high, 0.0 - low  # 0 stays 0, not -0
    return [("", mean), ("minimum", low), ("maximum", high)] if is_thinned else [("", mean)]


def _at(times: NDArray[np.int64], own: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    column = np.full(len(times), np.nan)
    column[np.searchsorted(times, own[known])] = np.round(values[known], DIGITS)
    return column


def _resolution(series: history.Series) -> str:
    if series.step_ms is None:
        return "readings as they came"
    return f"{series.resolution}, a row for every {series.step_ms / 1000:g} s"


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
    writer.writerow(["Time", *[_harmless(column.name) for column in table.columns]])
    zone = table.shown.zone
    cells = [column.cells for column in table.columns]
    writer.writerows(
        [periods.format_time(ms, zone), *row] for ms, *row in zip(table.times.tolist(), *cells, strict=True)
    )
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
