"""What a running job says of itself, and what it hears: that it shall stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from devices.ct6.errors import UnitError
from devices.holding import Hold
from devices.models import Job, JobLine

log = structlog.get_logger(__name__)

ALIVE_EVERY_S = 5.0
_Level = JobLine.Level


class JobCancelled(Exception):
    """Somebody asked to stop, at a place where the unit is left as it was."""


class JobLost(Exception):
    """Another worker has taken the job over, since this one gave no sign of life for too long: it must stop."""


class Progress:
    """Follows one running job. Its sentences are templates with named places; values are numbers and texts."""

    def __init__(self, job: Job, hold: Hold) -> None:
        self.job = job
        self._hold = hold
        self._alive_s = time.monotonic()

    def step(self, percent: float, template: str, **values: Any) -> None:
        """What begins now, and how much of the whole is done, from 0 to 100. Stops a job that was cancelled."""
        self.check_cancelled()
        self.at(percent)
        self._line(_Level.STEP, template, values)

    def at(self, percent: float) -> None:
        """How much is done, with nothing new to say."""
        self.job.percent = round(min(max(percent, 0.0), 100.0))
        self._still_ours(percent=self.job.percent)

    def note(self, template: str, **values: Any) -> None:
        self._line(_Level.NOTE, template, values)

    def warn(self, template: str, **values: Any) -> None:
        self._line(_Level.WARNING, template, values)

    def result(self, template: str, **values: Any) -> None:
        """The sentence that stands at the end of a job that succeeded."""
        self._line(_Level.RESULT, template, values)

    def error(self, template: str, **values: Any) -> None:
        """Why it failed, and what to do at the unit."""
        self._line(_Level.ERROR, template, values)

    def remember(self, **what: Any) -> None:
        """Keep what is done, so that a worker that takes the job over goes on from there."""
        self.job.memory |= what
        self._still_ours(memory=self.job.memory)

    def forbid_cancel(self) -> None:
        """From here on stopping would leave the unit half-changed. Stops a job that was cancelled until now."""
        self._still_ours()
        if not Job.objects.running().filter(pk=self.job.pk, cancel_wanted=False).update(may_cancel=False):
            raise JobCancelled
        self.job.may_cancel = False

    def ignore_cancel(self) -> None:
        """From here on a wish to stop is not heard, not even one that came already: the unit is being put in order."""
        self.job.may_cancel = False
        self._still_ours(may_cancel=False)

    def check_cancelled(self) -> None:
        """Raise JobCancelled if somebody asked to stop and that is still safe."""
        if self.job.may_cancel and Job.objects.filter(pk=self.job.pk, cancel_wanted=True).exists():
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        """Wait, giving signs of life. Stops a job that was cancelled."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 1.0))
            self.alive()
            self.check_cancelled()

    def wait_until(self, is_so: Callable[[], bool], *, within_s: float, every_s: float = 1.0) -> bool:
        """Ask until it is so; False if it never was. A unit that does not answer meanwhile counts as not yet."""
        until_s = time.monotonic() + within_s
        while True:
            try:
                if is_so():
                    return True
            except UnitError as error:
                if not error.retryable:
                    raise
            if time.monotonic() + every_s >= until_s:
                return False
            self.pause(every_s)

    def alive(self) -> None:
        """Give a sign of life, if the last one is some seconds old. To be called at least every half minute."""
        if time.monotonic() - self._alive_s >= ALIVE_EVERY_S:
            self._still_ours()

    def _still_ours(self, **changed: Any) -> None:
        """Write what has changed, and that we live. Raises JobLost if the job is no longer ours."""
        ours = Job.objects.filter(pk=self.job.pk, state=Job.State.RUNNING, starts=self.job.starts)
        if not ours.update(alive_at=datetime.now(UTC), **changed) or not self._hold.extend():
            raise JobLost
        self._alive_s = time.monotonic()

    def _line(self, level: JobLine.Level, template: str, values: dict[str, Any]) -> None:
        JobLine.objects.create(job=self.job, level=level, template=template, values=values)
        sentence = template % values if values else template
        log.info(sentence, unit=self.job.device.assy, job=self.job.pk, level=str(level))
