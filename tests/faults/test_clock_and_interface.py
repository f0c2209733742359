"""The server's clock is set by an hour, and its network goes away and comes back."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.udp import AnswerSocket, Datagram
from readings.collect import collector as collector_module
from readings.collect import writer as writer_module
from readings.collect.collector import Collector as CollectorInThread
from readings.collect.collector import Plan
from readings.collect.questions import Targets
from tests.faults.account import account_of, count_stored
from tests.faults.collectors import PERIOD_S, Collector, collecting, in_thread
from tests.faults.databases import TestsOwn
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_collector_killed import goes_on
from tests.faults.test_database_away import assert_nothing_lost

HOUR_MS = 3_600_000


class SetClock:
    """A wall clock that can be set, in place of the module `time` where the collector reads it; the kernel's stamps
    on datagrams follow it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return time.time_ns() + self.ahead_ms * 1_000_000

    def socket(self) -> AnswerSocket:
        clock = self

        class Stamped(AnswerSocket):
            def receive(self, limit: int = 512) -> list[Datagram]:
                ahead_ns = clock.ahead_ms * 1_000_000
                return [
                    Datagram(one.payload, one.address, one.port, one.received_ns + ahead_ns)
                    for one in super().receive(limit)
                ]

        return Stamped()


def test_the_clock_is_set_both_ways(
    sqlite: TestsOwn, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    clock = SetClock()
    monkeypatch.setattr(collector_module, "AnswerSocket", clock.socket)
    for module in (collector_module, writer_module):
        monkeypatch.setattr(module, "time", clock)
    targets = Targets(tuple(unit.address for unit in fleet.units), broadcast=False, port=fleet.ayt_port)
    steps = [HOUR_MS, 0, -HOUR_MS, 0] * times(1, soak=10)
    with in_thread(CollectorInThread(Plan(targets, PERIOD_S, flush_s=0.2, spool=tmp_path))):
        until(lambda: count_stored(sqlite) >= 2 * len(fleet.units))
        for ahead_ms in steps:
            clock.ahead_ms = ahead_ms
            let_pass(short(1.6, soak=10))
    now_ms = time.time_ns() // 1_000_000

    def true_time(time_ms: int) -> int:
        return time_ms + round((now_ms - time_ms) / HOUR_MS) * HOUR_MS

    account = account_of(sqlite, fleet, moved=true_time)
    assert_nothing_lost(account)
    assert "The clock of this machine was set" in caplog.text
    note(Fault.CLOCK_SET, account, what=f"{len(steps)} times")


def may_make_namespaces() -> bool:
    if os.geteuid() != 0 or shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        return False
    made = subprocess.run(["ip", "netns", "add", NAMESPACE], check=False, capture_output=True, timeout=10)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True, timeout=10)
    return made.returncode == 0


NAMESPACE = f"ct6-faults-{os.getpid()}"


@contextlib.contextmanager
def network() -> Iterator[None]:
    """A network of its own, with nothing in it but a loopback interface."""
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True, timeout=10)
    try:
        in_network("ip", "link", "set", "lo", "up")
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True, timeout=10)


def in_network(*command: str) -> None:
    subprocess.run(["ip", "netns", "exec", NAMESPACE, *command], check=True, timeout=10)


def start_in_network(fleet: Fleet) -> None:
    """A thread stays in the network that it, or the one that made it, has entered."""
    failures: list[int] = []

    def enter_and_start() -> None:
        with Path(f"/run/netns/{NAMESPACE}").open("rb") as there:
            if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0):
                failures.append(ctypes.get_errno())
                return
        fleet.start()

    thread = threading.Thread(target=enter_and_start)
    thread.start()
    thread.join(20)
    assert failures == []


def test_the_interface_goes_down_and_up(sqlite: TestsOwn, tmp_path: Path, net: str) -> None:
    if not may_make_namespaces():
        pytest.skip("SKIPPED FAULT: only root, where namespaces are allowed, can take a network interface down")
    down_s = short(7, soak=60)
    fleet = Fleet(3, f"{net}.7.2", http_port=0, ayt_port=0, uptime_s=60.0)
    with network():
        start_in_network(fleet)
        try:
            collector = Collector(sqlite, fleet, tmp_path, within=["ip", "netns", "exec", NAMESPACE])
            with collecting(collector):
                until(lambda: count_stored(sqlite) >= 3 * len(fleet.units))
                for _ in range(times(1, soak=5)):
                    in_network("ip", "link", "set", "lo", "down")
                    let_pass(down_s)
                    in_network("ip", "link", "set", "lo", "up")
                    goes_on(sqlite, fleet)
        finally:
            fleet.stop()
    account = account_of(sqlite, fleet)
    assert_nothing_lost(account)
    assert "An outage's mean was recovered" in collector.said()
    note(Fault.INTERFACE_DOWN, account, what=f"{down_s:g} s")
