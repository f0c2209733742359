"""What became of answers that are gone: how many went, for which reason, and when. Pure.

A row of losses that lie less than ``QUIET_MS`` apart counts as one, so that people are told of it once and not again
for every answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum, unique
from typing import Final

QUIET_MS: Final = 3_600_000


@unique
class Cause(StrEnum):
    """Where answers went. FLOOD counts what one sender sent beyond all measure, which no unit does."""

    SPOOL = "spool"
    MEMORY = "memory"
    RECEIVE_BUFFER = "receive_buffer"
    MQTT = "mqtt"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Loss:
    """So many answers, which came between two moments; the last of them went at ``at_ms`` (all epoch ms)."""

    answers: int
    since_ms: int
    until_ms: int
    at_ms: int

    def followed_by(self, more: Loss) -> Loss:
        """Both as one, or the later one alone where there was quiet between them."""
        if abs(more.at_ms - self.at_ms) > QUIET_MS:
            return more
        since_ms, until_ms = min(self.since_ms, more.since_ms), max(self.until_ms, more.until_ms)
        return Loss(self.answers + more.answers, since_ms, until_ms, more.at_ms)


class Losses:
    """Makes losses of counters that only grow."""

    def __init__(self) -> None:
        self._totals: dict[Cause, int] = {}
        self._losses: dict[Cause, Loss] = {}

    def go_on_from(self, detail: object) -> None:
        """From what the process before had told, so that its end does not hide what was lost before it."""
        self._losses = {**losses_in(detail), **self._losses}

    def count(self, cause: Cause, total: int, now_ms: int) -> None:
        """``total`` have gone for this reason since the start."""
        more = total - self._totals.get(cause, 0)
        self._totals[cause] = total
        if more > 0:
            loss, before = Loss(more, now_ms, now_ms, now_ms), self._losses.get(cause)
            self._losses[cause] = loss if before is None else before.followed_by(loss)

    def put(self, cause: Cause, loss: Loss) -> None:
        """This is what is known of this reason, from elsewhere."""
        self._losses[cause] = loss

    def as_json(self) -> dict[str, dict[str, int]]:
        """What ``losses_in`` reads again."""
        return {str(cause): asdict(loss) for cause, loss in self._losses.items()}


def losses_in(detail: object) -> dict[Cause, Loss]:
    """What a collector wrote into the detail of its heartbeat; what is none is left out."""
    found: dict[Cause, Loss] = {}
    if not isinstance(detail, Mapping):
        return found
    for cause in Cause:
        told = detail.get(cause.value)
        if isinstance(told, Mapping) and all(isinstance(told.get(name), int) for name in Loss.__slots__):
            found[cause] = Loss(**{name: told[name] for name in Loss.__slots__})
    return found
