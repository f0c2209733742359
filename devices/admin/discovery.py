"""The page that finds units: those that answer, those that a sweep meets, and one added by its address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from devices import adoption, discovery, sweeping
from devices.access import Right, may, may_on_all
from devices.admin.shown import ago, badge
from devices.ct6.errors import UnitError
from devices.discovery import MARKS_IN_WORDS, Mark
from devices.finding_forms import AddressForm, SweepForm
from devices.models import Device, Sweep
from devices.unit_pages import check, framed
from devices.wording import translated

PAGE = "admin:devices_sweep_changelist"
_LATELY_S = 300
_SHORTLY_S = 15
_MARK_COLOURS = {
    Mark.NEW: "success",
    Mark.KNOWN: "",
    Mark.MOVED: "warning",
    Mark.CLAIMED: "danger",
    Mark.INACTIVE: "info",
    Mark.DEFAULT_LABEL: "warning",
}
_ADOPTION_COLOURS = {"adopted": "success", "pending": "warning", "ignored": ""}


@admin.register(Sweep)
class SweepAdmin(ModelAdmin):
    """In place of a list of sweeps there is one page that finds units."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_on_all(request.user, Right.ADOPT)

    def has_view_permission(self, request: HttpRequest, obj: Sweep | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Sweep | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Sweep | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            pattern: URLPattern = path(route, view, name=f"devices_sweep_{name}")
            return pattern

        return [
            page("", find, "changelist"),
            page("state/", state, "state"),
            page("sweep/", require_POST(sweep), "sweep"),
            page("<int:sweep_id>/cancel/", require_POST(cancel), "cancel"),
            page("add/", require_POST(add), "address"),
            page("adopt/<int:device_id>/", require_POST(adopt), "adopt"),
        ]


# --- The pages --------------------------------------------------------------------------------------------------


def find(request: HttpRequest) -> HttpResponse:
    """What answers, what the newest sweep has met, and the forms for looking further."""
    _may_find(request)
    return _page(request, SweepForm(), AddressForm())


def state(request: HttpRequest) -> HttpResponse:
    """The parts of the page that change by themselves."""
    _may_find(request)
    newest = _newest_sweep()
    parts = {"part-heard": _heard_html(request), "part-sweep": _sweep_html(request, newest)}
    return JsonResponse({"parts": parts, "over": False})


def sweep(request: HttpRequest) -> HttpResponse:
    """Ask a worker to sweep the chosen networks."""
    _may_find(request)
    form = SweepForm(request.POST)
    if form.is_valid():
        try:
            sweeping.ask(form.wanted(), request.user, http_port=form.cleaned_data["http_port"])
        except UnitError as refusal:
            form.add_error("others", capfirst(translated(refusal)))
        else:
            return redirect(PAGE)
    return _page(request, form, AddressForm())


def cancel(request: HttpRequest, sweep_id: int) -> HttpResponse:
    """Stop a sweep; what it has found stays."""
    _may_find(request)
    if not sweeping.cancel(get_object_or_404(Sweep, pk=sweep_id), who=request.user):
        messages.info(request, gettext("It was over already."))
    return redirect(PAGE)


def add(request: HttpRequest) -> HttpResponse:
    """Register the unit at an address, and go on to setting it up unless it is adopted already."""
    _may_find(request)
    form = AddressForm(_asked_address(request))
    if form.is_valid():
        address, http_port = form.cleaned_data["address"], form.cleaned_data["http_port"]
        try:
            added = discovery.add_by_address(address, http_port, request.user)
        except UnitError as error:
            form.add_error("address", capfirst(translated(error)))
        else:
            return _added(request, added)
    return _page(request, SweepForm(), form)


def adopt(request: HttpRequest, device_id: int) -> HttpResponse:
    """Store what the unit measures from now on."""
    device = get_object_or_404(Device, pk=device_id)
    check(request, Right.ADOPT, device)
    if adoption.adopt(device, request.user):
        messages.success(request, gettext("%(device)s is adopted now.") % {"device": device})
    else:
        messages.info(request, gettext("That was so already."))
    return redirect(PAGE)


def _asked_address(request: HttpRequest) -> dict[str, str]:
    """Typed, or, as one text, that of a unit that was found."""
    if "at" in request.POST:
        address, _colon, http_port = request.POST["at"].partition(":")
        return {"address": address, "http_port": http_port}
    return {name: request.POST.get(name, "") for name in ("address", "http_port")}


def _may_find(request: HttpRequest) -> None:
    """Raise PermissionDenied for those who may not decide about new units."""
    if not may_on_all(request.user, Right.ADOPT):
        raise PermissionDenied(gettext("You have no right to look for new units ('adopt')."))


def _added(request: HttpRequest, added: discovery.Added) -> HttpResponse:
    device = added.device
    if device.adoption != Device.Adoption.ADOPTED:
        return redirect("admin:devices_device_set_up", device.pk)
    if added.standing is Mark.MOVED:
        told = gettext("%(device)s is here already, and is asked at %(address)s from now on.")
    elif added.standing is Mark.NEW:
        told = gettext("%(device)s at %(address)s is new here, and adopted.")
    else:
        told = gettext("%(device)s at %(address)s is here already.")
    messages.success(request, told % {"device": device, "address": device.address})
    if added.standing is Mark.NEW and may(request.user, Right.CONFIGURE, device):
        return redirect("admin:devices_device_set_up", device.pk)
    return redirect(PAGE)


def _page(request: HttpRequest, sweep_form: SweepForm, address_form: AddressForm) -> HttpResponse:
    newest = _newest_sweep()
    return framed(
        request,
        "find.html",
        gettext("Find units"),
        sweep_form=sweep_form,
        address_form=address_form,
        heard=_heard_html(request),
        sweep=_sweep_html(request, newest),
        live=True,
    )


# --- Heard lately -----------------------------------------------------------------------------------------------


def _heard_html(request: HttpRequest) -> str:
    now = timezone.now()
    heard = discovery.listen(_LATELY_S, now=now)
    rows = []
    for device, marks in heard.devices:
        shortly = device.last_seen is not None and (now - device.last_seen).total_seconds() < _SHORTLY_S
        rows.append(
            {
                "device": device,
                "marks": _badges(marks),
                "adoption": _adoption_badge(device),
                "seen": gettext("now") if shortly else ago(device.last_seen),
                "wizard": device.adoption != Device.Adoption.ADOPTED,
                "adopt": device.adoption != Device.Adoption.ADOPTED and not _is_doubtful(marks),
            }
        )
    context = {"rows": rows, "collector_runs": heard.collector_runs, "collector_seen": ago(heard.collector_at)}
    return render_to_string("devices/admin/heard.html", context, request)


# --- Met by a sweep ---------------------------------------------------------------------------------------------


def _newest_sweep() -> Sweep | None:
    return Sweep.objects.select_related("who").order_by("-pk").first()


def _sweep_html(request: HttpRequest, newest: Sweep | None) -> str:
    if newest is None:
        return ""
    found: Mapping[str, Any] = newest.found
    units = found.get("units", [])
    devices = {device.assy: device for device in Device.objects.filter(assy__in=[unit["assy"] for unit in units])}
    context = {
        "sweep": newest,
        "percent": round(100 * newest.asked / max(newest.total, 1)),
        "error": gettext(newest.error) if newest.error else "",
        "state": badge(newest.get_state_display(), _STATE_COLOURS[newest.state]),
        "ended": ago(newest.ended) if newest.ended else "",
        "rows": [_found_row(unit, devices.get(unit["assy"])) for unit in units],
        "found": found,
        "unreadable": ", ".join(found.get("unreadable", [])),
        "left_out": ", ".join(found.get("busy", [])),
    }
    return render_to_string("devices/admin/sweep.html", context, request)


_STATE_COLOURS = {"waiting": "", "running": "info", "done": "success", "failed": "danger", "cancelled": "warning"}


def _found_row(unit: Mapping[str, Any], device: Device | None) -> dict[str, Any]:
    """A unit as it was found, with what has become of it since."""
    marks = [Mark(mark) for mark in unit["marks"]]
    is_here = device is not None and device.address == unit["address"]
    if is_here:
        marks = [Mark.KNOWN if mark in (Mark.NEW, Mark.MOVED) else mark for mark in marks]
    adopted = device is not None and device.adoption == Device.Adoption.ADOPTED
    return {
        "unit": unit,
        "device": device,
        "marks": _badges(marks),
        "adoption": _adoption_badge(device) if device is not None else "",
        "add": not is_here and Mark.CLAIMED not in marks,
        "wizard": is_here and not adopted,
        "adopt": is_here and not adopted and not _is_doubtful(marks),
    }


def _is_doubtful(marks: Iterable[Mark]) -> bool:
    """Whether it should not be adopted without having read why."""
    return bool({Mark.CLAIMED, Mark.DEFAULT_LABEL} & set(marks))


def _badges(marks: Iterable[Mark]) -> list[SafeString]:
    return [badge(str(MARKS_IN_WORDS[mark]), _MARK_COLOURS[mark]) for mark in marks]


def _adoption_badge(device: Device) -> SafeString:
    return badge(device.get_adoption_display(), _ADOPTION_COLOURS[device.adoption])
