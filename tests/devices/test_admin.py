"""The admin of devices: what is seen at a glance, what is written to the unit, and what is refused."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import holding
from devices.admin.shown import there
from devices.configuration import ACTIVE, UNIT_NAME, wish
from devices.ct6.protocol import DEFAULT_ASSY
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, ConfigChange, Device, DeviceGrant
from tests.devices.units import closed_port, device_of, name_held
from tests.factories import make_device

pytestmark = pytest.mark.django_db

LIST = "/admin/devices/device/"
Queries = Callable[[int], AbstractContextManager[Any]]


@pytest.fixture
def staff(client: Client) -> Client:
    """A browser logged in by a user who may configure and adopt units, and no more."""
    return logged_in(client, "configure_device", "adopt_device", "view_configchange")


def logged_in(client: Client, *rights: str) -> Client:
    user = get_user_model().objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def page_of(device: Device) -> str:
    return reverse("admin:devices_device_change", args=[device.pk])


def filled_in(browser: Client, device: Device) -> dict[str, Any]:
    """What the device's page would send if nothing were edited."""
    context = browser.get(page_of(device)).context
    formset = context["inline_admin_formsets"][0].formset
    data: dict[str, Any] = {}
    for form in [context["adminform"].form, formset.management_form, *formset.forms]:
        for field in form:
            value = "" if field.value() is None else field.value()
            if value is not False:
                data[field.html_name] = value
            if field.field.show_hidden_initial:
                data[field.html_initial_name] = value
    return data


def save(browser: Client, device: Device, **edited: Any) -> Any:
    """Edit the page, press Save (or the button that is named), and follow to what is shown then."""
    button = edited.pop("button", "_save")
    data = filled_in(browser, device) | {key.replace("port", "ports-", 1): value for key, value in edited.items()}
    return browser.post(page_of(device), {**data, button: "1"}, follow=True)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# Seen at a glance


def test_the_list_tells_how_each_unit_is(staff: Client) -> None:
    now = timezone.now()
    make_device("A1", name="House", last_seen=now, firmware_version="3.1")
    make_device("A2", name="Annex", last_seen=now - timedelta(hours=3))
    make_device("A3", name="Barn", last_seen=now - timedelta(hours=3), active=False, adoption="ignored")
    make_device("A4", name="Shed", adoption="pending")
    make_device("A5", name="Cellar", adoption="pending", active=False, told_at=now)
    make_device("A6", name="Attic", adoption="pending", active=True, told_at=now)
    make_device("A7", name="Loft", last_seen=now - timedelta(hours=3), status_at=now)
    rows = staff.get(LIST).content.decode().split("<tr")
    for name, words in {
        "House": ("online", "127.0.0.2", "3.1", " s ago", "adopted"),
        "Annex": ("offline", "hours ago"),
        "Barn": ("inactive", "ignored"),
        "Shed": ("never seen", "never", "pending"),
        "Cellar": ("inactive", "asked over HTTP ", " s ago"),
        "Attic": ("not heard yet", "asked over HTTP ", " s ago"),
        "Loft": ("offline", "3 hours ago; asked over HTTP ", " s ago"),
    }.items():
        [row] = [row for row in rows if f">{name}<" in row]
        for word in words:
            assert word in row.replace("\xa0", " ")


def test_an_open_wish_is_shown_beside_the_reported_name(staff: Client) -> None:
    device = make_device(name="Garage", ports=["Oven"])
    wish(device, {UNIT_NAME: "Werkstatt", "CT1_NAME": "", ACTIVE: "0"}, None, now=timezone.now())
    assert "Garage (waiting for the unit: Werkstatt)" in staff.get(LIST).content.decode()
    page = staff.get(page_of(device)).content.decode()
    assert "Garage (waiting for the unit: Werkstatt)" in page
    assert "Oven (waiting for the unit: no name)" in page
    assert "active (waiting for the unit: inactive)" in page


