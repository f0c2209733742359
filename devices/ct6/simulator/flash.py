"""The flash of a simulated unit: files and folders, with the room and the error texts of the real one."""

from __future__ import annotations

import errno
import re

_BLOCK_BYTES = 4096
_FOLDER_BLOCKS = 2
_TOTAL_BLOCKS = 212
# What the file system needs for itself, so that a new unit reports what a real new one does.
_OWN_BLOCKS = 15

# Bytecode of MicroPython 1.26: the letter M and format 6.
MPY_MAGIC = b"M\x06"

_APPLICATION = [
    "__init__",
    "app",
    "cmd_handler",
    "constants",
    "lib/__init__",
    "lib/base_cmd_handler",
    "lib/base_constants",
    "lib/base_machine",
    "lib/bluetooth",
    "lib/config",
    "lib/drivers/__init__",
    "lib/drivers/atm90e32",
    "lib/drivers/st7789",
    "lib/fs",
    "lib/hardware",
    "lib/io",
    "lib/rest_server",
    "lib/umqttsimple",
    "lib/uo",
    "lib/wifi",
    "lib/ydev",
    "mean_stats",
    "project",
    "vga2_bold_16x16",
]


class FlashError(Exception):
    """A file operation that the unit's own file system refuses; its text is the unit's."""

    def __init__(self, code: int) -> None:
        super().__init__(f"[Errno {code}] {errno.errorcode[code]}")


class Flash:
    """Paths are absolute; relative ones are taken from the root, as the unit does."""

    def __init__(self, firmware_version: str) -> None:
        self.files: dict[str, bytes] = {"/main.py": b"import app1.app\n", "/bootlog.txt": b""}
        self.folders = {"/app1", "/app1/lib", "/app1/lib/drivers", "/app2", "/app2/lib", "/app2/lib/drivers"}
        for module in _APPLICATION:
            said = firmware_version if module == "constants" else module
            self.files[f"/app1/{module}.mpy"] = MPY_MAGIC + b"\x00\x1f\x9c\xff" + said.encode() + bytes(2000)

    @property
    def total_bytes(self) -> int:
        """The size of the whole flash."""
        return _TOTAL_BLOCKS * _BLOCK_BYTES

    @property
    def used_bytes(self) -> int:
        """What is taken, in whole blocks."""
        blocks = sum(-(-len(content) // _BLOCK_BYTES) for content in self.files.values())
        return (_OWN_BLOCKS + blocks + _FOLDER_BLOCKS * len(self.folders)) * _BLOCK_BYTES

    def paths(self) -> list[str]:
        """Everything, sorted, folders with a closing slash."""
        return sorted([*self.files, *(f"{folder}/" for folder in self.folders)])

    def read(self, path: str) -> bytes:
        """The content; FlashError if there is no such file."""
        try:
            return self.files[absolute(path)]
        except KeyError:
            raise FlashError(errno.EISDIR if absolute(path) in self.folders else errno.ENOENT) from None

    def write(self, path: str, content: bytes) -> None:
        """Store the file whole, or what there is room for and then FlashError (ENOSPC)."""
        path = absolute(path)
        self._need_parent(path)
        self.files[path] = b""
        room = self.total_bytes - self.used_bytes
        self.files[path] = content[: max(room, 0)]
        if len(content) > room:
            raise FlashError(errno.ENOSPC)

    def make_folder(self, path: str) -> None:
        """Make the last level only; FlashError if it is there or its parent is not."""
        path = absolute(path)
        if path in self.folders or path in self.files:
            raise FlashError(errno.EEXIST)
        self._need_parent(path)
        self.folders.add(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; FlashError if it is not there or holds something."""
        path = absolute(path)
        if path not in self.folders:
            raise FlashError(errno.ENOENT)
        if any(other.startswith(f"{path}/") for other in (*self.files, *self.folders)):
            raise FlashError(errno.ENOTEMPTY)
        self.folders.remove(path)

    def remove(self, path: str) -> None:
        """Remove a file, or an empty folder: the unit's file system makes no difference."""
        path = absolute(path)
        if path in self.folders:
            self.remove_folder(path)
        elif self.files.pop(path, None) is None:
            raise FlashError(errno.ENOENT)

    def remove_tree(self, path: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        inside = f"{absolute(path)}/"
        self.files = {name: content for name, content in self.files.items() if not name.startswith(inside)}
        self.folders = {folder for folder in self.folders if not f"{folder}/".startswith(inside)}

    def application_starts(self, folder: str) -> bool:
        """Whether the unit can start what the folder holds: all of it bytecode that it knows."""
        inside = [c for name, c in self.files.items() if name.startswith(f"{folder}/") and name.endswith(".mpy")]
        return f"{folder}/app.mpy" in self.files and all(code.startswith(MPY_MAGIC) for code in inside)

    def application_version(self, folder: str) -> str:
        """The firmware version that the application was built with, or nothing."""
        found = re.search(rb"(?<![\d.])\d{1,3}\.\d{1,3}(?![\d.])", self.files.get(f"{folder}/constants.mpy", b""))
        return found[0].decode() if found else ""

    def _need_parent(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent and parent not in self.folders:
            raise FlashError(errno.ENOENT)


def absolute(path: str) -> str:
    """The path from the root, without a closing slash."""
    return "/" + path.strip("/")
