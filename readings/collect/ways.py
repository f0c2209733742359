"""Which way counts of a unit that is heard by two: by AYT, where it answers our question, and by MQTT.

Pure: times are milliseconds of a clock that never jumps. Each way has a mean of its own, since the unit's previous
answer by that way. One way counts at a time, the preferred one as long as it is heard. What comes by the other is kept
back, so that it can fill the time from the last reading on when the first falls silent. The mean that ends a silence
spans all of it, which the other way has measured: it only tells from when on the next one counts.

After a silence of both the first answer to a question counts, whichever way is preferred: its mean has gone on since
the unit's answer before, while each message that nobody took is gone with its own. So a message that ends the silence
first waits for that answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low
from typing import Final, Generic, TypeVar

from readings.collect.windows import PERIODS_BRIDGED, PERIODS_WITHOUT_SILENCE, SHORTEST_RESTART_MS

T = TypeVar("T")

_LEAST_SILENCE_MS: Final = 10_000
_SILENT_PERIODS: Final = 5
_INTERVALS_KEPT: Final = 9
_LONGEST_INTERVAL_MS: Final = 300_000
_KEPT_BACK: Final = 300
# Of the mean that ends a silence of both so much more may be told already.
_TOLD_TWICE_PERIODS: Final = 2.5
# Two that hear one message at the same moment note times that differ by less.
_SAME_MOMENT_MS: Final = 500


class Way(StrEnum):
    """How an answer came."""

    AYT = "ayt"
    MQTT = "mqtt"

    @property
    def other(self) -> Way:
        return Way.MQTT if self is Way.AYT else Way.AYT


@dataclass(frozen=True, slots=True)
class Counting(Generic[T]):
    """An answer that counts. Its mean spans `longest_ms` at most; None: the time since the unit's last reading."""

    item: T
    longest_ms: int | None


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the time before our start, None where it is not: by which `way` the last reading came, and when
    (`counted_ms`); how often the unit publishes; until when it answered questions beside that (`answered_ms`).
    """

    way: Way
    counted_ms: int | None = None
    interval_ms: int | None = None
    answered_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    item: T
    start_ms: int
    end_ms: int


class _Line(Generic[T]):
    """What came by one way. How often a unit publishes is not known: then that is learned."""

    def __init__(self, interval_ms: int | None) -> None:
        self.newest_ms: int | None = None
        self.since_ms = 0  # it comes without a silence since then
        self.kept: deque[_Kept[T]] = deque(maxlen=_KEPT_BACK)
        self._interval_ms = interval_ms
        self._intervals_ms: deque[int] = deque(maxlen=_INTERVALS_KEPT)

    def go_on(self, newest_ms: int | None, interval_ms: int | None, now_ms: int) -> None:
        """What is known of the time before our start."""
        self.newest_ms, self.since_ms = newest_ms, now_ms
        if interval_ms is not None:
            self._intervals_ms.append(interval_ms)

    @property
    def silent_after_ms(self) -> int:
        return max(_LEAST_SILENCE_MS, _SILENT_PERIODS * self.usual_ms())

    @property
    def is_sure_until_ms(self) -> int:
        """So long after its newest answer the next one tells all that was in between."""
        return max(SHORTEST_RESTART_MS, round(PERIODS_WITHOUT_SILENCE * self.usual_ms()))

    def spans_little_more(self, told_ms: int) -> bool:
        """Whether its next mean begins where the time is told already, and tells little of that once more."""
        if self.newest_ms is None:
            return False
        return 0 <= told_ms - self.newest_ms <= _TOLD_TWICE_PERIODS * self.usual_ms()

    def note(self, at_ms: int) -> int | None:
        """An answer has come: since when its mean tells about the unit, None where that is not known."""
        former_ms, self.newest_ms = self.newest_ms, at_ms
        bridged_ms = max(SHORTEST_RESTART_MS, PERIODS_BRIDGED * self.usual_ms())
        if former_ms is not None and former_ms < at_ms:
            self._intervals_ms.append(min(at_ms - former_ms, _LONGEST_INTERVAL_MS))
        if former_ms is None or at_ms - former_ms > bridged_ms:
            self.since_ms = at_ms
            return None
        return former_ms

    def cut(self) -> None:
        self.newest_ms = None
        self.kept.clear()

    def usual_ms(self) -> int:
        if self._interval_ms is not None:
            return self._interval_ms
        return median_low(self._intervals_ms) if self._intervals_ms else 0


class Ways(Generic[T]):
    """The ways of one unit; `current` is the one that counts."""

    def __init__(self, *, preferred: Way, period_ms: int) -> None:
        self.current = preferred
        self._preferred = preferred
        self._lines: dict[Way, _Line[T]] = {Way.AYT: _Line(period_ms), Way.MQTT: _Line(None)}
        self._counted_ms: int | None = None  # the newest answer that counted

    def go_on(self, before: Before, now_ms: int) -> None:
        """Go on now, at a start of ours or when we take over from another collector."""
        self.current = before.way
        heard_ms = before.counted_ms if before.way is Way.MQTT else None
        self._lines[Way.MQTT].go_on(heard_ms, before.interval_ms, now_ms)
        if before.way is Way.MQTT:
            self._counted_ms = before.counted_ms
            self._lines[Way.AYT].go_on(before.answered_ms, None, now_ms)

    @property
    def interval_ms(self) -> int | None:
        """How often the unit publishes, None where that is not known yet."""
        return self._lines[Way.MQTT].usual_ms() or None

    @property
    def silent_after_ms(self) -> int:
        """A unit that publishes seldom is silent for long without being away."""
        return self._lines[self.current].silent_after_ms

    def leave_out(self, way: Way, at_ms: int, *, is_last: bool) -> None:
        """An answer of before is stored already, and is, where that `is_last`, the last reading before our start."""
        line = self._lines[way]
        if way is not self.current:
            line.newest_ms = at_ms
        elif is_last and (self._counted_ms is None or abs(at_ms - self._counted_ms) > _SAME_MOMENT_MS):
            line.newest_ms = self._counted_ms = at_ms

    def cut(self) -> None:
        """What comes next tells nothing about the time before it, whichever way it comes."""
        for line in self._lines.values():
            line.cut()

    def take(self, way: Way, at_ms: int, item: T) -> list[Counting[T]]:
        """What counts now that this answer has come, oldest first: none, itself, or those that were kept back."""
        line = self._lines[way]
        told: list[Counting[T]] = []
        if self._both_were_silent(at_ms):
            told = self._hand_over(Way.AYT)
            self._lines[Way.MQTT].cut()
        is_filled = self.fills(way, at_ms)
        start_ms = line.note(at_ms)
        if is_filled:
            return self._hand_over(way.other)
        if way is self.current:
            return [*told, self._count(way, start_ms, at_ms, item)]
        is_news = self._counted_ms is None or at_ms > self._counted_ms
        if start_ms is not None and is_news:
            line.kept.append(_Kept(item, start_ms, at_ms))
        return [*told, *(self._hand_over(way) if self._takes_over(way, at_ms) else [])]

    def current_at(self, at_ms: int) -> Way:
        """The way that counts for an answer that comes now."""
        return Way.AYT if self._both_were_silent(at_ms) else self.current

    def fills(self, way: Way, at_ms: int) -> bool:
        """Whether the other way measured in the silence that an answer by the current one would end now."""
        line, other = self._lines[way], self._lines[way.other]
        if way is not self.current or line.newest_ms is None or not other.kept:
            return False
        # A mean by AYT spans all of its silence, and needs no other but one that joins; by MQTT it may have been lost.
        return at_ms - line.newest_ms > line.is_sure_until_ms and (way is Way.MQTT or self._joins(way.other))

    def is_overdue(self, at_ms: int) -> bool:
        """Whether the current way has not been heard for a while, though it does not count as silent yet."""
        current = self._lines[self.current]
        return current.newest_ms is None or 2 * (at_ms - current.newest_ms) > current.silent_after_ms

    def _count(self, way: Way, start_ms: int | None, at_ms: int, item: T) -> Counting[T]:
        self._counted_ms = at_ms
        kept = self._lines[way.other].kept
        while kept and kept[0].end_ms <= at_ms:
            kept.popleft()
        if way is Way.AYT or start_ms is None:
            return Counting(item, None)
        return Counting(item, at_ms - start_ms)

    def _both_were_silent(self, at_ms: int) -> bool:
        """Whether the mean by AYT has gone on from the last reading by MQTT, or from what is kept back, until now."""
        ayt, mqtt = self._lines[Way.AYT], self._lines[Way.MQTT]
        if self.current is Way.AYT or self._counted_ms is None or ayt.newest_ms is None:
            return False
        told_ms = ayt.kept[-1].end_ms if ayt.kept else self._counted_ms
        return (
            ayt.spans_little_more(told_ms)
            and at_ms - ayt.newest_ms > ayt.is_sure_until_ms
            and at_ms - self._counted_ms > mqtt.is_sure_until_ms
        )

    def _takes_over(self, way: Way, at_ms: int) -> bool:
        line, current = self._lines[way], self._lines[self.current]
        if not line.kept:
            return False
        if way is self._preferred and self._joins(way):
            return True
        # Both can have been away: then the first that is heard again waits for the other as long.
        heard_ms = max(line.since_ms, current.newest_ms or line.since_ms)
        return at_ms - heard_ms > current.silent_after_ms

    def _joins(self, way: Way) -> bool:
        """Whether no time is missing between what counted and what is kept back of this way."""
        kept = self._lines[way].kept
        return bool(kept) and self._counted_ms is not None and kept[0].start_ms <= self._counted_ms

    def _hand_over(self, way: Way) -> list[Counting[T]]:
        self.current = way
        kept = self._lines[way].kept
        counting = [Counting(one.item, one.end_ms - one.start_ms) for one in kept]
        if kept:
            self._counted_ms = kept[-1].end_ms
        kept.clear()
        return counting
