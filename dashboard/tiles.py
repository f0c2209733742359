"""What every port does right now: a strip of tiles whose texts follow the newest answer.

The server builds the tiles once per device and says every two seconds what stands in them; the browser writes that
into the texts alone (static/dashboard/tiles.js), so that the page stays as it is and the focus where it is.
"""

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate
from django.db.models import prefetch_related_objects
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from dashboard.app import Element, app, aria, callback
from dashboard.figures import colour_slot
from dashboard.live import noticed, silence
from dashboard.plain import Tiles, named
from dashboard.state import Shown, ports_of, shown_on_page
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
    return html.Section([Tiles("tiles")], className="ct6-now", **aria(label=_("Right now")))


app.clientside_callback(ClientsideFunction("tiles", "follow"), Output("tiles", "search"), Input("url", "search"))


@callback(
    Output("seen", "data"),
    Output("freshness", "children"),
    Output("tiles", "frame"),
    Output("tiles", "now"),
    Input("url", "search"),
    Input("look", "data"),
    State("seen", "data"),
    State("tiles", "now"),
)
def look(search: str | None, look: int | None, stamp: Any, before: Any, user: Any) -> Any:
    """What is new: whether there are new readings, and what the tiles say; the tiles themselves only where they are
    others than those on the page. All in one answer, as a page asks for it every two seconds."""
    shown = shown_on_page(user, search)
    prefetch_related_objects([shown.device], "ports")
    ports = ports_of(shown.device)
    silent = silence(shown.device, shown.now_ms)
    now = {"frame": _frame_of(shown, ports), **said_of(shown, ports, is_silent=silent is not None)}
    is_framed = isinstance(before, dict) and before.get("frame") == now["frame"]
    answer = [
        *noticed(shown, silent, stamp),
        no_update if is_framed else [tiles_of(ports), unit_line()],
        no_update if now == before else now,
    ]
    if all(part is no_update for part in answer):
        raise PreventUpdate
    return answer


def said_of(shown: Shown, ports: Sequence[Port], *, is_silent: bool) -> dict[str, Any]:
    """What every tile says, by port id, and the figures of the device; of a silent one only today's energy, since when
    it is silent is said beside (``live.freshness``)."""
    newest = None if is_silent else latest(shown.device)
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
        className="ct6-tile",
        title=_("Show this port alone in the plot, or all again"),
        type="button",
        **named(tile=port.pk),
    )  # fmt: skip


def _today(port: Port, direction: str, title: str) -> Element:
    words = {"import": pgettext("energy of a port", "import"), "export": pgettext("energy of a port", "export")}
    word = html.Span(words[direction], className="ct6-for-readers")
    return html.Span([word, _says(port, direction, "")], className=f"ct6-way ct6-{direction}", title=title)


def _says(port: Port, what: str, look: str) -> Element:
    return html.Span(className=look, **named(port=port.pk, says=what))


def unit_line() -> Element:
    """The places of what is measured once per device, with their units, and of when that was."""
    figures = html.Div([_figure(quantity) for quantity in DEVICE_QUANTITIES], className="ct6-figures")
    return html.Div([figures, html.Span(className="ct6-fresh", **named(says="fresh"))], className="ct6-unit-line")


def _figure(quantity: Quantity) -> Element:
    return html.Span(
        [
            html.Span(_(quantity.label), className="ct6-for-readers"),
            html.Span(**named(figure=quantity.name)),
            f" {quantity.unit}",
        ],
        title=_(quantity.label),
    )
