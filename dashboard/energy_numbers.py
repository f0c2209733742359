"""The numbers of the energy view as elements: the balance with its formulas, and how it compares with before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import html
from django.urls import reverse

from dashboard.app import Element, aria
from dashboard.compare import StoredBucket
from dashboard.energy_bars import WELL_MEASURED
from dashboard.flow import Use
from dashboard.table import kwh
from devices.models import Device, Port
from readings.balance import Balance
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH

NOT_KNOWN = "not known"
HOME_FORMULA = "import + solar + battery out − export − battery in"
SUFFICIENCY_FORMULA = "1 − import ÷ home"
CONSUMPTION_FORMULA = "(solar − solar exported) ÷ solar"
_WORKED_OUT: dict[StoredBucket, str] = {
    "hour": "Which source fed what is worked out hour by hour.",
    "day": "Which source fed what is worked out day by day. In a range of up to 62 days it is hour by hour.",
    "month": "Which source fed what is worked out month by month. In a range of up to 3 years it is day by day.",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the comparison: an energy in units of 0.1 mJ, or a share of 0..1; None where it is not known."""

    name: str
    now: float | None
    before: float | None
    is_share: bool = False


def numbers(balance: Balance, bucket: StoredBucket) -> Element:
    """The balance: what came and went, and the two shares with their formulas."""
    places = [
        ("From the grid", balance.imported, "grid-in"),
        ("To the grid", balance.exported, "grid-out"),
        ("Solar", balance.solar, "solar"),
        ("From the battery", balance.battery_out, "battery"),
        ("Into the battery", balance.battery_in, "battery"),
    ]
    known = [_place(name, energy, place) for name, energy, place in places if energy is not None]
    home = _place("Home", balance.home, "home", HOME_FORMULA)
    shares = [
        _gauge(
            "Self-sufficiency", balance.self_sufficiency, SUFFICIENCY_FORMULA, "How much of the home's use was own."
        ),
        _gauge("Self-consumption", balance.self_consumption, CONSUMPTION_FORMULA, "How much of the solar was kept."),
    ]
    told = [
        html.Dl([*known, home], className="ct6-places"),
        html.Div(shares, className="ct6-shares"),
        html.P(_WORKED_OUT[bucket], className="ct6-small"),
    ]
    if balance.home is not None and balance.home < 0:
        words = "The home's use comes out below zero: a clamp may sit the wrong way round, or a role may be missing."
        told.append(html.P(words, className="ct6-ill"))
    return html.Div(told)


def _place(name: str, energy: int | None, place: str, formula: str | None = None) -> Element:
    value = NOT_KNOWN if energy is None else f"{kwh(energy / ENERGY_PER_KWH)} kWh"
    told: list[Element] = [html.Dt(name), html.Dd(value)]
    if formula is not None:
        told.append(html.Dd(f"= {formula}", className="ct6-formula"))
    return html.Div(told, className=f"ct6-place ct6-place-{place}")


def _gauge(name: str, share: float | None, formula: str, meaning: str) -> Element:
    value = NOT_KNOWN if share is None else f"{100 * share:.1f} %"
    bar = dmc.Progress(value=0 if share is None else 100 * share, color="ct6", size="md", **aria(label=name))
    return html.Div(
        [
            html.Div([html.Span(name), html.Strong(value)], className="ct6-share-head", title=meaning),
            bar,
            html.Span(f"= {formula}", className="ct6-formula"),
        ],
        className="ct6-share",
    )


def no_roles(device: Device, user: Any) -> Element:
    """How the balance comes to be: what to set, and where."""
    words = "Say which port is the grid, the solar, the battery, and the home's balance and its flow appear here."
    link: Element = html.Span("An administrator can set the roles of the ports.")
    if user.is_staff:
        link = html.A("Set the roles of the ports", href=reverse("admin:devices_device_change", args=[device.pk]))
    return html.Div([html.P(words), html.P(link)], className="ct6-hint", role="status")


