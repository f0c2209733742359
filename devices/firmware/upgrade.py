"""The job that gives one unit new firmware, and the former one back where the new one does not do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext_noop as _

from devices import audit, registration, status
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError
from devices.firmware.compiling import CompilerUnusable, compiled
from devices.firmware.preflight import UpgradeRefused, look_before
from devices.firmware.releases import sources_of
from devices.firmware.sending import send
from devices.firmware.starting import NotBack, last_start, make_active, restart
from devices.firmware.unit_at_hand import Patience, UnitAtHand
from devices.firmware.values import sane_over_http, wrong_with_values
from devices.jobs.progress import JobCancelled, Progress
from devices.models import FirmwareRelease
from devices.wording import Said, Sentence

USUAL: Final = Patience()

# How far a job has come, as it is kept in its memory.
_SENDING, _SWAPPING, _TAKING_BACK = "sending", "swapping", "taking back"


class UpgradeFailed(UnitError):
    """The new firmware did not do; the sentence tells what the unit runs now, or what to do at it."""


def upgrade(progress: Progress, patience: Patience = USUAL) -> None:
    """Give the unit the release that was asked for.

    Until the folders are swapped the unit runs on with what it has, whatever happens, and a worker that takes over
    begins anew; from then on it goes on with starting and checking. Raises UnitError.
    """
    unit = UnitAtHand(progress, patience)
    if unit.memory.get("stage") not in (_SWAPPING, _TAKING_BACK):
        _put_beside(unit)
    if unit.memory.get("stage") == _TAKING_BACK:
        _take_back(unit, None)
    _start_new(unit)
    wrong = _wrong_with(unit)
    if wrong is not None:
        _take_back(unit, wrong)
    _finish(unit)


def _put_beside(unit: UnitAtHand) -> None:
    """Check, and fill the folder that is not in use. The application that runs is not touched."""
    release = FirmwareRelease.objects.filter(pk=unit.progress.job.asked.get("release")).first()
    if release is None:
        raise UpgradeRefused(unit.assy, _("the release was deleted meanwhile. Ask for it with another one."))
    try:
        files = compiled(sources_of(release))
    except CompilerUnusable as unusable:
        raise UpgradeRefused(unit.assy, unusable.template, unusable.values) from unusable
    look_before(unit, release, files)
    if unit.memory.get("stage") == _SENDING:
        unit.progress.note(_("The files are sent from the beginning, since it is not known what arrived whole."))
    unit.progress.check_cancelled()
    unit.progress.remember(stage=_SENDING, version_after=release.version)
    memory = unit.memory
    try:
        send(unit, files, memory["folder_after"])
        unit.progress.forbid_cancel()
    except (UnitError, JobCancelled):
        unit.progress.warn(
            _(
                "The unit runs on with %(version)s from %(folder)s. %(other)s holds at most a part of the new "
                "firmware, which is never started; the next upgrade erases it."
            ),
            version=memory["version_before"],
            folder=memory["folder_before"],
            other=memory["folder_after"],
        )
        raise
    unit.progress.remember(stage=_SWAPPING)


def _start_new(unit: UnitAtHand) -> None:
    """Swap the folders, restart, and wait until the unit is back. Can be repeated."""
    progress, memory = unit.progress, unit.memory
    new, former, version = memory["folder_after"], memory["folder_before"], memory["version_after"]
    progress.step(85, _("Restarting it with %(version)s from %(folder)s."), version=version, folder=new)
    if "restart_asked" not in memory:
        try:
            unit.insist(lambda client: make_active(client, new))
        except UnitError as error:
            progress.warn(error.template, **error.values)
            _take_back(unit, Sentence(_("It could not be told to start the new firmware.")))
    try:
        restart(unit, new)
    except NotBack as error:
        progress.warn(error.template, **error.values)
        template = _(
            "it has not come back with %(version)s, so it cannot be changed back from here. Switch its supply off and "
            "on and wait two minutes. If it stays away, connect it by USB and set APP to %(number)s in "
            "/this.machine.cfg: its former firmware %(before)s lies whole in %(folder)s. /bootlog.txt on it tells why "
            "the new one did not start."
        )
        values = {
            "version": version,
            "number": former[-1],
            "before": memory["version_before"],
            "folder": former,
        }
        _note_end(unit, "upgrade_lost", version)
        raise UpgradeFailed(unit.assy, template, values) from error
    except UnitError as error:  # it answers, and does not restart
        _take_back(unit, error)
    if "back_ms" not in memory:
        progress.remember(back_ms=time.time_ns() // 1_000_000)


def _wrong_with(unit: UnitAtHand) -> Said | None:
    """What is wrong with the unit now that it is back, or nothing."""
    memory = unit.memory
    unit.progress.step(92, _("It is back. Checking its version, its folder and what it measures."))
    try:
        folder = unit.ask(UnitClient.active_folder)
        if folder != memory["folder_after"]:
            return _why_fallen_back(unit)
        version = unit.ask(UnitClient.firmware_version)
        if version != memory["version_after"]:
            template = _("It reports firmware %(found)s, not %(wanted)s.")
            return Sentence(template, {"found": version, "wanted": memory["version_after"]})
        return wrong_with_values(unit, memory["back_ms"], set(memory["sane_before"]))
    except UnitError as error:
        return error


def _why_fallen_back(unit: UnitAtHand) -> Said:
    start = unit.ask(last_start)
    if start is not None and start.reason:
        template = _("The new firmware failed at its start (%(reason)s), and the unit fell back by itself.")
        return Sentence(template, {"reason": start.reason})
    return Sentence(_("The new firmware failed at its start, and the unit fell back by itself."))


def _take_back(unit: UnitAtHand, why: Said | None) -> None:
    """Let the unit run its former firmware again. Raises UpgradeFailed in any case."""
    progress, memory = unit.progress, unit.memory
    former = memory["folder_before"]
    if why is not None:
        progress.warn(why.template, **why.values)
        progress.remember(stage=_TAKING_BACK)
    progress.step(
        95, _("Changing it back to %(version)s in %(folder)s."), version=memory["version_before"], folder=former
    )
    values = {"version": memory["version_before"], "folder": former, "number": former[-1]}
    try:
        unit.insist(lambda client: make_active(client, former))
        if not _runs(unit, former):
            restart(unit, former)
        folder = unit.ask(UnitClient.active_folder)
        version = unit.ask(UnitClient.firmware_version)
        sane = unit.ask(sane_over_http)
    except UnitError as error:
        progress.warn(error.template, **error.values)
        template = _(
            "the upgrade did not work out, and it could not be changed back from here. Switch its supply off and on "
            "and wait two minutes. If it stays away or wrong, connect it by USB and set APP to %(number)s in "
            "/this.machine.cfg: its former firmware %(version)s lies whole in %(folder)s."
        )
        _note_end(unit, "upgrade_lost", "")
        raise UpgradeFailed(unit.assy, template, values) from error
    _note_end(unit, "upgrade_taken_back", version)
    _read_status(unit)
    if (folder, version) != (former, memory["version_before"]) or not set(memory["sane_before"]) <= sane:
        template = _(
            "the upgrade did not work out, and it was changed back to %(folder)s. It runs %(found)s from %(there)s "
            "now, not as before: look at its status and its curves."
        )
        raise UpgradeFailed(unit.assy, template, values | {"found": version, "there": folder})
    template = _(
        "the upgrade did not work out (see above), so the unit was changed back by itself: it runs %(version)s from "
        "%(folder)s, as before."
    )
    raise UpgradeFailed(unit.assy, template, values)


def _runs(unit: UnitAtHand, folder: str) -> bool:
    """Whether the unit runs this folder already; False where it does not tell. It may be restarting: the worker before
    may have died right after it had asked for that.
    """
    start = unit.insist(last_start)
    return start is not None and start.runs == folder


def _finish(unit: UnitAtHand) -> None:
    # An inactive unit answers nobody who would write it.
    version = unit.memory["version_after"]
    registration.note_told(unit.device(), firmware_version=version, name=None)
    _note_end(unit, "upgraded", version)
    _read_status(unit)
    unit.progress.result(
        _("It runs %(version)s from %(folder)s and measures as before. The former one stays in %(other)s."),
        version=version,
        folder=unit.memory["folder_after"],
        other=unit.memory["folder_before"],
    )


def _read_status(unit: UnitAtHand) -> None:
    """What is shown of the unit was asked before: version, folders, flash, uptime."""
    try:
        unit.ask(lambda client: status.take_status(unit.device(), client, now=datetime.now(UTC)))
    except UnitError as error:
        template = _("Its status could not be read and is that of before; it is read again within ten minutes.")
        unit.progress.note(template)
        unit.progress.note(error.template, **error.values)


def _note_end(unit: UnitAtHand, action: str, version: str) -> None:
    job = unit.progress.job
    before = {"firmware_version": unit.memory["version_before"]}
    audit.note(job.who, action, job.device, before=before, after={"firmware_version": version, "job": job.pk})
