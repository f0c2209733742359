"""What users see of each other's devices in a real browser, and the files of what they see."""

import csv
import io
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from devices.models import Device, DeviceGrant
from readings.periods import MINUTE_MS, SECOND_MS, day_start, to_ms
from tests.browser.conftest import PATIENCE_MS, Complaints
from tests.factories import make_device, store_reading
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def house() -> Device:
    """A device with a minute of yesterday's noon."""
    device = make_device("A", name="House", ports=["Grid", "Solar"], last_seen=datetime.now(UTC))
    noon = day_start(to_ms(datetime.now(UTC)), "UTC") - 12 * 60 * MINUTE_MS
    store_reading(device, noon + MINUTE_MS, MINUTE_MS, [-6000.0, 3000.0])
    return device


@pytest.fixture
def annex() -> Device:
    return make_device("B", name="Annex", ports=["Freezer"], last_seen=datetime.now(UTC))


def log_in(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_two_users_open_the_same_link(
    page: Page, live_server: LiveServer, house: Device, annex: Device, complaints: Complaints
) -> None:
    """One may see the house and is shown it after the login; the other is told so, and gets the own tabs."""
    make_user("anna", sees=[house, annex], password=PASSWORD)
    make_user("berta", sees=[annex], password=PASSWORD)
    link = f"{live_server.url}/?device={house.pk}&range=yesterday"

    log_in(page, link, "anna")
    expect(page.get_by_role("tab", name="House")).to_have_attribute("aria-selected", "true", timeout=PATIENCE_MS)
    expect(page.get_by_role("tab")).to_have_text(["Annex", "House"])
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"])

    page.locator(".ct6-user summary").click()
    page.get_by_role("button", name="Log out").click()
    log_in(page, link, "berta")
    complaints.errors.clear()  # of what the page asked while the session ended
    expect(page.get_by_text("This device cannot be shown")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("tab")).to_have_text(["Annex"])
    expect(page.get_by_text("Grid")).to_have_count(0)


def test_a_device_that_cannot_be_shown_is_not_asked_for_again(
    page: Page, live_server: LiveServer, house: Device, annex: Device
) -> None:
    berta = make_user("berta", sees=[annex], password=PASSWORD)
    page.clock.install()
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    log_in(page, f"{live_server.url}/?device={house.pk}&range=yesterday", "berta")
    expect(page.get_by_text("This device cannot be shown")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    assert max(statuses) < 400, "of what cannot be seen nothing is asked in vain"
    statuses.clear()
    with page.expect_response("**/_dash-update-component*"):
        page.clock.run_for(16 * SECOND_MS)  # until the frame is asked for again
    page.wait_for_load_state("networkidle")
    assert statuses
    assert set(statuses) <= {200, 204}
    DeviceGrant.objects.create(group=berta.groups.get(), device=house)
    page.clock.run_for(16 * SECOND_MS)
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)


def test_the_file_holds_what_is_plotted(page: Page, live_server: LiveServer, house: Device) -> None:
    make_user("anna", sees=[house], password=PASSWORD)
    log_in(page, f"{live_server.url}/?range=yesterday&resolution=minute", "anna")
    expect(page.locator(".legendtext")).to_have_text(["Grid", "Solar"], timeout=PATIENCE_MS)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV").first.click()
    text = downloading.value.path().read_text(encoding="utf-8")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head[:2] == ["Time", "Grid (W)"]
    assert [row[1] for row in rows] == ["-6000.0"]
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Excel").first.click()
    assert downloading.value.suggested_filename.endswith(".xlsx")
