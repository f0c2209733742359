"""Which jobs there are: asking for one, taking the next, stopping one, and picking up what a dead worker left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError

from devices import audit
from devices.models import Device, Job, JobLine, Rollout
from devices.querysets import JobQuerySet
from devices.wording import Said

log = structlog.get_logger(__name__)

RUN_TASK = "devices.tasks.run_job"
# A worker gives a sign of life every few seconds; one that gave none for so long is taken for dead.
DEAD_AFTER = timedelta(seconds=60)
MOST_STARTS = 3
# So many at once: units are slow, workers are few, and small tasks come to the same ones.
MOST_RUNNING = 6
# The beat tells the workers again, so that messages do not pile up behind a long job.
MESSAGE_EXPIRES_S = 14
# In the memory of a job: what is said of the unit if the job is given up while it is half-changed.
_LEFT_BEHIND = "left_behind"
_State = Job.State
_Level = JobLine.Level


@dataclass(frozen=True, slots=True)
class LastLine:
    """What is said of a job as it ends."""

    level: JobLine.Level
    template: str
    values: dict[str, Any] = field(default_factory=dict)


_CANCELLED = LastLine(_Level.RESULT, gettext_noop("Cancelled before it began; nothing was changed."))
_NOT_BEGUN = LastLine(
    _Level.RESULT, gettext_noop("Not begun, since another unit of this rollout failed. Nothing was changed.")
)
_NOT_BEGUN_AFTER_CANCEL = LastLine(
    _Level.RESULT,
    gettext_noop("Not begun, since the upgrade of another unit of this rollout was cancelled. Nothing was changed."),
)
_GIVEN_UP = gettext_noop(
    "The worker was stopped %(times)d times in the middle of this, so it is given up. Look at the unit's status and at "
    "the last step above before you ask for it again."
)
_PUT_IN_ORDER = gettext_noop(
    "The worker was stopped %(times)d times in the middle of this, so it is given up; another one puts the unit in "
    "order first."
)
_GOES_ON = gettext_noop("The worker was stopped in the middle; another one goes on.")


# --- Asking and taking ------------------------------------------------------------------------------------------


def ask(  # noqa: PLR0913 - who asks for what, when, as part of what
    device: Device,
    kind: Job.Kind,
    *,
    who: Any,
    asked: dict[str, Any] | None = None,
    not_before: datetime | None = None,
    rollout: Rollout | None = None,
    wave: int = 0,
) -> Job:
    """Write down that this is to be done, and tell the workers once the transaction is through.

    Jobs of one unit that can begin run one after the other, in the order in which they were asked for; one that waits
    for its time or for its wave holds up no other.
    """
    job = Job.objects.create(
        device=device,
        kind=kind,
        who=who,
        who_name=audit.name_of(who),
        asked=asked or {},
        not_before=not_before,
        rollout=rollout,
        wave=wave,
    )
    log.info("A job was asked for", unit=device.assy, job=job.pk, kind=str(kind), who=str(who or ""))
    if not_before is None and wave == 0:
        _tell_after_commit([job.pk])
    return job


def tell_workers(job_ids: Iterable[int]) -> None:
    """Send the tasks that run these jobs. One too many does no harm, one too few is made up for by the beat."""
    try:
        for job_id in job_ids:
            current_app.send_task(RUN_TASK, (job_id,), expires=MESSAGE_EXPIRES_S)
    except OperationalError as error:
        log.warning("The broker cannot be reached; jobs begin when it is back", reason=str(error))


def due(now: datetime) -> list[int]:
    """The jobs that can begin: their time has come, nothing else runs on their unit, and the waves before are done.

    At most one of each unit: the one that was asked for first.
    """
    return _first_of_each_unit(_ready(now))


def take(job_id: int, now: datetime) -> Job | None:
    """Make the job ours, if it can begin, nobody was faster, and not too many run already."""
    if Job.objects.filter(running_on__isnull=False).count() >= MOST_RUNNING:
        return None
    same_unit = Job.objects.filter(pk=job_id).values("device")
    if job_id not in _first_of_each_unit(_ready(now).filter(device__in=same_unit)):
        return None
    job = Job.objects.get(pk=job_id)
    waiting = Job.objects.waiting().filter(pk=job_id, starts=job.starts)
    try:
        with transaction.atomic():
            if not waiting.update(
                state=_State.RUNNING,
                running_on=job.device_id,
                alive_at=now,
                starts=job.starts + 1,
                started=job.started or now,
            ):
                return None
    except IntegrityError:  # another job of the same unit was taken at this moment
        return None
    return Job.objects.select_related("device", "who", "rollout").get(pk=job_id)


def give_back(job: Job) -> None:
    """Let the job wait again, as if it had not been taken: its unit is busy with something else."""
    before = {"started": None} if job.starts == 1 else {}
    _ours(job).update(state=_State.WAITING, running_on=None, starts=job.starts - 1, **before)


def _ready(now: datetime) -> JobQuerySet:
    """Looks at waiting jobs only and by the unique key of running ones, so that past jobs cost nothing."""
    running = Job.objects.filter(running_on=OuterRef("device"))
    before = Job.objects.filter(rollout=OuterRef("rollout"), wave__lt=OuterRef("wave"))
    holds_up = before.filter(Q(state__in=(_State.WAITING, _State.RUNNING)) | Q(wave=0) & ~Q(state=_State.DONE))
    return (
        Job.objects.waiting()
        .filter(Q(not_before=None) | Q(not_before__lte=now))
        .exclude(Exists(running))
        .exclude(Q(wave__gt=0) & Exists(holds_up))
    )


def _first_of_each_unit(jobs: JobQuerySet) -> list[int]:
    """Sorted here: for the order of a primary key MySQL goes through all past jobs."""
    first: dict[int, int] = {}
    for job_id, device_id in sorted(jobs.order_by().values_list("pk", "device_id")):
        first.setdefault(device_id, job_id)
    return list(first.values())


# --- Ending -----------------------------------------------------------------------------------------------------


def close(job: Job, state: Job.State, now: datetime, last: LastLine | None = None) -> bool:
    """Note how the job ended, with a last line in its log; False, with nothing noted, if it is no longer this
    worker's."""
    done = {"percent": 100} if state == _State.DONE else {}
    with transaction.atomic():
        if not _end(_ours(job), job, state, now, last, **done):
            return False
    job.state, job.ended = state, now
    _tell_after_commit(_followers(job, now))
    return True


