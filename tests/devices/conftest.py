from collections.abc import Iterator

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Two simulated units, each at a loopback address of its own."""
    with Fleet(units=2, http_port=0, ayt_port=0) as units:
        yield units


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    return fleet.units[0]
