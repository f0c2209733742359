"""The energy of the range by port, and how much of it was measured. Independent of what is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import Input, Output, html
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from dashboard.app import Element, aria, callback
from dashboard.figures import colour_slot
from dashboard.numbers import numbered, written
from dashboard.plain import Plain
from dashboard.port_names import labels_of
from dashboard.state import ports_of, shown_on_page
from devices.models import Port
from readings import history
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH

_ON_THE_TOTAL = "energy-total-note"


def table_place() -> Element:
    return Plain("energy")


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


@callback(Output("energy", "content"), Input("url", "search"), Input("stamp", "data"))
def tell(search: str | None, stamp: list[Any] | None, user: Any) -> Any:
    shown = shown_on_page(user, search, "power")
    if shown.is_backwards:
        return None
    ports = ports_of(shown.device)
    energies = history.energy(ports, shown.start_ms, shown.end_ms, "total", now_ms=shown.now_ms)
    are_mixed = len({port.role for port in ports}) > 1
    return [
        energy_table(rows_of(ports, energies), explains_total=are_mixed),
        coverage_line(coverage_of(energies), explains_total=are_mixed),
    ]


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


def _rounded(value: float) -> tuple[float, int]:
    """A share in percent as it is told, and its digits after the point: one, but none for 100 and 0. These are told
    only where they are exact, so that a short gap is not rounded away."""
    return (value, 0) if value in (0.0, 100.0) else (min(max(value, 0.1), 99.9), 1)


def energy_table(rows: Sequence[Row], *, explains_total: bool = False) -> Element:
    names = (gettext("Port"), pgettext("energy", "Net"), pgettext("energy", "Import"), pgettext("energy", "Export"))
    head = html.Tr([html.Th(name, scope="col") for name in names])
    caption = html.Caption(gettext("Of the whole range, also while the plot is zoomed in."), className="ct6-small")
    body = html.Tbody([_row(row, explains_total=explains_total) for row in rows])
    return html.Table([caption, html.Thead(head), body], className="ct6-energy")


def _kwh(value: float | None) -> dict[str, Any]:
    return {"children": kwh(None)} if value is None else numbered("{energy}", energy=(value, 2))


def _row(row: Row, *, explains_total: bool) -> Element:
    swatch = []
    if row.colour_number is not None:
        swatch = [
            html.Span(className="ct6-swatch", style={"background": f"var(--ct6-port-{colour_slot(row.colour_number)})"})
        ]
    explained = aria(describedby=_ON_THE_TOTAL) if explains_total and row.colour_number is None else {}
    return html.Tr(
        [
            html.Th([*swatch, row.name], scope="row", **explained),
            html.Td(**_kwh(row.net_kwh)),
            html.Td(**_kwh(row.import_kwh), className="ct6-import"),
            html.Td(**_kwh(row.export_kwh), className="ct6-export"),
        ],
        className="ct6-total" if row.colour_number is None else "",
    )


def coverage_line(coverage: Coverage | None, *, explains_total: bool = False) -> Element:
    explained = [html.P(gettext("Net is import minus export."), className="ct6-small")]
    if explains_total:
        words = gettext(
            "The total adds up all ports, whatever their roles: energy that two of them measured is in it twice. "
            "The energy view has the balance."
        )
        explained.append(html.P(words, id=_ON_THE_TOTAL, className="ct6-small"))
    if coverage is None:
        return html.Div(explained)
    bar = [
        html.Div(className=f"ct6-{kind}", style={"width": f"{share:.3f}%"})
        for kind, share in (("covered", coverage.measured), ("recovered", coverage.recovered))
    ]
    return html.Div(
        [
            html.Div(bar, className="ct6-coverage", **aria(hidden="true")),
            html.P(**_covered(coverage), className="ct6-measured"),
            *explained,
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
