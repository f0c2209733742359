"""Two collectors on one database: one asks, and when it is killed the other takes over."""

from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import account_of, count_stored
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import OwnMariaDB
from tests.faults.soak import until
from tests.faults.table import Fault, note
from tests.faults.test_collector_killed import BRIDGED_PERCENT, FLUSH_S, GRACE_S, as_declared, goes_on, worst_s
from tests.faults.test_database_away import sent_by


def test_the_other_takes_over(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    first, second = (Collector(mariadb, fleet, tmp_path / name) for name in ("first", "second"))
    first.start()
    try:
        until(lambda: count_stored(mariadb) >= 3 * len(fleet.units))
        with collecting(second):
            until(lambda: "Another collector is asking the units; standing by" in second.said())
            killed_ns = first.kill()
            sent = sent_by(fleet)
            taken_over_s = until(lambda: sent_by(fleet) > sent + len(fleet.units))
            goes_on(mariadb, fleet)
    finally:
        first.close()
    account = account_of(mariadb, fleet)
    assert taken_over_s < 10
    assert worst_s(account, [killed_ns]) < FLUSH_S + GRACE_S
    assert account.error_percent < BRIDGED_PERCENT
    note(Fault.TWO_COLLECTORS, account, declared=as_declared(account, [killed_ns]))
