"""The pages of a unit: their addresses below it, and the buttons that lead to them from its own page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise

from devices.access import Right
from devices.models import Device


@dataclass(frozen=True, slots=True)
class UnitPage:
    """A page of one unit; `view` takes the request and `device_id`, and checks the right itself (see `of_unit`).

    It is `admin:devices_device_<name>`, at `<name>/` below the unit unless `route` says otherwise. With a title it has
    a button, shown to those who have the right; without a right, to all who see the unit.
    """

    name: str
    view: Callable[..., HttpResponse]
    right: Right | None
    title: str | Promise = ""
    icon: str = ""
    route: str = ""
    is_dangerous: bool = False

    def pattern(self) -> URLPattern:
        route = f"<int:device_id>/{self.route or self.name + '/'}"
        return path(route, admin.site.admin_view(self.view), name=f"devices_device_{self.name}")


def buttons(pages: Iterable[UnitPage], device: Device, rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Those of the pages that somebody with these rights may open, for the unit's own page."""
    allowed = set(rights)
    return [
        {
            "title": page.title,
            "icon": page.icon,
            "link": reverse(f"admin:devices_device_{page.name}", args=[device.pk]),
            "is_dangerous": page.is_dangerous,
        }
        for page in pages
        if page.title and (page.right is None or page.right in allowed)
    ]
