"""The page of the application: fixed places that the callbacks fill."""

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, dcc, html
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dashboard import controls, energy, export_links, live, pace, peak, plot, table, tiles, welcome
from dashboard.app import Element, app, aria

THEME = {
    "primaryColor": "ct6",
    "primaryShade": {"light": 7, "dark": 4},
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "defaultRadius": "md",
    "colors": {
        "ct6": [
            "#e6f6f2", "#c9ebe3", "#a0dccf", "#6fcdb9", "#2fc4a4",
            "#1fa98c", "#149077", "#0b7562", "#08604f", "#054a3d",
        ],
        "dark": [
            "#d5dce2", "#aab4bd", "#8d98a2", "#66727d", "#3d4852",
            "#2f3941", "#222a31", "#1b2127", "#151a1f", "#0f1317",
        ],
    },
}  # fmt: skip


class PerRequest(html.Div):
    """The page in the language of whoever asks for it: made when it is sent, and not for each callback."""

    def to_plotly_json(self) -> Any:
        return page().to_plotly_json()


def page() -> Element:
    """What ``_dash-layout`` answers, in the language that is active."""
    content = dmc.DatesProvider([*_memory(), *_frame()], settings={"locale": get_language() or "en"})
    return dmc.MantineProvider(content, id="mantine", theme=THEME, defaultColorScheme="auto")


def _memory() -> list[Element]:
    """What the browser remembers between callbacks. The address alone says what is shown."""
    stores = (
        "scheme",
        "room",
        "defaults",
        "told",
        "last-shown",
        "look",
        "roll-call",
        "seen",
        "passed-on",
        "stamp",
        "plot-stamp",
    )
    return [
        dcc.Location(id="url", refresh="callback-nav"),
        dcc.Interval(id="look-clock", interval=pace.LOOK_EVERY_MS),
        dcc.Interval(id="roll-call-clock", interval=live.ROLL_CALL_EVERY_MS),
        *[dcc.Store(id=name) for name in stores],
    ]


def _frame() -> list[Element]:
    return [
        controls.tabs_place(),
        welcome.outcome(),
        controls.notices_place(),
        html.Div(
            [
                tiles.strip(),
                html.Div([controls.range_controls(), live.freshness_place()], className="ct6-bar"),
                html.Div(
                    [
                        _card(
                            "plot", _("Plot"), controls.plot_controls(), plot.drawing(), export_links.links_of("plot")
                        ),
                        _card("table", _("Energy in kWh"), table.table_place(), peak.peak_place()),
                    ],
                    id="power-page",
                    className="ct6-grid",
                ),
                html.Div(energy.panel(), id="energy-page", hidden=True),
            ],
            id="panel",
            hidden=True,
        ),
    ]


def _card(name: str, title: str, *body: Element) -> Element:
    return html.Section([html.H2(title), *body], className=f"ct6-card ct6-{name}-card", **aria(label=title))


def install() -> None:
    """Give the application its page; the callbacks were registered by importing their modules. Call it once."""
    app.clientside_callback(
        ClientsideFunction("dashboard", "colourScheme"),
        Output("scheme", "data"),
        Output("mantine", "forceColorScheme"),
        Output("room", "data"),
        Input("url", "pathname"),
    )
    app.layout = PerRequest()
