"""What has arrived and nobody has looked at yet: bounded, and filled while the database is waited for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from devices.ct6.protocol import label_in
from readings.collect.ways import Way

KEPT_MS: Final = 60_000
# 60 s of answers of a thousand units are 100 MB: more than that is a flood of something else.
KEPT_BYTES: Final = 192 * 1024 * 1024
_OVERHEAD_BYTES: Final = 300  # an arrival beside its payload, so that a flood of empty ones is bounded too


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram or an MQTT message: when it arrived by the wall clock, and by one that never jumps.

    `source` is the address that a datagram came from, or the topic of a message. What was `overheard` came while this
    collector stood by: another one may have stored it.
    """

    payload: bytes
    source: str
    time_ms: int
    steady_ms: int
    way: Way = Way.AYT
    overheard: bool = False

    @property
    def address(self) -> str | None:
        """Where the unit is; None where that cannot be seen."""
        return self.source if self.way is Way.AYT else None

    @property
    def sender(self) -> str:
        """What tells it from others, as far as can be seen without decoding: on one topic many units may publish."""
        return self.source if self.way is Way.AYT else f"{self.source} {label_in(self.payload)}"

    def behind(self, former: Arrival) -> Arrival:
        """The same, a millisecond after the former if the net delivered both in one: a reading's time is its own."""
        early_ms = max(0, former.steady_ms + 1 - self.steady_ms)
        # Each clock is cut to whole milliseconds on its own: the wall's may still say the same.
        same = self.time_ms + early_ms == former.time_ms
        if not (early_ms or same):
            return self
        return replace(self, time_ms=self.time_ms + early_ms + same, steady_ms=self.steady_ms + early_ms)


class Inbox:
    """Filled by the thread that reads the socket, emptied by the one that talks to the database.

    `dropped` counts what had to go because nobody took it in time.
    """

    def __init__(self, kept_ms: int = KEPT_MS, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_ms = kept_ms
        self._kept_bytes = kept_bytes
        self._arrivals: deque[Arrival] = deque()
        self._bytes = 0
        self.dropped = 0
        self._lock = threading.Lock()

    def add(self, arrivals: Sequence[Arrival], now_ms: int) -> None:
        """Keep these; the oldest go once they are a minute old or too many."""
        with self._lock:
            self._arrivals.extend(arrivals)
            self._bytes += sum(map(_size, arrivals))
            while self._arrivals and self._is_too_much(now_ms):
                self._bytes -= _size(self._arrivals.popleft())
                self.dropped += 1

    def take(self, limit: int) -> list[Arrival]:
        """At most so many, oldest first."""
        with self._lock:
            taken = [self._arrivals.popleft() for _ in range(min(limit, len(self._arrivals)))]
            self._bytes -= sum(map(_size, taken))
        return taken

    def put_back(self, arrivals: Sequence[Arrival]) -> None:
        """What was taken last, to be taken first again."""
        with self._lock:
            self._arrivals.extendleft(reversed(arrivals))
            self._bytes += sum(map(_size, arrivals))

    def oldest(self) -> Arrival | None:
        with self._lock:
            return self._arrivals[0] if self._arrivals else None

    def __len__(self) -> int:
        return len(self._arrivals)

    def _is_too_much(self, now_ms: int) -> bool:
        return self._bytes > self._kept_bytes or now_ms - self._arrivals[0].steady_ms > self._kept_ms


def _size(arrival: Arrival) -> int:
    return len(arrival.payload) + _OVERHEAD_BYTES
