"""Restarting a unit, cutting its supply, and setting it back to its defaults.

Each is a job. What was sent is noted before it is sent, and never sent again: a worker that takes the job over finds
out at the unit what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from devices import audit, factory
from devices.confirmation import check_typed_name
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, UnitError, UnitUnreachable, WrongUnit
from devices.holding import client_of
from devices.jobs import queue
from devices.jobs.progress import Progress
from devices.models import Device, FactoryConfig, Job

# A unit is away for 5 to 60 s; one that was given a new address is found by its answers meanwhile.
BACK_WITHIN_S = 180.0
SILENT_FOR_GONE_S = 70.0  # longer than any unit is away that comes back
GONE_WITHIN_S = 180.0
ASK_EVERY_S = 1.0

# Words of a job's memory.
_SENT_AT, _UPTIME_BEFORE = "sent_at", "uptime_before_s"
_BACKUP, _RESET_AT, _WAS_RESET, _RESTART_AT = "factory_config", "reset_at", "was_reset", "restart_at"

_WHAT_A_RESET_DOES = (
    _("All settings go back to their defaults: names, group, thresholds, sensor types and MQTT."),
    _("The WiFi set-up is lost: the unit leaves the network and cannot be reached from here any more."),
    _(
        "To bring it back, somebody has to stand at the unit with a phone and set up its WiFi again over Bluetooth; it "
        "is then inactive until it is switched active here."
    ),
    _(
        "Label and calibration stay, since the unit keeps them in its factory configuration, which is backed up here "
        "first. What it has measured so far stays stored."
    ),
)


class StayedAway(UnitError):
    """A unit did not come back from a restart."""


class NotRestarted(UnitError):
    """A unit answers, but it has been running since before it was to restart."""


class ResetUnclear(UnitError):
    """A reset did not reach the unit, or it is not known how far it went."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a unit told about its uptime, and between which moments (epoch s) that was."""

    uptime_s: int
    asked_at: float
    answered_at: float

    def has_restarted(self, before_s: int, sent_at: float) -> bool:
        """Whether it started after the command was sent, when it had been running for `before_s`."""
        if self.uptime_s < before_s:
            return True
        return self.asked_at - self.uptime_s - 1 > sent_at  # uptimes are cut to whole seconds


# --- Asking for it ----------------------------------------------------------------------------------------------


def ask_for_reboot(device: Device, *, who: Any, typed_name: str) -> Job:
    """Restart the unit, as a job. Raises ConfirmationNeeded unless its name was typed."""
    return _ask(device, Job.Kind.REBOOT, who, typed_name)


def ask_for_power_cycle(device: Device, *, who: Any, typed_name: str) -> Job:
    """Let the unit cut its own supply for some seconds, as a job.

    Raises ConfirmationNeeded unless its name was typed.
    """
    return _ask(device, Job.Kind.POWER_CYCLE, who, typed_name)


def ask_for_reset(device: Device, *, who: Any, typed_name: str) -> Job:
    """Set the unit back to its defaults, which takes it off the network; as a job (see `what_a_reset_does`).

    Raises ConfirmationNeeded unless its name was typed.
    """
    return _ask(device, Job.Kind.RESET, who, typed_name)


def what_a_reset_does() -> list[str]:
    """What becomes of a unit, to be read before its name is typed; in the reader's language."""
    return [gettext(sentence) for sentence in _WHAT_A_RESET_DOES]


def _ask(device: Device, kind: Job.Kind, who: Any, typed_name: str) -> Job:
    check_typed_name(device, typed_name)
    job = queue.ask(device, kind, who=who)
    audit.note(who, str(kind), device, after={"job": job.pk})
    return job


# --- Restarting -------------------------------------------------------------------------------------------------


def reboot(progress: Progress) -> None:
    """Restart the unit and wait until it is back."""
    _restart(progress, UnitClient.reboot)


def power_cycle(progress: Progress) -> None:
    """Cut the unit's supply and wait until it is back."""
    _restart(progress, UnitClient.power_cycle)


def _restart(progress: Progress, send: Callable[[UnitClient], None]) -> None:
    taken_over = _SENT_AT in progress.job.memory
    if not taken_over:
        _send(progress, send)
    progress.step(40, _("Waiting until it is back"))
    seen = _wait_until_back(progress, progress.job.memory[_UPTIME_BEFORE], progress.job.memory[_SENT_AT])
    if taken_over:
        progress.result(_("It has restarted: it has been running for %(seconds)d s."), seconds=seen.uptime_s)
        return
    away_s = round(seen.answered_at - progress.job.memory[_SENT_AT])
    progress.result(_("It has restarted and was back online after %(seconds)d s."), seconds=away_s)


def _send(progress: Progress, send: Callable[[UnitClient], None]) -> None:
    progress.step(5, _("Making sure of the unit"))
    client = client_of(progress.job.device)
    client.check_identity()
    uptime_s = client.uptime_s()
    progress.note(_("It has been running for %(seconds)d s."), seconds=uptime_s)
    progress.step(20, _("Sending the command"))
    progress.forbid_cancel()
    progress.remember(**{_UPTIME_BEFORE: uptime_s, _SENT_AT: time.time()})
    try:
        send(client)
    except (UnitUnreachable, UnitAnsweredBadly) as error:
        # It may have gone before its answer was through.
        progress.warn(_("The command was sent, but not answered properly."))
        progress.warn(error.template, **error.values)


