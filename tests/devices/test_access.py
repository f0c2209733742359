"""Who may see which device, and who may do what to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group, Permission

from devices.access import Right, Viewer, devices_for, devices_with, may, ports_for
from devices.models import Device, DeviceGrant
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def house() -> Device:
    return make_device("ASY0398_V003.300_SN00000001", ports=("Grid",))


@pytest.fixture
def shed() -> Device:
    return make_device("ASY0398_V003.300_SN00000002", ports=("Solar",))


def person(name: str = "ann", **fields: Any) -> Any:
    return get_user_model().objects.create_user(name, **fields)


def member(user: Any, device: Device, **rights: bool) -> DeviceGrant:
    group = Group.objects.create(name=f"group of {device.assy}")
    user.groups.add(group)
    return DeviceGrant.objects.create(group=group, device=device, **rights)


def allow(user: Any, right: Right) -> Any:
    user.user_permissions.add(Permission.objects.get(codename=f"{right}_device"))
    return get_user_model().objects.get(pk=user.pk)  # permissions are remembered per object


def rights_on(user: Any, device: Device) -> set[Right]:
    return {right for right in Right if may(user, right, device)}


def test_each_right_is_a_permission_and_a_field_of_a_grant() -> None:
    fields = {field.name for field in DeviceGrant._meta.get_fields()}
    permissions = set(Permission.objects.values_list("codename", flat=True))
    for right in Right:
        assert str(right) in fields
        assert f"{right}_device" in permissions


def test_a_superuser_may_do_everything(house: Device) -> None:
    assert rights_on(get_user_model().objects.create_superuser("root"), house) == set(Right)


def test_staff_sees_all_and_may_do_nothing_by_that_alone(house: Device, shed: Device) -> None:
    user = person(is_staff=True)
    assert set(devices_for(user)) == {house, shed}
    assert rights_on(user, house) == set()


@pytest.mark.parametrize("right", Right)
def test_a_permission_allows_one_thing_on_all_devices_that_are_seen(house: Device, shed: Device, right: Right) -> None:
    user = person()
    member(user, house)
    user = allow(user, right)
    assert set(devices_with(user, right)) == {house}
    assert (rights_on(user, house), rights_on(user, shed)) == ({right}, set())


@pytest.mark.parametrize("right", Right)
def test_a_grant_allows_one_thing_on_one_device(house: Device, shed: Device, right: Right) -> None:
    user = person()
    member(user, house, **{str(right): True})
    member(user, shed)
    assert set(devices_for(user)) == {house, shed}
    assert (rights_on(user, house), rights_on(user, shed)) == ({right}, set())


def test_a_grant_lets_staff_do_what_it_says(house: Device, shed: Device) -> None:
    user = person(is_staff=True)
    member(user, house, operate=True)
    assert set(devices_with(user, Right.OPERATE)) == {house}


def test_a_device_granted_by_two_groups_is_there_once(house: Device) -> None:
    user = person()
    for name in ("day", "night"):
        group = Group.objects.create(name=name)
        user.groups.add(group)
        DeviceGrant.objects.create(group=group, device=house, files=True)
    assert list(devices_with(user, Right.FILES)) == [house]
    assert [port.name for port in ports_for(user)] == ["Grid"]


def test_a_grant_of_another_group_allows_nothing(house: Device) -> None:
    user = person()
    member(person("bob"), house, configure=True)
    assert not devices_for(user).exists()
    assert rights_on(user, house) == set()


def test_somebody_who_left_may_do_nothing(house: Device) -> None:
    user = get_user_model().objects.create_superuser("root", is_active=False)
    assert rights_on(user, house) == set()


def test_a_guest_may_do_nothing(house: Device) -> None:
    assert rights_on(AnonymousUser(), house) == set()


def test_a_link_shows_its_devices_and_allows_nothing_not_even_what_a_group_without_members_may(
    house: Device, shed: Device
) -> None:
    nobody = Group.objects.create(name="nobody is in it")
    DeviceGrant.objects.create(group=nobody, device=house, **dict.fromkeys(map(str, Right), True))
    viewer = Viewer(Device.objects.filter(pk=house.pk))
    assert list(devices_for(viewer)) == [house]
    assert rights_on(viewer, house) == set()
