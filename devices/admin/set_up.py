"""The wizard for a unit fresh from the box, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices import adoption, configuration
from devices.access import Right, may_on_all
from devices.admin.shown import CHANGE_COLOURS, badge
from devices.models import ConfigChange, Device
from devices.set_up_form import SetUpForm
from devices.setting_up import SetUp
from devices.unit_pages import UnitPage, check, framed, of_unit
from devices.wording import translated


@of_unit(Right.ADOPT)
def wizard(request: HttpRequest, device: Device) -> HttpResponse:
    """One form for all that has to be decided about a new unit."""
    _check_further(request, device)
    form = SetUpForm(device, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        done = form.save(request.user, now=timezone.now())
        if done is not None:
            request.session[_kept_as(device)] = _outcome(done)
            return redirect("admin:devices_device_is_set_up", device.pk)
    return framed(request, "set_up.html", gettext("Set up"), device, form=form, doubts=adoption.doubts(device))


@of_unit(Right.ADOPT)
def is_set_up(request: HttpRequest, device: Device) -> HttpResponse:
    """What the unit confirmed, what it refused, and what waits."""
    outcome = request.session.get(_kept_as(device))
    if outcome is None:
        return redirect("admin:devices_device_set_up", device.pk)
    if outcome["adopted"]:
        messages.success(request, gettext("%(device)s is adopted now.") % {"device": device})
        request.session[_kept_as(device)] = outcome | {"adopted": False}
    html, waits = _changes_html(request, device, outcome)
    return framed(
        request,
        "is_set_up.html",
        gettext("Set up"),
        device,
        changes=html,
        waits=waits,
        live=waits,
        may_find=may_on_all(request.user, Right.ADOPT),
    )


@of_unit(Right.ADOPT)
def state(request: HttpRequest, device: Device) -> HttpResponse:
    """The part of that which changes by itself."""
    html, waits = _changes_html(request, device, request.session.get(_kept_as(device), {}))
    return JsonResponse({"parts": {"part-changes": html}, "over": not waits})


def _check_further(request: HttpRequest, device: Device) -> None:
    """One that is adopted is no new unit: its settings have a right of their own."""
    if device.adoption == Device.Adoption.ADOPTED:
        check(request, Right.CONFIGURE, device)


def _kept_as(device: Device) -> str:
    return f"set-up-{device.pk}"


def _outcome(done: SetUp) -> dict[str, Any]:
    """As the session keeps it. Said in this user's language."""
    pushed = done.pushed
    said = {change.pk: translated(pushed.answers[change.key]) for change in (*pushed.confirmed, *pushed.refused)}
    why = translated(pushed.error) if pushed.error else ""
    said |= {change.pk: why for change in pushed.waiting}
    states = {change.pk: str(change.state) for change in (*pushed.confirmed, *pushed.refused, *pushed.waiting)}
    return {
        "adopted": done.adopted,
        "changes": {str(key): {"state": states[key], "said": text} for key, text in said.items()},
    }


def _changes_html(request: HttpRequest, device: Device, outcome: dict[str, Any]) -> tuple[str, bool]:
    kept = outcome.get("changes", {})
    changes = list(ConfigChange.objects.filter(device=device, pk__in=kept).order_by("pk"))
    rows = []
    for change in changes:
        then = kept[str(change.pk)]
        rows.append(
            {
                "setting": capfirst(configuration.setting_name(change.key)),
                "wished": configuration.in_words(change.key, change.wished),
                "state": badge(change.get_state_display(), CHANGE_COLOURS[change.state]),
                "said": then["said"] if then["state"] == change.state else change.told,
            }
        )
    waits = any(change.state == ConfigChange.State.OPEN for change in changes)
    html = render_to_string("devices/admin/changes.html", {"rows": rows, "waits": waits}, request)
    return html, waits


PAGES = (
    UnitPage("set_up", wizard, Right.ADOPT, _("Set up"), "auto_fix_high", route="set-up/"),
    UnitPage("is_set_up", is_set_up, Right.ADOPT, route="set-up/done/"),
    UnitPage("set_up_state", state, Right.ADOPT, route="set-up/state/"),
)