def _wait_until_back(progress: Progress, before_s: int, sent_at: float) -> _Seen:
    """Raises StayedAway or NotRestarted, which tell what to do."""
    device = progress.job.device
    found: list[_Seen] = []
    stranger: list[WrongUnit] = []

    def is_back() -> bool:
        device.refresh_from_db(fields=["address", "http_port", "claimed_from"])  # it may get another address
        try:
            client = client_of(device)
            client.check_identity()
        except WrongUnit as error:
            stranger[:] = [error]
            return False
        found[:] = [_ask_uptime(client)]
        return found[0].has_restarted(before_s, sent_at)

    if progress.wait_until(is_back, within_s=BACK_WITHIN_S, every_s=ASK_EVERY_S):
        return found[0]
    if found:
        template = _(
            "it answers, but it has been running for %(uptime)d s, so it has not restarted. If it has to be, ask for "
            "it again, or switch its supply off and on."
        )
        raise NotRestarted(device.assy, template, {"uptime": found[0].uptime_s})
    if stranger:
        raise stranger[0]
    template = _(
        "it has not come back within %(seconds)d s. Look at its display: if it shows an address, the unit is on the "
        "network and will be found again by itself; if it shows “Connecting...”, its WiFi cannot be reached or has to "
        "be set up again over Bluetooth; if it is dark, switch its supply off and on."
    )
    raise StayedAway(device.assy, template, {"seconds": round(BACK_WITHIN_S)})


def _ask_uptime(client: UnitClient) -> _Seen:
    asked_at = time.time()
    uptime_s = client.uptime_s()
    return _Seen(uptime_s, asked_at, time.time())


# --- Back to defaults -------------------------------------------------------------------------------------------


def reset(progress: Progress) -> None:
    """Back up the factory configuration, set the unit back, restart it, and see it leave the network."""
    memory = progress.job.memory
    if _RESET_AT not in memory:
        _back_up(progress)
        _reset(progress)
    elif _WAS_RESET not in memory:
        _find_out(progress)
    if _RESTART_AT not in memory:
        _restart_after_reset(progress)
    _wait_until_gone(progress)


def _back_up(progress: Progress) -> None:
    device = progress.job.device
    progress.step(5, _("Backing up its factory configuration"))
    client = client_of(device)
    client.check_identity()
    kept = factory.back_up(device, FactoryConfig.Reason.BEFORE_RESET, progress.job.who, client)
    progress.remember(**{_BACKUP: kept.pk})


def _reset(progress: Progress) -> None:
    device = progress.job.device
    progress.step(30, _("Setting it back to its defaults"))
    progress.forbid_cancel()
    progress.remember(**{_RESET_AT: time.time()})
    try:
        client_of(device).reset_to_defaults(meant_for=device.assy)
    except (UnitUnreachable, UnitAnsweredBadly) as error:
        progress.warn(_("The command was sent, but not answered properly."))
        progress.warn(error.template, **error.values)
        _find_out(progress)
    progress.remember(**{_WAS_RESET: True})


def _find_out(progress: Progress) -> None:
    """Whether the unit was reset, from what it holds now. Raises ResetUnclear if it was not, or does not tell."""
    device = progress.job.device
    try:
        held = client_of(device).config()
    except (UnitUnreachable, UnitAnsweredBadly) as error:
        template = _(
            "the reset was sent, but it does not tell whether it was carried out (%(reason)s). If it was, the unit "
            "leaves the network at its next start, and its WiFi has to be set up again over Bluetooth."
        )
        raise ResetUnclear(device.assy, template, {"reason": error.message}) from error
    if held.get("ASSY") == device.assy and held.get("WIFI"):
        template = _(
            "the reset did not reach it: it holds its settings as before, and nothing was changed. Ask for it again."
        )
        raise ResetUnclear(device.assy, template)
    progress.remember(**{_WAS_RESET: True})


def _restart_after_reset(progress: Progress) -> None:
    progress.step(60, _("Restarting it, after which it leaves the network"))
    progress.remember(**{_RESTART_AT: time.time()})
    try:
        client_of(progress.job.device).restart_after_reset()
    except (UnitUnreachable, UnitAnsweredBadly) as error:
        progress.warn(_("The command was sent, but not answered properly."))
        progress.warn(error.template, **error.values)


def _wait_until_gone(progress: Progress) -> None:
    device = progress.job.device
    progress.step(80, _("Waiting until it has left the network"))
    answered_s = time.monotonic()

    def is_gone() -> bool:
        nonlocal answered_s
        if not _is_silent(device):
            answered_s = time.monotonic()
        return time.monotonic() - answered_s >= SILENT_FOR_GONE_S

    if not progress.wait_until(is_gone, within_s=GONE_WITHIN_S, every_s=ASK_EVERY_S):
        template = _(
            "it was reset to its defaults, but it still answers: probably it has not restarted, and leaves the network "
            "at its next start. Switch its supply off and on, and set up its WiFi again over Bluetooth."
        )
        raise NotRestarted(device.assy, template)
    progress.result(
        _(
            "It was reset to its defaults and has left the network, as was to be expected. Set up its WiFi again over "
            "Bluetooth, at the unit; it then appears here again under the same label and is switched active and named "
            "anew. Its factory configuration is kept here."
        )
    )


def _is_silent(device: Device) -> bool:
    try:
        client_of(device).uptime_s()
    except UnitUnreachable:
        return True
    return False
