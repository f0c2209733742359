"""Reading a unit while it is calibrated."""

from datetime import UTC, datetime

import pytest

from devices.calibration import measuring
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, WrongUnit
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.holding import alone
from devices.jobs import queue
from devices.jobs.progress import JobCancelled, Progress
from devices.models import Device, Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick")]


def measured(device: Device, unit: SimulatedUnit, *, assy: str = "", port: int = 3, cancelled: bool = False) -> float:
    job = queue.take(queue.ask(device, Job.Kind.CALIBRATION, who=None).pk, datetime.now(UTC))
    assert job is not None
    if cancelled:
        assert queue.cancel(job, datetime.now(UTC), who=None)
    client = UnitClient(unit.address, unit.http_port, assy=assy or unit.assy)
    with alone(device, datetime.now(UTC)) as hold:
        return measuring.measure(Progress(job, hold), client, port, measuring.CURRENT)


def test_several_readings_are_taken(device: Device, unit: SimulatedUnit) -> None:
    assert measured(device, unit) == pytest.approx(10.0 * 48_436 / 51_000, abs=0.03)
    assert [request.split()[1] for request in unit.requests] == ["/get_stats"] * measuring.READINGS


def test_the_readings_of_another_unit_are_not_taken(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(WrongUnit, match=f"{unit.assy}"):
        measured(device, unit, assy="ASY0398_V003.300_SN00009999")


def test_a_port_that_the_unit_does_not_have_cannot_be_read(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(UnitAnsweredBadly, match="no usable IRMS of port 9"):
        measured(device, unit, port=9)


def test_one_lost_answer_is_asked_for_again(
    device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "PATIENCE_S", 10.0)
    unit.faults.http.append(HttpFault(HttpFaultKind.CUT_OFF, "/get_stats", after=2, times=1))
    assert measured(device, unit) > 0


def test_a_cancelled_job_reads_nothing_more(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(JobCancelled):
        measured(device, unit, cancelled=True)
    assert list(unit.requests) == []
