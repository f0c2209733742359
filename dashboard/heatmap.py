"""Hour against day: at which hours of which days a port imported or exported. Pure: energies -> dict figure.

A column is a local day, a row an hour of its clocks. On the day on which clocks go forward one cell stays empty; where
they show an hour twice, its cell holds both, so that a column always adds up to its day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import dropwhile
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from numpy.typing import NDArray

from dashboard.figures import FONT, INK, Figure, Scheme, packed
from dashboard.palette import EXPORT, IMPORT
from readings import periods
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH

HOURS = 24


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Net kWh (import - export) by hour and day, NaN where nothing was measured; ``measured`` in percent."""

    first_day: date
    net_kwh: NDArray[np.float64]
    measured: NDArray[np.uint8]


def heat_map_of(energies: Sequence[PortEnergy], zone: ZoneInfo) -> HeatMap | None:
    """The map of a port's hours (``bucket="hour"``) from its first reading on; None where nothing was measured."""
    energies = list(dropwhile(_is_before_the_first_reading, energies))
    if not any(energy.covered_ms or energy.recovered_ms for energy in energies):
        return None
    starts = [periods.to_datetime(energy.start_ms, zone) for energy in energies]
    first_day = starts[0].date()
    days = (starts[-1].date() - first_day).days + 1
    net, measured_ms, length_ms = (np.zeros((HOURS, days), dtype=np.int64) for _ in range(3))
    for start, energy in zip(starts, energies, strict=True):
        cell = start.hour, (start.date() - first_day).days
        net[cell] += energy.net_energy
        measured_ms[cell] += energy.covered_ms + energy.recovered_ms
        length_ms[cell] += energy.end_ms - energy.start_ms
    is_measured = measured_ms > 0
    measured = np.where(is_measured, 100 * measured_ms // np.maximum(length_ms, 1), 0)
    return HeatMap(first_day, np.where(is_measured, net / ENERGY_PER_KWH, np.nan), measured.astype(np.uint8))


def _is_before_the_first_reading(energy: PortEnergy) -> bool:
    return not (energy.covered_ms or energy.recovered_ms or energy.missing_ms)


def heat_figure(heat: HeatMap, scheme: Scheme) -> Figure:
    """The hours from top to bottom, the days from left to right; import and export in their own colours."""
    ink = INK[scheme]
    values = heat.net_kwh
    most = float(np.nanmax(np.abs(values))) or 1.0
    shape = f"{values.shape[0]}, {values.shape[1]}"
    return {
        "data": [
            {
                "type": "heatmap",
                "x0": heat.first_day.isoformat(),
                "dx": 24 * periods.HOUR_MS,
                "y0": 0,
                "dy": 1,
                "z": {**packed(values, "f4"), "shape": shape},
                "customdata": {**packed(heat.measured, "u1"), "shape": shape},
                "zmin": -most,
                "zmax": most,
                "colorscale": [[0, EXPORT[scheme]], [0.5, ink["card"]], [1, IMPORT[scheme]]],
                "colorbar": {"title": {"text": "kWh"}, "thickness": 12, "outlinewidth": 0, "ticks": ""},
                "hoverongaps": False,
                "xgap": 1 if values.shape[1] <= 62 else 0,
                "ygap": 1 if values.shape[1] <= 62 else 0,
                "hovertemplate": f"{_hover()}<extra></extra>",
            }
        ],
        "layout": {
            "dragmode": False,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": ink["grid"],  # seen where nothing was measured; zero has the colour of the card
            "font": {"family": FONT, "size": 13, "color": ink["text"]},
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {"bgcolor": ink["card"], "bordercolor": ink["edge"], "font": {"color": ink["text"]}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["zero"], "activecolor": ink["text"]},
            "xaxis": {
                "type": "date", "automargin": True, "showgrid": False, "fixedrange": True, "ticklabelmode": "instant",
                "tickformatstops": [
                    {"dtickrange": [None, "M1"], "value": pgettext("d3 time format", "%-d %b")},
                    {"dtickrange": ["M1", None], "value": pgettext("d3 time format", "%b %Y")},
                ],
                **({"dtick": 24 * periods.HOUR_MS} if values.shape[1] <= 8 else {}),
            },
            "yaxis": {
                "automargin": True, "showgrid": False, "fixedrange": True, "autorange": "reversed",
                "tickvals": list(range(0, HOURS, 3)), "ticktext": [f"{hour:02}:00" for hour in range(0, HOURS, 3)],
                "zeroline": False,
            },
        },
    }  # fmt: skip


def _hover() -> str:
    day = pgettext("d3 time format", "%a %-d %b %Y")
    return _("%(day)s, %(hour)s<br>%(energy)s kWh, %(share)s %% measured") % {
        "day": f"%{{x|{day}}}",
        "hour": "%{y}:00",
        "energy": "%{z:,.3f}",
        "share": "%{customdata}",
    }
