"""Calibration of a unit: a guided page, its rounds live, what came of it, how gains drift, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from devices import calibration
from devices.access import Right
from devices.admin.shown import badge
from devices.calibration import CalibrationRefused
from devices.calibration.arithmetic import NEAR_ENOUGH_A, NEAR_ENOUGH_V, NO_CURRENT_A, as_offset
from devices.calibration_form import CalibrationForm
from devices.jobs import queue
from devices.models import Calibration, Device, Job
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated

_NEWEST = 50
_JOB_COLOURS = {"waiting": "", "running": "info", "done": "success", "failed": "danger", "cancelled": "warning"}
Target = Calibration.Target


@of_unit(Right.CALIBRATE)
def page(request: HttpRequest, device: Device) -> HttpResponse:
    """What runs or is looked at, the form to begin, earlier calibrations, and how the gains drift."""
    form = CalibrationForm(device, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        job = form.save(request.user)
        if job is not None:
            return _look_at(device, job)
    shown = _shown_job(request, device)
    drift = _drift(device)
    return framed(
        request,
        "calibration.html",
        gettext("Calibration"),
        device,
        form=form,
        job=shown,
        begins=shown is None or shown.is_over,
        live=shown is not None and not shown.is_over,
        **_shown_parts(request, shown),
        history=_history(device),
        drift=drift,
        drift_points={row["key"]: row["points"] for row in drift},
    )


@of_unit(Right.CALIBRATE)
def progress(request: HttpRequest, device: Device, job_id: int) -> HttpResponse:
    """How far a calibration is, with its rounds; asked for every second."""
    return JsonResponse(_progress(request, get_object_or_404(_jobs(device), pk=job_id)))


@require_POST
@of_unit(Right.CALIBRATE)
def cancel(request: HttpRequest, device: Device, job_id: int) -> HttpResponse:
    """Ask a calibration to stop; the gains of before are put back."""
    job = get_object_or_404(_jobs(device), pk=job_id)
    if queue.cancel(job, timezone.now(), who=request.user):
        messages.info(request, gettext("It is being stopped; the gains of before are put back."))
    else:
        messages.warning(request, gettext("It is too late to stop it."))
    return _look_at(device, job)


@require_POST
@of_unit(Right.CALIBRATE)
def restore(request: HttpRequest, device: Device, calibration_id: int) -> HttpResponse:
    """Put the gains of an earlier calibration back."""
    earlier = get_object_or_404(Calibration.objects.select_related("device", "job"), pk=calibration_id, device=device)
    try:
        job = calibration.restore(earlier, request.user)
    except CalibrationRefused as refusal:
        messages.error(request, capfirst(translated(refusal)))
        return redirect("admin:devices_device_calibration", device.pk)
    return _look_at(device, job)


def _look_at(device: Device, job: Job) -> HttpResponse:
    return redirect(f"{reverse('admin:devices_device_calibration', args=[device.pk])}?job={job.pk}")


def _jobs(device: Device) -> Any:
    return Job.objects.filter(device=device, kind=Job.Kind.CALIBRATION).select_related("calibration", "who", "device")


def _shown_job(request: HttpRequest, device: Device) -> Job | None:
    """The one that is not over; else the one that the address names."""
    unfinished: Job | None = _jobs(device).filter(ended=None).order_by("pk").first()
    asked = request.GET.get("job", "")
    if unfinished is not None or not (asked.isascii() and asked.isdigit()):
        return unfinished
    named: Job | None = _jobs(device).filter(pk=int(asked)).first()
    return named


def _shown_parts(request: HttpRequest, job: Job | None) -> dict[str, Any]:
    if job is None:
        return {}
    now = _progress(request, job)
    return {"about": now["parts"]["part-job"], "rounds": now["parts"]["part-rounds"], "plot": now["plot"]}


# --- The job ----------------------------------------------------------------------------------------------------


def _progress(request: HttpRequest, job: Job) -> dict[str, Any]:
    """The parts of the page that change by themselves, and what the plot is drawn from."""
    done: Calibration | None = getattr(job, "calibration", None)
    lines = list(job.lines.all())
    context = {
        "job": job,
        "state": badge(job.get_state_display(), _JOB_COLOURS[job.state]),
        "lines": lines,
        "last": lines[-1] if lines else None,
        "rounds": [_round(row) for row in done.rounds] if done else [],
        "gains": _gains(done) if done else [],
        "calibration": done,
        "target": done.get_target_display() if done else "",
    }
    parts = {
        "part-job": render_to_string("devices/admin/calibration_job.html", context, request),
        "part-rounds": render_to_string("devices/admin/calibration_rounds.html", context, request),
    }
    return {"parts": parts, "plot": _plot(done), "over": job.is_over}


def _round(row: Mapping[str, Any]) -> dict[str, Any]:
    is_voltage = row["setting"].endswith("VOLTAGE_GAIN")
    is_offset = row["setting"].endswith("IOFFSET")
    near_enough = NEAR_ENOUGH_V if is_voltage else NO_CURRENT_A if is_offset else NEAR_ENOUGH_A
    digits = 2 if is_voltage else 4 if is_offset else 3
    return {
        "setting": row["setting"],
        "port": row["port"],
        "value": as_offset(int(row["value"])) if is_offset else row["value"],
        "reading": _localised(f"{row['reading']:.{digits}f}"),
        "error": _localised(f"{row['error']:+.{digits}f}"),
        "unit": "V" if is_voltage else "A",
        "near_enough": abs(row["error"]) < near_enough,
    }


def _gains(done: Calibration) -> list[dict[str, Any]]:
    """Each setting before and after."""
    return [
        {"key": key, "before": _shown(key, done.before.get(key)), "after": _shown(key, done.after.get(key))}
        for key in done.before | done.after
    ]


def _shown(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    return _localised(f"{as_offset(int(value)) if key.endswith('_IOFFSET') else value:.9g}")


def _localised(number: str) -> str:
    """With the reader's decimal separator."""
    return number.replace(".", get_format("DECIMAL_SEPARATOR"))


