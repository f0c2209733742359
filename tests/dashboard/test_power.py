"""The lines of a day, as the browser gets them."""

import base64
from typing import Any

import numpy as np
import pytest
from django.test import Client

from devices.models import Device
from readings.periods import MINUTE_MS, SECOND_MS, parse_time
from readings.store import rollups
from tests.dashboard.asking import DRAW, answer, find, texts
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

NOON = parse_time("2026-11-21T12:00:00Z")


@pytest.fixture
def client() -> Client:
    return logged_in(make_user(staff=True))


@pytest.fixture
def device() -> Device:
    device = make_device(ports=["Grid", "", "Solar"])
    for minute in range(1, 4):
        store_reading(device, NOON + minute * MINUTE_MS, MINUTE_MS, [-1500.0, 99.0, 2000.0])
    return device


def draw(client: Client, device: Device, day: str = "2026-11-21", scheme: str = "light") -> dict[str, Any]:
    return answer(client, DRAW, f"?device={device.pk}&day={day}", **{"scheme.data": scheme})


def values(line: dict[str, Any]) -> list[float]:
    kept: list[float] = np.frombuffer(base64.b64decode(line["y"]["bdata"]), "<f4").tolist()
    return kept


def test_every_named_port_is_a_line_in_kw_with_import_below_zero(client: Client, device: Device) -> None:
    lines = draw(client, device)["power-drawn.data"]["data"]
    assert [line["name"] for line in lines] == ["Grid", "Solar"]
    assert values(lines[0]) == [-1.5, -1.5, -1.5]
    assert values(lines[1]) == [2.0, 2.0, 2.0]
    assert (lines[0]["x0"], lines[0]["dx"]) == (NOON, MINUTE_MS)


def test_ports_without_any_name_are_ct1_and_so_on(client: Client) -> None:
    device = make_device(ports=["", ""])
    store_reading(device, NOON, MINUTE_MS, [1.0, 2.0])
    assert [line["name"] for line in draw(client, device)["power-drawn.data"]["data"]] == ["CT1", "CT2"]


def test_a_reversed_port_is_drawn_the_other_way_round(client: Client, device: Device) -> None:
    device.ports.filter(number=1).update(reversed=True)
    assert values(draw(client, device)["power-drawn.data"]["data"][0]) == [1.5, 1.5, 1.5]


def test_minutes_look_the_same_once_they_are_rolled_up(client: Client, device: Device) -> None:
    before = draw(client, device)["power-drawn.data"]["data"]
    rollups.roll_up_closed(NOON + 10 * MINUTE_MS)
    assert draw(client, device)["power-drawn.data"]["data"] == before


def test_the_open_minute_is_drawn_too(client: Client) -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, NOON + 2 * SECOND_MS, 2 * SECOND_MS, [-800.0])
    line = draw(client, device)["power-drawn.data"]["data"][0]
    assert values(line) == pytest.approx([-0.8])
    assert line["mode"] == "lines+markers", "one minute alone would be invisible as a line"


def test_the_whole_day_is_on_the_axis(client: Client, device: Device) -> None:
    axis = draw(client, device)["power-drawn.data"]["layout"]["xaxis"]
    assert axis["autorangeoptions"]["include"] == ["2026-11-21 00:00", "2026-11-22 00:00"]


def test_a_day_of_minutes_of_six_ports_is_small(client: Client) -> None:
    device = make_device(ports=["A", "B", "C", "D", "E", "F"])
    for minute in range(0, 24 * 60, 60):
        store_reading(device, NOON + (minute - 700) * MINUTE_MS, MINUTE_MS, [1.0] * 6)
    assert len(str(draw(client, device))) < 70_000


def test_colours_follow_the_scheme(client: Client, device: Device) -> None:
    light, dark = (draw(client, device, scheme=scheme)["power-drawn.data"] for scheme in ("light", "dark"))
    assert light["data"][0]["line"]["color"] != dark["data"][0]["line"]["color"]


def test_a_day_without_readings_says_so_and_leads_to_the_newest(client: Client, device: Device) -> None:
    shown = draw(client, device, day="2026-11-20")
    assert "no readings on this day" in texts(shown["power-note.children"])
    assert find(shown["power-note.children"], href=f"/?device={device.pk}&day=2026-11-21")


def test_a_device_without_readings_says_so(client: Client) -> None:
    shown = draw(client, make_device())
    assert texts(shown["power-note.children"]) == "This device has no readings yet."


def test_a_day_with_readings_says_nothing(client: Client, device: Device) -> None:
    assert draw(client, device)["power-note.children"] is None


def test_a_day_to_come_says_so(client: Client, device: Device) -> None:
    assert texts(draw(client, device, day="2099-01-01")["power-note.children"]) == "This day is still to come."
