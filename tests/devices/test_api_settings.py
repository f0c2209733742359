"""A unit's settings over the REST API: held, wished, pushed, taken back, and by whom."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import ConfigChange, Device, DeviceGrant
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device
from tests.people import logged_in, make_user, with_token

pytestmark = pytest.mark.django_db

SECRET = "geheim-42"


@pytest.fixture
def staff() -> APIClient:
    return with_token(make_user("sam", staff=True, may=["configure"]), "configure")


def at(device: Device, call: str = "") -> str:
    return f"/api/v1/devices/{device.pk}/{call}"


def patch(client: APIClient, device: Device, **changes: object) -> Any:
    return client.patch(at(device), changes, format="json")


def post(client: APIClient, device: Device, call: str, **sent: object) -> Any:
    return client.post(at(device, f"{call}/"), sent, format="json")


def by_key(answer: Any) -> dict[str, Any]:
    return {setting["key"]: setting for setting in answer.json()["settings"]}


# --- What is held and wished ------------------------------------------------------------------------------------
def test_what_is_held_stands_beside_what_is_wished(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    assert staff.get(at(device, "settings/")).json()["told_at"] is None
    assert post(staff, device, "pull").status_code == 200
    patch(staff, device, settings={"LINE_FREQ_HZ": 60})
    shown = staff.get(at(device, "settings/"))
    assert shown.json()["told_at"]
    assert shown.json()["differences"] == ["LINE_FREQ_HZ"]
    assert by_key(shown)["LINE_FREQ_HZ"] == {
        "key": "LINE_FREQ_HZ",
        "name": "line frequency",
        "held": "50",
        "wished": "60",
        "was_confirmed": None,
        "differs": True,
        "unit": "Hz",
        "lowest": 50.0,
        "highest": 60.0,
    }
    assert by_key(shown)["MQTT_TOPIC"]["lowest"] is None


def test_what_was_changed_at_the_unit_is_a_difference_too(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    patch(staff, device, settings={"PF_WATTS_THRESHOLD": 7})
    post(staff, device, "push")
    unit.set({"PF_WATTS_THRESHOLD": "9"})
    post(staff, device, "pull")
    shown = staff.get(at(device, "settings/"))
    assert shown.json()["differences"] == ["PF_WATTS_THRESHOLD"]
    one = by_key(shown)["PF_WATTS_THRESHOLD"]
    assert (one["held"], one["wished"], one["was_confirmed"], one["differs"]) == ("9", None, "7", True)


def test_a_unit_that_cannot_be_read_is_said(staff: APIClient) -> None:
    answer = post(staff, make_device(address="127.0.0.1", http_port=closed_port()), "pull")
    assert answer.status_code == 502
    assert answer.json()["detail"].startswith("no connection to 127.0.0.1")


def test_a_unit_that_somebody_else_talks_to_is_a_conflict(unit: SimulatedUnit, staff: APIClient) -> None:
    answer = post(staff, device_of(unit, held_until="2099-01-01T00:00:00Z"), "pull")
    assert answer.status_code == 409
    assert "other work on it is going on" in answer.json()["detail"]


# --- Wishing and pushing ----------------------------------------------------------------------------------------
def test_settings_are_wished_and_pushed(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    settings = {"YDEV_GROUP_NAME": "Home", "PF_WATTS_THRESHOLD": 7.5, "ACTIVE": True, "CT1_TYPE": "SCT013_050A"}
    assert patch(staff, device, name="Villa", settings=settings).status_code == 200
    answer = post(staff, device, "push")
    assert answer.json()["confirmed"].keys() == {"YDEV_UNIT_NAME", *settings}
    assert answer.json()["confirmed"]["PF_WATTS_THRESHOLD"] == "The unit reports “7.5 W”."
    assert (answer.json()["refused"], answer.json()["waiting"], answer.json()["reason"]) == ({}, [], None)
    assert (unit.settings["PF_WATTS_THRESHOLD"], name_held(unit, "YDEV_UNIT_NAME")) == (7.5, "Villa")


def test_wishes_for_a_unit_that_is_away_wait_with_the_reason(staff: APIClient) -> None:
    device = make_device(address="127.0.0.1", http_port=closed_port())
    patch(staff, device, settings={"CT1_NAME": "Oven"})
    answer = post(staff, device, "push").json()
    assert answer["waiting"] == ["CT1_NAME"]
    assert answer["reason"].startswith("no connection to 127.0.0.1")


@pytest.mark.parametrize(
    ("settings", "key", "why"),
    [
        ({"LINE_FREQ_HZ": 55}, "LINE_FREQ_HZ", "must be 50 or 60"),
        ({"MQTT_SERVER_PORT": ""}, "MQTT_SERVER_PORT", "crashes at every start"),
        ({"YDEV_UNIT_NAME": "x" * 65}, "YDEV_UNIT_NAME", "at most 64 characters"),
        ({"CT1_NAME": "Oven", "CT1_IGAIN": 1}, "CT1_IGAIN", "belong to a calibration"),
        ({"ASSY": "x"}, "ASSY", "cannot be wished"),
        ({"CT1_NAME": None}, "CT1_NAME", "may not be null"),
        ({"CT1_NAME": ["x"]}, "CT1_NAME", "a text, a number, or true or false"),
    ],
)
def test_a_setting_that_would_do_harm_is_refused_by_its_name(
    staff: APIClient, settings: dict[str, object], key: str, why: str
) -> None:
    answer = patch(staff, make_device(), settings=settings, active=False)
    assert answer.status_code == 400
    assert why in answer.json()["settings"][key][0]
    assert not ConfigChange.objects.exists()


def test_a_setting_is_refused_in_the_readers_language_where_it_is_known(staff: APIClient) -> None:
    answer = staff.patch(
        at(make_device()), {"settings": {"YDEV_UNIT_NAME": "電" * 30}}, format="json", headers={"Accept-Language": "de"}
    )
    assert answer.json()["settings"]["YDEV_UNIT_NAME"][0].startswith("Der Name hat 30 Zeichen, kodiert 270 Bytes: ")


def test_a_password_is_in_no_answer(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    answers = [
        patch(staff, device, settings={"MQTT_PASSWORD": SECRET}),
        staff.get(at(device, "settings/")),
        staff.get(at(device, "history/")),
        post(staff, device, "push"),
        post(staff, device, "pull"),
        staff.get(at(device, "history/")),
        staff.get(at(device)),
        patch(staff, device, settings={"MQTT_PASSWORD": f"{SECRET},"}),
    ]
    assert unit.settings["MQTT_PASSWORD"] == SECRET
    assert SECRET not in "".join(answer.content.decode() for answer in answers)
    assert by_key(answers[4])["MQTT_PASSWORD"]["held"] == "(hidden)"


# --- MQTT -------------------------------------------------------------------------------------------------------
def mqtt(port: int) -> dict[str, object]:
    return {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": port, "MQTT_TOPIC": "home/ct6"}


def test_a_server_that_takes_a_test_message_is_wished(staff: APIClient) -> None:
    with mqtt_listener() as listener:
        assert patch(staff, make_device(), settings=mqtt(listener.port)).status_code == 200
    assert len(listener.messages) == 1
    assert ConfigChange.objects.open().count() == 3


def test_a_server_that_does_not_is_wished_only_if_one_insists(staff: APIClient) -> None:
    device, settings = make_device(), mqtt(closed_port())
    answer = patch(staff, device, settings=settings)
    assert answer.status_code == 400
    assert "restarts again and again" in answer.json()["settings"]["MQTT_SERVER_ADDRESS"][0]
    assert not ConfigChange.objects.exists()
    assert patch(staff, device, settings=settings, mqtt_unchecked=True).status_code == 200


def test_a_test_message_can_be_sent_without_wishing(staff: APIClient) -> None:
    with mqtt_listener() as listener:
        answer = post(staff, make_device(), "test_mqtt", settings=mqtt(listener.port)).json()
    assert (answer["taken"], answer["answered"]) == (True, True)
    assert "took a test message on the topic home/ct6" in answer["sentence"]
    assert not ConfigChange.objects.exists()


# --- The history and taking back --------------------------------------------------------------------------------
def test_the_history_tells_who_wished_what_and_what_became_of_it(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    patch(staff, device, settings={"MQTT_TX_PERIOD_MS": 5000})
    [waiting] = staff.get(at(device, "history/")).json()
    assert (waiting["before"], waiting["wished"], waiting["state"], waiting["can_be_undone"]) == (
        *(None, "5000", "open", False),
    )
    post(staff, device, "push")
    [change] = staff.get(at(device, "history/")).json()
    assert (change["key"], change["name"], change["who"]) == ("MQTT_TX_PERIOD_MS", "MQTT period", "sam")
    assert (change["before"], change["state"], change["can_be_undone"]) == ("2000", "confirmed", True)
    assert change["answer"] == "The unit reports “5000 ms”."
    [german] = staff.get(at(device, "history/"), headers={"accept-language": "de"}).json()
    assert german["answer"] == "Das Gerät meldet „5000 ms“."


def test_a_change_is_taken_back(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    patch(staff, device, settings={"PF_WATTS_THRESHOLD": 7})
    post(staff, device, "push")
    again = post(staff, device, "undo", change=ConfigChange.objects.get().pk)
    assert (again.status_code, again.json()["wished"]) == (200, "5")
    post(staff, device, "push")
    assert unit.settings["PF_WATTS_THRESHOLD"] == 5


def test_what_cannot_be_taken_back_is_refused_with_the_reason(unit: SimulatedUnit, staff: APIClient) -> None:
    device = device_of(unit)
    patch(staff, device, settings={"MQTT_PASSWORD": SECRET})
    answer = post(staff, device, "undo", change=ConfigChange.objects.get().pk)
    assert answer.status_code == 400
    assert answer.json()["change"][0].startswith("A password is not kept")


def test_a_change_of_another_unit_is_not_taken_back(fleet: Fleet, staff: APIClient) -> None:
    ours, other = (device_of(unit) for unit in fleet.units)
    patch(staff, other, settings={"CT1_NAME": "Oven"})
    answer = post(staff, ours, "undo", change=ConfigChange.objects.get().pk)
    assert answer.json() == {"change": ["Is no change of this unit's settings."]}


# --- Several units ----------------------------------------------------------------------------------------------
def test_several_units_are_wished_the_same(staff: APIClient) -> None:
    devices = [make_device(f"A{number}") for number in range(3)]
    sent = {"devices": [device.pk for device in devices], "settings": {"YDEV_GROUP_NAME": "Home"}}
    answer = staff.post("/api/v1/devices/push_to_many/", sent, format="json")
    assert [change["wished"] for change in answer.json()] == ["Home"] * 3


def test_of_several_units_those_that_one_may_not_configure_are_named() -> None:
    ours, other = make_device("A1"), make_device("A2")
    sam = make_user("sam", staff=True, sees=[ours, other])
    DeviceGrant.objects.filter(device=ours).update(configure=True)
    sent = {"devices": [ours.pk, other.pk], "settings": {"YDEV_GROUP_NAME": "Home"}}
    answer = with_token(sam, "configure").post("/api/v1/devices/push_to_many/", sent, format="json")
    assert answer.status_code == 400
    assert answer.json() == {"devices": [f"Not known, or you have no right to configure them: {other.pk}."]}
    assert not ConfigChange.objects.exists()


# --- Who may ----------------------------------------------------------------------------------------------------
CALLS = ["pull", "push", "undo", "test_mqtt"]


@pytest.mark.parametrize("call", CALLS)
def test_each_call_needs_the_right_to_configure(call: str) -> None:
    device = make_device()
    answer = post(with_token(make_user("sam", staff=True), "configure"), device, call)
    assert answer.status_code == 403
    assert answer.json() == {"detail": "You have no right to do this to Meter ('configure')."}


@pytest.mark.parametrize("call", ["settings", "history"])
def test_settings_and_history_need_it_too(call: str) -> None:
    device = make_device()
    assert logged_in(make_user("anna", sees=[device])).get(at(device, f"{call}/")).status_code == 403
    assert logged_in(make_user("bert", staff=True, may=["configure"])).get(at(device, f"{call}/")).status_code == 200


@pytest.mark.parametrize("call", CALLS)
def test_a_token_needs_the_scope_configure(call: str) -> None:
    sam = make_user("sam", staff=True, may=["configure"])
    assert post(with_token(sam, "read"), make_device(), call).status_code == 403


def test_a_superuser_may_all() -> None:
    root = make_user("root", staff=True)
    root.is_superuser = True
    root.save()
    device = make_device()
    assert patch(logged_in(root), device, settings={"CT1_NAME": "Oven"}, adoption="ignored").status_code == 200


def test_the_right_is_granted_for_a_device_and_not_for_all() -> None:
    ours, other = make_device("A1"), make_device("A2")
    client = with_token(make_user("sam", staff=True, sees=[ours]), "configure")
    DeviceGrant.objects.update(configure=True)
    assert patch(client, ours, name="Villa").status_code == 200
    assert patch(client, other, name="Villa").status_code == 403
    port = other.ports.get(number=1)
    assert client.patch(f"/api/v1/ports/{port.pk}/", {"role": "grid"}, format="json").status_code == 403


def test_to_adopt_is_a_right_of_its_own() -> None:
    device = make_device(adoption="pending")
    for right, status in (("configure", 403), ("adopt", 200)):
        client = with_token(make_user(right, staff=True, may=[right]), "configure")
        assert patch(client, device, adoption="adopted").status_code == status
