"""The admin's first page: how things stand, and the way to everything that this user may look at."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext

from ct6site.admin_menu import navigation
from ct6site.models import Alert
from ct6site.operations.health import expected_units, wrong_parts
from devices.access import devices_for
from devices.models import Device, Job

TEMPLATE = "ct6site/admin/overview.html"


@dataclass(frozen=True, slots=True)
class Fact:
    """A number and what it counts; ``look`` is "ct6-bad" where somebody has to do something."""

    number: int
    what: str
    link: str
    look: str = ""


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the first page (named in the settings as unfold's DASHBOARD_CALLBACK)."""
    entries = [group for group in navigation(request) if "title" in group]
    parts = wrong_parts(timezone.now()) if request.user.has_perm("readings.view_heartbeat") else []
    silent = [part.name for part in parts if not part.troubles]
    troubles = [trouble.sentence for part in parts for trouble in part.troubles]
    # Not "items": a template would take the dictionary's method for it.
    groups = [{"title": group["title"], "places": group["items"]} for group in entries]
    return {**context, "groups": groups, "facts": _facts(request), "silent_parts": silent, "troubles": troubles}


def _facts(request: HttpRequest) -> list[Fact]:
    user, now = request.user, timezone.now()
    units = devices_for(user)
    adopted, expected = units.filter(adoption=Device.Adoption.ADOPTED), expected_units().filter(pk__in=units)
    silent = expected.count() - expected.online(now).count()
    pending = units.filter(adoption=Device.Adoption.PENDING).count()
    running = Job.objects.filter(device__in=units, state=Job.State.RUNNING).count()
    devices, jobs = (reverse(f"admin:devices_{model}_changelist") for model in ("device", "job"))
    facts = [
        _fact(adopted.count(), ngettext("unit", "units", adopted.count()), devices),
        _fact(silent, ngettext("unit silent", "units silent", silent), devices, is_bad=True),
        _fact(
            pending,
            ngettext("unit waits for a decision", "units wait for a decision", pending),
            f"{devices}?adoption__exact=pending",
            is_bad=True,
        ),
        _fact(running, ngettext("job running", "jobs running", running), f"{jobs}?state__exact=running"),
    ]
    if user.has_perm("ct6site.view_alert"):
        alerts = Alert.objects.filter(ended=None).count()
        link = reverse("admin:ct6site_alert_changelist")
        facts.append(_fact(alerts, ngettext("open alert", "open alerts", alerts), link, is_bad=True))
    return facts


def _fact(number: int, what: str, link: str, *, is_bad: bool = False) -> Fact:
    return Fact(number, what, link, "ct6-bad" if is_bad and number else "")
