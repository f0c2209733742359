"""The collector as its own process, hearing simulated units over real UDP while the rollups are made beside it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from django.db import connection

from devices.ct6.simulator.fleet import Fleet
from readings.models import DeviceReading
from tests.servers import free_port

WARM_UP_S = 6.0
_KEEPS_UP = 0.98
_BIND = "127.0.16.1"


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


def measure(*, units: int, period_s: float, duration_s: float) -> Run:
    """Answers committed per second, and how many of those that were sent are not in the database in the end."""
    with Fleet(units, _BIND, prepared=True, ayt_port=free_port()) as fleet, tempfile.TemporaryFile("w+") as log:
        addresses = ",".join(unit.address for unit in fleet.units)
        collector = subprocess.Popen(
            [sys.executable, "manage.py", "collect_ct6", "--port", str(fleet.ayt_port), "--period", str(period_s)],
            env={**os.environ, "CT6_ADDRESSES": addresses, "CT6_LOG_LEVEL": "INFO"},
            stderr=log,
        )
        rollups = subprocess.Popen([sys.executable, "-m", "tests.bench.rolling"])
        try:
            time.sleep(WARM_UP_S)
            process = psutil.Process(collector.pid)
            before, cpu, started = _stored(), sum(process.cpu_times()[:2]), time.monotonic()
            time.sleep(duration_s)
            elapsed = time.monotonic() - started
            rate = (_stored() - before) / elapsed
            cores = (sum(process.cpu_times()[:2]) - cpu) / elapsed
            rss_mb = process.memory_info().rss / 1e6
        finally:
            for one in (collector, rollups):
                one.terminate()
                one.wait(20)
        log.seek(0)
        said = log.read()
        sent = sum(unit.answers_sent for unit in fleet.units)
    counted = re.search(r"Collecting has ended answers=(\d+) dropped=(\d+) stored=(\d+)", said)
    if counted is None:
        raise SystemExit(f"the collector did not end as it should: {said[-2000:]}")
    answers, dropped, stored = (int(number) for number in counted.groups())
    return Run(rate, sent - answers + dropped, answers - dropped - stored, cores, rss_mb)


def fastest(units: int, rates: Sequence[float], *, duration_s: float) -> tuple[float, Run]:
    """The highest of these rates, tried in their order, at which nothing is lost and commits keep up; else the last."""
    for rate in rates:
        run = measure(units=units, period_s=units / rate, duration_s=duration_s)
        if not run.lost and run.answers_per_s >= _KEEPS_UP * rate:
            break
    return rate, run


def _stored() -> int:
    connection.close()
    return DeviceReading.objects.count()
