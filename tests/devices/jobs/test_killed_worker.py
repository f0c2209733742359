"""A worker is killed in the middle of a job, with a real process on a real unit's web server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from devices import restarting
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.holding import UnitBusy, alone
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import Device, Job
from tests.devices.jobs.works import State, lines_of, reread
from tests.devices.units import device_of
from tests.processes import ROOT, database_url, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]


@pytest.fixture
def unit() -> Iterator[SimulatedUnit]:
    with Fleet(1, http_port=0, ayt_port=0, uptime_s=5000, timing=UnitTiming(away_s=600, reboot_delay_s=0.05)) as fleet:
        yield fleet.units[0]


@contextmanager
def worker(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DATABASE_URL": database_url(), "CT6_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.devices.jobs.worker", str(job.pk)], cwd=ROOT, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def reboots_sent(unit: SimulatedUnit) -> int:
    return sum(line.startswith("GET /reboot") for line in unit.requests)


def a_minute_later(job: Job) -> None:
    """Let the signs of life and the hold of the dead worker be as old as they will be then."""
    back = timedelta(seconds=61)
    kept = reread(job)
    assert kept.alive_at is not None
    Job.objects.filter(pk=job.pk).update(alive_at=kept.alive_at - back)
    held_until = Device.objects.get(pk=job.device_id).held_until
    assert held_until is not None
    Device.objects.filter(pk=job.device_id).update(held_until=held_until - back)


def test_a_reboot_whose_worker_is_killed_is_finished_by_another_and_sent_once(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    job = restarting.ask_for_reboot(device, who=None, typed_name=device.name)
    with worker(job) as process:
        wait_for(lambda: reboots_sent(unit) == 1 and "Waiting until it is back" in lines_of(job))
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    left = reread(job)
    assert (left.state, left.running_on_id, left.may_cancel) == (State.RUNNING, device.pk, False)
    assert queue.recover(datetime.now(UTC)) == []  # it may still live
    with pytest.raises(UnitBusy), alone(device, datetime.now(UTC)):
        pass
    a_minute_later(job)
    assert queue.recover(datetime.now(UTC)) == [job.pk]
    unit.reboot(away_s=0)  # it is back
    runner.run(job.pk, KINDS)
    done = reread(job)
    assert (done.state, done.starts, done.running_on_id) == (State.DONE, 2, None)
    assert reboots_sent(unit) == 1
    assert "another one goes on" in "\n".join(lines_of(job))
    assert "It has restarted" in lines_of(job)[-1]
    assert Device.objects.get(pk=device.pk).held_until is None
