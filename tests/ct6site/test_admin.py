"""Users, groups and tokens in the admin: nobody gives themselves more than they have."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from ct6site.models import ApiToken, User
from devices.access import devices_for
from devices.models import AuditEntry, Device, DeviceGrant
from readings.models import Heartbeat
from tests.factories import make_device

pytestmark = pytest.mark.django_db

TOKENS = "/admin/ct6site/apitoken/"
USERS = "/admin/ct6site/user/"


@pytest.fixture
def boss(client: Client) -> Client:
    """A browser logged in by a superuser."""
    client.force_login(User.objects.create_superuser("boss"))
    return client


def staff_with(client: Client, *rights: str) -> User:
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


# Tokens


def test_the_text_of_a_new_token_is_shown_once_and_opens_the_api(boss: Client) -> None:
    user = User.objects.get()
    new = {"user": user.pk, "name": "Home Assistant", "scope": "read"}
    shown = re.search(r"<code>(\S+)</code>", said(boss.post(f"{TOKENS}add/", new, follow=True)))
    assert shown is not None
    token = ApiToken.objects.get()
    assert token.digest == ApiToken.digest_of(shown[1])
    assert Client().get("/api/v1/devices/", headers={"Authorization": f"Token {shown[1]}"}).status_code == 200
    for page in (TOKENS, f"{TOKENS}{token.pk}/change/"):
        text = boss.get(page).content.decode()
        assert "Home Assistant" in text
        assert shown[1] not in text
        assert token.digest not in text


def test_editing_a_token_leaves_its_text_user_and_scope(boss: Client) -> None:
    other = User.objects.create_user("eve", is_staff=True)
    token, text = ApiToken.make(User.objects.get(username="boss"), name="old")
    edited = {"name": "new", "user": other.pk, "scope": "operate", "expires_0": "2030-01-01", "expires_1": "00:00"}
    boss.post(f"{TOKENS}{token.pk}/change/", edited)
    token.refresh_from_db()
    assert (token.name, token.user.username, token.scope) == ("new", "boss", "read")
    assert token.digest == ApiToken.digest_of(text)
    assert token.expires is not None


def test_a_token_may_do_no_more_than_its_user(boss: Client) -> None:
    guest = User.objects.create_user("guest")
    page = boss.post(f"{TOKENS}add/", {"user": guest.pk, "name": "x", "scope": "operate"})
    assert "guest may change nothing" in page.content.decode()
    assert not ApiToken.objects.exists()


def test_who_is_no_superuser_makes_and_sees_own_tokens_only(client: Client) -> None:
    boss = User.objects.create_superuser("boss")
    theirs, _ = ApiToken.make(boss, name="secret plan")
    ann = staff_with(client, "view_apitoken", "add_apitoken", "change_apitoken", "delete_apitoken")
    client.post(f"{TOKENS}add/", {"user": boss.pk, "name": "mine", "scope": "read"})
    assert ApiToken.objects.get(name="mine").user == ann
    assert "secret plan" not in client.get(TOKENS).content.decode()
    client.post(f"{TOKENS}{theirs.pk}/delete/", {"post": "yes"})
    assert ApiToken.objects.filter(pk=theirs.pk).exists()


# Users and groups


def test_a_user_is_made_and_given_rights_by_a_superuser(boss: Client) -> None:
    secret = "correct horse battery"
    new = {"username": "ann", "usable_password": "true", "password1": secret, "password2": secret}
    boss.post(f"{USERS}add/", new)
    user = User.objects.get(username="ann")
    assert user.check_password(secret)
    edited = {
        "username": "ann",
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": "2026-11-22",
        "date_joined_1": "0:00",
    }
    boss.post(f"{USERS}{user.pk}/change/", edited)
    user.refresh_from_db()
    assert user.is_staff


def test_who_may_change_users_gives_nobody_rights(client: Client) -> None:
    ann = staff_with(client, "view_user", "change_user")
    edited = {"username": "ann", "email": "ann@example.org", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(f"{USERS}{ann.pk}/change/", edited)
    ann.refresh_from_db()
    assert ann.email == "ann@example.org"
    assert not ann.is_superuser


@pytest.mark.parametrize("page", ["change", "password"])
def test_who_is_no_superuser_does_not_touch_superusers(client: Client, page: str) -> None:
    boss = User.objects.create_superuser("boss")
    staff_with(client, "view_user", "change_user")
    assert client.get(f"{USERS}{boss.pk}/{page}/").status_code in (302, 404)
    assert "boss" not in client.get(USERS).content.decode()


def test_a_group_grants_devices_to_its_users(boss: Client) -> None:
    device, hidden = make_device("A1"), make_device("A2")
    guest = User.objects.create_user("guest")
    boss.post(
        "/admin/auth/group/add/",
        {
            "name": "Tenants",
            "device_grants-TOTAL_FORMS": 1,
            "device_grants-INITIAL_FORMS": 0,
            "device_grants-0-device": device.pk,
        },
    )
    guest.groups.add(Group.objects.get(name="Tenants"))
    assert list(devices_for(guest)) == [device]
    assert not DeviceGrant.objects.filter(device=hidden).exists()


def grants(device: Device, pk: object = "", **rights: str) -> dict[str, object]:
    """The form of a group with one grant; with a `pk` one that is there."""
    row = {"id": pk, "device": device.pk, **rights}
    sent = {f"device_grants-0-{name}": value for name, value in row.items()}
    number = {"device_grants-TOTAL_FORMS": 1, "device_grants-INITIAL_FORMS": 1 if pk else 0}
    return {"name": "Tenants", **number, **sent}


def test_what_is_granted_and_taken_is_in_the_audit_log(boss: Client) -> None:
    device = make_device("A1")
    boss.post("/admin/auth/group/add/", grants(device))
    group, grant = Group.objects.get(), DeviceGrant.objects.get()
    boss.post(f"/admin/auth/group/{group.pk}/change/", grants(device, grant.pk, operate="on"))
    boss.post(f"/admin/auth/group/{group.pk}/change/", grants(device, grant.pk, operate="on"))
    boss.post("/admin/auth/group/", {"action": "delete_selected", "_selected_action": group.pk, "post": "yes"})
    assert not Group.objects.exists()
    sees, operates = ({"group": "Tenants", "rights": rights} for rights in ("see", "see, operate"))
    entries = AuditEntry.objects.order_by("pk")
    assert [(entry.before, entry.after) for entry in entries] == [({}, sees), (sees, operates), (operates, {})]
    assert {(entry.action, entry.who_name, entry.device) for entry in entries} == {("grant", "boss", device)}


# The frame around it


def test_every_page_of_the_admin_opens(boss: Client) -> None:
    Heartbeat.objects.create(part="collector", at="2026-11-22T12:00Z", detail={"answers": 3})
    for model in boss.get("/admin/").context["available_apps"]:
        for entry in model["models"]:
            assert boss.get(entry["admin_url"]).status_code == 200


def test_the_side_bar_offers_what_the_user_may_look_at(client: Client) -> None:
    staff_with(client)
    titles = [item["title"] for group in client.get("/admin/").context["sidebar_navigation"] for item in group["items"]]
    assert titles == ["Dashboard", "Devices", "Jobs", "Upgrades"]


def test_tables_of_other_packages_that_our_settings_rule_cannot_be_edited(boss: Client) -> None:
    assert boss.get("/admin/django_celery_beat/periodictask/").status_code == 404


def test_parts_at_work_are_looked_at_and_not_edited(boss: Client) -> None:
    Heartbeat.objects.create(part="collector", at="2026-11-22T12:00Z", detail={"answers": 3})
    assert "collector" in boss.get("/admin/readings/heartbeat/").content.decode()
    assert boss.get("/admin/readings/heartbeat/add/").status_code == 403
    assert boss.post("/admin/readings/heartbeat/collector/delete/", {"post": "yes"}).status_code == 403
