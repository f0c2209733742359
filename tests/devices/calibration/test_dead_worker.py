"""A worker that dies in the middle of a calibration: another one puts the gains of before back, and ends it."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.utils import timezone

from devices import calibration, gains
from devices.calibration import measuring
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import Calibration, Device, Job
from devices.registration import known_units
from tests.devices.calibration.conftest import ASKED, done, gains_of, reads, said
from tests.devices.units import device_of
from tests.processes import ROOT, database_url, wait_for

WORKER = ["-m", "celery", "--quiet", "-A", "ct6site", "worker", "-Q", "jobs", "--pool", "solo"]


class _Killed(BaseException):
    """What a worker does not survive."""


def killed_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int = 1) -> None:
    """Let this worker die in that call."""
    calls = 0
    real = getattr(module, name)

    def dies(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise _Killed
        return real(*arguments)

    monkeypatch.setattr(module, name, dies)


def some_minutes_later(job: Job) -> None:
    """The worker has given no sign of life for so long that its job and its hold on the unit are free."""
    past = timezone.now() - timedelta(minutes=5)
    Job.objects.filter(pk=job.pk).update(alive_at=past)
    Device.objects.filter(pk=job.device_id).update(held_until=past)
    assert queue.recover(timezone.now()) == [job.pk]


@pytest.fixture
def begun(device: Device) -> Job:
    return calibration.ask(device, ASKED["current_gain"], None)


@pytest.mark.django_db(transaction=True)
def test_after_a_kill_9_another_worker_puts_the_gains_of_before_back(unit: SimulatedUnit, tmp_path: Path) -> None:
    before, read_before = gains_of(unit), reads(unit, 1, "VRMS")
    job = calibration.ask(device_of(unit), ASKED["voltage"], None)
    worker = _worker(tmp_path)
    try:
        _broker(tmp_path).send_task("devices.tasks.run_job", (job.pk,), queue="jobs")
        wait_for(lambda: any(c.rounds for c in Calibration.objects.all()))
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert gains_of(unit) != before
    some_minutes_later(job)
    done(job)
    assert job.state == Job.State.FAILED
    assert "stopped in the middle of the calibration" in said(job)[-1]
    assert gains_of(unit) == before
    assert reads(unit, 1, "VRMS") == read_before
    assert Calibration.objects.get().succeeded is False


def _worker(folder: Path) -> "subprocess.Popen[bytes]":
    (folder / "broker" / "control").mkdir(parents=True)
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "CT6_DATA_DIR": str(folder),
        "CT6_LOG_LEVEL": "WARNING",
    }
    return subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=environment)


def _broker(folder: Path) -> Celery:
    client = Celery(broker="filesystem://localhost")
    client.conf.broker_transport_options = {
        "data_folder_in": str(folder / "broker"),
        "data_folder_out": str(folder / "broker"),
        "control_folder": str(folder / "broker" / "control"),
    }
    return client


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_nothing_was_changed_yet_and_another_worker_calibrates(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, gains, "held")
        with pytest.raises(_Killed):
            runner.run(begun.pk, KINDS)
    some_minutes_later(begun)
    assert done(begun).state == Job.State.DONE
    assert reads(unit, 3, "IRMS") == pytest.approx(10.0, abs=0.02)


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_found_gains_are_saved_by_another_worker(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, gains, "save")
        with pytest.raises(_Killed):
            runner.run(begun.pk, KINDS)
    unit.reboot(away_s=0)  # which makes it forget what was not saved
    unit.state()
    some_minutes_later(begun)
    assert done(begun).state == Job.State.DONE, said(begun)
    assert reads(unit, 3, "IRMS") == pytest.approx(10.0, abs=0.02)
    assert Calibration.objects.get().succeeded is True


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_a_unit_that_is_away_when_the_other_worker_comes_is_told_about(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = unit.settings["CT3_IGAIN"]
    with monkeypatch.context() as patched:
        killed_at(patched, measuring, "measure", call=2)
        with pytest.raises(_Killed):
            runner.run(begun.pk, KINDS)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET))
    some_minutes_later(begun)
    assert done(begun).state == Job.State.FAILED
    assert f"in place of LINE_FREQ_HZ = 50, CT3_IGAIN = {was:.9g}" in said(begun)[-1]
    assert unit.settings["CT3_IGAIN"] not in (was, 8000.0)
    assert f"Its settings hold LINE_FREQ_HZ = 50, CT3_IGAIN = {unit.settings['CT3_IGAIN']:.9g} " in said(begun)[-1]


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_a_worker_that_dies_on_the_way_back_is_followed_by_one_that_goes_on_back(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gains_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/save_factory_cfg", times=1))
    with monkeypatch.context() as patched:
        killed_at(patched, gains, "load_and_read_back", call=2)
        with pytest.raises(_Killed):
            runner.run(begun.pk, KINDS)
    assert gains_of(unit) != before
    some_minutes_later(begun)
    assert done(begun).state == Job.State.FAILED
    assert gains_of(unit) == before


def dies_three_times(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """First in the middle of the rounds, then each time on the way back."""
    with monkeypatch.context() as patched:
        killed_at(patched, measuring, "measure", call=2)
        with pytest.raises(_Killed):
            runner.run(job.pk, KINDS)
    for _death in range(queue.MOST_STARTS - 1):
        some_minutes_later(job)
        dies_on_the_way_back(job, monkeypatch)


def dies_on_the_way_back(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, gains, "load_and_read_back")
        with pytest.raises(_Killed):
            runner.run(job.pk, KINDS)


@pytest.mark.django_db
@pytest.mark.engines
@pytest.mark.usefixtures("quick")
def test_after_three_deaths_the_gains_of_before_are_put_back_before_it_is_given_up(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read_before = gains_of(unit), reads(unit, 3, "IRMS")
    dies_three_times(begun, monkeypatch)
    assert gains_of(unit) != before
    some_minutes_later(begun)
    assert done(begun).state == Job.State.FAILED
    assert any("given up; another one puts the unit in order first" in line for line in said(begun))
    assert "The unit has its gains of before" in said(begun)[-1]
    assert gains_of(unit) == before
    assert reads(unit, 3, "IRMS") == read_before
    assert Calibration.objects.get().succeeded is False


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_after_three_deaths_of_a_unit_that_is_away_it_is_said_what_it_holds_and_what_to_do(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = unit.settings["CT3_IGAIN"]
    dies_three_times(begun, monkeypatch)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET))
    some_minutes_later(begun)
    assert done(begun).state == Job.State.FAILED
    assert_says_what_is_left(begun, held=unit.settings["CT3_IGAIN"], was=was)


@pytest.mark.django_db
@pytest.mark.engines
@pytest.mark.usefixtures("quick")
def test_where_the_last_worker_dies_too_it_is_said_what_the_unit_holds_and_what_to_do(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = unit.settings["CT3_IGAIN"]
    dies_three_times(begun, monkeypatch)
    some_minutes_later(begun)
    dies_on_the_way_back(begun, monkeypatch)
    some_minutes_later(begun)
    begun.refresh_from_db()
    assert (begun.state, begun.running_on) == (Job.State.FAILED, None)
    assert_says_what_is_left(begun, held=unit.settings["CT3_IGAIN"], was=was)
    assert Calibration.objects.get().succeeded is False


def assert_says_what_is_left(job: Job, *, held: Any, was: Any) -> None:
    last = said(job)[-1]
    assert held != was
    assert f"Its settings hold LINE_FREQ_HZ = 50, CT3_IGAIN = {held:.9g} " in last
    assert f"in place of LINE_FREQ_HZ = 50, CT3_IGAIN = {was:.9g}" in last
    assert "switch the unit off and on" in last


@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_saving_that_killed_three_workers_is_not_tried_again_but_taken_back(
    unit: SimulatedUnit, begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gains_of(unit)
    for death in range(queue.MOST_STARTS):
        if death:
            some_minutes_later(begun)
        with monkeypatch.context() as patched:
            killed_at(patched, gains, "save")
            with pytest.raises(_Killed):
                runner.run(begun.pk, KINDS)
    some_minutes_later(begun)
    assert done(begun).state == Job.State.FAILED
    assert gains_of(unit) == before
    assert Calibration.objects.get().succeeded is False


@pytest.mark.django_db
@pytest.mark.engines
@pytest.mark.usefixtures("quick")
def test_while_it_waits_for_another_worker_the_collector_stores_nothing(
    begun: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_stored() -> bool:
        return known_units([begun.device.assy])[begun.device.assy].is_stored

    assert is_stored()
    with monkeypatch.context() as patched:
        killed_at(patched, measuring, "measure", call=2)
        with pytest.raises(_Killed):
            runner.run(begun.pk, KINDS)
    assert not is_stored()
    some_minutes_later(begun)
    assert not is_stored()
    done(begun)
    assert is_stored()
