"""The collector as its own process, hearing simulated units over real UDP while the rollups are made beside it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import psutil
from django.db import connection

from devices.ct6.simulator.fleet import Fleet
from readings import heartbeats
from readings.collect.writer import HEARTBEAT
from readings.models import DeviceReading
from tests.bench.meters import Meter, Usage, database_server
from tests.servers import free_port

WARM_UP_S = 6.0
_CATCHING_UP_S = 30.0
_KEEPS_UP = 0.98
_BIND = "127.0.16.1"
_NOTHING = Usage(1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the collector came to, after its warm-up.

    ``copies`` were left out: prepared units repeat themselves, which may look like a copy from the net.
    """

    answers_per_s: float
    lost: int
    copies: int
    cpu_cores: float
    rss_mb: float
    database: Usage


@dataclass(frozen=True, slots=True)
class Watched:
    """What happened while nobody interfered."""

    answers_per_s: float
    collector: Usage
    database: Usage


class Collecting:
    """A collector that runs until ``end``."""

    def __init__(self, collector: subprocess.Popen[bytes], log: IO[str]) -> None:
        self.process = psutil.Process(collector.pid)
        self._collector, self._log = collector, log

    def watch(self, duration_s: float) -> Watched:
        """For so long, after the time that it takes to start, and to store what came while units were registered."""
        time.sleep(WARM_UP_S)
        started_s = time.monotonic()
        while _waits_on_disk() and time.monotonic() - started_s < _CATCHING_UP_S:
            time.sleep(1.0)
        server = database_server()
        meters = [Meter(process) for process in (self.process, server) if process is not None]
        before, started = _stored(), time.monotonic()
        time.sleep(duration_s)
        rate = (_stored() - before) / (time.monotonic() - started)
        usages = [meter.read() for meter in meters]
        return Watched(rate, usages[0], usages[1] if server is not None else _NOTHING)

    def end(self) -> tuple[int, int, int]:
        """The answers, those dropped and those stored, as it said them in the end."""
        self._collector.terminate()
        self._collector.wait(20)
        self._log.seek(0)
        said = self._log.read()
        counted = re.search(r"Collecting has ended answers=(\d+) dropped=(\d+) stored=(\d+)", said)
        if counted is None:
            raise SystemExit(f"the collector did not end as it should: {said[-2000:]}")
        answers, dropped, stored = (int(number) for number in counted.groups())
        return answers, dropped, stored


@contextmanager
def collecting(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Collecting]:
    """A collector with these settings; it ends with the block at the latest.

    Its spool is its own: what one could not store in time is not what the next has to do.
    """
    with tempfile.TemporaryFile("w+") as log, tempfile.TemporaryDirectory() as spool:
        collector = subprocess.Popen(
            [sys.executable, "manage.py", "collect_ct6", *arguments],
            env={**os.environ, "CT6_SPOOL_DIR": spool, **environment, "CT6_LOG_LEVEL": "INFO"},
            stderr=log,
        )
        try:
            yield Collecting(collector, log)
        finally:
            collector.terminate()
            collector.wait(20)


@contextmanager
def _rolling_up() -> Iterator[None]:
    rollups = subprocess.Popen([sys.executable, "-m", "tests.bench.rolling"])
    try:
        yield
    finally:
        rollups.terminate()
        rollups.wait(20)


def measure(*, units: int, period_s: float, duration_s: float) -> Run:
    """Answers committed per second, and how many of those that were sent are not in the database in the end."""
    with Fleet(units, _BIND, prepared=True, ayt_port=free_port()) as fleet, asking(fleet, period_s) as collector:
        with _rolling_up():
            seen = collector.watch(duration_s)
            rss_mb = collector.process.memory_info().rss / 1e6
        answers, dropped, stored = collector.end()
        sent = sum(unit.answers_sent for unit in fleet.units)
    lost, copies = sent - answers + dropped, answers - dropped - stored
    return Run(seen.answers_per_s, lost, copies, seen.collector.cores, rss_mb, seen.database)


def asked(units: int, duration_s: float) -> Watched:
    """The same with units that are asked once a second, and nothing beside the collector."""
    with Fleet(units, _BIND, prepared=True, ayt_port=free_port()) as fleet, asking(fleet, 1.0) as collector:
        return collector.watch(duration_s)


@contextmanager
def asking(fleet: Fleet, period_s: float) -> Iterator[Collecting]:
    told = {"CT6_ADDRESSES": ",".join(unit.address for unit in fleet.units)}
    with collecting(["--port", str(fleet.ayt_port), "--period", str(period_s)], told) as collector:
        yield collector


def fastest(units: int, rates: Sequence[float], *, duration_s: float) -> tuple[float, Run]:
    """The highest of these rates, tried in their order, at which nothing is lost and commits keep up; else the last."""
    for rate in rates:
        run = measure(units=units, period_s=units / rate, duration_s=duration_s)
        if not run.lost and run.answers_per_s >= _KEEPS_UP * rate:
            break
    return rate, run


def _waits_on_disk() -> bool:
    """By the collector's last sign of life, which it gives every five seconds."""
    connection.close()
    return bool(heartbeats.detail(HEARTBEAT).get("on_disk"))


def _stored() -> int:
    connection.close()
    return DeviceReading.objects.count()
