"""The numbers of the energy view as elements: the balance with its formulas, and how it compares with before.

They go by way of the browser, which writes the numbers in its own locale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from dashboard.app import Element, aria
from dashboard.compare import StoredBucket
from dashboard.energy_bars import WELL_MEASURED
from dashboard.flow import Use
from dashboard.numbers import numbered
from devices.models import Device, Port
from readings.balance import Balance
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH

_NOTHING: Final = {"children": "–"}
_HOME_FORMULA: Final = gettext_lazy("= import + solar + battery out − export − battery in")
_SUFFICIENCY_FORMULA: Final = gettext_lazy("= 1 − import ÷ home")
_CONSUMPTION_FORMULA: Final = gettext_lazy("= (solar − solar exported) ÷ solar")
_WORKED_OUT: Final = {
    "hour": gettext_lazy("Which source fed what is worked out hour by hour."),
    "day": gettext_lazy(
        "Which source fed what is worked out day by day. In a range of up to 62 days it is hour by hour."
    ),
    "month": gettext_lazy(
        "Which source fed what is worked out month by month. In a range of up to 3 years it is day by day."
    ),
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
        (_("From the grid"), balance.imported, "grid-in"),
        (_("To the grid"), balance.exported, "grid-out"),
        (_("Solar"), balance.solar, "solar"),
        (_("From the battery"), balance.battery_out, "battery"),
        (_("Into the battery"), balance.battery_in, "battery"),
    ]
    known = [_place(name, energy, place) for name, energy, place in places if energy is not None]
    home = _place(pgettext("energy", "Home"), balance.home, "home", str(_HOME_FORMULA))
    shares = [
        _gauge(
            _("Self-sufficiency"),
            balance.self_sufficiency,
            str(_SUFFICIENCY_FORMULA),
            _("How much of the home's use was own."),
        ),
        _gauge(
            _("Self-consumption"),
            balance.self_consumption,
            str(_CONSUMPTION_FORMULA),
            _("How much of the solar was kept."),
        ),
    ]
    told = [
        html.Dl([*known, home], className="ct6-places"),
        html.Div(shares, className="ct6-shares"),
        html.P(str(_WORKED_OUT[bucket]), className="ct6-small"),
    ]
    if balance.home is not None and balance.home < 0:
        words = _("The home's use comes out below zero: a clamp may sit the wrong way round, or a role may be missing.")
        told.append(html.P(words, className="ct6-ill"))
    return html.Div(told)


def _place(name: str, energy: int | None, place: str, formula: str | None = None) -> Element:
    value = _not_known() if energy is None else numbered("{energy} kWh", energy=(energy / ENERGY_PER_KWH, 2))
    told: list[Element] = [html.Dt(name), html.Dd(**value)]
    if formula is not None:
        told.append(html.Dd(formula, className="ct6-formula"))
    return html.Div(told, className=f"ct6-place ct6-place-{place}")


def _gauge(name: str, share: float | None, formula: str, meaning: str) -> Element:
    value = _not_known() if share is None else numbered("{share} %", share=(100 * share, 1))
    bar = dmc.Progress(value=0 if share is None else 100 * share, color="ct6", size="md", **aria(label=name))
    return html.Div(
        [
            html.Div([html.Span(name), html.Strong(**value)], className="ct6-share-head", title=meaning),
            bar,
            html.Span(formula, className="ct6-formula"),
        ],
        className="ct6-share",
    )


def _not_known() -> dict[str, Any]:
    return {"children": _("not known")}


def no_roles(device: Device, user: Any) -> Element:
    """How the balance comes to be: what to set, and where."""
    words = _("Say which port is the grid, the solar, the battery, and the home's balance and its flow appear here.")
    link: Element = html.Span(_("An administrator can set the roles of the ports."))
    if user.is_staff:
        link = html.A(_("Set the roles of the ports"), href=reverse("admin:devices_device_change", args=[device.pk]))
    return html.Div([html.P(words), html.P(link)], className="ct6-hint", role="status")


def compared_balances(now: Balance, before: Balance) -> list[Compared]:
    """A line for each place that is known in one of the two, and for the shares."""
    lines = [
        Compared(_("From the grid"), now.imported, before.imported),
        Compared(_("To the grid"), now.exported, before.exported),
        Compared(_("Solar"), now.solar, before.solar),
        Compared(_("From the battery"), now.battery_out, before.battery_out),
        Compared(_("Into the battery"), now.battery_in, before.battery_in),
        Compared(pgettext("energy", "Home"), now.home, before.home),
        Compared(_("Self-sufficiency"), now.self_sufficiency, before.self_sufficiency, is_share=True),
        Compared(_("Self-consumption"), now.self_consumption, before.self_consumption, is_share=True),
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
                name = _("%(port)s, import") if direction == "import" else _("%(port)s, export")
                lines.append(Compared(name % {"port": port.label}, here, there))
    return lines


def _sum_of(energies: Sequence[PortEnergy], port_id: int, direction: str) -> int | None:
    ours = [energy for energy in energies if energy.port_id == port_id]
    if not any(energy.covered_ms or energy.recovered_ms for energy in ours):
        return None
    return sum(energy.import_energy if direction == "import" else energy.export_energy for energy in ours)


def comparison(lines: Sequence[Compared], now_name: str, before_name: str) -> Element:
    """A table of what was, what was before, and the difference."""
    head = html.Tr([html.Th(name, scope="col") for name in ("kWh", now_name, before_name, _("Difference"))])
    rows = [
        html.Tr([
            html.Th(line.name, scope="row"),
            html.Td(**_told(line.now, line)),
            html.Td(**_told(line.before, line)),
            html.Td(**_difference(line)),
        ])
        for line in lines
    ]  # fmt: skip
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="ct6-energy ct6-compared")
    return html.Div(table, className="ct6-wide")


def _told(value: float | None, line: Compared) -> dict[str, Any]:
    if value is None:
        return _NOTHING
    if line.is_share:
        return numbered("{share} %", share=(100 * value, 1))
    return numbered("{energy}", energy=(value / ENERGY_PER_KWH, 2))


def _difference(line: Compared) -> dict[str, Any]:
    """By how many percent it is more (or less) than before; of two shares, by how many points."""
    if line.now is None or line.before is None:
        return _NOTHING
    if line.is_share:
        points = 100 * (line.now - line.before)
        return numbered(_("%(sign)s{change} points") % {"sign": _sign_of(points)}, change=(abs(points), 1))
    if line.before == 0 and line.now != 0:
        return _NOTHING
    percent = 100 * (line.now - line.before) / (abs(line.before) or 1)
    return numbered(f"{_sign_of(percent)}{{change}} %", change=(abs(percent), 1))


def _sign_of(change: float) -> str:
    rounded = round(change, 1)
    return "±" if rounded == 0 else "+" if rounded > 0 else "−"


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
    words = numbered(_("%(period)s: {share} %% measured") % {"period": name}, share=(share, 1))
    return html.P(**words, className="ct6-small ct6-partly")
