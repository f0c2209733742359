"""The colours of the energy view, for light and for dark; those of single ports are in ``figures``. Pure."""

from typing import Final

from dashboard.figures import Scheme, colour_of

# As in dashboard.css.
IMPORT: Final[dict[Scheme, str]] = {"light": "#a63a06", "dark": "#ffa06b"}
EXPORT: Final[dict[Scheme, str]] = {"light": "#0a4fb0", "dark": "#82bdff"}

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
