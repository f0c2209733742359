"""Full batches go into the database while the next ones are made: a server works meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")


class Ahead(Generic[T]):
    """A thread, begun with the first batch, that stores one batch after the other; `close` ends it.

    A daemon: a database that hangs must not keep the process from ending.
    """

    def __init__(self, store: Callable[[Sequence[T]], None]) -> None:
        self._store = store
        self._batches: SimpleQueue[tuple[Sequence[T], Future[None]] | None] = SimpleQueue()
        self._begun: list[tuple[int, Future[None]]] = []
        # What is behind a batch that failed must not be stored before it: after a kill the next process goes on from
        # the newest that it finds.
        self._refused: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def begun(self) -> int:
        """How many were handed over since the last `finish`."""
        return sum(count for count, _stored in self._begun)

    def begin(self, batch: Sequence[T]) -> None:
        """Store these as soon as those before them are, unless one of those fails."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store of full batches", daemon=True)
            self._thread.start()
        stored: Future[None] = Future()
        self._begun.append((len(batch), stored))
        self._batches.put((batch, stored))

    def finish(self) -> int:
        """Wait for all of them; returns how many are stored, those before the first batch that failed."""
        begun, self._begun = self._begun, []
        stored = sum(count for count, stored in begun if stored.exception() is None)
        self._refused = None
        return stored

    def give_up(self) -> None:
        """Store none of those any more that are not on their way yet; `finish` tells how many are stored."""
        self._refused = CancelledError()

    def close(self) -> None:
        if self._thread is not None:
            self._batches.put(None)
            self._thread = None

    def _run(self) -> None:
        while (task := self._batches.get()) is not None:
            batch, stored = task
            try:
                if self._refused is None:
                    self._store(batch)
                    stored.set_result(None)
                    continue
            except BaseException as error:  # noqa: BLE001 - whoever waits for the batch stores it again, and meets it
                self._refused = error
            stored.set_exception(self._refused)
            _close_connection()  # the next one opens another
        _close_connection()


def _close_connection() -> None:
    with suppress(Exception):
        connection.close()
