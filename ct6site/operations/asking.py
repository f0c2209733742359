"""Questions to a database that may not answer."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from django.db import Error, connection

Answer = TypeVar("Answer")


class Asking(Generic[Answer]):
    """Asks one question after the other, each from a thread: a database that is silent holds up nobody else."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    def within(self, limit_s: float, ask: Callable[[], Answer]) -> Answer:
        """What ``ask`` finds. Raises the database's error, or TimeoutError: so too while the one before hangs."""
        if self._thread is not None:
            self._thread.join(limit_s)
            if self._thread.is_alive():
                raise TimeoutError("the question before has not been answered yet")
        outcome: SimpleQueue[tuple[Answer] | Error] = SimpleQueue()

        def run() -> None:
            try:
                outcome.put((ask(),))
            except Error as error:
                outcome.put(error)
            finally:
                connection.close()

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
        try:
            found = outcome.get(timeout=limit_s)
        except Empty:
            raise TimeoutError(f"nothing came within {limit_s:g} s") from None
        if isinstance(found, Error):
            raise found
        return found[0]
