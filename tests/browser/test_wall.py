"""A wall display in a real browser: it shows its devices without a login, and looks after itself."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from dashboard import wall
from dashboard.models import WallDisplay
from devices.models import Device
from readings.periods import SECOND_MS, floor_minute, to_ms
from tests.browser.conftest import PATIENCE_MS, Complaints
from tests.factories import make_device, store_reading

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEVEN_HOURS_MS = 7 * 3600 * SECOND_MS


@pytest.fixture
def house() -> Device:
    device = make_device("A", name="House", ports=["Grid", "Solar"], last_seen=datetime.now(UTC))
    store_reading(device, floor_minute(to_ms(datetime.now(UTC))) + SECOND_MS, SECOND_MS, [-1000.0, 500.0])
    return device


@pytest.fixture
def display(house: Device) -> tuple[WallDisplay, str]:
    """A display of the house and the path of its link; a cellar is there, and not on it."""
    make_device("C", name="Cellar", ports=["Freezer"])
    display = WallDisplay(name="Kitchen")
    token = wall.draw_token(display)
    display.save()
    display.devices.add(house)
    return display, f"/wall/{token}/"


def hang(page: Page, address: str) -> None:
    """Open the link in a browser whose clock can be moved on."""
    page.clock.install()
    page.goto(address)
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)


def is_loaded_anew(page: Page) -> bool:
    return bool(page.evaluate("() => !window.isTheFirst"))


def test_it_shows_the_chosen_devices_without_a_login_and_keeps_up(
    page: Page, live_server: LiveServer, house: Device, display: tuple[WallDisplay, str]
) -> None:
    page.goto(live_server.url + display[1])
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    expect(page.get_by_role("tab")).to_have_text(["House"])
    expect(page.get_by_text("Kitchen")).to_be_visible()
    total = page.locator(".ct6-total td").nth(1)
    expect(total).to_have_text("0.00")
    store_reading(house, to_ms(datetime.now(UTC)), 600 * SECOND_MS, [-6000.0, 0.0])
    expect(total).not_to_have_text("0.00", timeout=PATIENCE_MS)
    assert page.context.cookies() == []


def test_type_is_large_and_nothing_overflows(
    page: Page, live_server: LiveServer, display: tuple[WallDisplay, str]
) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(live_server.url + display[1])
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    size = page.locator(".legendtext").first.evaluate("text => parseFloat(getComputedStyle(text).fontSize)")
    assert size >= 20
    assert page.evaluate("() => document.documentElement.scrollWidth") == 1920


def test_a_revoked_link_says_so_by_itself(
    page: Page, live_server: LiveServer, display: tuple[WallDisplay, str], complaints: Complaints
) -> None:
    hang(page, live_server.url + display[1])
    wall.revoke(display[0])
    page.clock.run_for(31 * SECOND_MS)
    expect(page.get_by_text("was revoked")).to_be_visible(timeout=PATIENCE_MS)
    complaints.errors.clear()


def test_a_revoked_link_says_so_at_the_next_question_and_of_no_problem_before(
    page: Page, live_server: LiveServer, display: tuple[WallDisplay, str], complaints: Complaints
) -> None:
    hang(page, live_server.url + display[1])
    page.evaluate(
        """() => {
            const trouble = document.getElementById("trouble");
            new MutationObserver(() => localStorage.setItem("said", trouble.textContent))
                .observe(trouble, { attributes: true, childList: true, subtree: true });
        }"""
    )
    wall.revoke(display[0])
    page.clock.run_for(3 * SECOND_MS)
    expect(page.get_by_text("was revoked")).to_be_visible(timeout=PATIENCE_MS)
    assert (page.evaluate("() => localStorage.getItem('said')") or "").strip() == ""
    complaints.errors.clear()


def test_it_loads_itself_anew_once_the_server_is_back(
    page: Page, live_server: LiveServer, display: tuple[WallDisplay, str], complaints: Complaints
) -> None:
    hang(page, live_server.url + display[1])
    page.evaluate("() => { window.isTheFirst = true; }")
    page.context.set_offline(True)
    page.clock.run_for(61 * SECOND_MS)
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached", timeout=PATIENCE_MS)
    assert not is_loaded_anew(page)
    page.context.set_offline(False)
    page.clock.run_for(11 * SECOND_MS)
    page.wait_for_function("() => !window.isTheFirst", timeout=PATIENCE_MS)
    expect(page.get_by_role("alert")).to_be_hidden()
    complaints.errors.clear()


def test_it_loads_itself_anew_some_times_a_day_and_goes_back_to_what_the_link_shows(
    page: Page, live_server: LiveServer, display: tuple[WallDisplay, str]
) -> None:
    home = live_server.url + display[1]
    hang(page, home)
    page.evaluate("() => { window.isTheFirst = true; }")
    page.evaluate("() => { window.history.pushState({}, '', '?day=2026-01-01'); }")
    page.clock.run_for(31 * SECOND_MS)
    assert not is_loaded_anew(page), "somebody may still be looking at it"
    page.clock.fast_forward(SEVEN_HOURS_MS)
    page.clock.run_for(31 * SECOND_MS)
    page.wait_for_function("() => !window.isTheFirst", timeout=PATIENCE_MS)
    assert page.url == home