@pytest.mark.parametrize(
    ("wanted", "found"), [("yes", ["House"]), ("no", ["Annex", "Shed"]), ("maybe", ["Annex", "House", "Shed"])]
)
def test_the_list_can_show_online_or_offline_units_only(staff: Client, wanted: str, found: list[str]) -> None:
    make_device("A1", name="House", last_seen=timezone.now())
    make_device("A2", name="Annex", last_seen=timezone.now() - timedelta(hours=3))
    make_device("A3", name="Shed")
    devices = staff.get(LIST, {"online": wanted}).context["cl"].queryset
    assert sorted(device.name for device in devices) == found


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_costs_the_same_few_queries_however_long_it_is(
    staff: Client, count: int, django_assert_max_num_queries: Queries
) -> None:
    for number in range(count):
        device = make_device(f"A{number}", ports=["Oven"])
        wish(device, {UNIT_NAME: "Villa"}, None, now=timezone.now())
    with django_assert_max_num_queries(16):
        staff.get(LIST)


@pytest.mark.parametrize("count", [1, 24])
def test_a_device_page_costs_the_same_few_queries_however_many_ports_it_has(
    staff: Client, count: int, django_assert_max_num_queries: Queries
) -> None:
    device = make_device(ports=[""] * count)
    with django_assert_max_num_queries(22):
        staff.get(page_of(device))


def test_a_label_in_doubt_is_said_in_the_list_and_explained_on_the_page(staff: Client) -> None:
    device = make_device(DEFAULT_ASSY, adoption="pending", claimed_from="127.0.0.9")
    assert "label in doubt" in staff.get(LIST).content.decode()
    page = staff.get(page_of(device)).content.decode()
    assert "Two units claim the label" in page
    assert "every uncalibrated board carries" in page
    assert "every uncalibrated" not in staff.get(page_of(make_device())).content.decode()


# Written to the unit


