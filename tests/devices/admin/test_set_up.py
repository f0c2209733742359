"""The wizard for a unit fresh from the box, over a simulated one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from devices.ct6.protocol import DEFAULT_ASSY
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, ConfigChange, Device
from tests.devices.admin.asking import address, browser_of, filled_in, granted, said, text_of
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Client:
    return browser_of("anna", may=["adopt"])


def pending(unit: SimulatedUnit, **fields: Any) -> Device:
    return device_of(unit, **({"adoption": "pending"} | fields))


def page_of(device: Device) -> str:
    return address("device_set_up", device.pk)


def send(browser: Client, device: Device, **edited: object) -> Any:
    form = browser.get(page_of(device)).context["form"]
    return browser.post(page_of(device), filled_in(form, **edited), follow=True)


# Who may


def test_it_needs_the_right_to_adopt_and_of_a_unit_in_use_that_to_configure(unit: SimulatedUnit) -> None:
    device, other = pending(unit), make_device("A2", adoption="pending")
    carla = granted("carla", device, adopt=True)
    assert carla.get(page_of(device)).status_code == 200
    assert carla.get(page_of(other)).status_code == 403
    for path in (page_of(device), address("device_is_set_up", device.pk), address("device_set_up_state", device.pk)):
        assert browser_of(f"b{path[-9:-1]}", may=["configure"]).get(path).status_code == 403
    Device.objects.filter(pk=device.pk).update(adoption="adopted")
    assert carla.get(page_of(device)).status_code == 403
    assert carla.post(page_of(device), {}).status_code == 403


def test_a_unit_that_is_not_there_is_not_there(anna: Client) -> None:
    assert anna.get(address("device_set_up", 4711)).status_code == 404


# One form


def test_all_of_it_in_one_form(anna: Client, unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    device = pending(unit, active=False)
    answer = send(
        anna, device,
        YDEV_UNIT_NAME="Dad's garage", CT1_NAME="Grid", role_1="grid", reversed_1="on", CT2_NAME="Küche, Süd",
        role_2="load",
    )  # fmt: skip
    assert "House is adopted now." in said(answer) or "Dad's garage is adopted now." in said(answer)
    assert (name_held(unit, "YDEV_UNIT_NAME"), name_held(unit, "CT2_NAME")) == ("Dad's garage", "Küche, Süd")
    assert unit.active
    device.refresh_from_db()
    assert (device.adoption, device.name) == ("adopted", "Dad's garage")
    port = device.ports.get(number=1)
    assert (port.name, port.role, port.reversed) == ("Grid", "grid", True)
    assert {entry.who_name for entry in AuditEntry.objects.all()} == {"anna"}


def test_what_was_confirmed_is_shown(anna: Client, unit: SimulatedUnit) -> None:
    page = text_of(send(anna, pending(unit), YDEV_UNIT_NAME="Garage"))
    assert "confirmed by the unit" in page
    assert "The unit reports “Garage”." in page
    assert "data-live" not in page


def test_what_waits_is_shown_and_followed(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit, address="127.0.0.1", http_port=closed_port())
    page = text_of(send(anna, device, YDEV_UNIT_NAME="Garage"))
    assert "waiting for the unit" in page
    assert "no connection to 127.0.0.1" in page
    assert f'data-live="{address("device_set_up_state", device.pk)}"' in page
    Device.objects.filter(pk=device.pk).update(adoption="adopted")
    told = anna.get(address("device_set_up_state", device.pk)).json()
    assert not told["over"]
    ConfigChange.objects.update(state="confirmed", answer="The unit reports “Garage”.")
    told = anna.get(address("device_set_up_state", device.pk)).json()
    assert told["over"]
    assert "confirmed by the unit" in told["parts"]["part-changes"]


def test_what_the_unit_refuses_is_shown(anna: Client, unit: SimulatedUnit) -> None:
    unit.faults.http = [HttpFault(HttpFaultKind.ERROR, "/set_config")]
    page = text_of(send(anna, pending(unit), YDEV_UNIT_NAME="Garage"))
    assert "refused set_config" in page


def test_nothing_edited_only_adopts(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit)
    page = text_of(send(anna, device))
    assert "Nothing had to be written to the unit." in page
    assert not ConfigChange.objects.exists()
    device.refresh_from_db()
    assert device.adoption == "adopted"


def test_it_can_be_named_without_being_adopted(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit)
    send(anna, device, YDEV_UNIT_NAME="Garage", adopt=None)
    device.refresh_from_db()
    assert (device.adoption, device.name) == ("pending", "Garage")


def test_the_page_of_what_came_of_it_leads_to_the_form_where_nothing_did(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit)
    assert anna.get(address("device_is_set_up", device.pk))["Location"] == page_of(device)


def test_doubts_are_read_before_it_is_adopted(anna: Client) -> None:
    device = make_device(DEFAULT_ASSY, adoption="pending")
    assert "every uncalibrated board carries" in text_of(anna.get(page_of(device)))


def test_names_of_stacked_ports_are_not_asked_for(anna: Client) -> None:
    form = anna.get(page_of(make_device(adoption="pending", ports=[""] * 8))).context["form"]
    assert "CT6_NAME" in form.fields
    assert "CT7_NAME" not in form.fields
    assert "role_8" in form.fields


# Refused


@pytest.mark.parametrize(
    ("edited", "why"),
    [
        ({"YDEV_UNIT_NAME": " "}, "nothing that can be seen"),
        ({"CT1_NAME": "x" * 65}, "at most 64"),
        ({"role_1": "moon"}, "Select a valid choice"),
        ({"MQTT_SERVER_PORT": "nan"}, "not finite"),
        ({"MQTT_SERVER_ADDRESS": "127.0.0.1"}, "needs a port and a topic too"),
    ],
)
def test_what_a_unit_cannot_hold_is_refused_at_its_field_and_changes_nothing(
    anna: Client, unit: SimulatedUnit, edited: dict[str, str], why: str
) -> None:
    device = pending(unit)
    answer = send(anna, device, **edited)
    assert why in text_of(answer)
    device.refresh_from_db()
    assert device.adoption == "pending"
    assert not ConfigChange.objects.exists()
    assert not [line for line in unit.requests if "set_config" in line]


# MQTT


def server(port: int) -> dict[str, str]:
    return {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(port), "MQTT_TOPIC": "meters"}


def test_an_mqtt_server_is_tested_before_it_is_set(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit)
    page = text_of(send(anna, device, **server(closed_port())))
    assert "restarts again and again" in page
    assert "MQTT_SERVER_ADDRESS" not in ConfigChange.objects.values_list("key", flat=True)
    with mqtt_listener() as listener:
        send(anna, device, **server(listener.port), MQTT_PASSWORD="hushhush")
    assert listener.messages[0][0] == "meters"  # the unit publishes there too, as soon as it is told
    assert unit.settings["MQTT_SERVER_ADDRESS"] == "127.0.0.1"
    assert unit.settings["MQTT_PASSWORD"] == "hushhush"


def test_the_button_sends_a_test_message_and_wishes_nothing(anna: Client, unit: SimulatedUnit) -> None:
    device = pending(unit)
    form = anna.get(page_of(device)).context["form"]
    with mqtt_listener() as listener:
        told = anna.post(address("device_test_mqtt_of_new", device.pk), filled_in(form, **server(listener.port))).json()
    assert told["taken"]
    assert len(listener.messages) == 1
    assert not ConfigChange.objects.exists()
    told = anna.post(address("device_test_mqtt_of_new", device.pk), filled_in(form, **server(closed_port()))).json()
    assert not told["taken"]
    assert "127.0.0.1" in told["sentence"]


def test_a_german_reader_is_asked_in_german(anna: Client, unit: SimulatedUnit) -> None:
    anna.cookies["django_language"] = "de"
    assert "Kanäle" in text_of(anna.get(page_of(pending(unit))))
