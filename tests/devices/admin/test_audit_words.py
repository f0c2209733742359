"""Whatever is written into the audit log can be read there, in the reader's language."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from django.utils import translation

import devices
import readings
from devices import registration
from devices.admin import audit as shown
from devices.admin.audit import _ACTIONS
from devices.models import Job

RESTARTS = {str(kind) for kind in (Job.Kind.REBOOT, Job.Kind.POWER_CYCLE, Job.Kind.RESET)}


def test_every_action_that_is_noted_has_words() -> None:
    actions = actions_noted()
    assert {"adopt", "file_view", "move", "reboot", "replace", "undo", "upgrade_lost", "wish"} <= actions
    assert actions - _ACTIONS.keys() == set()
    assert _ACTIONS.keys() - actions == set(), "no longer noted"


def test_every_action_has_german_words() -> None:
    with translation.override("de"):
        assert [action for action, words in _ACTIONS.items() if str(words) == _english(words)] == []


def _english(words: object) -> str:
    with translation.override("en-gb"):
        return str(words)


def actions_noted() -> set[str]:
    """What stands in the sources where `audit.note` is called, or a function that hands its `action` on to it."""
    found: set[str] = set()
    for app in (devices, readings):
        for file in Path(app.__path__[0]).rglob("*.py"):
            if file != Path(shown.__file__):  # where they are read
                found |= _actions_in(ast.parse(file.read_text()))
    return found


def _actions_in(tree: ast.Module) -> set[str]:
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    takes = {name: at for name, node in functions.items() if (at := _place_of_action(node)) is not None}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [_action_given(call, takes) for call in calls]
    defaults = [default for name in takes for default in _defaults(functions[name])]
    return {text for node in (*given, *defaults) if node is not None for text in _texts(node)}


def _place_of_action(function: ast.FunctionDef) -> int | None:
    """Which of the arguments is the action, -1 if it is given by its name only."""
    names = [argument.arg for argument in function.args.args]
    if "action" in names:
        return names.index("action")
    return -1 if "action" in [argument.arg for argument in function.args.kwonlyargs] else None


def _defaults(function: ast.FunctionDef) -> list[ast.expr]:
    arguments = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return [default for argument, default in arguments if argument.arg == "action" and default is not None]


def _action_given(call: ast.Call, takes: Mapping[str, int]) -> ast.expr | None:
    called = ast.unparse(call.func)
    place = 1 if called == "audit.note" else takes.get(called)
    for keyword in call.keywords:
        if keyword.arg == "action" and called in (*takes, "wish"):
            return keyword.value
    return call.args[place] if place is not None and 0 <= place < len(call.args) else None


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    known = {"MOVED": {registration.MOVED}, "str(kind)": RESTARTS, "action": set()}
    return known[ast.unparse(node)]  # another one has to be added here
