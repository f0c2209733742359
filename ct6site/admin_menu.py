"""The admin's look: its side bar and its icon (named in the settings)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

_GROUPS = (
    ("Meters", (("Devices", "electric_meter", "devices_device"), ("Setting changes", "tune", "devices_configchange"))),
    (
        "Access",
        (
            ("Users", "person", "ct6site_user"),
            ("Groups and their devices", "group", "auth_group"),
            ("API tokens", "key", "ct6site_apitoken"),
            ("Wall displays", "tv", "dashboard_walldisplay"),
            ("Failed logins", "lock_person", "axes_accessattempt"),
        ),
    ),
    ("Running", (("Parts at work", "monitor_heart", "readings_heartbeat"),)),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What this user may look at, with the way back to the dashboard on top."""
    home = {"title": "Dashboard", "icon": "monitoring", "link": reverse("dashboard"), "active": False}
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
    app, name = model.split("_")
    return any(request.user.has_perm(f"{app}.{right}_{name}") for right in ("view", "change"))
