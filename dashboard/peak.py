"""The day of the range on which most went through a port, on request."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dashboard.app import Element, app, callback
from dashboard.choices import address_of, one_of
from dashboard.numbers import numbered
from dashboard.state import UNSAID, Shown, ports_of, shown_on_page
from devices.models import Port
from readings import history, periods
from readings.history import PeakDay, PeakOf

_WORDS: dict[str, str | Promise] = {
    "import": pgettext_lazy("energy", "Import"),
    "export": pgettext_lazy("energy", "Export"),
    "net": pgettext_lazy("energy", "Net"),
}


def peak_place() -> Element:
    return html.Div(
        [
            html.Div(
                [
                    dmc.Select(
                        id={"control": "peak"},
                        label=gettext("Peak day of"),
                        placeholder=gettext("a port"),
                        data=[],
                        clearable=True,
                        className="ct6-peak-port",
                    ),
                    one_of("peakof", UNSAID["peakof"], _WORDS, gettext("Peak of")),
                ],
                className="ct6-peak-question",
            ),
            html.Div(id="peak"),
            dcc.Store(id="peak-told"),
            dcc.Store(id="peak-asked"),
        ],
        className="ct6-peak",
    )


app.clientside_callback(
    ClientsideFunction("plot", "inOwnLocale"), Output("peak", "children"), Input("peak-told", "data")
)

_MOST: dict[PeakOf, Promise] = {
    "import": _("Most was imported, {energy} kWh, on {day}"),
    "export": _("Most was exported, {energy} kWh, on {day}"),
    "net": _("The net was highest, {energy} kWh, on {day}"),
}
_NOTHING: dict[str, Promise] = {
    "import": _("Nothing was imported on any complete day of this range."),
    "export": _("Nothing was exported on any complete day of this range."),
}


# Only where a port is chosen, or was.
app.clientside_callback(
    ClientsideFunction("plot", "peakAsked"),
    Output("peak-asked", "data"),
    Input("url", "search"),
    State("peak-asked", "data"),
)


@callback(Output("peak-told", "data"), Input("peak-asked", "data"), State("url", "search"))
def find(asked: str | None, search: str | None, user: Any) -> Any:
    shown = shown_on_page(user, search, "power")
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
        return [html.P(gettext("No day of this range is over and was measured completely."), role="status")]
    if found.energy == 0 and of in _NOTHING:
        return [html.P(str(_NOTHING[of]), role="status")]
    day = periods.local_date(found.day_start_ms, shown.zone)
    words = date_format(day, pgettext("date format of Django", "l j F Y"))
    link = dcc.Link(words, href=address_of(shown.state.on(day)))
    before, _day, after = str(_MOST[of]).partition("{day}")
    most = [html.Span(**numbered(part, energy=(found.kwh, 2))) for part in (before, after)]
    compared = html.Span(**_compared(found), className="ct6-small")
    return [html.P([most[0], link, most[1]], role="status"), html.P(compared, className="ct6-small")]


def _compared(found: PeakDay) -> dict[str, Any]:
    numbers = {"complete": (found.complete_days, 0), "left_out": (found.left_out_days, 0)}
    if found.left_out_days == 0:
        words = ngettext("The only day.", "Of {complete} days, all of them complete.", found.complete_days)
    elif found.complete_days == 1:
        words = gettext("The only complete day; {left_out} left out as incomplete.")
    else:
        words = gettext("Of {complete} complete days; {left_out} left out as incomplete.")
    return numbered(words, **numbers)
