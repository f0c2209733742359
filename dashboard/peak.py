"""The day of the range on which most went through a port, on request."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, dcc, html
from dash.exceptions import PreventUpdate

from dashboard.app import Element, app, callback
from dashboard.choices import address_of, one_of
from dashboard.numbers import numbered
from dashboard.state import UNSAID, Shown, current_ms, ports_of, shown_to
from devices.models import Port
from readings import history, periods
from readings.history import PeakDay, PeakOf

_WORDS: dict[str, str] = {"import": "Import", "export": "Export", "net": "Net"}


def peak_place() -> Element:
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id={"control": "peak"},
                        label="Peak day of",
                        placeholder="a port",
                        data=[],
                        clearable=True,
                        className="ct6-peak-port",
                    ),
                    one_of("peakof", UNSAID["peakof"], _WORDS, "Peak of"),
                ],
                className="ct6-peak-question",
            ),
            html.Div(id="peak"),
            dcc.Store(id="peak-told"),
        ],
        className="ct6-peak",
    )


app.clientside_callback(
    ClientsideFunction("plot", "inOwnLocale"), Output("peak", "children"), Input("peak-told", "data")
)

_MOST: dict[PeakOf, str] = {
    "import": "Most was imported, {energy} kWh, on",
    "export": "Most was exported, {energy} kWh, on",
    "net": "The net was highest, {energy} kWh, on",
}


@callback(Output("peak-told", "data"), Input("url", "search"))
def find(search: str | None, user: Any) -> Any:
    shown = shown_to(user, search, current_ms())
    if shown is None or shown.state.view != "power":
        raise PreventUpdate
    return _answer(shown, ports_of(shown.device))


def _answer(shown: Shown, ports: list[Port]) -> list[Element]:
    port = next((port for port in ports if port.pk == shown.state.peak_port_id), None)
    if port is None:
        return []
    of = shown.state.peak_of
    found = None
    if not shown.is_backwards:
        found = history.peak_day(port, shown.start_ms, shown.end_ms, now_ms=shown.now_ms, of=of)
    if found is None:
        return [html.P("No day of this range is over and was measured completely.", role="status")]
    day = periods.local_date(found.day_start_ms, shown.zone)
    link = dcc.Link(f"{day:%A} {day.day} {day:%B %Y}", href=address_of(shown.state.on(day)))
    most = html.Span(**numbered(_MOST[of], energy=(found.kwh, 2)))
    compared = html.Span(**_compared(found), className="ct6-small")
    return [html.P([most, " ", link], role="status"), html.P(compared, className="ct6-small")]


def _compared(found: PeakDay) -> dict[str, Any]:
    numbers = {"complete": (found.complete_days, 0), "left_out": (found.left_out_days, 0)}
    if found.left_out_days == 0:
        words = "The only day." if found.complete_days == 1 else "Of {complete} days, all of them complete."
    elif found.complete_days == 1:
        words = "The only complete day; {left_out} left out as incomplete."
    else:
        words = "Of {complete} complete days; {left_out} left out as incomplete."
    return numbered(words, **numbers)
