"""The energy view in a real browser: its numbers are those of history."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from devices.models import Device
from readings import history
from readings.periods import HOUR_MS, MINUTE_MS, parse_time, to_ms
from tests.browser.conftest import PATIENCE_MS
from tests.factories import make_device
from tests.people import PASSWORD, make_user
from tests.readings.bulk import steady, store

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SATURDAY = parse_time("2026-10-24T00:00:00Z")
DAY_MS = 24 * HOUR_MS
KW = 10_000


@pytest.fixture
def home() -> Device:
    """Two days: 1 kW from the grid and 3 kW from the sun in the first, 2 kW from the grid alone in the second."""
    device = make_device(ports=["Grid", "Solar", "Heater"], last_seen=datetime.now(UTC))
    for number, role in enumerate(("grid", "solar", "load"), start=1):
        device.ports.filter(number=number).update(role=role)
    store(device, steady(SATURDAY, SATURDAY + DAY_MS, 30 * MINUTE_MS, -KW, 3 * KW, -KW))
    store(device, steady(SATURDAY + DAY_MS, SATURDAY + 2 * DAY_MS, 30 * MINUTE_MS, -2 * KW, 0, -KW))
    make_user("anna", sees=[device], password=PASSWORD)
    return device


def log_in(page: Page, live_server: LiveServer, words: str) -> None:
    page.goto(f"{live_server.url}/login/?next=/%3Fview=energy%26{words.replace('&', '%26')}")
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def drawn(page: Page) -> Locator:
    """The bars of this period, without those of the period before."""
    return page.locator("#energy-bars .overplot .xy2 .bars .point path, #energy-bars .xy2 .bars .point path")


def values_of(page: Page, name: str) -> list[float | None]:
    """The bars of a trace in kWh, as the page holds them."""
    values: list[float | None] = page.evaluate(
        """(name) => {
            const graph = document.querySelector("#energy-bars .js-plotly-plot");
            const trace = graph._fullData.find((trace) => trace.name === name);
            return Array.from(trace.y, (value) => Number.isNaN(value) ? null : value);
        }""",
        name,
    )
    return values


def test_the_bars_and_the_balance_are_those_of_history(page: Page, live_server: LiveServer, home: Device) -> None:
    log_in(page, live_server, "day=2026-10-25")
    expect(drawn(page).first).to_be_visible(timeout=PATIENCE_MS)
    grid = home.ports.get(number=1)
    hours = history.energy([grid], SATURDAY + DAY_MS, SATURDAY + 2 * DAY_MS, "hour", now_ms=SATURDAY + 3 * DAY_MS)
    assert values_of(page, "Import") == pytest.approx([hour.import_kwh for hour in hours])
    assert values_of(page, "Sat 24 Oct 2026") == [1.0] * 24

    balance = page.get_by_role("region", name="Balance")
    expect(balance).to_contain_text("48.00 kWh")
    expect(balance).to_contain_text("= 1 − import ÷ home")
    row = page.get_by_role("region", name="Compared with before").get_by_role("row", name="From the grid")
    expect(row).to_contain_text("+100.0 %")
    expect(page.locator("#energy-flow .sankey-node")).to_have_count(4)
    expect(page.locator("#energy-heat .heatmaplayer image")).to_have_count(1)
    assert "bucket" not in page.url, "what nobody chose is not in the address"

    page.locator(".ct6-energy-choices").get_by_text("Day", exact=True).click()
    expect(page).to_have_url(f"{live_server.url}/?view=energy&day=2026-10-25&bucket=day")
    page.wait_for_function(
        "() => document.querySelector('#energy-bars .js-plotly-plot')._fullLayout.xaxis._categories.length === 1"
    )
    assert values_of(page, "Import") == [48.0]

    page.locator("input[aria-label='Bars of']").click()
    page.get_by_role("option", name="All ports").click()
    expect(page.locator("#energy-bars .legendtext")).to_have_text(["Sat 24 Oct 2026", "Grid", "Solar", "Heater"])
    page.go_back()
    expect(page.locator("#energy-bars .legendtext")).to_have_text(["Sat 24 Oct 2026", "Import", "Export"])


def test_the_energy_view_fits_a_phone(page: Page, live_server: LiveServer, home: Device) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, live_server, "day=2026-10-24")
    expect(page.locator("#energy-flow .sankey-node").first).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


class Asked:
    """Which parts of the view the page asks the server for, but for the look that it takes once a minute."""

    def __init__(self, page: Page) -> None:
        self.parts: list[str] = []
        page.on("request", self.hear)

    def hear(self, request: Request) -> None:
        if "/_dash-update-component" in request.url:
            asked = json.loads(request.post_data or "{}")
            if asked["changedPropIds"] == ["energy-minute.data"]:
                return
            output = asked["output"]
            self.parts += [part for part in ("bars", "balance", "heat") if f"energy-{part}-" in output]


def test_a_choice_asks_for_its_own_part_alone_and_keeps_the_focus(
    page: Page, live_server: LiveServer, home: Device
) -> None:
    log_in(page, live_server, "day=2026-10-25")
    expect(page.locator("#energy-heat .heatmaplayer image")).to_have_count(1, timeout=PATIENCE_MS)
    asked = Asked(page)
    hour = page.locator(".ct6-energy-choices input[value=hour]")
    hour.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{live_server.url}/?view=energy&day=2026-10-25&bucket=day")
    page.wait_for_function(
        "() => document.querySelector('#energy-bars .js-plotly-plot')._fullLayout.xaxis._categories.length === 1"
    )
    assert page.evaluate("() => document.activeElement.value") == "day"
    assert asked.parts == ["bars"]

    asked.parts.clear()
    heat = page.locator("input[aria-label='Heat map of']")
    heat.focus()
    chosen = page.locator("[role=option][data-combobox-selected]")
    page.keyboard.press("ArrowDown")  # it opens, and then goes to the port that is shown
    expect(chosen).to_have_count(1)
    first = chosen.inner_text()
    page.keyboard.press("ArrowDown")
    expect(chosen).not_to_have_text(first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}/?view=energy&day=2026-10-25&bucket=day&heat=2")
    expect(heat).to_be_focused()
    page.wait_for_function("() => document.querySelector('#energy-heat .js-plotly-plot').data[0].zmax === 1")
    assert asked.parts == ["heat"]


@pytest.mark.browser_context_args(locale="de-DE")
def test_words_and_numbers_follow_the_browser(page: Page, live_server: LiveServer, home: Device) -> None:
    page.goto(f"{live_server.url}/login/?next=/%3Fview=energy%26day=2026-10-24")
    page.get_by_label("Benutzername").fill("anna")
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    balance = page.get_by_role("region", name="Bilanz")
    expect(balance).to_contain_text("Aus dem Netz24,00 kWh", timeout=PATIENCE_MS)
    expect(page.locator("#energy-flow")).to_contain_text("72,0 kWh", timeout=PATIENCE_MS)
    for graph in ("bars", "flow", "heat"):
        page.wait_for_function(
            "(name) => document.querySelector(`#energy-${name} .js-plotly-plot`).layout.separators === ',.'", arg=graph
        )
    page.get_by_text("anna").click()
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{live_server.url}/?view=energy&day=2026-10-24")
    expect(page.get_by_role("region", name="Balance")).to_contain_text("From the grid24,00 kWh", timeout=PATIENCE_MS)


def test_the_balance_says_what_the_table_said_a_moment_ago(page: Page, live_server: LiveServer, home: Device) -> None:
    """Both count on while the range goes on, the balance once a minute: but whoever comes from the table sees its
    numbers."""
    now_ms = to_ms(datetime.now(UTC))
    store(home, steady(now_ms - 2 * HOUR_MS, now_ms - HOUR_MS, MINUTE_MS, -6 * KW, 0, 0))
    edges = [f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT00:00}" for days in (-1, 2)]
    log_in(page, live_server, f"start={edges[0]}&stop={edges[1]}")
    balance, total = page.get_by_role("region", name="Balance"), page.locator("#energy tbody tr").first
    expect(balance).to_contain_text("From the grid6.00 kWh", timeout=PATIENCE_MS)
    page.get_by_text("Plot", exact=True).first.click()
    expect(total).to_have_text("Grid6.006.000.00", timeout=PATIENCE_MS)
    store(home, steady(now_ms - HOUR_MS, now_ms - HOUR_MS // 2, MINUTE_MS, -6 * KW, 0, 0))
    expect(total).to_have_text("Grid9.009.000.00", timeout=PATIENCE_MS)
    page.get_by_text("Energy", exact=True).first.click()
    expect(balance).to_contain_text("From the grid9.00 kWh", timeout=2_500)


def test_the_legend_of_the_bars_is_reached_by_keyboard(page: Page, live_server: LiveServer, home: Device) -> None:
    log_in(page, live_server, "day=2026-10-25&bars=all")
    solar = page.locator("#energy-bars").get_by_role("button", name="Solar")
    expect(solar).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    solar.focus()
    page.keyboard.press("Enter")
    expect(solar).to_have_attribute("aria-pressed", "false")
    expect(solar).to_be_focused()
    assert values_of(page, "Grid")
    hidden = (
        "() => document.querySelector('#energy-bars .js-plotly-plot').data.filter((t) => t.visible !== true).length"
    )
    assert page.evaluate(hidden) == 2, "import and export of one port go together"
