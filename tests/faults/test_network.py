"""What the network and the units do: questions and answers get lost, come twice or late; units restart."""

import random
from collections.abc import Callable
from pathlib import Path

from devices.ct6.simulator.fleet import Fleet
from tests.faults.account import account_of, count_stored
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import TestsOwn
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import NEGLIGIBLE_PERCENT, assert_nothing_lost

ANSWERS_LOST_PERCENT = 3.0
REBOOTED_PERCENT = 15.0


def collect(database: TestsOwn, fleet: Fleet, folder: Path, during: Callable[[], None]) -> Collector:
    """Collect well, then with the fault, then well again, until all that left is stored."""
    collector = Collector(database, fleet, folder)
    with collecting(collector):
        until(lambda: count_stored(database) >= 2 * len(fleet.units))
        during()
        let_pass(1.0)
    return collector


def have_restarted(fleet: Fleet, boots: int) -> None:
    until(lambda: all(unit.boots == boots for unit in fleet.units))


def test_lost_questions_lose_nothing(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    def lose() -> None:
        for unit in fleet.units:
            unit.faults.question_loss = 0.3
        let_pass(short(6, soak=300))
        for unit in fleet.units:
            unit.faults.question_loss = 0.0

    collect(sqlite, fleet, tmp_path, lose)
    assert all(unit.faults.questions_lost >= 4 for unit in fleet.units)
    account = account_of(sqlite, fleet)
    assert_nothing_lost(account)
    note(Fault.QUESTIONS_LOST, account)


def test_lost_answers_cost_what_their_neighbours_do_not_tell(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    def lose() -> None:
        for unit in fleet.units:
            unit.faults.answer_loss = 0.05
        let_pass(short(6, soak=300))
        for unit in fleet.units:
            unit.faults.answer_loss = 0.0

    collect(sqlite, fleet, tmp_path, lose)
    account = account_of(sqlite, fleet)
    lost = sum(unit.faults.answers_lost for unit in fleet.units)
    assert account.lost == lost > 0
    assert account.error_percent < ANSWERS_LOST_PERCENT
    note(Fault.ANSWERS_LOST, account, declared="all, by the network; the answer after each fills its time")


def test_copies_and_late_answers_are_stored_once(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    def double_and_reorder() -> None:
        for unit in fleet.units:
            unit.faults.duplicate, unit.faults.reorder = 0.5, 0.2
        let_pass(short(6, soak=300))
        for unit in fleet.units:
            unit.faults.duplicate, unit.faults.reorder = 0.0, 0.0

    collector = collect(sqlite, fleet, tmp_path, double_and_reorder)
    account = account_of(sqlite, fleet)
    assert account.lost == 0
    assert account.error_percent < 5 * NEGLIGIBLE_PERCENT
    assert "An answer came twice; the copy was left out" in collector.said()
    note(Fault.DUPLICATES, account)


def test_units_that_restart_are_credited_with_what_they_measured(
    sqlite: TestsOwn, fleet: Fleet, tmp_path: Path
) -> None:
    chance = random.Random(7)

    def reboot() -> None:
        for count in range(times(1, soak=10)):
            for unit in fleet.units:
                unit.reboot(chance.uniform(0.1, 1.0), away_s=chance.uniform(5.0, 6.0))
            have_restarted(fleet, count + 2)
            let_pass(chance.uniform(1.0, 2.0))

    collect(sqlite, fleet, tmp_path, reboot)
    assert all(unit.boots >= 2 for unit in fleet.units)
    account = account_of(sqlite, fleet)
    assert account.lost == 0
    assert account.error_percent < REBOOTED_PERCENT
    note(Fault.UNITS_REBOOTED, account, declared="a unit tells its uptime in whole seconds")
