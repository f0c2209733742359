"""Simulated units, real UDP on loopback, and the rows that come out at the other end."""

import errno
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.ct6.udp import AnswerSocket, Datagram
from devices.models import Device, Port
from readings.collect import collector as collector_module
from readings.collect import ingest as ingest_module
from readings.collect.collector import Collector, Plan
from readings.collect.questions import Targets
from readings.collect.spool import Spool
from readings.models import DeviceReading, DirtyBucket, Heartbeat, PortReading
from readings.periods import MINUTE_MS
from tests.factories import fixed_power
from tests.readings.collect.arrivals import captured
from tests.waiting import until

# The writer is a thread with a connection of its own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]

PERIOD_S = 0.25


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(2, "127.20.1.2", http_port=0, ayt_port=0) as units:
        yield units


@contextmanager
def collecting(fleet: Fleet, *more: str, period_s: float = PERIOD_S, **plan: Any) -> Iterator[Collector]:
    """A collector that asks the units of the fleet (and other addresses) while the block runs."""
    addresses = (*(unit.address for unit in fleet.units), *more)
    targets = Targets(addresses, broadcast=False, port=fleet.ayt_port)
    collector = Collector(Plan(targets, period_s, flush_s=0.1, **plan))
    thread = threading.Thread(target=collector.run)
    thread.start()
    try:
        yield collector
    finally:
        collector.stop()
        thread.join(10)
        assert not thread.is_alive()


def run(collector: Collector) -> None:
    """In a thread of its own: in this one the browser of another test may have an event loop running."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(collector.run).result(60)


def answered(fleet: Fleet, count: int) -> Callable[[], bool]:
    """Whether every unit has sent so many answers more than now."""
    wanted = [len(unit.sent) + count for unit in fleet.units]
    return lambda: all(len(unit.sent) >= least for unit, least in zip(fleet.units, wanted, strict=True))


def readings_of(unit: SimulatedUnit) -> list[tuple[int, int]]:
    rows = DeviceReading.objects.filter(device__assy=unit.assy).order_by("time")
    return list(rows.values_list("time", "window_ms"))


def stored_energy(unit: SimulatedUnit, sign: int) -> list[int]:
    """Energy of one sign per port, in 0.1 mJ, from the stored rows."""
    totals = []
    for port in Port.objects.filter(device__assy=unit.assy).order_by("number"):
        rows = PortReading.objects.filter(port=port).values_list("active_power__fixed", "window_ms")
        totals.append(sum(power * window for power, window in rows if power is not None and power * sign > 0))
    return totals


def sent_energy(unit: SimulatedUnit, windows_ms: Sequence[int], sign: int) -> list[int]:
    """The same from the unit's own log, for the windows that were stored."""
    totals = [0] * unit.port_count
    for answer, window_ms in zip(unit.sent, windows_ms, strict=True):
        for index, port in enumerate(answer.means):
            power = fixed_power(port.active_power_w)
            totals[index] += power * window_ms if power * sign > 0 else 0
    return totals


def assert_stored_exactly(unit: SimulatedUnit) -> None:
    """Every answer is there once, windows join, and energy agrees to the last unit for either sign."""
    readings = readings_of(unit)
    windows_ms = [window_ms for _, window_ms in readings]
    assert len(readings) == len(unit.sent)
    for (former_ms, _), (time_ms, window_ms) in itertools.pairwise(readings):
        assert window_ms in (time_ms - former_ms, 0)
    for sign in (1, -1):
        assert stored_energy(unit, sign) == sent_energy(unit, windows_ms, sign)
    assert sum(map(abs, stored_energy(unit, -1))) > 0


