"""The power of every port over the day, as lines."""

from typing import Any

import numpy as np
from dash import ClientsideFunction, Input, Output, dcc, html
from dash.exceptions import PreventUpdate
from django.urls import reverse

from dashboard.app import Element, app, callback
from dashboard.figures import Drawing, Figure, Measure, Scheme, Span, Trace, blank_figure, line_figure
from dashboard.live import newest_reading_ms
from dashboard.state import Shown, current_ms, ports_of, shown_to
from devices.models import Port
from readings import history, periods
from readings.quantities import ACTIVE_POWER

KILOWATTS = Measure(unit="kW", decimals=3, title="kW  (import below zero)")

GRAPH = dcc.Graph(
    id="power",
    figure=blank_figure(),
    responsive=True,
    config={
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d"],
        "toImageButtonOptions": {"filename": "ct6-power", "scale": 2},
    },
)
DRAWING = html.Div([GRAPH, html.Div(id="power-note"), dcc.Store(id="power-drawn")], className="ct6-drawing")

# By way of the browser, which knows the user's zoom and choice of traces: Dash loses them with every new figure, since
# it draws the old one once more with the zoom written into it.
app.clientside_callback(
    ClientsideFunction("dashboard", "keepChoices"),
    Output("power", "figure"),
    Input("power-drawn", "data"),
    prevent_initial_call=True,
)


@callback(
    Output("power-drawn", "data"),
    Output("power-note", "children"),
    Input("url", "search"),
    Input("stamp", "data"),
    Input("scheme", "data"),
)
def draw(search: str | None, stamp: list[Any] | None, scheme: str | None, user: Any) -> Any:
    shown = shown_to(user, search, current_ms())
    if shown is None:
        raise PreventUpdate
    ports = ports_of(shown.device)
    series = history.series(ports, ACTIVE_POWER, shown.start_ms, shown.end_ms, now_ms=shown.now_ms, resolution="auto")
    figure = power_figure(shown, ports, series, "dark" if scheme == "dark" else "light")
    is_empty = not any(np.isfinite(line.values).any() for line in series.lines)
    return figure, _nothing_to_draw(shown) if is_empty else None


def power_figure(shown: Shown, ports: list[Port], series: history.Series, scheme: Scheme) -> Figure:
    """The figure of a series in W, drawn in kW as it was read: import below zero."""
    by_port = {port.pk: port for port in ports}
    traces = []
    for line in series.lines:
        port = by_port[line.port_id or 0]
        traces.append(Trace(f"port-{port.pk}", port.label, port.number, line.times, line.values / 1000))
    drawing = Drawing(
        measure=KILOWATTS,
        span=Span(shown.start_ms, shown.end_ms, shown.zone),
        scheme=scheme,
        step_ms=series.step_ms,
        zoom=f"{shown.device.pk} {shown.day}",
        choice=str(shown.device.pk),
    )
    return line_figure(traces, drawing)


def _nothing_to_draw(shown: Shown) -> Element:
    if shown.is_ahead:
        return _note("This day is still to come.", None)
    newest_ms = newest_reading_ms(shown.device)
    if newest_ms is None:
        return _note("This device has no readings yet.", None)
    day = periods.local_date(newest_ms, shown.zone)
    if day == shown.day:
        return _note("There are no readings on this day yet.", None)
    target = None if day == shown.today else day
    link = dcc.Link(
        f"Go to the newest, of {day.day} {day:%B %Y}", href=reverse("dashboard") + shown.state.on(target).search
    )
    return _note("There are no readings on this day.", link)


def _note(words: str, link: Element | None) -> Element:
    return html.Div([html.P(words), link], className="ct6-card ct6-empty", role="status")
