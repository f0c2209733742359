"""``manage.py collect_ct6`` as a process that can be killed, and what it said."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from devices.ct6.simulator.fleet import Fleet
from readings.collect.collector import Collector as CollectorInThread
from tests.faults.databases import Database
from tests.faults.soak import LIMIT_S, until
from tests.processes import ROOT

PERIOD_S = 0.25


class Collector:
    """One place where a collector runs; killed and started again it finds what it left in its folder."""

    def __init__(
        self,
        database: Database,
        fleet: Fleet,
        folder: Path,
        *,
        period_s: float = PERIOD_S,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
        asks: bool = True,
    ) -> None:
        asked = fleet.units if asks else []
        addresses = [option for unit in asked for option in ("--address", unit.address)]
        asking = [*addresses, "--port", str(fleet.ayt_port), "--period", str(period_s)]
        self._command = [*within, sys.executable, "manage.py", "collect_ct6", *asking]
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "CT6_DATA_DIR": str(folder),
            "CT6_LOG_LEVEL": "INFO",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def spool(self) -> Path:
        return self._folder / "spool"

    def start(self) -> None:
        """From the moment on that it has its socket."""
        before = self.said().count("Collecting has started")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: self.said().count("Collecting has started") > before or self._has_ended())
        assert not self._has_ended(), self.said()

    def kill(self) -> int:
        """Without a word (SIGKILL); returns the moment of it, epoch ns."""
        assert self._process is not None
        assert not self._has_ended(), self.said()
        self._process.kill()
        self._process.wait()
        return time.time_ns()

    def stop(self) -> None:
        """As the system ends it (SIGTERM); it stores what is there."""
        assert self._process is not None
        assert not self._has_ended(), self.said()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(LIMIT_S) == 0, self.said()
        assert "Traceback" not in self.said(), self.said()

    def close(self) -> None:
        if self._process is not None and not self._has_ended():
            self._process.kill()
            self._process.wait()

    def resident_mb(self) -> float:
        """Its memory now."""
        assert self._process is not None
        resident_bytes: int = psutil.Process(self._process.pid).memory_info().rss
        return resident_bytes / 1e6

    def said(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@contextmanager
def collecting(collector: Collector) -> Iterator[Collector]:
    """It runs while the block runs, and is ended by SIGTERM."""
    try:
        collector.start()
        yield collector
        collector.stop()
    finally:
        collector.close()


@contextmanager
def in_thread(collector: CollectorInThread) -> Iterator[CollectorInThread]:
    """For what only a test can change about it."""
    thread = threading.Thread(target=collector.run)
    thread.start()
    try:
        yield collector
    finally:
        collector.stop()
        thread.join(LIMIT_S)
        assert not thread.is_alive()
