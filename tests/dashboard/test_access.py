"""Who gets an answer: nobody without a login, nobody for a device of others, and nothing across sites."""

import json
from datetime import date

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http.cookie import parse_cookie
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_plotly_dash.models import StatelessApp

from dashboard.state import State
from devices.models import Device
from readings.periods import MINUTE_MS, parse_time
from tests.dashboard.asking import DRAW, LOOK, QUESTIONS, SHOW, TELL, URL, Question, answer, ask, texts
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 21)
NOON = parse_time("2026-11-21T12:00:00Z")
MOST_QUERIES = 12

every_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
about_a_device = pytest.mark.parametrize("question", [LOOK, DRAW, TELL], ids=["look", "draw", "tell"])


@pytest.fixture
def attic() -> Device:
    device = make_device("A", name="Attic", ports=["Lamp", "Fan"])
    for minute in range(3):
        store_reading(device, NOON + minute * MINUTE_MS, MINUTE_MS, [-1000.0, 500.0])
    return device


@pytest.fixture
def cellar() -> Device:
    return make_device("C", name="Cellar", ports=["Freezer"])


@pytest.fixture
def anna(cellar: Device) -> Client:
    """A user who may see the cellar."""
    return logged_in(make_user("anna", sees=[cellar]))


class TestWithoutALogin:
    def test_the_page_leads_to_the_login_and_back(self) -> None:
        response = Client().get("/?device=3&day=2026-11-22")
        assert response.status_code == 302
        assert response.headers["Location"] == "/login/?next=/%3Fdevice%3D3%26day%3D2026-11-22"

    @every_question
    def test_callbacks_answer_401_and_no_page(self, question: Question) -> None:
        response = ask(Client(), question, {})
        assert response.status_code == 401
        assert b"<html" not in response.content

    @pytest.mark.parametrize("part", ["_dash-layout", "_dash-dependencies", "_dash-routes"])
    def test_the_parts_of_the_app_answer_401(self, part: str) -> None:
        assert Client().get(f"/dpd/app/Dashboard/{part}").status_code == 401

    def test_a_session_that_ended_is_told_before_a_wrong_token(self) -> None:
        response = ask(Client(enforce_csrf_checks=True), LOOK, {})
        assert response.status_code == 401


class TestDevicesOfOthers:
    @about_a_device
    def test_no_callback_tells_anything(self, question: Question, anna: Client, attic: Device) -> None:
        response = ask(anna, question, {"url.search": State(attic.pk, DAY).search})
        assert response.status_code == 403
        assert b"Lamp" not in response.content

    @about_a_device
    def test_a_device_that_does_not_exist_looks_the_same(self, question: Question, anna: Client) -> None:
        assert ask(anna, question, {"url.search": "?device=4711"}).status_code == 403

    @about_a_device
    def test_a_change_of_the_grant_holds_from_the_next_callback_on(
        self, question: Question, anna: Client, cellar: Device
    ) -> None:
        search = {"url.search": State(cellar.pk, DAY).search}
        assert ask(anna, question, search).status_code == 200
        cellar.grants.all().delete()
        assert ask(anna, question, search).status_code == 403

    def test_tabs_name_the_granted_devices_alone(self, anna: Client, attic: Device) -> None:
        assert texts(answer(anna, SHOW)["tabs.children"]) == "Cellar"

    def test_an_address_that_names_one_says_so_and_offers_the_own_tabs(self, anna: Client, attic: Device) -> None:
        shown = answer(anna, SHOW, State(attic.pk).search)
        assert shown["panel.hidden"] is True
        assert "may not see" in texts(shown["notices.children"])
        assert texts(shown["tabs.children"]) == "Cellar"

    def test_staff_see_every_device(self, attic: Device, cellar: Device) -> None:
        assert texts(answer(logged_in(make_user(staff=True)), SHOW)["tabs.children"]) == "Attic Cellar"


class TestAcrossSites:
    def token(self, client: Client) -> str:
        client.get("/")
        return client.cookies["csrftoken"].value

    def test_a_callback_without_the_token_is_refused(self, cellar: Device) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(sees=[cellar]))
        assert ask(client, LOOK, {}).status_code == 403

    def test_a_callback_sent_as_plain_text_is_refused(self, cellar: Device) -> None:
        """A form of another site can send text/plain with the user's cookies."""
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(sees=[cellar]))
        assert client.post(URL, json.dumps({}), content_type="text/plain").status_code == 403

    def test_the_page_gives_the_token_that_callbacks_send_back(self, cellar: Device) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(sees=[cellar]))
        token = self.token(client)
        assert ask(client, LOOK, {}, **{"X-CSRFToken": token}).status_code == 200

    def test_the_app_sends_it_under_the_name_that_the_server_reads(self, cellar: Device) -> None:
        page = logged_in(make_user(sees=[cellar])).get("/").content.decode()
        config = json.loads(page.split('id="_dash-config" type="application/json">')[1].split("</script>")[0])
        assert config["csrf_token_name"] == "csrftoken"
        assert config["csrf_header_name"] == "X-CSRFToken"


class TestWhatACallbackCosts:
    @every_question
    def test_few_queries_and_no_write(self, question: Question, attic: Device) -> None:
        client = logged_in(make_user(staff=True))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(client, question, {"url.search": State(attic.pk, DAY).search})
        statements = [query["sql"] for query in queries]
        assert 0 < len(statements) <= MOST_QUERIES, "\n".join(statements)
        assert [text for text in statements if text.split()[0] in ("INSERT", "UPDATE", "DELETE", "BEGIN")] == []

    @every_question
    def test_the_session_stays_as_it_was(self, question: Question, attic: Device) -> None:
        client = logged_in(make_user(staff=True))
        before = Session.objects.get().session_data
        assert "sessionid" not in parse_cookie(ask(client, question, {}).headers.get("Set-Cookie", ""))
        assert Session.objects.get().session_data == before

    def test_no_row_is_kept_for_the_app(self, attic: Device) -> None:
        ask(logged_in(make_user(staff=True)), LOOK, {})
        assert not StatelessApp.objects.exists()


class TestWhatIsNotServed:
    def test_the_app_alone_leads_to_the_page(self) -> None:
        response = Client().get("/dpd/app/Dashboard/")
        assert (response.status_code, response.headers["Location"]) == (302, "/")

    @pytest.mark.parametrize("path", ["/dpd/add_stateless_apps", "/dpd/instance/Dashboard/_dash-layout"])
    def test_what_writes_rows_is_not_there(self, path: str) -> None:
        assert logged_in(make_user(staff=True)).get(path).status_code == 404

    def test_an_unknown_app_is_not_found(self) -> None:
        assert logged_in(make_user()).get("/dpd/app/Other/_dash-layout").status_code == 404


class TestScripts:
    def test_one_that_names_its_version_is_cached_for_ever(self) -> None:
        response = Client().get("/dpd/app/Dashboard/_dash-component-suites/dash/dcc/dash_core_components.v4_4_1m17.js")
        assert response.headers["Location"] == "/static/dash/component/dash/dcc/dash_core_components.js"
        assert "immutable" in response.headers["Cache-Control"]

    def test_one_that_names_none_is_asked_for_again(self) -> None:
        response = Client().get("/dpd/app/Dashboard/_dash-component-suites/dash/dcc/async-graph.js")
        assert response.status_code == 302
        assert "Cache-Control" not in response.headers
