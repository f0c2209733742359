"""A unit fresh from the box is adopted, named, given its roles and made active in one act."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.utils import timezone

from devices.configuration import MqttSilent, open_wishes
from devices.ct6.errors import DestructiveValue
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.discovery import add_by_address
from devices.models import AuditEntry, ConfigChange, Device
from devices.setting_up import NotSetUp, SetUp, set_up
from tests.devices.units import closed_port, device_of, name_held
from tests.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def setting_up(device: Device, **parts: Any) -> SetUp:
    everything: dict[str, Any] = {
        "name": None, "port_names": {}, "roles": {}, "reversed": {}, "active": None, "who": None,
        "now": timezone.now(),
    }  # fmt: skip
    return set_up(device, **(everything | parts))


def pending(unit: SimulatedUnit, **fields: Any) -> Device:
    return device_of(unit, adoption="pending", **fields)


def changed(device: Device) -> list[str]:
    """What differs from a device that nobody has touched."""
    device.refresh_from_db()
    ports = [port for port in device.ports.all() if port.role != "other" or port.reversed]
    return [device.adoption, *(str(port.number) for port in ports), *ConfigChange.objects.values_list("key", flat=True)]


def test_all_of_it_in_one_act(unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    device = pending(unit, active=False)
    done = setting_up(
        device,
        name="Dad's garage",
        port_names={1: "Grid", 2: "Küche, Süd"},
        roles={1: "grid", 2: "load"},
        reversed={1: True},
        active=True,
        who=make_user("anna"),
    )
    assert done.adopted
    confirmed = {change.key: change.wished for change in done.pushed.confirmed}
    assert confirmed == {"YDEV_UNIT_NAME": "Dad's garage", "CT1_NAME": "Grid", "CT2_NAME": "Küche, Süd", "ACTIVE": "1"}
    assert (done.pushed.refused, done.pushed.waiting, done.pushed.error) == ((), (), None)
    assert (name_held(unit, "YDEV_UNIT_NAME"), name_held(unit, "CT2_NAME")) == ("Dad's garage", "Küche, Süd")
    device.refresh_from_db()
    assert (device.name, device.active, device.adoption) == ("Dad's garage", True, "adopted")
    ports = {port.number: (port.name, port.role, port.reversed) for port in device.ports.all()}
    assert ports[1] == ("Grid", "grid", True)
    assert ports[2] == ("Küche, Süd", "load", False)
    assert ports[3][1:] == ("other", False)


def test_an_inactive_unit_that_was_added_is_heard_afterwards(unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    assert unit.answer(time.time_ns() + 10**9) is None
    device = add_by_address(unit.address, unit.http_port, None).device
    setting_up(device, active=True)
    assert unit.answer(time.time_ns() + 10**9) is not None


def test_who_set_it_up_is_recorded_with_before_and_after(unit: SimulatedUnit) -> None:
    setting_up(pending(unit), name="Garage", roles={1: "grid"}, reversed={1: False}, who=make_user("anna"))
    entries = AuditEntry.objects.filter(action="set_up")
    assert {entry.who_name for entry in entries} == {"anna"}
    after = {key: value for entry in entries for key, value in entry.after.items()}
    before = {key: value for entry in entries for key, value in entry.before.items()}
    assert after == {"YDEV_UNIT_NAME": "Garage", "adoption": "adopted", "CT1": {"role": "grid", "reversed": False}}
    assert before == {"YDEV_UNIT_NAME": "House", "adoption": "pending", "CT1": {"role": "other", "reversed": False}}
    assert not AuditEntry.objects.exclude(action="set_up").exists()


def test_what_is_left_out_stays_as_it_is(unit: SimulatedUnit) -> None:
    device = pending(unit)
    done = setting_up(device, adopt=False)
    assert (done.adopted, done.pushed.confirmed) == (False, ())
    assert changed(device) == ["pending"]
    assert not unit.requests
    assert not AuditEntry.objects.exists()


def test_a_unit_that_is_away_keeps_its_wishes_and_all_that_is_ours(unit: SimulatedUnit) -> None:
    device = pending(unit, address="127.0.0.1", http_port=closed_port())
    done = setting_up(device, name="Garage", roles={1: "grid"})
    assert done.adopted
    assert [change.key for change in done.pushed.waiting] == ["YDEV_UNIT_NAME"]
    assert done.pushed.error is not None
    assert list(open_wishes(device)) == ["YDEV_UNIT_NAME"]
    assert device.ports.get(number=1).role == "grid"


def test_a_unit_that_refuses_says_which_part(unit: SimulatedUnit) -> None:
    unit.faults.http = [HttpFault(HttpFaultKind.ERROR, "/set_config")]
    done = setting_up(pending(unit), name="Garage")
    assert [change.key for change in done.pushed.refused] == ["YDEV_UNIT_NAME"]
    assert "refused" in str(done.pushed.answers["YDEV_UNIT_NAME"])


def test_another_unit_at_the_address_is_not_changed(unit: SimulatedUnit) -> None:
    device = pending(unit)
    unit.settings["ASSY"] = "ASY0398_V003.300_SN00009999"
    done = setting_up(device, name="Garage")
    assert len(done.pushed.waiting) == 1
    assert name_held(unit, "YDEV_UNIT_NAME") == "House"


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"name": "x" * 65}, DestructiveValue),
        ({"port_names": {2: "   "}}, DestructiveValue),
        ({"port_names": {7: "Shed"}}, NotSetUp),
        ({"roles": {9: "grid"}}, NotSetUp),
        ({"roles": {1: "moon"}}, NotSetUp),
        ({"reversed": {0: True}}, NotSetUp),
        ({"mqtt": {"CT1_IGAIN": "0"}}, NotSetUp),
        ({"mqtt": {"MQTT_SERVER_PORT": ""}}, DestructiveValue),
        ({"mqtt": {"MQTT_SERVER_PORT": "nan"}}, DestructiveValue),
    ],
)
def test_what_a_unit_must_not_or_cannot_hold_changes_nothing(
    unit: SimulatedUnit, parts: dict[str, Any], error: type[Exception]
) -> None:
    device = pending(unit)
    whole = {"name": "Garage", "roles": {1: "grid"}, "active": True} | parts
    with pytest.raises(error):
        setting_up(device, **whole)
    assert changed(device) == ["pending"]
    assert not [line for line in unit.requests if "set_config" in line]
    assert not AuditEntry.objects.exists()


def mqtt(port: int) -> dict[str, str]:
    return {
        "MQTT_SERVER_ADDRESS": "127.0.0.1",
        "MQTT_SERVER_PORT": str(port),
        "MQTT_TOPIC": "meters",
        "MQTT_PASSWORD": "hushhush",
    }


def test_an_mqtt_server_that_takes_no_test_message_is_refused(unit: SimulatedUnit) -> None:
    device = pending(unit)
    with pytest.raises(MqttSilent):
        setting_up(device, mqtt=mqtt(closed_port()))
    assert changed(device) == ["pending"]


def test_who_insists_may_set_one_that_only_the_unit_reaches(unit: SimulatedUnit) -> None:
    done = setting_up(pending(unit), mqtt=mqtt(1883), mqtt_unchecked=True)
    assert {change.key for change in done.pushed.confirmed} == set(mqtt(1883))
    assert unit.settings["MQTT_SERVER_ADDRESS"] == "127.0.0.1"
    assert "hushhush" not in repr(list(AuditEntry.objects.values()))
