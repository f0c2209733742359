"""The admin's first page says how things stand, to each who may see it, and leads to what that user may look at."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from ct6site.models import User
from devices.models import Device
from readings import heartbeats
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db
PARTS = ("collector", "worker-rollups", "worker-jobs", "beat", "watch", "rollups")


def counted(client: APIClient) -> dict[str, int]:
    response = client.get("/admin/")
    assert response.status_code == 200
    return {fact.what: fact.number for fact in response.context["facts"]}


@pytest.fixture
def admin() -> APIClient:
    return logged_in(User.objects.create_superuser("ada"))


def test_it_counts_units_and_what_somebody_has_to_look_at(admin: APIClient) -> None:
    now = datetime.now(UTC)
    make_device("a", last_seen=now)
    make_device("b", last_seen=now - timedelta(hours=1))
    make_device("c", adoption=Device.Adoption.PENDING)
    found = counted(admin)
    assert found["units"] == 2
    assert found["unit silent"] == 1
    assert found["unit waits for a decision"] == 1
    assert found["open alerts"] == 0


def test_parts_without_a_sign_of_life_are_named(admin: APIClient) -> None:
    for part in PARTS:
        heartbeats.note(part, datetime.now(UTC))
    assert "No sign of life" not in admin.get("/admin/").content.decode()
    heartbeats.note("collector", datetime.now(UTC) - timedelta(minutes=1))
    assert "No sign of life of: collector." in admin.get("/admin/").content.decode()


def test_what_else_is_wrong_is_told_in_the_language_of_who_looks(admin: APIClient) -> None:
    for part in PARTS:
        heartbeats.note(part, datetime.now(UTC), {"disk_trouble": "/spool: full"} if part == "collector" else {})
    page = admin.get("/admin/").content.decode()
    assert "The collector cannot keep answers on disk (/spool: full)." in page
    assert "No sign of life" not in page
    german = admin.get("/admin/", headers={"accept-language": "de"}).content.decode()
    assert "Der Sammler kann keine Antworten auf der Platte aufheben" in german


def test_it_leads_only_where_the_user_may_look(admin: APIClient) -> None:
    everything = admin.get("/admin/").content.decode()
    assert "/admin/axes/accessattempt/" in everything
    staff = logged_in(make_user("sam", staff=True)).get("/admin/").content.decode()
    assert "/admin/devices/device/" in staff
    assert "/admin/ct6site/user/" not in staff
    assert "Axes" not in everything


def test_it_speaks_german(admin: APIClient) -> None:
    page = admin.get("/admin/", headers={"accept-language": "de"}).content.decode()
    assert "Gerade jetzt" in page
