"""While the database is away answers go to the disk: the collector's memory does not grow with them."""

from collections.abc import Callable
from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import account_of, count_stored
from tests.faults.collectors import PERIOD_S, Collector, collecting
from tests.faults.databases import OwnMariaDB
from tests.faults.soak import LIMIT_S, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import assert_nothing_lost, sent_by

UNITS = times(200, soak=125)  # 800 and 500 answers a second
WARM_S = 5.0
ANSWER_BYTES = 1_400  # at least
MOST_MB = 60.0


def test_it_does_not_grow_with_what_waits(mariadb: OwnMariaDB, net: str, tmp_path: Path) -> None:
    away_s = short(30, soak=600)
    away_answers = away_s / PERIOD_S * UNITS
    collector_mb: list[float] = []
    with Fleet(UNITS, f"{net}.20.1", http_port=0, ayt_port=0, uptime_s=60.0) as fleet:
        collector = Collector(mariadb, fleet, tmp_path / "collector")

        def is_reached(answers: float, count: Callable[[], int]) -> bool:
            collector_mb.append(collector.resident_mb())
            return count() >= answers

        with collecting(collector):
            until(lambda: count_stored(mariadb) >= WARM_S / PERIOD_S * UNITS)
            before_mb = collector.resident_mb()
            mariadb.stop()
            sent = sent_by(fleet)
            until(lambda: is_reached(sent + away_answers, lambda: sent_by(fleet)), 2 * away_s)
            mariadb.start()
            for unit in fleet.units:
                unit.settings["ACTIVE"] = False
            until(lambda: is_reached(sent_by(fleet), lambda: count_stored(mariadb)), away_s + LIMIT_S)
    account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    assert max(collector_mb) - before_mb < min(MOST_MB, 0.75 * away_answers * ANSWER_BYTES / 1e6)
    rate = f"{UNITS / PERIOD_S:g} answers/s, memory {before_mb:.0f} MB before, {max(collector_mb):.0f} MB at most"
    note(Fault.DATABASE_AWAY_UNDER_LOAD, account, what=f"{away_s:g} s at {rate}")