def cancel(job: Job, now: datetime, *, who: Any) -> bool:
    """Ask the job to stop: at once where it has not begun, else at the next safe place. False if it is too late."""
    with transaction.atomic():
        if _end(Job.objects.waiting().filter(pk=job.pk, starts=0), job, _State.CANCELLED, now, _CANCELLED):
            _note_cancelled(job, who, _State.WAITING, state=str(_State.CANCELLED))
            return True
        # Also one that waits in the middle, since its worker died: whoever takes it over stops it.
        begun = Job.objects.filter(pk=job.pk, state__in=(_State.WAITING, _State.RUNNING), starts__gt=0, may_cancel=True)
        if not begun.filter(cancel_wanted=False).update(cancel_wanted=True):
            return begun.exists()
        _note_cancelled(job, who, _State.RUNNING, cancel_wanted=True)
    return True


def _note_cancelled(job: Job, who: Any, before: Job.State, **after: Any) -> None:
    after = {"job": job.pk, "kind": str(job.kind), **after}
    audit.note(who, "cancel", job.device, before={"state": str(before)}, after=after)


def left_behind(said: Said | None) -> dict[str, Any]:
    """For the memory of a job: that the unit is half-changed, and what is said of it should nobody mend that; None
    once it is whole. Such a job is started once more before it is given up, to put the unit in order.
    """
    return {_LEFT_BEHIND: None if said is None else {"template": said.template, "values": dict(said.values)}}


def recover(now: datetime) -> list[int]:
    """Let jobs whose worker died be taken up by another one, and close those that died too often.

    Each kind of job knows from its memory how to go on, or how to leave the unit as it was. Of one that is given up
    while its unit is half-changed, the last line says what the unit holds and what to do.
    """
    dead = list(Job.objects.running().filter(alive_at__lt=now - DEAD_AFTER).select_related("rollout"))
    return [job.pk for job in dead if _recover(job, now)]


def _recover(job: Job, now: datetime) -> bool:
    """False if its worker lives after all, or another one has recovered it."""
    held = _ours(job).filter(alive_at=job.alive_at)
    left, times = job.memory.get(_LEFT_BEHIND), {"times": job.starts}
    goes_on = None
    if job.starts < MOST_STARTS:
        goes_on = LastLine(_Level.WARNING, _GOES_ON)
    elif job.starts == MOST_STARTS and left:
        goes_on = LastLine(_Level.WARNING, _PUT_IN_ORDER, times)
    with transaction.atomic():
        if goes_on is not None:
            changed = bool(held.update(state=_State.WAITING, running_on=None))
        else:
            changed = _end(held, job, _State.FAILED, now, LastLine(_Level.ERROR, _GIVEN_UP, times))
        line = goes_on or (LastLine(_Level.ERROR, **left) if left else None)
        if changed and line is not None:
            _line(job, line)
    if changed:
        log.warning("A worker died in the middle of a job", job=job.pk, starts=job.starts)
    return changed


def _ours(job: Job) -> JobQuerySet:
    """The job's row while it runs where `job` was taken: how often it was taken up tells workers apart."""
    return Job.objects.running().filter(pk=job.pk, starts=job.starts)


def _end(rows: JobQuerySet, job: Job, state: Job.State, now: datetime, last: LastLine | None, **more: Any) -> bool:
    """Within a transaction: no worker sees the end without what it means for the rest of the rollout."""
    if not rows.update(state=state, running_on=None, ended=now, **more):
        return False
    if last is not None:
        _line(job, last)
    if job.rollout is not None and state != _State.DONE:
        line = _NOT_BEGUN_AFTER_CANCEL if state == _State.CANCELLED else _NOT_BEGUN
        _stop_rollout(job.rollout, now, line)
    return True


def _followers(job: Job, now: datetime) -> list[int]:
    """The jobs that could not begin before this one ended."""
    same = Q(device=job.device_id) | Q(rollout=job.rollout_id) if job.rollout_id else Q(device=job.device_id)
    return _first_of_each_unit(_ready(now).filter(same))


def _stop_rollout(rollout: Rollout, now: datetime, why: LastLine) -> None:
    """Leave the units alone that have not begun, where the rollout is to stop at a failure; in any case those of
    later waves if the first wave failed, since it is there to find out."""
    waiting = Job.objects.waiting().filter(rollout=rollout, starts=0)
    if not rollout.stop_at_failure:
        if not Job.objects.over().filter(rollout=rollout, wave=0).exclude(state=_State.DONE).exists():
            return
        waiting = waiting.filter(wave__gt=0)
    for job in waiting.order_by("pk"):
        if Job.objects.waiting().filter(pk=job.pk, starts=0).update(state=_State.CANCELLED, ended=now):
            _line(job, why)


def _line(job: Job, line: LastLine) -> None:
    JobLine.objects.create(job=job, level=line.level, template=line.template, values=line.values)


def _tell_after_commit(job_ids: list[int]) -> None:
    if job_ids:
        transaction.on_commit(lambda: tell_workers(job_ids))
