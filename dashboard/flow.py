"""The flow of energy through a home, as a picture (a Sankey diagram). Pure: a balance -> dict figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from dashboard.figures import FONT, INK, Figure, Scheme, colour_of
from dashboard.numbers import numbered
from dashboard.palette import colour_of_place, faded
from readings.balance import Balance
from readings.quantities import ENERGY_PER_KWH, ENERGY_PER_WH

TWICE_BEYOND = 1.02  # of what the home used: loads may add up to a little more, as each clamp has its error
LEAST_REST = 0.005


@dataclass(frozen=True, slots=True)
class Use:
    """What the load at a port used, in units of 0.1 mJ."""

    name: str
    number: int
    energy: int

    @property
    def key(self) -> str:
        return f"port-{self.number}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A stream of energy between two places, in units of 0.1 mJ: one of ours, or the key of a use, since ports may be
    called anything. ``place`` names its colour.
    """

    source: str
    target: str
    energy: int
    place: str


@dataclass(frozen=True, slots=True)
class _Node:
    key: str
    name: str
    colour: str


HOME, REST, SOLAR = "home", "rest", "solar"
GRID_IN, GRID_OUT = "grid_in", "grid_out"
BATTERY_OUT, BATTERY_IN = "battery_out", "battery_in"
_NAMES: Final = {
    GRID_IN: _("From the grid"),
    SOLAR: _("Solar"),
    BATTERY_OUT: _("From the battery"),
    HOME: pgettext_lazy("energy", "Home"),
    GRID_OUT: _("To the grid"),
    BATTERY_IN: _("Into the battery"),
    REST: _("Everything else"),
}
_COLOURED_AS: Final = {BATTERY_OUT: "battery", BATTERY_IN: "battery", REST: "home"}


def flows_to_draw(balance: Balance, uses: Sequence[Use]) -> list[Flow]:
    """The streams that carried at least a watt-hour: sources to home, battery and grid, home to its loads."""
    flows = balance.flows
    streams = [
        Flow(SOLAR, HOME, flows.solar_to_home, "solar"),
        Flow(SOLAR, BATTERY_IN, flows.solar_to_battery, "solar"),
        Flow(SOLAR, GRID_OUT, flows.solar_to_grid, "solar"),
        Flow(BATTERY_OUT, HOME, flows.battery_to_home, "battery"),
        Flow(BATTERY_OUT, GRID_OUT, flows.battery_to_grid, "battery"),
        Flow(GRID_IN, HOME, flows.grid_to_home, "grid_in"),
        Flow(GRID_IN, BATTERY_IN, flows.grid_to_battery, "grid_in"),
        *(Flow(HOME, use.key, use.energy, "home") for use in uses),
    ]
    home = balance.home or 0
    rest = home - sum(use.energy for use in uses)
    if uses and rest > LEAST_REST * home:
        streams.append(Flow(HOME, REST, rest, "home"))
    return [stream for stream in streams if stream.energy >= ENERGY_PER_WH]


def are_counted_twice(balance: Balance, uses: Sequence[Use]) -> bool:
    """Whether the loads use clearly more than the home does: one of them is then part of another."""
    return bool(balance.home) and sum(use.energy for use in uses) > TWICE_BEYOND * (balance.home or 0)


def flow_figure(streams: Sequence[Flow], uses: Sequence[Use], scheme: Scheme) -> Figure:
    """Bands as wide as their kWh, from the sources on the left to what used them on the right.

    ``energies`` are those of the nodes, for the browser to write them in its own locale (static/dashboard/energy.js).
    """
    nodes = _nodes(streams, uses, scheme)
    places = {node.key: place for place, node in enumerate(nodes)}
    names = {node.key: node.name for node in nodes}
    ink = INK[scheme]
    energies = [_energy(node, streams) for node in nodes]
    share = 0.36 if scheme == "light" else 0.3  # the names are read on top of it
    return {
        "data": [
            {
                "type": "sankey",
                "arrangement": "fixed",
                "valueformat": ",.2f",
                "valuesuffix": " kWh",
                "textfont": {"color": ink["strong"], "size": 13, "shadow": "none", "family": FONT},
                "node": {
                    "label": [
                        f"{node.name}<br>{energy['children']}" for node, energy in zip(nodes, energies, strict=True)
                    ],
                    "customdata": [node.name for node in nodes],
                    "color": [node.colour for node in nodes],
                    "pad": 32,
                    "thickness": 14,
                    "line": {"width": 0},
                    "hovertemplate": "%{label}<extra></extra>",
                },
                "link": {
                    "source": [places[stream.source] for stream in streams],
                    "target": [places[stream.target] for stream in streams],
                    "value": [stream.energy / ENERGY_PER_KWH for stream in streams],
                    "color": [faded(colour_of_place(stream.place, scheme), share) for stream in streams],
                    "hovertemplate": "%{customdata}<br>%{value}<extra></extra>",
                    "customdata": [f"{names[stream.source]} → {names[stream.target]}" for stream in streams],
                },
            }
        ],
        "energies": energies,
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": ink["text"]},
            "margin": {"l": 8, "r": 8, "t": 12, "b": 16},
            "hoverlabel": {"bgcolor": ink["card"], "bordercolor": ink["edge"], "font": {"color": ink["text"]}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["zero"], "activecolor": ink["text"]},
        },
    }


def _nodes(streams: Sequence[Flow], uses: Sequence[Use], scheme: Scheme) -> list[_Node]:
    nodes = [_Node(key, str(name), colour_of_place(_COLOURED_AS.get(key, key), scheme)) for key, name in _NAMES.items()]
    nodes += [_Node(use.key, escape(use.name, quote=False), colour_of(use.number, scheme)) for use in uses]
    drawn = {key for stream in streams for key in (stream.source, stream.target)}
    return [node for node in nodes if node.key in drawn]


def _energy(node: _Node, streams: Sequence[Flow]) -> dict[str, Any]:
    into = sum(stream.energy for stream in streams if stream.target == node.key)
    out = sum(stream.energy for stream in streams if stream.source == node.key)
    return numbered("{energy} kWh", energy=(max(into, out) / ENERGY_PER_KWH, 1))
