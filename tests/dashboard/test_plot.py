"""The lines of a day, as the browser gets them."""

import base64
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.test import Client

from dashboard.plot import points_for
from devices.models import Device
from readings.bad_spans import mark
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, parse_time, to_ms
from readings.store import rollups
from tests.dashboard.asking import DRAW, answer, ask, find, texts
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


def draw(
    client: Client, device: Device, *, day: str = "2026-11-21", scheme: str = "light", more: str = ""
) -> dict[str, Any]:
    return answer(client, DRAW, f"?device={device.pk}&day={day}{more}", **{"scheme.data": scheme})


def lines(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = drawn["plot-drawn.data"]["data"]
    return found


def read(drawn: dict[str, Any]) -> str:
    return texts(drawn["plot-told.data"])


def values(line: dict[str, Any]) -> list[float]:
    kept: list[float] = np.frombuffer(base64.b64decode(line["y"]["bdata"]), "<f4").tolist()
    return kept


def test_every_named_port_is_a_line_in_kw_with_import_below_zero(client: Client, device: Device) -> None:
    grid, solar = lines(draw(client, device, more="&resolution=minute"))
    assert [grid["name"], solar["name"]] == ["Grid", "Solar"]
    assert values(grid) == [-1.5, -1.5, -1.5]
    assert values(solar) == [2.0, 2.0, 2.0]
    assert (grid["x0"], grid["dx"]) == (NOON, MINUTE_MS)


def test_ports_without_any_name_are_ct1_and_so_on(client: Client) -> None:
    device = make_device(ports=["", ""])
    store_reading(device, NOON, MINUTE_MS, [1.0, 2.0])
    assert [line["name"] for line in draw(client, device)["plot-drawn.data"]["data"]] == ["CT1", "CT2"]


def test_a_reversed_port_is_drawn_the_other_way_round(client: Client, device: Device) -> None:
    device.ports.filter(number=1).update(reversed=True)
    assert values(draw(client, device)["plot-drawn.data"]["data"][0]) == [1.5, 1.5, 1.5]


def test_minutes_look_the_same_once_they_are_rolled_up(client: Client, device: Device) -> None:
    before = draw(client, device)["plot-drawn.data"]["data"]
    rollups.roll_up_closed(NOON + 10 * MINUTE_MS)
    assert draw(client, device)["plot-drawn.data"]["data"] == before


def test_the_open_minute_is_drawn_too(client: Client) -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, NOON + 2 * SECOND_MS, 2 * SECOND_MS, [-800.0])
    line = draw(client, device)["plot-drawn.data"]["data"][0]
    assert values(line) == pytest.approx([-0.8])
    assert line["mode"] == "lines+markers", "one minute alone would be invisible as a line"


def test_the_whole_day_is_on_the_axis(client: Client, device: Device) -> None:
    axis = draw(client, device)["plot-drawn.data"]["layout"]["xaxis"]
    assert axis["autorangeoptions"]["include"] == ["2026-11-21 00:00", "2026-11-22 00:00"]


def test_a_day_of_minutes_of_six_ports_is_small(client: Client) -> None:
    device = make_device(ports=["A", "B", "C", "D", "E", "F"])
    for minute in range(0, 24 * 60, 60):
        store_reading(device, NOON + (minute - 700) * MINUTE_MS, MINUTE_MS, [1.0] * 6)
    assert len(str(draw(client, device))) < 120_000


def test_colours_follow_the_scheme(client: Client, device: Device) -> None:
    light, dark = (draw(client, device, scheme=scheme)["plot-drawn.data"] for scheme in ("light", "dark"))
    assert light["data"][0]["line"]["color"] != dark["data"][0]["line"]["color"]


def test_a_day_without_readings_says_so_and_leads_to_the_newest(client: Client, device: Device) -> None:
    shown = draw(client, device, day="2026-11-20")
    assert "no readings in this range" in texts(shown["plot-note.children"])
    assert find(shown["plot-note.children"], href=f"?device={device.pk}&day=2026-11-21")


def test_a_device_without_readings_says_so(client: Client) -> None:
    shown = draw(client, make_device())
    assert texts(shown["plot-note.children"]) == "This device has no readings yet."


def test_a_day_with_readings_says_nothing(client: Client, device: Device) -> None:
    assert draw(client, device)["plot-note.children"] is None


def test_a_time_to_come_says_so(client: Client, device: Device) -> None:
    assert texts(draw(client, device, day="2099-01-01")["plot-note.children"]) == "This time is still to come."


def test_a_quantity_of_the_unit_is_one_line_named_after_it(client: Client, device: Device) -> None:
    (line,) = lines(draw(client, device, more="&quantity=voltage"))
    assert (line["name"], values(line)) == ("Meter", [230.0, 230.0, 230.0])
    assert line["hovertemplate"] == "%{y:,.2f} V"


@pytest.mark.parametrize(
    ("quantity", "drawn"),
    [
        ("active_power", 1.5),
        ("reactive_power", 1.5),
        ("apparent_power", 1.5),
        ("power_factor", -1.0),
        ("current_rms", 0.5),
        ("current_peak", 0.7),
    ],
)
def test_import_positive_turns_what_has_a_direction(
    client: Client, device: Device, quantity: str, drawn: float
) -> None:
    line = lines(draw(client, device, more=f"&quantity={quantity}&sign=positive"))[0]
    assert values(line) == pytest.approx([drawn] * 3)