def compared_balances(now: Balance, before: Balance) -> list[Compared]:
    """A line for each place that is known in one of the two, and for the shares."""
    lines = [
        Compared("From the grid", now.imported, before.imported),
        Compared("To the grid", now.exported, before.exported),
        Compared("Solar", now.solar, before.solar),
        Compared("From the battery", now.battery_out, before.battery_out),
        Compared("Into the battery", now.battery_in, before.battery_in),
        Compared("Home", now.home, before.home),
        Compared("Self-sufficiency", now.self_sufficiency, before.self_sufficiency, is_share=True),
        Compared("Self-consumption", now.self_consumption, before.self_consumption, is_share=True),
    ]
    return [line for line in lines if line.now is not None or line.before is not None]


def compared_uses(now: Sequence[Use], before: Sequence[Use]) -> list[Compared]:
    earlier = {use.key: use.energy for use in before}
    return [Compared(use.name, use.energy, earlier.get(use.key)) for use in now]


def compared_ports(ports: Sequence[Port], now: Sequence[PortEnergy], before: Sequence[PortEnergy]) -> list[Compared]:
    """Import and export of each port; a direction in which nothing flowed in either period is left out."""
    lines = []
    for port in ports:
        for direction in ("import", "export"):
            here, there = (_sum_of(energies, port.pk, direction) for energies in (now, before))
            if here or there or (direction == "import" and here is not None):
                lines.append(Compared(f"{port.label}, {direction}", here, there))
    return lines


def _sum_of(energies: Sequence[PortEnergy], port_id: int, direction: str) -> int | None:
    ours = [energy for energy in energies if energy.port_id == port_id]
    if not any(energy.covered_ms or energy.recovered_ms for energy in ours):
        return None
    return sum(energy.import_energy if direction == "import" else energy.export_energy for energy in ours)


def comparison(lines: Sequence[Compared], now_name: str, before_name: str) -> Element:
    """A table of what was, what was before, and the difference."""
    head = html.Tr([html.Th(name, scope="col") for name in ("kWh", now_name, before_name, "Difference")])
    rows = [
        html.Tr([
            html.Th(line.name, scope="row"),
            html.Td(_told(line.now, line)),
            html.Td(_told(line.before, line)),
            html.Td(difference(line)),
        ])
        for line in lines
    ]  # fmt: skip
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="ct6-energy ct6-compared")
    return html.Div(table, className="ct6-wide")


def _told(value: float | None, line: Compared) -> str:
    if line.is_share:
        return "–" if value is None else f"{100 * value:.1f} %"
    return kwh(None if value is None else value / ENERGY_PER_KWH)


def difference(line: Compared) -> str:
    """By how many percent it is more (or less) than before; of two shares, by how many points."""
    if line.now is None or line.before is None:
        return "–"
    if line.is_share:
        return _signed(100 * (line.now - line.before), "points")
    if line.before == 0:
        return "±0.0 %" if line.now == 0 else "–"
    return _signed(100 * (line.now - line.before) / abs(line.before), "%")


def _signed(value: float, unit: str) -> str:
    rounded = round(value, 1)
    sign = "±" if rounded == 0 else "+" if rounded > 0 else "−"
    return f"{sign}{abs(rounded):,.1f} {unit}"


def measured_share(energies: Sequence[PortEnergy]) -> float | None:
    """How many percent of the asked time were measured, over all ports; None where there was nothing to measure."""
    measured = sum(energy.covered_ms + energy.recovered_ms for energy in energies)
    asked = measured + sum(energy.missing_ms for energy in energies)
    return 100 * measured / asked if asked else None


def coverage_words(energies: Sequence[PortEnergy], name: str) -> Element | None:
    """Says how much was measured, where that is not nearly all."""
    share = measured_share(energies)
    if share is None or share >= WELL_MEASURED:
        return None
    return html.P(f"{name}: {share:.1f} % measured", className="ct6-small ct6-partly")
