"""Who may look at units and change them in the admin: the rights of everywhere else, in the admin's own words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from devices.access import Right, devices_with, may, may_on_some
from devices.models import Device


class UnitRights:
    """For the admin of units, and of their ports where the unit is what is given.

    Staff see all units; each right holds for all of them, or for those of a grant. Where no unit is given it is asked
    for any; whoever does something then asks again for each.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, Right.CONFIGURE, obj)

    def has_adopt_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, Right.ADOPT, obj)

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, Right.OPERATE, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a unit is here because it answered

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _may(request: HttpRequest, right: Right, unit: Any) -> bool:
    """`unit` is a device, its id, or nothing."""
    user = request.user
    if not user.is_active or not user.is_staff:
        return False
    if unit is None:
        return may_on_some(user, right)
    if isinstance(unit, Device):
        return may(user, right, unit)
    return devices_with(user, right).filter(pk=unit).exists()
