"""Callbacks asked as the page asks them: over HTTP, with what the browser would send."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client

URL = "/dpd/app/Dashboard/_dash-update-component"


@dataclass(frozen=True)
class Question:
    """A callback of the page: what it answers, and what it is told by the browser, as ``id.property``."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    states: tuple[str, ...] = ()


LOOK = Question(
    ("seen.data", "freshness.children", "tiles.frame", "tiles.now"),
    ("url.search", "look.data"),
    ("seen.data", "tiles.now"),
)
DRAW = Question(
    ("plot-drawn.data", "plot-note.children", "plot-told.data"),
    ("url.search", "plot-stamp.data", "scheme.data"),
    ("room.data",),
)
TELL = Question(("energy.content",), ("url.search", "stamp.data"))
PEAK = Question(("peak-told.data",), ("peak-asked.data",), ("url.search",))
SHOW = Question(
    (
        "tabs.children",
        "notices.children",
        "panel.hidden",
        "power-page.hidden",
        "energy-page.hidden",
        "defaults.data",
        "last-shown.data",
    ),
    ("url.search", "roll-call.data"),
    ("last-shown.data",),
)
QUESTIONS = {"look": LOOK, "draw": DRAW, "tell": TELL, "peak": PEAK, "show": SHOW}


def ask(
    client: Client, question: Question, values: dict[str, Any], *, changed: str = "url.search", **headers: str
) -> Any:
    """The raw answer to a callback; ``values`` by ``id.property``, what is left out is null."""
    several = len(question.outputs) > 1
    outputs = [dict(zip(("id", "property"), name.split("."), strict=True)) for name in question.outputs]
    body = {
        "output": f"..{'...'.join(question.outputs)}.." if several else question.outputs[0],
        "outputs": outputs if several else outputs[0],
        "inputs": [_told(name, values) for name in question.inputs],
        "state": [_told(name, values) for name in question.states],
        "changedPropIds": [changed],
    }
    return client.post(URL, json.dumps(body), content_type="application/json", headers=headers)


def answer(
    client: Client, question: Question, search: str = "", *, language: str = "en", **values: Any
) -> dict[str, Any]:
    """What a callback answers by ``id.property``."""
    response: HttpResponse = ask(client, question, {"url.search": search, **values}, **{"Accept-Language": language})
    assert response.status_code == 200, response.content
    found = json.loads(response.content)["response"]
    return {f"{name}.{prop}": value for name, props in found.items() for prop, value in props.items()}


def texts(element: Any) -> str:
    """All texts of an answered element, in order."""
    if isinstance(element, str):
        return element
    if isinstance(element, list):
        return " ".join(filter(None, map(texts, element)))
    if isinstance(element, dict):
        return texts(element.get("props", {}).get("children"))
    return ""


def find(element: Any, **props: Any) -> list[dict[str, Any]]:
    """The props of all elements inside that have these props."""
    if isinstance(element, list):
        return [found for part in element for found in find(part, **props)]
    if not isinstance(element, dict):
        return []
    own = element.get("props", {})
    here = [own] if all(own.get(name) == value for name, value in props.items()) else []
    return here + find(own.get("children"), **props)


def _told(name: str, values: dict[str, Any]) -> dict[str, Any]:
    identity, prop = name.split(".")
    return {"id": identity, "property": prop, "value": values.get(name)}
