"""Devices and ports over the REST API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from devices import configuration
from devices.models import AuditEntry, ConfigChange, Device, DeviceGrant, Port
from tests.factories import ASSY, make_device
from tests.people import logged_in, make_user, with_token

pytestmark = pytest.mark.django_db

DEVICES = "/api/v1/devices/"
PORTS = "/api/v1/ports/"
OTHER_ASSY = "ASY0398_V003.300_SN00001802"


@pytest.fixture
def device() -> Device:
    return make_device(ports=["Grid", "", "Solar"], timezone="Europe/London", firmware_version="3.1")


@pytest.fixture
def staff() -> APIClient:
    return with_token(make_user("sam", staff=True, may=["configure", "adopt"]), "configure")


def patch(client: APIClient, row: Device | Port, **changes: object) -> Any:
    base = DEVICES if isinstance(row, Device) else PORTS
    return client.patch(f"{base}{row.pk}/", changes, format="json")


# --- What is shown ----------------------------------------------------------------------------------------------
def test_a_device_shows_what_it_is(device: Device, staff: APIClient) -> None:
    Device.objects.update(last_seen="2026-03-29T00:30:00Z")
    shown = staff.get(f"{DEVICES}{device.pk}/").json()
    del shown["ports"]
    assert shown == {
        "id": device.pk,
        "assy": ASSY,
        "name": "Meter",
        "wished_name": None,
        "group": "",
        "address": "127.0.0.2",
        "online": False,
        "last_seen": "2026-03-29T00:30:00Z",
        "adoption": "adopted",
        "active": True,
        "wished_active": None,
        "firmware_version": "3.1",
        "timezone": "Europe/London",
        "demo": False,
        "latest": None,
    }


def test_a_port_shows_what_it_is(device: Device, staff: APIClient) -> None:
    port = device.ports.get(number=3)
    assert staff.get(f"{PORTS}{port.pk}/").json() == {
        "id": port.pk,
        "device": device.pk,
        "number": 3,
        "name": "Solar",
        "wished_name": None,
        "sensor_type": "",
        "role": "other",
        "reversed": False,
        "scale": "1.00000",
        "enabled": True,
        "latest": None,
    }


def test_the_ports_of_a_device_come_by_number(device: Device, staff: APIClient) -> None:
    Port.objects.create(device=device, number=24)
    Port.objects.create(device=device, number=4)
    shown = staff.get(f"{DEVICES}{device.pk}/").json()["ports"]
    assert [port["number"] for port in shown] == [1, 2, 3, 4, 24]


@pytest.mark.parametrize(("silent_s", "online"), [(1, True), (9, True), (12, False)])
def test_online_is_seen_within_the_last_ten_seconds(
    device: Device, staff: APIClient, silent_s: int, online: bool
) -> None:
    Device.objects.update(last_seen=timezone.now() - timedelta(seconds=silent_s))
    assert staff.get(f"{DEVICES}{device.pk}/").json()["online"] is online


def test_a_device_that_was_never_seen_is_not_online(device: Device, staff: APIClient) -> None:
    assert staff.get(f"{DEVICES}{device.pk}/").json()["online"] is False


@pytest.mark.parametrize(("asked", "found"), [("adopted", 1), ("pending", 1), ("ignored", 0)])
def test_devices_can_be_asked_for_by_adoption(device: Device, staff: APIClient, asked: str, found: int) -> None:
    make_device(OTHER_ASSY, adoption="pending")
    assert len(staff.get(DEVICES, {"adoption": asked}).json()) == found


def test_devices_can_be_asked_for_by_label(device: Device, staff: APIClient) -> None:
    make_device(OTHER_ASSY)
    assert [row["assy"] for row in staff.get(DEVICES, {"assy": ASSY}).json()] == [ASSY]


def test_ports_can_be_asked_for_by_role(device: Device, staff: APIClient) -> None:
    device.ports.filter(number=3).update(role="solar")
    assert [row["number"] for row in staff.get(PORTS, {"role": "solar"}).json()] == [3]


def test_an_unknown_value_of_a_filter_is_refused_by_name(staff: APIClient) -> None:
    answer = staff.get(PORTS, {"role": "moon"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["role"]


# --- Who sees what ----------------------------------------------------------------------------------------------
def test_two_users_see_each_what_their_groups_grant(device: Device) -> None:
    other = make_device(OTHER_ASSY, ports=["Other"])
    anna, bert = make_user("anna", sees=[device]), make_user("bert", sees=[other])
    assert [row["id"] for row in logged_in(anna).get(DEVICES).json()] == [device.pk]
    assert [row["id"] for row in logged_in(bert).get(DEVICES).json()] == [other.pk]
    assert {row["device"] for row in with_token(anna).get(PORTS).json()} == {device.pk}
    assert {row["device"] for row in with_token(bert).get(PORTS).json()} == {other.pk}


def test_a_device_granted_twice_is_listed_once(device: Device) -> None:
    anna, bert = make_user("anna", sees=[device]), make_user("bert", sees=[device])
    anna.groups.add(*bert.groups.all())
    assert len(logged_in(anna).get(DEVICES).json()) == 1
    assert len(logged_in(anna).get(PORTS).json()) == 3


def test_a_user_without_a_grant_sees_nothing(device: Device) -> None:
    client = logged_in(make_user())
    assert client.get(DEVICES).json() == []
    assert client.get(PORTS).json() == []


def test_a_device_that_one_may_not_see_is_404_like_one_that_is_not_there(device: Device) -> None:
    client = logged_in(make_user())
    port = device.ports.get(number=1)
    assert client.get(f"{DEVICES}{device.pk}/").status_code == 404
    assert client.get(f"{PORTS}{port.pk}/").status_code == 404
    assert client.get(f"{DEVICES}{device.pk}/").content == client.get(f"{DEVICES}999999/").content


def test_an_id_past_what_a_database_holds_is_404(staff: APIClient) -> None:
    assert staff.get(f"{DEVICES}{10**30}/").status_code == 404


def test_staff_see_every_device(device: Device, staff: APIClient) -> None:
    make_device(OTHER_ASSY)
    assert len(staff.get(DEVICES).json()) == 2


def test_who_has_no_right_changes_nothing(device: Device) -> None:
    client = logged_in(make_user(sees=[device]))
    answer = patch(client, device, adoption="ignored")
    assert answer.status_code == 403
    assert answer.json() == {
        "detail": "This needs a user who may do that, and over a token the scope 'configure' or 'operate'."
    }
    assert patch(client, device.ports.get(number=1), role="grid").status_code == 403


def test_whom_a_grant_allows_it_changes_that_device_and_no_other(device: Device) -> None:
    other = make_device(OTHER_ASSY)
    user = make_user(sees=[device, other])
    DeviceGrant.objects.filter(device=device).update(configure=True)
    client = logged_in(user)
    assert patch(client, device.ports.get(number=1), role="grid").status_code == 200
    assert patch(client, other.ports.get(number=1), role="grid").status_code == 403
    assert patch(client, device, adoption="ignored").status_code == 403
    assert [row["id"] for row in client.get(DEVICES).json()] == [device.pk, other.pk]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_devices_are_neither_made_nor_removed_here(device: Device, staff: APIClient, method: str) -> None:
    assert getattr(staff, method)(f"{DEVICES}{device.pk}/").status_code == 405


# --- Changing what is ours --------------------------------------------------------------------------------------
@pytest.mark.parametrize("adoption", ["adopted", "ignored"])
def test_a_device_is_adopted_or_ignored(staff: APIClient, adoption: str) -> None:
    device = make_device(adoption="pending")
    answer = patch(staff, device, adoption=adoption)
    assert answer.status_code == 200
    assert answer.json()["adoption"] == adoption
    device.refresh_from_db()
    assert device.adoption == adoption


def test_no_device_becomes_pending_again(device: Device, staff: APIClient) -> None:
    answer = patch(staff, device, adoption="pending")
    assert answer.status_code == 400
    assert answer.json() == {"adoption": ["'pending' is not known; allowed are adopted, ignored."]}


def test_the_time_zone_is_changed_and_the_days_are_computed_anew(
    device: Device, staff: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as started:
        answer = patch(staff, device, timezone="Asia/Kathmandu")
    assert answer.json()["timezone"] == "Asia/Kathmandu"
    assert len(started) == 1


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../secret", "+01:00"])
def test_what_is_no_time_zone_is_refused(device: Device, staff: APIClient, zone: str) -> None:
    answer = patch(staff, device, timezone=zone)
    assert answer.status_code == 400
    assert answer.json() == {"timezone": [f"{zone!r} is no IANA time zone; write it like Europe/London."]}


@pytest.mark.parametrize(("field", "value"), [("role", "solar"), ("reversed", True), ("enabled", False)])
def test_what_is_ours_of_a_port_is_changed(device: Device, staff: APIClient, field: str, value: object) -> None:
    port = device.ports.get(number=3)
    answer = patch(staff, port, **{field: value})
    assert answer.status_code == 200
    assert answer.json()[field] == value
    port.refresh_from_db()
    assert getattr(port, field) == value


def test_who_changed_what_of_a_port_is_in_the_audit_log(device: Device, staff: APIClient) -> None:
    patch(staff, device.ports.get(number=3), role="solar", scale="1.5", reversed=False)
    entry = AuditEntry.objects.get()
    assert (entry.who_name, entry.action, entry.device) == ("sam", "change_port", device)
    assert entry.before == {"CT3": {"role": "other", "scale": "1.00000"}}
    assert entry.after == {"CT3": {"role": "solar", "scale": "1.50000"}}


def test_a_change_leaves_the_newest_answer_alone(device: Device, staff: APIClient) -> None:
    port = device.ports.get(number=1)
    Port.objects.filter(pk=port.pk).update(name="renamed meanwhile")
    patch(staff, port, role="grid")
    port.refresh_from_db()
    assert (port.name, port.role) == ("renamed meanwhile", "grid")


def test_an_unknown_role_is_refused_by_name(device: Device, staff: APIClient) -> None:
    answer = patch(staff, device.ports.get(number=1), role="moon")
    assert answer.status_code == 400
    allowed = "grid, solar, battery, load, ev, other"
    assert answer.json() == {"role": [f"'moon' is not known; allowed are {allowed}."]}


def test_an_empty_change_changes_nothing(device: Device, staff: APIClient) -> None:
    assert patch(staff, device).status_code == 200
    assert patch(staff, device.ports.get(number=1)).status_code == 200


@pytest.mark.parametrize("field", ["assy", "address", "online", "last_seen", "firmware_version", "ports", "nonsense"])
def test_what_cannot_be_changed_of_a_device_is_refused_by_name(device: Device, staff: APIClient, field: str) -> None:
    answer = patch(staff, device, **{field: "1"})
    assert answer.status_code == 400
    allowed = "name, active, adoption, timezone, settings, mqtt_unchecked"
    assert answer.json() == {field: [f"Cannot be changed here; {allowed} can."]}


@pytest.mark.parametrize("field", ["device", "number", "sensor_type", "latest"])
def test_what_cannot_be_changed_of_a_port_is_refused_by_name(device: Device, staff: APIClient, field: str) -> None:
    answer = patch(staff, device.ports.get(number=1), **{field: "1"})
    assert answer.status_code == 400
    assert answer.json() == {field: ["Cannot be changed here; name, role, reversed, scale, enabled can."]}


def test_a_list_instead_of_an_object_is_refused(device: Device, staff: APIClient) -> None:
    assert staff.patch(f"{DEVICES}{device.pk}/", ["name"], format="json").status_code == 400


# --- Wishing for what is the unit's -----------------------------------------------------------------------------
def test_a_new_name_is_a_wish_beside_the_one_that_the_unit_reports(device: Device, staff: APIClient) -> None:
    answer = patch(staff, device, name="Käthes Zähler, 2")
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["wished_name"]) == ("Meter", "Käthes Zähler, 2")
    wished = ConfigChange.objects.open().get()
    assert (wished.key, wished.wished, str(wished.who)) == ("YDEV_UNIT_NAME", "Käthes Zähler, 2", "sam")


def test_a_new_name_of_a_port_is_a_wish(device: Device, staff: APIClient) -> None:
    answer = patch(staff, device.ports.get(number=3), name="nan")
    assert (answer.json()["name"], answer.json()["wished_name"]) == ("Solar", "nan")
    assert ConfigChange.objects.open().get().key == "CT3_NAME"


@pytest.mark.parametrize(("active", "text"), [(True, "1"), (False, "0")])
def test_switching_a_unit_on_or_off_is_a_wish(device: Device, staff: APIClient, active: bool, text: str) -> None:
    answer = patch(staff, device, active=active)
    assert (answer.json()["active"], answer.json()["wished_active"]) == (True, active)
    assert ConfigChange.objects.open().get().wished == text


def test_the_wish_shows_at_the_device_and_at_its_port_alone(device: Device, staff: APIClient) -> None:
    patch(staff, device.ports.get(number=2), name="Heat pump")
    ports = staff.get(f"{DEVICES}{device.pk}/").json()["ports"]
    assert [port["wished_name"] for port in ports] == [None, "Heat pump", None]


def test_a_wish_that_the_unit_confirmed_is_no_longer_shown(device: Device, staff: APIClient) -> None:
    configuration.wish(device, {"YDEV_UNIT_NAME": "New"}, None, now=timezone.now())
    ConfigChange.objects.update(state="confirmed")
    assert staff.get(f"{DEVICES}{device.pk}/").json()["wished_name"] is None


@pytest.mark.parametrize("name", [" ", "x" * 65, "電" * 30, "\u200b"])
def test_a_name_that_no_unit_may_hold_is_refused_with_the_reason(device: Device, staff: APIClient, name: str) -> None:
    for row in (device, device.ports.get(number=1)):
        answer = patch(staff, row, name=name)
        assert answer.status_code == 400
        assert list(answer.json()) == ["name"]
    assert not ConfigChange.objects.exists()


def test_a_refused_name_leaves_the_rest_of_the_change_undone(device: Device, staff: APIClient) -> None:
    port = device.ports.get(number=1)
    assert patch(staff, port, role="grid", name="電" * 30).status_code == 400
    assert patch(staff, device, adoption="ignored", timezone="Mars/Olympus", name="New").status_code == 400
    port.refresh_from_db()
    device.refresh_from_db()
    assert (port.role, device.adoption) == ("other", "adopted")
    assert not ConfigChange.objects.exists()


def test_a_port_that_todays_firmware_cannot_name_is_refused_with_the_reason(device: Device, staff: APIClient) -> None:
    port = Port.objects.create(device=device, number=7)
    answer = patch(staff, port, name="Stacked")
    assert answer.status_code == 400
    assert "CT7_NAME" in answer.json()["name"][0]


# --- Filters ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "asked", "problem"),
    [
        (DEVICES, {"active": "foo"}, "'foo' is not known; allowed are true, false."),
        (DEVICES, {"foo": "1"}, "Is no parameter; allowed are assy, name, group, adoption, active."),
        (DEVICES, {"adoption": "foo"}, "'foo' is not known; allowed are pending, adopted, ignored."),
        (PORTS, {"enabled": "2"}, "'2' is not known; allowed are true, false."),
        (PORTS, {"device": "x"}, "Has to be an id, as device=1."),
        (PORTS, {"device": "0"}, "Has to be an id, as device=1."),
        (PORTS, {"device": "9" * 30}, "Has to be an id, as device=1."),
        (DEVICES, {"name": ""}, "Is empty; give it a value or leave it out."),
        (DEVICES, {"name": ["Garage", "Annex"]}, "Is given more than once."),
        (PORTS, {"foo": "1"}, "Is no parameter; allowed are device, role, enabled."),
        (PORTS, {"format": "xml"}, "'xml' is not known; allowed: json."),
    ],
)
def test_a_filter_that_is_none_is_refused_with_what_is_allowed(
    staff: APIClient, path: str, asked: dict[str, str | list[str]], problem: str
) -> None:
    answer = staff.get(path, asked)
    assert (answer.status_code, answer.json()) == (400, {next(iter(asked)): [problem]})


@pytest.mark.parametrize("asked", [{"name": "Garage, 2"}, {"group": "Home"}])
def test_devices_can_be_asked_for_by_name_and_by_group(staff: APIClient, asked: dict[str, str]) -> None:
    make_device(name="Garage, 2", group_name="Home")
    make_device(OTHER_ASSY, name="Garage", group_name="Office")
    shown = staff.get(DEVICES, asked).json()
    assert [(row["name"], row["group"]) for row in shown] == [("Garage, 2", "Home")]


def test_one_device_by_its_id_is_not_filtered(device: Device, staff: APIClient) -> None:
    assert staff.get(f"{DEVICES}{device.pk}/", {"adoption": "ignored"}).status_code == 200


def test_the_schema_tells_what_devices_can_be_asked_for_by(staff: APIClient) -> None:
    schema = staff.get("/api/v1/schema/", {"format": "json"}).json()
    asked = {one["name"]: one for one in schema["paths"][DEVICES]["get"]["parameters"]}
    assert asked.keys() == {"assy", "name", "group", "adoption", "active"}
    assert asked["adoption"]["schema"]["enum"] == ["adopted", "ignored", "pending"]
    assert asked["active"]["schema"]["enum"] == ["false", "true"]
    assert asked["group"]["description"] == "The group that the unit reports."


def test_ports_can_be_asked_for_by_device(device: Device, staff: APIClient) -> None:
    other = make_device(OTHER_ASSY, ports=["Other"])
    assert [row["name"] for row in staff.get(PORTS, {"device": other.pk}).json()] == ["Other"]


@pytest.mark.parametrize(("asked", "found"), [("true", 1), ("False", 0)])
def test_devices_can_be_asked_for_by_active(device: Device, staff: APIClient, asked: str, found: int) -> None:
    assert len(staff.get(DEVICES, {"active": asked}).json()) == found


@pytest.mark.parametrize("zone", ["Factory", "localtime"])
def test_a_zone_that_the_admin_does_not_offer_is_refused(device: Device, staff: APIClient, zone: str) -> None:
    assert patch(staff, device, timezone=zone).status_code == 400


# --- In another language ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"foo": "1"}, "Ist kein Parameter; erlaubt sind assy, name, group, adoption, active."),
        ({"adoption": "foo"}, "'foo' ist nicht bekannt; erlaubt sind pending, adopted, ignored."),
    ],
)
def test_a_filter_is_refused_in_german(staff: APIClient, asked: dict[str, str], problem: str) -> None:
    assert staff.get(DEVICES, asked, HTTP_ACCEPT_LANGUAGE="de").json() == {next(iter(asked)): [problem]}


def test_a_name_that_no_unit_may_hold_is_refused_in_german(device: Device, staff: APIClient) -> None:
    answer = staff.patch(
        f"{DEVICES}{device.pk}/", {"name": "電" * 30}, format="json", headers={"Accept-Language": "de"}
    )
    [refusal] = answer.json()["name"]
    assert refusal.startswith("Der Name hat 30 Zeichen, kodiert 270 Bytes: ")


def test_a_time_zone_is_refused_in_german(device: Device, staff: APIClient) -> None:
    answer = staff.patch(
        f"{DEVICES}{device.pk}/", {"timezone": "Mars"}, format="json", headers={"Accept-Language": "de"}
    )
    assert answer.json() == {"timezone": ["'Mars' ist keine IANA-Zeitzone; richtig wäre etwa Europe/London."]}


def test_who_may_not_change_is_told_so_in_german(device: Device) -> None:
    answer = logged_in(make_user(sees=[device])).patch(
        f"{DEVICES}{device.pk}/", {"name": "x"}, format="json", headers={"Accept-Language": "de"}
    )
    assert answer.json()["detail"].startswith("Das darf nur, wer ein Recht dazu hat")
