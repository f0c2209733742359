"""The admin's look: its side bar and its icon (named in the settings)."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

_GROUPS = (
    (
        _("Meters"),
        (
            (_("Devices"), "electric_meter", "devices_device"),
            (_("Find units"), "travel_explore", "devices_sweep"),
            (_("Jobs"), "assignment", "devices_job"),
            (_("Firmware"), "memory", "devices_firmwarerelease"),
            (_("Upgrades"), "system_update_alt", "devices_rollout"),
            (_("Setting changes"), "tune", "devices_configchange"),
            (_("Audit log"), "history", "devices_auditentry"),
        ),
    ),
    (
        _("Access"),
        (
            (_("Users"), "person", "ct6site_user"),
            (_("Groups and their devices"), "group", "auth_group"),
            (_("API tokens"), "key", "ct6site_apitoken"),
            (_("Wall displays"), "tv", "dashboard_walldisplay"),
            (_("Failed logins"), "lock_person", "axes_accessattempt"),
        ),
    ),
    (
        _("Running"),
        (
            (_("Parts at work"), "monitor_heart", "readings_heartbeat"),
            (_("Alerts"), "notifications_active", "ct6site_alert"),
            (_("Alert channels"), "campaign", "ct6site_alertchannel"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What this user may look at, with the way back to the dashboard on top."""
    home = {"title": _("Dashboard"), "icon": "monitoring", "link": reverse("dashboard"), "active": False}
    groups: list[dict[str, Any]] = [{"items": [home]}]
    for title, entries in _GROUPS:
        items = [
            {"title": name, "icon": icon, "link": reverse(f"admin:{model}_changelist")}
            for name, icon, model in entries
            if _may_view(request, model)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def icon(request: HttpRequest) -> str:
    return static("dashboard/favicon.svg")


def _may_view(request: HttpRequest, model: str) -> bool:
    page = admin.site.get_model_admin(apps.get_model(model.replace("_", ".")))
    return bool(page.has_view_permission(request))
