"""Import and export as bars, and those of the period before as ghosts behind them. Pure: numbers -> dict figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from numpy.typing import NDArray

from dashboard.compare import Piece
from dashboard.energy_dates import (
    CLOCK,
    DAY,
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    MONTH,
    MONTH_OF_YEAR,
    SHORT_MONTH,
    YEAR,
    written,
)
from dashboard.figures import FONT, INK, Figure, Scheme, colour_of, packed
from dashboard.numbers import numbered
from dashboard.palette import EXPORT, IMPORT, faded
from readings import periods

Direction = Literal["import", "export"]
FloatArray = NDArray[np.float64]

TICKS_AT_MOST = 12
WELL_MEASURED = 99.5  # percent; from here on nothing is said
_DIRECTIONS: Final[tuple[Direction, ...]] = ("import", "export")
_DIRECTION_NAMES: Final = {"import": pgettext_lazy("energy", "Import"), "export": pgettext_lazy("energy", "Export")}
_HOVERS: Final = {
    "import": gettext_lazy("%(name)s: %(energy)s kWh import"),
    "export": gettext_lazy("%(name)s: %(energy)s kWh export"),
}


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
    """The pieces of the period: a name for each, and the few that the axis shows, by place.

    ``partly`` are the names with numbers in them, by place, as the browser writes them in its own locale.
    """

    names: Sequence[str]
    ticks: dict[int, str]
    partly: dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BarDrawing:
    """``ghost`` is the sum of the lines a period before.

    Import is always above zero: a power has the sign that its reader chose, but energies are amounts, and here as in
    the table net is import minus export.
    """

    axis: Axis
    ghost: BarLine | None
    incomplete: NDArray[np.bool_]
    scheme: Scheme
    choice: str


def axis_of(pieces: Sequence[Piece], bucket: periods.Bucket, zone: ZoneInfo, measured: Sequence[float | None]) -> Axis:
    """The names of buckets, with how many percent of each were measured where that is not nearly all."""
    names = [name_of(piece, bucket, zone) for piece in pieces]
    partly = {
        place: numbered(_("%(bucket)s · {share} %% measured") % {"bucket": names[place]}, share=(share, 1))
        for place, share in enumerate(measured)
        if share is not None and share < WELL_MEASURED
    }
    told = [partly[place]["children"] if place in partly else name for place, name in enumerate(names)]
    return Axis(told, _ticks(pieces, bucket, zone), partly)


def name_of(piece: Piece, bucket: periods.Bucket, zone: ZoneInfo) -> str:
    """What a bucket is called, unique also where the clocks show an hour twice."""
    start, end = (periods.to_datetime(ms, zone) for ms in piece)
    if bucket == "hour":
        hours = _("%(day)s, %(start)s–%(end)s") % {
            "day": written(start, DAY),
            "start": written(start, CLOCK),
            "end": written(end, CLOCK),
        }
        is_doubled = start.utcoffset() != start.replace(fold=1 - start.fold).utcoffset()
        return f"{hours} {start.tzname()}" if is_doubled else hours
    return written(start, {"day": DAY, "month": MONTH, "year": YEAR}[bucket])


def _ticks(pieces: Sequence[Piece], bucket: periods.Bucket, zone: ZoneInfo) -> dict[int, str]:
    starts = [periods.to_datetime(start, zone) for start, _ in pieces]
    if bucket == "hour" and len(pieces) <= 50:
        return {
            place: written(start, CLOCK if start.hour else DAY_OF_MONTH)
            for place, start in enumerate(starts)
            if start.hour % 3 == 0 and not start.fold
        }
    if bucket == "hour":
        dates = [start.date() for start in starts]
        places = [place for place, day in enumerate(dates) if place == 0 or day != dates[place - 1]]
        form = str(DAY_OF_MONTH)
    else:
        places = list(range(len(pieces)))
        form = _tick_form(bucket, len(pieces))
    every = -(-len(places) // TICKS_AT_MOST)
    return {place: written(starts[place], form) for place in places[:: every or 1]}


def _tick_form(bucket: periods.Bucket, count: int) -> str:
    if bucket == "day":
        return str(DAY_OF_WEEK if count <= 8 else DAY_OF_MONTH)
    if bucket == "month":
        return str(MONTH_OF_YEAR if count <= 12 else SHORT_MONTH)
    return str(YEAR)


def bars_figure(lines: Sequence[BarLine], drawing: BarDrawing) -> Figure:
    """A bar per bucket and direction, stacked by port. Places on the axis are those of ``drawing.axis``.

    The browser writes the numbers in its names in its own locale (static/dashboard/energy.js).
    """
    data = [] if drawing.ghost is None else _ghosts(drawing.ghost, drawing)
    for line in lines:
        data += _bars(line, drawing)
    return {"data": data, "layout": _layout(drawing), "partly": list(drawing.axis.partly.items())}


def _bars(line: BarLine, drawing: BarDrawing) -> list[Figure]:
    scheme = drawing.scheme
    bars = []
    for direction in _DIRECTIONS:
        colour = IMPORT[scheme] if direction == "import" else EXPORT[scheme]
        is_own_colour = line.colour_number is None
        if line.colour_number is not None:
            colour = colour_of(line.colour_number, scheme)  # stands for both
        marker: Figure = {"color": colour, "line": {"width": 0}}
        if drawing.incomplete.any():
            marker["pattern"] = {"shape": ["/" if cut else "" for cut in drawing.incomplete.tolist()], "size": 6}
        name = escape(line.name, quote=False)
        bars.append({
            "type": "bar",
            "uid": f"{line.key}-{direction}",
            "name": str(_DIRECTION_NAMES[direction]) if is_own_colour else name,
            "legendgroup": f"{line.key}-{direction}" if is_own_colour else line.key,
            "showlegend": is_own_colour or direction == "import",
            "x0": _first(drawing),
            "dx": 1,
            "yaxis": "y" if drawing.ghost is None else "y2",
            "width": 0.66,
            "marker": marker,
            **_values(line, name, direction),
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
            "width": 0.92,
            "marker": {"color": faded(ink["zero"], 0.16), "line": {"width": 1, "color": faded(ink["zero"], 0.65)}},
            **_values(ghost, name, direction),
        }
        for direction in _DIRECTIONS
    ]


def _values(line: BarLine, name: str, direction: Direction) -> Figure:
    """Export is drawn below zero, and told as the amount that it is."""
    words = str(_HOVERS[direction])
    if direction == "import":
        told = words % {"name": name, "energy": "%{y:,.3~f}"}
        return {"y": packed(line.imported, "f4"), "hovertemplate": f"{told}<extra></extra>"}
    told = words % {"name": name, "energy": "%{customdata:,.3~f}"}
    return {
        "y": packed(-line.exported, "f4"),
        "customdata": packed(line.exported, "f4"),
        "hovertemplate": f"{told}<extra></extra>",
    }


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
            "title": {"text": _("kWh  (export below zero)"), "standoff": 8}, "automargin": True,
            "gridcolor": ink["grid"],
            "zeroline": True, "zerolinecolor": ink["zero"], "zerolinewidth": 1.5, "fixedrange": True,
        },
        "yaxis2": {
            "overlaying": "y", "matches": "y", "showgrid": False, "zeroline": False, "showticklabels": False,
            "fixedrange": True,
        },
    }  # fmt: skip
