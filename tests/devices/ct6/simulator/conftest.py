from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from devices.ct6.simulator.fleet import Fleet, UnitNames
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming

QUICK = UnitTiming(away_s=0.15, reboot_delay_s=0.05, power_cycle_delay_s=0.05, chips_s=0.1)
UNNAMED = UnitNames("unit1", [""] * 6)

quick_fleet = partial(Fleet, http_port=0, ayt_port=0, timing=QUICK)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """One unnamed unit that has measured something to answer."""
    with quick_fleet(names=[UNNAMED]) as running:
        yield running


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    """The fleet's only unit."""
    return fleet.units[0]
