"""A server to move to, with a database for each test."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import MySQLdb
import pytest
from pytest_django import Settings

from tests.servers import MariaDB


@dataclass(frozen=True)
class Empty:
    """An empty database of a user that may do everything there."""

    url: str

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        parts = urlsplit(self.url)
        database = MySQLdb.connect(
            host=parts.hostname, port=parts.port, user=parts.username, passwd=parts.password,
            db=parts.path.strip("/"), connect_timeout=10, autocommit=True, charset="utf8mb4",
            init_command="SET foreign_key_checks = 0",
        )  # fmt: skip
        with contextlib.closing(database), database.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def tables(self) -> set[str]:
        return {name for (name,) in self.rows("SHOW TABLES")}


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run's private MariaDB; one of its own when `make test` has not started that."""
    if started := os.environ.get("CT6_TEST_MARIADB_URL"):
        yield started.rsplit("/", 1)[0]
        return
    server = MariaDB(tmp_path_factory.mktemp("mariadb") / "server")
    server.install()
    with server.run(buffer_pool="64M"):
        yield server.url().rsplit("/", 1)[0]


@pytest.fixture
def empty(server_url: str) -> Iterator[Empty]:
    name = f"moved_{uuid.uuid4().hex[:12]}"
    server = Empty(f"{server_url}/information_schema")
    server.rows(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield Empty(f"{server_url}/{name}")
    server.rows(f"DROP DATABASE {name}")


@pytest.fixture(autouse=True)
def _own_folders(settings: Settings, tmp_path: Path) -> None:
    """The files of the archive and what waits, for this process and those that it starts."""
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    settings.CT6_SPOOL_DIR = tmp_path / "spool"
    settings.DATA_DIR = tmp_path
