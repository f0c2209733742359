"""Series become figures for the browser: plain dicts with packed arrays. Pure: no database, no clock, no settings.

Packed arrays (base64 of float32) make a day of six ports 47 kB instead of 290 kB, and are drawn without parsing text.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.outlines import Mask, Times, Values, band, beside, is_lonely, steps
from dashboard.time_axis import Clock, Span, time_axis, value_at

Scheme = Literal["light", "dark"]
Figure = dict[str, Any]

# One colour per port number, the same on every page. Neighbours stay apart for colour-blind eyes too, and each has a
# contrast of 3:1 or more against its background.
COLOURS: dict[Scheme, tuple[str, ...]] = {
    "light": ("#0a4fb0", "#b93c08", "#2a7f4c", "#831a72", "#a98f1c", "#1f97f5", "#c46a88", "#4a3c3a"),
    "dark": ("#2f8cf0", "#f0702a", "#33e09a", "#dd62b0", "#f0cf2a", "#8cccff", "#b07a68", "#c9e4e6"),
}
# As in dashboard.css: what surrounds the lines.
INK: dict[Scheme, dict[str, str]] = {
    "light": {
        "strong": "#1d242b",
        "text": "#3d4650", "grid": "#e4e8ec", "zero": "#8b959f", "box": "#ffffff", "edge": "#c5ccd3", "card": "#ffffff",
    },
    "dark": {
        "strong": "#e3e8ed",
        "text": "#c6ced6", "grid": "#2c343c", "zero": "#76818c", "box": "#222a31", "edge": "#47525c", "card": "#1b2127",
    },
}  # fmt: skip

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
GRID_POINTS_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Trace:
    """A line: its times (epoch ms, ascending), values and extremes, NaN where there is a gap, and what of it was
    recovered. Without ``low`` and ``high`` there is no band round it; ``port_number`` is None where it is
    the line of a unit."""

    key: str
    name: str
    port_number: int | None
    times: Times
    values: Values
    low: Values | None = None
    high: Values | None = None
    recovered: Mask | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How the values are told: unit, digits after the point, and the title of their axis."""

    unit: str
    decimals: int
    title: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """How traces are drawn.

    ``span`` is the range, ``view`` the part of it that is in view. ``step_ms`` is the distance of the buckets, None
    where times are not regular; ``is_stepped`` draws a value level over its bucket. ``low`` and ``high`` bound the
    values drawn: ``zoom_y`` as the user's zoom, ``limits`` as the axis that a double click goes back to. ``zoom`` names
    what the zoom belongs to: it survives new data for as long as the name stays the same. After ``pace_ms`` the
    drawing is worth reading anew; None if it never is.
    """

    measure: Measure
    span: Span
    view: Span
    scheme: Scheme
    step_ms: int | None
    zoom: str
    is_stepped: bool = False
    limits: tuple[float | None, float | None] = (None, None)
    zoom_y: tuple[float, float] | None = None
    pace_ms: int | None = None


def colour_slot(number: int) -> int:
    """Which colour of the palettes, from 1, a port has by its number (CT1 is 1)."""
    return (number - 1) % len(COLOURS["light"]) + 1


def colour_of(number: int, scheme: Scheme) -> str:
    return COLOURS[scheme][colour_slot(number) - 1]


def line_figure(traces: Sequence[Trace], drawing: Drawing) -> Figure:
    """Lines over time, as plotly.js takes them, bands behind them."""
    clock = Clock.of(drawing.view)
    layout = _layout(drawing, clock)
    if not any(trace.port_number for trace in traces):
        layout["legend"] |= {"itemclick": False, "itemdoubleclick": False}  # the only line
    if not any(len(trace.times) for trace in traces):
        axis = layout["xaxis"]  # which has nothing to range by
        axis |= {"range": axis.get("range", axis["autorangeoptions"]["include"]), "autorange": False}
    bands = [_band(trace, drawing, clock) for trace in traces if trace.low is not None]
    lines = [line for trace in traces for line in _lines(trace, drawing, clock)]
    return {"data": bands + lines, "layout": layout}


