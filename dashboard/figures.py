"""Series become figures for the browser: plain dicts with packed arrays. Pure: no database, no clock, no settings.

Packed arrays (base64 of float32) make a day of six ports 47 kB instead of 290 kB, and are drawn without parsing text.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Scheme = Literal["light", "dark"]
Figure = dict[str, Any]

# One colour per port number, the same on every page. Neighbours stay apart for colour-blind eyes too, and each has a
# contrast of 3:1 or more against its background.
COLOURS: dict[Scheme, tuple[str, ...]] = {
    "light": ("#0a4fb0", "#b93c08", "#2a7f4c", "#831a72", "#a98f1c", "#1f97f5", "#c46a88", "#4a3c3a"),
    "dark": ("#2f8cf0", "#f0702a", "#33e09a", "#dd62b0", "#f0cf2a", "#8cccff", "#b07a68", "#c9e4e6"),
}
_INK: dict[Scheme, dict[str, str]] = {
    "light": {"text": "#3d4650", "grid": "#e4e8ec", "zero": "#8b959f", "box": "#ffffff", "edge": "#c5ccd3"},
    "dark": {"text": "#c6ced6", "grid": "#2c343c", "zero": "#76818c", "box": "#222a31", "edge": "#47525c"},
}

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
GRID_POINTS_LIMIT = 20_000
_TIME_FORMATS = [
    {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
    {"dtickrange": [86_400_000, None], "value": "%-d %b"},
]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Trace:
    """A line: its times (epoch ms, ascending) and values, NaN where there is a gap."""

    key: str
    name: str
    colour_number: int
    times: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """What the time axis holds, on the clocks of which zone."""

    start_ms: int
    end_ms: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Measure:
    """How the values are told: unit, digits after the point, and the title of their axis."""

    unit: str
    decimals: int
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """How traces are drawn.

    ``step_ms`` is the distance of the buckets, None where times are not regular. ``zoom`` and ``choice`` name what the
    zoom and the choice of traces belong to: both survive new data for as long as their name stays the same.
    """

    measure: Measure
    span: Span
    scheme: Scheme
    step_ms: int | None
    zoom: str
    choice: str


def colour_slot(number: int) -> int:
    """Which colour of the palettes, from 1, a port has by its number (CT1 is 1)."""
    return (number - 1) % len(COLOURS["light"]) + 1


def colour_of(number: int, scheme: Scheme) -> str:
    return COLOURS[scheme][colour_slot(number) - 1]


def line_figure(traces: Sequence[Trace], drawing: Drawing) -> Figure:
    """Lines over time, as plotly.js takes them."""
    clock = _Clock.of(drawing.span)
    layout = _layout(drawing, clock)
    if not any(len(trace.times) for trace in traces):
        layout["xaxis"]["range"] = layout["xaxis"].pop("autorangeoptions")["include"]  # nothing to range by
    return {"data": [_line(trace, drawing, clock) for trace in traces], "layout": layout}


def blank_figure() -> Figure:
    """What stands there until the first answer: nothing, on any background."""
    hidden = {"visible": False}
    clear = "rgba(0,0,0,0)"
    return {"data": [], "layout": {"paper_bgcolor": clear, "plot_bgcolor": clear, "xaxis": hidden, "yaxis": hidden}}


def packed(values: NDArray[Any], dtype: Literal["f4", "f8", "u1"]) -> dict[str, str]:
    """An array as plotly.js reads it without parsing: little-endian, base64."""
    little = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    return {"dtype": dtype, "bdata": base64.b64encode(little.tobytes()).decode("ascii")}


@dataclass(frozen=True, slots=True)
class _Clock:
    """Turns instants into what the axis is told.

    Plotly knows no zones: it is told local time as if it were UTC. On a day on which the clocks change the axis goes
    on by the offset of its start, so that no hour is drawn twice or left out, and tells the local times by name.
    """

    zone: ZoneInfo
    offset_ms: int
    changes: bool

    @classmethod
    def of(cls, span: Span) -> "_Clock":
        first, last = _offset_ms(span.start_ms, span.zone), _offset_ms(span.end_ms - 1, span.zone)
        return cls(span.zone, first, first != last)

    def told(self, ms: int) -> int:
        return ms + self.offset_ms

    def written(self, ms: int) -> str:
        return _local(self.told(ms), ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M")

    def named(self, ms: int) -> str:
        return _local(ms, self.zone).strftime("%H:%M")


def _local(ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


def _offset_ms(ms: int, zone: ZoneInfo) -> int:
    offset = _local(ms, zone).utcoffset() or timedelta()
    return offset // timedelta(milliseconds=1)


def _line(trace: Trace, drawing: Drawing, clock: _Clock) -> Figure:
    times, values = _on_grid(trace, drawing.step_ms)
    value = f"%{{y:.{drawing.measure.decimals}f}} {drawing.measure.unit}"
    line: Figure = {
        "type": "scattergl" if len(values) > 5000 else "scatter",
        "mode": "lines",
        "uid": trace.key,
        "name": escape(trace.name, quote=False),  # plotly reads tags in names
        "y": packed(values, "f4"),
        "line": {"color": colour_of(trace.colour_number, drawing.scheme), "width": 1.8},
        "connectgaps": False,
        "hovertemplate": value,
        **_x(times, clock, drawing.step_ms),
    }
    lonely = _lonely(values)
    if lonely.any():
        line |= {"mode": "lines+markers", "marker": {"size": packed(np.where(lonely, 4, 0), "u1")}}
    if clock.changes:
        line["text"] = [clock.named(int(ms)) for ms in times]
        line["hovertemplate"] = f"{value} at %{{text}}"
    return line


def _on_grid(trace: Trace, step_ms: int | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The line with one value per step from its first to its last, so that gaps are as long as they were."""
    times, values = trace.times, trace.values
    if step_ms is None or len(times) == 0:
        return times, values
    steps = (times - times[0]) // step_ms
    if steps[-1] >= GRID_POINTS_LIMIT or ((times - times[0]) % step_ms).any():
        return times, values
    dense = np.full(int(steps[-1]) + 1, np.nan)
    dense[steps] = values
    return times[0] + step_ms * np.arange(len(dense), dtype=np.int64), dense


