"""What can be asked of one unit over HTTP, and what can be changed on it.

Nothing that would put a unit out of action is sent, and nothing is changed on a unit other than the one meant.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

import msgspec

from devices.ct6 import dangers
from devices.ct6.dangers import SETTINGS_FILE
from devices.ct6.errors import DestructiveValue, UnitAnsweredBadly, UnitRefused, WrongUnit
from devices.ct6.errors import gettext_noop as _
from devices.ct6.exchange import exchange
from devices.ct6.protocol import DEFAULT_ASSY
from devices.ct6.settings import refuse_destructive, refuse_unsafe_argument
from devices.ct6.torn_json import read_file_text, read_object

DEFAULT_HTTP_PORT = 80
TIMEOUT_S = 5.0
FILE_TIMEOUT_S = 30.0  # a unit takes seconds to write and hash a large file

__all__ = ["DEFAULT_HTTP_PORT", "SETTINGS_FILE", "UnitClient"]

# Everything that is ever asked of a unit. Not among them: reset_wifi_config, which only takes it off the network.
_COMMANDS = frozenset(
    {
        "get_stats", "get_config", "set_config", "fw_version", "get_uptime", "get_sys_stats", "save_factory_cfg",
        "init_atm90e32_devs", "reboot", "power_cycle", "reset_to_default_config", "get_file_list", "get_file",
        "rmfile", "mkdir", "rmdir", "get_active_app_folder", "get_inactive_app_folder", "erase_offline_app",
        "swap_active_app",
    }
)  # fmt: skip


class UnitClient:
    """One unit's web server, asked strictly one request at a time.

    With `assy` every call that changes something first makes sure that this unit still answers at the
    address, and raises WrongUnit otherwise. Every call may raise UnitUnreachable, UnitAnsweredBadly and
    UnitRefused; those that send values DestructiveValue, with nothing sent.
    """

    def __init__(
        self,
        address: str,
        port: int = DEFAULT_HTTP_PORT,
        *,
        assy: str | None = None,
        timeout_s: float = TIMEOUT_S,
        file_timeout_s: float = FILE_TIMEOUT_S,
    ) -> None:
        self.address = address
        self.port = port
        self.assy = assy
        self.timeout_s = timeout_s
        self.file_timeout_s = file_timeout_s
        self._unit = assy or address
        self._one_at_a_time = threading.Lock()
        self._active_folder = ""  # as last told; nobody else changes it while the unit is held alone

    # What it is and how it does

    def assy_label(self) -> str:
        """The label of the unit that answers at this address."""
        return self._text_in(self.config(), "ASSY")

    def check_identity(self) -> None:
        """Raise WrongUnit if another unit than `assy` answers here; without `assy` all are right."""
        if self.assy is not None:
            self.own_config()

    def stats(self) -> dict[str, object]:
        """The live values, with the keys of an answer."""
        return self._object_in("get_stats", self.stats_text())

    def stats_text(self) -> str:
        """The live values exactly as the unit wrote them."""
        return self._request("get_stats")

    def config(self) -> dict[str, object]:
        """Every setting, the WiFi password included: not for logs. Quotes in names come as apostrophes."""
        return self._ask("get_config")

    def own_config(self) -> dict[str, object]:
        """The same, of `assy` only. Raises WrongUnit for those of another unit."""
        held = self.config()
        label = self._text_in(held, "ASSY")
        if self.assy not in (None, label):
            raise self._another_unit(label)
        return held

    def firmware_version(self) -> str:
        return self._text_in(self._ask("fw_version"), "FIRMWARE_VERSION")

    def uptime_s(self) -> int:
        """Seconds since the unit started."""
        uptime_s = self._ask("get_uptime").get("UPTIME_SECONDS")
        if isinstance(uptime_s, bool) or not isinstance(uptime_s, int | float):
            raise self._without("UPTIME_SECONDS")
        return int(uptime_s)

    def system_stats(self) -> dict[str, object]:
        """Memory and flash: bytes used, free and total, and DISK_PERCENTAGE_USED."""
        return self._ask("get_sys_stats")

    # Settings

    def set_config(self, settings: Mapping[str, str]) -> dict[str, object]:
        """Store settings; the answer is what the unit accepted, numbers as it took them.

        Values go out exactly as given, so names must already be encoded.
        """
        try:
            refuse_destructive(settings)
        except DestructiveValue as refusal:
            raise refusal.for_unit(self._unit) from None
        self.check_identity()
        return self._ask("set_config", ",".join(f"{key}={value}" for key, value in settings.items()))

    def save_factory_config(self) -> None:
        """Keep calibration and label as they are now, through restarts and resets to defaults.

        Refused, as DestructiveValue, with gains or a line frequency that the unit would not start with.
        """
        dangers.refuse_calibration(self._unit, self.own_config())
        self._done("save_factory_cfg")

    def init_meter_chips(self) -> None:
        """Load gains and offsets from the settings into the meter chips; the unit is busy for half a second.

        Refused, as DestructiveValue, with those that the unit would hang at.
        """
        dangers.refuse_calibration(self._unit, self.own_config())
        self._done("init_atm90e32_devs")

    # Restarting

    def reboot(self) -> None:
        """Restart the unit; it is away for 5 to 60 s.

        Refused, as DestructiveValue, where it would not come back: without WiFi set-up or application, or with a
        setting that it crashes at.
        """
        self._restart("reboot")

    def power_cycle(self) -> None:
        """Make the unit cut its own supply for some seconds. Refused like a reboot."""
        self._restart("power_cycle")

    def reset_to_defaults(self, *, meant_for: str) -> None:
        """Set all settings back, the WiFi set-up included: with its next start the unit leaves the network.

        Sent only with the label of the unit that is meant, and only if /factory.cfg will give it back its label and
        calibration. Follow it by `restart_after_reset`.
        """
        self.check_identity()
        dangers.refuse_reset(self._unit, self.file_list(), assy=self.assy, meant_for=meant_for)
        self._done("reset_to_default_config")

    def restart_after_reset(self) -> None:
        """Restart the unit that was just reset to its defaults, which gives its label back and ends its WiFi."""
        held = self.config()
        label = self._text_in(held, "ASSY")
        if label != self.assy and not (label == DEFAULT_ASSY and dangers.wifi_is_gone(held)):
            raise self._another_unit(label)
        self._refuse_no_application()
        self._done("reboot")

    # Files and application folders

    def file_list(self) -> list[str]:
        """All paths on the unit; folders end in a slash."""
        text = self._request("get_file_list")
        try:
            return msgspec.json.decode(text, type=list[str])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self._object_in("get_file_list", text)  # a refusal is an object
            raise self._unreadable("get_file_list", text) from error

    def read_file(self, path: str) -> str:
        """The content of a text file."""
        self._refuse_argument("file", path)
        text = self._request("get_file", f"file={path}")
        content = read_file_text(text, path)
        if content is None:
            self._object_in("get_file", text)  # a refusal is one
            raise self._without(path)
        return content

    def remove_file(self, path: str) -> None:
        dangers.refuse_removal(self._unit, path)
        self._change_path("rmfile", "file", path)

    def make_folder(self, path: str) -> None:
        dangers.refuse_folder(self._unit, path)
        self._change_path("mkdir", "dir", path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        dangers.refuse_removal(self._unit, path)
        self._change_path("rmdir", "dir", path)

    def send_file(self, name: str, folder: str, data: bytes) -> None:
        """Write a file, which the unit hashes before it says yes. The folder's parents must exist.

        The unit creates the folder itself; on a time-out a part of the file may be left there. Refused, as
        DestructiveValue, for what it could not start with, in the active application folder, and code anywhere but in
        the other one.
        """
        path = f"{folder.rstrip('/')}/{name}"
        for argument in (name, folder):
            self._refuse_argument("file", argument)
        dangers.refuse_file(self._unit, path, data, assy=self.assy)
        self.check_identity()
        self._refuse_active_folder(path)
        head = f"FILE {name} {folder} {len(data)} {hashlib.sha256(data).hexdigest()} HTTP/1.1\n"
        text = self._exchange(head.encode("ascii") + data, self.file_timeout_s)
        if self._object_in("FILE", text).get("OK") is not True:
            raise self._without("OK")

    def active_folder(self) -> str:
        """The folder of the application that starts next: /app1 or /app2."""
        self._active_folder = self._text_in(self._ask("get_active_app_folder"), "ACTIVE_APP_FOLDER")
        return self._active_folder

    def inactive_folder(self) -> str:
        """The other application folder, which an upgrade fills."""
        return self._text_in(self._ask("get_inactive_app_folder"), "INACTIVE_APP_FOLDER")

    def erase_inactive_folder(self) -> None:
        """Remove the inactive application folder with all that is in it."""
        self._change("erase_offline_app")

    def swap_active_folder(self) -> str:
        """Make the other application start next, and give its folder.

        A folder without an application is refused, since the unit would not start again; whether what is in it can
        run is the caller's business.
        """
        self.check_identity()
        dangers.refuse_empty_folder(self._unit, self.inactive_folder(), self.file_list())
        self._active_folder = ""
        number = self._ask("swap_active_app").get("ACTIVE_APP_FOLDER")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._without("ACTIVE_APP_FOLDER")
        return f"/app{number:g}"

    # How a request is made

    def _change(self, command: str, arguments: str = "") -> None:
        self.check_identity()
        self._done(command, arguments)

    def _done(self, command: str, arguments: str = "") -> None:
        if not self._ask(command, arguments).keys() & {"OK", "INFO"}:
            raise self._without("OK")

    def _change_path(self, command: str, key: str, path: str) -> None:
        self._refuse_argument(key, path)
        self.check_identity()
        self._refuse_active_folder(path)
        self._done(command, f"{key}={path}")

    def _restart(self, command: str) -> None:
        dangers.refuse_start(self._unit, self.own_config())
        self._refuse_no_application()
        self._active_folder = ""
        self._done(command)

    def _another_unit(self, found: str) -> WrongUnit:
        template = _(
            "%(found)s answers at %(address)s instead; wait until the unit is found again. Nothing was changed."
        )
        return WrongUnit(self._unit, template, {"found": found, "address": self.address})

    def _refuse_no_application(self) -> None:
        try:
            folder, paths = self.active_folder(), self.file_list()
        except UnitRefused:  # firmware of old without two folders: there is nothing that could have been swapped
            return
        dangers.refuse_no_application(self._unit, folder, paths)

    def _refuse_active_folder(self, path: str) -> None:
        if dangers.is_of_an_application(path):
            dangers.refuse_active_folder(self._unit, path, self._active_folder or self.active_folder())

    def _ask(self, command: str, arguments: str = "") -> dict[str, object]:
        return self._object_in(command, self._request(command, arguments))

    def _request(self, command: str, arguments: str = "") -> str:
        dangers.refuse_command(self._unit, command, _COMMANDS)
        line = f"GET /{command}?{arguments}" if arguments else f"GET /{command}"
        request = f"{line} HTTP/1.1\r\nHost: {self.address}\r\n\r\n"
        return self._exchange(request.encode("ascii"), self.timeout_s)

    def _exchange(self, request: bytes, timeout_s: float) -> str:
        with self._one_at_a_time:
            return exchange(self._unit, (self.address, self.port), request, timeout_s=timeout_s)

    def _object_in(self, command: str, text: str) -> dict[str, object]:
        answer = read_object(text)
        if answer is None:
            raise self._unreadable(command, text)
        if "ERROR" in answer:
            reason = answer["ERROR"]
            template = (
                _("it refused %(command)s: %(reason)s") if reason else _("it refused %(command)s: no reason given")
            )
            raise UnitRefused(self._unit, template, {"command": command, "reason": str(reason)})
        return answer

    def _text_in(self, answer: dict[str, object], key: str) -> str:
        value = answer.get(key)
        if not isinstance(value, str):
            raise self._without(key)
        return value

    def _refuse_argument(self, key: str, value: str) -> None:
        try:
            refuse_unsafe_argument(key, value)
        except DestructiveValue as refusal:
            raise refusal.for_unit(self._unit) from None

    def _without(self, key: str) -> UnitAnsweredBadly:
        template = _("its answer has no usable %(key)s; its firmware may be too old.")
        return UnitAnsweredBadly(self._unit, template, {"key": key})

    def _unreadable(self, command: str, text: str) -> UnitAnsweredBadly:
        template = _("its answer to %(command)s is cut off or garbled (%(characters)d characters).")
        return UnitAnsweredBadly(self._unit, template, {"command": command, "characters": len(text)})
