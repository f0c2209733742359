"""Filling a unit's inactive application folder: erasing it, its folders, its files one by one, and looking at it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from django.utils.translation import gettext_noop as _

from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError, UnitRefused, WrongUnit
from devices.firmware.compiling import flash_bytes, folders_of
from devices.firmware.preflight import UpgradeRefused, flash_of
from devices.firmware.unit_at_hand import UnitAtHand
from devices.wording import counted

_FROM_PERCENT: Final = 10
_TO_PERCENT: Final = 80


class NotSent(UnitError):
    """The new application did not arrive whole; the unit runs on with the former one."""


def send(unit: UnitAtHand, files: Mapping[str, bytes], folder: str) -> None:
    """Put these files, and nothing else, into the inactive folder. Begins with erasing it, so it can be repeated."""
    progress = unit.progress
    progress.step(5, _("Erasing %(folder)s, which is not in use."), folder=folder)
    unit.ask(lambda client: _erase(client, folder))
    _refuse_if_full(unit, files)
    progress.step(8, _("Making folders."))
    for path in (folder, *(f"{folder}/{inner}" for inner in folders_of(files))):
        unit.check_in_time()
        unit.ask(partial(_make_folder, path=path))
    _send_files(unit, files, folder)
    progress.step(_TO_PERCENT, _("Looking whether all files are there."))
    unit.ask(lambda client: _verify(client, files, folder))
    unit.check_in_time()


def _erase(client: UnitClient, folder: str) -> None:
    # Somebody may have swapped the folders since we looked.
    inactive = client.inactive_folder()
    if inactive != folder:
        template = _("its folders were swapped meanwhile (%(found)s is not in use now). Nothing was erased.")
        raise UpgradeRefused(client.assy or client.address, template, {"found": inactive})
    client.erase_inactive_folder()
    left = [path for path in client.file_list() if path.startswith(f"{folder}/") and not path.endswith("/")]
    if left:
        raise NotSent(client.assy or client.address, _("%(path)s could not be erased."), {"path": left[0]})


def _refuse_if_full(unit: UnitAtHand, files: Mapping[str, bytes]) -> None:
    needed = flash_bytes(files)
    free = unit.ask(flash_of)[1]
    if needed > free:
        template = _(
            "the firmware needs %(needed)d bytes and %(free)d are free, with the other folder erased. Remove files "
            "that do not belong to the application, and ask for the upgrade again."
        )
        raise UpgradeRefused(unit.assy, template, {"needed": needed, "free": free})


def _make_folder(client: UnitClient, path: str) -> None:
    if f"{path}/" not in client.file_list():
        client.make_folder(path)


def _send_files(unit: UnitAtHand, files: Mapping[str, bytes], folder: str) -> None:
    progress = unit.progress
    total_bytes = sum(map(len, files.values())) or 1
    sent_bytes, began_s = 0, time.monotonic()
    measured: list[dict[str, object]] = []
    sending = counted(len(files), _("Sending 1 file, %(bytes)d bytes."), _("Sending %(count)d files, %(bytes)d bytes."))
    progress.step(_FROM_PERCENT, sending, count=len(files), bytes=total_bytes)
    for path, data in sorted(files.items()):
        progress.check_cancelled()
        tries, seconds = _send_file(unit, path, data, folder)
        sent_bytes += len(data)
        measured.append({"path": path, "bytes": len(data), "seconds": round(seconds, 3), "tries": tries})
        took = counted(
            len(data), _("%(path)s: 1 byte in %(seconds)s s"), _("%(path)s: %(bytes)d bytes in %(seconds)s s")
        )
        progress.note(took, path=path, bytes=len(data), seconds=round(seconds, 2))
        progress.remember(files=measured)
        progress.at(_FROM_PERCENT + (_TO_PERCENT - _FROM_PERCENT) * sent_bytes / total_bytes)
    took_s = round(time.monotonic() - began_s, 2)
    progress.remember(sent={"files": len(files), "bytes": sent_bytes, "seconds": took_s})
    progress.note(_("All files: %(bytes)d bytes in %(seconds)s s"), bytes=sent_bytes, seconds=round(took_s, 1))


def _send_file(unit: UnitAtHand, path: str, data: bytes, folder: str) -> tuple[int, float]:
    """How many tries it took, and the seconds of the one that succeeded. Raises UnitError."""
    inner, _slash, name = path.rpartition("/")
    place = f"{folder}/{inner}" if inner else folder
    for tries in range(1, unit.patience.tries + 1):
        unit.progress.alive()
        unit.check_in_time()
        began_s = time.monotonic()
        try:
            unit.client().send_file(name, place, data)
        except (WrongUnit, DestructiveValue):
            raise
        except UnitError as error:  # a refusal too: the unit says no to what arrived damaged
            if tries == unit.patience.tries:
                raise _why_not_sent(unit, path, data, error) from error
            unit.progress.warn(error.template, **error.values)
            unit.progress.note(_("%(path)s is sent once more."), path=path)
        else:
            return tries, time.monotonic() - began_s
        unit.progress.pause(unit.patience.between_tries_s)
    raise AssertionError("the last try returns or raises")


def _why_not_sent(unit: UnitAtHand, path: str, data: bytes, error: UnitError) -> UnitError:
    """The reason that helps: a full flash looks like a unit that hangs."""
    unit.progress.warn(error.template, **error.values)
    try:
        free = flash_of(unit.client())[1]
    except UnitError:
        free = None
    tries = unit.patience.tries
    if free is not None and free < len(data):
        template = _(
            "%(path)s did not fit: its flash is full (%(free)d bytes free). Remove files that do not belong to the "
            "application, and ask for the upgrade again."
        )
        return NotSent(unit.assy, template, {"path": path, "free": free})
    if isinstance(error, UnitRefused):
        template = counted(
            tries,
            _("%(path)s arrived damaged. See to its WiFi, and ask for the upgrade again."),
            _("%(path)s arrived damaged %(tries)d times. See to its WiFi, and ask for the upgrade again."),
        )
        return NotSent(unit.assy, template, {"path": path, "tries": tries})
    template = counted(
        tries,
        _("%(path)s could not be sent. See that the unit is on and its WiFi good, and ask for the upgrade again."),
        _(
            "%(path)s could not be sent in %(tries)d tries. See that the unit is on and its WiFi good, and ask for the "
            "upgrade again."
        ),
    )
    return NotSent(unit.assy, template, {"path": path, "tries": tries})


def _verify(client: UnitClient, files: Mapping[str, bytes], folder: str) -> None:
    """Compare the names; a unit tells no sizes, but has hashed each file as it came."""
    there = {path for path in client.file_list() if path.startswith(f"{folder}/") and not path.endswith("/")}
    wanted = {f"{folder}/{path}" for path in files}
    if missing := sorted(wanted - there):
        template = counted(
            len(missing),
            _("%(path)s is not on the unit although it took it. Ask for it again."),
            _("%(count)d files are not on the unit although it took them, first %(path)s. Ask for it again."),
        )
        raise NotSent(client.assy or client.address, template, {"count": len(missing), "path": missing[0]})
    if others := sorted(there - wanted):
        template = _(
            "%(path)s is in the new application's folder and does not belong to it. Ask for the upgrade again."
        )
        raise NotSent(client.assy or client.address, template, {"path": others[0]})
