"""Runs one job from its beginning, or from where a dead worker left it, to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from django.db import OperationalError
from django.utils.translation import gettext_noop

from devices import audit
from devices.ct6.errors import UnitError
from devices.holding import UnitBusy, alone
from devices.jobs import queue
from devices.jobs.progress import JobCancelled, JobLost, Progress
from devices.jobs.queue import LastLine
from devices.models import Job, JobLine

log = structlog.get_logger(__name__)

# In the memory of a job that failed: whether the same may succeed later with nothing changed.
RETRYABLE = "retryable"
# Does the work of one kind of job. May raise UnitError and JobCancelled; what is done is in `progress.job.memory`.
Work = Callable[[Progress], None]

_CANCELLED = LastLine(JobLine.Level.RESULT, gettext_noop("Cancelled. The unit was left as it was."))
_BROKEN = LastLine(
    JobLine.Level.ERROR,
    gettext_noop("Something broke on our side; the worker's log tells what. See the last step above."),
)


def run(job_id: int, kinds: Mapping[str, Work]) -> None:
    """Take the job and do it, if it can begin now. What goes wrong stands in its log; nothing is raised.

    Where the database fails in the middle, the job is left as if the worker had died: another one goes on.
    """
    try:
        job = queue.take(job_id, datetime.now(UTC))
        if job is not None:
            _run_alone(job, kinds)
    except OperationalError as error:
        log.warning("The database failed in the middle of a job; it is taken up again", job=job_id, reason=str(error))


def _run_alone(job: Job, kinds: Mapping[str, Work]) -> None:
    try:
        # As long as a worker counts as alive: whoever takes the job over finds the unit free.
        with alone(job.device, datetime.now(UTC), at_most=queue.DEAD_AFTER) as hold:
            _run(Progress(job, hold), kinds)
    except UnitBusy:
        queue.give_back(job)  # the beat tries it again


def _run(progress: Progress, kinds: Mapping[str, Work]) -> None:
    job = progress.job
    last: LastLine | None = None
    try:
        with audit.in_the_name_of(job.who_name):
            kinds[job.kind](progress)
    except JobLost:
        log.warning("A job was taken over by another worker", job=job.pk, unit=job.device.assy)
        return
    except JobCancelled:
        state, last = Job.State.CANCELLED, _CANCELLED
    except UnitError as error:
        state, last = Job.State.FAILED, LastLine(JobLine.Level.ERROR, error.template, error.values)
        Job.objects.running().filter(pk=job.pk, starts=job.starts).update(
            memory=job.memory | {RETRYABLE: error.retryable}
        )
        log.warning("A job failed", job=job.pk, unit=job.device.assy, reason=error.message)
    except OperationalError:
        raise
    except Exception:  # whatever it is, the job must not stand there as running for ever
        log.exception("A job broke", job=job.pk, unit=job.device.assy)
        state, last = Job.State.FAILED, _BROKEN
    else:
        state = Job.State.DONE
    queue.close(job, state, datetime.now(UTC), last)
