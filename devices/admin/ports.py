"""The ports of a unit over time: what each is and was; being another one from a moment on; taking that back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices import configuration, port_past
from devices.access import Right, devices_for, may
from devices.admin.shown import badge, there
from devices.configuration import in_words, open_wishes, port_name_key
from devices.models import ConfigChange, Device, Port
from devices.port_past import Era, NotChanged, PortThen
from devices.port_past_form import ChangeFromForm
from devices.unit_pages import UnitPage, framed, of_unit, tell
from devices.wording import translated


def ports_over_time(request: HttpRequest, device_id: int) -> HttpResponse:
    """What each port is and was, for everybody who sees the unit."""
    device = get_object_or_404(devices_for(request.user), pk=device_id)
    ports = list(device.ports.order_by("number"))
    eras, wishes = port_past.eras_of(ports), open_wishes(device)
    return framed(
        request,
        "ports.html",
        gettext("Ports of %(device)s over time") % {"device": device},
        device,
        ports=[
            {"port": port, "rows": list(_rows(device, port, eras.get(port.pk, []), wishes)), "past": port.pk in eras}
            for port in ports
        ],
        may_configure=may(request.user, Right.CONFIGURE, device),
    )


@of_unit(Right.CONFIGURE)
def change_from(request: HttpRequest, device: Device, number: int) -> HttpResponse:
    """Let a port be something else from a moment on."""
    port = _port(device, number)
    form = ChangeFromForm(port, request.POST if request.method == "POST" else None, now=timezone.now())
    if request.method == "POST" and form.is_valid():
        at_ms = form.save(request.user)
        if at_ms is not None:
            sentence = gettext("%(port)s was changed from %(moment)s on. What it was before is kept until then.")
            messages.success(request, sentence % {"port": port.label, "moment": _moment(device, at_ms)})
            return _back_with_name(request, device, port)
    title = gettext("%(port)s of %(device)s from a moment on") % {"port": port.label, "device": device}
    return framed(request, "port_change.html", title, device, form=form, port=port)


@of_unit(Right.CONFIGURE)
def take_back(request: HttpRequest, device: Device, number: int, at_ms: int) -> HttpResponse:
    """Show what would be so again, and then undo the last change of a port."""
    port = _port(device, number)
    if request.method == "POST":
        try:
            port_past.take_back(port, at_ms=at_ms, who=request.user)
        except NotChanged as refusal:
            messages.error(request, translated(refusal))
            return redirect("admin:devices_device_ports", device.pk)
        sentence = gettext("The change of %(port)s from %(moment)s on was taken back.")
        messages.success(request, sentence % {"port": port.label, "moment": _moment(device, at_ms)})
        return _back_with_name(request, device, port)
    eras = port_past.eras_of([port]).get(port.pk, [])
    if len(eras) < 2 or eras[-2].until_ms != at_ms:
        raise Http404
    return framed(
        request,
        "port_take_back.html",
        gettext("Take the last change of %(port)s back") % {"port": port.label},
        device,
        moment=_moment(device, at_ms),
        differences=_differences(eras[-1].then, eras[-2].then),
    )


def _port(device: Device, number: int) -> Port:
    return get_object_or_404(device.ports.select_related("device"), number=number)


def _back_with_name(request: HttpRequest, device: Device, port: Port) -> HttpResponse:
    """To all ports; a name that was wished just now is written to the unit on the way."""
    wish = open_wishes(device).get(port_name_key(port.number))
    if wish is not None and wish.attempts == 0:
        tell(request, device, configuration.push(device, now=timezone.now()))
    return redirect("admin:devices_device_ports", device.pk)


# --- As people read it ------------------------------------------------------------------------------------------


def _rows(
    device: Device, port: Port, eras: Sequence[Era], wishes: Mapping[str, ConfigChange]
) -> Iterator[dict[str, Any]]:
    """What a port was one after the other, newest first."""
    eras = eras or [Era(None, port_past.as_it_is(port))]
    for place in reversed(range(len(eras))):
        until_ms, since_ms = eras[place].until_ms, eras[place - 1].until_ms if place else None
        wish = wishes.get(port_name_key(port.number)) if until_ms is None else None
        yield _in_words(eras[place].then) | {
            "since": "" if since_ms is None else _moment(device, since_ms),
            "until": "" if until_ms is None else _moment(device, until_ms),
            "since_ms": since_ms,
            "is_now": until_ms is None,
            "wished": "" if wish is None else in_words(wish.key, wish.wished),
            "waits": badge(gettext("waiting for the unit"), "warning") if wish is not None else "",
        }


def _in_words(then: PortThen) -> dict[str, str]:
    return {
        "name": then.name or gettext("no name"),
        "role": str(Port.Role(then.role).label),
        "direction": gettext("reversed") if then.reversed else gettext("as measured"),
        "scale": str(port_past.shortest(then.scale)),
    }


def _differences(now: PortThen, then: PortThen) -> list[tuple[str, str, str]]:
    """What is called how, is now, and would be again, where that differs."""
    names = {
        "name": gettext("Name"),
        "role": gettext("Role"),
        "direction": gettext("Direction"),
        "scale": gettext("Scale"),
    }
    is_now, was = _in_words(now), _in_words(then)
    return [(name, is_now[key], was[key]) for key, name in names.items() if is_now[key] != was[key]]


def _moment(device: Device, ms: int) -> str:
    return there(datetime.fromtimestamp(ms / 1000, UTC), device.timezone)


PAGES = (
    UnitPage("ports", ports_over_time, None, _("Ports over time"), "timeline"),
    UnitPage("port_change", change_from, Right.CONFIGURE, route="ports/<int:number>/change/"),
    UnitPage("port_take_back", take_back, Right.CONFIGURE, route="ports/<int:number>/take-back/<int:at_ms>/"),
)
