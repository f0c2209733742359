"""A job runs to its end, however that is, and never stands there as running for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from devices.ct6.errors import UnitUnreachable
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.jobs.progress import JobCancelled, Progress
from devices.models import Device, Job, JobLine
from tests.devices.jobs.works import Kind, State, job_of, kinds, lines_of, reread, state_of, unit_row

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

Work = Callable[[Progress], None]


@pytest.fixture
def device() -> Device:
    return unit_row()


@pytest.fixture(autouse=True)
def nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "tell_workers", lambda _ids: None)


def run(job: Job, work: Work) -> Job:
    runner.run(job.pk, kinds(work))
    return reread(job)


def raising(error: BaseException) -> Work:
    def work(_progress: Progress) -> None:
        raise error

    return work


def recover_and_run(job: Job, work: Work) -> Job:
    """As after a worker's death, a minute later; the hold of the dead worker has run out by then."""
    over = datetime.now(UTC) - queue.DEAD_AFTER - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(alive_at=over)
    Device.objects.filter(held_until__isnull=False).update(held_until=over + queue.DEAD_AFTER)
    assert queue.recover(datetime.now(UTC)) == [job.pk]
    return run(job, work)


def test_what_goes_well_is_done(device: Device) -> None:
    seen: list[datetime | None] = []

    def work(progress: Progress) -> None:
        seen.append(Device.objects.get(pk=device.pk).held_until)
        progress.step(50, "Half of it")
        progress.result("All of it")

    job = run(job_of(device), work)
    assert (job.state, job.percent, job.running_on_id) == (State.DONE, 100, None)
    assert lines_of(job) == ["Half of it", "All of it"]
    assert seen != [None]
    assert Device.objects.get(pk=device.pk).held_until is None


def test_what_the_unit_did_not_do_is_a_failure_in_its_words(device: Device) -> None:
    job = run(job_of(device), raising(UnitUnreachable("u", "no answer from %(address)s.", {"address": "127.0.0.9"})))
    [line] = JobLine.objects.all()
    assert (job.state, line.level, line.text) == (State.FAILED, "error", "no answer from 127.0.0.9.")


def test_what_was_cancelled_says_that_the_unit_is_as_it_was(device: Device) -> None:
    job = run(job_of(device), raising(JobCancelled()))
    assert (job.state, lines_of(job)) == (State.CANCELLED, ["Cancelled. The unit was left as it was."])


def test_what_breaks_on_our_side_is_a_failure_and_is_logged(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    job = run(job_of(device), raising(ZeroDivisionError()))
    assert job.state == State.FAILED
    assert "Something broke on our side" in lines_of(job)[0]
    assert "ZeroDivisionError" in caplog.text


def test_a_kind_that_nobody_knows_is_a_failure(device: Device) -> None:
    job = job_of(device)
    runner.run(job.pk, {})
    assert state_of(job) == State.FAILED


def test_a_unit_that_is_busy_gets_its_job_later(device: Device) -> None:
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=1))
    job = run(job_of(device), raising(AssertionError("it must not begin")))
    assert (job.state, job.starts, lines_of(job)) == (State.WAITING, 0, [])
    Device.objects.update(held_until=None)
    assert run(job, lambda _progress: None).state == State.DONE


def test_what_cannot_begin_is_left_alone(device: Device) -> None:
    job = job_of(device, not_before=datetime.now(UTC) + timedelta(hours=1))
    assert run(job, raising(AssertionError("it must not begin"))).state == State.WAITING
    runner.run(4711, {})


def test_where_the_database_fails_another_worker_goes_on(device: Device) -> None:
    job = run(job_of(device), raising(OperationalError("server has gone away")))
    assert (job.state, lines_of(job)) == (State.RUNNING, [])
    assert recover_and_run(job, lambda _progress: None).state == State.DONE


def test_a_worker_that_lost_its_job_ends_nothing(device: Device) -> None:
    def lost(progress: Progress) -> None:
        Job.objects.filter(pk=progress.job.pk).update(starts=2)  # another one has it
        progress.step(90, "Sending")

    job = run(job_of(device), lost)
    assert (job.state, job.percent, lines_of(job)) == (State.RUNNING, 0, [])


def test_a_device_deleted_under_its_job_breaks_no_worker(device: Device) -> None:
    def delete(progress: Progress) -> None:
        device.delete()
        progress.step(50, "Half of it")

    runner.run(job_of(device).pk, kinds(delete))
    assert not Job.objects.exists()


def test_what_one_worker_remembered_the_next_one_goes_on_from(device: Device) -> None:
    done: list[str] = []

    def work(progress: Progress) -> None:
        if "first" not in progress.job.memory:
            done.append("first")
            progress.remember(first=True)
            raise OperationalError("as good as dead")
        done.append("second")

    job = recover_and_run(run(job_of(device), work), work)
    assert (job.state, job.starts, done) == (State.DONE, 2, ["first", "second"])


def test_a_cancelled_job_whose_worker_died_is_stopped_by_the_next_one(device: Device) -> None:
    job = run(job_of(device), raising(OperationalError("as good as dead")))
    queue.cancel(job, datetime.now(UTC), who=None)
    job = recover_and_run(job, lambda progress: progress.step(10, "Next"))
    assert job.state == State.CANCELLED


@pytest.mark.parametrize("kind", [Kind.REBOOT, Kind.POWER_CYCLE, Kind.RESET])
def test_each_way_to_restart_is_a_kind_of_work(kind: Job.Kind) -> None:
    assert callable(KINDS[kind])
