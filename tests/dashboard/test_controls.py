"""The tabs, the choice of the day, and what is said where something is missing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from readings import heartbeats
from tests.dashboard.asking import SHOW, answer, ask, find, texts
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return logged_in(make_user(staff=True))


def notices(client: Client, search: str = "") -> Any:
    return answer(client, SHOW, search)["notices.children"]


class TestTabs:
    def test_a_tab_per_device_the_first_one_chosen(self, staff: Client) -> None:
        workshop, attic = make_device("B", name="Workshop"), make_device("A", name="Attic")
        (tabs,) = find(answer(staff, SHOW)["tabs.children"], id={"control": "device"})
        assert tabs["value"] == str(attic.pk)
        assert [tab["props"]["value"] for tab in tabs["children"]["props"]["children"]] == [
            str(attic.pk),
            str(workshop.pk),
        ]

    def test_the_address_chooses_another(self, staff: Client) -> None:
        make_device("A", name="Attic")
        workshop = make_device("B", name="Workshop")
        (tabs,) = find(answer(staff, SHOW, f"?device={workshop.pk}")["tabs.children"], id={"control": "device"})
        assert tabs["value"] == str(workshop.pk)

    def test_a_device_without_a_name_goes_by_its_label(self, staff: Client) -> None:
        make_device("ASY0398_V003.300_SN00001801", name="")
        assert texts(answer(staff, SHOW)["tabs.children"]) == "ASY0398_V003.300_SN00001801"

    def test_a_simulated_one_is_marked(self, staff: Client) -> None:
        make_device(name="Attic", demo=True)
        assert texts(answer(staff, SHOW)["tabs.children"]) == "Attic demo"

    def test_ignored_devices_have_none(self, staff: Client) -> None:
        make_device("A", name="Attic")
        make_device("B", name="Neighbour", adoption="ignored")
        assert texts(answer(staff, SHOW)["tabs.children"]) == "Attic"


class TestDay:
    def test_the_days_before_and_after_are_a_step_away(self, staff: Client) -> None:
        device = make_device()
        controls = answer(staff, SHOW, f"?device={device.pk}&day=2026-03-01")["controls.children"]
        (before,) = find(controls, title="Previous day")
        (after,) = find(controls, title="Next day")
        assert before["href"] == f"/?device={device.pk}&day=2026-02-28"
        assert after["href"] == f"/?device={device.pk}&day=2026-03-02"
        (picker,) = find(controls, id={"control": "day"})
        assert picker["value"] == "2026-03-01"

    def test_today_is_left_out_of_the_address_so_that_it_goes_on_at_midnight(self, staff: Client) -> None:
        device = make_device()
        today = datetime.now(UTC).date()
        yesterday = (today - timedelta(days=1)).isoformat()
        controls = answer(staff, SHOW, f"?device={device.pk}&day={yesterday}")["controls.children"]
        (after,) = find(controls, title="Next day")
        assert after["href"] == f"/?device={device.pk}"

    def test_there_is_no_step_into_the_future(self, staff: Client) -> None:
        make_device()
        controls = answer(staff, SHOW)["controls.children"]
        assert find(controls, title="Next day") == []
        (picker,) = find(controls, id={"control": "day"})
        assert picker["maxDate"] == picker["value"]

    def test_the_browser_learns_what_the_address_may_leave_out(self, staff: Client) -> None:
        device = make_device(timezone="Pacific/Kiritimati")
        defaults = answer(staff, SHOW)["defaults.data"]
        today = (datetime.now(UTC) + timedelta(hours=14)).date()
        assert defaults == {"values": {"device": str(device.pk), "day": today.isoformat()}, "moving": ["day"]}


class TestWhatIsMissing:
    def test_staff_read_what_to_do_when_there_is_no_unit(self, staff: Client) -> None:
        shown = answer(staff, SHOW)
        assert shown["panel.hidden"] is True
        assert "Make it active" in texts(shown["notices.children"])

    def test_and_whether_the_collector_runs(self, staff: Client) -> None:
        assert "has not run yet" in texts(notices(staff))
        heartbeats.note("collector", datetime.now(UTC))
        assert "The collector is running" in texts(notices(staff))
        heartbeats.note("collector", datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
        assert "last heard of on 2026-01-02 03:04 UTC" in texts(notices(staff))

    def test_others_read_whom_to_ask(self) -> None:
        make_device()
        said = texts(notices(logged_in(make_user())))
        assert "administrator" in said
        assert "collector" not in said

    def test_staff_get_to_a_pending_unit_by_a_link(self, staff: Client) -> None:
        make_device(name="Newcomer", adoption="pending")
        said = notices(staff)
        assert "Newcomer (127.0.0.2) waits to be adopted" in texts(said)
        assert find(said, href="/admin/devices/device/?adoption__exact=pending")

    def test_others_get_no_such_link(self) -> None:
        device = make_device(name="Newcomer", adoption="pending")
        said = notices(logged_in(make_user(sees=[device])))
        assert "Newcomer" in texts(said)
        assert "/admin/" not in str(said)

    def test_unnamed_ports_get_a_hint(self, staff: Client) -> None:
        device = make_device(ports=["", ""])
        said = notices(staff)
        assert "no names yet" in texts(said)
        assert find(said, href=f"/admin/devices/device/{device.pk}/change/")

    def test_one_name_is_enough_to_drop_the_hint(self, staff: Client) -> None:
        make_device(ports=["Grid", ""])
        assert texts(notices(staff)) == ""

    def test_a_label_claimed_twice_is_said(self, staff: Client) -> None:
        make_device(ports=["Grid"], claimed_from="192.168.0.99")
        assert "192.168.0.99" in texts(notices(staff))


class TestRollCall:
    def test_one_that_finds_nothing_new_answers_nothing(self, staff: Client) -> None:
        make_device()
        last_shown = answer(staff, SHOW)["last-shown.data"]
        again = ask(staff, SHOW, {"last-shown.data": last_shown}, changed="roll-call.data")
        assert again.status_code == 204

    def test_one_that_finds_a_new_device_shows_its_tab(self, staff: Client) -> None:
        last_shown = answer(staff, SHOW)["last-shown.data"]
        make_device(name="Newcomer")
        again = ask(staff, SHOW, {"last-shown.data": last_shown}, changed="roll-call.data")
        assert b"Newcomer" in again.content
