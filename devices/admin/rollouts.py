"""Giving firmware to units in the admin: what is known of each before, and then all of their jobs on one page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from devices.access import Right, devices_for, devices_with, may, may_on_some
from devices.admin.jobs import duration, page_of, state_badge
from devices.admin.shown import ago, badge, there
from devices.firmware import rollouts
from devices.firmware.outlook import Outlook, look_ahead
from devices.firmware.preflight import UpgradeRefused
from devices.firmware.rollouts import MomentPassed
from devices.firmware_forms import HowForm, WhichForm
from devices.jobs import queue
from devices.models import Device, FirmwareRelease, Job, JobLine, Rollout
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated

_MOST = 500  # units at once, for the length of an address


@admin.register(Rollout)
class RolloutAdmin(ModelAdmin):
    """Upgrades of one or several units."""

    list_display = ("made_ago", "version", "units", "state_shown", "who")
    list_filter = ("who",)
    list_fullwidth = True
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        ours = Job.objects.filter(device__in=devices_for(request.user)).values("rollout_id")
        found = super().get_queryset(request).filter(pk__in=ours)
        counted: QuerySet[Rollout] = found.annotate(unit_count=Count("jobs"))
        return counted.select_related("who", "release").defer("release__content").prefetch_related("jobs")

    @admin.display(description=_("Asked"), ordering="made")
    def made_ago(self, rollout: Rollout) -> str:
        return ago(rollout.made)

    @admin.display(description=_("Firmware"), ordering="release__version")
    def version(self, rollout: Rollout) -> str:
        return rollout.release.version

    @admin.display(description=_("Units"))
    def units(self, rollout: Rollout) -> int:
        return len(rollout.jobs.all())

    @admin.display(description=_("State"))
    def state_shown(self, rollout: Rollout) -> SafeString:
        return _overall(list(rollout.jobs.all()))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_on_some(request.user, Right.OPERATE)

    def has_change_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return ask_page(request)

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(route, admin.site.admin_view(view), name=f"devices_rollout_{name}")

        return [
            page("<int:rollout_id>/change/", rollout_page, "change"),
            page("<int:rollout_id>/state/", state, "state"),
            page("<int:rollout_id>/cancel/", require_POST(cancel), "cancel"),
            *super().get_urls(),
        ]


# --- Asking for it ----------------------------------------------------------------------------------------------


def ask_page(request: HttpRequest) -> HttpResponse:
    """Choose a release and units, see what is known of each, and ask: GET looks, POST asks."""
    mine = devices_with(request.user, Right.OPERATE)
    if not may_on_some(request.user, Right.OPERATE):
        raise PermissionDenied(gettext("You have no right to upgrade any unit ('operate')."))
    sent = request.POST if request.method == "POST" else request.GET
    # With a release or units chosen before, the rest is still to be chosen and no mistake yet.
    complete = "release" in sent and "device" in sent
    which = WhichForm(sent, devices=mine) if complete else WhichForm(devices=mine, initial=_chosen(request))
    context: dict[str, Any] = {"which": which, "has_releases": FirmwareRelease.objects.exists()}
    if complete and which.is_valid():
        release, devices = which.cleaned_data["release"], list(which.cleaned_data["device"])
        outlooks = look_ahead(devices, release, now=timezone.now())
        crosses = any(outlook.crosses_2_8 for outlook in outlooks)
        how = HowForm(request.POST if request.method == "POST" else None, devices=devices, crosses_2_8=crosses)
        if how.is_valid() and (rollout := _ask(request, which, how)):
            return redirect("admin:devices_rollout_change", rollout.pk)
        context |= {
            "how": how,
            "release": release,
            "devices": devices,
            "outlooks": [_outlook_shown(outlook) for outlook in outlooks],
        }
    return framed(request, "rollout_add.html", gettext("Upgrade units"), opts=Rollout._meta, **context)


def _chosen(request: HttpRequest) -> dict[str, Any]:
    return {"release": request.GET.get("release"), "device": request.GET.getlist("device")}


def _ask(request: HttpRequest, which: WhichForm, how: HowForm) -> Rollout | None:
    """Nothing, and an error at the form, where it was refused."""
    try:
        return rollouts.roll_out(
            which.cleaned_data["release"],
            how.in_order(which.cleaned_data["device"]),
            who=request.user,
            not_before=how.cleaned_data["not_before"],
            stop_at_failure=how.cleaned_data["stop_at_failure"],
            across_2_8=how.cleaned_data.get("across_2_8", False),
        )
    except MomentPassed as refusal:
        how.add_error("not_before", translated(refusal))
        return None
    except UpgradeRefused as refusal:
        how.add_error("across_2_8" if "across_2_8" in how.fields else None, translated(refusal))
        return None


def _outlook_shown(outlook: Outlook) -> dict[str, Any]:
    device = outlook.device
    online = (gettext("online"), "success") if outlook.is_online else (gettext("offline"), "danger")
    if not outlook.is_online and device.active is False:
        online = (gettext("inactive"), "info")
    remarks = []
    if outlook.runs_it_already:
        remarks.append(gettext("Runs this version already."))
    if outlook.crosses_2_8:
        remarks.append(gettext("Every port must be calibrated again afterwards (2.8)."))
    if outlook.fits is False:
        remarks.append(gettext("It does not fit: it needs more than half of the flash."))
    if outlook.fits is None:
        remarks.append(gettext("How big its flash is, is not known yet."))
    if outlook.running is not None:
        remarks.append(gettext("Another job is running on it; this one begins after it."))
    return {
        "device": device,
        "link": reverse("admin:devices_device_change", args=[device.pk]),
        "online": badge(*online),
        "remarks": remarks,
        "wrong": outlook.fits is False,
        "backed_up": ago(outlook.backed_up),
    }


@admin.action(description=_("Upgrade units…"), permissions=["operate"])
def upgrade_units(model_admin: Any, request: HttpRequest, devices: QuerySet[Device]) -> HttpResponse:
    """The action of the list of units: the same page with those chosen to which the user may do it."""
    mine = devices_with(request.user, Right.OPERATE).values("pk")
    chosen = devices.filter(pk__in=mine).order_by("name", "assy").values_list("pk", flat=True)
    asked = urlencode([("device", pk) for pk in chosen[:_MOST]])
    return redirect(f"{reverse('admin:devices_rollout_add')}?{asked}")


@of_unit(Right.OPERATE)
def upgrade_unit(request: HttpRequest, device: Device) -> HttpResponse:
    """The same page with this unit chosen."""
    return redirect(reverse("admin:devices_rollout_add") + f"?device={device.pk}")


PAGES = (UnitPage("upgrade", upgrade_unit, Right.OPERATE, _("Upgrade"), "system_update_alt"),)


# --- Following it -----------------------------------------------------------------------------------------------


def rollout_page(request: HttpRequest, rollout_id: int) -> HttpResponse:
    """All jobs of a rollout; brought up to date in the browser until all are over."""
    rollout = _rollout(request, rollout_id)
    jobs = _jobs(request, rollout)
    context: dict[str, Any] = {
        "live": not all(job.is_over for job in jobs),
        "rollout": rollout,
        "made": ago(rollout.made),
        "percent": _percent(jobs),
        "rollout_jobs": SafeString(_jobs_html(jobs)),
        "shown": _shown(request, jobs),
    }
    title = gettext("Firmware %(version)s") % {"version": rollout.release.version}
    return framed(request, "rollout.html", title, opts=Rollout._meta, **context)


@never_cache
def state(request: HttpRequest, rollout_id: int) -> JsonResponse:
    """What the rollout's page shows now."""
    jobs = _jobs(request, _rollout(request, rollout_id))
    return JsonResponse(
        {
            "over": all(job.is_over for job in jobs),
            "percent": _percent(jobs),
            "parts": {"rollout_jobs": _jobs_html(jobs)},
            "shown": _shown(request, jobs),
        }
    )


