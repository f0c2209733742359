"""What appears by itself in a real browser: new values in the tiles, silence, and units that wait to be adopted."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from devices.models import Device
from readings.periods import SECOND_MS, to_ms
from tests.browser.conftest import PATIENCE_MS, Complaints
from tests.factories import make_device, store_answer
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SOON_MS = 5_000  # as soon as a new value has to be seen

PRESS = """async (body) => {
  const token = document.cookie.split("; ").find((part) => part.startsWith("csrftoken=")).slice("csrftoken=".length);
  const answer = await fetch("/dpd/app/Dashboard/_dash-update-component", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
  });
  return answer.status;
}"""


def now_ms() -> int:
    return to_ms(datetime.now(UTC))


@pytest.fixture
def attic(settings: Settings) -> Device:
    """A device that has just answered: 1.5 kW from the grid, 2 kW from the roof. It counts as silent after a minute."""
    settings.CT6_PERIOD = 12.0  # a slow machine takes longer than ten seconds to log in
    device = make_device("A", name="Attic", ports=["Grid", "Solar"])
    store_answer(device, now_ms(), SECOND_MS, [-1500.0, 2000.0])
    return device


@pytest.fixture
def newcomer() -> Device:
    return make_device("N", name="Newcomer", ports=["Grid"], adoption="pending")


def log_in(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url)
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def tile(page: Page, name: str) -> Locator:
    return page.locator(".ct6-tile").filter(has=page.locator(".ct6-tile-name", has_text=name))


def test_a_new_answer_changes_the_texts_of_the_tiles_and_nothing_else(
    page: Page, live_server: LiveServer, attic: Device
) -> None:
    make_user("anna", sees=[attic], password=PASSWORD)
    log_in(page, live_server)
    grid, solar = tile(page, "Grid"), tile(page, "Solar")
    expect(grid.locator(".ct6-tile-now")).to_have_text("1.50 kWimport", timeout=PATIENCE_MS)
    expect(solar.locator(".ct6-tile-now")).to_have_text("2.00 kWexport")
    expect(page.locator(".ct6-figures")).to_contain_text("230.0 V")
    grid.focus()
    page.evaluate("() => { window.before = document.activeElement; }")

    store_answer(attic, now_ms(), 1, [250.0, 0.0])
    expect(grid.locator(".ct6-tile-now")).to_have_text("0.250 kWexport", timeout=SOON_MS)
    expect(solar.locator(".ct6-tile-now")).to_have_text("0.000 kWidle")
    expect(grid).to_be_focused()
    assert page.evaluate("() => window.before.isConnected && document.activeElement === window.before")


def test_a_silent_device_says_so_on_strip_and_tab(page: Page, live_server: LiveServer, attic: Device) -> None:
    make_user("anna", sees=[attic], password=PASSWORD)
    store_answer(attic, now_ms() - 600 * SECOND_MS, SECOND_MS, [-1500.0, 2000.0])
    log_in(page, live_server)
    expect(page.locator("#freshness").get_by_role("status")).to_contain_text("No data since", timeout=PATIENCE_MS)
    expect(page.locator("#panel").get_by_text("No data since")).to_have_count(1)
    expect(tile(page, "Grid").locator(".ct6-tile-now")).to_have_text("– kWno data")
    expect(page.get_by_role("tab", name="Attic")).to_contain_text("No data since")

    store_answer(attic, now_ms(), SECOND_MS, [-1500.0, 2000.0])
    expect(page.locator(".ct6-fresh")).to_contain_text("Measured at", timeout=SOON_MS)


def test_a_tile_shows_its_port_alone_and_again_all(page: Page, live_server: LiveServer, attic: Device) -> None:
    make_user("anna", sees=[attic], password=PASSWORD)
    log_in(page, live_server)
    left_out = "() => (document.querySelector('.js-plotly-plot')?.data || []).filter((t) => t.visible === 'legendonly')"
    names = f"({left_out})().map((t) => t.name)"
    solar = tile(page, "Solar")
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    solar.focus()
    page.keyboard.press("Enter")
    expect(solar).to_have_attribute("aria-pressed", "true")
    assert "Grid" in page.evaluate(names)
    assert "Solar" not in page.evaluate(names)
    assert parse_qs(urlsplit(page.url).query) == {"hidden": ["1"]}

    page.reload()
    expect(solar).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"() => ({names}).includes('Grid')")
    solar.click()
    expect(solar).to_have_attribute("aria-pressed", "false")
    page.wait_for_function(f"() => ({names}).length === 0")
    assert urlsplit(page.url).query == ""


def test_a_tile_is_not_undone_by_a_figure_that_was_on_its_way(
    page: Page, live_server: LiveServer, attic: Device
) -> None:
    make_user("anna", sees=[attic], password=PASSWORD)
    log_in(page, live_server)
    left_out = "() => document.querySelector('.js-plotly-plot').data.filter((t) => t.visible === 'legendonly').length"
    solar = tile(page, "Solar")
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        if "plot-drawn" in (route.request.post_data or "") and not waiting:
            waiting.append(route)
        else:
            route.fallback()

    page.route(re.compile("/_dash-update-component"), hold)
    with page.expect_request(lambda request: "plot-drawn" in (request.post_data or "")):
        page.get_by_role("radiogroup", name="Resolution").get_by_text("Min", exact=True).click()
    solar.click()
    expect(page).to_have_url(re.compile("hidden=1"))
    waiting[0].continue_()
    expect(page.locator("#plot-read")).to_contain_text("a minute")
    page.wait_for_function(f"() => ({left_out})() > 0")


def test_points_of_an_hour_are_not_read_anew_with_every_answer(
    page: Page, live_server: LiveServer, attic: Device
) -> None:
    make_user("anna", sees=[attic], password=PASSWORD)
    page.goto(live_server.url + "/?range=week&resolution=hour")
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#plot-read")).to_contain_text("of an hour", timeout=PATIENCE_MS)
    total = page.locator(".ct6-total td").nth(1)
    expect(total).to_have_text("0.00")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))

    store_answer(attic, now_ms(), 600 * SECOND_MS, [-6000.0, 0.0])
    expect(total).not_to_have_text("0.00", timeout=SOON_MS)
    assert any("energy.content" in body for body in asked)
    assert not any("plot-drawn" in body for body in asked)


def test_staff_adopt_a_unit_on_the_page(page: Page, live_server: LiveServer, newcomer: Device) -> None:
    make_user("anna", staff=True, password=PASSWORD)
    log_in(page, live_server)
    page.get_by_role("button", name="Adopt Newcomer").click(timeout=PATIENCE_MS)
    expect(page.locator("#adoption-said")).to_contain_text("Newcomer is adopted")
    expect(page.get_by_role("tab", name="Newcomer")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("button", name="Adopt")).to_have_count(0)
    newcomer.refresh_from_db()
    assert newcomer.adoption == "adopted"


def test_others_have_no_button_and_are_refused_without_it(
    page: Page, live_server: LiveServer, newcomer: Device, complaints: Complaints
) -> None:
    make_user("anna", sees=[newcomer], password=PASSWORD)
    log_in(page, live_server)
    expect(page.locator(".ct6-notices")).to_contain_text(["Newcomer"], timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Adopt")).to_have_count(0)
    body = {
        "output": "..adoption-said.children...adopted.data..",
        "outputs": [{"id": "adoption-said", "property": "children"}, {"id": "adopted", "property": "data"}],
        "inputs": [[{"id": {"adopt": newcomer.pk}, "property": "n_clicks", "value": 1}]],
        "changedPropIds": [f'{{"adopt":{newcomer.pk}}}.n_clicks'],
    }
    assert page.evaluate(PRESS, body) == 403
    complaints.errors.clear()
    newcomer.refresh_from_db()
    assert newcomer.adoption == "pending"
