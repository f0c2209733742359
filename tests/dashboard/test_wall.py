"""Links of wall displays: what they show to whom without a login, and what they do not."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client

from ct6site.models import User
from dashboard import wall
from dashboard.models import WallDisplay
from devices.access import devices_for, ports_for
from devices.models import Device
from tests.dashboard.asking import DRAW, LOOK, SHOW, ask, texts
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

ADMIN = "/admin/dashboard/walldisplay/"


@pytest.fixture
def attic() -> Device:
    return make_device("A", name="Attic", ports=["Lamp"])


@pytest.fixture
def cellar() -> Device:
    return make_device("C", name="Cellar", ports=["Freezer"])


def hang(*devices: Device, name: str = "Kitchen") -> tuple[WallDisplay, str]:
    """A display of these devices, and the secret part of its link."""
    display = WallDisplay(name=name)
    token = wall.draw_token(display)
    display.save()
    display.devices.set(devices)
    return display, token


def page_of(token: str) -> HttpResponse:
    page: HttpResponse = Client().get(f"/wall/{token}/")  # type: ignore[assignment]
    return page


def asked_by(token: str, question: Any, search: str = "", client: Client | None = None) -> Any:
    return ask(client or Client(enforce_csrf_checks=True), question, {"url.search": search}, **{wall.HEADER: token})


class TestPage:
    def test_it_needs_no_login_and_is_kept_by_no_cache_and_no_search_engine(self, attic: Device) -> None:
        page = page_of(hang(attic)[1])
        assert page.status_code == 200
        assert "no-store" in page.headers["Cache-Control"]
        assert b'<meta name="robots" content="noindex">' in page.content

    def test_it_is_named_and_leads_nowhere_else(self, attic: Device) -> None:
        page = page_of(hang(attic)[1]).content.decode()
        assert "Kitchen" in page
        assert re.findall(r'<a [^>]*href="([^"]+)"', page) == []
        assert "/admin/" not in page
        assert "logout" not in page

    def test_names_of_displays_are_no_markup(self, attic: Device) -> None:
        assert b"<b>Kitchen" not in page_of(hang(attic, name="<b>Kitchen")[1]).content

    def test_a_session_beside_it_does_not_show_through(self, attic: Device) -> None:
        page = logged_in(make_user("berta", staff=True)).get(f"/wall/{hang(attic)[1]}/").content.decode()
        assert "berta" not in page

    def test_a_link_that_never_was_is_not_found(self) -> None:
        assert page_of("nothing").status_code == 404
        assert Client().get("/wall/nothing/state").status_code == 404

    def test_a_revoked_link_says_so(self, attic: Device) -> None:
        display, token = hang(attic)
        wall.revoke(display)
        page = page_of(token)
        assert page.status_code == 410
        assert b"was revoked" in page.content
        assert Client().get(f"/wall/{token}/state").status_code == 410

    def test_only_reading_is_possible(self, attic: Device) -> None:
        token = hang(attic)[1]
        assert Client().post(f"/wall/{token}/").status_code == 405
        assert Client().post(f"/wall/{token}/state").status_code == 405


class TestCallbacks:
    def test_the_tabs_are_the_chosen_devices(self, attic: Device, cellar: Device) -> None:
        assert texts(asked_by(hang(cellar)[1], SHOW).json()["response"]["tabs"]["children"]) == "Cellar"

    def test_of_a_device_that_was_not_chosen_nothing_is_told(self, attic: Device, cellar: Device) -> None:
        token = hang(cellar)[1]
        assert asked_by(token, LOOK, f"?device={cellar.pk}").status_code == 200
        refused = asked_by(token, LOOK, f"?device={attic.pk}")
        assert (refused.status_code, refused.content) == (204, b"")

    def test_a_change_of_the_choice_holds_from_the_next_callback_on(self, attic: Device) -> None:
        display, token = hang(attic)
        display.devices.clear()
        refused = asked_by(token, DRAW, f"?device={attic.pk}")
        assert (refused.status_code, refused.content) == (204, b"")

    def test_a_session_beside_it_adds_nothing(self, attic: Device, cellar: Device) -> None:
        """Somebody of the staff opens the link in the browser in which they are logged in."""
        client = logged_in(make_user(staff=True))
        answer = asked_by(hang(cellar)[1], SHOW, client=client).json()["response"]
        assert texts(answer["tabs"]["children"]) == "Cellar"
        assert asked_by("nothing", SHOW, client=client).status_code == 410

    def test_a_revoked_link_gets_no_answer(self, attic: Device) -> None:
        display, token = hang(attic)
        wall.revoke(display)
        assert asked_by(token, LOOK).status_code == 410

    @pytest.mark.parametrize("part", ["_dash-layout", "_dash-dependencies"])
    def test_the_parts_of_the_app_are_for_open_links(self, part: str, attic: Device) -> None:
        display, token = hang(attic)
        url, headers = f"/dpd/app/Dashboard/{part}", {wall.HEADER: token}
        assert Client().get(url, headers=headers).status_code == 200
        wall.revoke(display)
        assert Client().get(url, headers=headers).status_code == 410

    def test_no_session_begins(self, attic: Device) -> None:
        token = hang(attic)[1]
        assert page_of(token).cookies == {}
        assert asked_by(token, LOOK).cookies == {}


class TestWhatElseALinkOpens:
    @pytest.mark.parametrize(
        "path",
        ["/", "/export.csv", "/export.xlsx", "/admin/", "/admin/devices/device/"],
    )
    def test_no_other_page(self, path: str, attic: Device) -> None:
        response = Client().get(path, headers={wall.HEADER: hang(attic)[1]})
        assert response.status_code == 302
        assert "/login/" in response.headers["Location"]

    @pytest.mark.parametrize("path", ["/api/v1/devices/", "/api/v1/ports/", "/api/v1/series/", "/api/v1/energy/"])
    def test_nothing_of_the_api(self, path: str, attic: Device) -> None:
        token = hang(attic)[1]
        assert Client().get(path, headers={wall.HEADER: token}).status_code == 401
        assert Client().get(path, headers={"Authorization": f"Token {token}"}).status_code == 401

    def test_its_viewer_is_granted_the_chosen_devices_and_no_right(self, attic: Device, cellar: Device) -> None:
        viewer = wall.viewer_of(hang(cellar)[1])
        assert viewer is not None
        assert list(devices_for(viewer)) == [cellar]
        assert {port.device_id for port in ports_for(viewer)} == {cellar.pk}
        rights = (viewer.is_staff, viewer.is_superuser, viewer.has_perm("devices.change_device"))
        assert rights == (False, False, False)


class TestUse:
    def test_the_last_use_is_remembered_once_in_some_minutes(self, attic: Device) -> None:
        display, token = hang(attic)
        page_of(token)
        display.refresh_from_db()
        assert display.last_used is not None
        just_now = datetime.now(UTC) - timedelta(minutes=1)
        long_ago = datetime.now(UTC) - timedelta(days=1)
        for before, is_kept in ((just_now, True), (long_ago, False)):
            WallDisplay.objects.update(last_used=before)
            Client().get(f"/wall/{token}/state")
            display.refresh_from_db()
            assert (display.last_used == before) is is_kept

    def test_revoking_again_keeps_the_first_time(self, attic: Device) -> None:
        display = hang(attic)[0]
        assert wall.revoke(display)
        first = WallDisplay.objects.get().revoked
        assert not wall.revoke(display)
        assert WallDisplay.objects.get().revoked == first


class TestAdmin:
    @pytest.fixture
    def boss(self, client: Client) -> Client:
        client.force_login(User.objects.create_superuser("boss"))
        return client

    def shown_link(self, answer: Any) -> str:
        """The path of the link that a page shows after saving."""
        said = " ".join(str(message) for message in answer.context["messages"])
        found = re.search(r"<code>http://testserver(\S+)</code>", said)
        assert found is not None, said
        return found[1]

    def test_the_link_is_shown_once_and_opens_the_display(self, boss: Client, attic: Device) -> None:
        new = {"name": "Kitchen", "devices": [attic.pk]}
        link = self.shown_link(boss.post(f"{ADMIN}add/", new, follow=True))
        assert Client().get(link).status_code == 200
        display = WallDisplay.objects.get()
        assert display.who == User.objects.get()
        assert list(display.devices.all()) == [attic]
        for path in (ADMIN, f"{ADMIN}{display.pk}/change/"):
            page = boss.get(path).content.decode()
            assert "Kitchen" in page
            assert link.split("/")[2] not in page
            assert display.digest not in page

    def button(self, boss: Client, display: WallDisplay, name: str) -> Any:
        devices = [device.pk for device in display.devices.all()]
        body = {"name": display.name, "devices": devices, f"dashboard_walldisplay_{name}": "1"}
        return boss.post(f"{ADMIN}{display.pk}/change/", body, follow=True)

    def test_a_new_link_closes_the_old_one(self, boss: Client, attic: Device) -> None:
        display, token = hang(attic)
        link = self.shown_link(self.button(boss, display, "renew_link"))
        assert Client().get(link).status_code == 200
        assert page_of(token).status_code == 404

    def test_a_revoked_one_stays_revoked(self, boss: Client, attic: Device) -> None:
        display, token = hang(attic)
        assert b"is revoked" in self.button(boss, display, "revoke_display").content
        assert page_of(token).status_code == 410
        page = boss.get(f"{ADMIN}{display.pk}/change/").content.decode()
        assert "renew_link" not in page
        self.button(boss, display, "renew_link")
        assert page_of(token).status_code == 410

    def test_several_are_revoked_at_once(self, boss: Client, attic: Device) -> None:
        tokens = [hang(attic, name=name)[1] for name in ("Kitchen", "Hall")]
        chosen = list(WallDisplay.objects.values_list("pk", flat=True))
        boss.post(ADMIN, {"action": "revoke_displays", "_selected_action": chosen})
        assert [page_of(token).status_code for token in tokens] == [410, 410]

    def test_it_is_in_the_language_of_whoever_asks(self, boss: Client, attic: Device) -> None:
        display, _ = hang(attic)
        wall.revoke(display)
        page = boss.get(ADMIN, headers={"Accept-Language": "de"}).content.decode()
        assert "Wandanzeigen" in page
        assert "widerrufen am" in page

    def test_only_who_has_the_right_makes_links(self, attic: Device) -> None:
        ann = make_user("ann", staff=True)
        new = {"name": "Kitchen", "devices": [attic.pk]}
        assert logged_in(ann).post(f"{ADMIN}add/", new).status_code == 403
        ann.user_permissions.add(Permission.objects.get(codename="add_walldisplay"))
        logged_in(ann).post(f"{ADMIN}add/", new)
        assert WallDisplay.objects.count() == 1
