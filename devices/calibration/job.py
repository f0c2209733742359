"""The job of a calibration, from the gains of before to the saved ones, or back to those of before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NoReturn

from django.utils.translation import gettext_noop

from devices import audit, factory, gains
from devices.calibration import rounds
from devices.calibration.noticing import wait_until_noticed
from devices.calibration.putting_back import left_changed, put_back
from devices.calibration.wanted import CalibrationRefused, Target, Wanted, wanted_from
from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError
from devices.holding import client_of
from devices.jobs import queue
from devices.jobs.patience import patiently
from devices.jobs.progress import JobLost, Progress
from devices.models import Calibration, FactoryConfig

SAVE_WITHIN_S: Final = 60.0
_SAVING: Final = "saving"


class CalibrationStopped(UnitError):
    """Its worker died in the middle; the gains of before are back."""


def calibrate(progress: Progress) -> None:
    """The job that calibrates what was asked for, or puts an earlier calibration's gains back.

    Stopped, failed or killed in the middle it leaves the gains of before, written, loaded and read back; where that
    was not possible, its log says what the unit holds and what to do.
    """
    since = datetime.now(UTC)
    calibration = Calibration.objects.filter(job=progress.job).first()
    if calibration is None or "sent" not in progress.job.memory:
        calibration = _begun_or_refused(progress, since)
    elif _is_to_be_ended(progress, calibration):
        _end_what_died(progress, calibration)
    try:
        _find_and_save(progress, calibration)
    except JobLost:
        raise  # the unit is another worker's now
    except Exception as reason:  # whatever stopped it: the unit must not be left with half-found gains
        _note_failure(progress, calibration, reason)
        put_back(progress, calibration, saved=_is_saving(progress))
        raise
    _finish(progress, calibration)


def _is_saving(progress: Progress) -> bool:
    """Whether the gains are found, and it is only about saving them on the unit."""
    return bool(progress.job.memory.get("stage") == _SAVING)


def _is_to_be_ended(progress: Progress, calibration: Calibration) -> bool:
    """Whether a worker that takes it over puts the gains of before back: unless it is only about saving, and that was
    not tried too often.
    """
    if calibration.succeeded is not None:
        return not calibration.succeeded
    return not _is_saving(progress) or progress.job.starts > queue.MOST_STARTS


def _begun_or_refused(progress: Progress, since: datetime) -> Calibration:
    """A calibration that the unit does not allow is kept too, as one that came to nothing; the job's log says why."""
    job = progress.job
    wanted = wanted_from(job.asked, job.device)
    kept: dict[str, object] = {
        "device": job.device,
        "target": wanted.target,
        "port_number": wanted.port or None,
        "reference": wanted.reference or None,
        "who": job.who,
    }
    try:
        kept["before"] = _look_before(progress, wanted, since)
    except UnitError:
        Calibration.objects.update_or_create(job=job, defaults=kept | {"succeeded": False})
        raise
    return Calibration.objects.update_or_create(job=job, defaults=kept | {"succeeded": None})[0]


def _look_before(progress: Progress, wanted: Wanted, since: datetime) -> gains.Gains:
    """What there is to go back to. Before anything is changed a copy of it is kept, and it is seen whether the
    calibration can be done. Raises UnitError.
    """
    client = client_of(progress.job.device)
    progress.step(2, gettext_noop("Reading the gains that the unit has now, and keeping a copy of them."))
    client.check_identity()
    before = _gains_to_go_back_to(client, wanted)
    progress.remember(saved=_saved_on_unit(progress, client, wanted))
    read = rounds.check_before(progress, client, wanted)
    progress.remember(read=read)
    wait_until_noticed(progress, since)
    return before


