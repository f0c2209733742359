"""The collector is killed: at most what came in its last flush interval is lost, and the next one goes on."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import Account, account_of, count_stored
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import Database, OwnMariaDB
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import sent_by

FLUSH_S = 1.0
# Beside the interval itself, what a statement and a machine with other work take.
GRACE_S = 0.75
# While a database falls silent its last flush is waited for half as long again, before the disk takes over.
SILENT_S = 1.75
# What is lost with the collector is bridged by the mean that follows.
BRIDGED_PERCENT = 2.0
LEFT_ON_DISK = "they wait on disk"


def killed_at_random(collector: Collector, chance: random.Random, least_s: float = 1.0, most_s: float = 3.0) -> int:
    """The moment of it, epoch ns; it is started again at once."""
    let_pass(chance.uniform(least_s, most_s))
    killed_ns = collector.kill()
    collector.start()
    return killed_ns


def worst_s(account: Account, kills_ns: Sequence[int]) -> float:
    """How long before a kill the oldest answer came that is lost; each was lost in a kill."""
    ages_s = [min(kill - left for kill in kills_ns if kill >= left) / 1e9 for left in account.missing_ns]
    return max(ages_s, default=0.0)


def as_declared(account: Account, kills_ns: Sequence[int]) -> str:
    return f"all, none older than {worst_s(account, kills_ns):.1f} s at a kill" if account.lost else ""


def goes_on(database: Database, fleet: Fleet) -> None:
    """Wait until more of each unit is stored than now."""
    stored = count_stored(database)
    until(lambda: count_stored(database) >= stored + 3 * len(fleet.units))


def test_while_the_database_is_well(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    kills, chance = times(3, soak=20), random.Random(5)
    collector = Collector(mariadb, fleet, tmp_path / "collector")
    with collecting(collector):
        until(lambda: count_stored(mariadb) >= len(fleet.units))
        kills_ns = [killed_at_random(collector, chance) for _ in range(kills)]
        goes_on(mariadb, fleet)
    account = account_of(mariadb, fleet)
    assert worst_s(account, kills_ns) < FLUSH_S + GRACE_S
    assert account.error_percent < BRIDGED_PERCENT
    note(Fault.COLLECTOR_KILLED, account, what=f"{kills} times", declared=as_declared(account, kills_ns))


def test_while_the_database_is_away(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    kills, chance = times(2, soak=19), random.Random(6)
    collector = Collector(mariadb, fleet, tmp_path / "collector")
    with collecting(collector):
        until(lambda: count_stored(mariadb) >= len(fleet.units))
        mariadb.stop()
        sent = sent_by(fleet)
        kills_ns = [killed_at_random(collector, chance) for _ in range(kills)]
        until(lambda: sent_by(fleet) > sent + 3 * kills * len(fleet.units))
        mariadb.start()
        kills_ns += [killed_at_random(collector, chance, 0.1, 0.5)]  # while it stores what waited on disk
        goes_on(mariadb, fleet)
    account = account_of(mariadb, fleet)
    assert "Answers of before wait on disk" in collector.said()
    assert worst_s(account, kills_ns) < SILENT_S + GRACE_S
    assert account.error_percent < BRIDGED_PERCENT
    note(Fault.COLLECTOR_KILLED_ALONE, account, what=f"{len(kills_ns)} times", declared=as_declared(account, kills_ns))


def test_what_waited_on_disk_is_taken_twice(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    """As if it was killed at the worst moment: stored already, and still on disk for the next one."""
    collector, kept = Collector(mariadb, fleet, tmp_path / "collector"), tmp_path / "kept"
    with collecting(collector):
        until(lambda: count_stored(mariadb) >= len(fleet.units))
        mariadb.stop()
        let_pass(short(5, soak=120))
        killed_ns = collector.kill()
        shutil.copytree(collector.spool, kept)
        collector.start()
        mariadb.start()
        goes_on(mariadb, fleet)
    left = 0
    while LEFT_ON_DISK in collector.said().splitlines()[-1]:  # a busy machine; they are not to be removed with the rest
        left += 1
        with collecting(collector):
            goes_on(mariadb, fleet)
    shutil.rmtree(collector.spool)
    kept.rename(collector.spool)
    with collecting(collector):
        goes_on(mariadb, fleet)
    account = account_of(mariadb, fleet)
    assert collector.said().count("Answers of before wait on disk") == 2 + left
    assert worst_s(account, [killed_ns]) < FLUSH_S + GRACE_S
    assert account.error_percent < BRIDGED_PERCENT
    note(Fault.TAKEN_TWICE, account, declared=as_declared(account, [killed_ns]))
