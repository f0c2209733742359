"""Who may see which device: the one mechanism of the pages, the callbacks, the exports and the API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission

from devices.models import Device, DeviceGrant, Job, Port
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


class Right(StrEnum):
    """What somebody may do to a unit beyond seeing it: the name of a permission (on all units that they see) and of a
    field of a grant (on one).
    """

    CONFIGURE = "configure"
    OPERATE = "operate"
    CALIBRATE = "calibrate"
    FILES = "files"
    ADOPT = "adopt"


_CALIBRATES = (Job.Kind.CALIBRATION, Job.Kind.RESTORE, Job.Kind.BACKUP)


def right_for(kind: str) -> Right:
    """The right that somebody needs to ask for a job of this kind, and to cancel it."""
    return Right.CALIBRATE if kind in _CALIBRATES else Right.OPERATE


def may(user: Any, right: Right, device: Device) -> bool:
    """Whether this user may do this to this unit: superusers all, others what a permission or a grant allows, on the
    devices that they see.
    """
    if user.is_active and user.is_staff and user.has_perm(f"devices.{right}_device"):  # sees all, so it needs no look
        return True
    return devices_with(user, right).filter(pk=device.pk).exists()


def rights_on(user: Any, device: Device) -> frozenset[Right]:
    """All that this user may do to this device."""
    return frozenset(right for right in Right if may(user, right, device))


def devices_with(user: Any, right: Right) -> DeviceQuerySet:
    """The devices to which this user may do this."""
    seen = devices_for(user)
    if user.pk is None:  # a guest or a link: it would match the grants of groups that nobody is in
        return seen.none()
    if user.has_perm(f"devices.{right}_device"):
        return seen
    granted = DeviceGrant.objects.filter(**{"group__user": user.pk, str(right): True})
    return seen.filter(pk__in=granted.values("device_id"))


def may_on_all(user: Any, right: Right) -> bool:
    """Whether this user may do this to units that are not here yet: no grant can name them, so a permission has to."""
    return bool(user.is_active and user.has_perm(f"devices.{right}_device"))


def may_on_some(user: Any, right: Right) -> bool:
    """Whether this user may do this to any unit: to one that is here, or to all that come."""
    return may_on_all(user, right) or devices_with(user, right).exists()


def ports_for(user: Any) -> PortQuerySet:
    """The ports of the devices that this user may see."""
    return Port.objects.filter(device__in=devices_for(user))


def may_change_anything(user: Any) -> bool:
    """Whether there is anything that this user may do beyond seeing: staff, and whom a permission or a grant allows it.
    What exactly, each action asks for itself.
    """
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_staff or any(user.has_perm(f"devices.{right}_device") for right in Right):
        return True
    some_right = Q(*((str(right), True) for right in Right), _connector=Q.OR)
    return user.pk is not None and DeviceGrant.objects.filter(some_right, group__user=user.pk).exists()


class ReadOrConfigure(BasePermission):
    """Reading for everybody who is logged in; changing for those who may do something to a unit, and over a token only
    if its scope allows it."""

    message = _("This needs a user who may do that, and over a token the scope 'configure' or 'operate'.")
    scopes: ClassVar[tuple[str, ...]] = ("configure", "operate")

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        return request.method in SAFE_METHODS or self._may_change(request)

    def _may_change(self, request: Request) -> bool:
        return getattr(request.auth, "scope", "operate") in self.scopes and may_change_anything(request.user)


class ReadOrOperate(ReadOrConfigure):
    """Reading as above; restarts, upgrades and calibrations need the scope of their own."""

    message = _("This needs a user who may do that, and over a token the scope 'operate'.")
    scopes = ("operate",)


class Operate(ReadOrOperate):
    """The same for reading too, where that talks to the unit."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated) and self._may_change(request)
