"""Copies of a unit's factory configuration in the admin: kept, downloaded, compared, and put back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from devices import factory
from devices.access import Right, devices_for, may
from devices.admin.jobs import follow
from devices.admin.shown import as_file, there
from devices.ct6.errors import UnitError
from devices.jobs import queue
from devices.models import Device, FactoryConfig, Job
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated


def copies(request: HttpRequest, device_id: int) -> HttpResponse:
    """All copies of a unit, for everybody who sees it; two of them compared if they were chosen."""
    device = get_object_or_404(devices_for(request.user), pk=device_id)
    kept = list(device.factory_configs.select_related("who"))
    context: dict[str, Any] = {
        "copies": [_shown(copy) for copy in kept],
        "may_calibrate": may(request.user, Right.CALIBRATE, device),
    }
    older, newer = (_chosen(kept, request.GET.get(name, "")) for name in ("older", "newer"))
    if older is not None and newer is not None:
        context |= {"older": _shown(older), "newer": _shown(newer)}
        try:
            context["differences"] = factory.compare(older, newer)
        except UnitError as error:
            context["problem"] = translated(error)
    title = gettext("Factory configuration of %(device)s") % {"device": device}
    return framed(request, "factory.html", title, device, **context)


def download(request: HttpRequest, device_id: int, copy_id: int) -> HttpResponse:
    device = get_object_or_404(devices_for(request.user), pk=device_id)
    copy = get_object_or_404(device.factory_configs, pk=copy_id)
    return as_file(copy.content.encode(), f"factory-{device.assy}-{copy.taken:%Y%m%d-%H%M}.cfg")


@require_POST
@of_unit(Right.CALIBRATE)
def back_up(request: HttpRequest, device: Device) -> HttpResponse:
    """Keep a copy now, as a job."""
    return follow(request, queue.ask(device, Job.Kind.BACKUP, who=request.user))


@of_unit(Right.CALIBRATE)
def restore(request: HttpRequest, device: Device, copy_id: int) -> HttpResponse:
    """Ask, and then put the copy's gains back, as a job."""
    copy = get_object_or_404(device.factory_configs, pk=copy_id)
    if request.method == "POST":
        try:
            return follow(request, factory.ask_restore(copy, device, request.user))
        except UnitError as error:
            messages.error(request, translated(error))
            return redirect("admin:devices_device_factory", device.pk)
    newest = device.factory_configs.first()
    context: dict[str, Any] = {"copy": _shown(copy)}
    try:
        context["differences"] = [] if newest is None else factory.compare(newest, copy)
    except UnitError as error:
        context["problem"] = translated(error)
    title = gettext("Restore a factory configuration of %(device)s") % {"device": device}
    return framed(request, "factory_restore.html", title, device, **context)


PAGES = (
    UnitPage("factory", copies, None, _("Factory configuration"), "inventory_2"),
    UnitPage("factory_download", download, None, route="factory/<int:copy_id>/download/"),
    UnitPage("factory_back_up", back_up, Right.CALIBRATE, route="factory/back-up/"),
    UnitPage("factory_restore", restore, Right.CALIBRATE, route="factory/<int:copy_id>/restore/"),
)


def _chosen(kept: list[FactoryConfig], asked: str) -> FactoryConfig | None:
    return next((copy for copy in kept if str(copy.pk) == asked), None)


def _shown(copy: FactoryConfig) -> dict[str, Any]:
    return {
        "pk": copy.pk,
        "taken": there(copy.taken, copy.device.timezone),
        "reason": copy.get_reason_display(),
        "who": copy.who or "",
        "hash": copy.sha256[:12],
    }
