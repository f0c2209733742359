"""Jobs in the admin: the list, and the page on which one is followed while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from devices.access import devices_for, may, right_for
from devices.admin.shown import badge, span, there
from devices.jobs import queue
from devices.models import FirmwareRelease, Job, JobLine
from devices.unit_pages import check, framed

STATE_COLOURS = {"waiting": "info", "running": "primary", "done": "success", "failed": "danger", "cancelled": ""}
_AGAIN = {
    Job.Kind.REBOOT: "admin:devices_device_reboot",
    Job.Kind.POWER_CYCLE: "admin:devices_device_power_cycle",
    Job.Kind.RESET: "admin:devices_device_reset",
    Job.Kind.CALIBRATION: "admin:devices_device_calibration",
    Job.Kind.RESTORE: "admin:devices_device_factory",
    Job.Kind.BACKUP: "admin:devices_device_factory",
}


@admin.register(Job)
class JobAdmin(ModelAdmin):
    """All staff may look, as they may look at every unit; what may be done to a unit is checked for each job."""

    list_display = ("kind_shown", "state_shown", "device", "progress", "who", "asked_for", "took")
    list_filter = ("state", "kind", "device", "who")
    list_select_related = ("device", "who")
    search_fields = ("device__name", "device__assy", "who__username")
    list_fullwidth = True
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs: QuerySet[Job] = super().get_queryset(request).filter(device__in=devices_for(request.user))
        return jobs.defer("memory", "asked")

    @admin.display(description=_("Kind"), ordering="kind")
    def kind_shown(self, job: Job) -> str:
        return capfirst(job.get_kind_display())

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, job: Job) -> SafeString:
        return state_badge(job)

    @admin.display(description=_("Progress"), ordering="percent")
    def progress(self, job: Job) -> str:
        return f"{job.percent} %"

    @admin.display(description=_("Asked"), ordering="made")
    def asked_for(self, job: Job) -> str:
        return there(job.made, settings.CT6_TIMEZONE)

    @admin.display(description=_("Took"))
    def took(self, job: Job) -> str:
        return duration(job)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(route, admin.site.admin_view(view), name=f"devices_job_{name}")

        return [
            page("<int:job_id>/change/", job_page, "change"),
            page("<int:job_id>/state/", state, "state"),
            page("<int:job_id>/cancel/", require_POST(cancel), "cancel"),
            *super().get_urls(),
        ]


# --- The pages --------------------------------------------------------------------------------------------------


def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far a job is and all that it has said; brought up to date in the browser until it is over."""
    job = _job(request, job_id)
    lines = list(job.lines.all())
    context: dict[str, Any] = {
        "live": not job.is_over,
        "job": job,
        "percent": job.percent,
        "lines": lines_html(job, lines),
        "last": lines[-1].pk if lines else 0,
        "shown": _shown(request, job),
        **{name: SafeString(html) for name, html in _parts(request, job).items()},
    }
    title = f"{capfirst(job.get_kind_display())}: {job.device}"
    return framed(request, "job.html", title, opts=Job._meta, subtitle="", **context)


@never_cache
def state(request: HttpRequest, job_id: int) -> JsonResponse:
    """What has changed on the job's page since the line that the page has last."""
    job = _job(request, job_id)
    told = request.GET.get("after", "")
    after = int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else 0
    lines = list(job.lines.filter(pk__gt=after))
    return JsonResponse(
        {
            "over": job.is_over,
            "percent": job.percent,
            "parts": _parts(request, job),
            "shown": _shown(request, job),
            "lines": lines_html(job, lines),
            "last": lines[-1].pk if lines else after,
        }
    )


def cancel(request: HttpRequest, job_id: int) -> HttpResponseRedirect:
    job = _job(request, job_id)
    check(request, right_for(job.kind), job.device)
    if queue.cancel(job, timezone.now(), who=request.user):
        messages.success(request, gettext("It stops at the next place where the unit is left as it was."))
    else:
        messages.error(request, gettext("It is over, or stopping it now would leave the unit half-changed."))
    return redirect(page_of(job))


def page_of(job: Job) -> str:
    """The address of the job's page."""
    return reverse("admin:devices_job_change", args=[job.pk])


