"""Who gave which group which rights on which device."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from devices import granting
from devices.models import AuditEntry, Device, DeviceGrant
from tests.factories import make_device
from tests.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def family() -> Group:
    return Group.objects.create(name="family")


@pytest.fixture
def device() -> Device:
    return make_device()


def entries() -> list[tuple[object, ...]]:
    return list(AuditEntry.objects.order_by("pk").values_list("who_name", "action", "device", "before", "after"))


def test_a_grant_that_is_given_changed_and_taken_is_noted(family: Group, device: Device) -> None:
    ann = make_user("ann")
    with granting.noted(family, ann):
        grant = DeviceGrant.objects.create(group=family, device=device)
    with granting.noted(family, ann):
        DeviceGrant.objects.filter(pk=grant.pk).update(operate=True, files=True)
    with granting.noted(family, ann):
        grant.delete()
    sees = {"group": "family", "rights": "see"}
    does = {"group": "family", "rights": "see, operate, files"}
    assert entries() == [
        ("ann", "grant", device.pk, {}, sees),
        ("ann", "grant", device.pk, sees, does),
        ("ann", "grant", device.pk, does, {}),
    ]


def test_a_grant_that_goes_to_another_device_is_two_changes(family: Group, device: Device) -> None:
    other = make_device("A2")
    DeviceGrant.objects.create(group=family, device=device)
    with granting.noted(family, None):
        DeviceGrant.objects.update(device=other)
    sees = {"group": "family", "rights": "see"}
    assert entries() == [("", "grant", device.pk, sees, {}), ("", "grant", other.pk, {}, sees)]


def test_a_group_that_goes_takes_its_grants(family: Group, device: Device) -> None:
    DeviceGrant.objects.create(group=family, device=device, adopt=True)
    with granting.noted(family, None):
        family.delete()
    assert entries() == [("", "grant", device.pk, {"group": "family", "rights": "see, adopt"}, {})]


def test_what_stays_and_what_another_group_has_is_not_noted(family: Group, device: Device) -> None:
    other = Group.objects.create(name="others")
    DeviceGrant.objects.create(group=family, device=device)
    with granting.noted(family, None):
        DeviceGrant.objects.create(group=other, device=device, operate=True)
    assert entries() == []