def test_an_edited_name_is_written_and_what_the_unit_says_is_shown(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    answer = save(staff, device, name_wished="Dad's shed, Süd")
    assert name_held(unit, UNIT_NAME) == "Dad's shed, Süd"
    assert "Name: The unit reports “Dad's shed, Süd”." in said(answer)
    device.refresh_from_db()
    assert device.name == "Dad's shed, Süd"
    change = ConfigChange.objects.get()
    assert change.who is not None
    assert (change.who.get_username(), change.state) == ("ann", ConfigChange.State.CONFIRMED)


def test_a_port_is_edited_beside_it(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    answer = save(staff, device, **{"port1-name_wished": "2", "port1-role": "ev", "port1-reversed": "on"})
    assert name_held(unit, "CT2_NAME") == "2"
    assert "Name of CT2: The unit reports “2”." in said(answer)
    port = device.ports.get(number=2)
    assert (port.name, port.role, port.reversed) == ("2", "ev", True)


def test_a_unit_is_made_inactive_and_active_again(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    assert "Active: The unit reports inactive." in said(save(staff, device, active_wished="0"))
    assert not unit.active
    device.refresh_from_db()
    assert device.active is False
    save(staff, device, active_wished="1")
    assert unit.active


def test_what_is_kept_here_is_saved_without_asking_the_unit(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    assert said(save(staff, device, **{"port0-role": "solar"})) == ["Saved."]
    assert device.ports.get(number=1).role == "solar"
    assert not unit.requests
    assert not ConfigChange.objects.exists()


def test_who_changed_what_of_a_port_is_in_the_audit_log(staff: Client) -> None:
    device = make_device(ports=["Oven", "Hob"])
    save(staff, device, **{"port1-role": "load", "port1-scale": "2.5", "port1-enabled": ""})
    entry = AuditEntry.objects.get()
    assert (entry.who_name, entry.action, entry.device) == ("ann", "change_port", device)
    assert entry.before == {"CT2": {"role": "other", "scale": "1.00000", "enabled": True}}
    assert entry.after == {"CT2": {"role": "load", "scale": "2.50000", "enabled": False}}
    port = device.ports.get(number=2)
    assert (port.role, port.scale, port.enabled) == ("load", Decimal("2.5"), False)


@pytest.mark.parametrize(("scale", "shown"), [("1.00000", "1"), ("10.00000", "10"), ("0.12300", "0.123")])
def test_a_scale_is_shown_in_short_and_is_no_edit_by_that(staff: Client, scale: str, shown: str) -> None:
    device = make_device(ports=["Oven"])
    device.ports.update(scale=scale)
    assert str(filled_in(staff, device)["ports-0-scale"]) == shown
    save(staff, device, **{"port0-role": "load"})
    assert AuditEntry.objects.get().after == {"CT1": {"role": "load"}}


@pytest.mark.parametrize("scale", ["", "0", "-1", "1.000001", "much"])
def test_what_is_no_scale_is_refused_at_its_field(staff: Client, scale: str) -> None:
    device = make_device(ports=["Oven"])
    answer = save(staff, device, **{"port0-scale": scale, "port0-role": "load"})
    [form] = answer.context["inline_admin_formsets"][0].formset.initial_forms
    assert list(form.errors) == ["scale"]
    assert device.ports.get().role == "other"


def test_a_name_that_changed_while_the_page_was_open_is_not_changed_back(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    data = filled_in(staff, device) | {"ports-0-role": "solar", "_save": "1"}
    Device.objects.filter(pk=device.pk).update(name="Renamed", timezone="UTC")
    device.ports.filter(number=1).update(name="Renamed port")
    staff.post(page_of(device), data)
    device.refresh_from_db()
    port = device.ports.get(number=1)
    assert (device.name, port.name, port.role) == ("Renamed", "Renamed port", "solar")
    assert not ConfigChange.objects.exists()


def test_an_unreachable_unit_is_named_with_the_reason_and_the_wish_is_kept(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit, name="Garage", address="127.0.0.1", http_port=closed_port())
    answer = save(staff, device, name_wished="Werkstatt")
    [_, warning] = said(answer)
    assert warning.startswith("Garage did not take it yet (name): no connection to 127.0.0.1")
    assert "kept and tried again by itself" in warning
    assert "Garage (waiting for the unit: Werkstatt)" in answer.content.decode()
    device.refresh_from_db()
    assert device.name == "Garage"


def test_what_the_unit_refuses_is_said(staff: Client, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/set_config"))
    answer = save(staff, device_of(unit), name_wished="Werkstatt")
    assert any(message.startswith("Name, refused: it refused set_config") for message in said(answer))


def test_another_unit_at_the_address_is_said(staff: Client, unit: SimulatedUnit) -> None:
    device = make_device("ASY0398_V003.300_SN00009999", address=unit.address, http_port=unit.http_port)
    answer = save(staff, device, name_wished="Werkstatt")
    assert f"another unit ({unit.assy}) answers at {unit.address}" in said(answer)[1]
    assert not [line for line in unit.requests if "set_config" in line]


def test_the_button_reads_the_unit_and_tries_the_open_wishes(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.set({"CT2_NAME": "Sauna"})
    wish(device, {UNIT_NAME: "Villa"}, None, now=timezone.now())
    ConfigChange.objects.update(attempts=3, next_attempt=timezone.now() + timedelta(minutes=5))
    answer = save(staff, device, button="devices_device_read_unit")
    assert "Name: The unit reports “Villa”." in said(answer)
    assert device.ports.get(number=2).name == "Sauna"


def test_reading_an_unreachable_unit_is_said(staff: Client) -> None:
    device = make_device(name="Garage", address="127.0.0.1", http_port=closed_port())
    [error] = said(save(staff, device, button="devices_device_read_unit"))
    assert error.startswith("Garage was not read: no connection to 127.0.0.1")


@pytest.mark.django_db(transaction=True)
def test_a_unit_that_does_not_answer_does_not_hold_the_database(
    staff: Client, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "HTTP_TIMEOUT_S", 3.0)
    unit.faults.http.append(HttpFault(HttpFaultKind.HANG))
    device = device_of(unit)
    data = filled_in(staff, device) | {"name_wished": "Villa", "_save": "1"}

    def post() -> None:
        staff.post(page_of(device), data)
        connection.close()

    saving = threading.Thread(target=post)
    saving.start()
    give_up = time.monotonic() + 20
    while not unit.requests and time.monotonic() < give_up:
        time.sleep(0.01)
    Device.objects.filter(pk=device.pk).update(last_seen=timezone.now())
    assert saving.is_alive()  # it still waits for the unit, and we did not wait for it
    saving.join(20)


# Refused


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (" \t ", "nothing that can be seen"),
        ("x" * 65, "at most 64 characters"),
        ("ü" * 33, "198 bytes once encoded"),
    ],
)
def test_a_name_that_no_unit_can_hold_is_refused_at_the_form(
    staff: Client, unit: SimulatedUnit, name: str, why: str
) -> None:
    device = device_of(unit)
    for field in ("name_wished", "port0-name_wished"):
        page = save(staff, device, **{field: name}).content.decode()
        assert why in page
    assert not unit.requests
    assert not ConfigChange.objects.exists()


def test_the_form_states_the_greatest_length(staff: Client) -> None:
    assert "At most 64 characters, and 192 bytes once encoded" in staff.get(page_of(make_device())).content.decode()


def test_the_form_says_that_an_inactive_unit_falls_silent(staff: Client) -> None:
    assert "answers no question on the network" in staff.get(page_of(make_device())).content.decode()


def test_names_of_stacked_ports_cannot_be_written_by_this_firmware(staff: Client) -> None:
    page = staff.get(page_of(make_device(ports=[""] * 8)))
    forms = page.context["inline_admin_formsets"][0].formset.forms
    assert [form.fields["name_wished"].disabled for form in forms] == [False] * 6 + [True] * 2


def test_ports_are_neither_added_nor_deleted_nor_renumbered_by_hand(staff: Client) -> None:
    device = make_device(ports=["Oven", "Hob"])
    data = filled_in(staff, device) | {
        "ports-TOTAL_FORMS": 3, "ports-0-number": 9, "ports-0-sensor_type": "x", "ports-0-DELETE": "on",
        "ports-2-number": 7, "ports-2-role": "ev", "_save": "1",
    }  # fmt: skip
    staff.post(page_of(device), data)
    assert list(device.ports.values_list("number", "sensor_type")) == [(1, ""), (2, "")]


def test_a_device_is_not_deleted_and_the_reason_is_said(staff: Client) -> None:
    device = make_device()
    answer = staff.post(reverse("admin:devices_device_delete", args=[device.pk]), {"post": "yes"}, follow=True)
    assert "Ignore it instead" in said(answer)[0]
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [device.pk], "post": "yes"})
    assert Device.objects.filter(pk=device.pk).exists()


def test_no_device_is_added_by_hand(staff: Client) -> None:
    assert staff.get(f"{LIST}add/").status_code == 403


# Adoption and time zone


@pytest.mark.parametrize(("action", "adoption"), [("adopt_units", "adopted"), ("ignore_units", "ignored")])
def test_several_units_are_adopted_or_ignored_at_once(staff: Client, action: str, adoption: str) -> None:
    devices = [make_device(f"A{number}", adoption="pending") for number in range(2)]
    staff.post(LIST, {"action": action, "_selected_action": [device.pk for device in devices]})
    assert set(Device.objects.values_list("adoption", flat=True)) == {adoption}


def test_a_unit_is_adopted_by_the_button_on_its_page(staff: Client) -> None:
    device = make_device(name="Shed", adoption="pending")
    answer = save(staff, device, button="devices_device_adopt_unit")
    assert said(answer) == ["Shed is adopted now."]
    device.refresh_from_db()
    assert device.adoption == "adopted"
    page = answer.content.decode()
    assert "devices_device_ignore_unit" in page
    assert "devices_device_adopt_unit" not in page


def test_the_time_zone_is_changed_and_the_days_are_computed_anew(
    staff: Client, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Any]]]
) -> None:
    device = make_device(name="House", last_answer={"time": 1})
    with django_capture_on_commit_callbacks() as callbacks:
        answer = save(staff, device, timezone="Asia/Kathmandu")
    assert len(callbacks) == 1
    assert "The days of House run in Asia/Kathmandu now and are computed anew." in said(answer)
    device.refresh_from_db()
    assert (device.timezone, device.last_answer) == ("Asia/Kathmandu", {"time": 1})


