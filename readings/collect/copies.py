"""Which answers are copies of one that came before. Pure: times are milliseconds of a clock that never jumps.

The net delivers a datagram twice, late, or behind a younger one; a copy has the same bytes. How soon an answer follows
tells nothing: two that the net held up come at the same moment and both count.
"""

from __future__ import annotations

from collections import deque
from typing import Final

_ANSWERS_KEPT: Final = 8
_LATEST_MS: Final = 5_000  # no net holds a datagram longer


class Copies:
    """The newest answers of one unit."""

    def __init__(self, period_ms: int) -> None:
        self._period_ms = period_ms
        self._kept: deque[tuple[int, int]] = deque(maxlen=_ANSWERS_KEPT)  # what, when

    def holds(self, payload: bytes, at_ms: int) -> bool:
        """Whether the answer is a copy; what is none is kept.

        A unit that measures nothing may say the same again and again: what equals the newest answer is a copy within
        half a period only.
        """
        this = hash(payload)
        since_ms = next((at_ms - kept_ms for kept, kept_ms in reversed(self._kept) if kept == this), None)
        latest_ms = min(self._period_ms / 2, _LATEST_MS) if self._kept and self._kept[-1][0] == this else _LATEST_MS
        is_copy = since_ms is not None and since_ms < latest_ms
        if not is_copy:
            self._kept.append((this, at_ms))
        return is_copy
