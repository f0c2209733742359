"""What a process uses while something is going on."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from django.db import connection


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process: seconds of a core, and bytes that went to disk, in all and per second of its watching."""

    seconds: float
    cpu_s: float
    bytes_written: float

    @property
    def cores(self) -> float:
        return self.cpu_s / self.seconds

    @property
    def bytes_written_per_s(self) -> float:
        return self.bytes_written / self.seconds


class Meter:
    """Watches a process from the moment that it is made."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._began = self._now()

    def read(self) -> Usage:
        return Usage(*(now - before for now, before in zip(self._now(), self._began, strict=True)))

    def _now(self) -> tuple[float, float, float]:
        times = self._process.cpu_times()
        return time.monotonic(), times.user + times.system, float(self._process.io_counters().write_bytes)


def database_server() -> psutil.Process | None:
    """The server of our database, which is on this machine; none where there is none."""
    if connection.vendor != "mysql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@port")
        (port,) = cursor.fetchone()
    for process in psutil.process_iter(["name"]):
        listens = process.info["name"] in ("mariadbd", "mysqld") and process.net_connections("tcp")
        if listens and any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in listens):
            return process
    raise SystemExit(f"no server of this machine listens at the database's port {port}")


def busy_s(action: Callable[[], object], rounds: int) -> float:
    """The seconds of a core that an action takes, here and in the database's server, in the mean of some rounds.

    What waits for a disk is not in it; nor is what others do on this machine meanwhile.
    """
    server = database_server()
    meter, started = None if server is None else Meter(server), time.process_time()
    for _ in range(rounds):
        action()
    of_server = 0.0 if meter is None else meter.read().cpu_s
    return (time.process_time() - started + of_server) / rounds
