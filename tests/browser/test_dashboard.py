"""The dashboard in a real browser: from the login to the traces."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from devices.models import Device
from readings.periods import MINUTE_MS, SECOND_MS, day_start, floor_minute, to_ms
from tests.browser.conftest import PATIENCE_MS, Complaints
from tests.factories import make_device, store_reading
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def now_ms() -> int:
    return to_ms(datetime.now(UTC))


@pytest.fixture
def meter() -> Device:
    """A device with ten minutes of a yesterday: 6 kW from the grid, 3 kW from the roof."""
    device = make_device("A", name="Meter Cupboard", ports=["Grid", "Solar <roof>", ""], last_seen=datetime.now(UTC))
    noon = day_start(now_ms(), "UTC") - 12 * 60 * MINUTE_MS
    for minute in range(10):
        store_reading(device, noon + (minute + 1) * MINUTE_MS, MINUTE_MS, [-6000.0, 3000.0, 0.0])
    return device


@pytest.fixture
def workshop() -> Device:
    """A device whose ports nobody named, with a reading of today."""
    device = make_device("B", name="Workshop", ports=["", ""], last_seen=datetime.now(UTC))
    store_reading(device, floor_minute(now_ms()) + SECOND_MS, SECOND_MS, [-1000.0, 500.0])
    return device


def log_in(page: Page, live_server: LiveServer, search: str = "") -> None:
    page.goto(live_server.url + "/" + search)
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def legend(page: Page) -> Locator:
    return page.locator("#plot .legendtext")


def time_axis(page: Page) -> list[str]:
    """From when to when the drawing reaches, as the figure says, to the second."""
    edges: list[str] = page.evaluate("() => document.querySelector('#plot .js-plotly-plot').layout.xaxis.range")
    return [edge[:19] for edge in edges]


def expect_left_out(page: Page, lines: int) -> None:
    """Until so many lines are left out of the drawing by a click on the legend."""
    page.wait_for_function(
        """(lines) => document.querySelector('#plot .js-plotly-plot').data.filter(
            (trace) => trace.showlegend !== false && trace.visible === 'legendonly').length === lines""",
        arg=lines,
    )


def drag_across(page: Page, area: Locator) -> None:
    """Zoom to the middle of an area."""
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()


def words(page: Page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query)


def test_from_the_login_to_the_traces(page: Page, live_server: LiveServer, meter: Device, workshop: Device) -> None:
    make_user("anna", staff=True, password=PASSWORD)
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    log_in(page, live_server, f"?day={yesterday}")

    expect(legend(page)).to_have_text(["Grid", "Solar <roof>"], timeout=PATIENCE_MS)
    expect(page.locator("#plot .scatterlayer .trace")).to_have_count(2)
    rows = page.locator(".ct6-energy tbody tr")
    expect(rows.nth(0)).to_have_text("Grid1.001.000.00")
    expect(rows.nth(1)).to_have_text("Solar <roof>−0.500.000.50")
    expect(rows.nth(2)).to_have_text("Total0.501.000.50")
    expect(page.get_by_text("measured")).to_be_visible()

    page.get_by_role("tab", name="Workshop").click()
    expect(page.get_by_text("There are no readings in this range.")).to_be_visible()
    assert words(page) == {"device": [str(workshop.pk)], "day": [yesterday]}

    page.get_by_role("link", name="Next day").click()
    expect(legend(page)).to_have_text(["CT1", "CT2"])
    expect(page.get_by_text("Its ports have no names yet")).to_be_visible()
    assert words(page) == {"device": [str(workshop.pk)]}, "today is left out, so that it goes on at midnight"

    page.go_back()
    page.go_back()
    expect(legend(page)).to_have_text(["Grid", "Solar <roof>"])
    expect(page.get_by_role("tab", name="Meter Cupboard")).to_have_attribute("aria-selected", "true")


def test_a_new_reading_appears_by_itself_and_what_the_user_chose_stays(
    page: Page, live_server: LiveServer, workshop: Device
) -> None:
    make_user("anna", sees=[workshop], password=PASSWORD)
    log_in(page, live_server)
    expect(legend(page)).to_have_text(["CT1", "CT2"], timeout=PATIENCE_MS)
    total = page.locator(".ct6-total td").nth(1)
    expect(total).to_have_text("0.00")
    page.locator("#plot .legendtoggle").nth(1).click()
    expect_left_out(page, 1)
    whole_day = time_axis(page)
    drag_across(page, page.locator("#plot .nsewdrag"))
    zoomed = time_axis(page)
    assert zoomed != whole_day

    store_reading(workshop, now_ms(), 600 * SECOND_MS, [-6000.0, 0.0])
    expect(total).not_to_have_text("0.00", timeout=5_000)
    assert time_axis(page) == zoomed
    expect_left_out(page, 1)

    page.get_by_role("link", name="Previous day").click()
    expect(page.get_by_text("There are no readings in this range.")).to_be_visible()
    page.get_by_role("link", name="Today", exact=True).click()
    expect_left_out(page, 1)
    page.wait_for_function(  # another day is another drawing
        "(day) => document.querySelector('#plot .js-plotly-plot').layout.xaxis.range[0].startsWith(day)",
        arg=whole_day[0],
    )


def test_light_and_dark_by_the_switch(page: Page, live_server: LiveServer, workshop: Device) -> None:
    make_user("anna", sees=[workshop], password=PASSWORD)
    log_in(page, live_server)
    line = page.locator("#plot .scatterlayer .trace path").first
    expect(legend(page)).to_have_text(["CT1", "CT2"], timeout=PATIENCE_MS)
    before = line.get_attribute("style")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    expect(line).not_to_have_attribute("style", before or "")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")


class TestTrouble:
    """The page says what Dash itself would keep quiet about."""

    @pytest.fixture
    def trouble(self, page: Page, live_server: LiveServer, workshop: Device) -> Locator:
        make_user("anna", sees=[workshop], password=PASSWORD)
        log_in(page, live_server)
        expect(legend(page)).to_have_text(["CT1", "CT2"], timeout=PATIENCE_MS)
        banner = page.get_by_role("alert")
        expect(banner).to_be_hidden()
        return banner

    def test_a_session_that_ended(self, page: Page, trouble: Locator, complaints: Complaints) -> None:
        page.context.clear_cookies(name="sessionid")
        expect(trouble).to_contain_text("Your session has ended", timeout=PATIENCE_MS)
        complaints.errors.clear()
        trouble.get_by_role("link", name="Log in again").click()
        expect(page.get_by_label("User name")).to_be_visible()
        complaints.errors.clear()

    def test_a_server_that_cannot_be_reached_and_comes_back(
        self, page: Page, trouble: Locator, complaints: Complaints
    ) -> None:
        page.context.set_offline(True)
        expect(trouble).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
        page.context.set_offline(False)
        expect(trouble).to_be_hidden(timeout=PATIENCE_MS)
        complaints.errors.clear()


def test_it_fits_a_phone(page: Page, live_server: LiveServer, workshop: Device) -> None:
    make_user("anna", sees=[workshop], password=PASSWORD)
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, live_server)
    expect(legend(page)).to_have_text(["CT1", "CT2"], timeout=PATIENCE_MS)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
