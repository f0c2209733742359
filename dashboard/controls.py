"""The frame of the page: the tabs of the devices, what can be chosen, and what has to be said about a device.

Every control is a component with the id ``{"control": NAME}``: the browser writes its value into the address as
``NAME=value`` (static/dashboard/plot.js), and all else follows from the address.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate
from django.utils.translation import gettext as _
from plotly.utils import PlotlyJSONEncoder

from dashboard import choices, live, welcome
from dashboard.app import Element, app, aria, callback
from dashboard.state import State as PageState
from dashboard.state import current_ms, in_order, ports_of, shown_of
from devices.access import devices_for
from devices.models import Device


def tabs_place() -> Element:
    return html.Nav(id="tabs", className="ct6-devices", **aria(label=_("Devices")))


def range_controls() -> Element:
    return html.Div(choices.range_choices(), id="controls", className="ct6-controls")


def plot_controls() -> Element:
    return html.Div(choices.plot_choices(), id="plot-choices", className="ct6-controls")


def notices_place() -> Element:
    return html.Div(html.P(_("Loading …"), className="ct6-small"), id="notices", className="ct6-notices")


app.clientside_callback(
    ClientsideFunction("plot", "navigate"),
    Output("url", "search"),
    Input({"control": ALL}, "value"),
    Input("plot", "relayoutData"),
    State({"control": ALL}, "id"),
    State("url", "search"),
    State("defaults", "data"),
    prevent_initial_call=True,
)

# Not by outputs: the address follows from the controls, and Dash allows no circle.
app.clientside_callback(
    ClientsideFunction("plot", "tell"),
    Output("told", "data"),
    Input("defaults", "data"),
    State({"control": ALL}, "value"),
    State({"control": ALL}, "id"),
)


@callback(
    Output("tabs", "children"),
    Output("notices", "children"),
    Output("panel", "hidden"),
    Output("power-page", "hidden"),
    Output("energy-page", "hidden"),
    Output("defaults", "data"),
    Output("last-shown", "data"),
    Input("url", "search"),
    Input("roll-call", "data"),
    State("last-shown", "data"),
)
def show(search: str | None, roll_call: int | None, last_shown: list[str] | None, user: Any) -> Any:
    """The page's frame; only what is another than before, so that the focus stays and no open list closes."""
    frame = _frame(user, search, current_ms())
    told = [json.dumps(part, cls=PlotlyJSONEncoder) for part in frame]
    before = last_shown or [""] * len(told)
    if told == before:
        raise PreventUpdate
    has_new_tabs = told[0] != before[0]  # of which none is chosen yet
    answer = [no_update if new == old else part for part, new, old in zip(frame, told, before, strict=True)]
    return *answer[:-1], frame.defaults if has_new_tabs else answer[-1], told


class Frame(NamedTuple):
    """What the frame's places hold, in the order of their outputs."""

    tabs: Element
    notices: list[Element]
    is_empty: bool
    hides_power: bool
    hides_energy: bool
    defaults: dict[str, Any]


def _frame(user: Any, search: str | None, now_ms: int) -> Frame:
    state = PageState.read(search)
    known = list(in_order(devices_for(user).exclude(adoption=Device.Adoption.IGNORED)))
    devices = [device for device in known if device.adoption == Device.Adoption.ADOPTED]
    pending = [device for device in known if device.adoption == Device.Adoption.PENDING]
    notices = [welcome.pending_devices(pending, user)] if pending else []
    if not devices:
        return _empty(None, notices or [welcome.no_device(user, now_ms)])
    chosen = devices[0] if state.device_id is None else next((d for d in devices if d.pk == state.device_id), None)
    if chosen is None:
        return _empty(_tabs(devices, now_ms), [*notices, welcome.unknown_device()])
    shown = shown_of(state, chosen, now_ms)
    return Frame(
        tabs=_tabs(devices, now_ms),
        notices=[*notices, *welcome.hints(shown, user)],
        is_empty=False,
        hides_power=state.view != "power",
        hides_energy=state.view != "energy",
        defaults=choices.defaults_of(shown, ports_of(chosen), devices[0].pk),
    )


def _empty(tabs: Element | None, notices: list[Element]) -> Frame:
    told = [] if tabs is None else [({"control": "device"}, {"value": None})]
    defaults = {"values": {}, "moving": [], "told": told}
    return Frame(tabs, notices, is_empty=True, hides_power=True, hides_energy=True, defaults=defaults)


def _tabs(devices: Sequence[Device], now_ms: int) -> Element:
    """Which of them is chosen is told like the value of any control."""
    tabs = [dmc.TabsTab(live.tab_label(device, now_ms), value=str(device.pk)) for device in devices]
    return dmc.Tabs(dmc.TabsList(tabs, className="ct6-tabs"), id={"control": "device"})
