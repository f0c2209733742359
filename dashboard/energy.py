"""The energy view: bars of import and export, the home's balance and its flow, what was before, and a heat map.

What is told goes by way of the browser (static/dashboard/energy.js), which writes the numbers in its own locale. The
browser also says when a part has to be asked anew: by its own words of the address, so that a bar per day instead of
an hour asks for no other balance.
"""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from dash import ClientsideFunction, Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dashboard import compare, energy_choices, energy_lines, energy_numbers, flow
from dashboard.app import Element, app, aria, callback, triggered_only_by
from dashboard.compare import Period, StoredBucket
from dashboard.energy_bars import WELL_MEASURED, BarDrawing, axis_of, bars_figure
from dashboard.energy_choices import BALANCED, DAY_MS, balance_bucket, bar_bucket, ports_of
from dashboard.export_links import links_of
from dashboard.figures import Scheme, blank_figure
from dashboard.flow import Use
from dashboard.heatmap import heat_figure, heat_map_of
from dashboard.state import Shown, shown_on_page
from devices.models import Port
from readings import history, periods
from readings.balance import balance_of, uses_of
from readings.history import PortEnergy

HEAT_UP_TO_MS: Final = 366 * DAY_MS
_STORES: Final = (
    "energy-minute", "energy-bars-asked", "energy-balance-asked", "energy-heat-asked",
    "energy-bars-drawn", "energy-flow-drawn", "energy-heat-drawn",
    "energy-bars-note-told", "energy-balance-told", "energy-comparison-told",
)  # fmt: skip


def _graph(name: str, filename: str) -> Element:
    return dcc.Graph(
        id=name,
        figure=blank_figure(),
        responsive=True,
        className="ct6-energy-graph",
        config={
            "locale": get_language(),
            "displaylogo": False,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"filename": filename, "scale": 2},
        },
    )


def _card(name: str, title: str, *body: Element) -> Element:
    return html.Section([html.H2(title), *body], className=f"ct6-card ct6-{name}-card", **aria(label=title))


def panel() -> Element:
    return html.Div(
        [
            *[dcc.Store(id=name) for name in _STORES],
            html.Div(
                [
                    _card(
                        "bars",
                        _("Import and export"),
                        html.Div(energy_choices.bar_choices(), className="ct6-energy-choices"),
                        html.Div(_graph("energy-bars", "ct6-energy"), className="ct6-energy-drawing"),
                        html.Div(id="energy-bars-note"),
                        links_of("bars"),
                    ),
                    _card("balance", _("Balance"), html.Div(id="energy-balance")),
                    html.Div(
                        _card(
                            "flow",
                            _("Energy flow"),
                            html.Div(_graph("energy-flow", "ct6-energy-flow"), className="ct6-energy-drawing"),
                            html.Div(id="energy-flow-note"),
                        ),
                        id="energy-flow-place",
                        hidden=True,
                    ),
                    _card("comparison", _("Compared with before"), html.Div(id="energy-comparison")),
                    _card(
                        "heat",
                        _("Hours and days"),
                        html.Div(energy_choices.heat_choices(), className="ct6-energy-choices"),
                        html.Div(_graph("energy-heat", "ct6-energy-hours"), className="ct6-energy-drawing"),
                        html.Div(id="energy-heat-note"),
                    ),
                ],
                className="ct6-energy-grid",
            ),
        ],
        id="energy-view",
        className="ct6-energy-view",
    )


# Once a minute while somebody looks: a reading more changes a bar by a hair, and costs the work of all of them.
app.clientside_callback(
    ClientsideFunction("energy", "minute"),
    Output("energy-minute", "data"),
    Input("url", "search"),  # from the start, or all would be drawn a second time at the first look
    Input("look", "data"),
    State("energy-minute", "data"),
)
app.clientside_callback(
    ClientsideFunction("energy", "asked"),
    Output("energy-bars-asked", "data"),
    Output("energy-balance-asked", "data"),
    Output("energy-heat-asked", "data"),
    Input("url", "search"),
    Input("scheme", "data"),
    State("energy-bars-asked", "data"),
    State("energy-balance-asked", "data"),
    State("energy-heat-asked", "data"),
)
for _part, _drawn_by in (("bars", "bars"), ("flow", "flow"), ("heat", "figure")):
    app.clientside_callback(
        ClientsideFunction("energy", _drawn_by),
        Output(f"energy-{_part}", "figure"),
        Input(f"energy-{_part}-drawn", "data"),
        prevent_initial_call=True,
    )
