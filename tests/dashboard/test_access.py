"""Who gets an answer: nobody without a login, nobody for a device of others, and nothing across sites."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http.cookie import parse_cookie
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_plotly_dash.models import StatelessApp

from ct6site.models import User
from dashboard import wall
from dashboard.models import WallDisplay
from dashboard.state import State
from devices.models import Device
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from readings.store.rollups import roll_up_closed
from tests.dashboard.asking import LOOK, SHOW, URL, answer, ask, texts
from tests.dashboard.every_callback import EVERY_CALLBACK, Callback
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 21)
NOON = parse_time("2026-11-21T12:00:00Z")
MOST_QUERIES = 12

FOLLOWERS = [callback for callback in EVERY_CALLBACK if callback.follows_the_address]

every_callback = pytest.mark.parametrize("callback", EVERY_CALLBACK, ids=str)
every_follower = pytest.mark.parametrize("callback", FOLLOWERS, ids=str)


# Nothing of the attic may be told to who may not see it: its names, its label, its address, and its watts.
WORDS_OF_THE_ATTIC = ("Attic", "Lamp", "Fan", "ASY-ATTIC", "127.0.0.99", "4321")


@pytest.fixture
def attic() -> Device:
    device = make_device("ASY-ATTIC", name="Attic", address="127.0.0.99", ports=["Lamp", "Fan"])
    for minute in range(3):
        store_reading(device, NOON + minute * MINUTE_MS, MINUTE_MS, [-4321.0, 4321.0])
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

    @every_callback
    def test_callbacks_answer_401_and_no_page(self, callback: Callback, attic: Device) -> None:
        response = callback.asked(Client(), f"?device={attic.pk}")
        assert response.status_code == 401
        assert b"<html" not in response.content

    @every_callback
    def test_a_user_who_was_switched_off_is_a_guest(self, callback: Callback, attic: Device) -> None:
        user = make_user(sees=[attic])
        client = logged_in(user)
        User.objects.update(is_active=False)
        assert callback.asked(client, f"?device={attic.pk}").status_code == 401

    @pytest.mark.parametrize("part", ["_dash-layout", "_dash-dependencies", "_dash-routes"])
    def test_the_parts_of_the_app_answer_401(self, part: str) -> None:
        assert Client().get(f"/dpd/app/Dashboard/{part}").status_code == 401

    def test_a_session_that_ended_is_told_before_a_wrong_token(self) -> None:
        response = ask(Client(enforce_csrf_checks=True), LOOK, {})
        assert response.status_code == 401


class TestDevicesOfOthers:
    @every_follower
    def test_a_device_that_does_not_exist_looks_the_same(self, callback: Callback, anna: Client, attic: Device) -> None:
        unknown, of_others = (callback.asked(anna, f"?device={pk}") for pk in (4711, attic.pk))
        assert (unknown.status_code, unknown.content) == (of_others.status_code, of_others.content)

    @every_follower
    def test_a_change_of_the_grant_holds_from_the_next_callback_on(self, callback: Callback, attic: Device) -> None:
        client = logged_in(make_user(sees=[attic]))
        search = State(attic.pk).on(DAY).search
        assert callback.asked(client, search).status_code in (200, 204)
        attic.grants.all().delete()
        response = callback.asked(client, search)
        assert response.status_code in (200, 204, 403)
        assert told_of_the_attic(response) == []

    @every_follower
    def test_a_refusal_is_no_error_in_the_browser(self, callback: Callback, anna: Client, attic: Device) -> None:
        """The frame alone says it; of five refused parts the browser would tell five errors."""
        for view in ("power", "energy"):
            response = callback.asked(anna, f"?device={attic.pk}&view={view}")
            is_frame = callback.output.startswith("..tabs.children")
            assert response.status_code == (200 if is_frame else 204)

    def test_tabs_name_the_granted_devices_alone(self, anna: Client, attic: Device) -> None:
        assert texts(answer(anna, SHOW)["tabs.children"]) == "Cellar"

    def test_an_address_that_names_one_says_so_and_offers_the_own_tabs(self, anna: Client, attic: Device) -> None:
        shown = answer(anna, SHOW, State(attic.pk).search)
        assert shown["panel.hidden"] is True
        assert "may not see" in texts(shown["notices.children"])
        assert texts(shown["tabs.children"]) == "Cellar"

    def test_staff_see_every_device(self, attic: Device, cellar: Device) -> None:
        assert texts(answer(logged_in(make_user(staff=True)), SHOW)["tabs.children"]) == "Attic Cellar"


class TestEveryIdThatCanBeChanged:
    """A user changes an id in whatever a browser sends, and learns nothing of a device of others."""

    @pytest.fixture(params=["user", "wall display"])
    def asked_by_others(self, request: pytest.FixtureRequest, cellar: Device) -> "Asker":
        """Somebody who may see the cellar alone."""
        if request.param == "user":
            return Asker(logged_in(make_user("anna", sees=[cellar])), {})
        display = WallDisplay(name="Kitchen")
        token = wall.draw_token(display)
        display.save()
        display.devices.add(cellar)
        return Asker(Client(), {wall.HEADER: token})

    @pytest.mark.parametrize("words", ["", "&day=2026-11-21", "&view=energy&day=2026-11-21", "&view=energy&range=year"])
    @every_follower
    def test_of_the_device_in_the_address(
        self, callback: Callback, words: str, asked_by_others: "Asker", attic: Device
    ) -> None:
        response = asked_by_others.ask(callback, f"?device={attic.pk}{words}")
        assert response.status_code in (200, 204, 403)
        assert told_of_the_attic(response) == []

    @every_callback
    def test_of_a_device_or_port_in_any_other_value(
        self, callback: Callback, asked_by_others: "Asker", attic: Device, cellar: Device
    ) -> None:
        port_id = attic.ports.values_list("pk", flat=True)[0]
        for made_up in (attic.pk, str(attic.pk), port_id, [attic.pk], {"device": attic.pk, "port": port_id}):
            response = asked_by_others.ask(callback, f"?device={cellar.pk}", made_up, attic.pk)
            assert told_of_the_attic(response) == [], made_up

    @every_callback
    def test_of_a_pending_device_they_can_decide_nothing(
        self, callback: Callback, asked_by_others: "Asker", attic: Device
    ) -> None:
        Device.objects.filter(pk=attic.pk).update(adoption="pending")
        for made_up in (1, attic.pk):
            response = asked_by_others.ask(callback, "", made_up, attic.pk)
            assert told_of_the_attic(response) == []
        assert Device.objects.get(pk=attic.pk).adoption == "pending"

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    @pytest.mark.parametrize("words", ["", "&day=2026-11-21", "&view=energy", "&range=year"])
    def test_of_the_files(self, ending: str, words: str, anna: Client, attic: Device, cellar: Device) -> None:
        assert anna.get(f"/export.{ending}?device={cellar.pk}{words}").status_code == 200
        response = anna.get(f"/export.{ending}?device={attic.pk}{words}")
        assert response.status_code == 403
        assert told_of_the_attic(response) == []
        assert anna.get(f"/export.{ending}?device=4711{words}").status_code == 403

    def test_of_a_permalink(self, anna: Client, attic: Device) -> None:
        """The page itself holds nothing of any device: the callbacks fill it."""
        response = anna.get(f"/?device={attic.pk}&day=2026-11-21")
        assert response.status_code == 200
        assert told_of_the_attic(response) == []

    @pytest.mark.parametrize("page", ["series", "energy"])
    @pytest.mark.parametrize("what", ["device", "port"])
    def test_of_the_numbers_of_the_api(self, page: str, what: str, anna: Client, attic: Device) -> None:
        pk = attic.pk if what == "device" else attic.ports.values_list("pk", flat=True)[0]
        span = "start=2026-11-21T00:00:00Z&end=2026-11-22T00:00:00Z"
        response = anna.get(f"/api/v1/{page}/?{what}={pk}&{span}")
        assert response.status_code == 400
        assert told_of_the_attic(response) == []

    def test_of_the_lists_of_the_api(self, anna: Client, attic: Device) -> None:
        port_id = attic.ports.values_list("pk", flat=True)[0]
        own = {f"devices/{attic.pk}/": 404, f"ports/{port_id}/": 404, "devices/": 200, "ports/": 200}
        for path, status in own.items():
            response = anna.get(f"/api/v1/{path}")
            assert response.status_code == status
            assert told_of_the_attic(response) == []

    def test_who_may_see_it_is_told_all_of_that(self, attic: Device) -> None:
        """So the questions above could have been answered."""
        client = logged_in(make_user(sees=[attic]))
        search = f"?device={attic.pk}&day=2026-11-21"
        answers = [callback.asked(client, search) for callback in FOLLOWERS]
        answers.append(client.get(f"/export.csv{search}"))
        assert {answer.status_code for answer in answers} <= {200, 204}
        told = {word for answer in answers for word in told_of_the_attic(answer)}
        assert told >= {"Attic", "Lamp", "Fan", "4321"}


@dataclass(frozen=True)
class Asker:
    client: Client
    headers: dict[str, str]

    def ask(self, callback: Callback, search: str, value: Any = None, wildcard: Any = 1) -> Any:
        self.client.raise_request_exception = False  # nonsense may break a callback: it only must not tell
        return callback.asked(self.client, search, value, wildcard=wildcard, **self.headers)


def told_of_the_attic(response: Any) -> list[str]:
    text = response.content.decode(errors="replace")
    return [word for word in WORDS_OF_THE_ATTIC if word in text]


class TestAcrossSites:
    @every_callback
    def test_no_callback_answers_without_the_token(self, callback: Callback, attic: Device) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(sees=[attic]))
        assert callback.asked(client, f"?device={attic.pk}").status_code == 403

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
    @pytest.mark.parametrize("view", ["power", "energy"])
    @every_follower
    def test_few_queries_and_no_write(self, callback: Callback, view: str, attic: Device) -> None:
        roll_up_closed(NOON + HOUR_MS)
        client = logged_in(make_user(sees=[attic]))
        with CaptureQueriesContext(connection) as queries:
            callback.asked(client, f"?device={attic.pk}&day=2026-11-21&view={view}")
        statements = [query["sql"] for query in queries]
        assert 0 < len(statements) <= MOST_QUERIES, "\n".join(statements)
        assert [text for text in statements if text.split()[0] in ("INSERT", "UPDATE", "DELETE", "BEGIN")] == []

    @every_callback
    def test_the_session_stays_as_it_was(self, callback: Callback, attic: Device) -> None:
        client = logged_in(make_user(staff=True))
        client.raise_request_exception = False
        before = Session.objects.get().session_data
        response = callback.asked(client, f"?device={attic.pk}")
        assert "sessionid" not in parse_cookie(response.headers.get("Set-Cookie", ""))
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
