"""Every callback of the server that the application has registered, asked with any values that a browser could make up.

Walking what is registered covers callbacks that nobody has thought of in a test yet.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

import dashboard.urls  # noqa: F401  (it imports every module that registers one)
from dashboard.app import app
from tests.dashboard.asking import URL

ADDRESS = "url.search"


@dataclass(frozen=True)
class Callback:
    """A callback as the browser knows it: the name of its outputs, and the ids and properties that it is told."""

    output: str
    outputs: Any
    inputs: list[dict[str, str]]
    states: list[dict[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return self.output.strip(".").split("...")[0]

    @property
    def follows_the_address(self) -> bool:
        return any(_name(part) == ADDRESS for part in [*self.inputs, *self.states])

    def asked(self, client: Client, search: str, value: Any = None, *, wildcard: Any = 1, **headers: str) -> Any:
        """The raw answer: the address says ``search``, everything else ``value``, and every id that is made up by a
        pattern (``{"port": ALL}``) is ``wildcard``.
        """
        inputs = [_told(part, search, value, wildcard) for part in self.inputs]
        first = inputs[0][0] if isinstance(inputs[0], list) else inputs[0]
        body = {
            "output": self.output,
            "outputs": _outputs(self.outputs, wildcard),
            "inputs": inputs,
            "state": [_told(part, search, value, wildcard) for part in self.states],
            "changedPropIds": [f"{_plain(first['id'])}.{first['property']}"],
        }
        return client.post(URL, json.dumps(body), content_type="application/json", headers=headers)


def _found() -> list[Callback]:
    callbacks = app.as_dash_instance().callback_map.items()
    return [
        Callback(output, entry["output"], entry["inputs"], entry["state"])
        for output, entry in callbacks
        if "callback" in entry  # else the browser answers it itself
    ]


def _told(part: dict[str, str], search: str, value: Any, wildcard: Any) -> Any:
    said = search if _name(part) == ADDRESS else value
    told = {"id": _filled(part["id"], wildcard), "property": part["property"], "value": said}
    return [told] if part["id"].startswith("{") else told


def _outputs(outputs: Any, wildcard: Any) -> Any:
    if isinstance(outputs, list | tuple):
        return [_outputs(output, wildcard) for output in outputs]
    name = outputs.component_id_str()
    told = {"id": _filled(name, wildcard), "property": outputs.component_property}
    return [told] if name.startswith("{") else told


def _filled(identity: str, wildcard: Any) -> Any:
    if not identity.startswith("{"):
        return identity
    return {name: wildcard if isinstance(word, list) else word for name, word in json.loads(identity).items()}


def _plain(identity: Any) -> str:
    return identity if isinstance(identity, str) else json.dumps(identity, sort_keys=True, separators=(",", ":"))


def _name(part: dict[str, str]) -> str:
    return f"{part['id']}.{part['property']}"


EVERY_CALLBACK = _found()
