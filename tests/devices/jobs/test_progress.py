"""What a running job says of itself, and how it hears that it shall stop or that it is no longer the worker's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from devices.ct6.errors import UnitRefused, UnitUnreachable
from devices.jobs import progress as progress_module
from devices.jobs import queue
from devices.jobs.progress import JobCancelled, JobLost, Progress
from devices.models import Device, Job, JobLine
from tests.devices.jobs.works import job_of, lines_of, progress_of, reread, taken, unit_row

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def progress() -> Progress:
    return progress_of(taken(job_of(unit_row()), datetime.now(UTC)))


def lose(progress: Progress) -> None:
    """As if the worker had been taken for dead and another one had taken the job."""
    Job.objects.filter(pk=progress.job.pk).update(alive_at=datetime.now(UTC) - timedelta(hours=1))
    queue.recover(datetime.now(UTC))
    taken(progress.job, datetime.now(UTC))


def test_a_step_tells_what_begins_and_how_much_is_done(progress: Progress) -> None:
    progress.step(40, "Sending %(name)s", name="app.mpy")
    line = JobLine.objects.get()
    assert (line.level, line.text, line.template) == (JobLine.Level.STEP, "Sending app.mpy", "Sending %(name)s")
    assert reread(progress.job).percent == 40


@pytest.mark.parametrize(("said", "kept"), [(-5, 0), (33.4, 33), (250, 100)])
def test_progress_stays_between_0_and_100(progress: Progress, said: float, kept: int) -> None:
    progress.at(said)
    assert reread(progress.job).percent == kept


def test_each_kind_of_line_has_its_level(progress: Progress) -> None:
    progress.note("100 % sure")  # no values: the text as it stands
    progress.warn("Slow")
    progress.result("Done")
    progress.error("Broken")
    assert list(JobLine.objects.values_list("level", "template")) == [
        ("note", "100 % sure"), ("warning", "Slow"), ("result", "Done"), ("error", "Broken")
    ]  # fmt: skip


def test_what_is_remembered_is_kept_beside_what_was(progress: Progress) -> None:
    progress.remember(erased=True)
    progress.remember(sent=["a"])
    assert reread(progress.job).memory == {"erased": True, "sent": ["a"]}


# Stopping


def test_a_job_that_is_cancelled_stops_at_its_next_step_and_says_nothing_more(progress: Progress) -> None:
    assert queue.cancel(progress.job, datetime.now(UTC), who=None)
    with pytest.raises(JobCancelled):
        progress.step(10, "Next")
    assert lines_of(progress.job) == []


def test_a_job_that_waits_stops_while_it_waits(progress: Progress) -> None:
    queue.cancel(progress.job, datetime.now(UTC), who=None)
    with pytest.raises(JobCancelled):
        progress.pause(30)


def test_a_unit_is_put_in_order_whoever_wished_to_stop(progress: Progress) -> None:
    queue.cancel(progress.job, datetime.now(UTC), who=None)
    progress.ignore_cancel()
    progress.step(10, "Putting the gains of before back")
    progress.pause(0.001)
    assert lines_of(progress.job) == ["Putting the gains of before back"]
    assert not reread(progress.job).may_cancel


def test_past_the_point_of_no_return_nothing_is_cancelled(progress: Progress) -> None:
    progress.forbid_cancel()
    assert not queue.cancel(progress.job, datetime.now(UTC), who=None)
    progress.step(50, "Next")


def test_what_was_cancelled_before_does_not_pass_the_point_of_no_return(progress: Progress) -> None:
    queue.cancel(progress.job, datetime.now(UTC), who=None)
    with pytest.raises(JobCancelled):
        progress.forbid_cancel()
    assert reread(progress.job).may_cancel


def test_a_job_that_is_taken_up_again_is_past_that_point_still(progress: Progress) -> None:
    progress.forbid_cancel()
    progress.forbid_cancel()
    assert not reread(progress.job).may_cancel


# Still ours


def test_each_sign_of_life_keeps_job_and_unit(progress: Progress) -> None:
    long_ago = datetime.now(UTC) - timedelta(seconds=40)
    Job.objects.filter(pk=progress.job.pk).update(alive_at=long_ago)
    held_before = Device.objects.get().held_until
    progress.at(1)
    alive_at, held_until = reread(progress.job).alive_at, Device.objects.get().held_until
    assert alive_at is not None
    assert held_until is not None
    assert held_before is not None
    assert alive_at > long_ago
    assert held_until > held_before


def test_signs_of_life_are_some_seconds_apart(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reread(progress.job).alive_at
    progress.alive()
    assert reread(progress.job).alive_at == before
    monkeypatch.setattr(progress_module, "ALIVE_EVERY_S", 0.0)
    progress.alive()
    assert reread(progress.job).alive_at != before


@pytest.mark.parametrize("act", ["step", "at", "remember", "forbid_cancel"])
def test_a_worker_whose_job_was_taken_over_stops(progress: Progress, act: str) -> None:
    lose(progress)
    said = lines_of(progress.job)
    calls = {
        "step": lambda: progress.step(90, "Sending"),
        "at": lambda: progress.at(90),
        "remember": lambda: progress.remember(sent=True),
        "forbid_cancel": progress.forbid_cancel,
    }
    with pytest.raises(JobLost):
        calls[act]()
    now = reread(progress.job)
    assert (now.percent, now.memory, now.may_cancel, lines_of(progress.job)) == (0, {}, True, said)


def test_a_worker_whose_unit_was_taken_over_stops(progress: Progress) -> None:
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=3))
    with pytest.raises(JobLost):
        progress.at(50)


def test_a_worker_whose_unit_was_deleted_stops(progress: Progress) -> None:
    Device.objects.all().delete()
    with pytest.raises(JobLost):
        progress.at(50)


# Waiting


def test_waiting_ends_as_soon_as_it_is_so(progress: Progress) -> None:
    answers = iter([False, True])
    began_s = time.monotonic()
    assert progress.wait_until(lambda: next(answers), within_s=30, every_s=0.01)
    assert time.monotonic() - began_s < 10


def test_waiting_ends_when_it_never_is(progress: Progress) -> None:
    assert not progress.wait_until(lambda: False, within_s=0.05, every_s=0.01)


def test_a_unit_that_does_not_answer_meanwhile_is_waited_for(progress: Progress) -> None:
    answers = iter([False, True])

    def is_back() -> bool:
        if not next(answers):
            raise UnitUnreachable("unit", "it is away.")
        return True

    assert progress.wait_until(is_back, within_s=30, every_s=0.01)


def test_what_another_try_cannot_cure_is_not_waited_for(progress: Progress) -> None:
    def refuses() -> bool:
        raise UnitRefused("unit", "it refused.")

    with pytest.raises(UnitRefused):
        progress.wait_until(refuses, within_s=30, every_s=0.01)