def _x(times: NDArray[np.int64], clock: _Clock, step_ms: int | None) -> Figure:
    if len(times) == 0:
        return {"x": []}
    if step_ms is not None and len(times) - 1 == (times[-1] - times[0]) // step_ms:
        return {"x0": clock.told(int(times[0])), "dx": step_ms}
    return {"x": packed(times + clock.offset_ms, "f8")}


def _lonely(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Values between two gaps: a line alone would not show them."""
    present = np.isfinite(values)
    left = np.concatenate(([False], present[:-1]))
    right = np.concatenate((present[1:], [False]))
    return np.asarray(present & ~left & ~right)


def _layout(drawing: Drawing, clock: _Clock) -> Figure:
    ink = _INK[drawing.scheme]
    return {
        "uirevision": drawing.zoom,
        "hovermode": "x unified",
        "hoverdistance": 40,
        "dragmode": "zoom",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 13, "color": ink["text"]},
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom",
            "uirevision": drawing.choice, "font": {"size": 14}, "itemwidth": 30,
        },
        "showlegend": True,
        "hoverlabel": {"bgcolor": ink["box"], "bordercolor": ink["edge"], "font": {"color": ink["text"], "size": 13}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["zero"], "activecolor": ink["text"]},
        "xaxis": _time_axis(drawing.span, clock, ink),
        "yaxis": {
            "title": {"text": drawing.measure.title, "standoff": 8}, "automargin": True, "gridcolor": ink["grid"],
            "zeroline": True, "zerolinecolor": ink["zero"], "zerolinewidth": 1.5, "ticksuffix": "",
        },
    }  # fmt: skip


def _time_axis(span: Span, clock: _Clock, ink: dict[str, str]) -> Figure:
    edges = [clock.written(span.start_ms), clock.written(span.end_ms)]
    axis: Figure = {
        "type": "date", "automargin": True, "gridcolor": ink["grid"], "linecolor": ink["edge"], "showline": True,
        # Not as a range: it could not be told from one that the user chose by zooming.
        "autorangeoptions": {"include": edges, "clipmin": edges[0], "clipmax": edges[1]},
        "hoverformat": "%a %-d %b %Y, %H:%M", "tickformatstops": _TIME_FORMATS, "zeroline": False,
        "spikecolor": ink["zero"], "spikethickness": 1, "spikedash": "dot",
    }  # fmt: skip
    if clock.changes:
        hours = _local_hours(span, every=3)
        axis |= {
            "tickvals": [clock.told(ms) for ms in hours],
            "ticktext": [clock.named(ms) for ms in hours],
            "hoverformat": "%a %-d %b %Y",
        }
    return axis


def _local_hours(span: Span, *, every: int) -> list[int]:
    """The instants of the span at which the zone's clocks show a full hour that ``every`` divides."""
    step_ms = _HOUR // timedelta(milliseconds=1) // 4  # some zones change by half an hour, and some are off by 45 min
    instants = range(span.start_ms, span.end_ms + 1, step_ms)
    return [ms for ms in instants if (local := _local(ms, span.zone)).minute == 0 and local.hour % every == 0]