def test_a_zone_that_does_not_exist_is_refused(staff: Client) -> None:
    device = make_device()
    assert "not one of the available choices" in save(staff, device, timezone="Mars/Olympus").content.decode()


# Who may


def test_who_is_no_staff_sees_nothing(client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("guest"))
    assert client.get(LIST).status_code == 302
    assert client.get(page_of(make_device())).status_code == 302


def test_who_may_only_look_changes_nothing(client: Client, unit: SimulatedUnit) -> None:
    browser = logged_in(client)
    device = device_of(unit, adoption="pending")
    page = browser.get(page_of(device))
    assert page.status_code == 200
    assert "_adopt_unit" not in page.content.decode()
    assert "name_wished" not in page.content.decode()
    data = {"name_wished": "Villa", "timezone": "UTC", "devices_device_adopt_unit": "1"}
    assert browser.post(page_of(device), data).status_code == 403
    browser.post(LIST, {"action": "adopt_units", "_selected_action": [device.pk]})
    device.refresh_from_db()
    assert device.adoption == "pending"
    assert not unit.requests
    assert not ConfigChange.objects.exists()


def test_the_right_to_configure_gives_none_to_adopt(client: Client, unit: SimulatedUnit) -> None:
    browser = logged_in(client, "configure_device")
    device = device_of(unit, adoption="pending")
    answer = save(browser, device, button="devices_device_adopt_unit", name_wished="Villa")
    assert "_adopt_unit" not in answer.content.decode()
    browser.post(LIST, {"action": "adopt_units", "_selected_action": [device.pk]})
    device.refresh_from_db()
    assert device.adoption == "pending"
    assert name_held(unit, UNIT_NAME) == "Villa"


