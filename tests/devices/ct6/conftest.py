from collections.abc import Iterator

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Two simulated units that restart quickly."""
    timing = UnitTiming(away_s=0.2, reboot_delay_s=0.05, power_cycle_delay_s=0.05, chips_s=0.05)
    with Fleet(2, ayt_port=0, http_port=0, timing=timing) as fleet:
        yield fleet


@pytest.fixture
def client(unit: SimulatedUnit) -> UnitClient:
    return UnitClient(unit.address, unit.http_port, assy=unit.assy)
