"""The audit log in the admin: read, searched, and never edited."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ct6site.models import User
from devices import audit, unit_files
from devices.admin.shown import there
from devices.ct6.errors import UnitError
from devices.models import AuditEntry
from tests.devices.admin.asking import text_of
from tests.devices.units import closed_port
from tests.factories import make_device

pytestmark = pytest.mark.django_db
LIST = "/admin/devices/auditentry/"


@pytest.fixture
def staff(client: Client) -> Client:
    user = User.objects.create_user("anna", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    client.force_login(user)
    return client


def test_it_tells_who_did_what_to_which_unit_with_before_and_after(staff: Client) -> None:
    device = make_device(name="Garage", timezone="Asia/Kathmandu")
    audit.note(User.objects.get(), "upgraded", device, before={"firmware_version": "3.1"}, after={"job": 7})
    audit.note(None, "sweep", after={"networks": ["127.0.0.0/24"], "MQTT_PASSWORD": "secret"})
    page = text_of(staff.get(LIST))
    for words in ("anna", "Upgraded", "Garage", "firmware:", "3.1", "by itself", "127.0.0.0/24"):
        assert words in page
    assert there(AuditEntry.objects.latest("pk").at, "Europe/London", seconds=True) in page
    assert "secret" not in page


def test_the_user_of_the_system_is_named_for_what_the_command_line_did(staff: Client) -> None:
    with audit.in_the_name_of(f"sam{audit.COMMAND_LINE}"):
        audit.note(None, "reboot", make_device())
    english, german = (text_of(staff.get(LIST, headers={"accept-language": code})) for code in ("en", "de"))
    assert "sam (command line)" in english
    assert "by itself" not in english
    assert "sam (Kommandozeile)" in german


def test_it_can_be_searched_and_filtered_by_unit(staff: Client) -> None:
    device = make_device(name="Garage")
    audit.note(None, "upgraded", device)
    audit.note(None, "adopt", make_device("A2", name="House"))
    assert staff.get(LIST, {"q": "garage"}).context["cl"].result_count == 1
    assert staff.get(LIST, {"device__id__exact": device.pk}).context["cl"].result_count == 1


def test_nothing_of_it_is_edited(staff: Client) -> None:
    entry = audit.note(None, "upgraded", make_device())
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(reverse("admin:devices_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert staff.post(reverse("admin:devices_auditentry_change", args=[entry.pk]), {"action": "x"}).status_code == 403
    assert AuditEntry.objects.get().action == "upgraded"


def test_values_are_shown_as_text(staff: Client) -> None:
    audit.note(None, "<b>x</b>", make_device(), after={"<i>": "<script>"})
    page = text_of(staff.get(LIST))
    assert "<script>" not in page.replace("<script>\n", "")
    assert "&lt;script&gt;" in page


def test_it_has_a_right_of_its_own(client: Client) -> None:
    client.force_login(User.objects.create_user("berta", is_staff=True))
    assert client.get(LIST).status_code == 403
    titles = [item["title"] for group in client.get("/admin/").context["sidebar_navigation"] for item in group["items"]]
    assert "Jobs" in titles
    assert "Audit log" not in titles


def test_why_something_failed_is_told_in_the_readers_language(staff: Client) -> None:
    gone = make_device(address="127.0.0.1", http_port=closed_port())
    with pytest.raises(UnitError):
        unit_files.delete(gone, "/notes.txt", who=None, now=timezone.now())
    english, german = (text_of(staff.get(LIST, headers={"accept-language": code})) for code in ("en", "de"))
    assert "path:</span> /notes.txt" in english
    assert "failed:</span> no connection to 127.0.0.1" in english
    assert "Pfad:</span> /notes.txt" in german
    assert "fehlgeschlagen:</span> keine Verbindung zu 127.0.0.1" in german
