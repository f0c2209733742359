from collections.abc import Iterator

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device
from tests.devices.units import device_of


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Two simulated units, each at a loopback address of its own."""
    with Fleet(units=2, http_port=0, ayt_port=0) as units:
        yield units


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    return fleet.units[0]


@pytest.fixture
def device(unit: SimulatedUnit, db: None) -> Device:
    """The unit as it is known."""
    return device_of(unit)
