"""Import and export as bars, and those of the period before as ghosts behind them. Pure: numbers -> dict figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.dateformat import format as written
from numpy.typing import NDArray

from dashboard.compare import Piece
from dashboard.figures import FONT, INK, Figure, Scheme, colour_of, packed
from dashboard.palette import EXPORT, IMPORT, faded
from readings import periods

FloatArray = NDArray[np.float64]

TICKS_AT_MOST = 12
WELL_MEASURED = 99.5  # percent; from here on nothing is said


@dataclass(frozen=True, slots=True)
class BarLine:
    """A port's import and export in kWh, both positive, NaN where nothing was measured.

    Without a colour number import and export have their own colours.
    """

    key: str
    name: str
    colour_number: int | None
    imported: FloatArray
    exported: FloatArray


@dataclass(frozen=True, slots=True)
class Axis:
    """The pieces of the period: a name for each, and the few that the axis shows, by place."""

    names: Sequence[str]
    ticks: dict[int, str]


@dataclass(frozen=True, slots=True)
class BarDrawing:
    """``is_import_below`` draws import below zero, else export; ``ghost`` is the sum of the lines a period before."""

    axis: Axis
    ghost: BarLine | None
    incomplete: NDArray[np.bool_]
    is_import_below: bool
    scheme: Scheme
    title: str
    choice: str


def axis_of(pieces: Sequence[Piece], bucket: periods.Bucket, zone: ZoneInfo, measured: Sequence[float | None]) -> Axis:
    """The names of buckets, with how many percent of each were measured where that is not nearly all."""
    names = []
    for (start, end), share in zip(pieces, measured, strict=True):
        name = name_of((start, end), bucket, zone)
        if share is not None and share < WELL_MEASURED:
            name = f"{name} · {share:.1f} % measured"
        names.append(name)
    return Axis(names, _ticks(pieces, bucket, zone))


def name_of(piece: Piece, bucket: periods.Bucket, zone: ZoneInfo) -> str:
    """What a bucket is called, unique also where the clocks show an hour twice."""
    start, end = (periods.to_datetime(ms, zone) for ms in piece)
    if bucket == "hour":
        hours = f"{written(start, 'D j M Y, H:i')}–{written(end, 'H:i')}"
        is_doubled = start.utcoffset() != start.replace(fold=1 - start.fold).utcoffset()
        return f"{hours} {start.tzname()}" if is_doubled else hours
    return written(start, {"day": "D j M Y", "month": "F Y", "year": "Y"}[bucket])


def _ticks(pieces: Sequence[Piece], bucket: periods.Bucket, zone: ZoneInfo) -> dict[int, str]:
    starts = [periods.to_datetime(start, zone) for start, _ in pieces]
    if bucket == "hour" and len(pieces) <= 50:
        return {
            place: written(start, "H:i" if start.hour else "j M")
            for place, start in enumerate(starts)
            if start.hour % 3 == 0 and not start.fold
        }
    if bucket == "hour":
        dates = [start.date() for start in starts]
        places = [place for place, day in enumerate(dates) if place == 0 or day != dates[place - 1]]
        form = "j M"
    else:
        places = list(range(len(pieces)))
        form = {"day": "D j" if len(pieces) <= 8 else "j M", "month": "M" if len(pieces) <= 12 else "M Y"}.get(
            bucket, "Y"
        )
    every = -(-len(places) // TICKS_AT_MOST)
    return {place: written(starts[place], form) for place in places[:: every or 1]}


def bars_figure(lines: Sequence[BarLine], drawing: BarDrawing) -> Figure:
    """A bar per bucket and direction, stacked by port. Places on the axis are those of ``drawing.axis``."""
    data = [] if drawing.ghost is None else _ghosts(drawing.ghost, drawing)
    for line in lines:
        data += _bars(line, drawing)
    return {"data": data, "layout": _layout(drawing)}


def _bars(line: BarLine, drawing: BarDrawing) -> list[Figure]:
    scheme = drawing.scheme
    bars = []
    for direction, colour in (("import", IMPORT[scheme]), ("export", EXPORT[scheme])):
        is_own_colour = line.colour_number is None
        if line.colour_number is not None:
            colour = colour_of(line.colour_number, scheme)  # noqa: PLW2901  (the port's colour stands for both)
        marker: Figure = {"color": colour, "line": {"width": 0}}
        if drawing.incomplete.any():
            marker["pattern"] = {"shape": ["/" if cut else "" for cut in drawing.incomplete.tolist()], "size": 6}
        name = escape(line.name, quote=False)
        bars.append({
            "type": "bar",
            "uid": f"{line.key}-{direction}",
            "name": direction.capitalize() if is_own_colour else name,
            "legendgroup": f"{line.key}-{direction}" if is_own_colour else line.key,
            "showlegend": is_own_colour or direction == "import",
            "x0": _first(drawing),
            "dx": 1,
            "y": packed(_signed(line, direction, drawing), "f4"),
            "yaxis": "y" if drawing.ghost is None else "y2",
            "width": 0.66,
            "marker": marker,
            "hovertemplate": f"{name}: %{{y:.3~f}} kWh {direction}<extra></extra>",
        })  # fmt: skip
    return bars


def _ghosts(ghost: BarLine, drawing: BarDrawing) -> list[Figure]:
    ink = INK[drawing.scheme]
    name = escape(ghost.name, quote=False)
    return [
        {
            "type": "bar",
            "uid": f"ghost-{direction}",
            "name": name,
            "legendgroup": "ghost",
            "showlegend": direction == "import",
            "x0": _first(drawing),
            "dx": 1,
            "y": packed(_signed(ghost, direction, drawing), "f4"),
            "width": 0.92,
            "marker": {"color": faded(ink["zero"], 0.16), "line": {"width": 1, "color": faded(ink["zero"], 0.65)}},
            "hovertemplate": f"{name}: %{{y:.3~f}} kWh {direction}<extra></extra>",
        }
        for direction in ("import", "export")
    ]


def _signed(line: BarLine, direction: str, drawing: BarDrawing) -> FloatArray:
    values = line.imported if direction == "import" else line.exported
    return -values if (direction == "import") == drawing.is_import_below else values


def _first(drawing: BarDrawing) -> str:
    """Bars are told by the name of the first bucket: the others follow by number, at a tenth of the bytes."""
    return next(iter(drawing.axis.names), "")


def _layout(drawing: BarDrawing) -> Figure:
    ink = INK[drawing.scheme]
    ticks = drawing.axis.ticks
    names = drawing.axis.names
    return {
        "barmode": "relative",
        "hovermode": "x unified",
        "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": ink["text"]},
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom",
            "font": {"size": 14}, "uirevision": drawing.choice,
        },
        "showlegend": True,
        "hoverlabel": {"bgcolor": ink["card"], "bordercolor": ink["edge"], "font": {"color": ink["text"]}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["zero"], "activecolor": ink["text"]},
        "xaxis": {
            "type": "category", "categoryorder": "array", "categoryarray": list(names), "fixedrange": True,
            "range": [-0.5, len(names) - 0.5], "tickmode": "array", "tickvals": list(ticks),
            "ticktext": list(ticks.values()), "automargin": True, "linecolor": ink["edge"], "showgrid": False,
        },
        "yaxis": {
            "title": {"text": drawing.title, "standoff": 8}, "automargin": True, "gridcolor": ink["grid"],
            "zeroline": True, "zerolinecolor": ink["zero"], "zerolinewidth": 1.5, "fixedrange": True,
        },
        "yaxis2": {
            "overlaying": "y", "matches": "y", "showgrid": False, "zeroline": False, "showticklabels": False,
            "fixedrange": True,
        },
    }  # fmt: skip
