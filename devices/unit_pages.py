"""What pages of one unit share: their addresses and buttons, who may open them, the frame, and the way on from them.

Apps above this one give units pages too: their AppConfig names them in `unit_pages` (see `given_by_apps`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.text import capfirst
from django.utils.translation import gettext

from devices import configuration
from devices.access import Right, devices_for, may
from devices.configuration import Pushed
from devices.models import Device
from devices.wording import translated

_Arguments = ParamSpec("_Arguments")


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


def given_by_apps() -> Iterator[UnitPage]:
    """The pages that apps above this one give every unit: `unit_pages` of an AppConfig is the dotted name of them."""
    for app in apps.get_app_configs():
        if name := getattr(app, "unit_pages", ""):
            yield from import_string(name)


def of_unit(
    right: Right,
) -> Callable[[Callable[Concatenate[HttpRequest, Device, _Arguments], HttpResponse]], Callable[..., HttpResponse]]:
    """A view of one unit, given by its id: not there for who does not see it, refused to who may not do this to it."""

    def of_right(
        view: Callable[Concatenate[HttpRequest, Device, _Arguments], HttpResponse],
    ) -> Callable[..., HttpResponse]:
        @wraps(view)
        def checked(
            request: HttpRequest, device_id: int, *args: _Arguments.args, **kwargs: _Arguments.kwargs
        ) -> HttpResponse:
            device = get_object_or_404(devices_for(request.user), pk=device_id)
            check(request, right, device)
            return view(request, device, *args, **kwargs)

        return checked

    return of_right


def check(request: HttpRequest, right: Right, device: Device) -> None:
    """Raise PermissionDenied unless the user may do this to the unit."""
    if not may(request.user, right, device):
        sentence = gettext("You have no right to do this to %(device)s ('%(right)s').")
        raise PermissionDenied(sentence % {"device": device, "right": str(right)})


def framed(
    request: HttpRequest, template: str, title: str, device: Device | None = None, **context: Any
) -> TemplateResponse:
    """The page within the admin's frame; one of a unit with the way back. Apps above name templates in full."""
    around = {**admin.site.each_context(request), "title": title}
    if device is not None:
        around |= {"opts": Device._meta, "original": device, "device": device}
    return TemplateResponse(
        request, template if "/" in template else f"devices/admin/{template}", {**around, **context}
    )


def tell(request: HttpRequest, device: Device, pushed: Pushed) -> None:
    """Say what the unit answered to its wishes, and which of them wait."""
    for changes, template, level in (
        (pushed.confirmed, gettext("%(setting)s: %(answer)s"), messages.SUCCESS),
        (pushed.refused, gettext("%(setting)s, refused: %(answer)s"), messages.ERROR),
    ):
        for change in changes:
            answer = translated(pushed.answers[change.key])
            told = template % {"setting": capfirst(configuration.setting_name(change.key)), "answer": answer}
            messages.add_message(request, level, told)
    if pushed.waiting and pushed.error:
        kept = ", ".join(configuration.setting_name(change.key) for change in pushed.waiting)
        sentence = gettext(
            "%(device)s did not take it yet (%(settings)s): %(reason)s The wish is kept and tried again by itself."
        )
        values = {"device": device, "settings": kept, "reason": translated(pushed.error)}
        messages.warning(request, sentence % values)
