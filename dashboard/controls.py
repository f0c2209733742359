"""The tabs of the devices, the choice of the day, and what has to be said about them.

Every control is a component with the id ``{"control": NAME}``: the browser writes its value into the address as
``NAME=value`` (static/dashboard/dashboard.js), and all else follows from the address.
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate
from django.urls import reverse
from plotly.utils import PlotlyJSONEncoder

from dashboard import welcome
from dashboard.app import Element, app, aria, callback, triggered_only_by
from dashboard.state import Shown, current_ms, ports_of, shown_of
from dashboard.state import State as PageState
from devices.access import devices_for
from devices.models import Device

ONE_DAY = timedelta(days=1)
TABS = html.Nav(id="tabs", className="ct6-devices", **aria(label="Devices"))
CHOICES = html.Div(id="controls", className="ct6-controls")
NOTICES = html.Div(html.P("Loading …", className="ct6-small"), id="notices", className="ct6-notices")

app.clientside_callback(
    ClientsideFunction("dashboard", "navigate"),
    Output("url", "search"),
    Input({"control": ALL}, "value"),
    State({"control": ALL}, "id"),
    State("url", "search"),
    State("defaults", "data"),
    prevent_initial_call=True,
)


@callback(
    Output("tabs", "children"),
    Output("controls", "children"),
    Output("notices", "children"),
    Output("panel", "hidden"),
    Output("defaults", "data"),
    Output("last-shown", "data"),
    Input("url", "search"),
    Input("roll-call", "data"),
    State("last-shown", "data"),
)
def show(search: str | None, roll_call: int | None, last_shown: str | None, user: Any, callback_context: Any) -> Any:
    """The page's frame. A roll call that finds everything as it was answers nothing, so that no open list closes."""
    frame = _frame(user, search, current_ms())
    told = json.dumps(frame, cls=PlotlyJSONEncoder)
    if told == last_shown and triggered_only_by(callback_context, "roll-call.data"):
        raise PreventUpdate
    return *frame, told


def _frame(user: Any, search: str | None, now_ms: int) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
    state = PageState.read(search)
    known = list(devices_for(user).exclude(adoption=Device.Adoption.IGNORED))
    devices = [device for device in known if device.adoption == Device.Adoption.ADOPTED]
    pending = [device for device in known if device.adoption == Device.Adoption.PENDING]
    notices = [welcome.pending_devices(pending, user)] if pending else []
    if not devices:
        return None, None, notices or [welcome.no_device(user, now_ms)], True, {}
    chosen = devices[0] if state.device_id is None else next((d for d in devices if d.pk == state.device_id), None)
    if chosen is None:
        return _tabs(devices, None), None, [*notices, welcome.unknown_device()], True, {}
    shown = shown_of(state, chosen, now_ms)
    notices += _hints(shown, user)
    defaults = {
        "values": {"device": str(devices[0].pk), "day": shown.today.isoformat()},
        "moving": ["day"],  # today is left out of the address, so that it goes on at midnight
    }
    return _tabs(devices, chosen), _day(shown), notices, False, defaults


def _hints(shown: Shown, user: Any) -> list[Element]:
    ports = ports_of(shown.device)
    hints = []
    if ports and not any(port.name for port in ports):
        hints.append(welcome.unnamed_ports(shown.device, user))
    if shown.device.claimed_from:
        hints.append(welcome.claimed_twice(shown.device))
    return hints


def _tabs(devices: Sequence[Device], chosen: Device | None) -> Element:
    tabs = [dmc.TabsTab(_tab_label(device), value=str(device.pk)) for device in devices]
    return dmc.Tabs(
        dmc.TabsList(tabs, className="ct6-tabs"),
        id={"control": "device"},
        value=None if chosen is None else str(chosen.pk),
    )


def _tab_label(device: Device) -> Any:
    if not device.demo:
        return str(device)
    return html.Span([str(device), html.Span("demo", className="ct6-demo")])


def _day(shown: Shown) -> list[Element]:
    before, after = shown.day - ONE_DAY, shown.day + ONE_DAY
    picker = dmc.DatePickerInput(
        id={"control": "day"},
        value=shown.day.isoformat(),
        maxDate=shown.today.isoformat(),
        valueFormat="ddd D MMM YYYY",
        highlightToday=True,
        weekendDays=[],
        firstDayOfWeek=1,
        className="ct6-day",
        **aria(label="Day"),
    )
    return [
        _step(shown, before, "‹", "Previous day"),
        picker,
        _step(shown, after, "›", "Next day") if after <= shown.today else _no_step("›", "Next day"),
        dcc.Link(
            "Today",
            href=_address(shown.state.on(None)),
            className="ct6-step ct6-today" + (" ct6-current" if shown.day == shown.today else ""),
        ),
    ]


def _step(shown: Shown, day: date, sign: str, words: str) -> Element:
    target = None if day == shown.today else day
    return dcc.Link(_sign(sign, words), href=_address(shown.state.on(target)), className="ct6-step", title=words)


def _no_step(sign: str, words: str) -> Element:
    return html.Span(_sign(sign, words), className="ct6-step ct6-off", **aria(disabled="true"))


def _sign(sign: str, words: str) -> list[Element]:
    return [html.Span(sign, **aria(hidden="true")), html.Span(words, className="ct6-for-readers")]


def _address(state: PageState) -> str:
    return reverse("dashboard") + state.search
