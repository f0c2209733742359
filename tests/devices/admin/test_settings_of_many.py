"""The same settings for several units: only what is ticked, on all or on none."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ct6site.celery import app
from devices import tasks
from devices.configuration import pull
from devices.ct6.simulator.fleet import Fleet
from devices.models import ConfigChange, Device
from tests.devices.admin.asking import address, browser_of, filled_in, granted, said, text_of
from tests.devices.units import closed_port, device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "send_task", lambda name, arguments: None)


@pytest.fixture
def devices(fleet: Fleet) -> list[Device]:
    devices = [device_of(unit) for unit in fleet.units]
    for device in devices:
        pull(device, now=timezone.now())
    return devices


@pytest.fixture
def anna() -> Client:
    return browser_of("anna", may=["configure", "view", "change"])


def page_of(devices: list[Device]) -> str:
    return f"{address('configchange_of_many')}?units={','.join(str(device.pk) for device in devices)}"


def send(browser: Client, devices: list[Device], **edited: object) -> Any:
    form = browser.get(page_of(devices)).context["form"]
    return browser.post(page_of(devices), filled_in(form, **edited), follow=True)


def test_the_list_of_units_leads_to_it(anna: Client, devices: list[Device]) -> None:
    chosen = {"action": "set_same_settings", "_selected_action": [device.pk for device in devices]}
    answer = anna.post("/admin/devices/device/", chosen, follow=True)
    assert set(answer.context["devices"]) == set(devices)
    assert "Settings of 2 units" in text_of(answer)


def test_it_needs_the_right_to_configure_each_of_them(devices: list[Device]) -> None:
    carla = granted("carla", devices[0], configure=True)
    assert carla.get(page_of(devices[:1])).status_code == 200
    assert carla.get(page_of(devices)).status_code == 403
    assert carla.post(page_of(devices), {"set_YDEV_GROUP_NAME": "on"}).status_code == 403
    assert carla.get(page_of(devices).replace("of-many/", "of-many/state/")).status_code == 403
    assert not ConfigChange.objects.exists()


def test_without_units_it_leads_back_to_the_list(anna: Client) -> None:
    assert anna.get(f"{address('configchange_of_many')}?units=x,,")["Location"] == "/admin/devices/device/"


def test_only_what_is_ticked_is_set(anna: Client, devices: list[Device], fleet: Fleet) -> None:
    ticked = {"set_YDEV_GROUP_NAME": "on", "YDEV_GROUP_NAME": "Home", "set_ZERO_POWER_GATE_WATTS": "on"}
    answer = send(anna, devices, **ticked, ZERO_POWER_GATE_WATTS="2", PF_WATTS_THRESHOLD="7")
    assert {(change.device_id, change.key, change.wished) for change in ConfigChange.objects.all()} == {
        (device.pk, key, wished)
        for device in devices
        for key, wished in (("YDEV_GROUP_NAME", "Home"), ("ZERO_POWER_GATE_WATTS", "2"))
    }
    assert "waiting for the unit" in text_of(answer)
    state = answer.request["PATH_INFO"] + "state/?" + answer.request["QUERY_STRING"]
    assert not anna.get(state).json()["over"]
    for device in devices:
        tasks.push_wishes(device.pk)
    told = anna.get(state).json()
    assert told["over"]
    assert told["parts"]["part-changes"].count("confirmed by the unit") == 4
    assert {unit.settings["ZERO_POWER_GATE_WATTS"] for unit in fleet.units} == {2}


def test_an_empty_ticked_field_clears(anna: Client, devices: list[Device]) -> None:
    send(anna, devices, set_YDEV_GROUP_NAME="on", YDEV_GROUP_NAME="")
    assert list(ConfigChange.objects.values_list("key", "wished")) == [("YDEV_GROUP_NAME", "")] * 2


def test_the_names_of_units_are_their_own(anna: Client, devices: list[Device]) -> None:
    form = anna.get(page_of(devices)).context["form"]
    assert "YDEV_UNIT_NAME" not in form.fields
    assert "CT6_NAME" in form.fields


def test_a_setting_that_one_of_them_has_not_is_not_offered(anna: Client, devices: list[Device]) -> None:
    small = make_device("A9", ports=["Grid"])
    form = anna.get(page_of([*devices, small])).context["form"]
    assert "CT1_NAME" in form.fields
    assert "CT2_NAME" not in form.fields


@pytest.mark.parametrize(
    ("edited", "why"),
    [
        ({}, "Tick what is to be set."),
        ({"set_MQTT_SERVER_PORT": "on", "MQTT_SERVER_PORT": "nan"}, "not finite"),
        ({"set_MQTT_SERVER_ADDRESS": "on", "MQTT_SERVER_ADDRESS": "127.0.0.1"}, "needs a port and a topic too"),
    ],
)
def test_a_refusal_sets_it_on_none(anna: Client, devices: list[Device], edited: dict[str, str], why: str) -> None:
    assert why in text_of(send(anna, devices, **edited))
    assert not ConfigChange.objects.exists()


def test_a_silent_mqtt_server_is_set_only_if_one_insists(anna: Client, devices: list[Device]) -> None:
    server = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(closed_port()), "MQTT_TOPIC": "ct6"}
    ticked = server | {f"set_{key}": "on" for key in server}
    assert "restarts again and again" in text_of(send(anna, devices, **ticked))
    assert not ConfigChange.objects.exists()
    assert said(send(anna, devices, **ticked, mqtt_unchecked="on")) == []
    assert ConfigChange.objects.count() == 6


def test_a_password_is_not_shown(anna: Client, devices: list[Device]) -> None:
    page = text_of(send(anna, devices, set_MQTT_PASSWORD="on", MQTT_PASSWORD="hushhush"))
    assert "hushhush" not in page
    assert "hidden" in page
