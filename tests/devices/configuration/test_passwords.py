"""An MQTT password reaches the unit, and nobody else ever reads it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import serializers
from django.forms.models import model_to_dict
from pytest_django import Settings

from devices.configuration import differences, pull, push, wish
from devices.configuration.passwords import PasswordLost, locked, unlocked
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, ConfigChange, Device
from tests.devices.units import closed_port, device_of

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "geheim-42%x"
State = ConfigChange.State


def all_stored() -> str:
    """Every row that could hold it, in full."""
    rows: list[Any] = [*ConfigChange.objects.all(), *AuditEntry.objects.all(), *Device.objects.all()]
    return str(serializers.serialize("json", rows)) + json.dumps([model_to_dict(row) for row in rows], default=str)


def change() -> ConfigChange:
    return ConfigChange.objects.latest("pk")


def test_a_password_reaches_the_unit_and_is_forgotten(
    unit: SimulatedUnit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    device = device_of(unit)
    with caplog.at_level("DEBUG"):
        wish(device, {"MQTT_PASSWORD": SECRET}, None, now=NOW)
        assert change().secret
        assert SECRET not in all_stored()
        pushed = push(device, now=NOW)
        pull(device, now=NOW)
    assert unit.settings["MQTT_PASSWORD"] == SECRET
    assert [one.key for one in pushed.confirmed] == ["MQTT_PASSWORD"]
    assert (change().state, change().secret, change().wished) == (State.CONFIRMED, "", "(hidden)")
    assert change().answer == "The unit has the password."
    assert SECRET not in all_stored() + caplog.text + "".join(capfd.readouterr())


def test_a_password_waits_encrypted_for_a_unit_that_is_away(unit: SimulatedUnit) -> None:
    device = device_of(unit, address="127.0.0.1", http_port=closed_port())
    wish(device, {"MQTT_PASSWORD": SECRET}, None, now=NOW)
    assert push(device, now=NOW).waiting
    assert SECRET not in all_stored()
    Device.objects.filter(pk=device.pk).update(address=unit.address, http_port=unit.http_port)
    device.refresh_from_db()
    assert push(device, now=NOW).confirmed
    assert unit.settings["MQTT_PASSWORD"] == SECRET


@pytest.mark.parametrize("password", ["hunter2", "x" * 256, "#$!;<>[]{}|~", "%41"])
def test_any_password_that_a_unit_takes_arrives_as_it_is(unit: SimulatedUnit, password: str) -> None:
    device = device_of(unit)
    wish(device, {"MQTT_PASSWORD": password}, None, now=NOW)
    assert push(device, now=NOW).confirmed
    assert unit.settings["MQTT_PASSWORD"] == password


def test_a_password_is_cleared(unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": SECRET})
    device = device_of(unit)
    wish(device, {"MQTT_PASSWORD": ""}, None, now=NOW)
    assert push(device, now=NOW).confirmed
    assert unit.settings["MQTT_PASSWORD"] == ""
    assert (change().wished, change().answer) == ("", "The unit has no password any more.")


def test_a_password_that_was_replaced_by_a_newer_one_is_forgotten(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    [older] = wish(device, {"MQTT_PASSWORD": "older"}, None, now=NOW)
    wish(device, {"MQTT_PASSWORD": "newer"}, None, now=NOW)
    older.refresh_from_db()
    assert (older.state, older.secret) == (State.REPLACED, "")
    push(device, now=NOW)
    assert unit.settings["MQTT_PASSWORD"] == "newer"


def test_a_unit_that_repeats_the_password_in_its_refusal_tells_nobody(
    unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = device_of(unit)
    monkeypatch.setattr(SimulatedUnit, "set", lambda _unit, pairs: {"ERROR": f"no {next(iter(pairs.values()))}"})
    wish(device, {"MQTT_PASSWORD": SECRET}, None, now=NOW)
    assert push(device, now=NOW).refused
    assert "(hidden)" in change().answer
    assert SECRET not in all_stored()


def test_a_refused_password_is_forgotten(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/set_config"))
    wish(device, {"MQTT_PASSWORD": SECRET}, None, now=NOW)
    assert push(device, now=NOW).refused
    assert (change().state, change().secret) == (State.REFUSED, "")


def test_with_another_secret_key_it_has_to_be_typed_again(unit: SimulatedUnit, settings: Settings) -> None:
    device = device_of(unit)
    wish(device, {"MQTT_PASSWORD": SECRET, "CT1_NAME": "Oven"}, None, now=NOW)
    settings.SECRET_KEY = "another key"
    pushed = push(device, now=NOW)
    assert [one.key for one in pushed.confirmed] == ["CT1_NAME"]
    assert "type it again" in ConfigChange.objects.get(key="MQTT_PASSWORD").answer
    assert unit.settings["MQTT_PASSWORD"] == ""


def test_a_former_secret_key_still_opens_it(settings: Settings) -> None:
    stored = locked(SECRET)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [settings.SECRET_KEY]
    assert unlocked(stored) == SECRET
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(PasswordLost):
        unlocked(stored)


def test_the_same_password_looks_different_each_time() -> None:
    assert locked(SECRET) != locked(SECRET)
    assert locked("") == unlocked("") == ""


def test_an_open_wish_for_a_password_differs_from_what_is_hidden(unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": SECRET})
    device = device_of(unit)
    pull(device, now=NOW)
    wish(device, {"MQTT_PASSWORD": SECRET}, None, now=NOW)
    [difference] = differences(device)
    assert (difference.key, difference.held, difference.wished) == ("MQTT_PASSWORD", "(hidden)", "(hidden)")
