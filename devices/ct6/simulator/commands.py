"""The HTTP commands of a simulated unit, from the request line to the text of the answer.

The oddities are the real unit's: commands match by their beginning, arguments are separated by commas
and not decoded, errors come with status 200, and every ' of an answer becomes a ".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

from devices.ct6.simulator.flash import FlashError, absolute
from devices.ct6.simulator.micropython import json_text, repr_text, single
from devices.ct6.simulator.unit import SimulatedUnit

Arguments: TypeAlias = Mapping[str, str]

_OK: dict[str, object] = {"OK": True}
_RAM_TOTAL_BYTES = 216_064
_RAM_USED_BYTES = 178_496
_FILE_WORDS = 6


class Hangs(Exception):
    """The firmware raised in its handler: no answer, and the connection stays open."""


def answer_line(unit: SimulatedUnit, line: bytes) -> str:
    """Do what the request line says and return the body of the answer; raises Hangs."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Hangs("the request line is not UTF-8") from None
    words = text.split()
    if len(words) < 2 or words[0] != "GET":
        return json_text({"ERROR": "NO command found."})
    path, _, rest = words[1].partition("?")
    command = path.lower()
    arguments = _arguments(rest.split("?")[0])
    return _answer(unit, command, arguments).replace("'", '"')


def command_of(line: bytes) -> str:
    """The path that a request line asks for, or FILE, for choosing among faults."""
    words = line.decode("latin-1").split()
    return "FILE" if words[:1] == ["FILE"] else (words[1] if len(words) > 1 else "")


def file_request(line: bytes) -> tuple[str, str, int, str]:
    """Name, folder, length and hash of a FILE line; raises Hangs."""
    words = line.decode("latin-1").split()
    if len(words) != _FILE_WORDS or not words[3].isdigit():
        raise Hangs("a FILE line has six words")
    return words[1], words[2], int(words[3]), words[4]


def open_file(unit: SimulatedUnit, name: str, folder: str) -> str:
    """Make the last level of the folder and return the file's path; raises Hangs without a parent."""
    folder = absolute(folder)
    if folder != "/" and folder not in unit.flash.folders:
        try:
            unit.flash.make_folder(folder)
        except FlashError as error:
            raise Hangs(str(error)) from error
    return absolute(f"{folder}/{name}")


def write_file(unit: SimulatedUnit, path: str, content: bytes) -> None:
    """Store what came so far; raises Hangs when the flash is full."""
    try:
        unit.flash.write(path, content)
    except FlashError as error:
        raise Hangs(str(error)) from error


def close_file(unit: SimulatedUnit, path: str, sha256: str, *, damaged: bool = False) -> tuple[bool, str]:
    """Compare the hash: whether the file stays, and the answer's body."""
    if not damaged and hashlib.sha256(unit.flash.read(path)).hexdigest() == sha256:
        return True, json_text(_OK)
    unit.flash.remove(path)
    return False, json_text({"ERROR": f"{path} XFER ERROR (deleted)."})


def _arguments(text: str) -> dict[str, str]:
    """KEY=V,KEY=V with the keys in lower case; what holds no or a second = is dropped."""
    pairs = (part.split("=") for part in text.split(","))
    return {pair[0].lower(): pair[1] for pair in pairs if len(pair) == 2}


def _answer(unit: SimulatedUnit, command: str, arguments: Arguments) -> str:
    if command == "/":
        return json_text(unit.stats())
    for beginning, handle in _COMMANDS.items():
        if command.startswith(beginning):
            result = handle(unit, arguments)
            return result if isinstance(result, str) else json_text(result)
    return json_text({"ERROR": f"{command} is an invalid command."})


def _set_config(unit: SimulatedUnit, arguments: Arguments) -> object:
    accepted = unit.set({key.upper(): value for key, value in arguments.items()})
    return accepted or {"ERROR": "Config parameter unset"}


def _get_sys_stats(unit: SimulatedUnit, _: Arguments) -> object:
    return {
        "RAM_USED_BYTES": _RAM_USED_BYTES,
        "RAM_TOTAL_BYTES": _RAM_TOTAL_BYTES,
        "RAM_FREE_BYTES": _RAM_TOTAL_BYTES - _RAM_USED_BYTES,
        "DISK_USED_BYTES": unit.flash.used_bytes,
        "DISK_PERCENTAGE_USED": single(100.0 * unit.flash.used_bytes / unit.flash.total_bytes),
    }


def _get_file(unit: SimulatedUnit, arguments: Arguments) -> object:
    path = arguments.get("file")
    if path is None:
        return {"ERROR": "Unknown /get_file error"}
    try:
        return {path: unit.flash.read(path).decode(), **_OK}
    except FlashError as error:
        return {"ERROR": str(error)}
    except UnicodeDecodeError:
        return {"ERROR": ""}


