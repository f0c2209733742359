"""Units in the admin in a real browser: found, adopted, renamed and calibrated, with a worker beside it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from ct6site.celery import app
from devices import tasks
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.models import Calibration, Device
from readings import heartbeats
from tests.browser.conftest import PATIENCE_MS
from tests.devices.units import device_of, name_held
from tests.people import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RIGHT = {"CS4_VOLTAGE_GAIN": 48_000.0, "CS0_VOLTAGE_GAIN": 53_000.0}
WORK_MS = 60_000  # a calibration waits for the meter chips


@pytest.fixture
def unit() -> Iterator[SimulatedUnit]:
    """One whose voltage is read a little wrong, at 230 V."""
    with Fleet(1, http_port=0, ayt_port=0, timing=UnitTiming(chips_s=0.05)) as fleet:
        unit = fleet.units[0]
        unit.chips.right |= RIGHT
        unit.mains.voltage_v = 230.0
        yield unit


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Does at once, beside the pages, what the workers are told."""
    does: dict[str, Callable[..., Any]] = {
        "devices.tasks.run_sweep": tasks.run_sweep,
        "devices.tasks.run_job": tasks.run_job,
        "devices.tasks.push_wishes": tasks.push_wishes,
    }
    threads: list[threading.Thread] = []

    def work(name: str, arguments: tuple[Any, ...]) -> None:
        try:
            does[name](*arguments)
        finally:
            connections.close_all()

    def send(name: str, arguments: tuple[Any, ...], **_options: Any) -> None:
        threads.append(threading.Thread(target=work, args=(name, arguments)))
        threads[-1].start()

    monkeypatch.setattr(app, "send_task", send)
    yield
    for thread in threads:
        thread.join(WORK_MS / 1000)
        assert not thread.is_alive()


@pytest.fixture
def anna(page: Page, live_server: LiveServer) -> Page:
    """A browser in which somebody is logged in who may do all that is done here."""
    rights = ["adopt", "configure", "calibrate", "view", "change"]
    make_user("anna", staff=True, may=rights, password=PASSWORD)
    heartbeats.note("collector", timezone.now())
    page.goto(f"{live_server.url}/admin/login/?next=/admin/devices/sweep/")
    page.locator("[name=username]").fill("anna")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form [type=submit]").first.click()
    expect(page.get_by_role("heading", name="Search networks")).to_be_visible(timeout=PATIENCE_MS)
    return page


def test_a_silent_unit_is_found_set_up_and_adopted(anna: Page, unit: SimulatedUnit, settings: Settings) -> None:
    settings.CT6_ADOPT = "ask"
    unit.set({"ACTIVE": "0"})
    anna.get_by_label("Other networks").fill("127.0.0.0/29")
    anna.get_by_label("Port of the web server").first.fill(str(unit.http_port))
    anna.get_by_role("button", name="Search").click()
    found = anna.get_by_role("row").filter(has_text=unit.assy)
    expect(found.get_by_text("inactive")).to_be_visible(timeout=PATIENCE_MS)
    expect(anna.get_by_text("6 of 6 addresses asked")).to_be_visible(timeout=PATIENCE_MS)
    found.get_by_role("button", name="Set up").click()

    anna.get_by_label("Name", exact=True).fill("Dad's garage")
    anna.get_by_label("Name of CT1").fill("Grid")
    anna.get_by_label("Role of CT1").select_option("grid")
    anna.get_by_label("CT1 is reversed").check()
    anna.get_by_role("button", name="Set up").click()
    expect(anna.get_by_text("Dad's garage is adopted now.")).to_be_visible(timeout=PATIENCE_MS)
    expect(anna.get_by_text("The unit reports “Dad's garage”.")).to_be_visible()
    expect(anna.get_by_text("The unit reports active.")).to_be_visible()
    assert unit.active
    device = Device.objects.get()
    port = device.ports.get(number=1)
    assert (device.adoption, port.role, port.reversed) == ("adopted", "grid", True)


