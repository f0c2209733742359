"""Answers on disk, in the order that they came, while the database takes none. Bounded: at the bound the oldest go.

A file of SQLite with one row for each batch. A batch is on the disk itself (fsync) when ``append`` returns, so that
neither the end of the process nor that of the power takes it away.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from readings.collect.inbox import Arrival
from readings.collect.losses import Loss
from readings.collect.ways import Way

log = structlog.get_logger(__name__)

_HEAD: Final = struct.Struct("<qqHI")  # wall and steady clock in ms, bytes of the source, bytes of the payload
# Mark in the last number what came by MQTT, and what was overheard; what earlier versions left without came by AYT.
_BY_MQTT: Final = 1 << 31
_OVERHEARD: Final = 1 << 30
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS batch (
        number INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, answers INTEGER NOT NULL, content BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS loss (first INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS asking (one INTEGER PRIMARY KEY CHECK (one = 1), since TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS given_up (
        one INTEGER PRIMARY KEY CHECK (one = 1), answers INTEGER NOT NULL,
        since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL
    );
"""
_FILE: Final = "answers.sqlite3"
_PAGES_GIVEN_BACK: Final = 256
_TRIED_BYTES: Final = 65_536
_LOOK_LIMIT_S: Final = 0.2


class SpoolUnusable(Exception):
    """The disk takes no answers. Trying again may help: it may have room again, or the other process may end."""

    retryable = True


class _NoBatch(Exception):
    """What is on disk is no batch of answers: the disk or somebody changed it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`follows_loss` tells whether answers between these and the batch before are lost."""

    number: int
    boot: str
    arrivals: list[Arrival]
    follows_loss: bool = False


