"""Elements that the browser draws without Dash's part in each of them (static/dashboard/plain.js).

Dash has every element of its own look whether it has to follow, at every change of anything on the page. A strip of
tiles and a table are a hundred and fifty elements that follow nothing: as content of one element they cost nothing.
"""

from typing import Any

from dash.development.base_component import Component


class _Own(Component):
    """A component of static/dashboard: all that it has are these properties."""

    _namespace = "ct6_components"
    _children_props: list[str] = []
    _base_nodes: list[str] = []
    _prop_names: list[str]

    def __init__(self, **props: Any) -> None:
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        self._valid_wildcard_attributes: list[str] = []
        super().__init__(**props)  # type: ignore[no-untyped-call]  # the package has no types


class Plain(_Own):
    """Shows ``content``: elements of ``dash.html`` without callbacks, their numbers (``numbers.numbered``) written in
    the browser's own locale. Its place is there for as long as the page; only what is in it changes."""

    _type = "Plain"
    _prop_names = ["id", "content", "className"]

    def __init__(self, id: str, className: str = "") -> None:  # noqa: A002, N803  (as Dash has them)
        super().__init__(id=id, content=None, className=className)


class Tiles(_Own):
    """Shows ``frame``, the tiles of a device, with what ``now`` says in them (static/dashboard/tiles.js); ``search`` is
    the address, which says whether a tile is pressed."""

    _type = "Tiles"
    _prop_names = ["id", "frame", "now", "search"]

    def __init__(self, id: str) -> None:  # noqa: A002  (as Dash has it)
        super().__init__(id=id, frame=None, now=None, search="")


def named(**words: Any) -> dict[str, Any]:
    """Attributes by which the browser finds an element, e.g. ``named(port=3)``."""
    return {f"data-{name}": word for name, word in words.items()}
