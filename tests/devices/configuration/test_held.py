"""What a unit holds is kept as it last told, without its secrets, and shown beside what is wished."""

import json
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from devices.configuration import differences, held, pull, push, push_to_many, settings_of, wish
from devices.configuration.held import without_passwords
from devices.ct6.errors import DestructiveValue
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, ConfigChange
from tests.devices.units import device_of
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_all_settings_are_kept_and_no_secret(unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": "geheim", "MQTT_USERNAME": "meter"})
    device = device_of(unit)
    pull(device, now=NOW)
    device.refresh_from_db()
    assert device.settings_held.keys() == unit.settings.keys()
    assert device.settings_held["CT1_IGAIN"] == unit.settings["CT1_IGAIN"]
    assert (device.settings_held["MQTT_USERNAME"], device.settings_held["MQTT_PASSWORD"]) == ("meter", "(hidden)")
    assert device.settings_held["WIFI"] == "(hidden)"
    assert not {"geheim", "Simulated", "simulated"} & set(json.dumps(device.settings_held).replace('"', " ").split())


def test_a_push_keeps_them_too(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {"PF_WATTS_THRESHOLD": "7"}, None, now=NOW)
    push(device, now=NOW)
    device.refresh_from_db()
    assert device.settings_held["PF_WATTS_THRESHOLD"] == 7.0


def test_what_no_database_takes_is_kept_as_a_text() -> None:
    kept = without_passwords({"A": float("nan"), "B": "x" * 5000, "C": [1, 2], "D": None, "E": {"PASSWD": "x"}})
    assert kept == {"A": "nan", "B": "x" * 512, "C": "[1, 2]", "D": None, "E": {"PASSWD": "(hidden)"}}
    assert len(without_passwords({str(number): 1 for number in range(5000)})) == 400


def test_what_is_held_is_told_as_people_write_it(unit: SimulatedUnit) -> None:
    unit.set({"YDEV_GROUP_NAME": "Haus%202", "LINE_FREQ_HZ": "60", "MQTT_PASSWORD": "geheim"})
    device = device_of(unit)
    pull(device, now=NOW)
    told = held(device)
    assert told["YDEV_GROUP_NAME"] == "Haus 2"
    assert told["LINE_FREQ_HZ"] == "60"
    assert told["ZERO_POWER_GATE_WATTS"] == "0.5"
    assert told["MQTT_PASSWORD"] == "(hidden)"
    assert told["CT6_TYPE"] == "SCT013_100A"
    assert "CT1_IGAIN" not in told


def test_what_an_answer_told_later_counts() -> None:
    device = make_device(
        name="New", group_name="Home", settings_held={"YDEV_UNIT_NAME": "Old", "YDEV_GROUP_NAME": "", "CT1_TYPE": "A"}
    )
    device.ports.filter(number=1).update(sensor_type="B")
    told = held(device)
    assert (told["YDEV_UNIT_NAME"], told["YDEV_GROUP_NAME"], told["CT1_TYPE"]) == ("New", "Home", "B")


def test_the_settings_stand_in_an_order_and_only_those_of_its_ports() -> None:
    keys = [setting.key for setting in settings_of(make_device(ports=["Oven", ""]))]
    assert keys[:7] == ["YDEV_UNIT_NAME", "YDEV_GROUP_NAME", "ACTIVE", "CT1_NAME", "CT1_TYPE", "CT2_NAME", "CT2_TYPE"]
    assert "CT3_NAME" not in keys
    assert "LINE_FREQ_HZ" in keys


def test_a_difference_names_the_setting_what_is_held_and_what_is_wished(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    pull(device, now=NOW)
    assert differences(device) == []
    wish(device, {"LINE_FREQ_HZ": "60", "PF_WATTS_THRESHOLD": "5.0"}, None, now=NOW)
    [one] = differences(device)
    assert (one.key, one.held, one.wished) == ("LINE_FREQ_HZ", "50", "60")
    assert not next(one for one in settings_of(device) if one.key == "PF_WATTS_THRESHOLD").differs


def test_what_was_changed_at_the_unit_since_it_confirmed_a_wish_is_a_difference(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    first = {"PF_WATTS_THRESHOLD": "7", "CT1_NAME": "50%25 Oven", "ZERO_POWER_GATE_WATTS": "0.3"}
    wish(device, first | {"MQTT_PASSWORD": "geheim"}, None, now=NOW)
    push(device, now=NOW)
    assert differences(device) == []
    unit.set({"PF_WATTS_THRESHOLD": "9"})
    pull(device, now=NOW)
    [one] = differences(device)
    assert (one.key, one.held, one.wished, one.was_confirmed) == ("PF_WATTS_THRESHOLD", "9", None, "7")


def test_it_is_none_any_more_once_the_unit_has_it_again_or_what_it_has_is_wished(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {"PF_WATTS_THRESHOLD": "7", "CT1_NAME": "Oven"}, None, now=NOW)
    push(device, now=NOW)
    unit.set({"PF_WATTS_THRESHOLD": "9", "CT1_NAME": "Herd"})
    pull(device, now=NOW)
    assert {one.key for one in differences(device)} == {"PF_WATTS_THRESHOLD", "CT1_NAME"}
    unit.set({"PF_WATTS_THRESHOLD": "7"})
    wish(device, {"CT1_NAME": "Herd"}, None, now=NOW)
    push(device, now=NOW)
    pull(device, now=NOW)
    assert differences(device) == []


def test_an_open_wish_counts_before_what_was_confirmed_earlier(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {"PF_WATTS_THRESHOLD": "7"}, None, now=NOW)
    push(device, now=NOW)
    unit.set({"PF_WATTS_THRESHOLD": "9"})
    pull(device, now=NOW)
    wish(device, {"PF_WATTS_THRESHOLD": "9"}, None, now=NOW)
    assert differences(device) == []


def test_a_setting_that_was_never_told_is_not_known() -> None:
    by_key = {setting.key: setting for setting in settings_of(make_device())}
    assert by_key["MQTT_TOPIC"].held is None
    assert by_key["CT1_NAME"].held == ""


# Who changed what


def test_every_wish_is_in_the_audit_log_with_before_and_after(unit: SimulatedUnit) -> None:
    device = device_of(unit, settings_held={"LINE_FREQ_HZ": 50.0})
    ann = get_user_model().objects.create_user("ann")
    wish(device, {"LINE_FREQ_HZ": "60", "MQTT_TOPIC": "ct6", "MQTT_PASSWORD": "geheim"}, ann, now=NOW)
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.who_name, entry.action, entry.device) == (ann, "ann", "wish", device)
    assert entry.before == {"LINE_FREQ_HZ": "50", "MQTT_TOPIC": None, "MQTT_PASSWORD": ""}
    assert entry.after == {"LINE_FREQ_HZ": "60", "MQTT_TOPIC": "ct6", "MQTT_PASSWORD": "(hidden)"}


def test_an_empty_wish_is_none(unit: SimulatedUnit) -> None:
    assert wish(device_of(unit), {}, None, now=NOW) == []
    assert not AuditEntry.objects.exists()


# Several units


@pytest.fixture
def sent_to_workers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    sent: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr(
        "devices.configuration.pushing.current_app.send_task", lambda name, args: sent.append((name, args))
    )
    return sent


@pytest.mark.django_db(transaction=True)
def test_many_units_are_wished_the_same_and_each_is_pushed_by_a_task_of_its_own(
    fleet: Fleet, sent_to_workers: list[tuple[str, tuple[int, ...]]]
) -> None:
    devices = [device_of(unit) for unit in fleet.units]
    changes = push_to_many(devices, {"YDEV_GROUP_NAME": "Home", "PF_WATTS_THRESHOLD": "7"}, None, now=NOW)
    assert len(changes) == 4
    assert sent_to_workers == [("devices.tasks.push_wishes", (device.pk,)) for device in devices]
    for device in devices:
        assert len(push(device, now=NOW).confirmed) == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_units_none_is_wished_anything_if_one_cannot_hold_it(
    sent_to_workers: list[tuple[str, tuple[int, ...]]],
) -> None:
    knows_its_port = make_device("A1", settings_held={"MQTT_SERVER_PORT": 1883.0})
    knows_none = make_device("A2", name="Shed")
    wished = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_TOPIC": "ct6"}
    with pytest.raises(DestructiveValue, match="Shed"):
        push_to_many([knows_its_port, knows_none], wished, None, now=NOW)
    assert not ConfigChange.objects.exists()
    assert not sent_to_workers
