"""The database goes away while the units are asked, and comes back: nothing is lost, nothing is stored twice."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import Account, account_of, count_stored
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import Database, OwnMariaDB
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note

NEGLIGIBLE_PERCENT = 1.0


def sent_by(fleet: Fleet) -> int:
    return sum(len(unit.sent) for unit in fleet.units)


def catches_up(database: Database, fleet: Fleet) -> None:
    """Wait until everything that was sent until now is stored."""
    sent = sent_by(fleet)
    until(lambda: count_stored(database) >= sent)


@contextmanager
def well_before_and_after(collector: Collector, database: Database, fleet: Fleet) -> Iterator[None]:
    with collecting(collector):
        until(lambda: count_stored(database) >= 3 * len(fleet.units))
        yield
        catches_up(database, fleet)


def assert_nothing_lost(account: Account) -> None:
    assert account.sent == account.stored
    assert account.missing_ns == ()
    assert account.error_percent < NEGLIGIBLE_PERCENT


def test_stopped(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    away_s = short(5, soak=600)
    collector = Collector(mariadb, fleet, tmp_path / "collector")
    with well_before_and_after(collector, mariadb, fleet):
        mariadb.stop()
        let_pass(away_s)
        mariadb.start()
    account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    assert "The database takes readings again" in collector.said()
    note(Fault.DATABASE_STOPPED, account, what=f"{away_s:g} s")


def test_killed(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    kills, chance = times(2, soak=20), random.Random(4)
    collector = Collector(mariadb, fleet, tmp_path / "collector")
    with well_before_and_after(collector, mariadb, fleet):
        for _ in range(kills):
            let_pass(chance.uniform(0.5, 1.5))
            mariadb.kill()
            let_pass(chance.uniform(0.0, 3.0))
            mariadb.start()
    account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    note(Fault.DATABASE_KILLED, account, what=f"{kills} times")


def test_read_only(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    away_s = short(5, soak=120)
    collector = Collector(mariadb, fleet, tmp_path / "collector")
    with well_before_and_after(collector, mariadb, fleet):
        mariadb.as_root("set global read_only = on")
        stored = count_stored(mariadb)
        let_pass(away_s)
        assert count_stored(mariadb) - stored <= len(fleet.units) * 4
        mariadb.as_root("set global read_only = off")
    account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    assert "read-only" in collector.said()
    note(Fault.DATABASE_READ_ONLY, account, what=f"{away_s:g} s")
