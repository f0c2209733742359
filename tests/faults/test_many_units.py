"""Many units for long: everything that leaves them is stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import count_stored
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import OwnMariaDB, own_mariadb
from tests.faults.soak import LIMIT_S, short, times, until

UNITS = times(100, soak=1_000)


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[OwnMariaDB]:
    """With room for the newest page of each port in memory, 100 MB for a thousand units; else the disk decides."""
    with own_mariadb(tmp_path / "mariadb", buffer_pool="256M") as server:
        yield server


def test_nothing_is_lost_of_units_asked_once_a_second(mariadb: OwnMariaDB, net: str, tmp_path: Path) -> None:
    """A thousand of them for ten minutes in the soak, beside other faults."""
    asked_s = short(8, soak=600)
    with Fleet(UNITS, f"{net}.24.1", prepared=True, ayt_port=0) as fleet:
        collector = Collector(mariadb, fleet, tmp_path / "collector", period_s=1.0)

        def sent() -> int:
            return sum(unit.answers_sent for unit in fleet.units)

        with collecting(collector):
            until(lambda: sent() >= asked_s * UNITS, asked_s + LIMIT_S)
            fleet.stop()
            until(lambda: count_stored(mariadb) == sent())
        assert "dropped=0" in collector.said()