def test_hours_are_steps_over_their_bucket(client: Client, device: Device) -> None:
    line = lines(draw(client, device, more="&resolution=hour"))[0]
    assert line["line"]["shape"] == "hv"
    assert (line["x0"], line["dx"], values(line)) == (NOON, 60 * MINUTE_MS, [-1.5, -1.5])


def test_a_zoom_reads_what_is_in_view_and_a_little_beside(client: Client, device: Device) -> None:
    drawn = draw(client, device, more=f"&zoom={NOON + MINUTE_MS}_{NOON + 3 * MINUTE_MS}")
    assert drawn["plot-drawn.data"]["layout"]["xaxis"]["range"] == ["2026-11-21 12:01", "2026-11-21 12:03"]
    assert read(drawn).startswith("Read in ")
    assert "3 readings." in read(drawn)


def test_what_was_read_is_said(client: Client, device: Device) -> None:
    assert "3 points of a minute." in read(draw(client, device, more="&resolution=minute"))
    assert "1 point of an hour." in read(draw(client, device, more="&resolution=hour"))


def test_it_speaks_german_to_those_who_ask_for_it(client: Client, device: Device) -> None:
    search = f"?device={device.pk}&day=2026-11-"
    drawn, empty = (answer(client, DRAW, search + day + "&resolution=minute", language="de") for day in ("21", "20"))
    assert read(drawn).endswith("3 Punkte zu einer Minute.")
    assert drawn["plot-drawn.data"]["layout"]["yaxis"]["title"]["text"] == "Wirkleistung, kW  (Bezug unter null)"
    assert "Zu den neuesten, vom 21. November 2026" in texts(empty["plot-note.children"])


def test_recovered_pieces_are_said_and_drawn_apart(client: Client) -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, NOON, MINUTE_MS, [-1500.0])
    store_reading(device, NOON + 5 * MINUTE_MS, 5 * MINUTE_MS, [-1500.0], recovered=True)
    drawn = draw(client, device)
    assert [line["uid"].split("-")[2:] for line in lines(drawn)] == [[], ["recovered"]]
    assert "Dashed pieces were recovered." in read(drawn)


def test_it_is_said_where_something_was_marked_as_bad(client: Client) -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, NOON, MINUTE_MS, [-1500.0])
    sentence = "What was marked as bad is left out."
    assert sentence not in read(draw(client, device))
    mark(device.ports.get(), NOON - MINUTE_MS // 2, NOON + MINUTE_MS, reason="open", who=None)
    assert sentence in read(draw(client, device))


def test_bands_hold_the_readings_of_what_was_thinned(client: Client) -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, NOON - 11 * HOUR_MS, SECOND_MS, [-1000.0])
    for second in range(120):
        store_reading(device, NOON + second * SECOND_MS, SECOND_MS, [-9000.0 if second == 77 else -1000.0])
    drawn = draw(client, device)
    band, line = lines(drawn)
    assert min(values(band)) == -9.0
    assert min(values(line)) > -2.0
    assert "Bands" in read(drawn)
    assert [line["uid"] for line in lines(draw(client, device, more="&resolution=minute"))] == [line["uid"]]


@pytest.mark.parametrize(("room", "points"), [(None, 2000), (100, 400), (700, 1400), (9000, 4000), ("wide", 2000)])
def test_two_points_a_pixel_within_bounds(room: object, points: int) -> None:
    assert points_for(room) == points


class TestPace:
    """How long the drawing is left alone while readings come in, as the browser is told."""

    @pytest.fixture(autouse=True)
    def meter(self) -> None:
        store_reading(make_device(ports=["Grid"]), to_ms(datetime.now(UTC)), SECOND_MS, [-1000.0])

    def pace(self, client: Client, words: str) -> int | None:
        told: int | None = answer(client, DRAW, words)["plot-drawn.data"]["layout"]["meta"]["pace"]
        return told

    def test_today_is_read_anew_at_every_look(self, client: Client) -> None:
        assert self.pace(client, "?resolution=minute") == 2 * SECOND_MS

    def test_a_year_by_days_is_left_alone_for_most_of_an_hour(self, client: Client) -> None:
        assert self.pace(client, "?range=year&resolution=day") == 48 * MINUTE_MS

    def test_what_is_over_is_never_read_anew(self, client: Client) -> None:
        assert self.pace(client, "?range=yesterday") is None
        assert self.pace(client, f"?range=year&zoom={NOON}_{NOON + MINUTE_MS}") is None


def test_a_start_after_the_stop_draws_nothing_and_says_why(client: Client, device: Device) -> None:
    drawn = answer(client, DRAW, f"?device={device.pk}&start=2026-11-21T12:00&stop=2026-11-20T12:00")
    assert texts(drawn["plot-note.children"]) == "The start is not before the stop."


def test_the_energy_view_reads_nothing_for_the_plot(client: Client, device: Device) -> None:
    assert ask(client, DRAW, {"url.search": f"?device={device.pk}&view=energy"}).status_code == 204
