"""Looking an application folder through: is it one that a unit can take, start and be reached with?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from django.utils.translation import gettext_noop as _

from devices.ct6.errors import DestructiveValue
from devices.ct6.settings import refuse_unsafe_argument
from devices.firmware.compiling import FLASH_BYTES, compiled, flash_bytes
from devices.firmware.refusal import ReleaseRefused

# Without one of these no unit starts, measures, or can be reached to be upgraded again.
NEEDED: Final = (
    "app.py",
    "cmd_handler.py",
    "constants.py",
    "project.py",
    "lib/base_cmd_handler.py",
    "lib/base_constants.py",
    "lib/base_machine.py",
    "lib/config.py",
    "lib/drivers/atm90e32.py",
    "lib/rest_server.py",
    "lib/wifi.py",
    "lib/ydev.py",
)
_CONSTANTS: Final = "constants.py"
_VERSION_NAME: Final = "FIRMWARE_VERSION"
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}", re.ASCII)
_MAX_DEPTH: Final = 5
_MAX_PATH: Final = 100
_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)


def application_in(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The application folder's files by their path below it, wherever the one such folder lies in the archive.

    What editors and systems leave behind (names with a leading dot, `__pycache__`, `__MACOSX`) is left out. Raises
    ReleaseRefused if there is no such folder, more than one, or something beside it.
    """
    kept = {path: data for path, data in files.items() if not _is_left_behind(path)}
    roots = sorted(
        str(PurePosixPath(path).parent)
        for path in kept
        if PurePosixPath(path).name == "app.py" and str(PurePosixPath(path).parent / _CONSTANTS) in kept
    )
    if not roots:
        template = _(
            "There is no application folder in the file: a folder with app.py and constants.py in it, such as app1. "
            "Pack that folder."
        )
        raise ReleaseRefused(template)
    if len(roots) > 1:
        template = _("There are several application folders in the file: %(folders)s. Pack one of them alone.")
        raise ReleaseRefused(template, {"folders": ", ".join(roots)})
    prefix = "" if roots[0] == "." else f"{roots[0]}/"
    for path in sorted(kept):
        if not path.startswith(prefix):
            template = _("%(path)s lies outside the application folder %(folder)s. Pack that folder alone.")
            raise ReleaseRefused(template, {"path": path, "folder": roots[0]})
    return {path.removeprefix(prefix): data for path, data in sorted(kept.items())}


def look_through(sources: Mapping[str, bytes]) -> str:
    """The version of an application that a unit can take; raises ReleaseRefused with what is wrong with it."""
    for path in sources:
        _check_name(path)
    for path in NEEDED:
        if path not in sources:
            template = _("%(path)s is missing: a unit does not work without it. Pack the whole application folder.")
            raise ReleaseRefused(template, {"path": path})
    needed_bytes = flash_bytes(compiled(sources))
    if needed_bytes > FLASH_BYTES // 2:
        template = _(
            "Compiled, the application takes %(bytes)d bytes of flash; at most half of it (%(most)d bytes) may be "
            "used, since the former application stays beside it. Leave out what the unit does not need."
        )
        raise ReleaseRefused(template, {"bytes": needed_bytes, "most": FLASH_BYTES // 2})
    for path, source in sources.items():
        if path.endswith(".py"):
            _check_imports(path, source, sources)
    return version_in(sources[_CONSTANTS])


def version_in(source: bytes) -> str:
    """The firmware version, as a text, that the source of constants.py tells without being run."""
    for node in ast.walk(_parsed(_CONSTANTS, source)):
        value = _assigned(node)
        if value is None:
            continue
        said = value.value if isinstance(value, ast.Constant) else None
        if isinstance(said, str) and _VERSION.fullmatch(said):
            return said
        template = _(
            '%(path)s, line %(line)d: FIRMWARE_VERSION must be a text of two numbers, such as "3.10", in quotes. '
            "Mend it and pack the folder again."
        )
        raise ReleaseRefused(template, {"path": _CONSTANTS, "line": value.lineno})
    template = _('%(path)s does not say FIRMWARE_VERSION = "3.10" or the like. Add it and pack the folder again.')
    raise ReleaseRefused(template, {"path": _CONSTANTS})


def _is_left_behind(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part.startswith(".") or part in {"__pycache__", "__MACOSX"} for part in parts)


def _check_name(path: str) -> None:
    """Refuse what a unit cannot store, import or be sent."""
    parts = PurePosixPath(path).parts
    if not all(_PLAIN_PART.fullmatch(part) for part in parts):
        template = _(
            "%(path)s: a unit takes only letters, digits, _, - and . in names of files and folders. Rename it."
        )
        raise ReleaseRefused(template, {"path": repr(path)})
    if len(parts) > _MAX_DEPTH or len(path) > _MAX_PATH:
        template = _("%(path)s is too long or too deep for a unit. Give it a shorter place.")
        raise ReleaseRefused(template, {"path": path})
    if path.endswith(".mpy"):
        template = _("%(path)s is compiled already, so it cannot be looked through. Pack the sources.")
        raise ReleaseRefused(template, {"path": path})
    if path.endswith(".py") and not PurePosixPath(path).stem.isidentifier():
        template = _("%(path)s: no module can have this name, since it could not be imported. Rename it.")
        raise ReleaseRefused(template, {"path": path})
    try:
        refuse_unsafe_argument("file", parts[-1])
    except DestructiveValue as refusal:
        raise ReleaseRefused(refusal.template, refusal.values) from refusal


def _check_imports(path: str, source: bytes, sources: Mapping[str, bytes]) -> None:
    """Refuse an import from lib, at a module's start, that the application does not hold: no unit would start."""
    for module, line in _imported(_parsed(path, source)):
        place = module.replace(".", "/")
        inside = any(other in (f"{place}.py", f"{place}/__init__.py") for other in sources)
        if not inside and not any(other.startswith(f"{place}/") for other in sources):
            template = _(
                "%(path)s, line %(line)d: %(module)s is imported and not there. Add it and pack the folder again."
            )
            raise ReleaseRefused(template, {"path": path, "line": line, "module": module})


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    # Not those further inside: they may be tried and done without.
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from ((name, node.lineno) for name in names if name.startswith("lib."))


def _assigned(node: ast.AST) -> ast.expr | None:
    """What the version is set to, if this is where it is set."""
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return None
    is_version = any(isinstance(target, ast.Name) and target.id == _VERSION_NAME for target in targets)
    return node.value if is_version else None


def _parsed(path: str, source: bytes) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        template = _("%(path)s, line %(line)d: %(reason)s. Mend it and pack the folder again.")
        raise ReleaseRefused(template, {"path": path, "line": error.lineno or 0, "reason": error.msg}) from error
    except (ValueError, RecursionError, MemoryError) as error:
        template = _("%(path)s cannot be read as Python: %(reason)s. Mend it and pack the folder again.")
        raise ReleaseRefused(template, {"path": path, "reason": str(error) or "nested too deeply"}) from error
