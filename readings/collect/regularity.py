"""Whether somebody else asks a unit too. Pure: times are milliseconds of a clock that never jumps.

Each answer ends the unit's mean, and for 200 ms it answers nobody else: who asks beside us leaves some of our questions
without an answer, and two ways of our own to one unit make answers come in less than a period. A poor network looks
the same, so what this tells is a suspicion.
"""

from __future__ import annotations

from typing import Final

_QUESTIONS_JUDGED: Final = 120
_QUESTIONS_KEPT: Final = 600
_SUSPICIOUS_SHARE: Final = 0.1
_SHORT: Final = 0.5  # of a period
_LONGEST_COUNTED_PERIODS: Final = 20  # beyond it is no question that was missed, but an outage


class Regularity:
    """How regularly a unit answers, of late."""

    def __init__(self, period_ms: int) -> None:
        self.is_suspicious = False
        self._period_ms = period_ms
        self._questions = 0.0
        self._odd = 0.0
        self._newest_ms: int | None = None

    def note(self, at_ms: int) -> bool:
        """Count an answer that came now; whether what is suspected has changed by that."""
        former_ms, self._newest_ms = self._newest_ms, at_ms
        if former_ms is None or at_ms - former_ms > _LONGEST_COUNTED_PERIODS * self._period_ms:
            return False
        periods = (at_ms - former_ms) / self._period_ms
        questions = max(1, round(periods))
        self._questions += questions
        self._odd += questions - 1 + (periods < _SHORT)
        if self._questions > _QUESTIONS_KEPT:
            self._questions, self._odd = self._questions / 2, self._odd / 2
        return self._judge()

    def _judge(self) -> bool:
        if self._questions < _QUESTIONS_JUDGED:
            return False
        share = self._odd / self._questions
        # What is suspected is dropped only when it is clearly over.
        limit = _SUSPICIOUS_SHARE / 2 if self.is_suspicious else _SUSPICIOUS_SHARE
        before, self.is_suspicious = self.is_suspicious, share >= limit
        return before != self.is_suspicious
