"""A port that is something else from a moment on, with its past kept; and undoing that."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from devices import port_past
from devices.configuration import open_wishes
from devices.ct6.errors import DestructiveValue
from devices.models import AuditEntry, Device, Port, PortPast
from devices.port_past import NotChanged, all_as_they_were, as_it_was, change_from, take_back, whole_hour
from tests.factories import make_device
from tests.people import make_user, with_token

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
NOON = 1_773_144_000_000
HOUR_MS = 3_600_000


@pytest.fixture
def device() -> Device:
    return make_device(ports=["Cellar", "Solar"])


@pytest.fixture
def port(device: Device) -> Port:
    return device.ports.get(number=1)


def change(port: Port, at_ms: int = NOON, **values: Any) -> None:
    change_from(port, at_ms, who=None, now=NOW, **values)


# --- Changing -----------------------------------------------------------------------------------------------------
def test_what_it_was_holds_until_the_moment(port: Port) -> None:
    change(port, role="load", reversed=True, scale=Decimal("1.5"))
    assert (port.role, port.reversed, port.scale) == ("load", True, Decimal("1.5"))
    before, after = as_it_was(port, NOON - 1), as_it_was(port, NOON)
    assert (before.role, before.reversed, before.scale) == ("other", False, Decimal(1))
    assert (after.role, after.reversed, after.scale) == ("load", True, Decimal("1.5"))


def test_a_name_is_the_units_so_it_becomes_a_wish(device: Device, port: Port) -> None:
    change(port, name="Oven")
    assert port.name == "Cellar", "until the unit confirms it"
    assert open_wishes(device)["CT1_NAME"].wished == "Oven"
    Port.objects.filter(pk=port.pk).update(name="Oven")
    port.refresh_from_db()
    assert (as_it_was(port, NOON - 1).label, as_it_was(port, NOON).label) == ("Cellar", "Oven")


def test_two_moments_leave_three_times(port: Port) -> None:
    change(port, NOON - 5 * HOUR_MS, role="load")
    change(port, NOON - HOUR_MS, role="ev")
    roles = [as_it_was(port, NOON + hour * HOUR_MS).role for hour in (-6, -5, -2, -1, 0)]
    assert roles == ["other", "load", "load", "ev", "ev"]


def test_the_same_moment_again_puts_right_what_holds_from_then_on(port: Port) -> None:
    change(port, role="load")
    change(port, role="ev", reversed=True)
    assert PortPast.objects.count() == 1
    assert (as_it_was(port, NOON - 1).role, as_it_was(port, NOON).role) == ("other", "ev")


def test_a_change_without_a_moment_rewrites_the_time_since_the_last_one(port: Port) -> None:
    change(port, role="load")
    assert port_past.change(port, role="ev", who=None)
    assert (as_it_was(port, NOON - 1).role, as_it_was(port, NOON).role) == ("other", "ev")


def test_who_changed_what_from_when_on_is_in_the_audit_log(device: Device, port: Port) -> None:
    change_from(port, NOON, role="load", scale=Decimal(2), who=make_user("sam"), now=NOW)
    entry = AuditEntry.objects.get(action="change_from")
    assert (entry.who_name, entry.device) == ("sam", device)
    assert entry.before == {"CT1": {"role": "other", "scale": "1.00000"}}
    assert entry.after == {"CT1": {"role": "load", "scale": "2.00000"}, "from": "2026-03-10T12:00+00:00"}


def test_a_change_without_a_moment_is_in_the_audit_log_too(device: Device, port: Port) -> None:
    assert port_past.change(port, scale=Decimal(2), enabled=False, reversed=False, who=make_user("sam"))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.who_name, entry.device) == ("change_port", "sam", device)
    assert entry.before == {"CT1": {"scale": "1.00000", "enabled": True}}
    assert entry.after == {"CT1": {"scale": "2.00000", "enabled": False}}
    assert (port.scale, port.enabled, port.has_past) == (Decimal(2), False, False)


def test_what_is_so_already_is_no_change(port: Port) -> None:
    assert not port_past.change(port, role="other", scale=Decimal("1.0"), enabled=True, who=None)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("values", [{"role": "roof"}, {"scale": Decimal(0)}, {"scale": Decimal("Infinity")}])
def test_a_change_without_a_moment_is_refused_as_well(port: Port, values: dict[str, Any]) -> None:
    with pytest.raises(NotChanged):
        port_past.change(port, enabled=False, who=None, **values)
    port.refresh_from_db()
    assert (port.enabled, AuditEntry.objects.count()) == (True, 0)


# --- What is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at_ms", "values", "says"),
    [
        (NOON + 1, {"role": "load"}, "whole hour of UTC"),
        (NOON + HOUR_MS, {"role": "load"}, "still to come"),
        (-62_135_596_800_000, {"role": "load"}, "0001-01-01T00:00.* long before the first unit"),
        (NOON, {"role": "roof"}, "is no role"),
        (NOON, {"scale": Decimal(0)}, "from 0.00001"),
        (NOON, {"scale": Decimal(-1)}, "use 'reversed'"),
        (NOON, {"scale": Decimal("1.000001")}, "five digits"),
        (NOON, {"scale": Decimal("NaN")}, "a scale is a number"),
        (NOON, {"role": "other", "scale": Decimal("1.0")}, "it is that already"),
        (NOON, {}, "it is that already"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    port: Port, at_ms: int, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotChanged, match=says):
        change(port, at_ms, **values)
    port.refresh_from_db()
    assert not PortPast.objects.exists()
    assert not AuditEntry.objects.exists()
    assert (port.role, port.has_past) == ("other", False)


def test_a_moment_before_the_last_one_is_refused(port: Port) -> None:
    change(port, role="load")
    with pytest.raises(NotChanged, match=r"changed from 2026-03-10T12:00\+00:00 on already"):
        change(port, NOON - HOUR_MS, role="ev")


def test_a_name_that_no_unit_can_hold_changes_nothing_at_all(port: Port) -> None:
    with pytest.raises(DestructiveValue):
        change(port, name="x" * 500, role="load")
    port.refresh_from_db()
    assert (port.role, port.has_past, PortPast.objects.count()) == ("other", False, 0)


# --- Taking it back -----------------------------------------------------------------------------------------------
def test_the_last_change_can_be_taken_back(device: Device, port: Port) -> None:
    change(port, NOON - HOUR_MS, role="load")
    change(port, name="Oven", role="ev", reversed=True)
    take_back(port, who=None, now=NOW)
    assert (port.role, port.reversed, port.has_past) == ("load", False, True)
    assert open_wishes(device)["CT1_NAME"].wished == "Cellar"
    take_back(port, who=None, now=NOW)
    assert (port.role, port.has_past) == ("other", False)
    with pytest.raises(NotChanged, match="never changed"):
        take_back(port, who=None, now=NOW)
    assert AuditEntry.objects.filter(action="take_back", device=device).exists()


def test_only_the_change_that_was_seen_is_taken_back(port: Port) -> None:
    change(port, NOON - HOUR_MS, role="load")
    change(port, role="ev")
    with pytest.raises(NotChanged, match="its last change is the one from 2026-03-10T12:00"):
        take_back(port, at_ms=NOON - HOUR_MS, who=None, now=NOW)
    take_back(port, at_ms=NOON, who=None, now=NOW)
    assert port.role == "load"


# --- How it is read -----------------------------------------------------------------------------------------------
def test_ports_without_a_past_ask_the_database_nothing(
    device: Device, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ports = list(device.ports.all())
    with django_assert_num_queries(0):
        assert [then.label for then in all_as_they_were(ports, NOON).values()] == ["Cellar", "Solar"]
    change(ports[0], role="load")
    with django_assert_num_queries(1):
        assert all_as_they_were(ports, NOON - 1)[ports[0].pk].role == "other"


def test_a_moment_counts_as_the_hour_that_it_lies_in() -> None:
    assert [whole_hour(NOON + ms) for ms in (-1, 0, HOUR_MS - 1)] == [NOON - HOUR_MS, NOON, NOON]


# --- Over the API -------------------------------------------------------------------------------------------------
def url(port: Port, what: str) -> str:
    return f"/api/v1/ports/{port.pk}/{what}/"


@pytest.fixture
def staff() -> APIClient:
    return with_token(make_user("sam", staff=True, may=["configure"]), "configure")


def test_the_api_changes_from_the_hour_that_the_moment_lies_in(port: Port, staff: APIClient) -> None:
    asked = {"at": "2026-03-10T12:59:00+01:00", "role": "load", "scale": "0.5"}
    answer = staff.post(url(port, "change-from"), asked, format="json")
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "port": port.pk,
        "name": "Cellar",
        "role": "load",
        "reversed": False,
        "scale": "0.50000",
        "past": [
            {
                "until": "2026-03-10T11:00:00+00:00",
                "name": "Cellar",
                "role": "other",
                "reversed": False,
                "scale": "1.00000",
            }
        ],
    }
    assert staff.get(url(port, "past")).json() == answer.json()
    assert staff.post(url(port, "take-back")).json()["past"] == []


def test_the_api_refuses_under_the_field_that_is_wrong(port: Port, staff: APIClient) -> None:
    def problems(**asked: Any) -> list[str]:
        answer = staff.post(url(port, "change-from"), asked, format="json")
        assert answer.status_code == 400
        return list(answer.json())

    assert problems(at="2026-03-10T12:00:00Z") == ["at"]
    assert problems(role="load") == ["at"]
    assert problems(at="2026-03-10T12:00:00Z", name="x" * 500) == ["name"]
    assert problems(at="2026-03-10T12:00:00Z", role="roof") == ["role"]
    assert staff.post(url(port, "take-back")).status_code == 400


def test_the_api_needs_the_right_to_configure(port: Port) -> None:
    asked = {"at": "2026-03-10T12:00:00Z", "role": "load"}
    others = [
        with_token(make_user("eve", staff=True), "configure"),
        with_token(make_user("rob", staff=True, may=["configure"]), "read"),
    ]
    for client in others:
        assert client.post(url(port, "change-from"), asked, format="json").status_code == 403
        assert client.post(url(port, "take-back")).status_code == 403
    assert not PortPast.objects.exists()


def test_the_scale_can_be_put_right_for_all_of_the_past(port: Port, staff: APIClient) -> None:
    address = f"/api/v1/ports/{port.pk}/"
    assert staff.patch(address, {"scale": "2.5"}, format="json").json()["scale"] == "2.50000"
    assert not PortPast.objects.exists()
    assert staff.patch(address, {"scale": "0"}, format="json").status_code == 400
