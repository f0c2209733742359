"""Which of its two applications a unit starts and runs: swapping them, restarting, and what its start log tells."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, UnitError, UnitRefused, WrongUnit
from devices.firmware.unit_at_hand import UnitAtHand

_START_LOG = "/bootlog.txt"
_STARTED = re.compile(r"^activeApp=(\d)", re.MULTILINE)
_RAISED = re.compile(r"^Exception \d+: =?(.*)$", re.MULTILINE)


class NotBack(UnitError):
    """The unit was asked to restart and has not been heard of since."""


class DidNotRestart(UnitError):
    """The unit was asked to restart, and goes on as before."""


class NotSwapped(UnitError):
    """The unit starts another application than it was told to."""

    retryable = True


@dataclass(frozen=True, slots=True)
class LastStart:
    """What a unit's start log tells of its last start: folders, and why an application failed (may be empty)."""

    began_with: str
    runs: str
    reason: str


def last_start(client: UnitClient) -> LastStart | None:
    """None where the unit keeps no such log."""
    try:
        text = client.read_file(_START_LOG)
    except (UnitRefused, UnitAnsweredBadly):
        return None
    folders = _STARTED.findall(text)
    if not folders:
        return None
    raised = _RAISED.findall(text)
    return LastStart(f"/app{folders[0]}", f"/app{folders[-1]}", raised[-1].strip() if raised else "")


def make_active(client: UnitClient, folder: str) -> None:
    """Let the unit start this folder next. Can be repeated: the unit only knows how to swap, so it is asked first."""
    if client.active_folder() == folder:
        return
    client.swap_active_folder()
    found = client.active_folder()
    if found != folder:
        template = _("it would start %(found)s next, not %(folder)s as it was told.")
        raise NotSwapped(client.assy or client.address, template, {"found": found, "folder": folder})


def restart(unit: UnitAtHand, into: str) -> None:
    """Restart the unit and wait until it answers again, having begun with this folder (it may have fallen back since).

    If it has already done so, nothing is done. Raises NotBack or DidNotRestart.
    """
    patience = unit.patience
    until_s = time.monotonic() + patience.returns_within_s
    ask_at_s = 0.0
    answers = False
    while time.monotonic() < until_s:
        try:
            client = unit.client()
            if _has_restarted(unit, client, into):
                return
            answers = True
            if time.monotonic() >= ask_at_s:
                ask_at_s = time.monotonic() + patience.leaves_within_s
                _ask_to_restart(unit, client, into)
        except UnitError as error:
            # While it restarts, another unit may be lent its address; it will be found at its new one.
            if not error.retryable and not isinstance(error, WrongUnit):
                raise
            answers = False
        unit.progress.pause(patience.looks_every_s)
    seconds = f"{patience.returns_within_s:g}"
    if answers:
        raise DidNotRestart(unit.assy, _("it did not restart within %(seconds)s s."), {"seconds": seconds})
    raise NotBack(unit.assy, _("it has not come back within %(seconds)s s of its restart."), {"seconds": seconds})


def _has_restarted(unit: UnitAtHand, client: UnitClient, into: str) -> bool:
    client.check_identity()
    start = last_start(client)
    if start is not None:
        return start.began_with == into
    asked = unit.memory.get("restart_asked")
    if asked is None or asked["into"] != into:
        return False
    # Without a log its uptime tells, which is in whole seconds.
    passed_s = time.time() - asked["at_s"]
    would_be_s: float = asked["uptime_s"] + passed_s
    return client.uptime_s() <= would_be_s - 1.0


def _ask_to_restart(unit: UnitAtHand, client: UnitClient, into: str) -> None:
    asked = {"into": into, "uptime_s": client.uptime_s(), "at_s": time.time()}
    unit.progress.remember(restart_asked=asked)
    client.reboot()
