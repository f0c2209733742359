"""The ports of a unit over time in the admin: seen, changed from a moment on, and that taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ct6site.models import User
from devices.configuration import open_wishes
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, Device, Port, PortPast
from devices.port_past import change_from
from tests.devices.admin.asking import address, browser_of, filled_in, granted, said, text_of
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device

pytestmark = pytest.mark.django_db

MOMENT = "2026-03-10T12:40"
HOUR_MS = 1_773_140_400_000  # 12:00 in Berlin


@pytest.fixture
def device() -> Device:
    return make_device(
        name="Garage", ports=["Oven", "Sauna"], timezone="Europe/Berlin", address="127.0.0.1", http_port=closed_port()
    )


@pytest.fixture
def port(device: Device) -> Port:
    return device.ports.get(number=1)


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["configure"])


def change(staff: Client, device: Device, number: int = 1, **edited: str) -> Any:
    page = address("device_port_change", device.pk, number)
    return staff.post(page, filled_in(staff.get(page).context["form"], **{"at": MOMENT, **edited}), follow=True)


def auditor() -> Client:
    client = browser_of("rita")
    User.objects.get(username="rita").user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    return client


def page_of(device: Device) -> str:
    return address("device_ports", device.pk)


# --- Seen -------------------------------------------------------------------------------------------------------
def test_each_port_is_listed_with_what_it_was(staff: Client, device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", reversed=True, scale=Decimal("1.5"), who=None)
    ports = staff.get(page_of(device)).context["ports"]
    assert [len(one["rows"]) for one in ports] == [2, 1]
    now, then = ports[0]["rows"]
    told = ("name", "role", "direction", "scale", "since", "until")
    assert [now[key] for key in told] == ["Oven", "load", "reversed", "1.5", "2026-03-10 12:00 CET", ""]
    assert [then[key] for key in told] == ["Oven", "other", "as measured", "1", "", "2026-03-10 12:00 CET"]


def test_who_only_looks_changes_nothing(device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", who=None)
    looker = browser_of("berta", may=["operate", "calibrate", "files", "adopt"])
    page = text_of(looker.get(page_of(device)))
    assert "2026-03-10 12:00 CET" in page
    assert "Change from" not in page
    assert "Take back" not in page
    for refused in (
        address("device_port_change", device.pk, 1),
        address("device_port_take_back", device.pk, 1, HOUR_MS),
    ):
        assert looker.get(refused).status_code == 403
        assert looker.post(refused, {"at": MOMENT}).status_code == 403
    assert PortPast.objects.count() == 1


def test_a_grant_of_another_unit_does_not_do(device: Device) -> None:
    assert (
        granted("carl", make_device("A2"), configure=True).get(address("device_port_change", device.pk, 1)).status_code
        == 403
    )


def test_a_port_that_is_not_there_is_not_there(staff: Client, device: Device) -> None:
    assert staff.get(address("device_port_change", device.pk, 9)).status_code == 404


# --- Changed ----------------------------------------------------------------------------------------------------
def test_a_port_is_changed_from_the_hour_of_the_moment_on(staff: Client, device: Device, port: Port) -> None:
    answer = change(staff, device, role="load", reversed="on", scale="1.5")
    assert said(answer) == ["Oven was changed from 2026-03-10 12:00 CET on. What it was before is kept until then."]
    port.refresh_from_db()
    assert (port.role, port.reversed, port.scale) == ("load", True, Decimal("1.5"))
    past = PortPast.objects.get()
    assert (past.until_ms, past.role, past.reversed, past.scale) == (HOUR_MS, "other", False, Decimal(1))
    entry = AuditEntry.objects.get(action="change_from")
    assert (entry.who_name, entry.device) == ("anna", device)


def test_the_record_says_it_in_words(staff: Client, device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", who=None)
    staff.post(address("device_port_take_back", device.pk, 1, HOUR_MS))
    page = text_of(auditor().get(address("device_change", device.pk)))
    assert "Port changed from a moment on" in page
    assert "Port&#x27;s last change taken back" in page


def test_a_new_name_is_wished_and_written_to_the_unit(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    change(staff, device, name="Heat pump")
    assert name_held(unit, "CT1_NAME") == "Heat pump"
    assert PortPast.objects.get().port.number == 1


def test_a_unit_that_is_away_gets_its_name_later(staff: Client, device: Device) -> None:
    answer = change(staff, device, name="Heat pump")
    assert "The wish is kept" in said(answer)[1]
    assert open_wishes(device)["CT1_NAME"].wished == "Heat pump"
    assert "Heat pump" in text_of(staff.get(page_of(device)))


@pytest.mark.parametrize(
    ("edited", "says"),
    [
        ({"at": ""}, "This field is required."),
        ({"at": "yesterday"}, "Enter a valid date/time."),
        ({"at": "2026-03-29T02:30"}, "may not exist"),
        ({"role": "roof"}, "Select a valid choice."),
        ({"scale": "0", "role": "load"}, "a scale is a number from 0.00001"),
        ({"scale": "1.000001", "role": "load"}, "no more than 5 decimal places"),
        ({"name": "電" * 30}, "at most"),
        ({"name": "x" * 65}, "A name has at most 64 characters"),
        ({}, "it is that already. Nothing was changed."),
    ],
)
def test_bad_input_is_refused_in_a_sentence(staff: Client, device: Device, edited: dict[str, Any], says: str) -> None:
    answer = change(staff, device, **edited)
    assert answer.status_code == 200
    assert says in str(answer.context["form"].errors)
    assert not PortPast.objects.exists()


def test_what_is_still_to_come_is_refused(staff: Client, device: Device) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    answer = change(staff, device, at=f"{tomorrow:%Y-%m-%dT%H:%M}", role="load")
    assert "is still to come" in str(answer.context["form"].non_field_errors())


# --- Taken back -------------------------------------------------------------------------------------------------
def test_taking_back_shows_first_what_would_be_so_again(staff: Client, device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", scale=Decimal(2), who=None)
    page = address("device_port_take_back", device.pk, 1, HOUR_MS)
    assert page in text_of(staff.get(page_of(device)))
    assert staff.get(page).context["differences"] == [("Role", "load", "other"), ("Scale", "2", "1")]
    assert PortPast.objects.exists()
    answer = staff.post(page, follow=True)
    assert said(answer) == ["The change of Oven from 2026-03-10 12:00 CET on was taken back."]
    port.refresh_from_db()
    assert (port.role, port.scale, port.has_past) == ("other", Decimal(1), False)
    assert AuditEntry.objects.get(action="take_back").who_name == "anna"


def test_another_change_than_was_seen_is_not_taken_back(staff: Client, device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", who=None)
    change_from(port, HOUR_MS + 3_600_000, role="ev", who=None)
    page = address("device_port_take_back", device.pk, 1, HOUR_MS)
    assert staff.get(page).status_code == 404
    assert "only the last one can be taken back" in said(staff.post(page, follow=True))[0]
    assert PortPast.objects.count() == 2


def test_a_german_reader_reads_german(staff: Client, device: Device) -> None:
    page = text_of(staff.get(page_of(device), headers={"accept-language": "de"}))
    assert "Kanäle von Garage im Lauf der Zeit" in page
    assert "wie gemessen" in page


def test_the_form_says_that_a_change_of_the_same_hour_merges_with_the_last(
    staff: Client, device: Device, port: Port
) -> None:
    form = address("device_port_change", device.pk, 1)
    assert "both become one change" not in text_of(staff.get(form))
    change_from(port, HOUR_MS, role="load", who=None)
    page = text_of(staff.get(form))
    assert "Its last change is from 2026-03-10 12:00 CET on" in page
    assert "taking that back undoes both" in page


def test_taking_a_merged_change_back_shows_all_that_comes_back(staff: Client, device: Device, port: Port) -> None:
    change_from(port, HOUR_MS, role="load", who=None)
    change_from(port, HOUR_MS, scale=Decimal(2), who=None)
    page = staff.get(address("device_port_take_back", device.pk, 1, HOUR_MS))
    assert page.context["differences"] == [("Role", "load", "other"), ("Scale", "2", "1")]
