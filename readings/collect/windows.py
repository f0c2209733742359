"""Which span of time an answer's means stand for. Pure arithmetic on milliseconds: no clock is read here.

Two clocks are compared. `time` is the wall clock, which people set; `steady` never jumps. The window of an answer is
the time since the unit's previous one, so the steady clock tells its length and the wall clock its place. Hence a clock
that is set forward loses nothing, and one that is set back doubles nothing: what would lie over time that is measured
already has window 0 (shown, in no energy) until the clock has passed it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

PERIODS_BRIDGED: Final = 5
# So long a silence is still filled by the mean that ends it: its energy is right in sum, and spread over days.
LONGEST_OUTAGE_MS: Final = 7 * 24 * 3600 * 1000
# Clocks that disagree by more than this since the previous answer were set.
_CLOCK_WAS_SET_MS: Final = 50
_SPANS_KEPT: Final = 16
# The quickest restart of a unit takes so long, and it answers nothing meanwhile.
SHORTEST_RESTART_MS: Final = 5_000
PERIODS_WITHOUT_SILENCE: Final = 1.5
# How far from the present stored readings are looked for when it is not known which time is measured already. Clocks
# are set by an hour or two, or by years: more than a day is another time altogether.
HORIZON_MS: Final = 24 * 3600 * 1000


class Span(NamedTuple):
    """The time (start_ms, end_ms]."""

    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Timeline:
    """The readings of one device, in the order that they came.

    `newest_ms` is the time of its last stored reading, None if there is none, and the day before it counts as measured;
    `measured` is what is stored beside that, such as readings later than now, from before the clock was set back.
    """

    period_ms: int
    newest_ms: int | None = None
    measured: list[Span] = field(default_factory=list)
    _line_start_ms: int | None = None
    _newest_steady_ms: int | None = None

    def add(
        self,
        time_ms: int,
        steady_ms: int,
        *,
        uptime_ms: int | None = None,
        follows_loss: bool = False,
        longest_ms: int | None = None,
    ) -> int:
        """The window of an answer that came now; it becomes the newest reading.

        0 where it is not known: for the first answer ever, and for one after more than five periods, if a unit can
        have restarted in that time and `uptime_ms` is not known, or answers before it are lost, where the mean ended.
        The uptime bounds it: a unit averages since its start at most. So does `longest_ms`, where it is known that the
        mean spans no more.
        """
        window_ms = self._elapsed_ms(time_ms, steady_ms)
        bridged_ms = max(PERIODS_BRIDGED * self.period_ms, SHORTEST_RESTART_MS)
        is_known = uptime_ms is not None and not follows_loss and window_ms <= LONGEST_OUTAGE_MS
        if longest_ms is not None:
            window_ms = min(window_ms, longest_ms)
        elif window_ms > bridged_ms and not is_known:
            window_ms = 0
        if uptime_ms is not None:
            window_ms = min(window_ms, uptime_ms)
        begins_line = self.newest_ms is None
        if self.newest_ms is not None and (time_ms <= self.newest_ms or self._was_set_forward(time_ms, steady_ms)):
            self._end_line(self.newest_ms)
            begins_line = True
        window_ms = self._clear_of_measured(time_ms, max(0, window_ms))
        if begins_line:
            self._line_start_ms = time_ms - window_ms
        self.newest_ms, self._newest_steady_ms = time_ms, steady_ms
        return window_ms

    def may_hide_restart(self, time_ms: int, steady_ms: int) -> bool:
        """Whether the unit can have restarted in the window that an answer that came now would get."""
        unseen_ms = max(SHORTEST_RESTART_MS, PERIODS_WITHOUT_SILENCE * self.period_ms)
        return unseen_ms < self._elapsed_ms(time_ms, steady_ms) <= LONGEST_OUTAGE_MS

    def is_recovered(self, window_ms: int) -> bool:
        """Whether a window is longer than what silence is bridged without asking: the mean of an outage."""
        return window_ms > PERIODS_BRIDGED * self.period_ms

    def _elapsed_ms(self, time_ms: int, steady_ms: int) -> int:
        if self.newest_ms is None:
            return 0
        by_wall_ms = time_ms - self.newest_ms
        if self._newest_steady_ms is None:  # the previous reading is from before our start
            return by_wall_ms
        by_steady_ms = steady_ms - self._newest_steady_ms
        # As long as the clocks agree the wall's is taken, so that windows join without a gap.
        return by_wall_ms if abs(by_wall_ms - by_steady_ms) <= _CLOCK_WAS_SET_MS else by_steady_ms

    def _was_set_forward(self, time_ms: int, steady_ms: int) -> bool:
        """Whether the wall clock has passed over time that was not measured, and can be set back to it."""
        if self.newest_ms is None or self._newest_steady_ms is None:
            return False
        return time_ms - self.newest_ms - (steady_ms - self._newest_steady_ms) > _CLOCK_WAS_SET_MS

    def _end_line(self, newest_ms: int) -> None:
        """The clock was set: what was measured until then stands, and the readings go on elsewhere."""
        start_ms = newest_ms - HORIZON_MS if self._line_start_ms is None else self._line_start_ms
        spans = self.measured = sorted([*self.measured, Span(start_ms, newest_ms)])
        if len(spans) > _SPANS_KEPT:
            # The two that are closest become one, so that the least time between counts as measured.
            _apart_ms, at = min((spans[i + 1].start_ms - spans[i].end_ms, i) for i in range(len(spans) - 1))
            spans[at : at + 2] = [Span(spans[at].start_ms, max(spans[at].end_ms, spans[at + 1].end_ms))]

    def _clear_of_measured(self, time_ms: int, window_ms: int) -> int:
        """As much of the window as lies behind everything that is measured already."""
        start_ms = time_ms - window_ms
        if self.newest_ms is not None and self.newest_ms < time_ms:
            start_ms = max(start_ms, self.newest_ms)
        for span in self.measured:
            if span.start_ms < time_ms and start_ms < span.end_ms:
                start_ms = min(span.end_ms, time_ms)
        return time_ms - start_ms
