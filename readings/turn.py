"""Long work in short steps: others write between two of them, and a worker's turn ends when its time is up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

Pause = Callable[[float], None]
"""Waits for so many seconds."""
Step = Callable[[str], None]
"""Called with the name of each step that has been taken; tests end the process there."""

PAUSE_S: Final = 0.05


def no_step(_name: str) -> None:
    pass


def let_others_write(pause: Pause) -> None:
    """SQLite's waiting writers look every few ms whether the lock is free: leave it free for a while."""
    if connection.vendor == "sqlite":
        pause(PAUSE_S)


@dataclass(frozen=True, slots=True)
class Turn:
    """How long to go on, from now on, and what to do between two steps."""

    limit_s: float | None = None
    pause: Pause = time.sleep
    clock: Callable[[], float] = time.monotonic
    step: Step = no_step
    started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "started", self.clock())

    @property
    def is_over(self) -> bool:
        return self.limit_s is not None and self.clock() - self.started > self.limit_s
