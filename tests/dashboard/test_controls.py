"""The tabs and the choices: what they say, and where they lead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from ct6site.models import User
from dashboard.state import shown_on_page
from devices.models import Device
from tests.dashboard.asking import SHOW, answer, ask, find, texts
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return logged_in(make_user(staff=True))


def told(client: Client, search: str = "") -> dict[str, Any]:
    """The properties of controls and links by name."""
    said = answer(client, SHOW, search)["defaults.data"]["told"]
    return {
        identity if isinstance(identity, str) else next(iter(identity.values())): props
        for identity, props in said
        if "says" not in identity
    }


def says(client: Client, search: str) -> dict[str, Any]:
    return {
        identity["says"]: props
        for identity, props in answer(client, SHOW, search)["defaults.data"]["told"]
        if "says" in identity
    }


class TestTabs:
    def test_a_tab_per_device_the_first_one_chosen(self, staff: Client) -> None:
        workshop, attic = make_device("B", name="Workshop"), make_device("A", name="Attic")
        (tabs,) = find(answer(staff, SHOW)["tabs.children"], id={"control": "device"})
        assert told(staff)["device"] == {"value": str(attic.pk)}
        assert [tab["props"]["value"] for tab in tabs["children"]["props"]["children"]] == [
            str(attic.pk),
            str(workshop.pk),
        ]

    def test_the_address_chooses_another(self, staff: Client) -> None:
        make_device("A", name="Attic")
        workshop = make_device("B", name="Workshop")
        assert told(staff, f"?device={workshop.pk}")["device"] == {"value": str(workshop.pk)}

    def test_a_device_without_a_name_goes_by_its_label(self, staff: Client) -> None:
        make_device("ASY0398_V003.300_SN00001801", name="")
        assert texts(answer(staff, SHOW)["tabs.children"]) == "ASY0398_V003.300_SN00001801"

    def test_they_stand_in_the_order_of_what_they_say(self, staff: Client) -> None:
        """A device without a name by its label, and the first tab is the one that is chosen."""
        make_device("B2", name="attic")
        make_device("C3", name="")
        make_device("A1", name="Workshop")
        shown = answer(staff, SHOW)
        assert texts(shown["tabs.children"]) == "attic C3 Workshop"
        assert told(staff)["device"] == {"value": str(Device.objects.get(assy="B2").pk)}
        assert shown_on_page(User.objects.get(is_staff=True), "").device.assy == "B2"

    def test_a_simulated_one_is_marked(self, staff: Client) -> None:
        make_device(name="Attic", demo=True)
        assert texts(answer(staff, SHOW)["tabs.children"]) == "Attic demo"

    def test_ignored_devices_have_none(self, staff: Client) -> None:
        make_device("A", name="Attic")
        make_device("B", name="Neighbour", adoption="ignored")
        assert texts(answer(staff, SHOW)["tabs.children"]) == "Attic"


class TestChoices:
    """What the choices are told to say, by the id of the element."""

    def test_start_and_stop_say_the_range(self, staff: Client) -> None:
        make_device(timezone="Europe/London")
        said = told(staff, "?range=last-month")
        start = datetime.fromisoformat(said["start-date"]["value"]).date()
        stop = datetime.fromisoformat(said["stop-date"]["value"]).date()
        assert (start.day, stop.day, said["start-time"]["value"], said["stop-time"]["value"]) == (
            1,
            1,
            "00:00",
            "00:00",
        )
        assert 28 <= (stop - start).days <= 31

    def test_a_step_moves_one_end_by_a_day_and_keeps_the_rest(self, staff: Client) -> None:
        device = make_device()
        said = told(staff, f"?device={device.pk}&start=2026-03-01T06:30&stop=2026-03-02T00:00&quantity=voltage")
        kept = f"?device={device.pk}&start={{}}&stop={{}}&quantity=voltage"
        assert said["start-1"]["href"] == kept.format("2026-02-28T06%3A30", "2026-03-02T00%3A00")
        assert said["stop+1"]["href"] == kept.format("2026-03-01T06%3A30", "2026-03-03T00%3A00")

    def test_the_range_before_is_named_after_what_it_is(self, staff: Client) -> None:
        make_device()
        said = told(staff, "?day=2026-03-01")
        assert (said["earlier"]["title"], said["earlier"]["href"]) == ("Previous day", "?day=2026-02-28")
        assert (said["later"]["title"], said["later"]["href"]) == ("Next day", "?day=2026-03-02")
        assert told(staff, "?range=last-month")["earlier"]["title"] == "Previous month"
        assert told(staff, "?start=2026-03-01T06:00&stop=2026-03-01T07:00")["earlier"]["title"] == "Earlier"

    def test_today_is_left_out_of_the_address_so_that_it_goes_on_at_midnight(self, staff: Client) -> None:
        make_device()
        yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
        assert told(staff, f"?day={yesterday}")["later"]["href"] == "?"
        assert told(staff, f"?day={yesterday}")["today"]["href"] == "?"

    def test_there_is_no_range_after_one_that_goes_on(self, staff: Client) -> None:
        make_device()
        assert told(staff, "?range=week")["later"] == {"className": "ct6-step ct6-nowhere"}

    def test_the_chosen_range_is_marked(self, staff: Client) -> None:
        make_device()
        said = told(staff, "?range=week")
        assert [name for name, props in said.items() if "ct6-current" in props.get("className", "")] == ["week"]
        assert says(staff, "?range=week")["week"] == {"children": "(chosen)"}

    def test_a_start_after_the_stop_is_said_and_both_stay_as_typed(self, staff: Client) -> None:
        make_device()
        said = told(staff, "?start=2026-03-02T06:00&stop=2026-03-01T00:00")
        assert (said["start-date"]["value"], said["stop-date"]["value"]) == ("2026-03-02", "2026-03-01")
        assert said["start-date"]["error"] is True
        assert "not before the stop" in said["backwards"]["children"]
        assert said["exchange"]["href"] == "?start=2026-03-01T00%3A00&stop=2026-03-02T06%3A00"

    def test_what_is_plotted_is_what_the_address_says(self, staff: Client) -> None:
        make_device()
        said = told(staff, "?quantity=voltage&resolution=hour&sign=positive&ymin=-2.5&view=energy")
        values = {name: said[name]["value"] for name in ("quantity", "resolution", "sign", "ymin", "ymax", "view")}
        assert values == {
            "quantity": "voltage", "resolution": "hour", "sign": "positive", "ymin": -2.5, "ymax": "", "view": "energy",
        }  # fmt: skip
        assert said["sign"]["disabled"] is True, "a voltage has no direction"

    def test_every_word_but_the_device_is_left_out_where_it_says_nothing_new(self, staff: Client) -> None:
        device = make_device(timezone="Pacific/Kiritimati")
        defaults = answer(staff, SHOW)["defaults.data"]
        today = (datetime.now(UTC) + timedelta(hours=14)).date()
        assert defaults["values"]["device"] == str(device.pk)
        assert defaults["values"]["start-date"] == today.isoformat()
        assert {"resolution", "quantity", "sign", "view"} <= set(defaults["moving"])
        assert "device" not in defaults["moving"]

    def test_a_port_that_is_left_out_stays_left_out_in_another_range(self, staff: Client) -> None:
        make_device()
        assert told(staff, "?hidden=2,5")["week"]["href"] == "?range=week&hidden=2,5"
        assert "hidden" not in told(staff)["week"]["href"]

    def test_they_speak_german_to_those_who_ask_for_it(self, staff: Client) -> None:
        make_device()
        said = answer(staff, SHOW, "?day=2026-03-01", language="de")["defaults.data"]["told"]
        assert [{"says": "earlier"}, {"children": "Tag davor"}] in said

    def test_the_views_take_turns(self, staff: Client) -> None:
        make_device()
        power, energy = answer(staff, SHOW), answer(staff, SHOW, "?view=energy")
        assert (power["power-page.hidden"], power["energy-page.hidden"]) == (False, True)
        assert (energy["power-page.hidden"], energy["energy-page.hidden"]) == (True, False)


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