def blank_figure() -> Figure:
    """What stands there until the first answer: nothing, on any background."""
    hidden = {"visible": False}
    clear = "rgba(0,0,0,0)"
    return {"data": [], "layout": {"paper_bgcolor": clear, "plot_bgcolor": clear, "xaxis": hidden, "yaxis": hidden}}


def packed(values: NDArray[Any], dtype: Literal["f4", "f8", "u1"]) -> dict[str, str]:
    """An array as plotly.js reads it without parsing: little-endian, base64."""
    little = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<"))
    return {"dtype": dtype, "bdata": base64.b64encode(little.tobytes()).decode("ascii")}


def shared_times(figure: Figure) -> Figure:
    """The figure with each array of times told once, in ``times``: ``x`` is then its place there.

    Lines of one device mostly have the same times. The browser puts them back (static/dashboard/plot.js).
    """
    places: dict[str, int] = {}
    times: list[dict[str, str]] = []
    data = []
    for trace in figure["data"]:
        if not isinstance(trace.get("x"), dict):
            data.append(trace)
            continue
        place = places.setdefault(trace["x"]["bdata"], len(times))
        if place == len(times):
            times.append(trace["x"])
        data.append({**trace, "x": place})
    return {**figure, "data": data, "times": times}


def _lines(trace: Trace, drawing: Drawing, clock: Clock) -> Iterator[Figure]:
    """The line, and, over its recovered pieces, dashes in the colour of the ground, so that it looks dashed there."""
    yield _line(trace, drawing, clock)
    if trace.recovered is None or not trace.recovered.any():
        return
    around = trace.recovered if drawing.is_stepped else beside(trace.recovered)
    values = np.where(around, trace.values, np.nan)
    yield {
        **_stroke(trace.times, values, drawing, clock),
        **_belonging(trace),
        "uid": f"{trace.key}-recovered",
        "line": _shape(drawing) | {"color": INK[drawing.scheme]["card"], "width": 2.4, "dash": "3px,4px"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _line(trace: Trace, drawing: Drawing, clock: Clock) -> Figure:
    value = f"%{{y:,.{drawing.measure.decimals}f}} {drawing.measure.unit}".rstrip()
    line: Figure = {
        **_stroke(trace.times, trace.values, drawing, clock),
        **_belonging(trace),
        "uid": trace.key,
        "name": escape(trace.name, quote=False),  # plotly reads tags in names
        "line": _shape(drawing) | {"color": colour_of(trace.port_number or 1, drawing.scheme), "width": 1.8},
        "hovertemplate": value,
    }
    if clock.is_named:
        told, _ = _points(clock.told(trace.times), trace.values, drawing, clock)
        line["text"] = [clock.named(int(ms)) for ms in told - clock.offsets_ms[0]]
        line["hovertemplate"] = value_at(value, "%{text}")
    return line


def _belonging(trace: Trace) -> Figure:
    """What goes together in the legend. The number tells the browser which lines the address leaves out."""
    number = {} if trace.port_number is None else {"meta": {"port": trace.port_number}}
    return {"legendgroup": trace.key, **number}


def _shape(drawing: Drawing) -> Figure:
    return {"shape": "hv"} if drawing.is_stepped else {}


def _stroke(times: Times, values: Values, drawing: Drawing, clock: Clock) -> Figure:
    """Where a line goes: never across a gap, and a dot where a value stands alone."""
    told, values = _points(clock.told(times), values, drawing, clock)
    stroke: Figure = {
        "type": "scattergl" if len(values) > 5000 else "scatter",
        "mode": "lines",
        "y": packed(values, "f4"),
        "connectgaps": False,
        **_x(told, drawing.step_ms),
    }
    lonely = is_lonely(values)
    if lonely.any():
        stroke |= {"mode": "lines+markers", "marker": {"size": packed(np.where(lonely, 4, 0), "u1")}}
    return stroke


def _points(told: Times, values: Values, drawing: Drawing, clock: Clock) -> tuple[Times, Values]:
    if drawing.is_stepped and drawing.step_ms is not None:
        return steps(told, values, drawing.step_ms)
    return _on_grid(told, values, drawing.step_ms) if clock.is_steady else (told, values)


def _on_grid(told: Times, values: Values, step_ms: int | None) -> tuple[Times, Values]:
    """The line with one value per step from its first to its last, since a grid is told by its start and step."""
    if step_ms is None or len(told) == 0:
        return told, values
    places = (told - told[0]) // step_ms
    if places[-1] >= GRID_POINTS_LIMIT or ((told - told[0]) % step_ms).any():
        return told, values
    dense = np.full(int(places[-1]) + 1, np.nan)
    dense[places] = values
    return told[0] + step_ms * np.arange(len(dense), dtype=np.int64), dense


def _x(told: Times, step_ms: int | None) -> Figure:
    if len(told) == 0:
        return {"x": []}
    if step_ms is not None and (np.diff(told) == step_ms).all():
        return {"x0": int(told[0]), "dx": step_ms}
    return {"x": packed(told, "f8")}


def _band(trace: Trace, drawing: Drawing, clock: Clock) -> Figure:
    """Everything between the lowest and the highest reading, so that no spike is lost in a mean."""
    low, high = (np.empty(0) if extreme is None else extreme for extreme in (trace.low, trace.high))
    told = clock.told(trace.times)
    x, y = band(told, low, high, drawing.step_ms if drawing.is_stepped else None)
    colour = colour_of(trace.port_number or 1, drawing.scheme)
    return {
        "type": "scatter",
        "mode": "lines",
        **_belonging(trace),
        "uid": f"{trace.key}-band",
        "x": packed(x, "f8"),
        "y": packed(y, "f4"),
        "fill": "toself",
        "fillcolor": f"{colour}38",
        "line": {"color": f"{colour}70", "width": 0.8},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _layout(drawing: Drawing, clock: Clock) -> Figure:
    ink = INK[drawing.scheme]
    return {
        "uirevision": drawing.zoom,
        "meta": {"clocks": clock.for_browser(), "pace": drawing.pace_ms},
        "hovermode": "x unified",
        "hoverdistance": 40,
        "dragmode": "zoom",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": ink["text"]},
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "groupclick": "togglegroup",
            "font": {"size": 14}, "itemwidth": 30,
        },
        "showlegend": True,
        "hoverlabel": {"bgcolor": ink["box"], "bordercolor": ink["edge"], "font": {"color": ink["text"], "size": 13}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["zero"], "activecolor": ink["text"]},
        "xaxis": time_axis(drawing.span, drawing.view, clock, ink),
        "yaxis": {
            "title": {"text": drawing.measure.title, "standoff": 8}, "automargin": True, "gridcolor": ink["grid"],
            "zeroline": True, "zerolinecolor": ink["zero"], "zerolinewidth": 1.5, "ticksuffix": "",
            **_values_shown(drawing),
        },
    }  # fmt: skip


def _values_shown(drawing: Drawing) -> Figure:
    """The range of the values: by itself as far as there are no limits, and those also bound what a double click
    goes back to."""
    low, high = drawing.limits
    options: Figure = {"include": [limit for limit in (low, high) if limit is not None]}
    if low is not None:
        options["clipmin"] = low
    if high is not None:
        options["clipmax"] = high
    limited = {"autorangeoptions": options} if options["include"] else {}
    if drawing.zoom_y is not None:
        return {**limited, "range": list(drawing.zoom_y), "autorange": False}
    return {**limited, "autorange": True}