def cancel(request: HttpRequest, rollout_id: int) -> HttpResponseRedirect:
    """Stop all of its jobs that can be stopped and that the user may stop."""
    rollout = _rollout(request, rollout_id)
    mine = [job for job in _jobs(request, rollout) if may(request.user, Right.OPERATE, job.device)]
    if not mine:
        raise PermissionDenied(gettext("You have no right to upgrade any of these units ('operate')."))
    # Those that wait first: the end of one must not let them begin. One that ends may end the others with it.
    for job in sorted(mine, key=lambda job: (job.state != Job.State.WAITING, -job.wave)):
        queue.cancel(job, timezone.now(), who=request.user)
    going = Job.objects.filter(pk__in=[job.pk for job in mine if not job.is_over and not job.cancel_wanted])
    stopped = going.filter(Q(state=Job.State.CANCELLED) | Q(cancel_wanted=True)).count()
    sentence = ngettext("%(count)d job is stopped.", "%(count)d jobs are stopped.", stopped)
    messages.add_message(request, messages.SUCCESS if stopped else messages.ERROR, sentence % {"count": stopped})
    return redirect("admin:devices_rollout_change", rollout.pk)


def _rollout(request: HttpRequest, rollout_id: int) -> Rollout:
    seen = Job.objects.filter(device__in=devices_for(request.user)).values("rollout_id")
    found = Rollout.objects.filter(pk__in=seen).select_related("release", "who").defer("release__content")
    return get_object_or_404(found, pk=rollout_id)


def _jobs(request: HttpRequest, rollout: Rollout) -> list[Job]:
    seen = Job.objects.filter(rollout=rollout, device__in=devices_for(request.user))
    return list(seen.select_related("device").order_by("wave", "pk"))


def _percent(jobs: list[Job]) -> int:
    """How much of the whole is done; what failed or was left out counts as done."""
    return round(sum(100 if job.is_over else job.percent for job in jobs) / max(len(jobs), 1))


def _shown(request: HttpRequest, jobs: list[Job]) -> dict[str, bool]:
    stoppable = (job for job in jobs if job.may_cancel and not job.is_over and not job.cancel_wanted)
    return {"cancel": any(may(request.user, Right.OPERATE, job.device) for job in stoppable)}


def _jobs_html(jobs: list[Job]) -> str:
    last: dict[int, JobLine] = {}
    for line in JobLine.objects.filter(job__in=jobs).exclude(level=JobLine.Level.NOTE).order_by("pk"):
        last[line.job_id] = line
    rows = [
        {
            "job": job,
            "link": page_of(job),
            "badge": state_badge(job),
            "step": last[job.pk].text if job.pk in last else _why_waiting(job),
            "took": duration(job),
        }
        for job in jobs
    ]
    return render_to_string("devices/admin/rollout_jobs.html", {"rows": rows})


def _why_waiting(job: Job) -> str:
    if job.not_before is not None and job.not_before > timezone.now():
        return gettext("Begins at %(moment)s.") % {"moment": there(job.not_before, settings.CT6_TIMEZONE)}
    return gettext("Waits for the first unit.") if job.wave else gettext("Waits for a worker.")


def _overall(jobs: list[Job]) -> SafeString:
    done = sum(job.state == Job.State.DONE for job in jobs)
    text = gettext("%(done)d of %(all)d done") % {"done": done, "all": len(jobs)}
    if not all(job.is_over for job in jobs):
        return badge(text, "primary")
    return badge(text, "success" if done == len(jobs) else "danger")
