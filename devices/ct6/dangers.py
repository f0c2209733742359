"""What would put a unit out of action though every single value is right: files, folders and restarts.

A unit starts from its settings, from `/factory.cfg` and from its active application folder, and nobody can help it
over the network when one of them is wrong.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Collection, Mapping

from devices.ct6.errors import DestructiveValue
from devices.ct6.errors import gettext_noop as _
from devices.ct6.settings import refuse_destructive

SETTINGS_FILE = "this.machine.cfg"
FACTORY_FILE = "factory.cfg"
START_FILES = frozenset({SETTINGS_FILE, "main.py", "boot.py"})
DEFAULT_FOLDER = "/app1"  # what a unit starts that was reset to its defaults
APPLICATION_FOLDERS = (DEFAULT_FOLDER, "/app2")

_APPLICATION = re.compile(r"/app\d+(?:/|$)", re.ASCII)
_CODE = (".py", ".mpy")
_BYTECODE = b"M\x06"  # what the units' MicroPython starts: the letter M and format 6
_SHORTEST_BYTECODE_BYTES = 16  # an empty module whose name has one letter
_MOST_INTEGER_BITS = 31  # its fourth byte; a unit takes no code for a machine with larger numbers
# A unit looks for a module in the root of its flash before it looks for those that are built in or its own, and takes
# a folder for one as well.
_MODULES = frozenset(
    {
        "_thread", "aioble", "app", "array", "asyncio", "binascii", "bluetooth", "cmd_handler", "collections",
        "constants", "cryptolib", "deflate", "dht", "ds18x20", "errno", "framebuf", "gc", "hashlib", "heapq", "io",
        "json", "lib", "lwip", "machine", "math", "mean_stats", "micropython", "mip", "neopixel", "network", "ntptime",
        "onewire", "os", "platform", "project", "random", "re", "requests", "rp2", "select", "socket", "ssl", "struct",
        "sys", "time", "tls", "uasyncio", "uctypes", "urequests", "vga2_bold_16x16", "webrepl", "websocket",
    }
)  # fmt: skip
_GAIN = re.compile(r"C[ST]\d+_(?:VOLTAGE_|I)GAIN", re.ASCII)
_OFFSET = re.compile(r"CT\d+_IOFFSET", re.ASCII)
_MUST_BE_NUMBERS = ("MQTT_SERVER_PORT", "PF_WATTS_THRESHOLD", "ZERO_POWER_GATE_WATTS")

_START_FILE = _(
    "%(path)s must not be replaced or removed: the unit could not start without it, or would lose its WiFi set-up. "
    "Nothing was sent."
)
_FACTORY_REMOVED = _(
    "%(path)s must not be removed: the unit would lose its label and its calibration at the next reset to defaults. "
    "Nothing was sent."
)
_BROKEN_BYTECODE = _(
    "%(path)s is no bytecode that a unit can run (it needs mpy-cross of format 6): a unit that starts with it never "
    "comes back. Nothing was sent."
)
_CODE_ELSEWHERE = _(
    "%(path)s is code outside the application folders: a unit that looks for a module of that name would find it "
    "first, and could fail to start. Code goes into the folder of the application that is not in use. Nothing was sent."
)
_FOLDER_LIKE_A_MODULE = _(
    "%(path)s has the name of a module: a unit would take the folder for it, and could fail to start. Choose another "
    "name. Nothing was sent."
)
_ACTIVE_FOLDER = _(
    "%(path)s belongs to the application that the unit runs: half of one and half of another does not start. Upgrade "
    "the firmware instead, which fills the other folder. Nothing was sent."
)
_NO_APPLICATION = _(
    "%(folder)s holds no application, and a unit that starts with it never comes back. Fill it first. Nothing was sent."
)
_EMPTY_FOLDER = _(
    "%(folder)s is empty and cannot be made active: the unit would find no application at its next start and never "
    "come back. Nothing was sent."
)
_NO_WIFI = _(
    "Its WiFi set-up is gone: it would leave the network at the restart, until somebody sets it up again over "
    "Bluetooth. Nothing was sent."
)
_NO_NUMBER = _(
    "Its %(key)s is %(value)s, which is no number: it would restart for ever. Set that right first. Nothing was sent."
)
_BAD_CALIBRATION = _(
    "Its %(key)s is %(value)s, with which the meter chips cannot be loaded: the unit would hang, at every start if "
    "that is kept. Set that right first. Nothing was sent."
)
_FACTORY_UNREADABLE = _(
    "That is no factory configuration: it must be an object of label, line frequency, gains and offsets, in JSON. The "
    "unit would not know itself again. Nothing was sent."
)
_FACTORY_OF_ANOTHER = _(
    "That factory configuration is of %(found)s: the unit would take its label and its calibration. Nothing was sent."
)
_RESET_UNMEANT = _(
    "A reset to defaults takes the unit off the network, until somebody sets up its WiFi again over Bluetooth; it is "
    "sent only if that is meant, with the unit's label. Nothing was sent."
)
_RESET_LOSES_LABEL = _(
    "%(path)s is missing, so a reset to defaults would take the unit's label and its calibration for good. Save its "
    "factory configuration first. Nothing was sent."
)
_NOT_SENT = _("%(command)s is no command that is ever sent to a unit.")


def refuse_command(unit: str, command: str, known: Collection[str]) -> None:
    """Raise for a command that is none of ours, such as `reset_wifi_config`; the unit matches by beginnings."""
    if command not in known:
        raise DestructiveValue(command, _NOT_SENT, {"command": command}, unit=unit)


def refuse_removal(unit: str, path: str) -> None:
    """Raise for a file that a unit cannot do without; also for a folder, since a unit removes both alike."""
    name = _from_root(path).lower()
    if name in START_FILES:
        raise DestructiveValue(path, _START_FILE, {"path": path}, unit=unit)
    if name == FACTORY_FILE:
        raise DestructiveValue(path, _FACTORY_REMOVED, {"path": path}, unit=unit)


def refuse_file(unit: str, path: str, data: bytes, *, assy: str | None) -> None:
    """Raise for a file that a unit could not start with. `assy` is the label of the unit that it is meant for."""
    name = _from_root(path).lower()
    if name in START_FILES:
        raise DestructiveValue(path, _START_FILE, {"path": path}, unit=unit)
    if name == FACTORY_FILE:
        _refuse_factory_file(unit, path, data, assy)
    if name.endswith(_CODE) and not _lies_in_an_application(name):
        raise DestructiveValue(path, _CODE_ELSEWHERE, {"path": path}, unit=unit)
    if name.endswith(".mpy") and not _is_bytecode(data):
        raise DestructiveValue(path, _BROKEN_BYTECODE, {"path": path}, unit=unit)
    _refuse_like_a_module(unit, posixpath.dirname(name))


def refuse_folder(unit: str, path: str) -> None:
    """Raise for a folder that must not be made: in place of a file that a unit needs, or of a module."""
    refuse_removal(unit, path)
    _refuse_like_a_module(unit, path)


def is_of_an_application(path: str) -> bool:
    """Whether the path is an application folder or lies in one."""
    return bool(_APPLICATION.match(f"/{_from_root(path)}"))


def refuse_active_folder(unit: str, path: str, active_folder: str) -> None:
    """Raise if the path is, or lies in, the folder that the unit starts."""
    inside = f"/{_from_root(path)}/"
    if inside.startswith(f"{active_folder.rstrip('/')}/"):
        raise DestructiveValue(path, _ACTIVE_FOLDER, {"path": path}, unit=unit)


def refuse_empty_folder(unit: str, folder: str, paths: Collection[str]) -> None:
    """Raise if the folder cannot be made active. `paths` is the unit's whole file list."""
    if not any(path.startswith(f"{folder}/") and not path.endswith("/") for path in paths):
        raise DestructiveValue(folder, _EMPTY_FOLDER, {"folder": folder}, unit=unit)
    refuse_no_application(unit, folder, paths)