for _part in ("bars-note", "balance", "comparison"):
    app.clientside_callback(
        ClientsideFunction("plot", "inOwnLocale"),
        Output(f"energy-{_part}", "children"),
        Input(f"energy-{_part}-told", "data"),
        prevent_initial_call=True,
    )


@callback(
    Output("energy-bars-drawn", "data"),
    Output("energy-bars-note-told", "data"),
    Input("energy-bars-asked", "data"),
    Input("energy-minute", "data"),
    State("url", "search"),
)
def draw_bars(asked: Any, minute: int | None, search: str | None, user: Any, callback_context: Any) -> Any:
    shown = _shown(user, search, callback_context)
    bucket = bar_bucket(shown)
    now = _period(shown)
    before = now.before()
    ports, lines_of = energy_lines.bar_ports(ports_of(shown), shown.state.bars)
    stored: StoredBucket = "month" if bucket == "year" else bucket
    both = compare.read(ports, now, before, stored, now_ms=shown.now_ms)
    here, there = (energy_lines.of_lines(lines_of, ports, energies) for energies in both)
    pieces = now.pieces(bucket)
    measured = energy_lines.measured_of(here, pieces)
    drawing = BarDrawing(
        axis=axis_of(pieces, bucket, shown.zone, measured),
        ghost=energy_lines.ghost(now, before, bucket, there),
        incomplete=np.array([share is not None and share < WELL_MEASURED for share in measured], dtype=np.bool_),
        scheme=_scheme(asked),
        choice=f"{shown.device.pk} {shown.state.bars}",
    )
    lines = [line.drawn(here, pieces) for line in lines_of]
    return bars_figure(lines, drawing), _bars_note(shown, here, int(drawing.incomplete.sum()))


@callback(
    Output("energy-balance-told", "data"),
    Output("energy-comparison-told", "data"),
    Output("energy-flow-drawn", "data"),
    Output("energy-flow-note", "children"),
    Output("energy-flow-place", "hidden"),
    Input("energy-balance-asked", "data"),
    Input("energy-minute", "data"),
    State("url", "search"),
)
def tell_balance(asked: Any, minute: int | None, search: str | None, user: Any, callback_context: Any) -> Any:
    shown = _shown(user, search, callback_context)
    ports = ports_of(shown)
    roles = {port.pk: port.role for port in ports}
    now, bucket = _period(shown), balance_bucket(shown)
    both = compare.Both.read(ports, now, bucket, shown.now_ms)
    lines = energy_numbers.compared_ports(ports, both.now_cut, both.before_cut)
    told: list[Element] = [energy_numbers.no_roles(shown.device, user)]
    streams: list[flow.Flow] = []
    notes: list[Element] = []
    uses = _uses(ports, roles, both.now)
    if _is_balanced(roles, both.now):
        balance = balance_of(roles, both.now)
        told = [energy_numbers.numbers(balance, bucket)]
        streams = flow.flows_to_draw(balance, uses)
        earlier, later = balance_of(roles, both.before_cut), balance_of(roles, both.now_cut)
        lines = energy_numbers.compared_balances(later, earlier)
        lines += energy_numbers.compared_uses(_uses(ports, roles, both.now_cut), _uses(ports, roles, both.before_cut))
        if flow.are_counted_twice(balance, uses):
            words = _("The loads add up to more than the home used: is one of them part of another?")
            notes.append(html.P(words, className="ct6-small"))
    coverage = energy_numbers.coverage_words(both.now, compare.name_of(now))
    figure = flow.flow_figure(streams, uses, _scheme(asked)) if streams else blank_figure()
    return [*told, coverage], _comparison(lines, both, shown.zone), figure, notes, not streams


