"""The guided page of a calibration: who may, what is asked, its rounds live, what came of it, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ct6site.celery import app
from devices import calibration, factory
from devices.calibration import measuring, putting_back
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import Calibration, Device, Job
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.units import device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db

RIGHT = {"CS4_VOLTAGE_GAIN": 48_000.0, "CS0_VOLTAGE_GAIN": 53_000.0, "CT3_IGAIN": 51_000.0}
VOLTAGE = {"target": "voltage", "reference": "230", "line_freq_hz": "50", "mains_side_is_safe": "on"}
GAIN = {"target": "current_gain", "port": "3", "reference": "10", "line_freq_hz": "50", "mains_side_is_safe": "on"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "send_task", lambda *arguments, **options: None)
    monkeypatch.setattr(measuring, "SETTLE_S", 0.0)
    monkeypatch.setattr(measuring, "BETWEEN_S", 0.0)
    monkeypatch.setattr(measuring, "PATIENCE_S", 0.0)
    monkeypatch.setattr(putting_back, "PUT_BACK_WITHIN_S", 0.5)
    monkeypatch.setattr(factory, "PATIENCE_S", 0.0)


@pytest.fixture
def unit() -> Iterator[SimulatedUnit]:
    """One whose gains are a little wrong, at 230 V, with 10 A through port 3."""
    with Fleet(1, http_port=0, ayt_port=0, timing=UnitTiming(chips_s=0.01)) as fleet:
        unit = fleet.units[0]
        unit.chips.right |= RIGHT
        unit.mains.voltage_v = 230.0
        unit.mains.currents_a = {3: 10.0}
        yield unit


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    return device_of(unit)


@pytest.fixture
def anna() -> Client:
    return browser_of("anna", may=["calibrate"])


def page_of(device: Device) -> str:
    return address("device_calibration", device.pk)


def done(browser: Client, device: Device, asked: dict[str, str]) -> Job:
    """A calibration that was asked for on the page, and done as a worker would."""
    browser.post(page_of(device), asked)
    job = Job.objects.get(state="waiting")
    runner.run(job.pk, KINDS)
    job.refresh_from_db()
    return job


# Who may


def test_it_needs_the_right_to_calibrate_that_unit(device: Device) -> None:
    other = make_device("A2")
    job = calibration.ask(device, {**VOLTAGE, "reference": 230.0, "line_freq_hz": 50, "mains_side_is_safe": True}, None)
    earlier = Calibration.objects.create(device=device, target="voltage", before={}, after={}, succeeded=True)
    carla, berta = granted("carla", device, calibrate=True), browser_of("berta", may=["configure", "operate", "adopt"])
    assert carla.get(page_of(device)).status_code == 200
    assert carla.get(page_of(other)).status_code == 403
    assert carla.get(address("device_calibration_progress", other.pk, job.pk)).status_code == 403
    assert berta.get(page_of(device)).status_code == 403
    assert berta.post(page_of(device), VOLTAGE).status_code == 403
    assert berta.get(address("device_calibration_progress", device.pk, job.pk)).status_code == 403
    assert berta.post(address("device_cancel_calibration", device.pk, job.pk)).status_code == 403
    assert berta.post(address("device_restore_calibration", device.pk, earlier.pk)).status_code == 403
    assert carla.get(address("device_restore_calibration", device.pk, earlier.pk)).status_code == 405
    assert Job.objects.count() == 1


# What is asked


def test_it_warns_of_the_mains_and_begins_only_once_that_is_confirmed(anna: Client, device: Device) -> None:
    assert "Mains voltage kills." in text_of(anna.get(page_of(device)))
    unsure = {key: value for key, value in VOLTAGE.items() if key != "mains_side_is_safe"}
    assert "Nothing is begun without this confirmation." in text_of(anna.post(page_of(device), unsure))
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (VOLTAGE | {"reference": "12"}, "must be a voltage from 100 to 270 V"),
        (VOLTAGE | {"reference": "230 V"}, "Enter a number"),
        (VOLTAGE | {"line_freq_hz": "55"}, "Select a valid choice"),
        (VOLTAGE | {"target": "restored"}, "Select a valid choice"),
        (GAIN | {"reference": "500"}, "must be a current from 1 to 100 A"),
        (GAIN | {"reference": ""}, "must be a current from 1 to 100 A"),
        (GAIN | {"port": "9"}, "Select a valid choice"),
        (GAIN | {"port": ""}, "Choose the port"),
    ],
)
def test_what_cannot_be_done_is_said_at_the_form(anna: Client, device: Device, asked: dict[str, str], why: str) -> None:
    assert why in text_of(anna.post(page_of(device), asked))
    assert not Job.objects.exists()


def test_the_line_frequency_of_the_unit_is_offered(anna: Client, device: Device) -> None:
    Device.objects.filter(pk=device.pk).update(settings_held={"LINE_FREQ_HZ": 60.0})
    assert anna.get(page_of(device)).context["form"]["line_freq_hz"].value() == 60


def test_an_offset_needs_no_reference(anna: Client, device: Device) -> None:
    asked = {"target": "current_offset", "port": "3", "line_freq_hz": "50", "mains_side_is_safe": "on"}
    anna.post(page_of(device), asked | {"reference": "17"})
    assert Job.objects.get().asked == {
        "target": "current_offset", "port": 3, "line_freq_hz": 50, "mains_side_is_safe": True
    }  # fmt: skip


# While it runs


def test_one_that_was_asked_for_is_followed_and_no_other_begun(anna: Client, device: Device) -> None:
    answer = anna.post(page_of(device), VOLTAGE, follow=True)
    job = Job.objects.get()
    assert (job.kind, str(job.who), job.asked["reference"]) == ("calibration", "anna", 230.0)
    page = text_of(answer)
    assert f'data-live="{address("device_calibration_progress", device.pk, job.pk)}"' in page
    assert "as soon as a worker is free" in page
    assert "Mains voltage kills." not in page


def test_each_round_comes_with_reading_gain_and_error(
    anna: Client, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    measure = measuring.measure

    def look(*arguments: Any) -> float:
        seen.append(anna.get(address("device_calibration_progress", device.pk, Job.objects.get().pk)).json())
        return measure(*arguments)

    monkeypatch.setattr(measuring, "measure", look)
    done(anna, device, GAIN)
    assert not any(told["over"] for told in seen)
    assert seen[0]["plot"] is None
    last = seen[-1]
    assert [line["name"] for line in last["plot"]["lines"]] == ["CT3_IGAIN (CT3)"]
    assert last["plot"]["reference"] == 10.0
    assert last["plot"]["lines"][0]["points"][0][0] == 1
    assert "8000" in last["parts"]["part-rounds"]
    assert "running" in last["parts"]["part-job"]


def test_it_is_stopped(anna: Client, device: Device) -> None:
    anna.post(page_of(device), VOLTAGE)
    job = Job.objects.get()
    answer = anna.post(address("device_cancel_calibration", device.pk, job.pk), follow=True)
    assert "is being stopped" in said(answer)[0]
    job.refresh_from_db()
    assert job.state == "cancelled"
    answer = anna.post(address("device_cancel_calibration", device.pk, job.pk), follow=True)
    assert said(answer) == ["It is too late to stop it."]


# What came of it


def test_before_and_after_stand_on_the_page(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    before = unit.settings["CT3_IGAIN"]
    job = done(anna, device, GAIN)
    assert job.state == "done"
    answer = anna.get(page_of(device), {"job": job.pk})
    about = answer.context["about"]
    for words in ("done", f"{before:.9g}", f"{unit.settings['CT3_IGAIN']:.9g}", "Calibrated:"):
        assert words in about
    assert "data-live" not in text_of(answer)
    assert "Mains voltage kills." in text_of(answer)
    assert anna.get(address("device_calibration_progress", device.pk, job.pk)).json()["over"]


def test_one_that_came_to_nothing_says_why(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    unit.mains.currents_a = {3: 0.0}
    job = done(anna, device, GAIN)
    answer = anna.get(page_of(device), {"job": job.pk})
    assert "is the clamp plugged in there" in answer.context["about"]
    assert "came to nothing" in text_of(answer)


def test_earlier_ones_are_listed_with_who_and_restored(anna: Client, device: Device, unit: SimulatedUnit) -> None:
    done(anna, device, VOLTAGE)
    found = unit.settings["CS4_VOLTAGE_GAIN"]
    done(anna, device, VOLTAGE | {"reference": "231"})
    assert unit.settings["CS4_VOLTAGE_GAIN"] != found
    newer, older = anna.get(page_of(device)).context["history"]
    assert (str(older["calibration"].who), older["calibration"].reference) == ("anna", 230.0)
    assert newer["can_be_restored"]
    anna.post(address("device_restore_calibration", device.pk, older["calibration"].pk))
    runner.run(Job.objects.get(state="waiting").pk, KINDS)
    assert unit.settings["CS4_VOLTAGE_GAIN"] == found


def test_what_cannot_be_restored_says_why(anna: Client, device: Device) -> None:
    running = queue.ask(device, Job.Kind.CALIBRATION, who=None)
    earlier = Calibration.objects.create(device=device, job=running, target="voltage", before={"LINE_FREQ_HZ": 50})
    [error] = said(anna.post(address("device_restore_calibration", device.pk, earlier.pk), follow=True))
    assert "has not ended" in error
    other = Calibration.objects.create(device=make_device("A2"), target="voltage", succeeded=True)
    assert anna.post(address("device_restore_calibration", device.pk, other.pk)).status_code == 404


def test_the_drift_is_told_by_setting(anna: Client, device: Device) -> None:
    for days, gain in ((30, 50_000.0), (1, 50_500.0)):
        one = Calibration.objects.create(
            device=device, target="voltage", succeeded=True,
            before={"CS4_VOLTAGE_GAIN": 50_000.0, "LINE_FREQ_HZ": 50.0}, after={"CS4_VOLTAGE_GAIN": gain},
        )  # fmt: skip
        Calibration.objects.filter(pk=one.pk).update(made=timezone.now() - timedelta(days=days))
    answer = anna.get(page_of(device))
    [row] = answer.context["drift"]
    assert (row["key"], row["first"], row["now"], row["change"]) == ("CS4_VOLTAGE_GAIN", "50000", "50500", "+1.00 %")
    assert [value for _at, value in answer.context["drift_points"]["CS4_VOLTAGE_GAIN"]] == [50_000.0, 50_500.0]
    german = text_of(anna.get(page_of(device), headers={"accept-language": "de"}))
    assert "+1,00 %" in german
    assert "<th>Änderung</th>" in german


def test_a_job_of_another_kind_or_unit_is_not_looked_at(anna: Client, device: Device) -> None:
    job = queue.ask(device, Job.Kind.REBOOT, who=None)
    assert anna.get(address("device_calibration_progress", device.pk, job.pk)).status_code == 404
    assert anna.get(page_of(device), {"job": job.pk}).context["job"] is None
    assert anna.get(page_of(device), {"job": "x"}).context["job"] is None


def test_a_german_reader_gets_the_page(anna: Client, device: Device) -> None:
    anna.cookies["django_language"] = "de"
    assert anna.get(page_of(device)).status_code == 200
