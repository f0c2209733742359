"""What the page says where there is nothing to draw yet, or where something needs somebody's hand."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import ALL, ClientsideFunction, Input, Output, dcc, html
from dash.exceptions import PreventUpdate
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard.app import Element, app, callback
from dashboard.live import moment, newest_data_ms
from dashboard.state import Shown, State, current_ms, ports_of
from devices import adoption
from devices.access import devices_for
from devices.models import Device, default_timezone
from readings import periods
from readings.heartbeats import STALE_AFTER
from readings.models import Heartbeat

_BUTTON = re.compile(r'\{"adopt":(\d{1,9})\}\.n_clicks', re.ASCII)
_WORKERS = {
    "worker-rollups": gettext_lazy(
        "Readings are stored, but minutes, hours and days are not summed up, and long ranges get slow. "
        "See its log, and start it again."
    ),
    "worker-jobs": gettext_lazy(
        "Readings are stored, but settings are not sent to the units. See its log, and start it again."
    ),
}

# What came of the user's last decision. It stays while the notices follow the state of things.


def outcome() -> Element:
    return html.Div([html.Div(id="adoption-said", role="status"), dcc.Store(id="adopted")], className="ct6-notices")


app.clientside_callback(
    ClientsideFunction("welcome", "rollCall"),
    Output("roll-call", "data"),
    Input("roll-call-clock", "n_intervals"),
    Input("adopted", "data"),
)


@callback(
    Output("adoption-said", "children"),
    Output("adopted", "data"),
    Input({"adopt": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def adopt(clicks: list[int | None], user: Any, callback_context: Any) -> Any:
    """Adopt the device whose button was pressed. Raises PermissionDenied for all but staff."""
    device_id = _pressed(callback_context.triggered)
    if device_id is None:
        raise PreventUpdate  # the button has only just appeared
    device = devices_for(user).filter(pk=device_id).first() if user.is_staff else None
    if device is None:
        raise PermissionDenied
    if adoption.doubts(device):
        return _decide_with_care(device), None
    adoption.adopt(device, user)
    return _adopted(device), current_ms()


def _pressed(triggered: Sequence[dict[str, Any]]) -> int | None:
    """Whose button was pressed, as the browser says; None where none was."""
    for item in triggered:
        button = _BUTTON.fullmatch(item["prop_id"])
        if button and item["value"]:
            return int(button[1])
    return None


# --- No device --------------------------------------------------------------------------------------------------
def no_device(user: Any, now_ms: int) -> Element:
    """What to do when there is no device: for staff how a unit comes here, for others whom to ask."""
    if not user.is_staff:
        return _card(
            _("No device to show yet"),
            html.P(_("An administrator decides which devices you see: ask for a grant to one of your groups.")),
        )
    steps = [
        _("Connect the CT6 unit to the same network as this server."),
        _("Make it active (in its own set-up): an inactive unit answers no question."),
        _("Wait a few seconds: its tab appears here by itself."),
    ]
    links = [html.A(_("Open the administration"), href=reverse("admin:index"))]
    if Device.objects.filter(adoption=Device.Adoption.IGNORED).exists():
        links.append(html.A(_("Look at the units that are ignored"), href=_admin_list("?adoption__exact=ignored")))
    return _card(
        _("No unit here yet"),
        html.Ol([html.Li(step) for step in steps]),
        _collector_state(now_ms),
        html.P(links, className="ct6-links"),
    )


def _collector_state(now_ms: int) -> Element:
    heartbeat = Heartbeat.objects.filter(part="collector").first()
    if heartbeat is None:
        return _state(False, _("The collector has not run yet. Start everything with: make run"))
    when = moment(periods.to_ms(heartbeat.at), ZoneInfo(default_timezone()), now_ms)
    if _is_silent(heartbeat.at, now_ms):
        words = _("The collector has not reported since %(when)s. Start everything with: make run")
        return _state(False, words % {"when": when})
    asked = heartbeat.detail.get("asking")
    if not asked:
        return _state(True, _("The collector is running. It last reported at %(when)s.") % {"when": when})
    words = _("The collector is running. It last reported at %(when)s and asks %(asked)s, UDP port %(port)s.")
    return _state(True, words % {"when": when, "asked": asked, "port": heartbeat.detail.get("port")})


# --- Devices that need somebody's hand --------------------------------------------------------------------------
def pending_devices(devices: Sequence[Device], user: Any) -> Element:
    """What waits for a decision; staff can take it here."""
    title = ngettext("A new unit was found", "New units were found", len(devices))
    says: list[Element] = [html.P(_("Nothing that a unit measures is stored until it is adopted."))]
    says += [_pending(device, user) for device in devices]
    if user.is_staff:
        link = html.A(_("Decide in the administration"), href=_admin_list("?adoption__exact=pending"))
        says.append(html.P(link, className="ct6-links"))
    else:
        says.append(html.P(_("An administrator can adopt it.")))
    return _notice(title, says)


def _pending(device: Device, user: Any) -> Element:
    found = [device.assy if device.name else None, device.address]
    where = ", ".join(part for part in found if part)
    name = html.Span([html.Strong(str(device)), html.Span(where, className="ct6-small")], className="ct6-unit")
    doubts = adoption.doubts(device)
    if not user.is_staff:
        return html.Div([name], className="ct6-pending")
    if doubts:
        return html.Div([name, *[html.P(doubt) for doubt in doubts]], className="ct6-pending ct6-doubted")
    button = html.Button(
        [_("Adopt"), html.Span(str(device), className="ct6-for-readers")],
        id={"adopt": device.pk},
        className="ct6-button ct6-adopt",
        type="button",
    )
    return html.Div([name, button], className="ct6-pending")


def _adopted(device: Device) -> Element:
    return _notice(
        _("%(device)s is adopted") % {"device": device},
        [
            html.P(_("Its readings are stored from now on: the first appear within a few seconds, in its tab.")),
            html.P(dcc.Link(_("Show it"), href=reverse("dashboard") + State.read(f"?device={device.pk}").search)),
        ],
    )


def _decide_with_care(device: Device) -> Element:
    doubts = [html.P(doubt) for doubt in adoption.doubts(device)]
    link = html.A(_("Decide in the administration"), href=_admin_page(device))
    return _notice(_("%(device)s is not adopted") % {"device": device}, [*doubts, html.P(link)], is_bad=True)


def unknown_device() -> Element:
    return _notice(
        _("This device cannot be shown"),
        _("The address names a device that does not exist, or that you may not see. Choose one of the tabs."),
        is_bad=True,
        name="ct6-unknown-device",  # static/dashboard/dashboard.css: then nothing more is said
    )


# --- The device that is shown -----------------------------------------------------------------------------------
def hints(shown: Shown, user: Any) -> list[Element]:
    """What has to be said about the device that is shown, and about what stands still behind it."""
    device = shown.device
    found = parts_at_rest(user, shown)
    if device.claimed_from:
        found.append(claimed_twice(device))
    elif newest_data_ms(device) is None:
        found.append(_no_readings(device, user))
    ports = ports_of(device)
    if ports and not any(port.name for port in ports):
        found.append(unnamed_ports(device, user))
    return found


def claimed_twice(device: Device) -> Element:
    return _notice(_("Two units say that they are this one"), adoption.doubts(device)[0], is_bad=True)


def parts_at_rest(user: Any, shown: Shown) -> list[Element]:
    """Which parts of the product have not reported for a while. Others than staff learn of the collector alone."""
    beats = dict(Heartbeat.objects.values_list("part", "at"))
    found = []
    if since := _since("collector", beats, shown):
        to_do = _("Nothing is stored until it runs again. See its log, and start it again.")
        if not user.is_staff:
            to_do = _("Nothing is stored until it runs again. Tell an administrator.")
        title = _("The collector has not reported since %(when)s") % {"when": since}
        found.append(_notice(title, to_do, is_bad=True))
    if user.is_staff:
        found += _at_rest_behind(beats, shown)
    return found


def _at_rest_behind(beats: dict[str, datetime], shown: Shown) -> list[Element]:
    """The clock of the jobs; the workers only where that one goes, since they report when it asks them to."""
    if since := _since("beat", beats, shown):
        title = _("The clock of all jobs (beat) has not reported since %(when)s") % {"when": since}
        to_do = _("Readings are stored, but nothing is summed up, and no job begins. See its log, and start it again.")
        return [_notice(title, to_do, is_bad=True)]
    found = []
    for part, meaning in _WORKERS.items():
        if since := _since(part, beats, shown):
            title = _("The worker “%(part)s” has not reported since %(when)s") % {"part": part, "when": since}
            found.append(_notice(title, str(meaning), is_bad=True))
    return found


def _since(part: str, beats: dict[str, datetime], shown: Shown) -> str | None:
    """Since when a part is silent. One that never reported is as old as the device, since it may only just start."""
    last = beats.get(part, shown.device.first_seen)
    return moment(periods.to_ms(last), shown.zone, shown.now_ms) if _is_silent(last, shown.now_ms) else None


def _no_readings(device: Device, user: Any) -> Element:
    says: list[Element] = [
        html.P(_("The first reading comes with its next answer, within seconds. If none comes: see that the unit is "
                 "switched on, on the network of this server, and active (in its own set-up)."))
    ]  # fmt: skip
    if user.is_staff:
        says.append(html.P(html.A(_("Look at it in the administration"), href=_admin_page(device))))
    return _notice(_("%(device)s has no readings yet") % {"device": device}, says)


def unnamed_ports(device: Device, user: Any) -> Element:
    says: list[Any] = [html.Span(_("Its ports have no names yet, so they appear as CT1, CT2 and so on."))]
    if user.is_staff:
        says.append(" ")
        says.append(html.A(_("Name them in the administration"), href=_admin_page(device)))
    return _notice(_("%(device)s is ready") % {"device": device}, html.P(says))


# --- How it looks -----------------------------------------------------------------------------------------------
def _is_silent(last: datetime, now_ms: int) -> bool:
    return now_ms - periods.to_ms(last) > STALE_AFTER // timedelta(milliseconds=1)


def _state(is_well: bool, words: str) -> Element:
    return html.P(words, className="ct6-state " + ("ct6-well" if is_well else "ct6-ill"))


def _notice(title: str, says: Any, *, is_bad: bool = False, name: str = "") -> Element:
    body = [html.P(says)] if isinstance(says, str) else says
    look = "ct6-notice ct6-ill" if is_bad else "ct6-notice"
    return html.Div([html.Strong(title), html.Div(body)], className=f"{look} {name}".rstrip(), role="status")


def _card(title: str, *children: Element) -> Element:
    return html.Section([html.H2(title), *children], className="ct6-card ct6-welcome")


def _admin_list(search: str) -> str:
    return reverse("admin:devices_device_changelist") + search


def _admin_page(device: Device) -> str:
    return reverse("admin:devices_device_change", args=[device.pk])
