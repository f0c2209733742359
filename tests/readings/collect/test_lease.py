"""One collector at a time on one database."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from devices.ct6.simulator.fleet import Fleet
from readings.collect import lease as lease_module
from readings.collect.collector import Collector, Plan
from readings.collect.lease import PART, Lease
from readings.collect.questions import Targets
from readings.models import DeviceReading, Heartbeat, PortReading
from tests.processes import ROOT, database_url
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]

NOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
STANDING_BY = "Another collector is asking the units; standing by, and taking over when it falls silent"


def test_the_first_one_holds_it_and_the_second_stands_by(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Lease(), Lease()
    assert first.hold(NOON, 0)
    assert [second.hold(NOON, at_s) for at_s in (0, 1, 2)] == [False] * 3
    assert first.held
    assert caplog.text.count(STANDING_BY) == 1
    assert f"'pid': {os.getpid()}" in caplog.text


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(hours=1), timedelta(days=-400)])
def test_clocks_that_differ_change_nothing(apart: timedelta) -> None:
    first, second = Lease(), Lease()
    for at_s in range(30):
        assert first.hold(NOON + timedelta(seconds=at_s), 1000 + at_s)
        assert not second.hold(NOON + apart + timedelta(seconds=at_s), 7 + at_s)


def test_a_silent_holder_is_replaced_within_ten_seconds_and_learns_it() -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    taken_s = next(at_s for at_s in itertools.count(1) if second.hold(NOON, at_s))
    assert 5 < taken_s < 10
    assert not first.hold(NOON, 60)
    assert not first.hold(NOON, 61)
    assert second.held


def test_an_ended_holder_is_replaced_at_once() -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    assert not second.hold(NOON, 1)
    first.release(NOON)
    assert second.hold(NOON, 2)


def test_of_two_that_wait_one_takes_over() -> None:
    first, second, third = Lease(), Lease(), Lease()
    first.hold(NOON, 0)
    for at_s in (1, 20):
        holds = [second.hold(NOON, at_s), third.hold(NOON, at_s)]
    assert holds == [True, False]


def test_time_without_a_database_is_nobodys_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    second.hold(NOON, 1)
    with monkeypatch.context() as patch:
        patch.setattr(lease_module, "Heartbeat", None)
        with pytest.raises(AttributeError):
            second.hold(NOON, 30)
    assert not second.hold(NOON, 31)
    assert first.hold(NOON, 32)


def test_a_look_that_takes_long_is_nobodys_silence_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder has to wait for the database as well."""
    first, second = Lease(), Lease()
    assert first.hold(NOON, 0)
    assert not second.hold(NOON, 0)
    with monkeypatch.context() as slow:
        slow.setattr("readings.collect.lease.monotonic", iter([0.0, 9.0]).__next__)
        assert not second.hold(NOON, 1)
    assert not second.hold(NOON, 10.1)
    assert not second.hold(NOON, 16)
    assert second.hold(NOON, 17)


def test_a_deleted_lease_is_not_held_twice() -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    Heartbeat.objects.all().delete()
    assert second.hold(NOON + timedelta(seconds=1), 1)
    assert not first.hold(NOON, 3)


def test_a_process_of_this_machine_that_is_no_more_is_not_waited_for() -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    row = Heartbeat.objects.get(part=PART)
    row.detail["started"] -= 1000.0  # the number belongs to another process now
    row.save()
    assert second.hold(NOON, 1)


def test_a_process_of_another_machine_is_waited_for() -> None:
    first, second = Lease(), Lease()
    first.hold(NOON, 0)
    row = Heartbeat.objects.get(part=PART)
    row.detail |= {"started": 0.0, "pids_of": "elsewhere"}
    row.save()
    assert not second.hold(NOON, 1)


# --- Two collectors on the same units ---------------------------------------------------------------------------


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(2, "127.20.7.2", http_port=0, ayt_port=0) as units:
        yield units


@contextmanager
def collecting(fleet: Fleet) -> Iterator[Callable[[], None]]:
    """A collector in a thread; yields what ends it."""
    targets = Targets(tuple(unit.address for unit in fleet.units), broadcast=False, port=fleet.ayt_port)
    collector = Collector(Plan(targets, 0.25, flush_s=0.1))
    thread = threading.Thread(target=collector.run)
    thread.start()

    def end() -> None:
        collector.stop()
        thread.join(10)
        assert not thread.is_alive()

    try:
        yield end
    finally:
        end()