def test_a_grant_of_one_unit_gives_nothing_on_another(client: Client) -> None:
    browser = logged_in(client)
    ours, other = make_device("A1", adoption="pending"), make_device("A2", adoption="pending")
    group = Group.objects.create(name="adopters")
    get_user_model().objects.get(username="ann").groups.add(group)
    DeviceGrant.objects.create(group=group, device=ours, adopt=True)
    both = {"action": "adopt_units", "_selected_action": [ours.pk, other.pk]}
    assert browser.post(LIST, both).status_code == 403
    assert set(Device.objects.values_list("adoption", flat=True)) == {"pending"}
    browser.post(LIST, both | {"_selected_action": [ours.pk]})
    ours.refresh_from_db()
    assert ours.adoption == "adopted"


# The history


def test_the_history_of_settings_can_be_searched_and_not_edited(staff: Client) -> None:
    device = make_device(name="House", timezone="Asia/Kathmandu")
    make_device("A2", name="Annex", timezone="America/Lima")
    [change] = wish(device, {"CT1_NAME": "Sauna"}, get_user_model().objects.get(), now=timezone.now())
    page = staff.get("/admin/devices/configchange/", {"q": "sauna"}).content.decode()
    for word in ("House", "name of CT1", "Sauna", "waiting for the unit", "ann", there(change.made, "Europe/London")):
        assert word in page
    assert staff.get("/admin/devices/configchange/", {"q": "garage"}).context["cl"].result_count == 0
    assert staff.get("/admin/devices/configchange/add/").status_code == 403
    assert staff.post(reverse("admin:devices_configchange_delete", args=[change.pk])).status_code == 403