def refuse_no_application(unit: str, folder: str, paths: Collection[str]) -> None:
    """Raise if a unit that starts with this folder finds no application. `paths` is its whole file list."""
    if not {f"{folder}/app.mpy", f"{folder}/app.py"} & set(paths):
        raise DestructiveValue(folder, _NO_APPLICATION, {"folder": folder}, unit=unit)


def refuse_start(unit: str, held: Mapping[str, object]) -> None:
    """Raise if the unit would not come back from a restart with the settings that it holds.

    Gains and line frequency do not count here: `/factory.cfg` overrides them at every start.
    """
    if wifi_is_gone(held):
        raise DestructiveValue("WIFI", _NO_WIFI, unit=unit)
    for key in _MUST_BE_NUMBERS:
        if key in held and not _is_number(held[key]):
            raise DestructiveValue(key, _NO_NUMBER, {"key": key, "value": repr(held[key])}, unit=unit)


def refuse_calibration(unit: str, held: Mapping[str, object]) -> None:
    """Raise if the meter chips cannot be loaded with the settings that the unit holds."""
    for key, value in held.items():
        right = not (_GAIN.fullmatch(key) or _OFFSET.fullmatch(key)) or _is_number(value)
        if (_GAIN.fullmatch(key) and value == 0) or (key == "LINE_FREQ_HZ" and value not in (50, 60)) or not right:
            raise DestructiveValue(key, _BAD_CALIBRATION, {"key": key, "value": repr(value)}, unit=unit)


