"""Two collectors on one database: one asks, and when it is killed the other takes over."""

from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import account_of, count_stored
from tests.faults.collectors import Collector
from tests.faults.databases import OwnMariaDB
from tests.faults.soak import times, until
from tests.faults.table import Fault, note
from tests.faults.test_collector_killed import BRIDGED_PERCENT, FLUSH_S, GRACE_S, as_declared, goes_on, worst_s
from tests.faults.test_database_away import sent_by

STANDS_BY = "Another collector is asking the units; standing by"
TAKEN_OVER_S = 10.0


def stands_by(collector: Collector) -> None:
    """Start it, and wait until it knows that another one asks."""
    before = collector.said().count(STANDS_BY)
    collector.start()
    until(lambda: collector.said().count(STANDS_BY) > before)


def other_takes_over(asking: Collector, fleet: Fleet) -> int:
    """Kill the one that asks; the moment of it, epoch ns."""
    killed_ns = asking.kill()
    sent = sent_by(fleet)
    assert until(lambda: sent_by(fleet) > sent + len(fleet.units)) < TAKEN_OVER_S
    return killed_ns


def test_the_other_takes_over(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    kills_ns = []
    asking, other = (Collector(mariadb, fleet, tmp_path / name) for name in ("first", "second"))
    asking.start()
    try:
        until(lambda: count_stored(mariadb) >= 3 * len(fleet.units))
        for _ in range(times(1, soak=10)):
            stands_by(other)
            kills_ns.append(other_takes_over(asking, fleet))
            goes_on(mariadb, fleet)
            asking, other = other, asking
        asking.stop()
    finally:
        asking.close()
        other.close()
    account = account_of(mariadb, fleet)
    assert worst_s(account, kills_ns) < FLUSH_S + GRACE_S
    assert account.error_percent < BRIDGED_PERCENT
    what = f", {len(kills_ns)} times" if len(kills_ns) > 1 else ""
    note(Fault.TWO_COLLECTORS, account, what=what, declared=as_declared(account, kills_ns))
