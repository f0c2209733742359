"""What is said where something is missing or stands still, and the button that adopts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from dashboard.live import ROLL_CALL_EVERY_MS
from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import Device
from readings import heartbeats
from readings.heartbeats import STALE_AFTER
from readings.periods import to_ms
from tests.dashboard.asking import SHOW, URL, answer, find, texts
from tests.factories import make_device, store_answer
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

PARTS = ("collector", "beat", "worker-rollups", "worker-jobs")


@pytest.fixture
def staff() -> Client:
    return logged_in(make_user("sam", staff=True))


def notices(client: Client, search: str = "") -> Any:
    return answer(client, SHOW, search)["notices.children"]


def beat(part: str, minutes_ago: float = 0, **detail: object) -> str:
    """Lets a part report; returns the time that its clock showed."""
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    heartbeats.note(part, at, detail)
    return f"{at:%H:%M}"


def press_adopt(client: Client, device_id: object, *, clicks: int | None = 1) -> Any:
    """What the browser sends when a button with this id is pressed; it can send any."""
    button = json.dumps({"adopt": device_id}, separators=(",", ":"))
    body = {
        "output": "..adoption-said.children...adopted.data..",
        "outputs": [{"id": "adoption-said", "property": "children"}, {"id": "adopted", "property": "data"}],
        "inputs": [[{"id": {"adopt": device_id}, "property": "n_clicks", "value": clicks}]],
        "changedPropIds": [f"{button}.n_clicks"],
    }
    return client.post(URL, json.dumps(body), content_type="application/json")


class TestNoDevice:
    def test_staff_read_what_to_do(self, staff: Client) -> None:
        shown = answer(staff, SHOW)
        assert shown["panel.hidden"] is True
        assert "Make it active" in texts(shown["notices.children"])
        assert find(shown["notices.children"], href="/admin/")

    def test_it_speaks_german_to_those_who_ask_for_it(self, staff: Client) -> None:
        said = texts(answer(staff, SHOW, language="de")["notices.children"])
        assert "Noch kein Gerät da" in said
        assert "Der Sammler lief noch nie." in said

    def test_a_collector_that_never_ran(self, staff: Client) -> None:
        assert "The collector has not run yet." in texts(notices(staff))

    def test_one_that_runs_says_when_it_reported_and_what_it_asks(self, staff: Client) -> None:
        when = beat("collector", asking="192.168.0.34, every unit on eth0", port=29340)
        said = texts(notices(staff))
        assert f"It last reported at {when} and asks 192.168.0.34, every unit on eth0, UDP port 29340." in said

    def test_one_that_fell_silent_says_since_when(self, staff: Client) -> None:
        heartbeats.note("collector", datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
        assert "The collector has not reported since " in texts(notices(staff))
        assert "2 January 2026" in texts(notices(staff))

    def test_units_that_are_ignored_are_not_forgotten(self, staff: Client) -> None:
        assert "ignored" not in texts(notices(staff))
        make_device(adoption="ignored")
        assert find(notices(staff), href="/admin/devices/device/?adoption__exact=ignored")

    def test_others_read_whom_to_ask(self) -> None:
        make_device()
        said = texts(notices(logged_in(make_user())))
        assert "administrator" in said
        assert "collector" not in said


class TestPending:
    @pytest.fixture
    def newcomer(self) -> Device:
        return make_device(name="Newcomer", adoption="pending")

    def test_staff_may_adopt_it(self, staff: Client, newcomer: Device) -> None:
        said = notices(staff)
        assert "Newcomer" in texts(said)
        assert str(newcomer.address) in texts(said)
        assert find(said, id={"adopt": newcomer.pk})
        assert find(said, href="/admin/devices/device/?adoption__exact=pending")

    def test_others_have_no_button_and_no_way_into_the_administration(self, newcomer: Device) -> None:
        said = notices(logged_in(make_user(sees=[newcomer])))
        assert "Newcomer" in texts(said)
        assert find(said, id={"adopt": newcomer.pk}) == []
        assert "/admin/" not in str(said)

    def test_one_that_carries_everybodys_label_has_a_warning_for_its_button(self, staff: Client) -> None:
        doubtful = make_device(DEFAULT_ASSY, adoption="pending")
        said = notices(staff)
        assert "factory's default label" in texts(said)
        assert find(said, id={"adopt": doubtful.pk}) == []


class TestAdopt:
    @pytest.fixture
    def newcomer(self) -> Device:
        return make_device(name="Newcomer", adoption="pending")

    def adoption_of(self, device: Device) -> str:
        return Device.objects.get(pk=device.pk).adoption

    def test_the_button_adopts_and_says_what_happens_next(self, staff: Client, newcomer: Device) -> None:
        response = press_adopt(staff, newcomer.pk)
        assert response.status_code == 200
        said = json.loads(response.content)["response"]
        assert "Newcomer is adopted" in texts(said["adoption-said"]["children"])
        assert find(said["adoption-said"]["children"], href=f"/?device={newcomer.pk}")
        assert said["adopted"]["data"], "the tabs are called up again"
        assert self.adoption_of(newcomer) == "adopted"
        assert "Newcomer" in texts(answer(staff, SHOW)["tabs.children"])

    def test_others_are_refused_though_they_may_see_it(self, newcomer: Device) -> None:
        assert press_adopt(logged_in(make_user(sees=[newcomer])), newcomer.pk).status_code == 403
        assert self.adoption_of(newcomer) == "pending"

    def test_nobody_is_refused_before(self, newcomer: Device) -> None:
        assert press_adopt(Client(), newcomer.pk).status_code == 401
        assert self.adoption_of(newcomer) == "pending"

    def test_other_sites_cannot_press_it(self, newcomer: Device) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_user(staff=True))
        assert press_adopt(client, newcomer.pk).status_code == 403
        assert self.adoption_of(newcomer) == "pending"

    def test_a_doubtful_one_is_left_to_the_administration(self, staff: Client) -> None:
        doubtful = make_device(DEFAULT_ASSY, adoption="pending")
        said = json.loads(press_adopt(staff, doubtful.pk).content)["response"]["adoption-said"]["children"]
        assert "is not adopted" in texts(said)
        assert find(said, href=f"/admin/devices/device/{doubtful.pk}/change/")
        assert self.adoption_of(doubtful) == "pending"

    @pytest.mark.parametrize("device_id", [4711, 10**30, "1 OR 1=1", None, [1]])
    def test_what_is_no_device_is_refused(self, staff: Client, newcomer: Device, device_id: object) -> None:
        assert press_adopt(staff, device_id).status_code in (204, 403)
        assert self.adoption_of(newcomer) == "pending"

    def test_a_button_that_only_appears_adopts_nothing(self, staff: Client, newcomer: Device) -> None:
        assert press_adopt(staff, newcomer.pk, clicks=None).status_code == 204
        assert self.adoption_of(newcomer) == "pending"


class TestDevice:
    def test_all_well_says_nothing(self, staff: Client) -> None:
        store_answer(make_device(ports=["Grid"]), to_ms(datetime.now(UTC)), 1000, [1.0])
        assert texts(notices(staff)) == ""

    def test_one_without_readings_says_what_to_look_at(self, staff: Client) -> None:
        device = make_device(ports=["Grid"])
        said = notices(staff)
        assert "Meter has no readings yet" in texts(said)
        assert find(said, href=f"/admin/devices/device/{device.pk}/change/")

    def test_a_label_claimed_twice_says_what_to_do(self, staff: Client) -> None:
        make_device(ports=["Grid"], claimed_from="192.168.0.99")
        said = texts(notices(staff))
        assert "one at 127.0.0.2, one at 192.168.0.99" in said
        assert "switch the other one off" in said
        assert "no readings yet" not in said, "the reason is said already"

    def test_unnamed_ports_get_a_hint(self, staff: Client) -> None:
        device = make_device(ports=["", ""])
        said = notices(staff)
        assert "no names yet" in texts(said)
        assert find(said, href=f"/admin/devices/device/{device.pk}/change/")

    def test_one_name_is_enough_to_drop_the_hint(self, staff: Client) -> None:
        make_device(ports=["Grid", ""])
        assert "no names yet" not in texts(notices(staff))


class TestPartsAtRest:
    @pytest.fixture(autouse=True)
    def meter(self) -> Device:
        device = make_device(ports=["Grid"])
        store_answer(device, to_ms(datetime.now(UTC)), 1000, [1.0])
        return device

    def test_a_silent_collector_says_since_when(self, staff: Client) -> None:
        when = beat("collector", minutes_ago=2)
        assert f"The collector has not reported since {when}" in texts(notices(staff))

    @pytest.mark.parametrize("worker", ["worker-rollups", "worker-jobs"])
    def test_a_silent_worker_says_since_when_and_what_waits(self, staff: Client, worker: str) -> None:
        beat("beat")
        when = beat(worker, minutes_ago=2)
        said = texts(notices(staff))
        assert f"“{worker}” has not reported since {when}" in said
        assert "Readings are stored, but" in said

    def test_of_a_silent_beat_nothing_else_is_said(self, staff: Client) -> None:
        """The workers report when it asks them to."""
        beat("collector")
        for worker in ("worker-rollups", "worker-jobs"):
            beat(worker, minutes_ago=2)
        when = beat("beat", minutes_ago=2)
        said = texts(notices(staff))
        assert f"The clock of all jobs (beat) has not reported since {when}" in said
        assert said.count("has not reported since") == 1

    def test_parts_that_report_are_not_mentioned(self, staff: Client) -> None:
        for part in PARTS:
            beat(part, minutes_ago=0.4)
        assert texts(notices(staff)) == ""

    def test_silence_is_told_of_within_half_a_minute(self, staff: Client) -> None:
        assert STALE_AFTER + timedelta(milliseconds=ROLL_CALL_EVERY_MS) < timedelta(seconds=30)
        beat("collector", minutes_ago=0.45)
        assert "The collector has not reported since" in texts(notices(staff))

    def test_one_that_never_reported_is_not_mentioned_at_once(self, staff: Client, meter: Device) -> None:
        assert texts(notices(staff)) == ""
        Device.objects.update(first_seen=datetime.now(UTC) - timedelta(minutes=2))
        assert texts(notices(staff)).count("has not reported since") == 2  # the collector and beat

    def test_others_read_of_the_collector_alone(self, meter: Device) -> None:
        for part in PARTS:
            beat(part, minutes_ago=2)
        said = texts(notices(logged_in(make_user(sees=[meter]))))
        assert said.count("has not reported since") == 1
        assert "Tell an administrator" in said
