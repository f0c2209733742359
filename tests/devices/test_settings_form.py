"""The form of all settings of a unit: made from the rules, and refusing in their words."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import translation

from devices.configuration import LINE_FREQUENCY, open_wishes, pull, push, wish
from devices.configuration.settings import WISHABLE
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import ConfigChange, Device
from devices.settings_form import UnitSettingsForm
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port, device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def filled_in(device: Device, **edited: object) -> UnitSettingsForm:
    """The form as the page would send it back, with these fields edited."""
    data: dict[str, Any] = {}
    for field in UnitSettingsForm(device):
        value = field.value()
        if value not in (None, False):
            data[field.html_name] = value
        if field.field.show_hidden_initial:
            data[field.html_initial_name] = value
    return UnitSettingsForm(device, data | edited)


def errors_of(form: UnitSettingsForm, field: str) -> str:
    assert not form.is_valid()
    assert not ConfigChange.objects.exists()
    return " ".join(str(error) for error in form.errors[field])


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    device = device_of(unit)
    pull(device, now=NOW)
    return device


def test_it_shows_what_the_unit_holds_or_should_hold(device: Device) -> None:
    wish(device, {"CT1_NAME": "Oven"}, None, now=NOW)
    form = UnitSettingsForm(device)
    assert (form["LINE_FREQ_HZ"].value(), form["CT1_NAME"].value()) == ("50", "Oven")
    assert form["ZERO_POWER_GATE_WATTS"].value() == "0.5"


def test_every_setting_stands_in_one_group(device: Device) -> None:
    titles = [title for title, _fields in UnitSettingsForm(device).groups()]
    names = [field.name for _title, fields in UnitSettingsForm(device).groups() for field in fields]
    assert titles == ["The unit", "Ports", "Measuring", "MQTT"]
    assert sorted(names) == sorted([*WISHABLE, "clear_password", "mqtt_unchecked"])


def test_the_help_tells_unit_and_limits(device: Device) -> None:
    help_of = {name: str(field.help_text) for name, field in UnitSettingsForm(device).fields.items()}
    assert help_of["PF_WATTS_THRESHOLD"].startswith("In W, 0 to 100000.")
    assert help_of["MQTT_TX_PERIOD_MS"] == "In ms, 200 to 86400000: how often the unit publishes."
    assert "would put the old one back at the next start" in help_of[LINE_FREQUENCY]
    assert all(help_of[key] for key in WISHABLE)


def test_nothing_edited_is_nothing_wished(device: Device) -> None:
    form = filled_in(device)
    assert form.is_valid(), form.errors
    assert form.save(None, now=NOW) == []


def test_what_was_edited_is_wished_and_nothing_else(device: Device, unit: SimulatedUnit) -> None:
    form = filled_in(device, LINE_FREQ_HZ="60", YDEV_GROUP_NAME="Home", ZERO_POWER_GATE_WATTS="1.50")
    assert form.is_valid(), form.errors
    changes = form.save(None, now=NOW)
    assert {change.key: change.wished for change in changes} == {
        "LINE_FREQ_HZ": "60",
        "YDEV_GROUP_NAME": "Home",
        "ZERO_POWER_GATE_WATTS": "1.5",
    }
    assert len(push(device, now=NOW).confirmed) == 3


def test_what_changed_at_the_unit_while_the_page_was_open_is_not_changed_back(
    device: Device, unit: SimulatedUnit
) -> None:
    sent = filled_in(device, CT1_NAME="Oven")
    unit.set({"CT2_NAME": "Sauna"})
    pull(device, now=NOW)
    form = UnitSettingsForm(device, sent.data)
    assert form.is_valid(), form.errors
    assert form.wishes() == {"CT1_NAME": "Oven"}


@pytest.mark.parametrize(
    ("key", "typed", "why"),
    [
        ("CT1_NAME", " ", "nothing that can be seen"),
        ("CT1_TYPE", "", "must not be empty"),
        ("PF_WATTS_THRESHOLD", "nan", "not finite"),
        ("MQTT_SERVER_PORT", "", "crashes at every start"),
        ("MQTT_SERVER_PORT", "70000", "from 1 to 65535"),
        ("MQTT_TOPIC", "2026", "MQTT never works with one"),
        ("MQTT_PASSWORD", "a b", "a character that the unit cannot take"),
        ("MQTT_SERVER_ADDRESS", "127.0.0.1", "needs a port and a topic too"),
        ("LINE_FREQ_HZ", "55", "not one of the available choices"),
    ],
)
def test_what_would_do_harm_is_refused_at_its_field(device: Device, key: str, typed: str, why: str) -> None:
    assert why in errors_of(filled_in(device, **{key: typed}), key)


def test_a_refusal_is_told_in_the_readers_language(device: Device) -> None:
    with translation.override("de"):
        assert "enthält nichts Sichtbares" in errors_of(filled_in(device, CT1_NAME=" "), "CT1_NAME")


# The password


def test_an_empty_password_leaves_the_one_that_the_unit_has(device: Device, unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": "geheim"})
    pull(device, now=NOW)
    form = filled_in(device)
    assert form.is_valid(), form.errors
    assert form.wishes() == {}
    assert "geheim" not in form.as_div()


def test_a_typed_password_is_wished_and_never_shown_again(device: Device) -> None:
    form = filled_in(device, MQTT_PASSWORD="geheim")
    assert form.is_valid(), form.errors
    form.save(None, now=NOW)
    assert open_wishes(device)["MQTT_PASSWORD"].wished == "(hidden)"
    assert "geheim" not in form.as_div() + UnitSettingsForm(device).as_div()


def test_a_password_is_cleared_by_saying_so(device: Device) -> None:
    form = filled_in(device, clear_password="on")
    assert form.is_valid(), form.errors
    assert form.wishes() == {"MQTT_PASSWORD": ""}


# The MQTT server


def test_a_server_has_to_take_a_test_message_first(device: Device) -> None:
    with mqtt_listener() as listener:
        edited = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(listener.port), "MQTT_TOPIC": "ct6"}
        form = filled_in(device, **edited)
        assert form.is_valid(), form.errors
    assert len(listener.messages) == 1


def test_a_server_that_is_away_is_wished_only_if_one_insists(device: Device) -> None:
    edited = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(closed_port()), "MQTT_TOPIC": "ct6"}
    assert "restarts again and again" in errors_of(filled_in(device, **edited), "MQTT_SERVER_ADDRESS")
    assert filled_in(device, **edited, mqtt_unchecked="on").is_valid()


# A unit that was never read


def test_what_was_never_told_is_left_open() -> None:
    device = make_device(active=None)
    form = filled_in(device)
    assert form.is_valid(), form.errors
    assert form.wishes() == {}
    assert ("", "leave it as it is") in form.fields["LINE_FREQ_HZ"].choices  # type: ignore[attr-defined]
