"""Seeing jobs through: by a worker, or here if none takes them; with what they say, and how it ended."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models.signals import post_save
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.jobs.runner import RETRYABLE
from devices.management.ct6.call import FAILED, UNREACHABLE, Call, Failed, when
from devices.models import Job, JobLine

TAKEN_WITHIN_S = 3.0  # a worker that lives and is free takes a job at once
LOOK_EVERY_S = 0.3
INTERRUPTED = 130

_Level = JobLine.Level
# Results and errors are not among them: they stand at the end.
_STYLES = {_Level.STEP: "bold", _Level.NOTE: "", _Level.WARNING: "yellow"}


def see_through(call: Call, *jobs: Job) -> None:
    """Wait until the jobs are over, doing those here that no worker takes, and print what became of them.

    With --no-wait, and for jobs that begin later, only their ids are printed. Raises Failed for the first that did
    not succeed.
    """
    now = datetime.now(UTC)
    begins_later = [job for job in jobs if job.not_before is not None and job.not_before > now]
    if call.options.get("no_wait") or begins_later:
        _show_asked(call, jobs)
        return
    bar = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*bar, console=call.news, transient=True, disable=not call.news.is_terminal) as shown:
        for job in jobs:
            _see_one_through(_Shown(shown, job, call.who, several=len(jobs) > 1))
    show_jobs(call, [_reread(job) for job in jobs])


def show_jobs(call: Call, jobs: Sequence[Job]) -> None:
    """How jobs ended. Raises Failed if one of them did not succeed."""
    ends = [f"{job.device}: {end_of(job)}" for job in jobs if len(jobs) > 1 or job.state == Job.State.DONE]
    call.show({"jobs": [as_json(job) for job in jobs]}, *ends)
    for state in (Job.State.FAILED, Job.State.CANCELLED):
        for job in jobs:
            if job.state == state:
                code = UNREACHABLE if job.memory.get(RETRYABLE) is True else FAILED
                raise Failed(f"{job.device.assy}: {end_of(job)}", code)


def as_json(job: Job) -> dict[str, Any]:
    """A job with its lines; of an upgrade also the bytes and seconds of each file."""
    told: dict[str, Any] = {
        "id": job.pk,
        "unit": job.device.assy,
        **{name: getattr(job, name) for name in ("kind", "state", "percent", "made", "not_before", "started", "ended")},
        "may_cancel": job.may_cancel and not job.is_over,
        "lines": [{"at": line.at, "level": line.level, "text": line.text} for line in job.lines.all()],
    }
    if job.kind == Job.Kind.UPGRADE:
        told |= {"sent": job.memory.get("sent"), "files": job.memory.get("files", [])}
    return told


def end_of(job: Job) -> str:
    """The sentence at the end of its log, or how far it is."""
    last = job.lines.filter(level__in=(_Level.RESULT, _Level.ERROR)).last()
    return last.text if last is not None and job.is_over else f"{job.get_state_display()}, {job.percent} %"


class _Shown:
    """A job's bar, and those of its lines that were printed already."""

    def __init__(self, bar: Progress, job: Job, who: Any, *, several: bool) -> None:
        self.job = job
        self.who = who
        self._bar = bar
        self._prefix = f"{job.device}: " if several else ""
        self._printed = 0
        self._task = bar.add_task(f"{job.device}: {job.get_kind_display()}", total=100)

    def catch_up(self) -> Job:
        """Print what was said since, and give the job as it is now."""
        for line in JobLine.objects.filter(job=self.job, pk__gt=self._printed):
            self._print(line)
        job = _reread(self.job)
        self._bar.update(self._task, completed=job.percent, visible=not job.is_over)
        return job

    @contextmanager
    def live(self) -> Iterator[None]:
        """Print each line as it is written by this process."""

        def said(instance: JobLine, **_rest: Any) -> None:
            if instance.job_id == self.job.pk:
                self._print(instance)
                self._bar.update(self._task, completed=instance.job.percent)

        post_save.connect(said, sender=JobLine, weak=False)
        try:
            yield
        finally:
            post_save.disconnect(said, sender=JobLine)

    def say(self, sentence: str) -> None:
        self._bar.console.print(Text(f"{self._prefix}{sentence}"), soft_wrap=True)

    def _print(self, line: JobLine) -> None:
        self._printed = line.pk
        style = _STYLES.get(_Level(line.level))
        if style is not None:
            self._bar.console.print(Text(f"{self._prefix}{line.text}", style=style), soft_wrap=True)


def _see_one_through(shown: _Shown) -> None:
    try:
        until_s = time.monotonic() + TAKEN_WITHIN_S
        tries = 0
        while True:
            queue.recover(datetime.now(UTC))
            job = shown.catch_up()
            if job.is_over:
                return
            if job.state == Job.State.WAITING and time.monotonic() >= until_s:
                tries += 1
                if tries == 2:
                    shown.say("Other work on the unit is going on; this follows.")
                _do_here(shown)
                until_s = time.monotonic() + TAKEN_WITHIN_S
            else:
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        sentence = f"Job {shown.job.pk} goes on without you. Follow it: ct6 {shown.job.device.assy} job {shown.job.pk}"
        raise Failed(sentence, INTERRUPTED) from None


def _do_here(shown: _Shown) -> None:
    """Do what a worker would do, if it can begin now."""
    with shown.live(), _stopped_safely(shown):
        runner.run(shown.job.pk, KINDS)


@contextmanager
def _stopped_safely(shown: _Shown) -> Iterator[None]:
    """An interrupt in the middle of work on a unit stops it where that leaves the unit as it was."""

    def cancel() -> None:
        try:
            stops = queue.cancel(shown.job, datetime.now(UTC), who=shown.who)
        finally:
            connection.close()
        shown.say("Stopping." if stops else "It cannot be stopped now: the unit would be left half-changed.")

    def on_interrupt(*_signal: object) -> None:
        # In a thread, with a connection of its own: this one may be in the middle of a query. In the same name, though.
        threading.Thread(target=copy_context().run, args=(cancel,)).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _reread(job: Job) -> Job:
    return Job.objects.select_related("device", "who").get(pk=job.pk)


def _show_asked(call: Call, jobs: Sequence[Job]) -> None:
    sentences = []
    for job in jobs:
        begins = f", begins {when(job.not_before)}" if job.not_before else ""
        sentences.append(f"{job.device}: job {job.pk} was asked for ({job.get_kind_display()}{begins}).")
    call.show({"jobs": [as_json(job) for job in jobs]}, *sentences)