def follow(request: HttpRequest, job: Job) -> HttpResponseRedirect:
    """Go to the page of a job that was just asked for."""
    messages.success(request, gettext("Asked for. This page shows how far it is."))
    return redirect(page_of(job))


# --- What they show ---------------------------------------------------------------------------------------------


def state_badge(job: Job) -> SafeString:
    return badge(job.get_state_display(), STATE_COLOURS[job.state])


def duration(job: Job) -> str:
    """How long it took, or takes so far."""
    if job.started is None:
        return "–"
    return span(((job.ended or timezone.now()) - job.started).total_seconds())


def lines_html(job: Job, lines: list[JobLine]) -> SafeString:
    return render_to_string("devices/admin/job_lines.html", {"lines": [_line(job, line) for line in lines]})


def _line(job: Job, line: JobLine) -> dict[str, Any]:
    moment = there(line.at, job.device.timezone, seconds=True)
    return {"at": moment.split()[1], "moment": moment, "level": line.level, "text": line.text}


def _job(request: HttpRequest, job_id: int) -> Job:
    seen = Job.objects.filter(device__in=devices_for(request.user))
    return get_object_or_404(seen.select_related("device", "who", "rollout"), pk=job_id)


def _shown(request: HttpRequest, job: Job) -> dict[str, bool]:
    may_cancel = job.may_cancel and not job.is_over and may(request.user, right_for(job.kind), job.device)
    return {"cancel": may_cancel and not job.cancel_wanted, "cancelling": job.cancel_wanted and not job.is_over}


def _parts(request: HttpRequest, job: Job) -> dict[str, str]:
    """The parts of the page that change, by the names of their places."""
    zone = job.device.timezone
    about = {
        "job": job,
        "badge": state_badge(job),
        "step": _step(job),
        "asked": there(job.made, zone),
        "not_before": there(job.not_before, zone) if job.not_before else "",
        "started": there(job.started, zone, seconds=True),
        "ended": there(job.ended, zone, seconds=True),
        "took": duration(job) if job.is_over else "",
        "release": _release(job),
        "next": next_steps(request.user, job) if job.is_over else [],
    }
    files = {"files": list(job.memory.get("files", [])), "sent": job.memory.get("sent")}
    return {
        "job_about": render_to_string("devices/admin/job_about.html", about),
        "job_files": render_to_string("devices/admin/job_files.html", files),
    }


def _step(job: Job) -> str:
    line = job.lines.exclude(level=JobLine.Level.NOTE).last()
    return line.text if line else ""


def _release(job: Job) -> str:
    if job.kind != Job.Kind.UPGRADE:
        return ""
    release = FirmwareRelease.objects.filter(pk=job.asked.get("release")).defer("content").first()
    return str(release or "")


def next_steps(user: Any, job: Job) -> list[dict[str, str]]:
    """Where somebody goes after this job, as far as they may."""
    steps = []
    if may(user, right_for(job.kind), job.device) and job.state in (Job.State.FAILED, Job.State.CANCELLED):
        steps.append({"title": gettext("Ask for it again"), "link": _again(job)})
    if job.kind == Job.Kind.UPGRADE and job.state == Job.State.DONE and job.asked.get("across_2_8"):
        link = reverse("admin:devices_device_calibration", args=[job.device_id])
        steps.append({"title": gettext("Calibrate every port"), "link": link})
    if job.kind == Job.Kind.RESET and job.state == Job.State.DONE:
        steps.append({"title": gettext("Find it again"), "link": reverse("admin:devices_sweep_changelist")})
    if job.kind in (Job.Kind.RESTORE, Job.Kind.BACKUP) and job.state == Job.State.DONE:
        link = reverse("admin:devices_device_factory", args=[job.device_id])
        steps.append({"title": gettext("Copies of the factory configuration"), "link": link})
    return steps


def _again(job: Job) -> str:
    if job.kind == Job.Kind.UPGRADE:
        asked = f"?device={job.device_id}&release={job.asked.get('release', '')}"
        return reverse("admin:devices_rollout_add") + asked
    return reverse(_AGAIN[Job.Kind(job.kind)], args=[job.device_id])
