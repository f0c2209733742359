from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devices import calibration, factory
from devices.calibration import measuring, putting_back
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming
from devices.jobs import runner
from devices.jobs.kinds import KINDS
from devices.models import Device, Job
from tests.devices.units import device_of

RIGHT = {"CS4_VOLTAGE_GAIN": 48_000.0, "CS0_VOLTAGE_GAIN": 53_000.0, "CT3_IGAIN": 51_000.0, "CT3_IOFFSET": 60_036.0}
ASKED: dict[str, dict[str, Any]] = {
    "voltage": {"target": "voltage", "reference": 230.0, "line_freq_hz": 50, "mains_side_is_safe": True},
    "current_gain": {
        "target": "current_gain", "port": 3, "reference": 10.0, "line_freq_hz": 50, "mains_side_is_safe": True
    },
    "current_offset": {"target": "current_offset", "port": 3, "line_freq_hz": 50, "mains_side_is_safe": True},
}  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated unit shows at once what it was loaded with, and nobody waits long for one that is away."""
    monkeypatch.setattr(measuring, "SETTLE_S", 0.0)
    monkeypatch.setattr(measuring, "BETWEEN_S", 0.0)
    monkeypatch.setattr(measuring, "PATIENCE_S", 0.0)
    monkeypatch.setattr(putting_back, "PUT_BACK_WITHIN_S", 0.5)
    monkeypatch.setattr(putting_back, "TRY_AGAIN_S", 0.1)
    monkeypatch.setattr(calibration.job, "SAVE_WITHIN_S", 0.0)
    monkeypatch.setattr(factory, "PATIENCE_S", 0.0)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    timing = UnitTiming(away_s=0.2, reboot_delay_s=0.05, power_cycle_delay_s=0.05, chips_s=0.02)
    with Fleet(1, http_port=0, ayt_port=0, timing=timing) as fleet:
        yield fleet


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    """A unit whose gains are all a little wrong, at 230 V, with 10 A through port 3."""
    unit = fleet.units[0]
    unit.chips.right |= RIGHT
    unit.mains.voltage_v = 230.0
    unit.mains.currents_a = {3: 10.0}
    return unit


@pytest.fixture
def device(unit: SimulatedUnit, db: None) -> Device:
    return device_of(unit)


@pytest.fixture
def calibrated(device: Device) -> Callable[..., Job]:
    """Asks for a calibration and does it, as a worker would."""

    def do(target: str, **otherwise: Any) -> Job:
        return done(calibration.ask(device, ASKED[target] | otherwise, None))

    return do


def done(job: Job) -> Job:
    runner.run(job.pk, KINDS)
    job.refresh_from_db()
    return job


def said(job: Job) -> list[str]:
    return [line.text for line in job.lines.all()]


def gains_of(unit: SimulatedUnit) -> dict[str, object]:
    """What stands in the unit's settings, of what the tests calibrate."""
    return {key: unit.settings[key] for key in ("LINE_FREQ_HZ", *RIGHT)}


def reads(unit: SimulatedUnit, port: int, quantity: str) -> float:
    values: Any = unit.stats()[f"CT{port}"]
    return float(values[quantity])
