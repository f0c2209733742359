"""What the page says where there is nothing to draw yet, or where something needs somebody's hand."""

from collections.abc import Sequence
from typing import Any

from dash import html
from django.urls import reverse

from dashboard.app import Element
from devices.models import Device
from readings import periods
from readings.models import Heartbeat

COLLECTOR_SILENT_AFTER_MS = 60_000


def no_device(user: Any, now_ms: int) -> Element:
    """What to do when there is no device: for staff how a unit comes here, for others whom to ask."""
    if not user.is_staff:
        return _card(
            "No device to show yet",
            html.P("An administrator decides which devices you see: ask for a grant to one of your groups."),
        )
    steps = [
        "Connect the CT6 unit to the same network as this server.",
        "Make it active (in its own set-up): an inactive unit answers no question.",
        "Wait a few seconds: its tab appears here by itself.",
    ]
    return _card(
        "No unit here yet",
        html.Ol([html.Li(step) for step in steps]),
        _collector_state(now_ms),
    )


def pending_devices(devices: Sequence[Device], user: Any) -> Element:
    names = ", ".join(f"{device} ({device.address})" if device.address else str(device) for device in devices)
    waits = "waits" if len(devices) == 1 else "wait"
    says: list[Any] = [html.Span(f"{names} {waits} to be adopted; until then nothing of it is stored. ")]
    if user.is_staff:
        says.append(html.A("Decide in the administration", href=_admin_list("?adoption__exact=pending")))
    else:
        says.append(html.Span("An administrator can do that."))
    return _notice("A new unit was found" if len(devices) == 1 else "New units were found", says)


def unknown_device() -> Element:
    return _notice(
        "This device cannot be shown",
        "The address names a device that does not exist, or that you may not see. Choose one of the tabs.",
        is_bad=True,
    )


def unnamed_ports(device: Device, user: Any) -> Element:
    says: list[Any] = [html.Span("Its ports have no names yet, so they appear as CT1, CT2 and so on. ")]
    if user.is_staff:
        says.append(html.A("Name them in the administration", href=_admin_page(device)))
    return _notice(f"{device} is ready", says)


def claimed_twice(device: Device) -> Element:
    says = (
        f"A second address, {device.claimed_from}, claims the label {device.assy}. "
        "Nothing is stored until that is settled in the administration."
    )
    return _notice("Two units say that they are this one", says, is_bad=True)


def _collector_state(now_ms: int) -> Element:
    heartbeat = Heartbeat.objects.filter(part="collector").first()
    if heartbeat is None:
        return _state(False, "The collector has not run yet. Start everything with: make run")
    seconds = (now_ms - periods.to_ms(heartbeat.at)) // 1000
    if seconds * 1000 > COLLECTOR_SILENT_AFTER_MS:
        when = heartbeat.at.strftime("%Y-%m-%d %H:%M UTC")
        return _state(False, f"The collector is not running: it was last heard of on {when}. Start it with: make run")
    return _state(True, "The collector is running and asks for units on the network.")


def _state(is_well: bool, words: str) -> Element:
    return html.P(words, className="ct6-state " + ("ct6-well" if is_well else "ct6-ill"), role="status")


def _notice(title: str, says: Any, *, is_bad: bool = False) -> Element:
    return html.Div(
        [html.Strong(title), html.P(says)], className=f"ct6-notice {'ct6-ill' if is_bad else ''}", role="status"
    )


def _card(title: str, *children: Element) -> Element:
    return html.Section([html.H2(title), *children], className="ct6-card ct6-welcome")


def _admin_list(search: str) -> str:
    return reverse("admin:devices_device_changelist") + search


def _admin_page(device: Device) -> str:
    return reverse("admin:devices_device_change", args=[device.pk])
