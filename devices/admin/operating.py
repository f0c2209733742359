"""Restarting a unit, setting it back, and asking how it does: pages that are confirmed by typing its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from devices import restarting, status
from devices.access import Right
from devices.admin.jobs import follow
from devices.confirmation import ConfirmationNeeded, name_to_type
from devices.ct6.errors import UnitError
from devices.models import Device, Job
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated


class TypedNameForm(forms.Form):
    """Whether just this unit is meant."""

    typed_name = forms.CharField(
        label=_("Name of the unit"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
    )


@dataclass(frozen=True, slots=True)
class _Act:
    """What is done once the name was typed."""

    ask: Callable[..., Job]
    title: str | Promise
    consequences: Callable[[], list[str]]


def _of_reboot() -> list[str]:
    return [
        gettext("The unit restarts and is away from the network for 5 to 60 seconds."),
        gettext("What it would have measured meanwhile is missing; what is stored stays."),
    ]


def _of_power_cycle() -> list[str]:
    return [
        gettext("The unit cuts its own supply for some seconds, which restarts its meter chips too."),
        gettext("What it would have measured meanwhile is missing; what is stored stays."),
    ]


_REBOOT = _Act(restarting.ask_for_reboot, _("Reboot"), _of_reboot)
_POWER_CYCLE = _Act(restarting.ask_for_power_cycle, _("Power cycle"), _of_power_cycle)
_RESET = _Act(restarting.ask_for_reset, _("Reset to defaults"), restarting.what_a_reset_does)


def _confirmed(act: _Act) -> Callable[..., HttpResponse]:
    @of_unit(Right.OPERATE)
    def page(request: HttpRequest, device: Device) -> HttpResponse:
        form = TypedNameForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                return follow(request, act.ask(device, who=request.user, typed_name=form.cleaned_data["typed_name"]))
            except ConfirmationNeeded as refusal:
                form.add_error("typed_name", translated(refusal))
        context = {
            "form": form,
            "act": act.title,
            "name": name_to_type(device),
            "consequences": act.consequences(),
            "running": device.jobs.running().first(),
        }
        return framed(request, "confirmed.html", f"{act.title}: {device}", device, **context)

    return page


@of_unit(Right.OPERATE)
def refresh_status(request: HttpRequest, device: Device) -> HttpResponse:
    """Ask the unit now how it does."""
    try:
        status.read_status(device, now=timezone.now())
    except UnitError as error:
        sentence = gettext("%(device)s could not be asked: %(reason)s")
        messages.error(request, sentence % {"device": device, "reason": translated(error)})
    else:
        messages.success(request, gettext("%(device)s was asked just now.") % {"device": device})
    return redirect("admin:devices_device_change", device.pk)


PAGES = (
    UnitPage("reboot", _confirmed(_REBOOT), Right.OPERATE, _REBOOT.title, "restart_alt"),
    UnitPage("power_cycle", _confirmed(_POWER_CYCLE), Right.OPERATE, _POWER_CYCLE.title, "power_settings_new"),
    UnitPage("reset", _confirmed(_RESET), Right.OPERATE, _RESET.title, "device_reset", is_dangerous=True),
    UnitPage("status", require_POST(refresh_status), Right.OPERATE),
)