# What a unit holds already


def test_a_name_that_the_unit_holds_already_blocks_nothing(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    Device.objects.filter(pk=device.pk).update(name="   ")
    device.ports.filter(number=1).update(name="  ")
    device.ports.filter(number=2).update(name="ü" * 40)
    device.refresh_from_db()
    assert said(save(staff, device, **{"port0-role": "solar"})) == ["Saved."]
    assert device.ports.get(number=1).role == "solar"
    assert not ConfigChange.objects.exists()


def test_a_state_can_be_chosen_that_was_reported_before(staff: Client, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    Device.objects.filter(pk=device.pk).update(active=True)
    unit.set({"ACTIVE": ""})
    save(staff, device, active_wished="1")
    assert ConfigChange.objects.get().wished == "1"
    assert unit.active


def test_a_zone_that_is_not_offered_any_more_stays(staff: Client) -> None:
    device = make_device(name="House", timezone="Factory")
    assert said(save(staff, device)) == ["Saved."]
    device.refresh_from_db()
    assert device.timezone == "Factory"


def test_a_port_that_is_called_none_shows_its_name(staff: Client) -> None:
    device = make_device(ports=["None"])
    page = staff.get(page_of(device)).content.decode()
    assert len(re.findall(r">\s*None\s*<", page)) == 1


# In another language


def test_the_pages_of_devices_speak_german(staff: Client) -> None:
    device = make_device(name="Garage", ports=["Herd"], claimed_from="127.0.0.9", adoption="pending")
    wish(device, {UNIT_NAME: "Werkstatt"}, None, now=timezone.now())
    staff.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    shown = staff.get(LIST).content.decode()
    for words in ("Zuletzt gesehen", "nie gesehen", "wartet", "Kennung zweifelhaft", "Garage (wartet auf das Gerät: "):
        assert words in shown
    page = staff.get(page_of(device)).content.decode()
    for words in ("Einstellungen des Geräts", "Zwei Geräte beanspruchen", "Übernehmen", "Verbraucher", "Umgekehrt"):
        assert words in page


def test_what_the_unit_says_is_told_in_german_and_kept_in_english(staff: Client, unit: SimulatedUnit) -> None:
    staff.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    answer = save(staff, device_of(unit), name_wished="Werkstatt", active_wished="0")
    assert "Name: Das Gerät meldet „Werkstatt“." in said(answer)
    assert "Aktiv: Das Gerät meldet inaktiv." in said(answer)
    assert ConfigChange.objects.get(key=UNIT_NAME).answer == "The unit reports “Werkstatt”."


def test_an_unreachable_unit_is_named_with_the_reason_in_german(staff: Client) -> None:
    device = make_device(name="Garage", address="127.0.0.1", http_port=closed_port())
    staff.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    [error] = said(save(staff, device, button="devices_device_read_unit"))
    assert error.startswith("Garage konnte nicht gelesen werden: keine Verbindung zu 127.0.0.1, Port ")


def test_a_name_is_refused_in_german(staff: Client, unit: SimulatedUnit) -> None:
    staff.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "enthält nichts Sichtbares" in save(staff, device_of(unit), name_wished=" \t ").content.decode()


def test_how_long_ago_is_said_in_the_case_that_german_needs(staff: Client) -> None:
    now = timezone.now()
    make_device("A1", name="House", last_seen=now - timedelta(days=3))
    make_device("A2", name="Annex", last_seen=now - timedelta(minutes=3))
    page = staff.get(LIST, headers={"accept-language": "de"}).content.decode().replace("\xa0", " ")
    assert "vor 3 Tagen" in page
    assert "vor 3 Minuten" in page
