"""What can be asked of one unit over HTTP, and what can be changed on it.

Nothing that would put a unit out of action is sent, and nothing is changed on a unit other than the one meant.
"""

from __future__ import annotations

import hashlib
import posixpath
import threading
from collections.abc import Mapping

import msgspec

from devices.ct6.errors import DestructiveValue, UnitAnsweredBadly, UnitRefused, WrongUnit
from devices.ct6.exchange import exchange
from devices.ct6.settings import refuse_destructive, refuse_unsafe_argument
from devices.ct6.torn_json import read_file_text, read_object

DEFAULT_HTTP_PORT = 80
TIMEOUT_S = 5.0
FILE_TIMEOUT_S = 30.0  # a unit takes seconds to write and hash a large file

SETTINGS_FILE = "this.machine.cfg"
_START_FILES = frozenset({SETTINGS_FILE, "main.py", "boot.py"})


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

    # What it is and how it does

    def assy_label(self) -> str:
        """The label of the unit that answers at this address."""
        return self._text_in(self.config(), "ASSY")

    def check_identity(self) -> None:
        """Raise WrongUnit if another unit than `assy` answers here; without `assy` all are right."""
        if self.assy is None:
            return
        found = self.assy_label()
        if found != self.assy:
            message = (
                f"{found} answers at {self.address} instead; wait until the unit is found again. Nothing was changed."
            )
            raise WrongUnit(self._unit, message)

    def stats(self) -> dict[str, object]:
        """The live values, with the keys of an answer."""
        return self._ask("get_stats")

    def config(self) -> dict[str, object]:
        """Every setting, the WiFi password included: not for logs. Quotes in names come as apostrophes."""
        return self._ask("get_config")

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
        """Keep calibration and label as they are now, through restarts and resets to defaults."""
        self._change("save_factory_cfg")

    def init_meter_chips(self) -> None:
        """Load gains and offsets from the settings into the meter chips; the unit is busy for half a second."""
        self._change("init_atm90e32_devs")

    # Restarting

    def reboot(self) -> None:
        """Restart the unit; it is away for 5 to 60 s."""
        self._change("reboot")

    def power_cycle(self) -> None:
        """Make the unit cut its own supply for some seconds."""
        self._change("power_cycle")

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
        self._refuse_start_file(path)
        self._change_path("rmfile", "file", path)

    def make_folder(self, path: str) -> None:
        self._change_path("mkdir", "dir", path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        self._change_path("rmdir", "dir", path)

    def send_file(self, name: str, folder: str, data: bytes) -> None:
        """Write a file, which the unit hashes before it says yes. The folder's parents must exist.

        The unit creates the folder itself; on a time-out a part of the file may be left there.
        """
        path = f"{folder.rstrip('/')}/{name}"
        self._refuse_start_file(path)
        for argument in (name, folder):
            self._refuse_argument("file", argument)
        self.check_identity()
        head = f"FILE {name} {folder} {len(data)} {hashlib.sha256(data).hexdigest()} HTTP/1.1\n"
        text = self._exchange(head.encode("ascii") + data, self.file_timeout_s)
        if self._object_in("FILE", text).get("OK") is not True:
            raise self._without("OK")

    def active_folder(self) -> str:
        """The folder of the application that starts next: /app1 or /app2."""
        return self._text_in(self._ask("get_active_app_folder"), "ACTIVE_APP_FOLDER")

    def inactive_folder(self) -> str:
        """The other application folder, which an upgrade fills."""
        return self._text_in(self._ask("get_inactive_app_folder"), "INACTIVE_APP_FOLDER")

    def erase_inactive_folder(self) -> None:
        """Remove the inactive application folder with all that is in it."""
        self._change("erase_offline_app")

    def swap_active_folder(self) -> str:
        """Make the other application start next, and give its folder.

        An empty folder is refused, since the unit would not start again; whether what is in it can run is
        the caller's business.
        """
        self.check_identity()
        folder = self.inactive_folder()
        if not any(path.startswith(f"{folder}/") and not path.endswith("/") for path in self.file_list()):
            reason = "the unit would find no application at its next start and never come back."
            raise DestructiveValue(folder, "is empty and cannot be made active", reason, unit=self._unit)
        number = self._ask("swap_active_app").get("ACTIVE_APP_FOLDER")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._without("ACTIVE_APP_FOLDER")
        return f"/app{number:g}"

    # How a request is made

    def _change(self, command: str, arguments: str = "") -> None:
        self.check_identity()
        answer = self._ask(command, arguments)
        if not answer.keys() & {"OK", "INFO"}:
            raise self._without("OK")

    def _change_path(self, command: str, key: str, path: str) -> None:
        self._refuse_argument(key, path)
        self._change(command, f"{key}={path}")

    def _ask(self, command: str, arguments: str = "") -> dict[str, object]:
        return self._object_in(command, self._request(command, arguments))

    def _request(self, command: str, arguments: str = "") -> str:
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
            raise UnitRefused(self._unit, f"it refused {command}: {answer['ERROR'] or 'no reason given'}")
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

    def _refuse_start_file(self, path: str) -> None:
        if posixpath.normpath(f"/{path}").strip("/") in _START_FILES:
            reason = "the unit could not start without it, or would lose its WiFi set-up."
            raise DestructiveValue(path, "must not be replaced or removed", reason, unit=self._unit)

    def _without(self, key: str) -> UnitAnsweredBadly:
        return UnitAnsweredBadly(self._unit, f"its answer has no usable {key}; its firmware may be too old.")

    def _unreadable(self, command: str, text: str) -> UnitAnsweredBadly:
        return UnitAnsweredBadly(self._unit, f"its answer to {command} is cut off or garbled ({len(text)} characters).")
