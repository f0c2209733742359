"""Where a database is moved to: a connection of its own beside the product's, and why it may not be that one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, Error, NotSupportedError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ct6site import env
from ct6site.operations.moving.errors import NotMoved
from ct6site.operations.moving.tables import count, known_names

ALIAS: Final = "moved_to"
_MIGRATING_TAKES_S: Final = 1_800
_SHOWN: Final = 4
# What a database holds that has only been migrated.
_OF_MIGRATING: Final = {"django_migrations", "django_content_type", "auth_permission"}
_REFUSED: Final = {1044, 1045, 1142, 1370, 1698}
_SILENT: Final = {2002, 2003, 2005}
_LOST: Final = {1053, 2006, 2013, 4031}
_UNKNOWN: Final = 1049


def where(entry: dict[str, Any]) -> str:
    """The database as people write it, without user and password."""
    if entry["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{entry['NAME']}"
    return f"mysql://{entry['HOST'] or 'localhost'}:{entry['PORT'] or 3306}/{entry['NAME']}"


@contextmanager
def opened(url: str) -> Iterator[BaseDatabaseWrapper]:
    """A connection to the database of the URL, which is another than the product's, of a version that will do. Raises
    NotMoved; so does everything that the database refuses inside."""
    entry = _entry(url)
    if where(entry) == where(connections.settings[DEFAULT_DB_ALIAS]):
        raise _is_the_source(entry)
    complete = connections.configure_settings({DEFAULT_DB_ALIAS: {}, ALIAS: entry})
    connections.settings[ALIAS] = complete[ALIAS]
    try:
        with said(entry):
            database = connections[ALIAS]
            database.ensure_connection()
            _refuse_unfit(database, entry)
            yield database
    finally:
        if hasattr(connections._connections, ALIAS):  # type: ignore[attr-defined]  # as Django keeps them
            connections[ALIAS].close()
            del connections[ALIAS]
        del connections.settings[ALIAS]


def _entry(url: str) -> dict[str, Any]:
    try:
        # The words of a wrong port would show a part of the password.
        _ = urlsplit(url).port if url.startswith("mysql:") else None
    except ValueError:
        raise NotMoved(
            "--to is no address of a database: its port is no number. A / # ? @ or : in the password is written as "
            "%2F %23 %3F %40 %3A. Give it like this: --to mysql://ct6:password@127.0.0.1:3306/ct6"
        ) from None
    try:
        entry = env.read_database("--to", url)
    except ImproperlyConfigured as error:
        raise NotMoved(str(error)) from error
    if entry["ENGINE"].endswith("sqlite3"):
        return {**entry, **_file(entry["NAME"])}
    # Rows come in the order of tables, not of what refers to what; what refers to nothing is looked for at the end.
    modes = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO"
    options = {
        "charset": "utf8mb4",
        "connect_timeout": 10,
        "isolation_level": "read committed",
        "init_command": f"SET sql_mode = '{modes}', foreign_key_checks = 0",
    }
    return {**entry, "OPTIONS": options}


def _file(name: str) -> dict[str, Any]:
    if name.startswith(":memory:"):
        raise NotMoved("--to names no file. Give it like this: --to sqlite:////var/lib/ct6/ct6.sqlite3")
    commands = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=OFF"
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": commands}
    return {"NAME": str(Path(name).resolve()), "OPTIONS": options}


def _refuse_unfit(database: BaseDatabaseWrapper, entry: dict[str, Any]) -> None:
    if database.vendor != "mysql":
        if _same_file(entry):
            raise _is_the_source(entry)
        return
    refuse_version(mariadb=database.mysql_is_mariadb, version=database.mysql_version)  # type: ignore[attr-defined]
    if connections[DEFAULT_DB_ALIAS].vendor == "mysql" and _identity(connections[DEFAULT_DB_ALIAS]) == _identity(
        database
    ):
        raise _is_the_source(entry)
    with database.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database")
        characters = cursor.fetchone()[0]
    if characters != "utf8mb4":
        raise NotMoved(
            f"{where(entry)} is a database for the characters {characters}, in which not every name can be kept. Make "
            f"it one for all: ALTER DATABASE {entry['NAME']} CHARACTER SET utf8mb4"
        )


def refuse_version(*, mariadb: bool, version: tuple[int, ...]) -> None:
    """Raises NotMoved for a server that is older than the product needs."""
    if version[:2] < ((10, 6) if mariadb else (8, 0)):
        name = "MariaDB" if mariadb else "MySQL"
        number = ".".join(map(str, version))
        raise NotMoved(f"The server is {name} {number}; MySQL 8.0 or MariaDB 10.6 is the oldest that will do.")


def _is_the_source(entry: dict[str, Any]) -> NotMoved:
    return NotMoved(f"{where(entry)} is the database that is in use; name another to move to.")


def _same_file(entry: dict[str, Any]) -> bool:
    source = connections.settings[DEFAULT_DB_ALIAS]
    if not source["ENGINE"].endswith("sqlite3"):
        return False
    return Path(source["NAME"]).resolve() == Path(entry["NAME"])


def _identity(database: BaseDatabaseWrapper) -> Any:
    """Tells one database from another, whatever the name of its server is."""
    with database.cursor() as cursor:
        cursor.execute("SELECT @@hostname, @@port, @@datadir, DATABASE()")
        return cursor.fetchone()


@contextmanager
def said(entry: dict[str, Any]) -> Iterator[None]:
    """What the database refuses becomes a sentence."""
    try:
        yield
    except NotSupportedError as error:
        raise NotMoved(f"{where(entry)} cannot be used: {error}.") from error
    except Error as error:
        raise NotMoved(_sentence(entry, error)) from error


def _sentence(entry: dict[str, Any], error: Error) -> str:
    code, reason = error.args[:2] if len(error.args) > 1 else (0, str(error))
    name, there = entry["NAME"], where(entry)
    if code in _REFUSED:
        return (
            f"{there} does not let the user {entry['USER'] or '(none)'} in, or not do there what is needed: {reason}. "
            f"The user needs all rights on it: GRANT ALL ON {name}.* TO ..."
        )
    if code in _SILENT:
        return f"{there} does not answer: {reason}."
    if code in _LOST:
        return f"{there} has gone away: {reason}. Call the same again: it goes on where it was."
    if code == _UNKNOWN:
        return f"{there} is not there yet. Make it: CREATE DATABASE {name} CHARACTER SET utf8mb4"
    return f"{there} cannot be used: {reason}."


def names(database: BaseDatabaseWrapper) -> set[str]:
    return set(database.introspection.table_names())


def held_there(database: BaseDatabaseWrapper, there: set[str]) -> str:
    """What stands in these tables of a database beside what migrating writes; empty for nothing."""
    strange = sorted(there - known_names())
    if strange:
        more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        return f"tables of something else ({', '.join(strange[:_SHOWN])}{more})"
    filled = {name: rows for name in sorted(there - _OF_MIGRATING) if (rows := count(database, name))}
    greatest = sorted(filled, key=lambda name: -filled[name])[:_SHOWN]
    more = f" and {len(filled) - _SHOWN} more tables" if len(filled) > _SHOWN else ""
    return ", ".join(f"{filled[name]} rows in {name}" for name in greatest) + more


def drop(database: BaseDatabaseWrapper, there: set[str]) -> None:
    with database.cursor() as cursor:
        for name in there:
            cursor.execute(f"DROP TABLE {database.ops.quote_name(name)}")


def migrate(url: str, entry: dict[str, Any], lock: IO[str]) -> None:
    """In a process of its own, for which that database is the product's: a migration may know no other. It keeps the
    lock even when this process is killed. Raises NotMoved."""
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "CT6_LOG_LEVEL": "ERROR"}
    for name in ("DATABASE_URL_FILE", "SECRET_KEY_FILE"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--no-input"],
            cwd=settings.BASE_DIR, env=environment, check=False, capture_output=True, text=True,
            timeout=_MIGRATING_TAKES_S, pass_fds=(lock.fileno(),),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotMoved(f"The tables of {where(entry)} could not be made within {_MIGRATING_TAKES_S} s.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended by itself"])[-1]
        raise NotMoved(f"The tables of {where(entry)} could not be made: {last}")
