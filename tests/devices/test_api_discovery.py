"""Finding, adding and setting up units over the REST API, by those who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from ct6site.celery import app
from ct6site.models import User
from devices import sweeping
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.holding import alone
from devices.models import AuditEntry, Device, DeviceGrant, Sweep
from readings import heartbeats
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device
from tests.people import logged_in, make_user, with_token

pytestmark = pytest.mark.django_db

DISCOVERY = "/api/v1/discovery/"
SWEEP = f"{DISCOVERY}sweep/"
ADD = "/api/v1/devices/add/"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "send_task", lambda name, arguments: None)


def allowed(user: User, *rights: str) -> User:
    """The user with these permissions on all units."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=[f"{right}_device" for right in rights]))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def anna() -> APIClient:
    """May decide about new units, and configure."""
    return with_token(allowed(make_user("anna", staff=True), "adopt", "configure"), "configure")


def post(client: APIClient, path: str, **sent: object) -> Any:
    return client.post(path, sent, format="json")


def set_up(client: APIClient, device: Device, **sent: object) -> Any:
    return post(client, f"/api/v1/devices/{device.pk}/set-up/", **sent)


def pending(unit: SimulatedUnit, **fields: Any) -> Device:
    return device_of(unit, **({"adoption": "pending"} | fields))


# --- What answered lately ---------------------------------------------------------------------------------------
def test_what_answered_lately_is_listed_with_what_may_be_swept(anna: APIClient, settings: Any) -> None:
    settings.CT6_SWEEP_NETWORKS = ["192.168.7.0/24"]
    heartbeats.note("collector", timezone.now())
    device = make_device(last_seen=timezone.now(), adoption="pending")
    told = anna.get(DISCOVERY, {"seconds": 60}).json()
    assert told["collector_runs"] is True
    assert told["networks"] == ["192.168.7.0/24"]
    [unit] = told["units"]
    assert (unit["device"], unit["marks"], unit["adoption"]) == (device.pk, ["new"], "pending")


def test_without_a_collector_that_is_said(anna: APIClient) -> None:
    told = anna.get(DISCOVERY).json()
    assert (told["collector_runs"], told["collector_at"], told["units"]) == (False, None, [])


def test_a_wrong_parameter_is_refused_by_its_name(anna: APIClient) -> None:
    assert list(anna.get(DISCOVERY, {"second": 5}).json()) == ["second"]


# --- Sweeps -----------------------------------------------------------------------------------------------------
def test_a_sweep_is_asked_for_followed_and_read(anna: APIClient, fleet: Fleet) -> None:
    unit = fleet.units[0]
    unit.set({"ACTIVE": "0"})
    asked = post(anna, SWEEP, networks=["127.0.0.0/30"], http_port=unit.http_port)
    assert asked.status_code == 202
    row = asked.json()
    assert (row["state"], row["total"], row["asked"], row["who"]) == ("waiting", 2, 0, "anna")
    assert row["found"]["units"] == []
    sweeping.run(row["id"])
    done = anna.get(f"{DISCOVERY}sweeps/{row['id']}/").json()
    assert (done["state"], done["asked"], done["error"]) == ("done", 2, "")
    [found] = done["found"]["units"]
    assert (found["assy"], found["marks"], found["device_id"]) == (unit.assy, ["new", "inactive"], None)


def test_a_sweep_is_stopped(anna: APIClient) -> None:
    row = post(anna, SWEEP, networks=["127.0.0.0/30"]).json()
    stopped = post(anna, f"{DISCOVERY}sweeps/{row['id']}/cancel/").json()
    assert stopped["state"] == "cancelled"


def test_a_sweep_that_is_not_there_is_404(anna: APIClient) -> None:
    assert anna.get(f"{DISCOVERY}sweeps/4711/").status_code == 404


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        (["8.8.8.0/24"], "not a local network"),
        (["10.0.0.0/8"], "at most a /22"),
        (["meters"], "no IPv4 network"),
        ([], "empty"),
    ],
)
def test_what_must_not_be_swept_is_refused_with_the_reason(anna: APIClient, networks: list[str], sentence: str) -> None:
    refused = post(anna, SWEEP, networks=networks)
    assert refused.status_code == 400
    assert sentence in str(refused.json()["networks"])
    assert not Sweep.objects.exists()


def test_a_german_request_is_refused_in_its_own_language_where_one_is_there(anna: APIClient) -> None:
    refused = anna.post(SWEEP, {"networks": []}, format="json", headers={"accept-language": "de"})
    assert "leer" in str(refused.json()["networks"])


