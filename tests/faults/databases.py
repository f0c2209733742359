"""The databases that fail: a MariaDB of the test's own that can be ended and killed, and the SQLite of the test."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import MySQLdb
from django.db import connection

from tests.processes import ROOT, database_url
from tests.servers import MariaDB

Rows = list[tuple[Any, ...]]


class Database(Protocol):
    """Where a collector stores and the account is read."""

    @property
    def url(self) -> str: ...

    def rows(self, statement: str) -> Rows: ...


class TestsOwn:
    """The database that pytest-django made, as other processes see it."""

    @property
    def url(self) -> str:
        return database_url()

    def rows(self, statement: str) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


class OwnMariaDB:
    """A private server with empty tables. The product's user has no rights beyond its database."""

    def __init__(self, folder: Path, buffer_pool: str) -> None:
        self._server = MariaDB(folder)
        self._buffer_pool = buffer_pool
        self._running = contextlib.ExitStack()
        shutil.copytree(_migrated() / "data", folder / "data")

    @property
    def url(self) -> str:
        return self._server.url().replace("ct6:ct6@", "meter:meter@")

    def start(self) -> None:
        self._process = self._running.enter_context(self._server.run(buffer_pool=self._buffer_pool))

    def stop(self) -> None:
        """End it as the system would (SIGTERM)."""
        self._running.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._running.close()

    def as_root(self, statement: str) -> None:
        self._server.sql(statement)

    def rows(self, statement: str) -> Rows:
        database = MySQLdb.connect(
            host="127.0.0.1", port=self._server.port, user="meter", password="meter", database="ct6", connect_timeout=10
        )
        with contextlib.closing(database), database.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@contextlib.contextmanager
def own_mariadb(folder: Path, *, buffer_pool: str = "32M") -> Iterator[OwnMariaDB]:
    server = OwnMariaDB(folder, buffer_pool)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _migrated() -> Path:
    """A server's folder with the product's empty tables, made once for all workers of a run."""
    folder = Path(os.environ["CT6_TEST_SCRATCH"]) / "mariadb-with-tables"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder / "data", ignore_errors=True)
            _make_tables(folder)
            (folder / "done").touch()
    return folder


def _make_tables(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ct6-faults-") as scratch:
        server = MariaDB(Path(scratch) / "mariadb")
        server.install()
        with server.run(buffer_pool="32M"):
            server.sql("create user meter@'127.0.0.1' identified by 'meter'; grant all on ct6.* to meter@'127.0.0.1'")
            environment = {**os.environ, "DATABASE_URL": server.url(), "CT6_LOG_LEVEL": "ERROR"}
            command = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
        shutil.copytree(server.folder / "data", folder / "data")
