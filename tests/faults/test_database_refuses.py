"""The database is there and takes nothing: somebody else holds its lock, or disks are full."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from ct6site.models import AlertChannel
from devices.ct6.simulator.fleet import Fleet
from readings.collect.collector import Collector as CollectorInThread
from readings.collect.collector import Plan
from readings.collect.questions import Targets
from readings.models import Heartbeat
from tests.ct6site.receivers import WebReceiver, web_receiver
from tests.faults.account import account_of, count_stored, powers_of, stored_answers
from tests.faults.collectors import PERIOD_S, Collector, in_thread
from tests.faults.databases import Database, OwnMariaDB, TestsOwn, own_mariadb
from tests.faults.soak import let_pass, short, times, until
from tests.faults.table import Fault, note
from tests.faults.test_database_away import NEGLIGIBLE_PERCENT, assert_nothing_lost, sent_by, well_before_and_after
from tests.processes import running

SMALL_SPOOL_BYTES = 12_000
MARIADB_MB = 256
BRIDGED_MS = 5_000


@contextlib.contextmanager
def bulk_job(path: str) -> Iterator[None]:
    """Holds SQLite's write lock, as a job would that changes a great many rows in one transaction."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def test_a_bulk_job_holds_the_lock(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    held_s = short(3, soak=60)
    collector = Collector(sqlite, fleet, tmp_path)
    with well_before_and_after(collector, sqlite, fleet):
        for _ in range(times(2, soak=5)):
            with bulk_job(connection.settings_dict["NAME"]):
                let_pass(held_s)
            let_pass(0.5)
    account = account_of(sqlite, fleet)
    assert_nothing_lost(account)
    note(Fault.DATABASE_LOCKED, account, what=f"{times(2, soak=5)} x {held_s:g} s")


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, timeout=10).returncode:
        pytest.skip("SKIPPED FAULT: only root, where mounting is allowed, has a small disk that can be filled")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=10)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is free."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    try:
        yield
    finally:
        path.unlink()


def test_the_disk_is_full_under_the_spool(mariadb: OwnMariaDB, fleet: Fleet, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        collector = Collector(mariadb, fleet, tmp_path / "collector", environment={"CT6_SPOOL_DIR": f"{disk}/spool"})
        with well_before_and_after(collector, mariadb, fleet):
            mariadb.stop()
            until(lambda: "answers wait for it on disk" in collector.said())
            with filled(disk):
                until(lambda: "Answers cannot be kept on disk" in collector.said())
                let_pass(short(3, soak=30))
            mariadb.start()
    account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    note(Fault.SPOOL_FULL, account)


class OnDisk:
    """A SQLite of its own in a folder, with the product's empty tables."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ct6.sqlite3"
        with contextlib.closing(sqlite3.connect(self._path)) as copy:
            assert connection.connection is not None
            connection.connection.backup(copy)

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=20)) as database:
            return database.execute(statement).fetchall()


def test_the_disk_is_full_under_the_database(sqlite: TestsOwn, fleet: Fleet, tmp_path: Path) -> None:
    sqlite.rows("SELECT 1")
    with small_disk(tmp_path / "disk", 24) as disk:
        database = OnDisk(disk)
        collector = Collector(database, fleet, tmp_path / "collector")
        with well_before_and_after(collector, database, fleet), filled(disk):
            until(lambda: "full" in collector.said())
            let_pass(short(3, soak=60))
        account = account_of(database, fleet)
    assert_nothing_lost(account)
    note(Fault.DATABASE_DISK_FULL, account)


def test_the_disk_is_full_under_mariadb(fleet: Fleet, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", MARIADB_MB) as disk, own_mariadb(disk / "m") as mariadb:
        collector = Collector(mariadb, fleet, tmp_path / "collector")
        with well_before_and_after(collector, mariadb, fleet), filled(disk):
            until(lambda: "is full" in collector.said())
            let_pass(short(3, soak=60))
        account = account_of(mariadb, fleet)
    assert_nothing_lost(account)
    note(Fault.MARIADB_DISK_FULL, account)


def assert_no_energy_is_made_up(database: Database, fleet: Fleet) -> None:
    """No answer counts for longer than the unit averaged, but for what is bridged where answers got lost."""
    stored = stored_answers(database)
    for unit in fleet.units:
        averaged_ms = {powers_of(answer): answer.window_ns / 1e6 for answer in unit.sent}
        for row in stored[unit.assy]:
            assert row.window_ms < max(averaged_ms[row.powers], BRIDGED_MS) + 100


@contextlib.contextmanager
def being_watched(folder: Path, spool: Path) -> Iterator[WebReceiver]:
    """By a watch of its own, which has seen the database and tells an ntfy server."""
    with web_receiver() as phone:
        channel = AlertChannel(name="phone")
        channel.address = phone.ntfy
        channel.save()
        settings = {"CT6_DATA_DIR": str(folder), "CT6_SPOOL_DIR": str(spool), "CT6_ALERT_AFTER": "10"}
        with running(["manage.py", "watch_ct6"], settings):
            until(Heartbeat.objects.filter(part="watch").exists)
            yield phone


def told_of_given_up(phone: WebReceiver) -> bool:
    return any("answers that waited on disk" in message["message"] for message in list(phone.received))


def test_the_spool_is_at_its_bound(
    sqlite: TestsOwn, fleet: Fleet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest go; what is lost is said to the answer, people are told, and no energy is made up for their time."""
    targets = Targets(tuple(unit.address for unit in fleet.units), broadcast=False, port=fleet.ayt_port)
    spool = tmp_path / "spool"
    plan = Plan(targets, PERIOD_S, flush_s=0.5, spool=spool, spool_max_bytes=SMALL_SPOOL_BYTES)
    with being_watched(tmp_path, spool) as phone, in_thread(CollectorInThread(plan)) as collector:
        until(lambda: count_stored(sqlite) >= 3 * len(fleet.units))
        with bulk_job(connection.settings_dict["NAME"]):
            let_pass(short(10, soak=60))
        sent = sent_by(fleet)
        until(lambda: count_stored(sqlite) + collector.counts().dropped >= sent)
        until(lambda: told_of_given_up(phone))
    account = account_of(sqlite, fleet, of_covered_time=True)
    assert account.error_percent < 5 * NEGLIGIBLE_PERCENT
    assert account.lost == collector.counts().dropped > 0
    assert "The oldest answers on disk had to go: they are lost" in caplog.text
    assert_no_energy_is_made_up(sqlite, fleet)
    note(Fault.SPOOL_AT_BOUND, account, declared="all, counted and alarmed; their time counts as not measured")
