from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from devices import calibration, factory, restarting
from devices.calibration import measuring
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.firmware.upgrade import upgrade
from devices.jobs.kinds import KINDS
from devices.management.ct6 import following
from devices.models import Device, Job
from tests.devices.firmware.conftest import PATIENCE
from tests.devices.units import device_of

GAINS = {"CS4_VOLTAGE_GAIN": 48_000.0, "CS0_VOLTAGE_GAIN": 53_000.0, "CT3_IGAIN": 51_000.0, "CT3_IOFFSET": 60_036.0}


@dataclass(frozen=True, slots=True)
class Ran:
    """What the command printed, and its exit code with the sentence that goes with it."""

    out: str
    err: str
    code: int
    sentence: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def ct6(db: None) -> Run:
    def run(*arguments: object) -> Ran:
        out, err = StringIO(), StringIO()
        try:
            call_command("ct6", *map(str, arguments), stdout=out, stderr=err)
        except CommandError as error:
            return Ran(out.getvalue(), err.getvalue(), error.returncode, str(error))
        return Ran(out.getvalue(), err.getvalue(), 0, "")

    return run


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    timing = UnitTiming(away_s=0.3, reboot_delay_s=0.05, power_cycle_delay_s=0.05, chips_s=0.02)
    with Fleet(2, http_port=0, ayt_port=0, uptime_s=5000, timing=timing) as fleet:
        yield fleet


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    """A unit whose gains are all a little wrong, at 230 V, with 10 A through port 3."""
    unit = fleet.units[0]
    unit.chips.right |= GAINS
    unit.mains.voltage_v = 230.0
    unit.mains.currents_a = {3: 10.0}
    return unit


@pytest.fixture
def device(unit: SimulatedUnit, db: None) -> Device:
    unit.set({"YDEV_UNIT_NAME": "Garage"})
    return device_of(unit, firmware_version="3.1")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a worker, since there is none, nor long for a unit."""
    monkeypatch.setattr(following, "TAKEN_WITHIN_S", 0.0)
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(following, "KINDS", {**KINDS, Job.Kind.UPGRADE: partial(upgrade, patience=PATIENCE)})
    monkeypatch.setattr(restarting, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(restarting, "BACK_WITHIN_S", 10.0)
    monkeypatch.setattr(restarting, "GONE_WITHIN_S", 10.0)
    monkeypatch.setattr(restarting, "SILENT_FOR_GONE_S", 1.0)
    monkeypatch.setattr(measuring, "SETTLE_S", 0.0)
    monkeypatch.setattr(measuring, "BETWEEN_S", 0.0)
    monkeypatch.setattr(measuring, "PATIENCE_S", 0.0)
    monkeypatch.setattr(calibration.job, "SAVE_WITHIN_S", 0.0)
    monkeypatch.setattr(factory, "PATIENCE_S", 0.0)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Somebody sits at the terminal and types this."""

    def types(text: str) -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(builtins, "input", lambda *_prompt: text)

    return types
