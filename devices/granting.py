"""Which devices a group's users see and what they may do to them: each change of that is in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from devices import audit
from devices.access import Right
from devices.models import Device, DeviceGrant


@contextmanager
def noted(group: Group, who: Any) -> Iterator[None]:
    """Note what has become of the group's grants within, one entry for each device."""
    name, rights_before = group.name, _rights_by_device(group.pk)
    with transaction.atomic():
        yield
        rights_after = _rights_by_device(group.pk)
        changed = {pk for pk in {*rights_before, *rights_after} if rights_before.get(pk) != rights_after.get(pk)}
        for device in Device.objects.filter(pk__in=changed).order_by("pk"):
            before, after = (_in_entry(name, rights.get(device.pk)) for rights in (rights_before, rights_after))
            audit.note(who, "grant", device, before=before, after=after)


def _rights_by_device(group_id: Any) -> dict[int, list[str]]:
    grants = DeviceGrant.objects.filter(group=group_id)
    return {grant.device_id: [str(right) for right in Right if getattr(grant, right)] for grant in grants}


def _in_entry(group: str, rights: list[str] | None) -> dict[str, Any]:
    """Nothing for a group that does not see the device."""
    return {} if rights is None else {"group": group, "rights": ", ".join(["see", *rights])}
