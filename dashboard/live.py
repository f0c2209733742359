"""Notices new readings, so that what is drawn follows them, and says how fresh they are."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import ClientsideFunction, Input, Output, State, html, no_update
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dashboard.app import Element, app
from dashboard.state import Shown
from devices.models import Device
from devices.querysets import silence_limit
from readings import periods
from readings.models import DeviceReading

ROLL_CALL_EVERY_MS = 4_000  # with `heartbeats.STALE_AFTER` a silent part is told of within 30 s


def freshness_place() -> Element:
    return html.Div(id="freshness", className="ct6-freshness")


app.clientside_callback(
    ClientsideFunction("dashboard", "whenVisible"),
    Output("look", "data"),
    Input("look-clock", "n_intervals"),
)


# Not by outputs: graph and table follow the address by themselves, and would have to wait for what was seen.
app.clientside_callback(
    ClientsideFunction("plot", "passOn"),
    Output("passed-on", "data"),
    Input("seen", "data"),
    State("url", "search"),
)


def noticed(shown: Shown, silent: str | None, before: Any) -> tuple[Any, Any]:
    """The stamp of what is stored, and how fresh that is; ``no_update`` for what is as in the stamp before.

    Graph and table are drawn anew when the stamp changes, and only then.
    """
    stamp = stamp_of(shown, silent)
    if stamp == before:
        return no_update, no_update
    if isinstance(before, list) and before[:1] == stamp[:1]:
        return stamp, no_update  # or screen readers would say it again
    return stamp, freshness(shown, silent)


def stamp_of(shown: Shown, silent: str | None) -> list[Any]:
    """First what tells how fresh the data is, then the range; then what changes with every new reading of a span that
    is not over yet, and once a minute, so that a gap grows too."""
    fresh = [shown.device.pk, shown.device.timezone, silent]
    stamp: list[Any] = [fresh, shown.start_ms, shown.end_ms]
    if shown.is_live:
        stamp += [newest_reading_ms(shown.device), periods.floor_minute(shown.now_ms)]
    return stamp


def newest_reading_ms(device: Device) -> int | None:
    newest = DeviceReading.objects.filter(device=device).order_by("-time").values_list("time", flat=True)
    return newest.first()


def newest_data_ms(device: Device) -> int | None:
    """When the newest answer came that counts: a unit whose label is claimed twice is heard, but gives no data."""
    return device.last_answer["time"] if device.last_answer else newest_reading_ms(device)


def silence(device: Device, now_ms: int) -> str | None:
    """Since when there is no data, in words; None where it comes in."""
    data_ms = newest_data_ms(device)
    if data_ms is None:
        return _("No data yet")
    if now_ms - data_ms <= silence_limit() // timedelta(milliseconds=1):
        return None
    return _("No data since %(when)s") % {"when": moment(data_ms, ZoneInfo(device.timezone), now_ms)}


def freshness(shown: Shown, silent: str | None) -> list[Element]:
    """Which clocks the page goes by, and how fresh the device's data is, in words and colour."""
    zone = html.Span(shown.device.timezone, title=_("Times and days are those of this time zone."))
    look = "ct6-live" if silent is None else "ct6-silent"
    return [zone, html.Span(silent or _("Live"), className=f"ct6-pill {look}", role="status")]


def tab_label(device: Device, now_ms: int) -> list[Element]:
    """What a device's tab says: its name, and since when it is silent."""
    label: list[Element] = [str(device)]
    if device.demo:
        label.append(html.Span(_("demo"), className="ct6-demo"))
    silent = silence(device, now_ms) if device.last_answer else None  # one without gets a notice
    if silent is not None:
        label.append(html.Span(silent, className="ct6-tab-silent"))
    return label


def moment(ms: int, zone: ZoneInfo, now_ms: int) -> str:
    """An instant on the clocks of a zone: the time alone where it is of today."""
    local = periods.to_datetime(ms, zone)
    time = date_format(local, "H:i")
    if local.date() == periods.local_date(now_ms, zone):
        return time
    said = {"time": time, "date": date_format(local, pgettext("date format of Django", "j F Y"))}
    return pgettext("a moment, after “since” or “at”", "%(time)s on %(date)s") % said
