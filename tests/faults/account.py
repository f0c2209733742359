"""What the units sent beside what is stored of it, answer by answer and port by port."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SentAnswer
from tests.factories import fixed_power
from tests.faults.databases import Database

_LATEST_MS = 2_000  # no fault of the net here holds an answer longer

Moved = Callable[[int], int]


def _not_moved(time_ms: int) -> int:
    return time_ms


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored answer: the powers by port number in 0.1 W, and how long it counts."""

    time_ms: int
    window_ms: int
    recovered: bool
    powers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Of all units together. `error_percent` is how far the stored net energies are from those that the units
    measured between their first and their last stored answer, of what flowed through the ports."""

    sent: int
    stored: int
    missing_ns: tuple[int, ...]  # when answers left that are not stored
    error_percent: float

    @property
    def lost(self) -> int:
        return self.sent - self.stored


def account_of(
    database: Database, fleet: Fleet, *, moved: Moved = _not_moved, of_covered_time: bool = False
) -> Account:
    """Checks beside that every stored answer is one that was sent, with its very values, stored once, and that no
    time is measured twice. `moved` tells the true time of a reading whose clock was set. `of_covered_time` compares the
    energies of those answers only that are stored with a window: the rest is declared as not measured."""
    by_unit = stored_answers(database)
    assert set(by_unit) == {unit.assy for unit in fleet.units}
    missing: list[int] = []
    sent = stored = 0
    off, flowed = 0.0, 0.0
    for unit in fleet.units:
        rows, answers = by_unit[unit.assy], list(unit.sent)
        _assert_no_time_twice(rows)
        indices = _matched(answers, rows, moved)
        missing += [answers[index].time_ns for index in set(range(len(answers))) - set(indices)]
        sent += len(answers)
        stored += len(rows)
        if of_covered_time:
            measured = [answers[index] for row, index in zip(rows, indices, strict=True) if row.window_ms]
        else:
            measured = answers[min(indices) + 1 : max(indices) + 1]
        unit_off, unit_flowed = _net_energy_off(measured, rows)
        off, flowed = off + unit_off, flowed + unit_flowed
    return Account(sent, stored, tuple(sorted(missing)), 100.0 * off / flowed)


def stored_answers(database: Database) -> dict[str, list[Stored]]:
    """By label, in the order of their times."""
    powers: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for assy, time_ms, number, power, window_ms in database.rows(
        "SELECT d.assy, r.time, p.number, r.active_power, r.window_ms FROM readings_portreading r "
        "JOIN devices_port p ON p.id = r.port_id JOIN devices_device d ON d.id = p.device_id"
    ):
        powers[assy, time_ms].append((number, power, window_ms))
    stored: dict[str, list[Stored]] = defaultdict(list)
    for assy, time_ms, window_ms, recovered in database.rows(
        "SELECT d.assy, r.time, r.window_ms, r.recovered FROM readings_devicereading r "
        "JOIN devices_device d ON d.id = r.device_id ORDER BY r.time"
    ):
        ports = sorted(powers.pop((assy, time_ms)))
        assert {one[2] for one in ports} == {window_ms}
        stored[assy].append(Stored(time_ms, window_ms, bool(recovered), tuple(one[1] for one in ports)))
    assert not powers
    return stored


def count_stored(database: Database) -> int:
    ((count,),) = database.rows("SELECT COUNT(*) FROM readings_devicereading")
    return int(count)


def _assert_no_time_twice(rows: Sequence[Stored]) -> None:
    end_ms = 0
    for row in rows:
        assert row.time_ms - row.window_ms >= end_ms, f"{row} begins before {end_ms}"
        end_ms = row.time_ms


def _matched(sent: Sequence[SentAnswer], rows: Sequence[Stored], moved: Moved) -> list[int]:
    """Which sent answer each row is; each is one at most."""
    times_ms = [answer.time_ns / 1e6 for answer in sent]
    unmatched = set(range(len(sent)))
    indices = []
    for row in rows:
        time_ms = moved(row.time_ms)
        index = bisect_right(times_ms, time_ms + 1) - 1
        while index >= 0 and (index not in unmatched or powers_of(sent[index]) != row.powers):
            index -= 1
        assert index >= 0, f"{row} was never sent, or is stored twice"
        assert time_ms - times_ms[index] < _LATEST_MS, f"{row} was never sent, or is stored twice"
        unmatched.remove(index)
        indices.append(index)
    return indices


def powers_of(answer: SentAnswer) -> tuple[int, ...]:
    return tuple(fixed_power(port.active_power_w) for port in answer.means)


def _net_energy_off(measured: Sequence[SentAnswer], rows: Sequence[Stored]) -> tuple[float, float]:
    """By how much the ports' net energies are off, and what flowed, both in 0.1 mJ, ports added without sign."""
    off = flowed = 0.0
    for port in range(len(measured[0].means)):
        truth = [answer.means[port].active_power_w * answer.window_ns / 1e5 for answer in measured]
        off += abs(sum(row.powers[port] * row.window_ms for row in rows) - sum(truth))
        flowed += sum(map(abs, truth))
    return off, flowed