def _gains_to_go_back_to(client: UnitClient, wanted: Wanted) -> gains.Gains:
    """The gains of before. Raises CalibrationRefused if they could not be put back."""
    held = gains.held(client)
    before = {key: held[key] for key in wanted.keys if key in held}
    unit = client.assy or client.address
    if missing := [key for key in wanted.keys if key not in before]:
        template = gettext_noop(
            "the unit has no number in %(keys)s, so it could not be put back afterwards; its firmware may be too old. "
            "Nothing was changed."
        )
        raise CalibrationRefused(unit, template, {"keys": ", ".join(missing)})
    try:
        gains.as_sent(before)
    except DestructiveValue as refusal:
        raise CalibrationRefused(unit, refusal.template, refusal.values) from refusal
    return before


def _saved_on_unit(progress: Progress, client: UnitClient, wanted: Wanted) -> gains.Gains:
    """What the unit would start with, of the settings that are going to be changed; a copy of it is kept."""
    job = progress.job
    try:
        copy = factory.back_up(job.device, FactoryConfig.Reason.BEFORE_CALIBRATION, job.who, client)
    except gains.NoFactoryConfig as nothing:
        progress.warn(nothing.template, **nothing.values)
        return {}
    saved = gains.gains_in(factory.values_of(copy))
    return {key: saved[key] for key in wanted.keys if key in saved}


def _find_and_save(progress: Progress, calibration: Calibration) -> None:
    job = progress.job
    client = client_of(job.device)
    if not _is_saving(progress):
        wanted = wanted_from(job.asked, job.device)
        calibration.after = rounds.find(progress, client, calibration, wanted, job.memory["read"])
        progress.forbid_cancel()
        calibration.save(update_fields=["after"])
        left = left_changed(progress, calibration, saved=True)
        progress.remember(stage=_SAVING, **queue.left_behind(left))
    found: gains.Gains = calibration.after
    progress.step(85, gettext_noop("Saving %(gains)s on the unit."), gains=gains.in_words(found))

    def save() -> None:
        # Loaded once more: a unit that restarted in the middle has forgotten what was found first.
        gains.load_and_read_back(client, found)
        gains.save(client, found)

    patiently(progress, save, within_s=SAVE_WITHIN_S)


def _finish(progress: Progress, calibration: Calibration) -> None:
    job = progress.job
    calibration.succeeded = True
    calibration.save(update_fields=["succeeded"])
    after = {"target": calibration.target, "port": calibration.port_number, **calibration.after}
    audit.note(job.who, "calibrated", job.device, before=calibration.before, after=after)
    progress.remember(**queue.left_behind(None))
    progress.at(95)
    try:
        factory.back_up(job.device, FactoryConfig.Reason.AFTER_CALIBRATION, job.who)
    except UnitError as error:
        progress.warn(
            gettext_noop(
                "The gains are saved on the unit, but no copy of them could be kept here; the night does that."
            )
        )
        progress.warn(error.template, **error.values)
    template = (
        gettext_noop("The gains of the earlier calibration are back: %(gains)s, instead of %(before)s.")
        if calibration.target == Target.RESTORED
        else gettext_noop("Calibrated: %(gains)s, instead of %(before)s.")
    )
    progress.result(template, gains=gains.in_words(calibration.after), before=gains.in_words(calibration.before))


def _note_failure(progress: Progress, calibration: Calibration, reason: Exception) -> None:
    """Say it before the long way back: whoever waits at the unit reads the log."""
    calibration.succeeded = False
    calibration.save(update_fields=["succeeded"])
    if isinstance(reason, UnitError):
        progress.warn(reason.template, **reason.values)


def _end_what_died(progress: Progress, calibration: Calibration) -> NoReturn:
    """After another worker's death: the gains of before, and then the end. Nobody knows how far the work had come."""
    calibration.succeeded = False
    calibration.save(update_fields=["succeeded"])
    put_back(progress, calibration, saved=_is_saving(progress))
    template = gettext_noop(
        "the worker was stopped in the middle of the calibration. The unit has its gains of before; ask for the "
        "calibration again."
    )
    raise CalibrationStopped(progress.job.device.assy, template)
