"""What the strip of tiles says of each port right now."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from dashboard.live import silence
from dashboard.state import Shown, State, ports_of, shown_of
from dashboard.tiles import said_of
from devices.models import Device
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, parse_time, to_ms
from readings.store import rollups
from tests.dashboard.asking import LOOK, answer, ask, find, texts
from tests.factories import make_device, store_answer, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

NOW = parse_time("2026-11-22T14:05:07Z")
MOST_QUERIES = 12


@pytest.fixture
def device() -> Device:
    """A device that has just answered: 1.5 kW from the grid, 2 kW from the roof, a load that rests."""
    device = make_device(ports=["Grid", "Solar", "Pump"])
    store_answer(device, NOW - SECOND_MS, SECOND_MS, [-1500.0, 2000.0, 0.0])
    return device


@pytest.fixture
def staff() -> Client:
    return logged_in(make_user(staff=True))


def shown(device: Device, now_ms: int = NOW) -> Shown:
    return shown_of(State(), Device.objects.get(pk=device.pk), now_ms)


def said(device: Device, now_ms: int = NOW) -> dict[str, Any]:
    what = shown(device, now_ms)
    return said_of(what, ports_of(device), is_silent=silence(what.device, now_ms) is not None)


def tiles(device: Device, now_ms: int = NOW) -> list[dict[str, Any]]:
    """What each tile says, in the order of the ports."""
    return list(said(device, now_ms)["ports"].values())


def now_ms() -> int:
    return to_ms(datetime.now(UTC))


class TestPower:
    def test_every_port_tells_its_power_and_direction(self, device: Device) -> None:
        assert [(tile["power_w"], tile["direction"], tile["word"]) for tile in tiles(device)] == [
            (-1500.0, "import", "import"),
            (2000.0, "export", "export"),
            (0.0, "idle", "idle"),
        ]

    def test_a_reversed_port_tells_the_other_one(self, device: Device) -> None:
        device.ports.filter(number=1).update(reversed=True)
        assert (tiles(device)[0]["power_w"], tiles(device)[0]["word"]) == (1500.0, "export")

    def test_a_port_whose_value_is_missing_says_so(self) -> None:
        device = make_device(ports=["Grid", "Solar"])
        store_answer(device, NOW, SECOND_MS, [-1500.0, None])
        assert tiles(device)[1]["power_w"] is None
        assert tiles(device)[1]["word"] == "no value"

    def test_hidden_and_unnamed_ports_have_no_tile(self, device: Device) -> None:
        device.ports.filter(number=2).update(enabled=False)
        device.ports.filter(number=3).update(name="")
        assert len(tiles(device)) == 1

    def test_a_silent_device_says_nothing_of_now(self, device: Device) -> None:
        later = NOW + 3 * MINUTE_MS
        assert {(tile["power_w"], tile["word"]) for tile in tiles(device, later)} == {(None, "no data")}
        silent = said(device, later)
        assert (silent["fresh"], silent["figures"]) == ("", {}), "since when is said once on the page, elsewhere"

    def test_one_that_never_answered_says_so(self) -> None:
        assert {tile["word"] for tile in tiles(make_device(ports=["Grid"]))} == {"no data"}

    def test_it_speaks_german_to_those_who_ask_for_it(self, device: Device) -> None:
        with override("de"):
            assert [tile["word"] for tile in tiles(device)] == ["bezieht", "liefert", "ruht"]
            assert said(device)["fresh"] == "Gemessen um 14:05:06"


class TestDevice:
    def test_what_is_measured_once_per_device(self, device: Device) -> None:
        assert said(device)["figures"] == {"voltage": 230.0, "frequency": 50.0, "temperature": 25.5, "rssi": -60.0}

    def test_when_it_was_measured_on_the_clocks_of_the_device(self, device: Device) -> None:
        assert said(device)["fresh"] == "Measured at 14:05:06"
        Device.objects.update(timezone="Asia/Kathmandu")
        assert said(device)["fresh"] == "Measured at 19:50:06"


class TestToday:
    def test_import_and_export_of_the_local_day(self) -> None:
        device = make_device(ports=["Grid", "Solar"], timezone="Asia/Kathmandu")
        midnight = parse_time("2026-11-22T00:00:00+05:45")
        store_reading(device, midnight - MINUTE_MS, HOUR_MS, [-9000.0, 9000.0])
        store_reading(device, midnight + HOUR_MS, HOUR_MS, [-1000.0, 0.0])
        store_reading(device, midnight + 2 * HOUR_MS, HOUR_MS, [250.0, 3000.0])
        grid, solar = tiles(device)
        assert (grid["import_kwh"], grid["export_kwh"]) == (1.0, 0.25)
        assert (solar["import_kwh"], solar["export_kwh"]) == (0.0, 3.0)

    def test_it_is_today_whatever_the_page_shows(self, device: Device) -> None:
        at_noon = shown_of(State.read("?day=2026-01-01"), device, NOW)
        assert said_of(at_noon, ports_of(device), is_silent=False) == said(device)

    def test_it_stays_the_same_when_it_is_rolled_up(self, device: Device) -> None:
        before = tiles(device)
        rollups.roll_up_closed(NOW + 10 * MINUTE_MS)
        assert tiles(device) == before

    def test_a_port_without_any_measurement_today_has_none(self) -> None:
        (tile,) = tiles(make_device(ports=["Grid"]))
        assert (tile["import_kwh"], tile["export_kwh"]) == (None, None)


class TestCallback:
    def test_a_tile_per_port_that_the_keyboard_reaches(self, staff: Client, device: Device) -> None:
        strip, _unit = answer(staff, LOOK)["tiles.frame"]
        ids = [port.pk for port in device.ports.order_by("number")]
        assert [texts(tile) for tile in strip["props"]["children"]] == [
            f"{name}  kW Today, kWh import export" for name in ("Grid", "Solar", "Pump")
        ]
        for port_id in ids:
            (button,) = find(strip, **{"data-tile": port_id})
            assert button["type"] == "button"

    def test_new_values_leave_the_tiles_in_place(self, staff: Client, device: Device) -> None:
        first = answer(staff, LOOK)
        store_answer(device, now_ms(), SECOND_MS, [-700.0, 0.0, 0.0])
        second = answer(staff, LOOK, **{"tiles.now": first["tiles.now"]})
        assert "tiles.frame" not in second
        assert [tile["power_w"] for tile in second["tiles.now"]["ports"].values()] == [-700.0, 0.0, 0.0]

    def test_other_ports_are_other_tiles(self, staff: Client, device: Device) -> None:
        first = answer(staff, LOOK)
        device.ports.filter(number=3).update(name="Heat pump")
        second = answer(staff, LOOK, **{"tiles.now": first["tiles.now"]})
        assert "Heat pump" in texts(second["tiles.frame"])

    def test_nothing_new_is_nothing_sent(self, staff: Client, device: Device) -> None:
        told = answer(staff, LOOK)
        before = {"tiles.now": told["tiles.now"], "seen.data": told["seen.data"]}
        assert ask(staff, LOOK, before, changed="look.data").status_code == 204

    def test_what_the_browser_claims_to_show_may_be_anything(self, staff: Client, device: Device) -> None:
        claims: list[Any] = [{"frame": "x"}, ["x"], "x", 7]
        for claim in claims:
            assert "tiles.frame" in answer(staff, LOOK, **{"tiles.now": claim})

    def test_without_a_device_nothing_is_said(self, staff: Client) -> None:
        assert ask(staff, LOOK, {}).status_code == 204

    @pytest.mark.parametrize("keeps_answer", [True, False])
    def test_it_takes_few_queries(self, staff: Client, *, keeps_answer: bool) -> None:
        device = make_device(ports=[f"Port {number}" for number in range(24)])
        start = now_ms() - HOUR_MS
        for minute in range(30):
            store_answer(device, start + minute * MINUTE_MS, MINUTE_MS, [-100.0] * 24)
        rollups.roll_up_closed(start + 20 * MINUTE_MS)
        if not keeps_answer:
            Device.objects.update(last_answer=None)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer(staff, LOOK)
        assert len(queries) <= MOST_QUERIES


class TestRights:
    def test_without_a_login_there_is_no_answer(self, device: Device) -> None:
        assert ask(Client(), LOOK, {}).status_code == 401

    def test_of_a_device_of_others_nothing_is_told(self, device: Device) -> None:
        other = make_device("B", name="Cellar", ports=["Freezer"])
        response = ask(logged_in(make_user(sees=[other])), LOOK, {"url.search": f"?device={device.pk}"})
        assert (response.status_code, response.content) == (204, b"")