def test_what_the_units_sent_is_stored_to_the_last_unit_of_energy(fleet: Fleet) -> None:
    with collecting(fleet) as collector:
        until(answered(fleet, 8))
    for unit in fleet.units:
        assert_stored_exactly(unit)
        windows_ms = [window_ms for _, window_ms in readings_of(unit)]
        assert windows_ms[0] == 0
        # The windows are those that the units averaged over, but for the way of a datagram (and a slow first answer).
        averaged_ms = sum(answer.window_ns for answer in itertools.islice(unit.sent, 2, None)) / 1e6
        assert sum(windows_ms[2:]) == pytest.approx(averaged_ms, abs=100)
    counts = collector.counts()
    assert counts.stored == counts.answers == sum(len(unit.sent) for unit in fleet.units)
    assert (counts.dropped, counts.refused, counts.warnings, counts.waiting) == (0, 0, 0, 0)


def test_with_a_tenth_of_the_questions_lost_it_is_as_exact(fleet: Fleet) -> None:
    for unit in fleet.units:
        unit.faults.question_loss = 0.1
    with collecting(fleet):
        until(lambda: answered(fleet, 0)() and all(unit.faults.questions_lost >= 1 for unit in fleet.units))
        until(answered(fleet, 2))
    for unit in fleet.units:
        assert_stored_exactly(unit)


def test_across_a_restart_of_the_collector_nothing_is_doubled_and_windows_go_on(fleet: Fleet) -> None:
    with collecting(fleet, period_s=1.0):
        until(answered(fleet, 2))
    before = [len(readings_of(unit)) for unit in fleet.units]
    with collecting(fleet, period_s=1.0):
        until(answered(fleet, 2))
    for unit, count in zip(fleet.units, before, strict=True):
        assert_stored_exactly(unit)
        (former_ms, _), (time_ms, window_ms) = readings_of(unit)[count - 1 : count + 1]
        assert window_ms == time_ms - former_ms


