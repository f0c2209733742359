"""Who may see which device: the one mechanism of the pages, the callbacks, the exports and the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q
from rest_framework.permissions import SAFE_METHODS, BasePermission

from devices.models import Device, Port
from devices.querysets import DeviceQuerySet, PortQuerySet

if TYPE_CHECKING:
    # REST framework reads ReadOrConfigure out of the settings while it is itself being imported.
    from rest_framework.request import Request
    from rest_framework.views import APIView


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody without a login who was given a link to some devices. Stands where a user stands: reads these devices,
    and may do nothing else.
    """

    devices: DeviceQuerySet
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False
    is_superuser: ClassVar[bool] = False
    pk: ClassVar[None] = None

    def has_perm(self, _permission: str, _object: object = None) -> bool:
        return False


def devices_for(user: Any) -> DeviceQuerySet:
    """The devices that this user may see: staff all, others those granted to one of their groups, guests none."""
    if isinstance(user, Viewer):
        return user.devices.all()
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
