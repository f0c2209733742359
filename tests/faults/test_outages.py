"""The collector was away for hours: the mean of the whole time comes with the first answer after it."""

import time
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from readings.collect.inbox import Arrival
from tests.faults.account import account_of, count_stored, stored_answers
from tests.faults.collectors import PERIOD_S, Collector, collecting
from tests.faults.databases import TestsOwn
from tests.faults.soak import until
from tests.faults.table import Fault, note
from tests.readings.collect.arrivals import Collecting

AWAY_S = 5 * 3600
RESTARTED_S = 2 * 3600
NEGLIGIBLE_PERCENT = 0.1


def asked_before(fleet: Fleet, at_ns: int) -> None:
    """The collector of before asked the units, twice, and stored what they answered."""
    for moment_ns in (at_ns - 1_000_000_000, at_ns):
        arrivals = []
        for unit in fleet.units:
            payload = unit.answer(moment_ns)
            assert payload is not None
            arrivals.append(Arrival(payload, unit.address, moment_ns // 1_000_000, moment_ns // 1_000_000))
        Collecting(period_s=PERIOD_S).take(*arrivals)


@pytest.mark.parametrize("restarted", [False, True], ids=["the units ran", "the units restarted"])
def test_its_energy_is_recovered(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path, *, restarted: bool) -> None:
    ended_ns = time.time_ns() - AWAY_S * 1_000_000_000
    uptime_s = RESTARTED_S if restarted else 2 * AWAY_S
    where, port = fleet.units[0].address, fleet.ayt_port
    fleet.stop()
    before = Fleet(3, where, http_port=0, ayt_port=port, uptime_s=2 * AWAY_S)
    asked_before(before, ended_ns)
    with Fleet(3, where, http_port=0, ayt_port=port, uptime_s=uptime_s) as after:
        for unit, former in zip(after.units, before.units, strict=True):
            if not restarted:
                unit.answer(ended_ns)
                unit.sent.clear()
            unit.sent.extendleft(reversed(former.sent))
        with collecting(Collector(sqlite, after, tmp_path)):
            until(lambda: count_stored(sqlite) >= 4 * len(after.units))
        account = account_of(sqlite, after)
    assert account.lost == 0
    assert account.error_percent < NEGLIGIBLE_PERCENT
    expected_s = RESTARTED_S if restarted else AWAY_S
    for rows in stored_answers(sqlite).values():
        (recovered,) = (row for row in rows if row.recovered)
        assert recovered.window_ms == pytest.approx(expected_s * 1000, abs=20_000)
    what = f"{AWAY_S / 3600:g} h"
    note(Fault.OUTAGE_WITH_REBOOT if restarted else Fault.OUTAGE, account, what=what)
