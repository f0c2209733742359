"""A worker is killed in the middle of an upgrade: another one brings it to its end, wherever the first one died."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.simulator.faults import ApplicationFault
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState, UnitTiming
from devices.firmware.rollouts import ask_upgrade
from devices.firmware.upgrade import upgrade
from devices.jobs import queue, runner
from devices.jobs.runner import Work
from devices.models import Device, FirmwareRelease, Job
from tests.devices.firmware.applications import release_of
from tests.devices.firmware.conftest import KINDS, PATIENCE, commands, done, files_in, said
from tests.devices.units import device_of
from tests.processes import ROOT, database_url, wait_for

State = Job.State

# What a Celery worker does with the message, in a process that can be killed.
WORKER = """
import sys, django
django.setup()
from devices.tasks import run_job
run_job(int(sys.argv[1]))
"""


PATIENT = {Job.Kind.UPGRADE.value: partial(upgrade, patience=replace(PATIENCE, returns_within_s=20.0))}


def recovered(job: Job, kinds: Mapping[str, Work] = KINDS) -> Job:
    """Some minutes later, by which time the worker counts as dead and its hold on the unit is over."""
    later = datetime.now(UTC) + timedelta(minutes=5)
    Device.objects.filter(pk=job.device_id).update(held_until=None)
    assert queue.recover(later) == [job.pk]
    job.refresh_from_db()
    assert job.state == State.WAITING
    return done(job, kinds)


# Really killed


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SimulatedUnit]:
    """A unit that takes its time, so that there is a middle."""
    timing = UnitTiming(away_s=3.0, reboot_delay_s=0.2, chips_s=0.02, file_s=0.15)
    with Fleet(1, http_port=0, ayt_port=0, timing=timing) as fleet:
        yield fleet.units[0]


def killed_once(job: Job, folder: Path, is_so: Callable[[], bool]) -> None:
    """Let a worker in a process of its own take the job, and kill it at that moment."""
    (folder / "broker" / "control").mkdir(parents=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ct6site.settings",
        "DATABASE_URL": database_url(),
        "CT6_DATA_DIR": str(folder),
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(job.pk)], cwd=ROOT, env=environment)
    try:
        wait_for(is_so)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


@pytest.mark.django_db(transaction=True)
@pytest.mark.engines
def test_kill_9_while_files_are_sent(slow: SimulatedUnit, tmp_path: Path) -> None:
    job = ask_upgrade(device_of(slow), release_of("3.2"), who=None)
    killed_once(job, tmp_path, lambda: len(files_in(slow, "/app2")) > 4)
    job.refresh_from_db()
    assert (job.state, job.memory["stage"]) == (State.RUNNING, "sending")
    assert slow.active_folder() == "/app1"
    job = recovered(job, PATIENT)
    assert job.state == State.DONE, said(job)
    assert (slow.active_folder(), slow.firmware_version, slow.boots) == ("/app2", "3.2", 2)
    assert any("sent from the beginning" in line for line in said(job))


@pytest.mark.django_db(transaction=True)
@pytest.mark.engines
def test_kill_9_while_the_unit_restarts(slow: SimulatedUnit, tmp_path: Path) -> None:
    job = ask_upgrade(device_of(slow), release_of("3.2"), who=None)
    killed_once(job, tmp_path, lambda: slow.state() is UnitState.AWAY)
    wait_for(lambda: slow.state() is UnitState.RUNNING)
    before = len(slow.requests)
    job = recovered(job, PATIENT)
    assert job.state == State.DONE, said(job)
    assert (slow.active_folder(), slow.firmware_version, slow.boots) == ("/app2", "3.2", 2)
    asked = commands(slow)[before:]
    assert not [command for command in asked if command.startswith(("FILE", "/swap", "/reboot", "/erase", "/mkdir"))]


# Killed between any two requests


class _Killed(BaseException):
    """What a worker does not survive."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A call of the client, counted, before or after the unit did as it was told."""

    method: str
    call: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.method} {self.call}"


def moments(*calls: tuple[str, int]) -> list[Moment]:
    return [Moment(method, call, after) for method, call in calls for after in (False, True)]


ON_THE_WAY = moments(
    ("erase_inactive_folder", 1),
    ("make_folder", 2),
    ("send_file", 1),
    ("send_file", 9),
    ("swap_active_folder", 1),
    ("reboot", 1),
)
ON_THE_WAY_BACK = moments(("swap_active_folder", 2), ("reboot", 2))


def begun_and_killed(monkeypatch: pytest.MonkeyPatch, job: Job, moment: Moment) -> None:
    """Let a worker take the job, and die at that moment."""
    real, calls = getattr(UnitClient, moment.method), 0

    def dying(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls != moment.call:
            return real(*arguments)
        if moment.after:
            real(*arguments)
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(UnitClient, moment.method, dying)
        with pytest.raises(_Killed):
            runner.run(job.pk, KINDS)


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ON_THE_WAY, ids=str)
def test_another_worker_brings_it_to_its_end(
    unit: SimulatedUnit,
    device: Device,
    release: FirmwareRelease,
    monkeypatch: pytest.MonkeyPatch,
    moment: Moment,
) -> None:
    job = ask_upgrade(device, release, who=None)
    begun_and_killed(monkeypatch, job, moment)
    job = recovered(job)
    assert job.state == State.DONE, said(job)
    assert (unit.active_folder(), unit.firmware_version) == ("/app2", "3.2")
    assert unit.boots == 2


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ON_THE_WAY_BACK, ids=str)
def test_another_worker_takes_it_back(
    unit: SimulatedUnit,
    device: Device,
    release: FirmwareRelease,
    monkeypatch: pytest.MonkeyPatch,
    moment: Moment,
) -> None:
    unit.faults.applications["/app2"] = ApplicationFault.NONSENSE
    job = ask_upgrade(device, release, who=None)
    begun_and_killed(monkeypatch, job, moment)
    job = recovered(job)
    assert job.state == State.FAILED
    assert "changed back by itself: it runs 3.1 from /app1" in said(job)[-1]
    assert (unit.active_folder(), unit.firmware_version, unit.boots) == ("/app1", "3.1", 3)


@pytest.mark.django_db
def test_a_release_that_is_deleted_after_the_swap_is_no_longer_needed(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask_upgrade(device, release, who=None)
    begun_and_killed(monkeypatch, job, Moment("reboot", 1, after=False))
    release.delete()
    assert recovered(job).state == State.DONE
    assert unit.firmware_version == "3.2"


@pytest.mark.django_db
def test_a_job_that_kills_its_workers_is_given_up(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask_upgrade(device, release, who=None)
    for _ in range(queue.MOST_STARTS):
        begun_and_killed(monkeypatch, job, Moment("send_file", 3, after=False))
        Device.objects.update(held_until=None)
        assert queue.recover(datetime.now(UTC) + timedelta(minutes=5)) == [job.pk]
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "so it is given up" in said(job)[-1]
    assert unit.active_folder() == "/app1"
