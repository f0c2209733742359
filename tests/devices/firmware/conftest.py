from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.firmware.rollouts import ask_upgrade
from devices.firmware.unit_at_hand import Patience
from devices.firmware.upgrade import upgrade
from devices.jobs import queue, runner
from devices.jobs.runner import Work
from devices.models import Device, FirmwareRelease, Job
from tests.devices.firmware.applications import release_of
from tests.devices.units import device_of

QUICK_UNIT = UnitTiming(away_s=0.2, reboot_delay_s=0.05, power_cycle_delay_s=0.05, chips_s=0.02)
PATIENCE = Patience(
    tries=3,
    between_tries_s=0.0,
    timeout_s=1.0,
    file_timeout_s=1.0,
    leaves_within_s=0.6,
    returns_within_s=4.0,
    looks_every_s=0.05,
    answers_within_s=1.5,
)
KINDS: Mapping[str, Work] = {Job.Kind.UPGRADE: partial(upgrade, patience=PATIENCE)}


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(1, http_port=0, ayt_port=0, timing=QUICK_UNIT) as fleet:
        yield fleet


@pytest.fixture
def device(unit: SimulatedUnit, db: None) -> Device:
    """A unit that no collector hears: its values are asked for over HTTP."""
    return device_of(unit, firmware_version="3.1")


@pytest.fixture
def release(db: None) -> FirmwareRelease:
    return release_of("3.2")


@pytest.fixture
def upgraded(device: Device, release: FirmwareRelease) -> Callable[..., Job]:
    """Asks for the upgrade and does it, as a worker would."""

    def do(**asked: Any) -> Job:
        return done(ask_upgrade(device, asked.pop("release", release), who=None, **asked))

    return do


def done(job: Job, kinds: Mapping[str, Work] = KINDS) -> Job:
    runner.run(job.pk, kinds)
    job.refresh_from_db()
    return job


def do_all_due() -> None:
    """Do what can begin, and what can begin then, as workers would."""
    for _ in range(100):
        due = queue.due(datetime.now(UTC))
        if not due:
            return
        for job_id in due:
            runner.run(job_id, KINDS)
    raise AssertionError("there is always another job")


def said(job: Job) -> list[str]:
    return [line.text for line in job.lines.all()]


def files_in(unit: SimulatedUnit, folder: str) -> set[str]:
    return {path.removeprefix(f"{folder}/") for path in unit.flash.files if path.startswith(f"{folder}/")}


def commands(unit: SimulatedUnit) -> list[str]:
    """What was asked of the unit, in order: the commands, and FILE for a file."""
    return [line.split()[0] if line.startswith("FILE") else line.split()[1] for line in unit.requests]
