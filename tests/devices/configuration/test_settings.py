"""Every setting is wished, arrives, is read back in whatever form the unit gives it, and is limited."""

import json
from datetime import UTC, datetime

import pytest

from devices.configuration import push, wish
from devices.configuration.settings import WISHABLE, as_text, holds, tidy
from devices.ct6.errors import DestructiveValue
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import FACTORY_FILE, SimulatedUnit, UnitState
from devices.models import AuditEntry, ConfigChange, Device
from tests.devices.units import device_of

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
State = ConfigChange.State


def wish_and_push(device: Device, **wished: str) -> ConfigChange:
    [change] = wish(device, wished, None, now=NOW)
    push(device, now=NOW)
    change.refresh_from_db()
    return change


def kept_in_factory_file(unit: SimulatedUnit) -> object:
    return json.loads(unit.flash.read(FACTORY_FILE))["LINE_FREQ_HZ"]


# What arrives


@pytest.mark.parametrize(
    ("key", "wished", "on_the_unit"),
    [
        ("YDEV_GROUP_NAME", "Haus 2, Süd", "Haus%202%2C%20S%C3%BCd"),
        ("YDEV_GROUP_NAME", "", ""),
        ("CT3_TYPE", "SCT013_050A", "SCT013_050A"),
        ("PF_WATTS_THRESHOLD", "7.5", 7.5),
        ("ZERO_POWER_GATE_WATTS", "0", 0.0),
        ("ZERO_POWER_GATE_WATTS", "0.1", 0.1),
        ("MQTT_SERVER_PORT", "8883", 8883.0),
        ("MQTT_TOPIC", "home/ct6/1", "home/ct6/1"),
        ("MQTT_USERNAME", "meter", "meter"),
        ("MQTT_TX_PERIOD_MS", "200", 200.0),
        ("MQTT_TX_PERIOD_MS", "86399999", 86_400_000.0),  # as near as a single float comes
    ],
)
def test_a_setting_arrives_and_is_confirmed(unit: SimulatedUnit, key: str, wished: str, on_the_unit: object) -> None:
    change = wish_and_push(device_of(unit), **{key: wished})
    assert change.state == State.CONFIRMED, change.answer
    assert unit.settings[key] == on_the_unit
    assert unit.state() is UnitState.RUNNING


def test_a_group_and_a_sensor_type_show_at_once(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {"YDEV_GROUP_NAME": "Home", "CT2_TYPE": "SCT013_050A"}, None, now=NOW)
    assert len(push(device, now=NOW).confirmed) == 2
    device.refresh_from_db()
    assert (device.group_name, device.ports.get(number=2).sensor_type) == ("Home", "SCT013_050A")


def test_what_is_meant_to_be_wished_can_be_and_nothing_else() -> None:
    ports = {f"CT{number}_{what}" for number in range(1, 7) for what in ("NAME", "TYPE")}
    others = {"YDEV_UNIT_NAME", "YDEV_GROUP_NAME", "ACTIVE", "LINE_FREQ_HZ", "PF_WATTS_THRESHOLD"}
    mqtt = {"SERVER_ADDRESS", "SERVER_PORT", "TOPIC", "USERNAME", "PASSWORD", "TX_PERIOD_MS"}
    assert ports | others | {"ZERO_POWER_GATE_WATTS"} | {f"MQTT_{what}" for what in mqtt} == WISHABLE


# How it is compared


@pytest.mark.parametrize(
    ("key", "on_the_unit", "wished"),
    [
        ("LINE_FREQ_HZ", 50.0, "50"),
        ("LINE_FREQ_HZ", "50", "50"),
        ("PF_WATTS_THRESHOLD", 0.10000000149011612, "0.1"),
        ("MQTT_TOPIC", "home", "home"),
        ("CT1_NAME", "Heat%20pump", "Heat pump"),
        ("YDEV_GROUP_NAME", 2.0, "2"),
        ("ACTIVE", "False", "1"),
        ("ACTIVE", 0.0, "0"),
    ],
)
def test_what_the_unit_holds_is_told_as_people_write_it(key: str, on_the_unit: object, wished: str) -> None:
    assert holds(key, on_the_unit, wished)
    assert holds(key, on_the_unit, as_text(key, on_the_unit)) or key == "PF_WATTS_THRESHOLD"


