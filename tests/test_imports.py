"""Imports go one way: dashboard -> readings -> devices -> devices.ct6 -> the standard library and its own packages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["devices.ct6", "devices", "readings", "dashboard", "ct6site"]
EDGES = {"admin", "api", "tasks", "views", "commands", "callbacks"}
PURE = [
    "ct6site/operations/alerting.py",
    "readings/marking.py",
    "readings/periods.py",
    "readings/quantities.py",
    "readings/collect/losses.py",
    "readings/collect/windows.py",
    "readings/importing/layout.py",
    "readings/importing/placing.py",
    "readings/importing/wall_time.py",
    "readings/collect/ways.py",
    "dashboard/figures.py",
]
NETWORK = {"socket", "http.client", "urllib.request", "requests", "httpx", "asyncio.streams"}


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def imports_of(path: Path) -> Iterator[str]:
    """The full names of what a module imports; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def layer_of(name: str) -> str | None:
    return next((layer for layer in LAYERS if name == layer or name.startswith(layer + ".")), None)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


ALL = [path for app in ("devices", "readings", "dashboard", "ct6site") for path in modules(app)]


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_no_module_imports_from_a_layer_above_its_own(path: Path) -> None:
    own = LAYERS.index(layer_of(name_of(path)) or "")
    wrong = [name for name in imports_of(path) if (layer := layer_of(name)) and LAYERS.index(layer) > own]
    assert wrong == []


@pytest.mark.parametrize("path", modules("devices/ct6"), ids=name_of)
def test_the_wire_knows_nothing_of_django(path: Path) -> None:
    assert [name for name in imports_of(path) if name.split(".")[0] in ("django", "rest_framework", "celery")] == []


@pytest.mark.parametrize("path", modules("devices/ct6"), ids=name_of)
def test_the_wire_imports_nothing_else_of_its_app(path: Path) -> None:
    assert [name for name in imports_of(path) if layer_of(name) not in (None, "devices.ct6")] == []


@pytest.mark.parametrize("path", [path for path in ALL if layer_of(name_of(path)) in LAYERS[1:4]], ids=name_of)
def test_only_the_wire_opens_sockets(path: Path) -> None:
    assert [name for name in imports_of(path) if any(name.startswith(module) for module in NETWORK)] == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_have_no_django_and_no_clock(name: str) -> None:
    path = ROOT / name
    source = path.read_text(encoding="utf-8")
    assert [found for found in imports_of(path) if found.split(".")[0] == "django"] == []
    assert not any(clock in source for clock in ("time.time", ".now(", ".utcnow(", ".today("))


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_an_edge_is_called_by_no_other_module(path: Path) -> None:
    """Routers and URL tables name the edges; everything else calls verbs."""
    if path.stem in ("urls", "apps") or name_of(path) == "ct6site.api":
        return
    own_package = name_of(path).rsplit(".", 1)[0]
    wrong = [
        name
        for name in imports_of(path)
        if layer_of(name) and EDGES & set(name.split(".")) and not name.startswith(own_package + ".")
    ]
    assert wrong == []


def test_modules_stay_under_400_lines() -> None:
    assert [name_of(path) for path in ALL if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []
