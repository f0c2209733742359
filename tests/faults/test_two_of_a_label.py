"""Two units say that they are the same one: nothing is stored for it until one has left, and all others go on."""

import time
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from readings.collect import claims
from readings.collect.collector import Collector as CollectorInThread
from readings.collect.collector import Plan
from readings.collect.questions import Targets
from tests.faults.account import account_of, count_stored, stored_answers
from tests.faults.collectors import PERIOD_S, in_thread
from tests.faults.databases import TestsOwn
from tests.faults.soak import SOAKING, let_pass, short, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import NEGLIGIBLE_PERCENT
from tests.faults.test_database_refuses import assert_no_energy_is_made_up

UNITS = 40  # 160 answers a second
FLUSH_S = 0.5
SHORT_SETTLED_MS = 4_000


def test_nothing_is_stored_for_it(
    sqlite: TestsOwn, net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not SOAKING:
        monkeypatch.setattr(claims, "_SETTLED_MS", SHORT_SETTLED_MS)
    both_s = short(3, soak=60)
    with Fleet(UNITS, f"{net}.11.2", http_port=0, ayt_port=0, uptime_s=60.0) as fleet:
        claimed, *others = fleet.units
        rivals = Fleet(1, f"{net}.12.2", http_port=0, ayt_port=fleet.ayt_port, seed=99, uptime_s=60.0)
        (rival,) = rivals.units
        assert rival.assy == claimed.assy

        def of_the_label() -> int:
            device = f"SELECT id FROM devices_device WHERE assy = '{claimed.assy}'"
            ((count,),) = sqlite.rows(f"SELECT COUNT(*) FROM readings_devicereading WHERE device_id = ({device})")
            return int(count)

        def claimed_from() -> object:
            ((address,),) = sqlite.rows(f"SELECT claimed_from FROM devices_device WHERE assy = '{claimed.assy}'")
            return address

        addresses = tuple(unit.address for unit in (*fleet.units, rival))
        targets = Targets(addresses, broadcast=False, port=fleet.ayt_port)
        plan = Plan(targets, PERIOD_S, flush_s=FLUSH_S, spool=tmp_path)
        with in_thread(CollectorInThread(plan)):
            until(lambda: count_stored(sqlite) >= 3 * UNITS)
            came_ns = time.time_ns()
            with rivals:
                until(lambda: "Two units claim one label" in caplog.text)
                let_pass(2 * FLUSH_S)
                before = of_the_label()
                let_pass(both_s)
                assert of_the_label() == before
                assert claimed_from() == rival.address
            until(lambda: "Only one unit carries this label now" in caplog.text)
            settled_ns = time.time_ns()
            until(lambda: of_the_label() >= before + 3)
    assert claimed_from() is None
    assert len(rival.sent) > both_s / PERIOD_S / 2
    account = account_of(sqlite, fleet, of_covered_time=True)
    stored = stored_answers(sqlite)
    assert all(len(stored[unit.assy]) == len(unit.sent) for unit in others)
    assert all(came_ns <= left_ns <= settled_ns for left_ns in account.missing_ns)
    assert account.error_percent < NEGLIGIBLE_PERCENT
    assert_no_energy_is_made_up(sqlite, fleet)
    note(Fault.TWO_OF_A_LABEL, account, what=f"{both_s:g} s", declared="all of theirs, while both answer; a gap")