# --- Adding -----------------------------------------------------------------------------------------------------
def test_an_inactive_unit_is_added_by_its_address(anna: APIClient, unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    added = post(anna, ADD, address=unit.address, http_port=unit.http_port)
    device = Device.objects.get()
    assert added.status_code == 201
    assert added.json() == {"device": device.pk, "assy": unit.assy, "standing": "new"}
    assert device.active is False
    again = post(anna, ADD, address=unit.address, http_port=unit.http_port)
    assert (again.status_code, again.json()["standing"]) == (200, "known")


def test_nobody_at_the_address_is_502_with_the_reason(anna: APIClient) -> None:
    refused = post(anna, ADD, address="127.0.0.1", http_port=closed_port())
    assert refused.status_code == 502
    assert "no connection to 127.0.0.1" in refused.json()["detail"]


def test_a_unit_in_use_is_409(anna: APIClient, unit: SimulatedUnit) -> None:
    with alone(device_of(unit), timezone.now()):
        assert post(anna, ADD, address=unit.address, http_port=unit.http_port).status_code == 409


def test_an_address_that_is_not_local_is_refused(anna: APIClient) -> None:
    refused = post(anna, ADD, address="169.253.1.1")
    assert (refused.status_code, list(refused.json())) == (400, ["address"])


# --- Setting up -------------------------------------------------------------------------------------------------
def test_a_unit_is_adopted_named_and_made_active(anna: APIClient, unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    device = pending(unit, active=False)
    ports = [{"number": 1, "name": "Grid", "role": "grid", "reversed": True}, {"number": 2, "name": "Solar"}]
    done = set_up(anna, device, name="Garage", active=True, ports=ports)
    assert done.status_code == 200
    said = done.json()
    assert said["adopted"] is True
    assert set(said["settings"]["confirmed"]) == {"YDEV_UNIT_NAME", "ACTIVE", "CT1_NAME", "CT2_NAME"}
    assert (said["settings"]["waiting"], said["settings"]["reason"]) == ([], None)
    assert unit.active
    assert name_held(unit, "CT2_NAME") == "Solar"
    device.refresh_from_db()
    assert (device.adoption, device.ports.get(number=1).role) == ("adopted", "grid")
    assert {entry.who_name for entry in AuditEntry.objects.all()} == {"anna"}


def test_what_waits_is_told_with_the_reason(anna: APIClient, unit: SimulatedUnit) -> None:
    device = pending(unit, address="127.0.0.1", http_port=closed_port())
    said = set_up(anna, device, name="Garage").json()
    assert said["settings"]["waiting"] == ["YDEV_UNIT_NAME"]
    assert "no connection" in said["settings"]["reason"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "\u00a0"}, "YDEV_UNIT_NAME"),
        ({"ports": [{"number": 24, "role": "grid"}]}, "ports"),
        ({"ports": [{"number": 1, "role": "moon"}]}, "ports"),
        ({"mqtt": {"MQTT_SERVER_PORT": "nan"}}, "MQTT_SERVER_PORT"),
        ({"name": "x" * 65}, "name"),
    ],
)
def test_a_refusal_names_the_field_and_changes_nothing(
    anna: APIClient, unit: SimulatedUnit, sent: dict[str, object], field: str
) -> None:
    device = pending(unit)
    refused = set_up(anna, device, **sent)
    assert (refused.status_code, list(refused.json())) == (400, [field])
    device.refresh_from_db()
    assert device.adoption == "pending"


# --- Who may ----------------------------------------------------------------------------------------------------
def asks(client: APIClient) -> list[int]:
    """The status of every call that concerns units which are not here yet."""
    row = Sweep.objects.create(networks=["127.0.0.1/32"])
    return [
        client.get(DISCOVERY).status_code,
        client.get(f"{DISCOVERY}sweeps/{row.pk}/").status_code,
        post(client, f"{DISCOVERY}sweeps/{row.pk}/cancel/").status_code,
        post(client, SWEEP, networks=["127.0.0.0/30"]).status_code,
        post(client, ADD, address="127.0.0.1", http_port=closed_port()).status_code,
    ]


def test_only_those_with_the_right_look_for_units() -> None:
    assert asks(logged_in(make_user("staff", staff=True))) == [403] * 5
    assert asks(logged_in(make_user("guest"))) == [403] * 5
    assert set(asks(APIClient())) <= {401, 403}


def test_a_superuser_may_all() -> None:
    root = User.objects.create_superuser("root")
    assert asks(logged_in(root)) == [200, 200, 200, 202, 502]


def test_a_token_that_only_reads_changes_nothing() -> None:
    bea = with_token(allowed(make_user("bea", staff=True), "adopt"), "read")
    assert asks(bea) == [200, 200, 403, 403, 403]


def test_a_new_unit_is_set_up_with_the_right_to_adopt_alone(unit: SimulatedUnit) -> None:
    bea = logged_in(allowed(make_user("bea", staff=True), "adopt"))
    assert set_up(bea, pending(unit), name="Garage").status_code == 200


def test_one_that_is_adopted_already_needs_the_right_to_configure_too(unit: SimulatedUnit) -> None:
    bea = logged_in(allowed(make_user("bea", staff=True), "adopt"))
    assert set_up(bea, device_of(unit), name="Garage").status_code == 403
    assert not unit.requests


def test_a_grant_on_one_unit_counts_for_it(fleet: Fleet) -> None:
    mine, other = (pending(unit) for unit in fleet.units)
    cleo = make_user("cleo", staff=True, sees=[mine])
    DeviceGrant.objects.filter(device=mine).update(adopt=True)
    assert set_up(logged_in(cleo), mine, name="Garage").status_code == 200
    assert set_up(logged_in(cleo), other, name="Garage").status_code == 403


def test_a_unit_that_one_does_not_see_is_not_there(unit: SimulatedUnit) -> None:
    dan = logged_in(make_user("dan"))
    assert set_up(dan, pending(unit), name="Garage").status_code in (403, 404)
