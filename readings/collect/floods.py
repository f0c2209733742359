"""A bound on what one unit can send, so that none of them fills the room of all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from readings.collect.inbox import Arrival

log = structlog.get_logger(__name__)

# A unit answers five times a second at most by each way; behind one address there may be a few of them.
MOST_PER_S: Final = 100
_BURST: Final = 4 * MOST_PER_S
_SENDERS_KEPT: Final = 5_000
_OTHERS: Final = "many others"  # more than there are units: they share what one may send
_SAID_AGAIN_MS: Final = 60_000


class Floods:
    """Counts by address, and by topic and label, what came of late; `left_out` is how much was too many.

    `last_sender` is whose was left out last, empty as long as nothing was.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self.last_sender = ""
        self._room: dict[str, tuple[float, int]] = {}  # how many more may come, as of when
        self._said_ms: dict[str, int] = {}
        self._unsaid = 0

    def bounded(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Those that are not too many of one sender."""
        return [arrival for arrival in arrivals if self._has_room(arrival)]

    def _has_room(self, arrival: Arrival) -> bool:
        sender, now_ms = arrival.sender, arrival.steady_ms
        if sender not in self._room and len(self._room) >= _SENDERS_KEPT:
            self._forget_quiet(now_ms)
            if len(self._room) >= _SENDERS_KEPT:
                sender = _OTHERS
        room, since_ms = self._room.get(sender, (float(_BURST), now_ms))
        room = min(_BURST, room + max(0, now_ms - since_ms) * MOST_PER_S / 1000)
        if room < 1:
            self._room[sender] = room, now_ms
            self._leave_out(sender, now_ms)
            return False
        self._room[sender] = room - 1, now_ms
        return True

    def _forget_quiet(self, now_ms: int) -> None:
        full_after_ms = 1000 * _BURST / MOST_PER_S
        self._room = {one: kept for one, kept in self._room.items() if now_ms - kept[1] < full_after_ms}

    def _leave_out(self, sender: str, now_ms: int) -> None:
        self.left_out += 1
        self.last_sender = sender
        self._unsaid += 1
        said_ms = self._said_ms.get(sender)
        if said_ms is None or now_ms - said_ms >= _SAID_AGAIN_MS:
            self._said_ms = {one: ms for one, ms in self._said_ms.items() if now_ms - ms < _SAID_AGAIN_MS}
            self._said_ms[sender] = now_ms
            log.warning(
                "Somebody sends more than any unit does; what is too much is left out",
                sender=sender,
                left_out=self._unsaid,
                to_do="find out what it is, and keep it off this network",
            )
            self._unsaid = 0
