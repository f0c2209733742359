"""The worker of the rollups is killed, and its broker loses everything: energies are exact afterwards."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from django.db.models import F, Sum

from devices.ct6.simulator.fleet import Fleet
from readings.collect.inbox import Arrival
from readings.models import DirtyBucket, PortDay, PortHour, PortMinute, PortReading
from tests.faults.account import account_of
from tests.faults.collectors import Collector, collecting
from tests.faults.databases import TestsOwn
from tests.faults.soak import LIMIT_S, let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import assert_nothing_lost, catches_up
from tests.processes import ROOT, database_url
from tests.readings.collect.arrivals import Collecting
from tests.servers import Redis

CELERY = ["-m", "celery", "--quiet", "-A", "ct6site"]
WORKER = [*CELERY, "worker", "-Q", "rollups", "--pool", "solo"]
ANSWER_EVERY_S = 1
SECOND_NS = 1_000_000_000
AGO_NS = 6 * 3600 * SECOND_NS


@contextmanager
def part(broker: Redis, arguments: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A part of the product beside the collector."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "REDIS_URL": broker.url, "CT6_LOG_LEVEL": "INFO"}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def measure_before(fleet: Fleet, hours: float, *, start_ns: int) -> None:
    """Store what the units said in some hours of the past."""
    collecting = Collecting(period_s=ANSWER_EVERY_S)
    count = round(hours * 3600 / ANSWER_EVERY_S)
    arrivals = []
    for moment_ns in range(start_ns, start_ns + count * ANSWER_EVERY_S * SECOND_NS, ANSWER_EVERY_S * SECOND_NS):
        for unit in fleet.units:
            payload = unit.answer(moment_ns)
            assert payload is not None
            moment_ms = moment_ns // 1_000_000
            arrivals.append(Arrival(payload, unit.address, moment_ms, moment_ms))
    collecting.take(*arrivals)


def assert_rollups_are_exact() -> None:
    """Every port's energies of each level are the sums of its readings, sign by sign."""
    for sign, name in ((1, "positive_energy"), (-1, "negative_energy")):
        of_readings: dict[int, int] = {}
        for port, power, window_ms in PortReading.objects.values_list("port", "active_power__fixed", "window_ms"):
            of_readings[port] = of_readings.get(port, 0) + max(0, sign * power) * window_ms
        for level in (PortMinute, PortHour, PortDay):
            sums = level._default_manager.values_list("port").annotate(energy=Sum(F(name)))
            assert {port: abs(energy) for port, energy in sums} == of_readings


def units_of_hours(first: str) -> Fleet:
    return Fleet(3, first, http_port=0, ayt_port=0, uptime_s=AGO_NS / SECOND_NS + 60)


def test_the_worker_is_killed(sqlite: TestsOwn, tmp_path: Path, net: str) -> None:
    kills, chance = times(2, soak=20), random.Random(8)
    fleet = units_of_hours(f"{net}.8.2")
    measure_before(fleet, short(0.5, soak=5), start_ns=time.time_ns() - AGO_NS)
    minutes = list(DirtyBucket.objects.all())
    broker, log = Redis(tmp_path / "redis"), tmp_path / "log"
    interrupted = 0
    with broker.run(), Celery(broker=broker.url) as client:
        for _ in range(kills):
            DirtyBucket.objects.bulk_create(minutes, ignore_conflicts=True)
            with part(broker, WORKER, log) as worker:
                client.send_task("readings.tasks.roll_up", queue="rollups")
                until(lambda: DirtyBucket.objects.count() < len(minutes))
                let_pass(chance.uniform(0, 0.2))
                worker.kill()
                worker.wait(LIMIT_S)
            interrupted += DirtyBucket.objects.exists()
        with part(broker, WORKER, log):
            client.send_task("readings.tasks.roll_up", queue="rollups")
            until(lambda: not DirtyBucket.objects.exists())
    assert interrupted
    assert_rollups_are_exact()
    note(Fault.WORKER_KILLED, account_of(sqlite, fleet), what=f"{kills} times")


def test_redis_is_stopped_and_emptied(sqlite: TestsOwn, tmp_path: Path, net: str) -> None:
    broker, log = Redis(tmp_path / "redis"), tmp_path / "log"
    with units_of_hours(f"{net}.9.2") as fleet:
        measure_before(fleet, 0.2, start_ns=time.time_ns() - AGO_NS)
        minutes = list(DirtyBucket.objects.all())
        old = DirtyBucket.objects.filter(minute__lte=max(one.minute for one in minutes))
        collector = Collector(sqlite, fleet, tmp_path / "collector")
        with collecting(collector), contextlib.ExitStack() as parts:
            with broker.run():
                for arguments in (WORKER, [*CELERY, "beat", "--pidfile="]):
                    parts.enter_context(part(broker, arguments, log))
                until(lambda: not old.exists())
            let_pass(short(2, soak=60))
            DirtyBucket.objects.bulk_create(minutes, ignore_conflicts=True)
            with broker.run():
                until(lambda: not old.exists())
                catches_up(sqlite, fleet)
                parts.close()
        account = account_of(sqlite, fleet)
    assert_nothing_lost(account)
    note(Fault.REDIS_EMPTIED, account)
