"""Units that answer questions and publish by MQTT: each second counts once, whichever way is silent."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SentAnswer, SimulatedUnit
from readings.collect.lease import PART
from readings.models import Heartbeat
from tests.faults.account import Account, Stored, count_stored, powers_of, stored_answers
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import Database, TestsOwn
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_collector_killed import BRIDGED_PERCENT, goes_on
from tests.faults.test_two_collectors import STANDS_BY, stands_by
from tests.servers import Mosquitto

PUBLISHED_MS = 500
LISTENS, TAKES_OVER = "Listening to the MQTT server", "Taking over from a collector that has fallen silent"
HAND_OVER_PERCENT = 1.0
_LATEST_MS = 2_000
_JITTER_MS = 100  # of a loaded machine, between the moment that a mean ends and that in which it arrives


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path / "mosquitto")
    with server.run():
        yield server


def publish_to(server: Mosquitto, fleet: Fleet) -> None:
    for unit in fleet.units:
        unit.settings |= {
            "MQTT_SERVER_ADDRESS": "127.0.0.1",
            "MQTT_SERVER_PORT": float(server.port),
            "MQTT_TOPIC": "ct6",
            "MQTT_TX_PERIOD_MS": float(PUBLISHED_MS),
        }


def listening(server: Mosquitto, **more: str) -> dict[str, str]:
    return {"CT6_MQTT_URL": server.url(), **more}


def account_of_both(database: Database, fleet: Fleet) -> Account:
    """Checks beside that each reading is one answer, or one message, that no time is measured twice, and what flowed.

    Counted as sent are those that are stored and those whose time is in no reading, between the first reading and the
    last: the others tell a second time what was told by the other way.
    """
    by_unit = stored_answers(database)
    stored = 0
    missing: list[int] = []
    off = flowed = 0.0
    for unit in fleet.units:
        rows = by_unit[unit.assy]
        stored += len(rows)
        assert_each_was_sent_once(unit, rows)
        missing += [answer.time_ns for answer in [*unit.sent, *unit.published] if _is_missing(answer, rows)]
        start_ns, end_ns = rows[0].time_ms * 1_000_000, rows[-1].time_ms * 1_000_000
        for port in range(len(rows[0].powers)):
            told = sum(row.powers[port] * row.window_ms for row in rows) / 1e4
            truth = unit.true_energy_ws(port + 1, start_ns, end_ns)
            off, flowed = off + abs(told - truth), flowed + abs(truth)
    return Account(stored + len(missing), stored, tuple(sorted(missing)), 100.0 * off / flowed)


def assert_each_was_sent_once(unit: SimulatedUnit, rows: Sequence[Stored]) -> None:
    unmatched = [*unit.sent, *unit.published]
    end_ms = 0
    for row in rows:
        assert row.time_ms - row.window_ms >= end_ms, f"{row} begins before {end_ms}"
        end_ms = row.time_ms
        found = [one for one in unmatched if powers_of(one) == row.powers and _is_of(row, one)]
        assert found, f"{row} was never sent, or is stored twice"
        unmatched.remove(found[0])


def _is_of(row: Stored, answer: SentAnswer) -> bool:
    return -1 <= row.time_ms - answer.time_ns / 1e6 < _LATEST_MS


def _is_missing(answer: SentAnswer, rows: Sequence[Stored]) -> bool:
    """Whether a part of its time is in no reading's window."""
    end_ms = answer.time_ns / 1e6
    start_ms = end_ms - answer.window_ns / 1e6
    if start_ms < rows[0].time_ms or end_ms > rows[-1].time_ms:
        return False
    covered_ms = sum(max(0.0, min(end_ms, row.time_ms) - max(start_ms, row.time_ms - row.window_ms)) for row in rows)
    return end_ms - start_ms - covered_ms > _JITTER_MS