class Spool:
    """The spool in a folder of its own. One process has it at a time; a method that needs the disk raises
    SpoolUnusable. Not for several threads at once.

    ``waiting`` and ``bytes`` say what is on disk, ``dropped`` how many answers went for the bound since the start, and
    ``given_up`` which went for it last: that outlives the process.
    """

    def __init__(self, folder: Path, max_bytes: int, boot: str) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.waiting = 0
        self.bytes = 0
        self.dropped = 0
        self.given_up: Loss | None = None
        self._boot = boot
        self._connection: sqlite3.Connection | None = None
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Have the spool, with what is in it from before. A file that is no spool is put aside, saying so."""
        with self._usable():
            pass

    def append(self, arrivals: Sequence[Arrival], *, taken: int = 0, follows_loss: bool = False) -> int:
        """Keep these behind all others; returns the number of their batch.

        Batches up to ``taken`` are in memory too, so that their going for the bound is no loss; ``follows_loss`` tells
        that answers before these are lost already.
        """
        content = _packed(arrivals)
        with self._usable() as connection:
            self._make_room(connection, len(content), taken)
            insert = "INSERT INTO batch (boot, answers, content) VALUES (?, ?, ?)"
            number = connection.execute(insert, (self._boot, len(arrivals), content)).lastrowid
            if follows_loss:
                connection.execute("INSERT OR IGNORE INTO loss VALUES (?)", (number,))
            connection.commit()
        self.waiting += len(arrivals)
        self.bytes += len(content)
        return number or 0

    def after(self, number: int) -> Batch | None:
        """The first batch behind the one with this number."""
        with self._usable() as connection:
            select = "SELECT number, boot, content FROM batch WHERE number > ? ORDER BY number LIMIT 1"
            row = connection.execute(select, (number,)).fetchone()
            if row is None:
                return None
            found, boot, content = row
            between = "SELECT 1 FROM loss WHERE first > ? AND first <= ?"
            follows_loss = connection.execute(between, (number, found)).fetchone() is not None
            try:
                arrivals = list(_unpacked(content))
            except _NoBatch as error:
                # Those behind it are whole: it is passed over, as one that the disk has lost.
                log.error("A batch of waiting answers is damaged, and lost", number=found, reason=str(error))  # noqa: TRY400
                connection.execute("INSERT OR IGNORE INTO loss VALUES (?)", (found + 1,))
                connection.commit()
                arrivals = []
            return Batch(found, boot, arrivals, follows_loss)

    def forget(self, upto: int) -> None:
        """Let go of the batches up to this number: they are stored."""
        with self._usable() as connection:
            self._delete(connection, upto)
            connection.execute("DELETE FROM loss WHERE first <= ?", (upto,))
            connection.commit()
            connection.execute(f"PRAGMA incremental_vacuum({_PAGES_GIVEN_BACK})").fetchall()

    def was_asking(self) -> bool:
        """Whether whoever had the spool last was the one that asks the units, and has not ended by itself."""
        with self._usable() as connection:
            return connection.execute("SELECT 1 FROM asking").fetchone() is not None

    def note_asking(self, *, asking: bool) -> None:
        with self._usable() as connection:
            connection.execute("DELETE FROM asking")
            if asking:
                connection.execute(
                    "INSERT INTO asking VALUES (1, ?)", (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),)
                )
            connection.commit()

    def try_to_write(self) -> None:
        """Learn before it is needed whether the disk takes anything."""
        with self._usable():
            path = self.folder / "tried"
            try:
                with path.open("wb") as file:
                    file.write(b"\0" * _TRIED_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _make_room(self, connection: sqlite3.Connection, wanted: int, taken: int) -> None:
        while self.bytes + wanted > self.max_bytes:
            row = connection.execute("SELECT number, content FROM batch ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return
            number, content = row
            answers = self._delete(connection, number)
            if number > taken:
                self.dropped += answers
                self._note_given_up(connection, answers, content)
            connection.execute("DELETE FROM loss WHERE first <= ?", (number,))
            connection.execute("INSERT OR IGNORE INTO loss VALUES (?)", (number + 1,))

    def _note_given_up(self, connection: sqlite3.Connection, answers: int, content: bytes) -> None:
        now_ms = time.time_ns() // 1_000_000
        try:
            times_ms = [arrival.time_ms for arrival in _unpacked(content)] or [now_ms]
        except _NoBatch:
            times_ms = [now_ms]
        loss = Loss(answers, min(times_ms), max(times_ms), now_ms)
        self.given_up = loss if self.given_up is None else self.given_up.followed_by(loss)
        connection.execute("INSERT OR REPLACE INTO given_up VALUES (1, ?, ?, ?, ?)", astuple(self.given_up))

    def _delete(self, connection: sqlite3.Connection, upto: int) -> int:
        """Delete up to this number; how many answers that were."""
        sums = "SELECT COALESCE(SUM(answers), 0), COALESCE(SUM(LENGTH(content)), 0) FROM batch WHERE number <= ?"
        answers, size = connection.execute(sums, (upto,)).fetchone()
        connection.execute("DELETE FROM batch WHERE number <= ?", (upto,))
        self.waiting -= answers
        self.bytes -= size
        return int(answers)

    @contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._connection is None:
                self._connect()
            assert self._connection is not None  # noqa: S101 - tells the type checker what _connect has just set
            yield self._connection
        except (OSError, sqlite3.Error) as error:
            self.close()
            reason = f"{self.folder}: {error}"
            raise SpoolUnusable(reason) from error

    def _connect(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(error.errno, "another collector keeps its answers here") from error
        path = self.folder / _FILE
        try:
            self._connection = _connected(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # no room, no right: the file itself may be well
                raise
            aside = path.with_name(f"damaged-{time.time_ns()}.sqlite3")
            path.rename(aside)
            log.error(  # noqa: TRY400 - the sentence says all
                "The file of waiting answers is damaged; beginning a new one", kept_as=str(aside), reason=str(error)
            )
            self._connection = _connected(path)
        sums = "SELECT COALESCE(SUM(answers), 0), COALESCE(SUM(LENGTH(content)), 0) FROM batch"
        self.waiting, self.bytes = self._connection.execute(sums).fetchone()
        self.given_up = _given_up(self._connection)


def given_up_in(folder: Path) -> Loss | None:
    """What went last for the bound of the spool in a folder, whoever has it; None where that cannot be seen."""
    path = folder / _FILE
    try:
        if not path.exists():
            return None
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOOK_LIMIT_S)) as found:
            return _given_up(found)
    except (OSError, sqlite3.Error):
        return None


def _given_up(connection: sqlite3.Connection) -> Loss | None:
    row = connection.execute("SELECT answers, since_ms, until_ms, at_ms FROM given_up").fetchone()
    return None if row is None else Loss(*row)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # every commit is on the disk
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _packed(arrivals: Iterable[Arrival]) -> bytes:
    parts = []
    for arrival in arrivals:
        source, length = arrival.source.encode(), len(arrival.payload)
        marked = length | (arrival.way is Way.MQTT) * _BY_MQTT | arrival.overheard * _OVERHEARD
        parts += [_HEAD.pack(arrival.time_ms, arrival.steady_ms, len(source), marked), source, arrival.payload]
    return zlib.compress(b"".join(parts), 1)


def _unpacked(content: bytes) -> Iterator[Arrival]:
    """Raises _NoBatch for what is none."""
    try:
        data = zlib.decompress(content)
    except (zlib.error, TypeError) as error:
        raise _NoBatch(str(error)) from error
    place = 0
    while place < len(data):
        try:
            time_ms, steady_ms, source_length, marked = _HEAD.unpack_from(data, place)
            place += _HEAD.size
            source = data[place : place + source_length].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise _NoBatch(str(error)) from error
        place += source_length
        way, length = Way.MQTT if marked & _BY_MQTT else Way.AYT, marked & ~(_BY_MQTT | _OVERHEARD)
        overheard = bool(marked & _OVERHEARD)
        yield Arrival(data[place : place + length], source, time_ms, steady_ms, way, overheard)
        place += length
