"""The files on a unit: seen, fetched, sent and removed, never outside what the unit offers and never what it needs.

Every look and every change is in the audit log; the unit is held alone meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from devices import audit
from devices.audit import without_secrets
from devices.ct6 import dangers
from devices.ct6.client import UnitClient
from devices.ct6.dangers import FACTORY_FILE, SETTINGS_FILE
from devices.ct6.errors import DestructiveValue, UnitAnsweredBadly, UnitError, UnitRefused, UnitUnreachable
from devices.ct6.settings import refuse_unsafe_argument
from devices.holding import alone, client_of
from devices.models import Device
from devices.status import flash_total_bytes
from devices.wording import kept

MAX_PATH_CHARACTERS = 128
# What a unit needs for its own settings and its log; a full flash leaves half a file and an open connection behind.
SPARE_BYTES = 32 * 1024


class FileRefused(UnitError):
    """What was asked for is not done with files of a unit; nothing was changed."""


class UploadUnfinished(UnitError):
    """A file did not arrive whole; the message says what is on the unit now."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on a unit, by its path: `/` is the whole. Both are in order of their names."""

    path: str
    folders: tuple[Folder, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a unit has on its flash, and which parts of it are not changed by hand."""

    root: Folder
    active_folder: str
    paths: frozenset[str] = field(default_factory=frozenset)

    def is_protected(self, path: str) -> bool:
        """Whether the file or folder can neither be removed nor overwritten by hand."""
        try:
            _refuse_protected("", path, self.active_folder)
        except UnitError:
            return True
        return False


# --- Looking ----------------------------------------------------------------------------------------------------


def list_files(device: Device, *, who: Any, now: datetime) -> Listing:
    """Files and folders as a tree. Raises UnitError, as all of these do."""
    with _at_unit(device, who, "files_list", now) as unit:
        return _listing(unit.client)


def view(device: Device, path: str, *, who: Any, now: datetime) -> str:
    """The text of a file, with passwords hidden. Units offer text files only."""
    return _read(device, path, "file_view", who, now)


def download(device: Device, path: str, *, who: Any, now: datetime) -> bytes:
    """The same to be kept as a file, in UTF-8."""
    return _read(device, path, "file_download", who, now).encode()


# --- Changing ---------------------------------------------------------------------------------------------------


def upload(  # noqa: PLR0913 - what goes where, and who says so
    device: Device, folder: str, name: str, data: bytes, *, who: Any, now: datetime, replace: bool = False
) -> str:
    """Send a file into a folder that exists, and give its path. The unit checks its hash, and we that it is there.

    A file that is there already is overwritten only with `replace`. Raises UploadUnfinished if it did not arrive.
    """
    if "/" in name:
        raise FileRefused(
            device.assy, _("%(name)s is no name of a file: choose the folder apart. Nothing was changed."),
            {"name": name},
        )  # fmt: skip
    path = _clean(device.assy, posixpath.join(_clean(device.assy, folder), name))
    with _at_unit(device, who, "file_upload", now, path) as unit:
        listing = _listing(unit.client)
        _refuse_upload(unit, listing, path, data, replace=replace)
        _send(unit, path, data, is_there=path in listing.paths)
        unit.done(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), replaced=path in listing.paths)
    return path


def delete(device: Device, path: str, *, who: Any, now: datetime) -> None:
    """Remove a file."""
    path = _clean(device.assy, path)
    with _at_unit(device, who, "file_delete", now, path) as unit:
        listing = _listing(unit.client)
        _refuse_protected(device.assy, path, listing.active_folder)
        if path not in listing.paths:
            raise _not_there(device, path, listing)
        unit.client.remove_file(path)


def make_folder(device: Device, path: str, *, who: Any, now: datetime) -> str:
    """Make a folder in one that exists, and give its path."""
    path = _clean(device.assy, path)
    with _at_unit(device, who, "folder_make", now, path) as unit:
        listing = _listing(unit.client)
        _refuse_made(device.assy, path, listing.active_folder)
        dangers.refuse_folder(device.assy, path)
        if {path, f"{path}/"} & listing.paths:
            raise FileRefused(device.assy, _("%(path)s is there already. Nothing was changed."), {"path": path})
        _refuse_missing_folder(unit, listing, path)
        unit.client.make_folder(path)
    return path


def remove_folder(device: Device, path: str, *, who: Any, now: datetime) -> None:
    """Remove an empty folder."""
    path = _clean(device.assy, path)
    with _at_unit(device, who, "folder_remove", now, path) as unit:
        listing = _listing(unit.client)
        _refuse_protected(device.assy, path, listing.active_folder)
        if f"{path}/" not in listing.paths:
            raise _not_there(device, path, listing)
        if any(other.startswith(f"{path}/") and other != f"{path}/" for other in listing.paths):
            template = _("%(path)s is not empty; remove what is in it first. Nothing was changed.")
            raise FileRefused(device.assy, template, {"path": path})
        unit.client.remove_folder(path)


# --- At the unit ------------------------------------------------------------------------------------------------


class _AtUnit:
    """The unit while it is ours, and what will be told of this in the audit log."""

    def __init__(self, device: Device, client: UnitClient, path: str) -> None:
        self.device = device
        self.client = client
        self.told: dict[str, Any] = {"path": path} if path else {}

    def done(self, **what: Any) -> None:
        self.told |= what


@contextmanager
def _at_unit(device: Device, who: Any, action: str, now: datetime, path: str = "") -> Iterator[_AtUnit]:
    """Hold the unit alone, make sure of it, and note what was done or why not."""
    told: dict[str, Any] = {"path": path} if path else {}
    try:
        with alone(device, now):
            unit = _AtUnit(device, client_of(device), path)
            told = unit.told
            unit.client.check_identity()
            yield unit
    except UnitError as error:
        audit.note(who, action, device, after=told | {"failed": kept(error)})
        raise
    audit.note(who, action, device, after=told)


def _listing(client: UnitClient) -> Listing:
    active_folder = client.active_folder()
    paths = frozenset(client.file_list())
    return Listing(_tree("/", sorted(paths)), active_folder, paths)


def _tree(path: str, inside: list[str]) -> Folder:
    """The folder with all that is below it. `inside` are its paths, sorted, those of folders with a closing slash."""
    start = path if path == "/" else f"{path}/"
    files: list[str] = []
    below: dict[str, list[str]] = {}
    for one in inside:
        name, slash, rest = one.removeprefix(start).partition("/")
        if not slash:
            files.append(one)
        elif name:
            below.setdefault(name, []).extend([one] if rest else [])
    folders = tuple(_tree(f"{start}{name}", below[name]) for name in sorted(below))
    return Folder(path, folders, tuple(sorted(files)))


def _read(device: Device, path: str, action: str, who: Any, now: datetime) -> str:
    path = _clean(device.assy, path)
    with _at_unit(device, who, action, now, path) as unit:
        listing = _listing(unit.client)
        if path not in listing.paths:
            raise _not_there(device, path, listing)
        text = unit.client.read_file(path)
        return _without_passwords(device, text) if path == f"/{SETTINGS_FILE}" else text


def _without_passwords(device: Device, text: str) -> str:
    """The settings file as it may be shown. Raises FileRefused if it cannot be told what in it is a password."""
    try:
        settings = json.loads(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        template = _("The settings file holds the WiFi password and cannot be read part by part, so it is not shown.")
        raise FileRefused(device.assy, template)
    return json.dumps(without_secrets(settings), indent=1, ensure_ascii=False, sort_keys=True)


def _refuse_upload(unit: _AtUnit, listing: Listing, path: str, data: bytes, *, replace: bool) -> None:
    assy, size = unit.device.assy, len(data)
    _refuse_made(assy, path, listing.active_folder)
    dangers.refuse_file(assy, path, data, assy=assy)
    _refuse_missing_folder(unit, listing, path)
    if f"{path}/" in listing.paths or (path in listing.paths and not replace):
        template = _("%(path)s is there already; say that it is to be replaced. Nothing was changed.")
        raise FileRefused(assy, template, {"path": path})
    system = unit.client.system_stats()
    used = system.get("DISK_USED_BYTES")
    if not isinstance(used, int):
        return
    total = flash_total_bytes(used, system.get("DISK_PERCENTAGE_USED"))
    if total is not None and used + size + SPARE_BYTES > total:
        template = _(
            "%(path)s has %(bytes)d bytes, but only %(free)d are free, of which the unit needs %(spare)d itself. "
            "Nothing was changed."
        )
        free = {"free": total - used, "spare": SPARE_BYTES}
        raise FileRefused(assy, template, {"path": path, "bytes": size, **free})


def _send(unit: _AtUnit, path: str, data: bytes, *, is_there: bool) -> None:
    folder, _slash, name = path.rpartition("/")
    try:
        unit.client.send_file(name, folder or "/", data)
        if path not in unit.client.file_list():
            template = _("the unit said that it has stored %(path)s, but does not list it. Send it again.")
            raise UploadUnfinished(unit.device.assy, template, {"path": path})
    except (UnitUnreachable, UnitAnsweredBadly, UnitRefused) as error:
        raise _unfinished(unit, path, error, had_one=is_there) from error


def _unfinished(unit: _AtUnit, path: str, error: UnitError, *, had_one: bool) -> UploadUnfinished:
    """What is on the unit now: a part of a file is removed, if the unit still listens."""
    values = {"path": path, "reason": error.message}
    try:
        is_there = path in unit.client.file_list()
        if is_there:
            unit.client.remove_file(path)
    except UnitError:
        template = _(
            "%(path)s did not arrive whole (%(reason)s) A part of it may be on the unit. Look at its files once it "
            "answers again, and remove it or send it again."
        )
        return UploadUnfinished(unit.device.assy, template, values)
    if had_one:
        template = _(
            "%(path)s did not arrive whole (%(reason)s) Nothing of it is on the unit, and the file that was there "
            "before is gone too. Send it again."
        )
    else:
        template = _("%(path)s did not arrive whole (%(reason)s) Nothing of it is on the unit. Send it again.")
    return UploadUnfinished(unit.device.assy, template, values)


# --- What is refused --------------------------------------------------------------------------------------------


def _clean(assy: str, path: str) -> str:
    """The path from the root, without a closing slash. Raises FileRefused or DestructiveValue for one that a unit
    cannot take or that leads elsewhere.
    """
    parts = path.strip("/").split("/")
    if len(path) > MAX_PATH_CHARACTERS or (parts != [""] and any(part in ("", ".", "..") for part in parts)):
        template = _("%(path)s is no path on a unit: no “..”, no “.”, no empty name, at most %(most)d characters.")
        raise FileRefused(assy, template, {"path": path[: 2 * MAX_PATH_CHARACTERS], "most": MAX_PATH_CHARACTERS})
    try:
        refuse_unsafe_argument("file", path)
    except DestructiveValue as refusal:
        raise refusal.for_unit(assy) from None
    return "/" + "/".join(parts)


def _refuse_protected(assy: str, path: str, active_folder: str) -> None:
    if path == "/":
        raise FileRefused(assy, _("The root is neither made nor removed. Nothing was changed."))
    dangers.refuse_removal(assy, path)
    dangers.refuse_active_folder(assy, path, active_folder)


def _refuse_made(assy: str, path: str, active_folder: str) -> None:
    if path.lower() == f"/{FACTORY_FILE}":
        template = _(
            "%(path)s holds the unit's label and its calibration: no file or folder is put in its place. To change it, "
            "restore a copy of a factory configuration, which is checked and can be taken back. Nothing was sent."
        )
        raise DestructiveValue(path, template, {"path": path}, unit=assy)
    _refuse_protected(assy, path, active_folder)


def _refuse_missing_folder(unit: _AtUnit, listing: Listing, path: str) -> None:
    """A unit that is told to write where no folder is never answers again on that connection."""
    folder = path.rpartition("/")[0]
    if folder and f"{folder}/" not in listing.paths:
        template = _("There is no folder %(folder)s on the unit; make it first. Nothing was changed.")
        raise FileRefused(unit.device.assy, template, {"folder": folder})


def _not_there(device: Device, path: str, listing: Listing) -> FileRefused:
    if path == "/" or f"{path}/" in listing.paths:
        template = _("%(path)s is a folder, not a file. Nothing was changed.")
    elif path in listing.paths:
        template = _("%(path)s is a file, not a folder. Nothing was changed.")
    else:
        template = _("There is no %(path)s on the unit. Nothing was changed.")
    return FileRefused(device.assy, template, {"path": path})