def refuse_reset(unit: str, paths: Collection[str], *, assy: str | None, meant_for: str) -> None:
    """Raise unless a reset to defaults of just this unit is meant, and leaves it its label and an application."""
    if assy is None or meant_for != assy:
        raise DestructiveValue("reset_to_default_config", _RESET_UNMEANT, unit=unit)
    if f"/{FACTORY_FILE}" not in paths:
        raise DestructiveValue(FACTORY_FILE, _RESET_LOSES_LABEL, {"path": f"/{FACTORY_FILE}"}, unit=unit)
    refuse_no_application(unit, DEFAULT_FOLDER, paths)


def wifi_is_gone(held: Mapping[str, object]) -> bool:
    """Whether the settings name no network to join."""
    wifi = held.get("WIFI")
    return isinstance(wifi, Mapping) and not wifi.get("SSID")


def _lies_in_an_application(name: str) -> bool:
    return f"/{name}".startswith(tuple(f"{folder}/" for folder in APPLICATION_FOLDERS))


def _is_bytecode(data: bytes) -> bool:
    is_whole = len(data) >= _SHORTEST_BYTECODE_BYTES  # the unit's own hash cannot tell what was cut off before
    return is_whole and data.startswith(_BYTECODE) and data[3] <= _MOST_INTEGER_BITS


def _refuse_like_a_module(unit: str, folder: str) -> None:
    """Within an application folder the names are the application's own."""
    if _from_root(folder).partition("/")[0].lower() in _MODULES:
        raise DestructiveValue(folder, _FOLDER_LIKE_A_MODULE, {"path": f"/{_from_root(folder)}"}, unit=unit)


def _refuse_factory_file(unit: str, path: str, data: bytes, assy: str | None) -> None:
    try:
        settings = json.loads(data)
    except ValueError:
        settings = None
    if not isinstance(settings, dict) or not isinstance(settings.get("ASSY"), str):
        raise DestructiveValue(path, _FACTORY_UNREADABLE, unit=unit)
    found = settings.pop("ASSY")
    if found != assy:
        raise DestructiveValue(path, _FACTORY_OF_ANOTHER, {"found": found}, unit=unit)
    try:
        refuse_destructive({key: _as_sent(value) for key, value in settings.items()})
    except DestructiveValue as refusal:
        raise refusal.for_unit(unit) from None


def _as_sent(value: object) -> str:
    return f"{value:.9g}" if _is_number(value) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _from_root(path: str) -> str:
    """The path as the unit's file system sees it, from the root and without a leading slash."""
    return posixpath.normpath(f"/{path}").strip("/")
