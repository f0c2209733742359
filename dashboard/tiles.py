"""What every port does right now: a strip of tiles whose texts follow the newest answer.

The server builds the tiles once per device and says every two seconds what stands in them; the browser writes that
into the texts alone (static/dashboard/tiles.js), so that the page stays as it is and the focus where it is.
"""

from collections.abc import Sequence
from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate
from django.db.models import prefetch_related_objects
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from dashboard.app import Element, app, aria, callback
from dashboard.figures import colour_slot
from dashboard.live import silence
from dashboard.state import Shown, current_ms, ports_of, shown_to
from devices.models import Port
from readings import history, periods
from readings.latest import Latest, latest
from readings.quantities import DEVICE_QUANTITIES, Quantity

# What people read for each direction.
_WORDS = {
    "import": pgettext_lazy("direction of a port", "import"),
    "export": pgettext_lazy("direction of a port", "export"),
    "idle": pgettext_lazy("direction of a port", "idle"),
}


def strip() -> Element:
    return html.Section(
        [
            html.Div(id="tiles"),
            html.Div(
                [
                    html.Div(id="tiles-figures", className="ct6-figures"),
                    html.Span(id="tiles-fresh", className="ct6-fresh"),
                ],
                className="ct6-unit-line",
            ),
            dcc.Store(id="tiles-now"),
        ],
        className="ct6-now",
        **aria(label=_("Right now")),
    )


app.clientside_callback(
    ClientsideFunction("tiles", "write"),
    Output({"port": ALL, "says": "power"}, "children"),
    Output({"port": ALL, "says": "direction"}, "children"),
    Output({"port": ALL, "says": "direction"}, "className"),
    Output({"port": ALL, "says": "import"}, "children"),
    Output({"port": ALL, "says": "export"}, "children"),
    Output({"figure": ALL}, "children"),
    Output("tiles-fresh", "children"),
    Input("tiles-now", "data"),
    State({"port": ALL, "says": "power"}, "id"),
    State({"figure": ALL}, "id"),
)

app.clientside_callback(
    ClientsideFunction("tiles", "isolate"),
    Output({"tile": ALL}, "aria-pressed"),
    Input({"tile": ALL}, "n_clicks"),
    Input("tiles-now", "data"),
    Input("url", "search"),
    State({"tile": ALL}, "id"),
    prevent_initial_call=True,
)


@callback(
    Output("tiles", "children"),
    Output("tiles-figures", "children"),
    Output("tiles-now", "data"),
    Input("url", "search"),
    Input("look", "data"),
    State("tiles-now", "data"),
)
def tell(search: str | None, look: int | None, before: dict[str, Any] | None, user: Any) -> Any:
    """What the tiles say; the tiles themselves only where they are others than those on the page."""
    shown = shown_to(user, search, current_ms())
    if shown is None:
        raise PreventUpdate
    prefetch_related_objects([shown.device], "ports")
    ports = ports_of(shown.device)
    now = {"frame": _frame_of(shown, ports), **said_of(shown, ports)}
    if now == before:
        raise PreventUpdate
    if isinstance(before, dict) and before.get("frame") == now["frame"]:
        return no_update, no_update, now
    return tiles_of(ports), figures_line(), now


def said_of(shown: Shown, ports: Sequence[Port]) -> dict[str, Any]:
    """What every tile says, by port id, and the figures of the device; of a silent one only today's energy, since when
    it is silent is said beside (``live.freshness``)."""
    newest = latest(shown.device) if silence(shown.device, shown.now_ms) is None else None
    today = _today_kwh(shown, ports)
    said = {str(port.pk): {**_power_of(port, newest), **today[port.pk]} for port in ports}
    if newest is None:
        return {"ports": said, "figures": {}, "fresh": ""}
    return {"ports": said, "figures": dict(newest.values), "fresh": _measured_at(newest, shown)}


def _frame_of(shown: Shown, ports: Sequence[Port]) -> list[Any]:
    return [shown.device.pk, *[[port.pk, port.number, port.label] for port in ports]]


def _power_of(port: Port, newest: Latest | None) -> dict[str, Any]:
    if newest is None:
        return {"power_w": None, "direction": "none", "word": _("no data")}
    measured = newest.ports.get(port.number)
    if measured is None or measured.direction is None:
        return {"power_w": None, "direction": "none", "word": _("no value")}
    return {
        "power_w": measured.values["active_power"],
        "direction": measured.direction,
        "word": str(_WORDS[measured.direction]),
    }


def _today_kwh(shown: Shown, ports: Sequence[Port]) -> dict[int, dict[str, float | None]]:
    start_ms = periods.day_start(shown.now_ms, shown.zone)
    end_ms = periods.next_day_start(shown.now_ms, shown.zone)
    found = {}
    for energy in history.energy(ports, start_ms, end_ms, "total", now_ms=shown.now_ms):
        measured = bool(energy.covered_ms or energy.recovered_ms)
        found[energy.port_id] = {
            "import_kwh": energy.import_kwh if measured else None,
            "export_kwh": energy.export_kwh if measured else None,
        }
    return found


def _measured_at(newest: Latest, shown: Shown) -> str:
    time = date_format(periods.to_datetime(newest.time_ms, shown.zone), "H:i:s")
    return _("Measured at %(time)s") % {"time": time}


def tiles_of(ports: Sequence[Port]) -> Element:
    return html.Ul([html.Li(_tile(port)) for port in ports], className="ct6-tiles")


def _tile(port: Port) -> Element:
    colour = {"background": f"var(--ct6-port-{colour_slot(port.number)})"}
    return html.Button(
        [
            html.Span([html.Span(className="ct6-swatch", style=colour), port.label], className="ct6-tile-name"),
            html.Span(
                [
                    html.Span([_says(port, "power", "ct6-tile-number"), " kW"], className="ct6-tile-power"),
                    _says(port, "direction", "ct6-way"),
                ],
                className="ct6-tile-now",
            ),
            html.Span(
                [
                    html.Span(_("Today, kWh"), className="ct6-tile-label"),
                    _today(port, "import", _("Imported today, kWh")),
                    _today(port, "export", _("Exported today, kWh")),
                ],
                className="ct6-tile-today",
            ),
        ],
        id={"tile": port.pk},
        className="ct6-tile",
        title=_("Show this port alone in the plot, or all again"),
        type="button",
        **aria(pressed="false"),
    )  # fmt: skip


def _today(port: Port, direction: str, title: str) -> Element:
    words = {"import": pgettext("energy of a port", "import"), "export": pgettext("energy of a port", "export")}
    word = html.Span(words[direction], className="ct6-for-readers")
    return html.Span([word, _says(port, direction, "")], className=f"ct6-way ct6-{direction}", title=title)


def _says(port: Port, what: str, look: str) -> Element:
    return html.Span(id={"port": port.pk, "says": what}, className=look)


def figures_line() -> list[Element]:
    """The places of what is measured once per device, with their units."""
    return [_figure(quantity) for quantity in DEVICE_QUANTITIES]


def _figure(quantity: Quantity) -> Element:
    return html.Span(
        [
            html.Span(_(quantity.label), className="ct6-for-readers"),
            html.Span(id={"figure": quantity.name}),
            f" {quantity.unit}",
        ],
        title=_(quantity.label),
    )