@pytest.mark.parametrize(
    ("key", "on_the_unit", "wished"),
    [("LINE_FREQ_HZ", 60.0, "50"), ("PF_WATTS_THRESHOLD", "many", "5"), ("PF_WATTS_THRESHOLD", float("nan"), "5")],
)
def test_another_value_is_not_taken_for_the_one_that_is_wished(key: str, on_the_unit: object, wished: str) -> None:
    assert not holds(key, on_the_unit, wished)


@pytest.mark.parametrize(
    ("key", "typed", "wished"),
    [
        ("LINE_FREQ_HZ", " 50.0 ", "50"),
        ("ZERO_POWER_GATE_WATTS", "0.50", "0.5"),
        ("ZERO_POWER_GATE_WATTS", "0.00001", "0.00001"),
        ("MQTT_TX_PERIOD_MS", "86400000", "86400000"),
        ("MQTT_TOPIC", " home/ct6\n", "home/ct6"),
        ("MQTT_PASSWORD", " with space ", " with space "),
    ],
)
def test_what_is_typed_is_tidied(key: str, typed: str, wished: str) -> None:
    assert tidy(key, typed) == wished


# What is refused, with the reason


@pytest.mark.parametrize(
    ("key", "wished", "why"),
    [
        ("LINE_FREQ_HZ", "55", "must be 50 or 60: the unit hangs"),
        ("LINE_FREQ_HZ", "", "must be 50 or 60"),
        ("PF_WATTS_THRESHOLD", "some", "restarts for ever"),
        ("PF_WATTS_THRESHOLD", "-1", "from 0 to 100000"),
        ("ZERO_POWER_GATE_WATTS", "nan", "not finite"),
        ("MQTT_SERVER_PORT", "", "crashes at every start without a port number"),
        ("MQTT_SERVER_PORT", "65536", "from 1 to 65535"),
        ("MQTT_TX_PERIOD_MS", "199", "from 200"),
        ("MQTT_TX_PERIOD_MS", "1000.5", "whole number"),
        ("MQTT_TOPIC", "2026", "MQTT never works with one"),
        ("MQTT_TOPIC", "home/+/ct6", "ask for several topics"),
        ("MQTT_TOPIC", "two words", "a character that the unit cannot take"),
        ("MQTT_PASSWORD", "123456", "MQTT never works with one"),
        ("MQTT_PASSWORD", "a,b", "a character that the unit cannot take"),
        ("MQTT_PASSWORD", "(hidden)", "only stands for a password"),
        ("MQTT_USERNAME", "inf", "not finite"),
        ("CT1_TYPE", "", "must not be empty"),
        ("YDEV_GROUP_NAME", "ü" * 33, "192 bytes"),
        ("CS0_VOLTAGE_GAIN", "50000", "belong to a calibration"),
        ("MQTT_TOPIC", "x" * 257, "at most 256"),
    ],
)
def test_a_value_that_would_do_harm_is_refused(unit: SimulatedUnit, key: str, wished: str, why: str) -> None:
    with pytest.raises(DestructiveValue, match=why) as refused:
        wish(device_of(unit), {key: wished}, None, now=NOW)
    assert refused.value.key == key
    if key == "MQTT_PASSWORD" and wished != "(hidden)":
        assert wished not in str(refused.value)
    assert not ConfigChange.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "wished",
    [
        {"MQTT_SERVER_ADDRESS": "127.0.0.1"},
        {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": "1883"},
        {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_TOPIC": "ct6"},
    ],
)
def test_an_mqtt_server_is_wished_with_port_and_topic_or_not_at_all(
    unit: SimulatedUnit, wished: dict[str, str]
) -> None:
    with pytest.raises(DestructiveValue, match="needs a port and a topic too"):
        wish(device_of(unit), wished, None, now=NOW)


def test_the_topic_of_a_server_that_is_set_cannot_be_cleared(unit: SimulatedUnit) -> None:
    device = device_of(unit, settings_held={"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": 1883.0})
    with pytest.raises(DestructiveValue, match="an empty address to publish nothing"):
        wish(device, {"MQTT_TOPIC": ""}, None, now=NOW)
    wish(device, {"MQTT_SERVER_ADDRESS": "", "MQTT_TOPIC": ""}, None, now=NOW)


def test_the_port_that_the_unit_holds_counts(unit: SimulatedUnit) -> None:
    device = device_of(unit, settings_held={"MQTT_SERVER_PORT": 1883.0})
    wish(device, {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_TOPIC": "ct6"}, None, now=NOW)


def test_a_server_is_named_to_the_unit_last_and_taken_away_first(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    topic, user = "t" * 250, "u" * 250
    wished = {
        "MQTT_SERVER_ADDRESS": "127.0.0.1",
        "MQTT_SERVER_PORT": "1884",
        "MQTT_TOPIC": topic,
        "MQTT_USERNAME": user,
    }
    wish(device, wished, None, now=NOW)
    push(device, now=NOW)
    lines = [line for line in unit.requests if "set_config" in line]
    assert ["MQTT_SERVER_ADDRESS" in line for line in lines] == [False, True]

    wish(device, {"MQTT_TOPIC": "u" * 250, "MQTT_USERNAME": topic, "MQTT_SERVER_ADDRESS": ""}, None, now=NOW)
    push(device, now=NOW)
    lines = [line for line in unit.requests if "set_config" in line][2:]
    assert ["MQTT_SERVER_ADDRESS" in line for line in lines] == [True, False]


# The line frequency, which the factory configuration overrides at every start


def test_the_line_frequency_is_confirmed_once_it_is_kept_and_loaded(unit: SimulatedUnit) -> None:
    change = wish_and_push(device_of(unit), LINE_FREQ_HZ="60")
    assert change.state == State.CONFIRMED
    assert change.answer == (
        "The unit reports 60 Hz, has loaded it into its meter chips and keeps it in its factory configuration."
    )
    asked = [line.split()[1].split("?")[0] for line in unit.requests]
    assert [path for path in asked if path in ("/set_config", "/init_atm90e32_devs", "/save_factory_cfg")] == [
        "/set_config",
        "/init_atm90e32_devs",
        "/save_factory_cfg",
    ]
    assert kept_in_factory_file(unit) == 60


def test_a_line_frequency_that_only_the_settings_hold_is_kept_too(unit: SimulatedUnit) -> None:
    unit.set({"LINE_FREQ_HZ": "60"})  # by somebody who did not save it
    assert kept_in_factory_file(unit) == 50
    assert wish_and_push(device_of(unit), LINE_FREQ_HZ="60").state == State.CONFIRMED
    assert kept_in_factory_file(unit) == 60


@pytest.mark.parametrize("command", ["/init_atm90e32_devs", "/save_factory_cfg", "/get_file"])
def test_a_unit_lost_half_way_is_said_to_forget_it_and_is_tried_again(unit: SimulatedUnit, command: str) -> None:
    device = device_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, command, times=1))
    wish(device, {"LINE_FREQ_HZ": "60", "CT1_NAME": "Oven"}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert [change.key for change in pushed.confirmed] == ["CT1_NAME"]
    [waiting] = pushed.waiting
    assert (waiting.state, waiting.attempts) == (State.OPEN, 1)
    assert waiting.answer.startswith("The unit has taken 60 Hz but would lose it at its next start")
    assert push(device, now=NOW).confirmed
    assert kept_in_factory_file(unit) == 60


def test_a_unit_that_refuses_to_keep_it_ends_refused(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/save_factory_cfg"))
    change = wish_and_push(device_of(unit), LINE_FREQ_HZ="60")
    assert change.state == State.REFUSED
    assert "would lose it at its next start" in change.answer
    assert "it refused save_factory_cfg" in change.answer


def test_chips_that_would_hang_are_not_loaded(unit: SimulatedUnit) -> None:
    unit.settings["CT1_IGAIN"] = 0.0
    change = wish_and_push(device_of(unit), LINE_FREQ_HZ="60")
    assert change.state == State.REFUSED
    assert "CT1_IGAIN" in change.answer
    assert not [line for line in unit.requests if "init_atm90e32_devs" in line]
