"""The page of a unit's settings: held beside wished, written and read at once, taken back, and no password shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from ct6site.models import User
from devices.configuration import open_wishes, pull, push, wish
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import ConfigChange, Device
from tests.devices.admin.asking import address, browser_of, filled_in, granted, said, text_of
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Client:
    return browser_of("anna", may=["configure"])


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    device = device_of(unit)
    pull(device, now=timezone.now())
    return device


def page_of(device: Device) -> str:
    return address("device_settings", device.pk)


def send(browser: Client, device: Device, **edited: object) -> Any:
    form = browser.get(page_of(device)).context["form"]
    return browser.post(page_of(device), filled_in(form, **edited), follow=True)


def row_of(page: str, key: str) -> str:
    [row] = [row for row in page.split("<tr") if f"<small>{key}</small>" in row]
    return row


# Who may


def test_it_needs_the_right_to_configure_that_unit(device: Device) -> None:
    change = wish(device, {"CT1_NAME": "Oven"}, None, now=timezone.now())[0]
    other = make_device("A2")
    carla, berta = granted("carla", device, configure=True), browser_of("berta", may=["adopt", "operate", "calibrate"])
    assert carla.get(page_of(device)).status_code == 200
    assert carla.get(page_of(other)).status_code == 403
    assert berta.get(page_of(device)).status_code == 403
    for name, arguments in (("pull", ()), ("push", ()), ("undo", (change.pk,)), ("test_mqtt", ())):
        path = address(f"device_{name}", device.pk, *arguments)
        assert berta.post(path).status_code == 403
        assert carla.get(path).status_code == 405


# Held beside wished


def test_what_was_changed_at_the_unit_is_shown_with_what_it_had_confirmed(
    anna: Client, unit: SimulatedUnit, device: Device
) -> None:
    wish(device, {"PF_WATTS_THRESHOLD": "7"}, None, now=timezone.now())
    push(device, now=timezone.now())
    unit.set({"PF_WATTS_THRESHOLD": "9"})
    pull(device, now=timezone.now())
    page = text_of(anna.get(page_of(device)))
    assert "1 setting differs from what is wished." in page
    row = row_of(page, "PF_WATTS_THRESHOLD")
    assert "changed at the unit" in row
    assert "It confirmed 7 W, " in row
    german = text_of(anna.get(page_of(device), headers={"accept-language": "de"}))
    assert "am Gerät geändert" in row_of(german, "PF_WATTS_THRESHOLD")


def test_every_setting_shows_what_the_unit_has_and_what_it_should_have(anna: Client, device: Device) -> None:
    wish(device, {"CT1_NAME": "Oven"}, None, now=timezone.now())
    page = text_of(anna.get(page_of(device)))
    assert "1 setting differs from what is wished." in page
    row = row_of(page, "CT1_NAME")
    assert 'value="Oven"' in row
    assert "Grid" in row
    assert "waiting for the unit" in row
    row = row_of(page, "LINE_FREQ_HZ")
    assert "50 Hz" in row
    assert "waiting for the unit" not in row


def test_a_unit_that_was_never_read_says_so(anna: Client, unit: SimulatedUnit) -> None:
    page = text_of(anna.get(page_of(device_of(unit))))
    assert "were not read from the unit yet" in page
    assert "not read yet" in row_of(page, "LINE_FREQ_HZ")


def test_no_password_is_shown_anywhere(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": "oldsecret"})
    pull(device, now=timezone.now())
    answer = send(anna, device, MQTT_PASSWORD="newsecret")
    assert unit.settings["MQTT_PASSWORD"] == "newsecret"
    page = text_of(answer) + text_of(anna.get(page_of(device)))
    assert "hidden" in row_of(text_of(answer), "MQTT_PASSWORD")
    assert "oldsecret" not in page
    assert "newsecret" not in page


# Edited


def test_what_is_edited_is_written_and_the_answer_shown(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    answer = send(anna, device, YDEV_UNIT_NAME="Dad's shed", LINE_FREQ_HZ="60", ZERO_POWER_GATE_WATTS="1.50")
    assert name_held(unit, "YDEV_UNIT_NAME") == "Dad's shed"
    assert unit.settings["LINE_FREQ_HZ"] == 60
    assert "Name: The unit reports “Dad's shed”." in said(answer)
    assert {str(change.who) for change in ConfigChange.objects.all()} == {"anna"}
    assert set(ConfigChange.objects.values_list("state", flat=True)) == {"confirmed"}


def test_nothing_edited_is_said(anna: Client, device: Device) -> None:
    assert said(send(anna, device)) == ["Nothing was edited."]


@pytest.mark.parametrize(
    ("key", "typed", "why"),
    [
        ("CT1_NAME", " ", "nothing that can be seen"),
        ("MQTT_SERVER_PORT", "70000", "from 1 to 65535"),
        ("PF_WATTS_THRESHOLD", "nan", "not finite"),
    ],
)
def test_what_would_do_harm_is_refused_at_its_field(
    anna: Client, device: Device, key: str, typed: str, why: str
) -> None:
    page = text_of(send(anna, device, **{key: typed}))
    assert why in row_of(page, key)
    assert not ConfigChange.objects.exists()


def test_what_the_unit_refuses_is_said(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/set_config"))
    assert said(send(anna, device, CT1_NAME="Oven"))[0].startswith("Name of CT1, refused: it refused set_config")


def test_a_unit_that_is_away_keeps_its_wish_and_says_why(anna: Client, device: Device) -> None:
    Device.objects.filter(pk=device.pk).update(address="127.0.0.1", http_port=closed_port())
    answer = send(anna, device, CT1_NAME="Oven")
    assert "did not take it yet (name of CT1): no connection to 127.0.0.1" in said(answer)[0]
    assert list(open_wishes(device)) == ["CT1_NAME"]
    assert "Write what waits" in text_of(answer)


# Read and written on demand


def test_the_unit_is_read(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    unit.set({"CT2_NAME": "Sauna"})
    answer = anna.post(address("device_pull", device.pk), follow=True)
    assert said(answer) == [f"{device}: its settings were read."]
    assert device.ports.get(number=2).name == "Sauna"


def test_a_unit_that_cannot_be_read_says_why(anna: Client) -> None:
    device = make_device(name="Garage", address="127.0.0.1", http_port=closed_port())
    [error] = said(anna.post(address("device_pull", device.pk), follow=True))
    assert error.startswith("Garage was not read: no connection to 127.0.0.1")


def test_what_waits_is_written(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    wish(device, {"CT1_NAME": "Oven"}, None, now=timezone.now())
    answer = anna.post(address("device_push", device.pk), follow=True)
    assert said(answer) == ["Name of CT1: The unit reports “Oven”."]
    answer = anna.post(address("device_push", device.pk), follow=True)
    assert said(answer) == ["Nothing is wished that the unit does not have."]


# History


def test_the_history_tells_who_and_a_change_is_taken_back(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    send(anna, device, CT1_NAME="Oven")
    [row] = anna.get(page_of(device)).context["history"]
    assert (row["before"], row["wished"], str(row["change"].who), row["undo"]) == ("Grid", "Oven", "anna", True)
    answer = anna.post(address("device_undo", device.pk, row["change"].pk), follow=True)
    assert said(answer) == ["Name of CT1: The unit reports “Grid”."]
    assert name_held(unit, "CT1_NAME") == "Grid"
    newer, older = answer.context["history"]
    assert (newer["undo"], older["undo"]) == (True, False)


def test_what_cannot_be_taken_back_says_why(anna: Client, device: Device) -> None:
    wish(device, {"MQTT_PASSWORD": "hushhush"}, None, now=timezone.now())
    push(device, now=timezone.now())
    change = ConfigChange.objects.get()
    assert [row["undo"] for row in anna.get(page_of(device)).context["history"]] == [False]
    [error] = said(anna.post(address("device_undo", device.pk, change.pk), follow=True))
    assert "type it again" in error


def test_a_change_of_another_unit_is_not_taken_back_here(anna: Client, device: Device) -> None:
    other = make_device("A2")
    change = wish(other, {"CT1_NAME": "Oven"}, None, now=timezone.now())[0]
    assert anna.post(address("device_undo", device.pk, change.pk)).status_code == 404


def test_a_long_history_costs_no_more_questions(
    anna: Client, device: Device, django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    for number in range(60):
        wish(device, {"CT1_NAME": f"Oven {number}"}, None, now=timezone.now())
        ConfigChange.objects.open().update(state="confirmed")
    with django_assert_max_num_queries(25):
        answer = anna.get(page_of(device))
    assert len(answer.context["history"]) == 50
    assert "All changes" in text_of(answer)


# MQTT


def test_the_button_tests_what_is_typed_and_wishes_nothing(anna: Client, device: Device) -> None:
    form = anna.get(page_of(device)).context["form"]
    path = address("device_test_mqtt", device.pk)
    with mqtt_listener(password="hushhush") as listener:
        server = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(listener.port), "MQTT_TOPIC": "ct6"}
        login = {"MQTT_USERNAME": "meter", "MQTT_PASSWORD": "hushhush"}
        assert anna.post(path, filled_in(form, **server, **login)).json()["taken"]
        refused = anna.post(path, filled_in(form, **server, MQTT_USERNAME="meter", MQTT_PASSWORD="wrong")).json()
    assert len(listener.messages) == 1
    assert not refused["taken"]
    harmful = anna.post(path, filled_in(form, **server | {"MQTT_TOPIC": "a b"})).json()
    assert "cannot take" in harmful["sentence"]
    assert not ConfigChange.objects.exists()


def test_what_the_unit_answered_is_told_in_the_readers_language_later_too(
    anna: Client, device: Device, unit: SimulatedUnit
) -> None:
    send(anna, device, CT1_NAME="Oven")
    Device.objects.filter(pk=device.pk).update(http_port=closed_port())
    send(anna, Device.objects.get(pk=device.pk), CT2_NAME="Sauna")
    german = {"accept-language": "de"}
    User.objects.get(username="anna").user_permissions.add(Permission.objects.get(codename="view_configchange"))
    for path in (page_of(device), address("configchange_changelist")):
        page = text_of(anna.get(path, headers=german))
        assert "Das Gerät meldet „Oven“." in page
        assert "keine Verbindung zu 127.0.0." in page
        assert "The unit reports" not in page
        assert "The unit reports “Oven”." in text_of(anna.get(path, headers={"accept-language": "en"}))


def test_an_answer_of_which_only_the_text_was_kept_is_shown_as_it_is(anna: Client, device: Device) -> None:
    [change] = wish(device, {"CT1_NAME": "Oven"}, None, now=timezone.now())
    ConfigChange.objects.filter(pk=change.pk).update(answer="The unit reports “Oven”.")
    assert "The unit reports “Oven”." in row_of(
        text_of(anna.get(page_of(device), headers={"accept-language": "de"})), "CT1_NAME"
    )
