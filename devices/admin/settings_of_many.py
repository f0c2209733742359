"""The same settings for several units: from the list of units, by one form, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from devices import configuration
from devices.access import Right, devices_with
from devices.admin.shown import CHANGE_COLOURS, badge
from devices.models import ConfigChange, Device
from devices.settings_form import SettingsOfManyForm
from devices.unit_pages import framed

_MOST = 500


@admin.action(description=_("Set the same settings on them"))
def set_same_settings(model_admin: Any, request: HttpRequest, devices: QuerySet[Device]) -> HttpResponse:
    """The action of the list of units."""
    ids = ",".join(str(pk) for pk in devices.order_by("pk").values_list("pk", flat=True)[:_MOST])
    return redirect(f"{reverse('admin:devices_configchange_of_many')}?{urlencode({'units': ids})}")


def patterns() -> list[URLPattern]:
    """Addresses below that of the setting changes."""
    return [
        path("of-many/", admin.site.admin_view(edit), name="devices_configchange_of_many"),
        path("of-many/state/", admin.site.admin_view(state), name="devices_configchange_of_many_state"),
    ]


def edit(request: HttpRequest) -> HttpResponse:
    """The form for the units in the address; after it was sent, what became of the wishes."""
    devices = _devices(request)
    if not devices:
        messages.info(request, gettext("Choose the units in the list first."))
        return redirect("admin:devices_device_changelist")
    form = SettingsOfManyForm(devices, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        changes = form.save(request.user, now=timezone.now())
        address: dict[str, str | int] = {
            "units": request.GET.get("units", ""),
            "from": min(change.pk for change in changes),
        }
        return redirect(f"{reverse('admin:devices_configchange_of_many')}?{urlencode(address)}")
    html, waits = _changes_html(request, devices)
    title = ngettext("Settings of %(count)d unit", "Settings of %(count)d units", len(devices))
    return framed(
        request,
        "settings_of_many.html",
        title % {"count": len(devices)},
        form=form,
        devices=devices,
        changes=html,
        waits=waits,
        live=waits,
        state_address=f"{reverse('admin:devices_configchange_of_many_state')}?{request.GET.urlencode()}",
    )


def state(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes by itself."""
    html, waits = _changes_html(request, _devices(request))
    return JsonResponse({"parts": {"part-changes": html}, "over": not waits})


def _devices(request: HttpRequest) -> list[Device]:
    """Those in the address. Raises PermissionDenied if the user may not configure one of them."""
    asked = request.GET.get("units", "").split(",")
    ids = {int(text) for text in asked[:_MOST] if text.isascii() and text.isdigit()}
    devices = list(devices_with(request.user, Right.CONFIGURE).filter(pk__in=ids).prefetch_related("ports"))
    if missing := ids - {device.pk for device in devices}:
        sentence = gettext("Not known, or you have no right to configure them: %(ids)s.")
        raise PermissionDenied(sentence % {"ids": ", ".join(map(str, sorted(missing)))})
    return devices


def _changes_html(request: HttpRequest, devices: Sequence[Device]) -> tuple[str, bool]:
    first = request.GET.get("from", "")
    if not first.isascii() or not first.isdigit():
        return "", False
    of_them = ConfigChange.objects.filter(device__in=devices, pk__gte=int(first))
    changes = list(of_them.select_related("device").order_by("device__name", "pk")[:1000])
    rows = [
        {
            "device": change.device,
            "setting": capfirst(configuration.setting_name(change.key)),
            "wished": configuration.in_words(change.key, change.wished),
            "state": badge(change.get_state_display(), CHANGE_COLOURS[change.state]),
            "said": change.told,
        }
        for change in changes
    ]
    waits = any(change.state == ConfigChange.State.OPEN for change in changes)
    context = {"rows": rows, "waits": waits, "of_many": True}
    return render_to_string("devices/admin/changes.html", context, request), waits
