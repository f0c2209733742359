"""The time axis of a drawing, on the clocks of a device's zone. Pure but for the language of its formats.

Plotly knows no zones: it is told local time as if it were UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext, pgettext
from numpy.typing import NDArray

from readings.periods import HOUR_MS, MINUTE_MS, to_datetime

DAY_MS = 24 * HOUR_MS
# Up to this length a drawing across a change of the clocks shows every hour once; beyond it, every local day alike.
TOLD_BY_NAME_MS = 3 * DAY_MS

# How far named ticks are apart, by how much time is in view.
_NAMED_TICKS_MIN = ((2 * HOUR_MS, 15), (5 * HOUR_MS, 30), (10 * HOUR_MS, 60), (30 * HOUR_MS, 180), (DAY_MS * 99, 360))


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, on the clocks of which zone."""

    start_ms: int
    end_ms: int
    zone: ZoneInfo

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns instants into what the axis is told.

    Where the clocks change within a short view, the axis goes on by the offset of its start, so that no hour is drawn
    twice or left out, and ticks and points tell the local time by name. In a long one the axis is the local time.
    """

    zone: ZoneInfo
    since_ms: NDArray[np.int64]
    offsets_ms: NDArray[np.int64]
    is_named: bool

    @classmethod
    def of(cls, view: Span) -> "Clock":
        offsets = list(_offsets(view))
        is_named = len(offsets) > 1 and view.length_ms <= TOLD_BY_NAME_MS
        kept = offsets[:1] if is_named else offsets
        since, by = (np.array(column, dtype=np.int64) for column in zip(*kept, strict=True))
        return cls(view.zone, since, by, is_named)

    @property
    def is_steady(self) -> bool:
        """Whether equal times are equally far apart on the axis."""
        return len(self.offsets_ms) == 1

    def told(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        place = np.searchsorted(self.since_ms, times, side="right") - 1
        return times + self.offsets_ms[np.maximum(place, 0)]

    def told_ms(self, ms: int) -> int:
        return int(self.told(np.array([ms]))[0])

    def written(self, ms: int) -> str:
        told = to_datetime(self.told_ms(ms)).replace(tzinfo=None)
        if told.microsecond:
            return told.isoformat(" ", "milliseconds")
        return told.isoformat(" ", "seconds" if told.second else "minutes")

    def named(self, ms: int) -> str:
        return to_datetime(ms, self.zone).strftime("%H:%M")

    def for_browser(self) -> list[list[int]]:
        """From which number of the axis on which offset holds, for the browser to find the instant of a number."""
        return [
            [int(since + offset), int(offset)] for since, offset in zip(self.since_ms, self.offsets_ms, strict=True)
        ]


def time_axis(span: Span, view: Span, clock: Clock, ink: dict[str, str]) -> dict[str, Any]:
    """The axis of a view of a span; what is not zoomed reaches over the whole span by itself."""
    edges = [clock.written(span.start_ms), clock.written(span.end_ms)]
    axis: dict[str, Any] = {
        "type": "date", "automargin": True, "gridcolor": ink["grid"], "linecolor": ink["edge"], "showline": True,
        # Not as a range: it could not be told from one that the user chose by zooming.
        "autorangeoptions": {"include": edges, "clipmin": edges[0], "clipmax": edges[1]},
        "hoverformat": _hover(view), "tickformatstops": _ticks(), "zeroline": False,
        "spikecolor": ink["zero"], "spikethickness": 1, "spikedash": "dot",
    }  # fmt: skip
    if (view.start_ms, view.end_ms) != (span.start_ms, span.end_ms):
        axis |= {"range": [clock.written(view.start_ms), clock.written(view.end_ms)], "autorange": False}
    else:
        axis["autorange"] = True
    if clock.is_named:
        ticks = _local_times(view)
        axis |= {
            "tickvals": [clock.told_ms(ms) for ms in ticks],
            "ticktext": [clock.named(ms) for ms in ticks],
            "hoverformat": pgettext("d3 time format", "%a %-d %b %Y"),
        }
    return axis


def value_at(value: str, time: str) -> str:
    """A value and when it was, as the hover tells them."""
    return gettext("{value} at {time}").format(value=value, time=time)


def _ticks() -> list[dict[str, Any]]:
    return [
        {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
        {"dtickrange": [60_000, 43_200_000], "value": "%H:%M"},
        {"dtickrange": [86_400_000, "M1"], "value": pgettext("d3 time format", "%-d %b")},
        {"dtickrange": ["M1", "M12"], "value": "%b %Y"},
        {"dtickrange": ["M12", None], "value": "%Y"},
    ]


def _hover(view: Span) -> str:
    if view.length_ms <= 3 * HOUR_MS:
        return pgettext("d3 time format", "%a %-d %b %Y, %H:%M:%S")
    return pgettext("d3 time format", "%a %-d %b %Y, %H:%M")


def _local_times(view: Span) -> list[int]:
    """The instants in view at which the zone's clocks show a round time."""
    every = next(minutes for length_ms, minutes in _NAMED_TICKS_MIN if view.length_ms <= length_ms)
    step_ms = 15 * MINUTE_MS  # some zones change by half an hour, and some are off by 45 min
    first = -(-view.start_ms // step_ms) * step_ms
    found = []
    for ms in range(first, view.end_ms + 1, step_ms):
        local = to_datetime(ms, view.zone)
        if (60 * local.hour + local.minute) % every == 0:
            found.append(ms)
    return found


def _offsets(view: Span) -> Iterator[tuple[int, int]]:
    """From which instant on clocks are off UTC by how much, for all of a view."""
    known, offset = view.start_ms, _offset_ms(view.start_ms, view.zone)
    yield known, offset
    while known < view.end_ms - 1:
        later = min(known + 7 * DAY_MS, view.end_ms - 1)
        if _offset_ms(later, view.zone) != offset:
            later = _change(known, later, view.zone)
            offset = _offset_ms(later, view.zone)
            yield later, offset
        known = later


def _change(before_ms: int, after_ms: int, zone: ZoneInfo) -> int:
    """The first instant of an interval whose offset is no longer that of its start."""
    offset = _offset_ms(before_ms, zone)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if _offset_ms(middle, zone) == offset:
            before_ms = middle
        else:
            after_ms = middle
    return after_ms


@lru_cache(maxsize=4096)
def _offset_ms(ms: int, zone: ZoneInfo) -> int:
    offset = to_datetime(ms, zone).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)
