"""How long a unit has been running: one that restarted while it was silent averages since its start at most."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Final

from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError

PATIENCE_MS: Final = 4_000
_TIMEOUT_S: Final = 3.0
_AT_ONCE: Final = 16


@dataclass(slots=True)
class Question:
    """What is asked of one unit; once `settled`, how long it ran when its answer came (None: not known).

    `late_ms` is how long ago the answer came when this was asked.
    """

    unit: str
    address: str
    http_port: int
    late_ms: int
    uptime_ms: int | None = None
    settled: bool = False
    given_up: bool = False
    _asked_s: float = field(default_factory=time.monotonic)

    def ask(self) -> None:
        try:
            uptime_s = UnitClient(self.address, self.http_port, assy=self.unit, timeout_s=_TIMEOUT_S).uptime_s()
        except (UnitError, ValueError, OverflowError):  # the latter two for a number that is none
            return
        since_ms = self.late_ms + round((time.monotonic() - self._asked_s) * 1000)
        self.uptime_ms = max(0, uptime_s * 1000 - since_ms)


class Uptimes:
    """Asks units over HTTP, a few at once, without waiting for them."""

    def __init__(self) -> None:
        self._questions: SimpleQueue[Question] = SimpleQueue()
        self._threads: list[Thread] = []

    def ask(self, unit: str, address: str, http_port: int, late_ms: int) -> Question:
        """Ask soon; the result appears in the question, which the caller gives up when it has waited enough."""
        question = Question(unit, address, http_port, late_ms)
        self._questions.put(question)
        if len(self._threads) < _AT_ONCE:
            # Daemons: a unit that hangs must not keep the process from ending.
            self._threads.append(Thread(target=self._answer, name="asks for uptimes", daemon=True))
            self._threads[-1].start()
        return question

    def _answer(self) -> None:
        while True:
            question = self._questions.get()
            if not question.given_up:
                question.ask()
                question.settled = True