@callback(
    Output("energy-heat-drawn", "data"),
    Output("energy-heat-note", "children"),
    Input("energy-heat-asked", "data"),
    Input("energy-minute", "data"),
    State("url", "search"),
)
def draw_heat(asked: Any, minute: int | None, search: str | None, user: Any, callback_context: Any) -> Any:
    shown = _shown(user, search, callback_context)
    port = energy_lines.heat_port(ports_of(shown), shown.state.heat)
    end_ms = min(shown.end_ms, shown.now_ms)
    start_ms = max(shown.start_ms, periods.day_start(end_ms - HEAT_UP_TO_MS, shown.zone))
    energies = []
    if port is not None and start_ms < end_ms:
        energies = history.energy([port], start_ms, end_ms, "hour", now_ms=shown.now_ms)
    heat = heat_map_of(energies, shown.zone)
    if heat is None:
        return blank_figure(), html.P(_("There are no readings of this port in this range."), className="ct6-small")
    words = [
        _("kWh of each hour, below zero is export; the hours are those of %(zone)s.") % {"zone": shown.device.timezone}
    ]
    if np.isnan(heat.net_kwh).any():
        words.append(_("Grey hours were not measured."))
    if start_ms > shown.start_ms:
        words.append(_("Shown are the last 366 days of the range."))
    return heat_figure(heat, _scheme(asked)), html.P(" ".join(words), className="ct6-small")


# --- What is asked -----------------------------------------------------------------------------------------------
def _shown(user: Any, search: str | None, callback_context: Any = None) -> Shown:
    """What the address shows, where that is this view; a new minute alone changes nothing in what is over."""
    shown = shown_on_page(user, search, "energy")
    if callback_context is not None and not shown.is_live and triggered_only_by(callback_context, "energy-minute.data"):
        raise PreventUpdate
    return shown


def _period(shown: Shown) -> Period:
    return Period(shown.start_ms, shown.end_ms, shown.zone)


def _scheme(asked: Any) -> Scheme:
    return "dark" if isinstance(asked, dict) and asked.get("scheme") == "dark" else "light"


# --- Elements -----------------------------------------------------------------------------------------------------
def _bars_note(shown: Shown, energies: Sequence[PortEnergy], incomplete: int) -> list[Element]:
    notes: list[Element] = []
    if not any(energy.covered_ms or energy.recovered_ms for energy in energies):
        words = _("This range is still to come.") if shown.is_ahead else _("There are no readings in this range.")
        notes.append(html.P(words, role="status"))
    coverage = energy_numbers.coverage_words(energies, compare.name_of(_period(shown)))
    if coverage is not None:
        notes.append(coverage)
    if incomplete:
        notes.append(html.P(_("Hatched bars were measured in part only."), className="ct6-small"))
    asked = shown.state.bucket
    used = bar_bucket(shown)
    if asked not in ("auto", used):
        too_fine = {"day": _("Hours are shown of up to 62 days."), "month": _("Days are shown of up to 3 years.")}
        notes.append(html.P(too_fine[used], className="ct6-small"))
    return notes


def _uses(ports: Sequence[Port], roles: dict[int, str], energies: Sequence[PortEnergy]) -> list[Use]:
    used = uses_of(roles, energies)
    return [Use(port.label, port.number, used[port.pk]) for port in ports if port.pk in used]


def _is_balanced(roles: dict[int, str], energies: Sequence[PortEnergy]) -> bool:
    """Whether a port has a part in balances, or had one in the time that the energies are of."""
    if any(role in BALANCED for role in roles.values()):
        return True
    return any(role in BALANCED for energy in energies for role, _part in energy.parts)


def _comparison(lines: Sequence[energy_numbers.Compared], both: compare.Both, zone: ZoneInfo) -> list[Element]:
    if not both.now_cut:
        return [html.P(_("Nothing of this range is complete yet."), className="ct6-small")]
    if energy_numbers.measured_share(both.before_cut) in (None, 0.0):
        words = _("There are no readings to compare with: %(period)s.") % {"period": both.before_name}
        if both.begins_ms is not None:
            words = _("There are no readings to compare with: %(period)s. They begin later, at %(moment)s.") % {
                "period": both.before_name,
                "moment": compare.name_of_moment(both.begins_ms, zone),
            }
        return [html.P(words, className="ct6-small")]
    coverage = (
        energy_numbers.coverage_words(both.now_cut, both.now_name),
        energy_numbers.coverage_words(both.before_cut, both.before_name),
    )
    table = energy_numbers.comparison(lines, both.now_name, both.before_name)
    return [table, *(words for words in coverage if words is not None)]