def _plot(done: Calibration | None) -> dict[str, Any] | None:
    """The readings by round, a line per setting, with the reference that they shall reach."""
    if done is None or not done.rounds:
        return None
    lines: dict[str, list[list[float]]] = {}
    for row in done.rounds:
        line = lines.setdefault(f"{row['setting']} (CT{row['port']})", [])
        line.append([len(line) + 1, row["reading"]])
    unit = "V" if done.target == Target.VOLTAGE else "A"
    return {
        "lines": [{"name": name, "points": points} for name, points in lines.items()],
        "reference": done.reference or 0.0,
        "reference_name": gettext("reference"),
        "x": gettext("Round"),
        "y": gettext("Reading in %(unit)s") % {"unit": unit},
    }


# --- Earlier ones -----------------------------------------------------------------------------------------------


def _history(device: Device) -> list[dict[str, Any]]:
    zone = ZoneInfo(device.timezone)
    done = Calibration.objects.filter(device=device).select_related("who", "job")[:_NEWEST]
    return [
        {
            "calibration": one,
            "made": one.made.astimezone(zone),
            "outcome": _outcome(one),
            "gains": _gains(one),
            "unit": "V" if one.target == Target.VOLTAGE else "A",
            # What it ended with, or began with if it came to nothing: there is something unless it still runs.
            "can_be_restored": bool(one.before) and (one.succeeded is not None or one.job is None or one.job.is_over),
        }
        for one in done
    ]


def _outcome(one: Calibration) -> SafeString:
    if one.succeeded is None:
        return badge(gettext("running"), "info")
    return badge(gettext("saved"), "success") if one.succeeded else badge(gettext("came to nothing"), "danger")


def _drift(device: Device) -> list[dict[str, Any]]:
    """Each setting with the values that it took, for a small plot of each."""
    rows = []
    for key, line in sorted(calibration.drift(device).items()):
        if not key.endswith(("GAIN", "OFFSET")):
            continue
        change = line[-1].change_percent
        rows.append(
            {
                "key": key,
                "first": _localised(f"{line[0].value:.9g}"),
                "now": _localised(f"{line[-1].value:.9g}"),
                "change": "" if change is None else _localised(f"{change:+.2f} %"),
                "count": len(line),
                "since": line[0].at.astimezone(ZoneInfo(device.timezone)),
                "points": [[round(one.at.timestamp() * 1000), one.value] for one in line],
            }
        )
    return rows


PAGES = (
    UnitPage("calibration", page, Right.CALIBRATE, _("Calibrate"), "straighten"),
    UnitPage("calibration_progress", progress, Right.CALIBRATE, route="calibration/<int:job_id>/"),
    UnitPage("cancel_calibration", cancel, Right.CALIBRATE, route="calibration/<int:job_id>/cancel/"),
    UnitPage("restore_calibration", restore, Right.CALIBRATE, route="calibration/<int:calibration_id>/restore/"),
)
