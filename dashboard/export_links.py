"""The links to the files of what is plotted. They carry the words of the page's address."""

from dash import ClientsideFunction, Input, Output, html

from dashboard.app import Element, app, aria


def links_of(place: str) -> Element:
    """The links, for one place of the page."""
    csv_id, excel_id = f"export-csv-{place}", f"export-excel-{place}"
    app.clientside_callback(
        ClientsideFunction("dashboard", "exportLinks"),
        Output(csv_id, "href"),
        Output(excel_id, "href"),
        Input("url", "search"),
    )
    return html.Nav(
        ["Save what is plotted: ", html.A("CSV", id=csv_id), " ", html.A("Excel", id=excel_id)],
        className="ct6-small ct6-export-links",
        **aria(label="Files of what is plotted"),
    )
