"""The energy of the range by port, and how much of it was measured. Independent of what is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, dcc, html
from dash.exceptions import PreventUpdate
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from dashboard.app import Element, app, callback
from dashboard.figures import colour_slot
from dashboard.numbers import numbered, written
from dashboard.port_names import labels_of
from dashboard.state import current_ms, ports_of, shown_to
from devices.models import Port
from readings import history
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH

# What is told goes by way of the browser, which writes the numbers in its own locale.


def table_place() -> Element:
    return html.Div([html.Div(id="energy"), dcc.Store(id="energy-told")])


app.clientside_callback(
    ClientsideFunction("plot", "inOwnLocale"), Output("energy", "children"), Input("energy-told", "data")
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table in kWh, None where nothing was measured; ``colour_number`` is None for the total."""

    name: str
    colour_number: int | None
    net_kwh: float | None
    import_kwh: float | None
    export_kwh: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the asked time was measured, in percent; the three add up to 100, or to 0 where nothing was asked."""

    measured: float
    recovered: float
    missing: float


@callback(Output("energy-told", "data"), Input("url", "search"), Input("stamp", "data"))
def tell(search: str | None, stamp: list[Any] | None, user: Any) -> Any:
    shown = shown_to(user, search, current_ms())
    if shown is None or shown.state.view != "power":
        raise PreventUpdate
    if shown.is_backwards:
        return None
    ports = ports_of(shown.device)
    energies = history.energy(ports, shown.start_ms, shown.end_ms, "total", now_ms=shown.now_ms)
    return [energy_table(rows_of(ports, energies)), coverage_line(coverage_of(energies))]


def rows_of(ports: Sequence[Port], energies: Sequence[PortEnergy]) -> list[Row]:
    """A row per port in the order of the ports, then the total, summed before it is rounded."""
    found = {energy.port_id: energy for energy in energies}
    labels = labels_of(ports, max((energy.end_ms for energy in energies), default=0))
    rows = [_row_of(labels[port.pk], port.number, [found[port.pk]] if port.pk in found else []) for port in ports]
    return [*rows, _row_of(gettext("Total"), None, energies)]


def _row_of(name: str, colour_number: int | None, energies: Sequence[PortEnergy]) -> Row:
    if not any(energy.covered_ms or energy.recovered_ms for energy in energies):
        return Row(name, colour_number, None, None, None)
    imported = sum(energy.import_energy for energy in energies)
    exported = sum(energy.export_energy for energy in energies)
    amounts = (amount / ENERGY_PER_KWH for amount in (imported - exported, imported, exported))
    return Row(name, colour_number, *amounts)


def coverage_of(energies: Sequence[PortEnergy]) -> Coverage | None:
    """The coverage over all ports; None where no port had its first reading yet."""
    covered = sum(energy.covered_ms for energy in energies)
    recovered = sum(energy.recovered_ms for energy in energies)
    missing = sum(energy.missing_ms for energy in energies)
    asked = covered + recovered + missing
    if asked == 0:
        return None
    return Coverage(100 * covered / asked, 100 * recovered / asked, 100 * missing / asked)


def kwh(value: float | None) -> str:
    """Two digits after the point; a dash for what was not measured."""
    return "–" if value is None else written(value, 2)


def percent(value: float) -> str:
    """One digit after the point; 100 and 0 only where that is exact, so that a short gap is not rounded away."""
    return f"{written(*_rounded(value))} %"


def _rounded(value: float) -> tuple[float, int]:
    """A share in percent as it is told, and its digits after the point."""
    return (value, 0) if value in (0.0, 100.0) else (min(max(value, 0.1), 99.9), 1)


def energy_table(rows: Sequence[Row]) -> Element:
    names = (gettext("Port"), pgettext("energy", "Net"), pgettext("energy", "Import"), pgettext("energy", "Export"))
    head = html.Tr([html.Th(name, scope="col") for name in names])
    return html.Table([html.Thead(head), html.Tbody([_row(row) for row in rows])], className="ct6-energy")


def _kwh(value: float | None) -> dict[str, Any]:
    return {"children": kwh(None)} if value is None else numbered("{energy}", energy=(value, 2))


def _row(row: Row) -> Element:
    swatch = []
    if row.colour_number is not None:
        swatch = [
            html.Span(className="ct6-swatch", style={"background": f"var(--ct6-port-{colour_slot(row.colour_number)})"})
        ]
    return html.Tr(
        [
            html.Th([*swatch, row.name], scope="row"),
            html.Td(**_kwh(row.net_kwh)),
            html.Td(**_kwh(row.import_kwh), className="ct6-import"),
            html.Td(**_kwh(row.export_kwh), className="ct6-export"),
        ],
        className="ct6-total" if row.colour_number is None else "",
    )


def coverage_line(coverage: Coverage | None) -> Element:
    explained = html.P(gettext("Net is import minus export."), className="ct6-small")
    if coverage is None:
        return explained
    bar = [
        dmc.ProgressSection(value=coverage.measured, color="ct6"),
        dmc.ProgressSection(value=coverage.recovered, color="yellow"),
    ]
    return html.Div(
        [
            dmc.ProgressRoot(bar, size="sm", className="ct6-coverage"),
            html.P(**_covered(coverage), className="ct6-measured"),
            explained,
        ]
    )


# By whether something was recovered, and whether something is missing.
_COVERED = {
    (False, False): _("{measured} % measured"),
    (False, True): _("{measured} % measured, {missing} % missing"),
    (True, False): _("{measured} % measured, {recovered} % recovered"),
    (True, True): _("{measured} % measured, {recovered} % recovered, {missing} % missing"),
}


def _covered(coverage: Coverage) -> dict[str, Any]:
    return numbered(
        str(_COVERED[coverage.recovered > 0, coverage.missing > 0]),
        measured=_rounded(coverage.measured),
        recovered=_rounded(coverage.recovered),
        missing=_rounded(coverage.missing),
    )
