"""The way back from a calibration that came to nothing: the gains of before, or exactly what the unit holds instead."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from devices import audit, gains
from devices.ct6.errors import UnitError
from devices.holding import client_of
from devices.jobs import queue
from devices.jobs.patience import patiently
from devices.jobs.progress import Progress
from devices.models import Calibration

PUT_BACK_WITHIN_S = 60.0  # a unit that restarts is away for that long
TRY_AGAIN_S = 3.0

_RESTART_BRINGS_BACK = gettext_noop(
    "its gains of before could not be put back. Its settings hold %(held)s at the last word, in place of %(before)s. "
    "Its factory configuration still has those of before: switch the unit off and on, and it measures as before; or "
    "restore this calibration once the unit answers."
)
_RESTART_BRINGS_OTHERS = gettext_noop(
    "its gains of before could not be put back. Its settings hold %(held)s at the last word, in place of %(before)s, "
    "and a restart does not bring those of before back. Do not trust its readings until you have restored this "
    "calibration, which puts the gains of before back, once the unit answers."
)


class LeftChanged(UnitError):
    """The unit could not be given its gains of before again; the sentence says what it holds and what to do."""


def left_changed(progress: Progress, calibration: Calibration, *, saved: bool) -> LeftChanged:
    """What there is to say while the gains of before are not back: what the unit holds at the last word, and what to
    do. `saved` says that the new gains may stand in its factory configuration.
    """
    before: gains.Gains = calibration.before
    memory = progress.job.memory
    as_before = not saved and memory.get("saved") == before
    template = _RESTART_BRINGS_BACK if as_before else _RESTART_BRINGS_OTHERS
    values = {"held": gains.in_words(_held(progress, calibration)), "before": gains.in_words(before)}
    return LeftChanged(progress.job.device.assy, template, values)


def put_back(progress: Progress, calibration: Calibration, *, saved: bool) -> None:
    """Write the gains of before, load them and read them back. Raises LeftChanged if the unit cannot be reached.

    `saved` says that the new gains may stand in its factory configuration, which is then written too.
    """
    before: gains.Gains = calibration.before
    device = progress.job.device

    def write() -> None:
        device.refresh_from_db()  # it may have another address by now
        client = client_of(device)
        gains.load_and_read_back(client, before)
        if saved:
            gains.save(client, before)

    progress.ignore_cancel()
    progress.warn(gettext_noop("Putting the gains of before back: %(before)s."), before=gains.in_words(before))
    try:
        patiently(progress, write, within_s=PUT_BACK_WITHIN_S, every_s=TRY_AGAIN_S)
    except UnitError as error:
        progress.warn(error.template, **error.values)
        held = _held(progress, calibration)
        audit.note(progress.job.who, "calibration_left_gains", device, before=before, after=held)
        raise left_changed(progress, calibration, saved=saved) from error
    progress.remember(**queue.left_behind(None))
    progress.note(gettext_noop("The unit has its gains of before again, and measures with them."))


def _held(progress: Progress, calibration: Calibration) -> gains.Gains:
    """What the unit's settings hold as far as is known: what was sent last, of each."""
    before: gains.Gains = calibration.before
    sent: gains.Gains = progress.job.memory.get("sent", {})
    return before | sent