@contextmanager
def collecting_process(fleet: Fleet) -> Iterator["subprocess.Popen[bytes]"]:
    addresses = [option for unit in fleet.units for option in ("--address", unit.address)]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "collect_ct6", *addresses, "--port", str(fleet.ayt_port), "--period", "0.25"],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url(), "CT6_LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def more_readings(count: int) -> Callable[[], bool]:
    wanted = DeviceReading.objects.count() + count
    return lambda: DeviceReading.objects.count() >= wanted


def holder() -> object:
    return Heartbeat.objects.get(part=PART).detail.get("instance")


def assert_no_time_is_measured_twice() -> None:
    for model, key in ((DeviceReading, "device"), (PortReading, "port")):
        rows = model._default_manager.filter(window_ms__gt=0).order_by(key, "time")
        for former, later in itertools.pairwise(rows.values_list(key, "time", "window_ms")):
            assert former[0] != later[0] or former[1] <= later[1] - later[2]


def test_while_both_run_only_one_asks_and_all_its_time_is_measured_once(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(fleet), collecting(fleet):
        until(lambda: STANDING_BY in caplog.text)
        until(more_readings(20))
    assert_no_time_is_measured_twice()
    for unit in fleet.units:
        rows = list(DeviceReading.objects.filter(device__assy=unit.assy).order_by("time"))
        assert len(rows) == len(unit.sent)
        assert sum(row.window_ms for row in rows) == rows[-1].time - rows[0].time
    assert caplog.text.count(STANDING_BY) == 1


def test_one_that_ends_hands_over_at_once(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with collecting(fleet) as end_first:
        until(lambda: DeviceReading.objects.count() >= 4)
        with collecting(fleet):
            until(lambda: STANDING_BY in caplog.text)
            former = holder()
            end_first()
            assert until(lambda: holder() not in (former, None)) < 5
            until(more_readings(8))
    assert_no_time_is_measured_twice()
    for unit in fleet.units:
        assert DeviceReading.objects.filter(device__assy=unit.assy).count() == len(unit.sent)


def test_one_that_was_killed_is_replaced(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with collecting_process(fleet) as process:
        until(lambda: DeviceReading.objects.count() >= 4)
        with collecting(fleet):
            until(lambda: STANDING_BY in caplog.text)
            former = holder()
            process.kill()
            process.wait()
            assert until(lambda: holder() != former) < 10
            until(more_readings(8))
    assert_no_time_is_measured_twice()


def test_one_that_froze_is_replaced_and_stands_by_when_it_wakes(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with collecting_process(fleet) as process:
        until(lambda: DeviceReading.objects.count() >= 4)
        with collecting(fleet):
            until(lambda: STANDING_BY in caplog.text)
            former = holder()
            process.send_signal(signal.SIGSTOP)
            try:
                assert 4 < until(lambda: holder() != former) < 10
                until(more_readings(4))
            finally:
                process.send_signal(signal.SIGCONT)
            until(more_readings(20))
            process.terminate()
            assert process.wait(5) == 0
    assert_no_time_is_measured_twice()


def test_one_that_stands_by_ends_at_once(fleet: Fleet) -> None:
    with collecting(fleet):
        until(lambda: DeviceReading.objects.count() >= 4)
        with collecting(fleet) as end_second:
            started_s = time.monotonic()
            end_second()
            assert time.monotonic() - started_s < 4  # less than it waits for a lease
        until(more_readings(4))


def test_a_database_error_at_the_lease_is_waited_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(*_args: object) -> bool:
        raise OperationalError(2002, "Can't connect to local server")

    with monkeypatch.context() as patch:
        patch.setattr(Lease, "_take", is_away)
        with collecting(fleet) as end:
            until(lambda: "The database takes no readings" in caplog.text)
            assert not any(unit.sent for unit in fleet.units)
            patch.undo()
            until(lambda: DeviceReading.objects.count() >= 4)
            end()
    assert_no_time_is_measured_twice()
