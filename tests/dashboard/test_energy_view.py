"""The energy view, as the browser gets it; its numbers are those of history."""

import base64
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from devices.models import Device
from readings import history
from readings.models import DirtyBucket
from readings.periods import HOUR_MS, MINUTE_MS, day_start, parse_time, to_ms
from readings.store import rollups
from tests.dashboard.asking import SHOW, Question, answer, ask, find, texts
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

BARS = Question(
    ("energy-bars-drawn.data", "energy-bars-note-told.data"),
    ("energy-bars-asked.data", "energy-minute.data"),
    ("url.search",),
)
BALANCE = Question(
    (
        "energy-balance-told.data", "energy-comparison-told.data", "energy-flow-drawn.data",
        "energy-flow-note.children", "energy-flow-place.hidden",
    ),
    ("energy-balance-asked.data", "energy-minute.data"),
    ("url.search",),
)  # fmt: skip
HEAT = Question(
    ("energy-heat-drawn.data", "energy-heat-note.children"),
    ("energy-heat-asked.data", "energy-minute.data"),
    ("url.search",),
)
ALL = {"bars": BARS, "balance": BALANCE, "heat": HEAT}

MIDNIGHT = parse_time("2026-10-24T00:00:00+01:00")
DAY_MS = 24 * HOUR_MS
KW = 10_000
ROLES = ("grid", "solar", "battery", "load")


@pytest.fixture
def client() -> Client:
    return logged_in(make_user(staff=True))