def test_one_way_falls_silent_and_then_the_other(
    sqlite: TestsOwn, fleet: Fleet, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    publish_to(mosquitto, fleet)
    collector = Collector(sqlite, fleet, tmp_path / "collector", environment=listening(mosquitto))
    taken_over, back = "A unit is heard by MQTT; what comes so counts", "A unit answers questions; its answers to them"
    silent_s = short(13, soak=120)
    with collecting(collector):
        until(lambda: count_stored(sqlite) >= 4 * len(fleet.units))
        until(lambda: LISTENS in collector.said())
        let_pass(3 * PUBLISHED_MS / 1000)  # so that each way has told of its time
        for unit in fleet.units:
            unit.faults.question_loss = 1.0
        let_pass(silent_s)
        until(lambda: collector.said().count(taken_over) == len(fleet.units))
        for unit in fleet.units:
            unit.faults.question_loss = 0.0
        until(lambda: collector.said().count(back) == len(fleet.units))
        let_pass(1.0)
        for unit in fleet.units:
            unit.faults.publishes_nothing = True
        let_pass(short(3, soak=120))
        for unit in fleet.units:
            unit.faults.publishes_nothing = False
        let_pass(1.0)
    account = account_of_both(sqlite, fleet)
    assert account.lost == 0, account
    assert account.error_percent < HAND_OVER_PERCENT
    assert collector.said().count(taken_over) == collector.said().count(back) == len(fleet.units)
    again = sum(len(unit.sent) + len(unit.published) for unit in fleet.units) - account.sent
    note(Fault.TWO_WAYS, account, what=f"{silent_s:g} s", declared=f"{again} more told of the same time")


def test_by_mqtt_alone_it_goes_on_when_the_server_is_back(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    server = Mosquitto(tmp_path / "mosquitto")
    publish_to(server, fleet)
    environment = listening(server, CT6_ASK="0", CT6_ADDRESSES="")
    collector = Collector(sqlite, fleet, tmp_path / "collector", environment=environment, asks=False)
    with collecting(collector):
        with server.run():
            until(lambda: count_stored(sqlite) >= 4 * len(fleet.units))
        until(lambda: "The MQTT server cannot be listened to" in collector.said())
        before = count_stored(sqlite)
        with server.run():
            until(lambda: count_stored(sqlite) >= before + 6 * len(fleet.units))
    assert not any(unit.sent for unit in fleet.units)
    for unit in fleet.units:
        assert_each_was_sent_once(unit, stored_answers(sqlite)[unit.assy])
    account = account_of_both(sqlite, fleet)
    assert len(account.missing_ns) <= len(fleet.units), "more is missing than the time in which nobody could publish"


def test_a_password_that_is_refused_is_said_and_questions_go_on(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    server = Mosquitto(tmp_path / "mosquitto", "meter", "correct")
    environment = {"CT6_MQTT_URL": server.url(user="meter:wrong-one")}
    collector = Collector(sqlite, fleet, tmp_path / "collector", environment=environment)
    with server.run(), collecting(collector):
        until(lambda: "it refuses this user name and password" in collector.said())
        before = count_stored(sqlite)
        until(lambda: count_stored(sqlite) >= before + 3 * len(fleet.units))
        told = "SELECT detail FROM readings_heartbeat WHERE part = 'collector'"
        until(lambda: "refuses this user name and password" in str(list(sqlite.rows(told))))
    assert "wrong-one" not in collector.said() + str(list(sqlite.rows(told)))


def test_with_messages_preferred_an_outage_of_both_ways_is_recovered(
    sqlite: TestsOwn, fleet: Fleet, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    publish_to(mosquitto, fleet)
    preferring = listening(mosquitto, CT6_PREFER="mqtt")
    # With so long a period a busy machine does not look like a unit that answers no questions.
    collector = Collector(sqlite, fleet, tmp_path / "collector", period_s=1.0, environment=preferring)
    away_s = short(8, soak=120)
    with collecting(collector):
        until(lambda: min(len(unit.published) for unit in fleet.units) >= 10)
        stored = count_stored(sqlite)
        until(lambda: count_stored(sqlite) > stored)
        collector.kill()
        let_pass(away_s)
        collector.start()
        until(lambda: collector.said().count("An outage's mean was recovered") == len(fleet.units))
        before = count_stored(sqlite)
        until(lambda: count_stored(sqlite) >= before + 6 * len(fleet.units))
    account = account_of_both(sqlite, fleet)
    assert account.lost == 0, account
    assert account.error_percent < BRIDGED_PERCENT
    for rows in stored_answers(sqlite).values():
        (recovered,) = (row for row in rows if row.recovered)
        assert recovered.window_ms > 1000 * away_s
    note(Fault.OUTAGE_OF_BOTH_WAYS, account, what=f"{away_s:g} s", declared="no message of it, but its mean")


def by_messages_alone(database: Database, fleet: Fleet, folder: Path, environment: dict[str, str]) -> Collector:
    environment = {**environment, "CT6_ASK": "0", "CT6_ADDRESSES": ""}
    return Collector(database, fleet, folder, environment=environment, asks=False)


def says_once_more(collector: Collector, words: str) -> Callable[[], bool]:
    before = collector.said().count(words)
    return lambda: collector.said().count(words) > before


def as_on_another_machine() -> None:
    """Nobody here can see whether the process of the collector that had the lease still runs; its silence tells."""
    Heartbeat.objects.filter(part=PART).update(detail={"instance": "another", "host": "another"})


def test_who_stands_by_has_heard_what_the_other_could_not_store(
    sqlite: TestsOwn, fleet: Fleet, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    publish_to(mosquitto, fleet)
    asking, other = (
        by_messages_alone(sqlite, fleet, tmp_path / name, listening(mosquitto)) for name in ("first", "second")
    )
    kills = times(1, soak=10)
    asking.start()
    try:
        until(lambda: count_stored(sqlite) >= 4 * len(fleet.units))
        for _ in range(kills):
            listens = says_once_more(other, LISTENS)
            stands_by(other)
            until(listens)
            let_pass(3 * PUBLISHED_MS / 1000)  # so that it has heard some of what the other stores
            takes_over = says_once_more(other, TAKES_OVER)
            asking.kill()
            as_on_another_machine()
            until(takes_over)
            goes_on(sqlite, fleet)
            asking, other = other, asking
        asking.stop()
    finally:
        asking.close()
        other.close()
    account = account_of_both(sqlite, fleet)
    assert account.lost == 0, account
    assert account.error_percent < HAND_OVER_PERCENT
    assert "given up" not in asking.said() + other.said()
    note(Fault.TWO_COLLECTORS_BY_MQTT, account, what=f", {kills} times" if kills > 1 else "")


def test_of_a_shared_topic_who_stands_by_takes_nothing(
    sqlite: TestsOwn, fleet: Fleet, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    publish_to(mosquitto, fleet)
    environment = listening(mosquitto, CT6_MQTT_URL=mosquitto.url("$share/ours/ct6"))
    first, second = (by_messages_alone(sqlite, fleet, tmp_path / name, environment) for name in ("first", "second"))
    first.start()
    try:
        until(lambda: count_stored(sqlite) >= 4 * len(fleet.units))
        with collecting(second):
            until(lambda: STANDS_BY in second.said())
            let_pass(2.5)
            assert LISTENS not in second.said()
            first.kill()
            until(lambda: LISTENS in second.said())
            goes_on(sqlite, fleet)
    finally:
        first.close()
    for unit in fleet.units:
        assert_each_was_sent_once(unit, stored_answers(sqlite)[unit.assy])
