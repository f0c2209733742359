"""Full batches go into the database while the next ones are made: a server works meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
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
        self._thread: threading.Thread | None = None

    @property
    def begun(self) -> int:
        """How many were handed over since the last `finish`."""
        return sum(count for count, _stored in self._begun)

    def begin(self, batch: Sequence[T]) -> None:
        """Store these as soon as those before them are."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store of full batches", daemon=True)
            self._thread.start()
        stored: Future[None] = Future()
        self._begun.append((len(batch), stored))
        self._batches.put((batch, stored))

    def finish(self) -> int:
        """Wait for all of them; returns how many are stored up to the first batch that failed.

        Of those after it some may be stored too: storing them once more changes nothing.
        """
        begun, self._begun = self._begun, []
        failed = [stored.exception() is not None for _count, stored in begun]
        good = failed.index(True) if any(failed) else len(begun)
        return sum(count for count, _stored in begun[:good])

    def close(self) -> None:
        if self._thread is not None:
            self._batches.put(None)
            self._thread = None

    def _run(self) -> None:
        while (task := self._batches.get()) is not None:
            batch, stored = task
            try:
                self._store(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits for the batch stores it again, and meets it
                connection.close()  # the next one opens another
                stored.set_exception(error)
            else:
                stored.set_result(None)
        connection.close()
