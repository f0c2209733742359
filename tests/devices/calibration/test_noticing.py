"""Nothing wrong is stored: the first gain is tried only once the collector stores nothing of the unit any more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices import calibration, gains
from devices.calibration import noticing
from devices.ct6.client import UnitClient
from devices.ct6.simulator.unit import SimulatedUnit
from devices.jobs.progress import Progress
from devices.models import Device, Job
from readings.models import DeviceReading
from tests.devices.calibration.conftest import ASKED, done, gains_of, said
from tests.readings.collect.arrivals import NOON_MS, Collecting, answer_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick")]

WRONG = "The collector has not noticed the calibration"


class Collector:
    """A collector to which a second passes whenever the worker waits."""

    def __init__(self, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch) -> None:
        self._collecting = Collecting()
        self._answer = answer_of(unit.assy, SERVICE_LIST=f"WEB:{unit.http_port}")
        self._address = unit.address
        self._second = 0
        self.stored_before_first_gain: int | None = None
        self.go_on(5)
        monkeypatch.setattr(Progress, "pause", lambda _progress, _seconds: self.go_on(1))
        monkeypatch.setattr(gains, "load", self._watched(gains.load))

    def go_on(self, seconds: int) -> None:
        first, self._second = self._second + 1, self._second + seconds
        self._collecting.take_each_second(first, self._second, self._answer, address=self._address)

    def _watched(self, load: Callable[[UnitClient, gains.Gains], None]) -> Callable[[UnitClient, gains.Gains], None]:
        def watched(client: UnitClient, tried: gains.Gains) -> None:
            if self.stored_before_first_gain is None:
                self.stored_before_first_gain = DeviceReading.objects.count()
            load(client, tried)

        return watched


@pytest.mark.engines
def test_no_answer_is_stored_from_the_first_gain_on(
    unit: SimulatedUnit, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(unit, monkeypatch)
    stored = DeviceReading.objects.count()
    assert stored == 5
    job = done(calibration.ask(device, ASKED["current_gain"], None))
    assert job.state == Job.State.DONE, said(job)
    assert collector.stored_before_first_gain == DeviceReading.objects.count()
    assert stored <= DeviceReading.objects.count() <= stored + 4  # as long as it takes to notice
    collector.go_on(10)
    assert DeviceReading.objects.order_by("time").last().time == NOON_MS + collector._second * 1000  # type: ignore[union-attr]


def heard(device: Device, **answer: Any) -> None:
    """What the collector last wrote of it, a little ahead of now so that it counts as newer than the job."""
    now = timezone.now()
    time_ms = round((now + timedelta(minutes=1)).timestamp() * 1000)
    Device.objects.filter(pk=device.pk).update(last_seen=now, last_answer={"time": time_ms, "window_ms": 1000} | answer)


def test_a_collector_that_goes_on_storing_is_waited_for_a_bounded_time_and_told_of(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noticing, "NOTICED_WITHIN_S", 0.3)
    monkeypatch.setattr(noticing, "LOOK_EVERY_S", 0.05)
    heard(device)
    job = done(calibration.ask(device, ASKED["current_gain"], None))
    assert job.state == Job.State.DONE
    assert any(WRONG in line for line in said(job))


def test_where_no_answer_came_in_that_time_nothing_is_said(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noticing, "NOTICED_WITHIN_S", 0.3)
    heard(device, time=1)
    job = done(calibration.ask(device, ASKED["current_gain"], None))
    assert job.state == Job.State.DONE
    assert any("Waiting until the collector" in line for line in said(job))
    assert not any(WRONG in line for line in said(job))


@pytest.mark.parametrize("fields", [{"active": False}, {"adoption": "pending"}, {"last_seen": None}], ids=str)
def test_a_unit_of_which_nothing_is_stored_is_not_waited_for(device: Device, fields: dict[str, Any]) -> None:
    heard(device)
    Device.objects.filter(pk=device.pk).update(**fields)
    job = done(calibration.ask(device, ASKED["current_gain"], None))
    assert job.state == Job.State.DONE
    assert not any("Waiting until" in line for line in said(job))


def test_one_that_is_stopped_while_it_waits_has_sent_nothing(
    unit: SimulatedUnit, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gains_of(unit)
    heard(device)
    job = calibration.ask(device, ASKED["current_gain"], None)

    def stopped(progress: Progress, _seconds: float) -> None:
        Job.objects.filter(pk=job.pk).update(cancel_wanted=True)
        progress.check_cancelled()

    monkeypatch.setattr(Progress, "pause", stopped)
    assert done(job).state == Job.State.CANCELLED
    assert gains_of(unit) == before
    assert not any("set_config" in request for request in unit.requests)
