"""Every control of the plot does what it says: compared with what history answers, not with a picture."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from devices.models import Device
from readings import history
from readings.periods import HOUR_MS, MINUTE_MS, day_start, parse_time
from readings.quantities import ACTIVE_POWER, VOLTAGE
from tests.browser.conftest import PATIENCE_MS
from tests.factories import make_device
from tests.people import PASSWORD, make_user
from tests.readings.bulk import Answer, roll_up, steady, store

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = "2026-11-18"
MIDNIGHT = parse_time(f"{DAY}T00:00:00Z")
SPIKE = MIDNIGHT + 14 * HOUR_MS + 17 * MINUTE_MS
NOW = MIDNIGHT + 25 * HOUR_MS


@pytest.fixture
def meter() -> Device:
    """A day by minutes: 1 kW from the grid, 0.5 kW from the roof, an hour recovered, a gap, and a second of 9 kW."""
    device = make_device("A", name="Meter", ports=["Grid", "Solar"], last_seen=datetime.now(UTC))
    answers = steady(MIDNIGHT, MIDNIGHT + 8 * HOUR_MS, MINUTE_MS, -10_000, 5_000)
    answers += [
        Answer(answer.time, answer.window_ms, answer.powers, recovered=True)
        for answer in steady(MIDNIGHT + 8 * HOUR_MS, MIDNIGHT + 9 * HOUR_MS, MINUTE_MS, -10_000, 5_000)
    ]
    answers += steady(MIDNIGHT + 12 * HOUR_MS, SPIKE, MINUTE_MS, -10_000, 5_000)
    answers.append(Answer(SPIKE + 1000, 1000, (-90_000, 5_000)))
    answers += steady(SPIKE + 1000, SPIKE + 4 * HOUR_MS + 1000, MINUTE_MS, -10_000, 5_000)
    store(device, answers)
    roll_up(NOW)
    return device


@pytest.fixture
def opened(page: Page, live_server: LiveServer, meter: Device) -> Page:
    make_user("anna", sees=[meter], password=PASSWORD)
    page.goto(f"{live_server.url}/?day={DAY}")
    page.locator("[name=username]").fill("anna")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form [type=submit]").first.click()
    expect(page.locator("#plot .legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    return page


def words(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for(page: Page, name: str, value: str | None) -> None:
    """Until the address says this."""
    page.wait_for_function(
        "([name, value]) => new URLSearchParams(location.search).get(name) === value", arg=[name, value]
    )


def traces(page: Page) -> dict[str, dict[str, Any]]:
    """What is drawn, by uid: times of the axis, values as plotly read them, and what it looks like."""
    told = page.evaluate(
        """() => JSON.stringify(Object.fromEntries(document.querySelector('#plot .js-plotly-plot')._fullData.map(
            (trace) => [trace.uid, {
                y: Array.from(trace._input.y && trace._input.y._inputArray || trace.y || []),
                x: Array.from(trace._input.x && trace._input.x._inputArray || []),
                shape: trace.line.shape, visible: trace.visible, dash: trace.line.dash,
            }])))"""
    )
    found: dict[str, dict[str, Any]] = json.loads(told)
    return found


def wait_for_drawing(page: Page, words_of_reading: str) -> None:
    expect(page.locator("#plot-read")).to_contain_text(words_of_reading)
    expect(page.locator("#plot .legendtext").first).to_be_visible()  # a first one takes a moment longer than its words


def grid_of(page: Page, device: Device) -> dict[str, Any]:
    return traces(page)[f"port-{device.ports.get(number=1).pk}"]


def lowest(values: list[float | None]) -> float:
    return min(value for value in values if value is not None)


def test_the_points_are_those_of_history(opened: Page, meter: Device) -> None:
    wait_for_drawing(opened, "points of a minute")
    ports = list(meter.ports.order_by("number"))
    series = history.series(ports, ACTIVE_POWER, MIDNIGHT, MIDNIGHT + 24 * HOUR_MS, now_ms=NOW, resolution="minute")
    for port, line in zip(ports, series.lines, strict=True):
        drawn = [value for value in traces(opened)[f"port-{port.pk}"]["y"] if value is not None]
        expected = line.values[np.isfinite(line.values)] / 1000
        assert drawn == pytest.approx(expected.tolist(), abs=1e-5)
    values = grid_of(opened, meter)["y"]
    assert None in values[: 12 * 60], "three hours are missing, and no line is drawn across them"
    assert f"port-{ports[0].pk}-recovered" in traces(opened), "and the recovered hour looks different"


def test_resolution_sign_and_quantity(opened: Page, meter: Device) -> None:
    choose(opened, "Hour")
    wait_for(opened, "resolution", "hour")
    wait_for_drawing(opened, "points of an hour")
    assert grid_of(opened, meter)["shape"] == "hv"

    opened.get_by_text("Import is positive").click()
    wait_for(opened, "sign", "positive")
    opened.wait_for_function("() => document.querySelector('.ytitle').textContent.includes('above')")
    assert lowest(grid_of(opened, meter)["y"]) == pytest.approx(1.0)

    opened.get_by_role("textbox", name="Quantity").click()
    opened.get_by_role("option", name="AC voltage").click()
    wait_for(opened, "quantity", "voltage")
    expect(opened.locator("#plot .legendtext")).to_have_text(["Meter"])
    line = history.series([meter], VOLTAGE, MIDNIGHT, MIDNIGHT + 24 * HOUR_MS, now_ms=NOW, resolution="hour").lines[0]
    assert lowest(traces(opened)["unit"]["y"]) == pytest.approx(float(np.nanmin(line.values)), abs=1e-3)

    opened.go_back()
    opened.go_back()
    wait_for(opened, "sign", None)
    expect(opened.locator("#plot .legendtext")).to_have_text(["Grid", "Solar"])


def test_a_second_of_nine_kilowatts_is_seen_in_a_year(opened: Page, meter: Device, live_server: LiveServer) -> None:
    opened.goto(f"{live_server.url}/?start=2026-01-01T00:00&stop=2027-01-01T00:00&resolution=day")
    wait_for_drawing(opened, "of a day")
    choose(opened, "Auto")
    wait_for(opened, "resolution", None)
    wait_for_drawing(opened, "Bands reach from the lowest to the highest reading.")
    band = traces(opened)[f"port-{meter.ports.get(number=1).pk}-band"]
    assert lowest(band["y"]) == pytest.approx(-9.0)
    assert lowest(grid_of(opened, meter)["y"]) > -2.0


def choose(page: Page, resolution: str) -> None:
    page.get_by_role("radiogroup", name="Resolution").get_by_text(resolution, exact=True).click()


def drag(page: Page, from_part: float, to_part: float) -> None:
    box = page.locator("#plot .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * from_part, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * to_part, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()


def test_zooming_reads_finer_data_and_a_double_click_goes_back(opened: Page, meter: Device) -> None:
    wait_for_drawing(opened, "points of a minute")
    drag(opened, 14 / 24, 14.6 / 24)
    opened.wait_for_function("() => location.search.includes('zoom=')")
    wait_for_drawing(opened, "readings.")
    start, end = (int(part) for part in words(opened)["zoom"].split("_")[:2])
    assert start == pytest.approx(MIDNIGHT + 14 * HOUR_MS, abs=5 * MINUTE_MS)
    assert start < SPIKE < end
    assert lowest(grid_of(opened, meter)["y"]) == pytest.approx(-9.0), "the second itself, and no mean of a minute"

    opened.reload()
    wait_for_drawing(opened, "readings.")
    assert int(words(opened)["zoom"].split("_")[0]) == start, "a link opened by a colleague shows the same"

    opened.locator("#plot .nsewdrag").dblclick()
    wait_for(opened, "zoom", None)
    wait_for_drawing(opened, "points of a minute")
    assert opened.evaluate("() => document.querySelector('#plot .js-plotly-plot').layout.xaxis.range") == [
        "2026-11-18",
        "2026-11-19",
    ]


def test_buttons_fill_start_and_stop(opened: Page) -> None:
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday())
    opened.get_by_role("link", name="Last week").click()
    wait_for(opened, "range", "last-week")
    start = opened.get_by_label("Date of the start")
    expect(start).to_have_value(told(monday - timedelta(days=7)))
    expect(opened.get_by_label("Date of the stop")).to_have_value(told(monday))
    opened.get_by_role("link", name="Start a day later").click()
    expect(start).to_have_value(told(monday - timedelta(days=6)))
    opened.get_by_role("link", name="Stop a day earlier").click()
    expect(opened.get_by_label("Date of the stop")).to_have_value(told(monday - timedelta(days=1)))
    opened.get_by_role("link", name="This year").click()
    expect(start).to_have_value(told(today.replace(month=1, day=1)))


def told(day: Any) -> str:
    return f"{day.day} {day:%b %Y}"


def test_start_and_stop_can_be_typed_and_a_start_after_the_stop_loses_nothing(opened: Page, meter: Device) -> None:
    stop = opened.get_by_label("Time of the stop")
    opened.get_by_label("Time of the start").fill("12:00")
    wait_for(opened, "start", f"{DAY}T12:00")
    wait_for(opened, "stop", "2026-11-19T00:00")
    opened.get_by_label("Date of the stop").fill(DAY)
    opened.get_by_label("Date of the stop").press("Enter")
    expect(opened.get_by_role("alert").filter(has_text="not before the stop")).to_be_visible()
    expect(opened.get_by_label("Time of the start")).to_have_value("12:00")
    expect(opened.get_by_label("Date of the start")).to_have_value("18 Nov 2026")
    stop.fill("13:30")
    wait_for(opened, "stop", f"{DAY}T13:30")
    expect(opened.locator(".ct6-energy tbody tr").nth(0)).to_have_text("Grid1.501.500.00")


def test_an_answer_between_two_keys_takes_nothing_away_of_what_is_typed(opened: Page) -> None:
    """Here of another field: the server tells all of them what they say, also the one that is not whole yet."""
    lowest_value = opened.get_by_label("Lowest value on the axis")
    lowest_value.press_sequentially("-")
    told_anew(opened, "ymax", "7")
    expect(opened.get_by_label("Highest value on the axis")).to_have_value("7")
    expect(lowest_value).to_have_value("-")
    lowest_value.press_sequentially("3")
    told_anew(opened, "ymax", "8")
    lowest_value.press_sequentially(".5")
    wait_for(opened, "ymin", "-3.5")
    expect(lowest_value).to_have_value("-3.5")

    start = opened.get_by_label("Time of the start")
    start.focus()
    opened.keyboard.press("Backspace")  # no hour, so that it is no time
    opened.keyboard.press("ArrowRight")
    opened.keyboard.type("45")
    told_anew(opened, "ymax", "9")
    for _ in range(3):
        opened.keyboard.press("ArrowLeft")  # to the hour, also where AM and PM stand behind
    opened.keyboard.type("09")
    wait_for(opened, "start", f"{DAY}T09:45")
    expect(start).to_have_value("09:45")


def test_what_is_not_whole_when_a_field_is_left_is_taken_back(opened: Page) -> None:
    lowest_value, start = opened.get_by_label("Lowest value on the axis"), opened.get_by_label("Time of the start")
    lowest_value.press_sequentially("-")
    start.focus()
    expect(lowest_value).to_have_value("")
    opened.keyboard.press("Backspace")
    expect(start).to_have_value("")
    lowest_value.focus()
    expect(start).to_have_value("00:00")
    assert words(opened) == {"day": DAY}


def told_anew(page: Page, name: str, value: str) -> None:
    """The address changes by another hand, and all of its answer has come."""
    with page.expect_response(lambda response: "tabs.children" in (response.request.post_data or "")):
        page.evaluate(
            """([name, value]) => {
                const words = new URLSearchParams(location.search);
                words.set(name, value);
                window.dash_clientside.set_props("url", { search: "?" + words });
            }""",
            [name, value],
        )
    page.wait_for_load_state("networkidle")


def type_date(page: Page, text: str) -> Locator:
    """As people do: over what stands there, key by key, and on to the next field."""
    field = page.locator(".ct6-date input").first
    field.fill("")
    field.press_sequentially(text)
    field.press("Tab")
    return field


def read_as(page: Page, typed: dict[str, str]) -> None:
    for text, date in typed.items():
        type_date(page, text)
        wait_for(page, "start", f"{date}T00:00")


@pytest.mark.browser_context_args(locale="en-GB")
def test_dates_are_read_as_british_people_type_them(opened: Page) -> None:
    year = datetime.now(UTC).year
    typed = {
        "5/11/2026": "2026-11-05",
        "6.11.2026": "2026-11-06",
        "7-11-26": "2026-11-07",
        "2026-11-08": "2026-11-08",
        "9 nov": f"{year}-11-09",
        "10 Sept 2026": "2026-09-10",
        "11/11": f"{year}-11-11",
        "November 12th, 2026": "2026-11-12",
    }
    read_as(opened, typed)
    opened.get_by_label("Date of the start").click()
    opened.get_by_role("button", name="16 November 2026").click()
    wait_for(opened, "start", "2026-11-16T00:00")


@pytest.mark.browser_context_args(locale="en-US")
def test_an_american_slash_stands_behind_the_month(opened: Page) -> None:
    read_as(opened, {"11/5/2026": "2026-11-05", "Nov 6, 2026": "2026-11-06", "7.11.2026": "2026-11-07"})


@pytest.mark.browser_context_args(locale="de-DE")
def test_dates_are_read_as_germans_type_them(opened: Page) -> None:
    year = datetime.now(UTC).year
    typed = {
        "5.11.2026": "2026-11-05",
        "6. November 2026": "2026-11-06",
        "07.11.": f"{year}-11-07",
        "8. 11. 26": "2026-11-08",
        "3. März 2026": "2026-03-03",
        "4 Okt 2026": "2026-10-04",
        "5 Oct 2026": "2026-10-05",
        "9/11/2026": "2026-11-09",
    }
    read_as(opened, typed)


@pytest.mark.parametrize(
    "text", ["31 Feb 2026", "32.13.2026", "31.11.2026", "29.2.2026", "5 Brumaire 2026", "1.1.1066"]
)
def test_what_is_no_date_leaves_the_field_as_it_was(opened: Page, text: str) -> None:
    """Not even the 31st of January, with which the 31st of November begins."""
    field = type_date(opened, text)
    expect(field).to_have_value("18 Nov 2026")
    opened.get_by_label("Time of the start").fill("12:34")
    wait_for(opened, "start", f"{DAY}T12:34")
    expect(field).to_have_value("18 Nov 2026")


def test_limits_and_zoom_of_the_values_turn_over_with_the_sign(opened: Page, live_server: LiveServer) -> None:
    opened.goto(f"{live_server.url}/?day={DAY}&ymin=-3&ymax=0&zoom=__-2_1")
    drawn = """(range) => {
        const graph = document.querySelector("#plot .js-plotly-plot");
        return graph && graph.layout.yaxis.range && graph.layout.yaxis.range.map(Number).join() === range;
    }"""
    opened.wait_for_function(drawn, arg="-2,1")
    opened.get_by_text("Import is positive").click()
    opened.wait_for_function(drawn, arg="-1,2")
    assert (words(opened)["ymin"], words(opened)["ymax"], words(opened)["zoom"]) == ("0", "3", "__-1_2")
    expect(opened.get_by_label("Highest value on the axis")).to_have_value("3")
    opened.get_by_text("Import is negative").click()
    opened.wait_for_function(drawn, arg="-2,1")
    assert (words(opened)["ymin"], words(opened)["ymax"], words(opened)["zoom"]) == ("-3", "0", "__-2_1")


def test_limits_of_the_axis(opened: Page) -> None:
    opened.get_by_label("Lowest value on the axis").fill("-3")
    wait_for(opened, "ymin", "-3")
    opened.get_by_label("Highest value on the axis").fill("2.5")
    wait_for(opened, "ymax", "2.5")
    opened.wait_for_function(
        "() => document.querySelector('#plot .js-plotly-plot').layout.yaxis.range.map(Number).join() === '-3,2.5'"
    )
    opened.get_by_label("Lowest value on the axis").fill("")
    wait_for(opened, "ymin", None)


def test_the_legend_shows_hides_and_isolates_and_that_survives_new_data(opened: Page, meter: Device) -> None:
    def shown() -> list[str]:
        return sorted(uid.split("-")[1] for uid, trace in traces(opened).items() if trace["visible"] is True)

    grid, solar = (str(pk) for pk in meter.ports.order_by("number").values_list("pk", flat=True))
    legend: Locator = opened.locator("#plot .legendtoggle")
    legend.nth(0).dblclick()
    opened.wait_for_function(
        "() => document.querySelector('#plot .js-plotly-plot').data.some((trace) => trace.visible === 'legendonly')"
    )
    assert set(shown()) == {grid}
    wait_for(opened, "hidden", "2")
    choose(opened, "Day")
    wait_for_drawing(opened, "of a day")
    assert set(shown()) == {grid}
    opened.reload()
    wait_for_drawing(opened, "of a day")
    assert set(shown()) == {grid}, "a link opened by a colleague shows the same"
    legend.nth(1).click()
    wait_for(opened, "hidden", None)
    opened.wait_for_function(
        "() => !document.querySelector('#plot .js-plotly-plot').data.some((trace) => trace.visible === 'legendonly')"
    )
    assert set(shown()) == {grid, solar}
    opened.go_back()
    wait_for(opened, "hidden", "2")
    opened.wait_for_function(
        "() => document.querySelector('#plot .js-plotly-plot').data.some((trace) => trace.visible === 'legendonly')"
    )
    assert set(shown()) == {grid}


def test_the_legend_by_keyboard(opened: Page) -> None:
    """Enter and the space bar show and hide a line, Shift+Enter shows it alone; the focus stays where it is."""
    grid, solar = (opened.locator("#plot").get_by_role("button", name=name, exact=True) for name in ("Grid", "Solar"))
    expect(grid).to_have_attribute("aria-pressed", "true")
    opened.locator("#plot .modebar-btn").last.focus()
    grid.focus()
    opened.keyboard.press("Tab")
    expect(solar).to_be_focused()
    opened.keyboard.press("Enter")
    wait_for(opened, "hidden", "2")
    expect(solar).to_have_attribute("aria-pressed", "false")
    expect(solar).to_be_focused()
    opened.keyboard.press(" ")
    wait_for(opened, "hidden", None)
    expect(solar).to_have_attribute("aria-pressed", "true")
    opened.keyboard.press("Shift+Enter")
    wait_for(opened, "hidden", "1")
    expect(grid).to_have_attribute("aria-pressed", "false")
    choose(opened, "Day")
    wait_for_drawing(opened, "of a day")
    expect(grid).to_have_attribute("aria-pressed", "false")
    solar.focus()
    opened.keyboard.press("Shift+Enter")
    wait_for(opened, "hidden", None)
    expect(grid).to_have_attribute("aria-pressed", "true")


def test_the_peak_day(opened: Page, meter: Device, live_server: LiveServer) -> None:
    start = day_start(MIDNIGHT, "UTC") - 24 * HOUR_MS
    store(meter, steady(start, start + 24 * HOUR_MS, MINUTE_MS, -20_000, 0))
    roll_up(NOW)
    opened.goto(f"{live_server.url}/?start=2026-11-16T00:00&stop=2026-11-19T00:00")
    expect(opened.get_by_label("Date of the start")).to_have_value("16 Nov 2026")
    opened.get_by_role("textbox", name="Peak day of").click()
    opened.get_by_role("option", name="Grid").click()
    answer = opened.locator("#peak").get_by_role("status")
    expect(answer).to_have_text("Most was imported, 48.00 kWh, on Tuesday 17 November 2026")
    expect(opened.locator("#peak")).to_contain_text("1 left out")
    answer.get_by_role("link").click()
    wait_for(opened, "day", "2026-11-17")


CONTRASTS = """(selector, around) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) =>
    (colour.startsWith("color(") ? part : part / 255)).map((part) =>
    (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const weights = [0.2126, 0.7152, 0.0722];
  const luminance = (colour) => parts(colour).reduce((sum, part, index) => sum + part * weights[index], 0);
  return Array.from(document.querySelectorAll(selector), (label) => {
    const ground = getComputedStyle(label.closest(around)).backgroundColor;
    const both = [luminance(getComputedStyle(label).color), luminance(ground)].sort((one, other) => one - other);
    return getComputedStyle(label).opacity * (both[1] + 0.05) / (both[0] + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_choices_that_are_not_chosen_are_readable(opened: Page, scheme: Literal["light", "dark"]) -> None:
    opened.emulate_media(color_scheme=scheme)
    expect(opened.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
    readable = f"([selector, around]) => Math.min(...({CONTRASTS})(selector, around)) >= 4.5"
    opened.wait_for_function(readable, arg=[".ct6-one-of label:not([data-active])", ".ct6-one-of"])
    opened.get_by_label("Date of the start").click()
    expect(opened.locator("[data-dates-dropdown] [data-outside]").first).to_be_visible()
    for part in ("thead th", "[data-outside]"):
        opened.wait_for_function(readable, arg=[f"[data-dates-dropdown] {part}", "[data-dates-dropdown]"])


@pytest.mark.browser_context_args(locale="de-DE")
def test_a_german_browser_gets_a_german_page_on_which_nothing_is_cut_off(opened: Page) -> None:
    expect(opened.get_by_role("link", name="Letzte Woche")).to_be_visible()
    expect(opened.locator(".ytitle")).to_have_text("Wirkleistung, kW  (Bezug unter null)")
    expect(opened.locator("#plot .modebar-btn").first).to_have_attribute("data-title", "Als PNG-Bild speichern")
    for width in (1440, 390):
        opened.set_viewport_size({"width": width, "height": 844})
        opened.wait_for_function("(width) => document.documentElement.scrollWidth === width", arg=width)
        cut = (
            "() => Array.from(document.querySelectorAll('.ct6-energy, .ct6-step, .ct6-one-of, .ct6-tile, .ct6-field'))"
        )
        assert opened.evaluate(f"({cut})().filter((each) => each.scrollWidth > each.clientWidth + 1).length") == 0


def box_of(found: Locator) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    box = found.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


@pytest.mark.browser_context_args(locale="de-DE")
def test_on_a_phone_nothing_lies_on_or_touches_anything_else(opened: Page, live_server: LiveServer) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    bar = opened.locator("#plot .modebar")
    expect(bar).to_have_css("opacity", "1")
    opened.wait_for_function("() => document.querySelector('#plot .js-plotly-plot').clientWidth < 390")
    assert box_of(bar)[3] <= box_of(opened.locator("#plot .legend"))[1]
    assert box_of(bar)[1] >= box_of(opened.locator("#plot-choices"))[3]
    for link in ("CSV", "Excel"):
        assert (
            opened.get_by_role("link", name=link).first.evaluate("(link) => link.getBoundingClientRect().height") >= 24
        )
    margins = opened.locator(".ct6-preset").evaluate_all(
        """(links) => links.map((link) => {
            const words = document.createRange();
            words.selectNode(link.firstChild);
            return (link.getBoundingClientRect().width - words.getBoundingClientRect().width) / 2;
        })"""
    )
    assert len(margins) == 8
    assert min(margins) >= 6
    opened.goto(f"{live_server.url}/?range=today")
    earlier, freshness = opened.locator(".ct6-range > .ct6-step").first, opened.locator("#freshness")
    expect(freshness).to_contain_text("UTC")
    left, right = box_of(earlier), box_of(freshness)
    assert left[2] <= right[0], "beside each other"
    assert right[1] <= (left[1] + left[3]) / 2 <= right[3]


@pytest.mark.browser_context_args(locale="de-DE")
def test_numbers_are_written_in_the_browsers_locale(opened: Page) -> None:
    expect(opened.locator(".ct6-total td").nth(1)).to_have_text(to_german(opened.locator(".ct6-total td").nth(1)))
    assert opened.evaluate("() => document.querySelector('#plot .js-plotly-plot').layout.separators") == ",."


def to_german(cell: Locator) -> str:
    text = cell.inner_text()
    assert "," in text
    return text
