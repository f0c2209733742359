"""The links to the files of what is plotted. They carry the words of the page's address."""

from dash import ClientsideFunction, Input, Output, html
from django.utils.translation import gettext as _

from dashboard.app import Element, app, aria

_PLACES = ("plot", "bars")

app.clientside_callback(
    ClientsideFunction("dashboard", "exportLinks"),
    *[Output(f"export-{file}-{place}", "href") for place in _PLACES for file in ("csv", "excel")],
    Input("url", "search"),
)


def links_of(place: str) -> Element:
    """The links, for one place of the page."""
    return html.Nav(
        [
            _("Save what is plotted:"),
            " ",
            html.A("CSV", id=f"export-csv-{place}"),
            " ",
            html.A("Excel", id=f"export-excel-{place}"),
        ],
        className="ct6-small ct6-export-links",
        **aria(label=_("Files of what is plotted")),
    )