def _rmfile(unit: SimulatedUnit, arguments: Arguments) -> object:
    return _on_path(unit.flash.remove, arguments, "file", "rmfile", "delete")


def _mkdir(unit: SimulatedUnit, arguments: Arguments) -> object:
    return _on_path(unit.flash.make_folder, arguments, "dir", "mkdir", "create")


def _rmdir(unit: SimulatedUnit, arguments: Arguments) -> object:
    return _on_path(unit.flash.remove_folder, arguments, "dir", "rmdir", "remove")


def _on_path(act: Callable[[str], None], arguments: Arguments, key: str, command: str, verb: str) -> object:
    path = arguments.get(key)
    if path is None:
        return {"ERROR": f"No {key} passed to /{command}"}
    try:
        act(path)
    except FlashError:
        return {"ERROR": f"Failed to {verb} {path}"}
    return _OK


def _erase_offline_app(unit: SimulatedUnit, _: Arguments) -> object:
    unit.flash.remove_tree(unit.inactive_folder())
    return _OK


def _reboot(unit: SimulatedUnit, _: Arguments) -> object:
    unit.reboot(unit.timing.reboot_delay_s)
    return {"INFO": "Reboot in progress..."}


def _power_cycle(unit: SimulatedUnit, _: Arguments) -> object:
    unit.reboot(unit.timing.power_cycle_delay_s)
    return {"OK": "POWER CYCLE IN PROGRESS"}


def _reset_to_default_config(unit: SimulatedUnit, _: Arguments) -> object:
    unit.reset_settings()
    return {"INFO": "The unit has been reset to the default configuration."}


def _reset_wifi_config(unit: SimulatedUnit, _: Arguments) -> object:
    unit.forget_wifi()
    return _OK


def _init_chips(unit: SimulatedUnit, _: Arguments) -> object:
    if not unit.load_chips():
        raise Hangs("the meter chips could not be loaded")
    return {"OK": "ATM90E32 init success."}


def _save_factory_cfg(unit: SimulatedUnit, _: Arguments) -> object:
    unit.save_factory_settings()
    return {"OK": "Saved factory config to factory.cfg"}


def _get_temperature(unit: SimulatedUnit, _: Arguments) -> object:
    return {"CT6_BOARD_TEMPERATURE": unit.stats()["BOARD_TEMPERATURE"], **_OK}


def _wifi_scan(unit: SimulatedUnit, _: Arguments) -> object:
    found = {"RSSI": -48.0, "HIDDEN": 1, "SSID": "Simulated", "CHANNEL": 6, "SECURITY": 5, "BSSID": "02011022033044055"}
    return {"WIFI_SCAN_RESULTS": [found]}


_COMMANDS: dict[str, Callable[[SimulatedUnit, Arguments], object]] = {
    "/get_stats": lambda unit, _: unit.stats(),
    "/get_config": lambda unit, _: repr_text(unit.settings),
    "/get_machine_config": lambda unit, _: repr_text(unit.settings),
    "/set_config": _set_config,
    "/fw_version": lambda unit, _: {"FIRMWARE_VERSION": unit.firmware_version},
    "/get_uptime": lambda unit, _: {"UPTIME_SECONDS": unit.uptime_s(), **_OK},
    "/get_sys_stats": _get_sys_stats,
    "/get_temperature": _get_temperature,
    # Before /get_file, whose beginning it shares.
    "/get_file_list": lambda unit, _: unit.flash.paths(),
    "/get_file": _get_file,
    "/rmfile": _rmfile,
    "/mkdir": _mkdir,
    "/rmdir": _rmdir,
    "/get_active_app_folder": lambda unit, _: {"ACTIVE_APP_FOLDER": unit.active_folder()},
    "/get_inactive_app_folder": lambda unit, _: {"INACTIVE_APP_FOLDER": unit.inactive_folder()},
    "/erase_offline_app": _erase_offline_app,
    "/swap_active_app": lambda unit, _: {"ACTIVE_APP_FOLDER": unit.swap_folders()},
    "/reboot": _reboot,
    "/power_cycle": _power_cycle,
    "/reset_to_default_config": _reset_to_default_config,
    "/reset_wifi_config": _reset_wifi_config,
    "/wifi_scan": _wifi_scan,
    "/init_atm90e32_devs": _init_chips,
    "/save_factory_cfg": _save_factory_cfg,
    "/set_wifi_led": lambda unit, _: _OK,
    "/set_bluetooth_led": lambda unit, _: _OK,
}
