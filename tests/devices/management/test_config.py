"""A unit's settings from the command line: shown, read, wished, written, taken back; what would do harm is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from devices.ct6.simulator.unit import SimulatedUnit
from devices.management.ct6.settings import names_of_settings
from devices.models import ConfigChange, Device
from tests.devices.management.conftest import Run
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port, name_held

SECRET = "geheim-42"


def test_what_it_holds_stands_beside_what_is_wished(ct6: Run, device: Device) -> None:
    ct6("Garage", "pull")
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=5))
    assert ct6("Garage", "set", "line_frequency=60").code == 3
    told = ct6("Garage", "config", "--json").told
    assert told["differences"] == ["LINE_FREQ_HZ"]
    [frequency] = [one for one in told["settings"] if one["key"] == "LINE_FREQ_HZ"]
    assert (frequency["name"], frequency["held"], frequency["wished"]) == ("line frequency", "50", "60")
    shown = ct6("Garage", "config").out
    assert "line frequency" in shown
    assert "differs" in shown


def test_a_unit_that_was_never_read_says_so(ct6: Run, device: Device) -> None:
    assert "was never read; pull does that" in ct6("Garage", "config").out


def test_settings_are_called_as_people_call_them(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", "set", "name=Villa 'Süd'", "group=Home", "active=yes", "port1=Oven", "ct2=2", "ct3_type=SCT013")
    assert ran.code == 0
    assert "name: The unit reports “Villa 'Süd'”." in ran.out
    assert [name_held(unit, key) for key in ("YDEV_UNIT_NAME", "YDEV_GROUP_NAME", "CT1_NAME", "CT2_NAME")] == [
        *("Villa 'Süd'", "Home", "Oven", "2"),
    ]
    assert unit.settings["CT3_TYPE"] == "SCT013"


def test_the_units_own_names_do_too(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", "set", "PF_WATTS_THRESHOLD=7.5", "zero-power gate=2", "--json")
    assert ran.told["confirmed"].keys() == {"PF_WATTS_THRESHOLD", "ZERO_POWER_GATE_WATTS"}
    assert (unit.settings["PF_WATTS_THRESHOLD"], unit.settings["ZERO_POWER_GATE_WATTS"]) == (7.5, 2.0)


def test_each_setting_that_can_be_wished_has_a_name_of_its_own(db: None) -> None:
    names = names_of_settings()
    assert {"name", "group", "active", "line_frequency", "mqtt_server", "mqtt_password"} <= names.keys()
    assert len(set(names.values())) == len(names) == 24


def test_what_the_unit_cannot_take_now_is_kept(ct6: Run, device: Device) -> None:
    Device.objects.update(address="127.0.0.1", http_port=closed_port())
    ran = ct6("Garage", "set", "name=Villa", "--json")
    assert ran.code == 3
    assert "Kept, and tried again by the workers: YDEV_UNIT_NAME." in ran.sentence
    assert ran.told["waiting"] == ["YDEV_UNIT_NAME"]
    assert ConfigChange.objects.open().count() == 1


def test_what_waits_is_written_by_hand(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    assert "Nothing waits" in ct6("Garage", "push").out
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=5))
    ct6("Garage", "set", "name=Villa")
    Device.objects.update(held_until=None)
    assert ct6("Garage", "push").code == 0
    assert name_held(unit, "YDEV_UNIT_NAME") == "Villa"


def test_a_change_is_taken_back(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ct6("Garage", "pull")
    ct6("Garage", "set", "port1=Oven")
    [change] = ct6("Garage", "config", "--history", "--json").told["history"]
    before = change["before"]
    assert (change["key"], change["wished"], change["can_be_undone"]) == ("CT1_NAME", "Oven", True)
    assert "Changes, newest first" in ct6("Garage", "config", "--history").out
    assert ct6("Garage", "undo", change["id"]).code == 0
    assert name_held(unit, "CT1_NAME") == before
    assert "is no change of this unit's settings" in ct6("Garage", "undo", 4711).sentence
    assert "changed again since" in ct6("Garage", "undo", change["id"]).sentence


def test_a_password_is_asked_for_and_printed_nowhere(
    ct6: Run, device: Device, unit: SimulatedUnit, typing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    typing("")
    monkeypatch.setattr("getpass.getpass", lambda *_prompt, **_more: SECRET)
    ran = ct6("Garage", "set", "--ask-mqtt-password")
    assert unit.settings["MQTT_PASSWORD"] == SECRET
    later = ct6("Garage", "config", "--history", "--json")
    assert SECRET not in ran.out + ran.err + later.out + later.err


def test_without_a_terminal_nobody_is_asked(ct6: Run, device: Device) -> None:
    ran = ct6("Garage", "set", "--ask-mqtt-password")
    assert (ran.code, "mqtt_password=" in ran.sentence) == (2, True)


# --- MQTT -------------------------------------------------------------------------------------------------------
def test_a_unit_is_not_pointed_at_a_server_that_does_not_answer(ct6: Run, device: Device) -> None:
    settings = ("mqtt_server=127.0.0.1", f"mqtt_port={closed_port()}", "mqtt_topic=home/ct6")
    ran = ct6("Garage", "set", *settings)
    assert ran.code == 1
    assert "restarts again and again" in ran.sentence
    assert not ConfigChange.objects.exists()
    assert ct6("Garage", "set", *settings, "--mqtt-unchecked").code == 0


def test_it_is_pointed_at_one_that_takes_a_test_message(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    with mqtt_listener() as listener:
        settings = ("mqtt_server=127.0.0.1", f"mqtt_port={listener.port}", "mqtt_topic=home/ct6")
        assert ct6("Garage", "set", *settings).code == 0
    assert unit.settings["MQTT_SERVER_ADDRESS"] == "127.0.0.1"


# --- What would do harm -----------------------------------------------------------------------------------------
HARM = {
    "a port of MQTT that is empty": ("MQTT_SERVER_PORT=", "crashes at every start"),
    "a port of MQTT that is a text": ("mqtt_port=abc", "crashes at every start"),
    "a threshold that is a text": ("power_factor_threshold=abc", "restarts for ever"),
    "a threshold that is not finite": ("power_factor_threshold=nan", "WiFi set-up lost"),
    "a gate that is infinite": ("zero_power_gate=inf", "WiFi set-up lost"),
    "a period that overflows": ("mqtt_period=1e99", "WiFi set-up lost"),
    "a line frequency of 55 Hz": ("line_frequency=55", "hangs"),
    "a sensor type that is not finite": ("port1_type=Infinity", "WiFi set-up lost"),
    "a topic of digits": ("mqtt_topic=12", "never works"),
    "a password of digits": ("mqtt_password=1234", "never works"),
    "a topic for several topics": ("mqtt_topic=home/#", "asks for several topics|ask for several topics"),
    "a gain": ("CT1_IGAIN=0", "belong to a calibration"),
    "a gain of the voltage": ("CS0_VOLTAGE_GAIN=nan", "belong to a calibration"),
    "an offset": ("CT1_IOFFSET=abc", "belong to a calibration"),
    "the label": ("ASSY=ASY0398_V003.300_SN00001846", "cannot be wished"),
    "the WiFi": ("WIFI=x", "cannot be wished"),
    "a port that there is not": ("port7=Oven", "cannot be wished"),
    "a second setting within the first": ("mqtt_server=a,ASSY=b", "cannot take"),
    "a name that nobody sees": ("name=   ", "nothing that can be seen"),
    "a name that is too long": (f"name={'x' * 65}", "at most 64 characters"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_destroys_a_unit_is_refused_with_its_reason(
    ct6: Run, device: Device, unit: SimulatedUnit, harm: str
) -> None:
    setting, reason = HARM[harm]
    ran = ct6("Garage", "set", "port2=Oven", setting)
    assert ran.code == 1
    assert any(part in ran.sentence for part in reason.split("|"))
    assert "1234" not in ran.sentence
    assert not ConfigChange.objects.exists()
    assert not unit.requests


@pytest.mark.parametrize("name", ["nan", "inf", "Infinity", "1e99", "007", "2_0", "'", '"', "a,b=c&d?e"])
def test_a_name_that_would_destroy_a_unit_reaches_it_as_a_name(
    ct6: Run, device: Device, unit: SimulatedUnit, name: str
) -> None:
    assert ct6("Garage", "set", f"name={name}").code == 0
    assert name_held(unit, "YDEV_UNIT_NAME") == name
    assert "%" in str(unit.settings["YDEV_UNIT_NAME"])


@pytest.mark.parametrize(
    ("settings", "why"), [(["name"], "KEY=VALUE"), (["name=a", "NAME=b"], "more than once"), ([], "Nothing to set")]
)
def test_what_is_no_setting_is_wrong_use(ct6: Run, device: Device, settings: list[str], why: str) -> None:
    ran = ct6("Garage", "set", *settings)
    assert (ran.code, why in ran.sentence) == (2, True)