@pytest.fixture
def home() -> Device:
    """Three days in London, the second of them of 25 hours: by day 2 kW from the sun, of which 1 kW is exported;
    by night 1 kW from the grid. The heater takes half a kW all the time.
    """
    device = make_device(ports=["Grid", "Solar", "Battery", "Heater"], timezone="Europe/London")
    for number, role in enumerate(ROLES, start=1):
        device.ports.filter(number=number).update(role=role)
    for begin in range(MIDNIGHT, MIDNIGHT + 73 * HOUR_MS, 12 * HOUR_MS):
        is_night = (begin - MIDNIGHT) // (12 * HOUR_MS) % 2 == 0
        powers = (-KW, 0, 0, -KW // 2) if is_night else (KW, 2 * KW, 0, -KW // 2)
        store(device, steady(begin, min(begin + 12 * HOUR_MS, MIDNIGHT + 73 * HOUR_MS), HOUR_MS // 2, *powers))
    return device


def search(device: Device, words: str) -> str:
    return f"?device={device.pk}&view=energy&{words}"


def unpacked(values: dict[str, str]) -> list[float]:
    numbers: list[float] = np.frombuffer(base64.b64decode(values["bdata"]), "<f4").tolist()
    return numbers


def bars(client: Client, device: Device, words: str) -> dict[str, Any]:
    figure: dict[str, Any] = answer(client, BARS, search(device, words))["energy-bars-drawn.data"]
    return figure


# --- Bars --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "count"),
    [("day=2026-10-24", 24), ("day=2026-10-25", 25), ("start=2026-10-24&stop=2026-10-27&bucket=day", 3)],
    ids=["hours", "hours of the day on which clocks go back", "days"],
)
def test_bars_are_the_energies_of_history(client: Client, home: Device, words: str, count: int) -> None:
    figure = bars(client, home, words)
    port = home.ports.get(number=1)
    first = MIDNIGHT + (24 * HOUR_MS if words == "day=2026-10-25" else 0)
    end = first + (73 if count == 3 else count) * HOUR_MS
    found = history.energy([port], first, end, "day" if count == 3 else "hour", now_ms=end)
    assert len(found) == count
    imported, exported = (bar for bar in figure["data"] if bar["name"] in ("Import", "Export"))
    assert unpacked(imported["y"]) == pytest.approx([energy.import_kwh for energy in found])
    assert unpacked(exported["y"]) == pytest.approx([-energy.export_kwh for energy in found])
    assert len(figure["layout"]["xaxis"]["categoryarray"]) == count


def test_months_and_years_add_up(client: Client, home: Device) -> None:
    for bucket, words in (("month", "October 2026"), ("year", "2026")):
        figure = bars(client, home, f"start=2026-01-01&stop=2027-01-01&bucket={bucket}&bars=2")
        (exported,) = (bar for bar in figure["data"] if bar["name"] == "Export")
        assert np.nansum(unpacked(exported["y"])) == pytest.approx(-2 * 36)
        named = [name.split(" · ")[0] for name in figure["layout"]["xaxis"]["categoryarray"]]
        assert words in named


def test_all_ports_are_drawn_where_no_role_is_set(client: Client, home: Device) -> None:
    home.ports.update(role="other")
    figure = bars(client, home, "day=2026-10-25")
    named = [bar["name"] for bar in figure["data"] if bar["showlegend"]]
    assert named == ["Sat 24 Oct 2026", "Grid", "Solar", "Battery", "Heater"]


def test_the_day_before_stands_behind(client: Client, home: Device) -> None:
    ghost = bars(client, home, "day=2026-10-26&bucket=day")["data"][0]
    assert ghost["name"] == "Sun 25 Oct 2026"
    day = MIDNIGHT + DAY_MS
    (before,) = history.energy([home.ports.get(number=1)], day, day + 25 * HOUR_MS, "day", now_ms=day + 2 * DAY_MS)
    assert unpacked(ghost["y"]) == pytest.approx([before.import_kwh])


def test_hours_of_a_year_are_days_and_it_says_so(client: Client, home: Device) -> None:
    told = answer(client, BARS, search(home, "start=2026-01-01&stop=2027-01-01&bucket=hour"))
    assert len(told["energy-bars-drawn.data"]["layout"]["xaxis"]["categoryarray"]) == 365
    assert "Hours are shown of up to 62 days." in texts(told["energy-bars-note-told.data"])


def test_coverage_is_told_where_it_is_not_nearly_all(client: Client, home: Device) -> None:
    whole = answer(client, BARS, search(home, "day=2026-10-24"))
    assert "measured" not in texts(whole["energy-bars-note-told.data"])
    part = answer(client, BARS, search(home, "start=2026-10-26&stop=2026-10-28"))
    assert "measured" in texts(part["energy-bars-note-told.data"])


def test_a_range_without_readings_says_so(client: Client, home: Device) -> None:
    told = answer(client, BARS, search(home, "day=2026-09-01"))
    assert "There are no readings in this range." in texts(told["energy-bars-note-told.data"])
    told = answer(client, BARS, search(home, "day=2099-09-01"))
    assert "This range is still to come." in texts(told["energy-bars-note-told.data"])


@pytest.mark.parametrize("sign", ["negative", "positive"])
def test_import_is_above_zero_whatever_sign_powers_have(client: Client, home: Device, sign: str) -> None:
    figure = bars(client, home, f"day=2026-10-24&sign={sign}")
    (imported,) = (bar for bar in figure["data"] if bar["name"] == "Import")
    assert max(unpacked(imported["y"])) == pytest.approx(1.0)
    assert figure["layout"]["yaxis"]["title"]["text"] == "kWh  (export below zero)"


# --- Balance -----------------------------------------------------------------------------------------------------
def test_the_balance_has_its_formulas_beside_it(client: Client, home: Device) -> None:
    told = texts(answer(client, BALANCE, search(home, "day=2026-10-24"))["energy-balance-told.data"])
    assert "From the grid 12.00 kWh To the grid 12.00 kWh Solar 24.00 kWh" in told
    assert "Home 24.00 kWh = import + solar + battery out − export − battery in" in told
    assert "Self-sufficiency 50.0 %" in told
    assert "= 1 − import ÷ home" in told
    assert "Self-consumption 50.0 %" in told
    assert "= (solar − solar exported) ÷ solar" in told
    assert "hour by hour" in told


def test_a_year_is_worked_out_day_by_day_and_says_so(client: Client, home: Device) -> None:
    told = answer(client, BALANCE, search(home, "start=2026-01-01&stop=2027-01-01"))["energy-balance-told.data"]
    assert "day by day" in texts(told)


def test_without_solar_the_shares_are_not_known(client: Client, home: Device) -> None:
    home.ports.exclude(role="grid").update(role="other")
    told = texts(answer(client, BALANCE, search(home, "day=2026-10-24"))["energy-balance-told.data"])
    assert "Self-sufficiency not known" in told
    assert "Self-consumption not known" in told


def test_without_roles_staff_are_led_to_where_they_are_set(client: Client, home: Device) -> None:
    home.ports.update(role="other")
    told = answer(client, BALANCE, search(home, "day=2026-10-24"))
    assert find(told["energy-balance-told.data"], href=f"/admin/devices/device/{home.pk}/change/")
    assert told["energy-flow-place.hidden"] is True
    others = logged_in(make_user("ben", sees=[home]))
    told = answer(others, BALANCE, search(home, "day=2026-10-24"))
    assert "An administrator can set the roles" in texts(told["energy-balance-told.data"])


def test_a_clamp_the_wrong_way_round_is_noticed(client: Client, home: Device) -> None:
    home.ports.filter(role="solar").update(role="other")
    night_away = search(home, "start=2026-10-24T12:00&stop=2026-10-25T00:00")
    told = texts(answer(client, BALANCE, night_away)["energy-balance-told.data"])
    assert "below zero" in told


def test_the_flow_shows_who_fed_whom(client: Client, home: Device) -> None:
    told = answer(client, BALANCE, search(home, "day=2026-10-24"))
    assert told["energy-flow-place.hidden"] is False
    (picture,) = told["energy-flow-drawn.data"]["data"]
    labels = [label.split("<br>")[0] for label in picture["node"]["label"]]
    links = picture["link"]
    flows = {
        (labels[source], labels[target]): round(value, 6)
        for source, target, value in zip(links["source"], links["target"], links["value"], strict=True)
    }
    assert flows == {
        ("Solar", "Home"): 12.0,
        ("Solar", "To the grid"): 12.0,
        ("From the grid", "Home"): 12.0,
        ("Home", "Heater"): 12.0,
        ("Home", "Everything else"): 12.0,
    }


# --- Comparison --------------------------------------------------------------------------------------------------
def compared(told: dict[str, Any]) -> dict[str, list[str]]:
    rows = [row for row in rows_in(told["energy-comparison-told.data"]) if len(row) == 4]
    return {row[0]: row[1:] for row in rows}


def rows_in(element: Any) -> list[list[str]]:
    if isinstance(element, list):
        return [row for part in element for row in rows_in(part)]
    if not isinstance(element, dict):
        return []
    children = element["props"].get("children")
    if element["type"] == "Tr":
        return [[texts(cell) for cell in children]]
    return rows_in(children)


def test_a_day_is_compared_with_the_day_before(client: Client, home: Device) -> None:
    found = compared(answer(client, BALANCE, search(home, "day=2026-10-25")))
    assert found["kWh"] == ["Sun 25 Oct 2026", "Sat 24 Oct 2026", "Difference"]
    assert found["From the grid"] == ["13.00", "12.00", "+8.3 %"]
    assert found["Solar"] == ["24.00", "24.00", "±0.0 %"]
    assert found["Heater"] == ["12.50", "12.00", "+4.2 %"]
    assert found["Self-sufficiency"][1:] == ["50.0 %", "−2.0 points"]


def test_without_roles_the_ports_are_compared(client: Client, home: Device) -> None:
    home.ports.update(role="other")
    found = compared(answer(client, BALANCE, search(home, "day=2026-10-25")))
    assert found["Grid, import"] == ["13.00", "12.00", "+8.3 %"]
    assert "Heater, export" not in found


def test_where_there_was_nothing_before_it_says_so(client: Client, home: Device) -> None:
    told = texts(answer(client, BALANCE, search(home, "day=2026-10-24"))["energy-comparison-told.data"])
    assert "There are no readings to compare with: Fri 23 Oct 2026" in told


def test_readings_that_begin_later_are_told_as_their_bars_are_drawn(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At ten nothing of yesterday can be compared, whose first reading was at six in the evening."""
    device = make_device("N", ports=["Grid"], timezone="Europe/London")
    day = day_start(MIDNIGHT, "Europe/London")
    store(device, steady(day - 6 * HOUR_MS, day + 10 * HOUR_MS, HOUR_MS // 2, -KW))
    monkeypatch.setattr("dashboard.state.current_ms", lambda: day + 10 * HOUR_MS)
    ghost = bars(client, device, "bucket=hour")["data"][0]
    assert np.isfinite(unpacked(ghost["y"])).tolist() == [False] * 18 + [True] * 6
    told = texts(answer(client, BALANCE, search(device, ""))["energy-comparison-told.data"])
    assert told == (
        "There are no readings to compare with: Fri 23 Oct 2026, up to 10:00. They begin later, at 23 Oct 2026 18:00."
    )
    german = answer(client, BALANCE, search(device, ""), language="de")["energy-comparison-told.data"]
    assert "Sie beginnen später" in texts(german)


def test_a_day_that_goes_on_is_compared_up_to_its_last_full_hour(client: Client) -> None:
    device = make_device(ports=["Grid"])
    device.ports.update(role="grid")
    now_ms = to_ms(datetime.now(UTC))
    today = day_start(now_ms, "UTC")
    store(device, steady(today - DAY_MS, now_ms, MINUTE_MS, -KW))
    rollups.roll_up_closed(now_ms)
    told = answer(client, BALANCE, search(device, ""))
    hours = (now_ms - today) // HOUR_MS
    if hours == 0:
        assert "Nothing of this range is complete yet." in texts(told["energy-comparison-told.data"])
        return
    assert compared(told)["From the grid"] == [f"{hours}.00", f"{hours}.00", "±0.0 %"]


# --- In German ---------------------------------------------------------------------------------------------------
def test_all_is_told_in_the_language_of_the_page(client: Client, home: Device) -> None:
    words = search(home, "day=2026-10-25")
    told = answer(client, BALANCE, words, language="de")
    balance, comparison = (texts(told[f"energy-{part}-told.data"]) for part in ("balance", "comparison"))
    assert "Aus dem Netz 13.00 kWh Ins Netz 12.00 kWh" in balance
    assert "So, 25. Okt 2026 Sa, 24. Okt 2026 Unterschied" in comparison
    assert "Ins Netz" in str(told["energy-flow-drawn.data"])
    figure = answer(client, BARS, words, language="de")["energy-bars-drawn.data"]
    assert [bar["name"] for bar in figure["data"] if bar["showlegend"]] == ["Sa, 24. Okt 2026", "Bezug", "Einspeisung"]
    note = answer(client, HEAT, words, language="de")["energy-heat-note.children"]
    assert "unter null ist Einspeisung" in texts(note)


def test_the_choices_are_told_in_the_language_of_the_page(client: Client, home: Device) -> None:
    pairs = answer(client, SHOW, search(home, ""), language="de")["defaults.data"]["told"]
    choices = {identity["control"]: props for identity, props in pairs if "control" in identity}
    assert [item["label"] for item in choices["bucket"]["data"]] == ["Auto", "Stunde", "Tag", "Monat", "Jahr"]
    assert [item["label"] for item in choices["bars"]["data"]][:2] == ["Netz (nach Rolle)", "Alle Kanäle"]


# --- Heat map ----------------------------------------------------------------------------------------------------
def test_the_heat_map_is_of_the_chosen_port(client: Client, home: Device) -> None:
    told = answer(client, HEAT, search(home, "start=2026-10-24&stop=2026-10-27&heat=2"))
    (cells,) = told["energy-heat-drawn.data"]["data"]
    values = np.array(unpacked(cells["z"])).reshape(24, 3)
    assert values[:, 0].tolist() == [0.0] * 12 + [-2.0] * 12
    assert np.nansum(values) == pytest.approx(-2 * 36)
    assert "Europe/London" in texts(told["energy-heat-note.children"])


def test_the_heat_map_without_readings_says_so(client: Client, home: Device) -> None:
    told = answer(client, HEAT, search(home, "day=2026-09-01"))
    assert "no readings of this port" in texts(told["energy-heat-note.children"])


# --- Choices and rights ------------------------------------------------------------------------------------------
def told(client: Client, device: Device, words: str) -> dict[str, dict[str, Any]]:
    """What the choices are told to say, by name."""
    pairs = answer(client, SHOW, search(device, words))["defaults.data"]["told"]
    return {identity["control"]: props for identity, props in pairs if "control" in identity}


def test_the_choices_follow_the_address(client: Client, home: Device) -> None:
    choices = told(client, home, "bucket=day&bars=2&heat=4")
    assert [choices[name]["value"] for name in ("bucket", "bars", "heat")] == ["day", "2", "4"]
    choices = told(client, home, "bucket=week&bars=77&heat=x")
    assert [choices[name]["value"] for name in ("bucket", "bars", "heat")] == ["auto", "auto", "auto"]


def test_every_port_can_be_chosen(client: Client, home: Device) -> None:
    choices = told(client, home, "")
    labels = ["Grid (by role)", "All ports", "Grid", "Solar", "Battery", "Heater"]
    assert [item["label"] for item in choices["bars"]["data"]] == labels
    assert [item["label"] for item in choices["heat"]["data"]] == labels[2:]


def test_buckets_too_fine_for_the_range_cannot_be_chosen(client: Client, home: Device) -> None:
    buckets = told(client, home, "range=year")["bucket"]["data"]
    assert [item["value"] for item in buckets if item["disabled"]] == ["hour"]


@pytest.mark.parametrize("name", ALL)
def test_nobody_reads_a_device_that_is_not_theirs(home: Device, name: str) -> None:
    stranger = logged_in(make_user("eve"))
    response = ask(stranger, ALL[name], {"url.search": search(home, "day=2026-10-24")})
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_worked_out_for_the_other_view(client: Client, home: Device, name: str) -> None:
    assert ask(client, ALL[name], {"url.search": f"?device={home.pk}&day=2026-10-24"}).status_code == 204


@pytest.mark.parametrize("name", ALL)
def test_a_new_minute_changes_nothing_in_what_is_over(client: Client, home: Device, name: str) -> None:
    values = {"url.search": search(home, "day=2026-10-24")}
    assert ask(client, ALL[name], values, changed="energy-minute.data").status_code == 204
    assert ask(client, ALL[name], {"url.search": search(home, "")}, changed="energy-minute.data").status_code == 200


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "words", ["", "range=month", "range=year", "start=2026-10-24T10:20&stop=2026-10-24T12:00", "bars=all"]
)
def test_an_answer_takes_at_most_twelve_queries(client: Client, home: Device, name: str, words: str) -> None:
    DirtyBucket.objects.all().delete()  # as in everyday life: only the newest minutes wait for their rollup
    store_reading(home, to_ms(datetime.now(UTC)) - 1000, 1000, [-100.0, 1.0, 1.0, 1.0])
    with CaptureQueriesContext(connection) as queries:
        answer(client, ALL[name], search(home, words))
    assert len(queries) <= 12, [query["sql"][:100] for query in queries]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "words",
    ["", "range=month", "start=2026-10-24T10:20:30&stop=2026-10-24T12:00", "start=2026-10-24T10:20:30&stop=2099-01-01"],
)
def test_nor_more_while_minutes_wait_for_their_rollup(client: Client, home: Device, name: str, words: str) -> None:
    now_ms = to_ms(datetime.now(UTC))
    rollups.roll_up_closed(now_ms)
    store(home, steady(now_ms - 2 * HOUR_MS, now_ms, MINUTE_MS, -KW, KW, 0, -KW))
    hour = range(MIDNIGHT + 10 * HOUR_MS, MIDNIGHT + 11 * HOUR_MS, MINUTE_MS)
    DirtyBucket.objects.bulk_create(DirtyBucket(device=home, minute=minute) for minute in hour)
    with CaptureQueriesContext(connection) as queries:
        answer(client, ALL[name], search(home, words))
    assert DirtyBucket.objects.count() >= 180
    assert len(queries) <= 12, [query["sql"][:100] for query in queries]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe"])
def test_zones_off_the_hour_are_answered_too(client: Client, home: Device, name: str, zone: str) -> None:
    Device.objects.update(timezone=zone)
    DirtyBucket.objects.all().delete()
    store_reading(home, to_ms(datetime.now(UTC)) - 1000, 1000, [-100.0, 1.0, 1.0, 1.0])
    with CaptureQueriesContext(connection) as queries:
        answer(client, ALL[name], search(home, ""))
    assert len(queries) <= 12
