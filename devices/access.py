"""Who may see which device: the one mechanism of the pages, the callbacks, the exports and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q
from rest_framework.permissions import SAFE_METHODS, BasePermission

from devices.models import Device, Port
from devices.querysets import DeviceQuerySet, PortQuerySet

if TYPE_CHECKING:
    # REST framework reads ReadOrConfigure out of the settings while it is itself being imported.
    from rest_framework.request import Request
    from rest_framework.views import APIView


def devices_for(user: Any) -> DeviceQuerySet:
    """The devices that this user may see: staff all, others those granted to one of their groups, guests none."""
    if not user.is_authenticated or not user.is_active:
        return Device.objects.none()
    if user.is_staff:
        return Device.objects.all()
    return Device.objects.filter(Q(grants__group__user=user)).distinct()


def ports_for(user: Any) -> PortQuerySet:
    """The ports of the devices that this user may see."""
    return Port.objects.filter(device__in=devices_for(user))


class ReadOrConfigure(BasePermission):
    """Reading for everybody who is logged in; changing for staff, and over a token only if its scope allows it."""

    message = "This needs a staff user, and over a token the scope 'configure' or 'operate'."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.method in SAFE_METHODS:
            return True
        scope = getattr(request.auth, "scope", "operate")
        return bool(request.user.is_staff) and scope in ("configure", "operate")
