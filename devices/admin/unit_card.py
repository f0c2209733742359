"""What the page of a unit shows beside its form: how it does, its jobs, what may be done, and what was done."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext

from devices import adoption, status
from devices.access import Right, rights_on
from devices.admin.audit import entry_shown
from devices.admin.jobs import page_of, state_badge
from devices.admin.shown import ago, size, span, there
from devices.models import AuditEntry, Device, Job
from devices.status import Status
from devices.unit_pages import UnitPage, buttons

_JOBS = 5
_ENTRIES = 10


def unit_context(request: HttpRequest, device: Device, pages: Iterable[UnitPage]) -> dict[str, Any]:
    """All that the templates unit.html and unit_history.html need."""
    rights = rights_on(request.user, device)
    kept = status.kept_status(device)
    entries = AuditEntry.objects.filter(device=device).select_related("who") if _may_audit(request) else None
    return {
        "doubts": adoption.doubts(device),
        "buttons": buttons(pages, device, rights),
        "may_operate": Right.OPERATE in rights,
        "facts": _facts(device, kept),
        "asked_at": ago(kept.at) if kept else "",
        "curves": reverse("dashboard") + f"?device={device.pk}",
        "other_poller": bool((device.last_answer or {}).get("other_poller")),
        "last_answer": status.as_json(device.last_answer),
        "stats_text": kept.stats_text if kept else "",
        "settings_held": json.dumps(device.settings_held, indent=2, sort_keys=True, ensure_ascii=False)
        if device.settings_held
        else "",
        "unit_jobs": [_job_shown(job) for job in _newest_jobs(device)],
        "all_jobs": reverse("admin:devices_job_changelist") + f"?device__id__exact={device.pk}",
        "entries": None if entries is None else [entry_shown(entry) for entry in entries[:_ENTRIES]],
        "all_entries": reverse("admin:devices_auditentry_changelist") + f"?device__id__exact={device.pk}",
    }


def _may_audit(request: HttpRequest) -> bool:
    return request.user.has_perm("devices.view_auditentry")


def _newest_jobs(device: Device) -> list[Job]:
    jobs = Job.objects.filter(device=device).select_related("who").defer("memory", "asked")
    running_first = sorted(jobs[:_JOBS], key=lambda job: job.is_over)
    for job in running_first:
        job.device = device
    return running_first


def _job_shown(job: Job) -> dict[str, Any]:
    return {
        "link": page_of(job),
        "kind": capfirst(job.get_kind_display()),
        "badge": state_badge(job),
        "percent": job.percent,
        "runs": job.state == Job.State.RUNNING,
        "who": job.who or "",
        "made": ago(job.made),
    }


def _facts(device: Device, kept: Status | None) -> list[tuple[str, str]]:
    """Name and value of each fact that was told, for people."""
    if kept is None:
        return []
    facts = [
        (gettext("Firmware"), _firmware(kept)),
        (gettext("Running since"), f"{there(kept.started, device.timezone)} ({_running_for(kept)})"),
        (gettext("Restarts seen"), _restarts(device, kept)),
        (gettext("Memory used"), _share(kept.ram_used_bytes, kept.ram_total_bytes)),
        (gettext("Flash used"), _share(kept.flash_used_bytes, kept.flash_total_bytes)),
        (gettext("Clock"), _clock(kept)),
        (gettext("Last heard"), ago(device.last_seen)),
        (gettext("Last asked over HTTP"), ago(device.last_asked)),
    ]
    return [(name, value) for name, value in facts if value]


def _running_for(kept: Status) -> str:
    """Until now: it is not asked each time that somebody looks."""
    return span((timezone.now() - kept.started).total_seconds())


def _firmware(kept: Status) -> str:
    if not kept.active_folder:
        return kept.firmware_version
    return gettext("%(version)s in %(folder)s") % {"version": kept.firmware_version, "folder": kept.active_folder}


def _restarts(device: Device, kept: Status) -> str:
    values = {"count": kept.restarts, "since": there(kept.restarts_since, device.timezone)}
    return gettext("%(count)d since %(since)s") % values


def _share(used: int | None, total: int | None) -> str:
    if used is None:
        return ""
    if not total:
        return size(used)
    values = {"used": size(used), "total": size(total), "percent": round(used * 100 / total)}
    return gettext("%(used)s of %(total)s (%(percent)d %%)") % values


def _clock(kept: Status) -> str:
    if kept.clock_drift_s is None:
        return ""
    drift = round(kept.clock_drift_s)
    if drift == 0:
        return gettext("right")
    sentence = gettext("%(span)s ahead") if drift > 0 else gettext("%(span)s behind")
    return sentence % {"span": span(abs(drift))}
