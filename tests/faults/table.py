"""The table of a run, artifacts/faults.md: a line for each fault, from all workers of a parallel run."""

import fcntl
import json
import os
from enum import StrEnum, unique
from pathlib import Path

from tests.faults.account import Account
from tests.faults.soak import SOAKING
from tests.processes import ROOT

TABLE = ROOT / "artifacts" / "faults.md"
_HEAD = (
    "| fault | answers sent | stored | lost | declared | error of the net kWh |",
    "|---|---:|---:|---:|---|---:|",
)


@unique
class Fault(StrEnum):
    """In the order of the table."""

    DATABASE_STOPPED = "MariaDB stopped for {}"
    DATABASE_KILLED = "MariaDB killed with -9, {}"
    COLLECTOR_KILLED = "collector killed with -9, {}"
    COLLECTOR_KILLED_ALONE = "collector killed with -9, {}, while MariaDB was away and when it came back"
    TAKEN_TWICE = "collector killed after storing what waited on disk, before it could forget that"
    DATABASE_READ_ONLY = "MariaDB read-only for {}"
    DATABASE_LOCKED = "SQLite with a bulk job beside that holds the lock for {}"
    SPOOL_FULL = "disk full under the spool while the database was away"
    SPOOL_AT_BOUND = "database away until the spool reached CT6_SPOOL_MAX"
    DATABASE_DISK_FULL = "disk full under SQLite"
    MARIADB_DISK_FULL = "disk full under MariaDB"
    DATABASE_AWAY_UNDER_LOAD = "MariaDB stopped under load, {}"
    WORKER_KILLED = "worker killed with -9 in a rollup, {}"
    REDIS_EMPTIED = "Redis stopped and emptied"
    QUESTIONS_LOST = "30 % of the questions lost"
    ANSWERS_LOST = "5 % of the answers lost"
    DUPLICATES = "answers duplicated and reordered"
    TWO_WAYS = "heard by AYT and MQTT: questions lost for {}, then messages"
    OUTAGE_OF_BOTH_WAYS = "heard by AYT and MQTT, messages preferred: collector killed with -9, away for {}"
    TWO_OF_A_LABEL = "two units with one label, {}"
    TWO_COLLECTORS = "two collectors, the one that asks killed with -9{}"
    TWO_COLLECTORS_BY_MQTT = "the same by MQTT alone, seen by its silence only{}"
    UNITS_REBOOTED = "units rebooted at random"
    OUTAGE = "collector away for {} of the units' time"
    OUTAGE_WITH_REBOOT = "the same, and the units restarted in it"
    INTERFACE_DOWN = "network interface down for {}"
    CLOCK_SET = "clock set forward and back by an hour, {}"


def note(fault: Fault, account: Account, *, what: str = "", declared: str = "") -> None:
    """Add a line; `declared` says what explains the answers that are not stored."""
    line = (
        f"| {fault.value.format(what)} | {account.sent} | {account.stored} | {account.lost} | {declared} | "
        f"{account.error_percent:.3f} % |"
    )
    _add(fault.name, line)


def note_without_line(test: str, why: str) -> None:
    """A test that has not come to its line shows beneath the table."""
    _add(test, f"- {why}: `{test}`")


def _add(name: str, line: str) -> None:
    scratch = Path(os.environ["CT6_TEST_SCRATCH"])
    with (scratch / "faults.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = scratch / "faults.json"
        said: dict[str, str] = json.loads(lines.read_text()) if lines.exists() else {}
        said[name] = line
        lines.write_text(json.dumps(said))
        _write(said)


def _write(said: dict[str, str]) -> None:
    form = "long form, `make soak`" if SOAKING else "short form, `make test`"
    lines = [said[fault.name] for fault in Fault if fault.name in said]
    others = sorted(line for name, line in said.items() if name not in Fault.__members__)
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    beneath = ["", *others] if others else []
    TABLE.write_text("\n".join([f"What faults cost ({form}).", "", *_HEAD, *lines, *beneath, ""]))
