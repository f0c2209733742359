"""An upgrade in a real browser: the page of its job moves while a worker gives a simulated unit new firmware."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import close_old_connections, connections
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.jobs import queue, runner
from devices.models import Device, Job
from tests.browser.conftest import PATIENCE_MS
from tests.devices.firmware.applications import sources, zipped
from tests.devices.firmware.conftest import KINDS
from tests.devices.units import device_of
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Slow enough for the page to ask several times while files are sent, and to be away as a unit is.
TIMING = UnitTiming(away_s=1.5, reboot_delay_s=0.1, chips_s=0.02, file_s=0.25)


@pytest.fixture
def unit() -> Iterator[SimulatedUnit]:
    with Fleet(1, http_port=0, ayt_port=0, timing=TIMING) as fleet:
        yield fleet.units[0]


@pytest.fixture
def garage(unit: SimulatedUnit) -> Device:
    return device_of(unit, name="Garage", firmware_version=unit.firmware_version)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """Jobs are run by threads, as soon as the workers are told."""
    threads: list[threading.Thread] = []

    def work(job_id: int) -> None:
        close_old_connections()
        try:
            runner.run(job_id, KINDS)
        finally:
            connections.close_all()

    def tell(job_ids: list[int]) -> None:
        for job_id in job_ids:
            threads.append(threading.Thread(target=work, args=(job_id,)))
            threads[-1].start()

    monkeypatch.setattr(queue, "tell_workers", tell)
    yield threads
    for thread in threads:
        thread.join(timeout=60)


def test_an_upgrade_is_asked_for_and_followed(
    page: Page, live_server: LiveServer, unit: SimulatedUnit, garage: Device, worker: list[threading.Thread]
) -> None:
    make_user("anna", staff=True, may=["operate"], password=PASSWORD)
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{live_server.url}/")

    page.goto(f"{live_server.url}/admin/devices/firmwarerelease/add/")
    content = zipped(sources("3.2"))
    page.locator("[name=file]").set_input_files(
        {"name": "app-3.2.zip", "mimeType": "application/zip", "buffer": content}
    )
    page.get_by_role("button", name="Upload and look through").click()
    page.get_by_role("link", name="Upgrade units…").click()
    page.get_by_label("Garage").check()
    page.get_by_role("button", name="Look at these units").click()
    page.get_by_role("button", name="Upgrade 1 unit").click()

    jobs = page.locator("#rollout_jobs")
    expect(jobs).to_contain_text("running", timeout=PATIENCE_MS)
    jobs.get_by_role("link", name="Garage").click()
    loaded = page.evaluate("() => (window.sinceLoaded = Math.random())")
    seen = _percents(page)
    assert len(seen) >= 3, seen
    assert seen == sorted(seen)
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()  # past the point of no return
    log = page.locator(".ct6-log")
    expect(log).to_contain_text("It runs 3.2 from /app2 and measures as before.", timeout=3 * PATIENCE_MS)
    expect(page.locator("[data-percent=text]")).to_have_text("100 %")
    expect(page.locator("#job_about")).to_contain_text("done")
    files = page.locator("#job_files tbody tr")
    expect(files.filter(has_text="lib/wifi.mpy")).to_have_count(1)
    expect(log.locator("li").filter(has_text="Erasing /app2")).to_have_count(1)  # no line came twice
    assert page.evaluate("() => window.sinceLoaded") == loaded  # it was never loaded anew
    assert unit.firmware_version == "3.2"
    assert Job.objects.get().state == Job.State.DONE
    _asks_no_more(page)


def _percents(page: Page) -> list[int]:
    """What the bar showed, one after the other, until the unit restarts."""
    seen: list[int] = []
    place = page.locator("[data-percent=text]")
    for _ in range(30):
        shown = place.inner_text()
        number = int(shown.split()[0])
        if not seen or seen[-1] != number:
            seen.append(number)
        if number >= 85:
            return seen
        expect(place).not_to_have_text(shown, timeout=PATIENCE_MS)
    raise AssertionError(f"it never restarts: {seen}")


def _asks_no_more(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert [url for url in asked if "/state/" in url] == []
