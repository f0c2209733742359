"""The colours of the energy view, for light and for dark; those of single ports are in ``figures``. Pure."""

from typing import Final

from dashboard.figures import Scheme, colour_of

# As in dashboard.css: what surrounds a figure, and import and export.
INK: Final[dict[Scheme, dict[str, str]]] = {
    "light": {
        "strong": "#1d242b",
        "text": "#3d4650",
        "grid": "#e4e8ec",
        "zero": "#8b959f",
        "card": "#ffffff",
        "edge": "#c5ccd3",
    },
    "dark": {
        "strong": "#e3e8ed",
        "text": "#c6ced6",
        "grid": "#2c343c",
        "zero": "#76818c",
        "card": "#1b2127",
        "edge": "#47525c",
    },
}
IMPORT: Final[dict[Scheme, str]] = {"light": "#a63a06", "dark": "#ffa06b"}
EXPORT: Final[dict[Scheme, str]] = {"light": "#0a4fb0", "dark": "#82bdff"}
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

_PLACES = {"solar": 5, "battery": 3, "home": 8}


def colour_of_place(place: str, scheme: Scheme) -> str:
    """The colour of ``grid_in``, ``grid_out``, ``solar``, ``battery`` or ``home``."""
    if place == "grid_in":
        return IMPORT[scheme]
    if place == "grid_out":
        return EXPORT[scheme]
    return colour_of(_PLACES[place], scheme)


def faded(colour: str, share: float) -> str:
    """A colour through which so much of the ground is seen: 0 is clear, 1 is solid."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"
