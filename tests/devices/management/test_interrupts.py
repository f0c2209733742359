"""Somebody presses Ctrl-C in the middle of work that the command does itself: a real process, a real interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device, Job
from tests.devices.jobs.works import State, lines_of, reread
from tests.processes import ROOT, database_url, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]


@contextmanager
def ct6(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "DATABASE_URL": database_url(), "REDIS_URL": ""}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "ct6", *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def says(text: str) -> bool:
    return any(text in line for job in Job.objects.all() for line in lines_of(job))


def test_a_calibration_is_stopped_with_the_gains_of_before(device: Device, unit: SimulatedUnit) -> None:
    before = dict(unit.settings)
    with ct6("Garage", "calibrate", "voltage", "--reference", "230", "--hz", "50", "--mains-side-is-safe") as process:
        wait_for(lambda: says("Round 1:"))
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "Stopping." in err
    assert reread(Job.objects.get()).state == State.CANCELLED
    assert "Cancelled. The unit was left as it was." in err
    assert unit.settings == before


def test_a_restart_goes_on_once_it_was_sent(device: Device, unit: SimulatedUnit) -> None:
    unit.timing = unit.timing.__class__(away_s=4.0, reboot_delay_s=0.05)
    with ct6("Garage", "reboot", "--yes-name", "Garage") as process:
        wait_for(lambda: says("Waiting until it is back"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "It cannot be stopped now: the unit would be left half-changed." in err
    assert "Garage: It has restarted and was back online after" in out