def test_a_unit_that_answers_is_adopted_by_one_press(anna: Page, unit: SimulatedUnit) -> None:
    device_of(unit, name="Newcomer", adoption="pending", last_seen=timezone.now())
    row = anna.get_by_role("row").filter(has_text="Newcomer")
    expect(row.get_by_text("pending")).to_be_visible(timeout=PATIENCE_MS)  # it appears by itself
    row.get_by_role("button", name="Adopt").click()
    expect(anna.get_by_text("Newcomer is adopted now.")).to_be_visible(timeout=PATIENCE_MS)
    assert Device.objects.get().adoption == "adopted"


def test_a_unit_is_renamed_and_the_name_taken_back(anna: Page, live_server: LiveServer, unit: SimulatedUnit) -> None:
    device = device_of(unit)
    anna.goto(f"{live_server.url}/admin/devices/device/{device.pk}/settings/")
    anna.get_by_role("button", name="Read from the unit").click()
    expect(anna.get_by_text("its settings were read")).to_be_visible(timeout=PATIENCE_MS)
    anna.get_by_label("Name", exact=True).fill("Werkstatt, Süd")
    anna.get_by_role("button", name="Save and write to the unit").click()
    expect(anna.get_by_text("The unit reports “Werkstatt, Süd”.").first).to_be_visible(timeout=PATIENCE_MS)
    assert name_held(unit, "YDEV_UNIT_NAME") == "Werkstatt, Süd"
    anna.get_by_role("button", name="Undo").click()
    expect(anna.get_by_text("The unit reports “House”.").first).to_be_visible(timeout=PATIENCE_MS)
    assert name_held(unit, "YDEV_UNIT_NAME") == "House"


def test_an_mqtt_server_is_tested_beside_what_is_typed(
    anna: Page, live_server: LiveServer, unit: SimulatedUnit
) -> None:
    device = device_of(unit)
    anna.goto(f"{live_server.url}/admin/devices/device/{device.pk}/settings/")
    anna.get_by_label("MQTT topic").fill("meters")
    anna.get_by_role("button", name="Send a test message").click()
    said = anna.get_by_role("status").filter(has_text="A test message needs")
    expect(said).to_be_visible(timeout=PATIENCE_MS)
    expect(anna.get_by_label("MQTT topic")).to_have_value("meters")


def test_a_unit_is_calibrated_with_its_rounds_on_the_page(
    anna: Page, live_server: LiveServer, unit: SimulatedUnit
) -> None:
    device = device_of(unit)
    anna.goto(f"{live_server.url}/admin/devices/device/{device.pk}/calibration/")
    expect(anna.get_by_label("Port", exact=True)).to_be_hidden()
    anna.get_by_label("Current gain of a port").check()
    expect(anna.get_by_label("Port", exact=True)).to_be_visible()
    anna.get_by_label("Voltage, of both meter chips").check()
    anna.get_by_label("Reference").fill("230")
    anna.get_by_role("button", name="Begin").click()
    assert not Calibration.objects.exists()  # the browser asks for the confirmation first
    anna.get_by_label("The mains side is safe").check()
    anna.get_by_role("button", name="Begin").click()

    rounds = anna.locator(".ct6-rounds tbody tr")
    expect(rounds.first).to_be_visible(timeout=WORK_MS)
    expect(anna.locator(".ct6-plot .line-0 circle").first).to_be_visible()
    expect(anna.get_by_role("progressbar")).to_be_visible()
    expect(rounds.filter(has_text="CS0_VOLTAGE_GAIN").first).to_be_visible(timeout=WORK_MS)

    expect(anna.get_by_text(re.compile("^Calibrated: "))).to_be_visible(timeout=WORK_MS)
    expect(anna.locator(".ct6-plot .line-1 circle").first).to_be_visible()
    expect(anna.get_by_text("saved", exact=True)).to_be_visible()
    expect(anna.locator(".ct6-spark polyline").first).to_be_attached()
    done = Calibration.objects.get()
    assert (done.succeeded, str(done.who)) == (True, "anna")
    stats: Any = unit.stats()
    assert stats["CT1"]["VRMS"] == pytest.approx(230.0, abs=0.3)
