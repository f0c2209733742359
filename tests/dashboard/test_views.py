"""The page, and the way in and out."""

import base64
import hashlib
import re

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from tests.factories import make_device
from tests.people import PASSWORD, logged_in, make_user

pytestmark = pytest.mark.django_db


def page_of(*, staff: bool) -> str:
    page: str = logged_in(make_user(staff=staff)).get("/").content.decode()
    return page


class TestPage:
    def test_it_names_the_user_and_offers_the_way_out(self) -> None:
        page = page_of(staff=False)
        assert "anna" in page
        assert 'action="/logout/"' in page

    def test_staff_get_a_link_to_the_administration(self) -> None:
        assert 'href="/admin/"' in page_of(staff=True)

    def test_others_do_not(self) -> None:
        assert "/admin/" not in page_of(staff=False)

    def test_it_is_not_kept_by_any_cache(self) -> None:
        assert "no-store" in logged_in(make_user()).get("/").headers["Cache-Control"]

    def test_it_works_offline(self) -> None:
        """No script, font or style from another host."""
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page_of(staff=True))
        assert len(loaded) > 10
        assert [url for url in loaded if not url.startswith("/")] == []

    def test_the_only_script_inside_it_is_the_one_that_the_policy_allows(self) -> None:
        response = logged_in(make_user()).get("/")
        tags = re.findall(r"<script([^>]*)>(.*?)</script>", response.content.decode(), re.DOTALL)
        inside = [text for attributes, text in tags if "src=" not in attributes and "json" not in attributes]
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inside]
        assert len(hashes) == 1
        assert f"'sha256-{hashes[0]}'" in response.headers["Content-Security-Policy"]

    def test_names_of_users_are_no_markup(self) -> None:
        user = make_user("<b>anna</b>")
        assert "<b>anna" not in logged_in(user).get("/").content.decode()

    def test_only_reading_is_possible(self) -> None:
        assert logged_in(make_user()).post("/").status_code == 405


class TestLogin:
    def test_it_leads_to_where_one_wanted_to_go(self) -> None:
        make_user(password=PASSWORD)
        response = Client().post(
            "/login/", {"username": "anna", "password": PASSWORD, "next": "/?device=3&day=2026-11-22"}
        )
        assert response.headers["Location"] == "/?device=3&day=2026-11-22"

    def test_it_leads_to_no_other_site(self) -> None:
        make_user(password=PASSWORD)
        response = Client().post("/login/", {"username": "anna", "password": PASSWORD, "next": "https://example.com/"})
        assert response.headers["Location"] == "/"

    def test_a_wrong_password_is_said_and_the_name_kept(self) -> None:
        make_user(password=PASSWORD)
        page = (
            Client().post("/login/", {"username": "anna", "password": "wrong", "next": "/?device=3"}).content.decode()
        )
        assert 'role="alert"' in page
        assert 'value="anna"' in page
        assert 'value="/?device=3"' in page

    def test_a_form_without_its_token_is_refused(self) -> None:
        make_user(password=PASSWORD)
        client = Client(enforce_csrf_checks=True)
        assert client.post("/login/", {"username": "anna", "password": PASSWORD}).status_code == 403

    def test_who_is_logged_in_already_goes_on_to_the_page(self) -> None:
        assert logged_in(make_user()).get("/login/").headers["Location"] == "/"

    def test_it_says_when_a_session_had_ended(self) -> None:
        assert "Your session has ended" in Client().get("/login/?ended=1&next=/").content.decode()
        assert "Your session has ended" not in Client().get("/login/").content.decode()

    def test_it_needs_no_other_host(self) -> None:
        assert not re.search(r'(?:src|href)="(?!/)', Client().get("/login/").content.decode())


class TestLogout:
    def test_it_ends_the_session(self) -> None:
        make_device()
        client = logged_in(make_user())
        assert client.post("/logout/").headers["Location"] == "/login/"
        assert client.get("/").status_code == 302

    def test_a_link_of_another_site_cannot_log_anybody_out(self) -> None:
        client = logged_in(make_user())
        assert client.get("/logout/").status_code == 405
        assert client.get("/").status_code == 200


class TestRefusals:
    def test_a_page_that_is_not_there_leads_back(self) -> None:
        response = Client().get("/no-such-page/")
        assert response.status_code == 404
        assert "There is no such page." in response.content.decode()

    def test_a_form_that_was_open_too_long_says_what_to_do(self) -> None:
        response = Client(enforce_csrf_checks=True).post("/login/", {"username": "anna", "password": PASSWORD})
        assert "load the page again" in response.content.decode()

    def test_too_many_wrong_passwords_say_how_long_to_wait(self) -> None:
        make_user(password=PASSWORD)
        client = Client()
        for _ in range(settings.AXES_FAILURE_LIMIT):
            response = client.post("/login/", {"username": "anna", "password": "wrong"})
        assert response.status_code == 429
        assert "Try again in 15 minutes." in response.content.decode()


class TestLanguage:
    def german(self) -> Client:
        return Client(headers={"Accept-Language": "de"})

    def test_a_page_is_in_the_language_that_the_browser_asks_for(self) -> None:
        page = self.german().get("/login/").content.decode()
        assert '<html lang="de"' in page
        assert "Benutzername" in page

    @pytest.mark.parametrize(
        ("path", "sentence"), [("/no-such-page/", "Diese Seite gibt es nicht."), ("/wall/x/", "Diese Seite gibt es")]
    )
    def test_so_is_a_refusal(self, path: str, sentence: str) -> None:
        page = self.german().get(path).content.decode()
        assert sentence in page
        assert '<html lang="de"' in page

    def test_so_is_what_is_said_when_something_broke(self) -> None:
        """There is no request in the template of that page."""
        with translation.override("de"):
            page = render_to_string("500.html")
        assert '<html lang="de"' in page
        assert "There is no" not in page
        assert "Zur Übersicht" in page

    def test_each_language_is_named_in_itself(self) -> None:
        page = self.german().get("/login/").content.decode()
        assert re.findall(r'name="language" value="([^"]+)"[^>]*>([^<]+)<', page) == settings.LANGUAGES

    def test_the_one_that_is_chosen_is_told(self) -> None:
        page = logged_in(make_user()).get("/").content.decode()
        assert re.findall(r'value="([^"]+)" lang="[^"]+" aria-current', page) == ["en-gb"]

    @pytest.mark.parametrize("address", ["/?device=3&view=energy&day=2026-11-22", "/login/?next=/%3Fdevice%3D3"])
    def test_choosing_one_keeps_the_address_of_the_page(self, address: str) -> None:
        referer = f"http://testserver{address}"
        response = Client().post("/language/", {"language": "de"}, headers={"Referer": referer})
        assert response.headers["Location"] == referer

    def test_it_leads_to_no_other_site(self) -> None:
        response = Client().post("/language/", {"language": "de"}, headers={"Referer": "https://example.com/"})
        assert response.headers["Location"] == "/"

    def test_the_choice_outlasts_the_session(self) -> None:
        client = logged_in(make_user())
        client.post("/language/", {"language": "de"})
        assert client.cookies["django_language"]["max-age"] >= settings.SESSION_COOKIE_AGE
        client.post("/logout/")
        assert "Benutzername" in client.get("/login/").content.decode()

    def test_a_choice_needs_the_token_of_a_page(self) -> None:
        response = Client(enforce_csrf_checks=True).post("/language/", {"language": "de"})
        assert response.status_code == 403
