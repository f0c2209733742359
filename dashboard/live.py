"""Notices new readings, so that what is drawn follows them, and says how fresh they are."""

from datetime import timedelta
from typing import Any

from dash import ClientsideFunction, Input, Output, State, html
from dash.exceptions import PreventUpdate

from dashboard.app import Element, app, callback
from dashboard.state import Shown, current_ms, shown_to
from devices.models import Device
from devices.querysets import silence_limit
from readings import periods
from readings.models import DeviceReading

LOOK_EVERY_MS = 3_000
ROLL_CALL_EVERY_MS = 15_000
FRESHNESS = html.Div(id="freshness", className="ct6-freshness")

for clock, visible in (("look-clock", "look"), ("roll-call-clock", "roll-call")):
    app.clientside_callback(
        ClientsideFunction("dashboard", "whenVisible"),
        Output(visible, "data"),
        Input(clock, "n_intervals"),
    )


@callback(
    Output("stamp", "data"),
    Output("freshness", "children"),
    Input("url", "search"),
    Input("look", "data"),
    State("stamp", "data"),
)
def look(search: str | None, look: int | None, stamp: list[Any] | None, user: Any) -> Any:
    """The stamp of what is stored: graph and table are drawn anew when it changes, and only then."""
    shown = shown_to(user, search, current_ms())
    if shown is None:
        raise PreventUpdate
    new_stamp = stamp_of(shown)
    if new_stamp == stamp:
        raise PreventUpdate
    return new_stamp, freshness(shown)


def stamp_of(shown: Shown) -> list[Any]:
    """Changes with every new reading of a day that is not over yet, and once a minute, so that a gap grows too."""
    online = is_online(shown.device, shown.now_ms)
    stamp: list[Any] = [shown.device.pk, shown.day.isoformat(), online, shown.device.timezone]
    if not online:
        stamp.append(_last_seen_ms(shown.device))
    if shown.is_live:
        stamp += [newest_reading_ms(shown.device), periods.floor_minute(shown.now_ms)]
    return stamp


def newest_reading_ms(device: Device) -> int | None:
    newest = DeviceReading.objects.filter(device=device).order_by("-time").values_list("time", flat=True)
    return newest.first()


def is_online(device: Device, now_ms: int) -> bool:
    limit_ms = silence_limit() // timedelta(milliseconds=1)
    seen_ms = _last_seen_ms(device)
    return seen_ms is not None and now_ms - seen_ms <= limit_ms


def freshness(shown: Shown) -> list[Element]:
    """Which clocks the page goes by, and how fresh the device's data is, in words and colour."""
    zone = html.Span(shown.device.timezone, title="Times and days are those of this time zone.")
    seen_ms = _last_seen_ms(shown.device)
    if is_online(shown.device, shown.now_ms):
        return [zone, html.Span("Live", className="ct6-pill ct6-live", role="status")]
    words = "No data yet" if seen_ms is None else f"No data since {_when(seen_ms, shown)}"
    return [zone, html.Span(words, className="ct6-pill ct6-silent", role="status")]


def _when(ms: int, shown: Shown) -> str:
    moment = periods.to_datetime(ms, shown.zone)
    return f"{moment:%H:%M}" if moment.date() == shown.today else f"{moment:%H:%M} on {moment.day} {moment:%B %Y}"


def _last_seen_ms(device: Device) -> int | None:
    return None if device.last_seen is None else periods.to_ms(device.last_seen)