def test_every_minute_touched_is_dirty_and_no_other(fleet: Fleet) -> None:
    with collecting(fleet):
        until(answered(fleet, 3))
    for device in Device.objects.all():
        times = DeviceReading.objects.filter(device=device).values_list("time", flat=True)
        touched = {(time_ms - 1) // MINUTE_MS * MINUTE_MS for time_ms in times}
        assert set(DirtyBucket.objects.filter(device=device).values_list("minute", flat=True)) == touched


def test_units_are_registered_with_their_names_and_values(fleet: Fleet) -> None:
    with collecting(fleet):
        until(answered(fleet, 2))
    house = Device.objects.get(assy=fleet.units[0].assy)
    assert (house.name, house.address, house.http_port) == ("House", "127.20.1.2", fleet.units[0].http_port)
    assert [port.label for port in house.ports.order_by("number")] == [
        "Grid",
        "Solar",
        "Battery",
        "EV",
        "House",
        "CT6",
    ]
    assert house.last_answer is not None
    assert house.last_answer["ports"]["1"]["active_power"] is not None
    assert 230 < house.last_answer["voltage"] < 240


def test_a_rename_is_followed_while_collecting(fleet: Fleet) -> None:
    with collecting(fleet):
        until(answered(fleet, 1))
        fleet.units[0].settings["YDEV_UNIT_NAME"] = "Caf%C3%A9"
        until(lambda: Device.objects.filter(name="Café").exists())
    assert_stored_exactly(fleet.units[0])


def test_a_unit_that_moves_is_followed_and_loses_nothing(fleet: Fleet) -> None:
    """The same label answers from another address once the first one has fallen silent."""
    elsewhere = "127.20.2.9"
    with collecting(fleet, elsewhere):
        until(answered(fleet, 4))
        fleet.stop()
        # One unit never answers twice within 200 ms, wherever it is.
        until(lambda: time.time_ns() - fleet.units[0].sent[-1].time_ns > 200_000_000)
        with Fleet(1, elsewhere, http_port=0, ayt_port=fleet.ayt_port) as moved:
            until(lambda: Device.objects.filter(address=elsewhere).exists())
            until(answered(moved, 3))
    sent = len(fleet.units[0].sent) + len(moved.units[0].sent)
    assert len(readings_of(moved.units[0])) == sent


def test_two_units_with_one_label_store_nothing_while_both_answer(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = "127.20.3.9"
    with collecting(fleet, elsewhere):
        until(answered(fleet, 2))
        with Fleet(1, elsewhere, http_port=0, ayt_port=fleet.ayt_port) as twin:
            until(lambda: Device.objects.filter(claimed_from=elsewhere).exists())
            stored = len(readings_of(twin.units[0]))
            until(answered(twin, 4))
        other = len(readings_of(fleet.units[1]))
        until(answered(fleet, 2))
    assert len(readings_of(fleet.units[0])) == stored
    assert len(readings_of(fleet.units[1])) > other
    assert caplog.text.count("Two units claim one label") == 1


class HostileSender:
    """Something at a loopback address that answers every question with everything that is no answer."""

    def __init__(self, address: str, port: int) -> None:
        self.sent = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(0.1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> "HostileSender":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        whole = captured()
        hostile = [
            b"",
            b"\x00" * 60_000,
            b"{" * 30_000,
            b"[" * 60_000 + b"]" * 5_000,
            b'{"ASSY": "' + b"A" * 60_000 + b'", "PRODUCT_ID": "CT6"}',
            b'{"PRODUCT_ID": "YDEV", "ASSY": "X"}',
            whole.replace(b"1092.4999", b"1e400"),
            whole.replace(b"-1840.0", b"NaN"),
            *(whole[:length] for length in range(1, 1200, 60)),
        ]
        while not self._stopping.is_set():
            try:
                _question, asker = self._socket.recvfrom(1000)
            except TimeoutError:
                continue
            for payload in hostile:
                self._socket.sendto(payload, asker)
                self.sent += 1


def test_hostile_datagrams_while_collecting_change_nothing(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    address = "127.20.4.66"
    with HostileSender(address, fleet.ayt_port) as hostile, collecting(fleet, address) as collector:
        until(answered(fleet, 5))
    for unit in fleet.units:
        assert_stored_exactly(unit)
    assert Device.objects.count() == 2
    assert hostile.sent >= 5 * 20
    assert collector.counts().warnings > 5 * 20
    about_it = [record for record in caplog.records if address in record.getMessage()]
    assert 1 <= len(about_it) <= 3


def test_duplicated_and_delayed_answers_are_stored_once(fleet: Fleet) -> None:
    for unit in fleet.units:
        unit.faults.duplicate = 1.0
        unit.faults.delay_s = 0.03
    with collecting(fleet) as collector:
        until(answered(fleet, 5))
    for unit in fleet.units:
        assert_stored_exactly(unit)
    assert collector.counts().warnings >= 10


def test_a_database_that_is_away_for_a_while_loses_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = itertools.count()

    def is_away(_seen: object) -> None:
        next(tries)
        raise OperationalError(2002, "Can't connect to local server")

    with collecting(fleet) as collector:
        until(answered(fleet, 2))
        with monkeypatch.context() as patch:
            patch.setattr(ingest_module, "note_seen", is_away)
            until(answered(fleet, 5))
            until(lambda: next(tries) > 3)
        until(lambda: collector.counts().waiting == 0)
        until(answered(fleet, 1))
    for unit in fleet.units:
        assert_stored_exactly(unit)
    assert collector.counts().dropped == 0
    assert caplog.text.count("The database takes no readings") == 1
    assert caplog.text.count("The database takes readings again") == 1


def test_an_error_at_the_socket_is_not_the_end_of_listening(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    receive, failed = AnswerSocket.receive, threading.Event()

    def fails_once(answers: AnswerSocket) -> list[Datagram]:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return receive(answers)

    with collecting(fleet):
        until(answered(fleet, 2))
        monkeypatch.setattr(AnswerSocket, "receive", fails_once)
        until(failed.is_set)
        stored = DeviceReading.objects.count()
        until(lambda: DeviceReading.objects.count() > stored + 2)
    for unit in fleet.units:
        assert_stored_exactly(unit)


@pytest.mark.parametrize("buffer_bytes", [64 * 1024, 8 * 1024 * 1024])
def test_more_than_one_take_at_once_is_taken_whole(buffer_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes faster than the pause between two looks ends must not fill the buffer; a small one is not let wait."""
    monkeypatch.setattr("readings.collect.collector.TAKEN_AT_ONCE", 4)
    receive = AnswerSocket.receive
    monkeypatch.setattr(AnswerSocket, "receive", lambda answers: receive(answers, 4))
    monkeypatch.setattr(AnswerSocket, "_enlarge_buffer", lambda _answers: buffer_bytes)
    with Fleet(40, "127.20.4.1", http_port=0, ayt_port=0) as fleet, collecting(fleet):
        until(answered(fleet, 4))
    for unit in fleet.units:
        assert_stored_exactly(unit)


@contextmanager
def database_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No statement of the writer comes through: neither the lease's nor any other."""

    def is_away(*_args: object, **_options: object) -> None:
        raise OperationalError(2002, "Can't connect to local server")

    with monkeypatch.context() as patch:
        patch.setattr("readings.collect.lease.Lease.hold", is_away)
        yield


def test_while_the_database_is_away_answers_wait_on_disk(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with collecting(fleet, spool=tmp_path) as collector:
        until(answered(fleet, 2))
        with database_away(monkeypatch):
            until(answered(fleet, 4))
            until(lambda: collector.counts().waiting >= 2 * 3)
            until(lambda: collector.on_disk >= 2 * 3)
        until(lambda: collector.counts().waiting == 0)
        until(answered(fleet, 2))
    for unit in fleet.units:
        assert_stored_exactly(unit)
    assert collector.counts().dropped == 0


def test_a_collector_that_ends_meanwhile_leaves_them_to_the_next(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(fleet, spool=tmp_path) as collector:
        until(answered(fleet, 2))
        until(lambda: collector.counts().stored >= 2)
        with database_away(monkeypatch):
            until(answered(fleet, 3))
            collector.stop()
            until(lambda: "they wait on disk" in caplog.text)
    with collecting(fleet, spool=tmp_path) as collector:
        until(answered(fleet, 2))
        until(lambda: collector.counts().waiting == 0)
    assert "Answers of before wait on disk" in caplog.text
    for unit in fleet.units:
        assert_stored_exactly(unit)


def test_a_collector_that_starts_meanwhile_goes_on_asking_if_the_one_before_was_killed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = Spool(tmp_path, 10_000_000, "")
    left.note_asking(asking=True)
    left.close()
    with database_away(monkeypatch), collecting(fleet, spool=tmp_path) as collector:
        until(answered(fleet, 3))
        until(lambda: collector.on_disk >= 2 * 2)
    assert DeviceReading.objects.count() == 0
    with collecting(fleet, spool=tmp_path) as collector:
        until(answered(fleet, 1))
        until(lambda: collector.counts().waiting == 0)
    for unit in fleet.units:
        assert_stored_exactly(unit)


def test_else_it_asks_nobody_since_another_one_may(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with database_away(monkeypatch), collecting(fleet, spool=tmp_path):
        until(lambda: "The database takes no readings" in caplog.text)
        threading.Event().wait(2 * PERIOD_S)
    assert not any(unit.sent for unit in fleet.units)


def test_one_that_ends_by_itself_leaves_nothing_to_say(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with collecting(fleet) as collector:
            until(answered(fleet, 1))
            until(lambda: collector.counts().stored >= 2)
    assert Heartbeat.objects.get(part="collector").detail["ended"] is True
    assert "did not end by itself" not in caplog.text


def test_after_one_that_was_killed_the_next_says_when_it_was_last_heard(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    Heartbeat.objects.create(part="collector", at=datetime(2026, 11, 22, 18, 30, tzinfo=UTC), detail={"units": 2})
    with collecting(fleet) as collector:
        until(answered(fleet, 1))
        until(lambda: collector.counts().stored >= 2)
    assert "did not end by itself" in caplog.text
    assert "2026-11-22T18:30:00+00:00" in caplog.text


def test_the_collector_says_that_it_works(fleet: Fleet) -> None:
    with collecting(fleet):
        until(answered(fleet, 2))
        until(Heartbeat.objects.filter(part="collector").exists)
    detail = Heartbeat.objects.get(part="collector").detail
    assert detail["receive_buffer_bytes"] > 0
    assert detail["asking"] == ", ".join(unit.address for unit in fleet.units)
    assert detail["port"] == fleet.ayt_port
    assert set(detail) >= {"questions", "units", "answers", "stored", "dropped", "warnings", "receive_drops"}


def test_a_duration_ends_by_itself(fleet: Fleet) -> None:
    targets = Targets(tuple(unit.address for unit in fleet.units), broadcast=False, port=fleet.ayt_port)
    started_s = time.monotonic()
    run(Collector(Plan(targets, PERIOD_S, duration_s=1.0, flush_s=0.1)))
    assert 1.0 <= time.monotonic() - started_s < 20.0
    for unit in fleet.units:
        assert_stored_exactly(unit)


def test_stopping_before_it_began_is_no_error(fleet: Fleet) -> None:
    targets = Targets(("127.20.1.2",), broadcast=False, port=fleet.ayt_port)
    collector = Collector(Plan(targets, PERIOD_S))
    collector.stop()
    run(collector)
    collector.stop()
    assert not Device.objects.exists()


def test_an_error_of_the_writer_ends_the_collector_loudly(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_broken(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ingest_module, "note_seen", is_broken)
    targets = Targets(tuple(unit.address for unit in fleet.units), broadcast=False, port=fleet.ayt_port)
    with pytest.raises(ZeroDivisionError):
        run(Collector(Plan(targets, PERIOD_S, duration_s=20.0, flush_s=0.1)))


# --- What an operator reads -------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said after seconds and minutes is said after parts of a second."""
    for name, value in (("_TICK_S", 0.1), ("_PATIENCE_S", 0.2), ("_SUMMARY_S", 0.3)):
        monkeypatch.setattr(collector_module, name, value)


@pytest.mark.usefixtures("impatient")
def test_nobody_answering_is_said_once_with_what_to_do(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    fleet.stop()
    with collecting(fleet):
        until(lambda: "The last minute" in caplog.text)
        until(lambda: "No unit has answered yet" in caplog.text)
    (line,) = (text for record in caplog.records if "No unit has answered yet" in (text := record.getMessage()))
    assert "firewall" in line
    assert str(fleet.ayt_port) in line


@pytest.mark.usefixtures("impatient")
def test_every_minute_is_summed_up(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with collecting(fleet):
        until(answered(fleet, 2))
        until(lambda: caplog.text.count("The last minute") >= 2)
    assert "'units': 2" in caplog.text
    assert "No unit has answered yet" not in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_clock_that_was_set_is_said_and_loses_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(fleet):
        until(answered(fleet, 2))
        real = time.time_ns
        monkeypatch.setattr("readings.collect.collector.time.time_ns", lambda: real() + 3_600_000_000_000)
        until(lambda: "The clock of this machine was set" in caplog.text)
        monkeypatch.undo()
        until(answered(fleet, 2))
    for unit in fleet.units:
        assert_stored_exactly(unit)


def test_how_to_enlarge_a_small_receive_buffer_is_said(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class SmallSocket(AnswerSocket):
        def __init__(self) -> None:
            super().__init__(wanted_buffer_bytes=4096)
            self.wanted_buffer_bytes = 123_456_789

    monkeypatch.setattr(collector_module, "AnswerSocket", SmallSocket)
    with collecting(fleet):
        until(lambda: "sysctl -w net.core.rmem_max=123456789" in caplog.text)
