"""Which job begins when: one at a time per unit, in order, when its time and its wave have come."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from devices.jobs import queue
from devices.jobs.queue import LastLine
from devices.models import AuditEntry, Device, Job, JobLine
from tests.devices.jobs.works import (
    LATER,
    NOW,
    Kind,
    State,
    job_of,
    lines_of,
    make_rollout,
    reread,
    state_of,
    taken,
    unit_row,
)
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def device() -> Device:
    return unit_row()


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The jobs that the workers were told of; there are none, so they are not asked for."""
    ids: list[int] = []
    monkeypatch.setattr(queue, "tell_workers", ids.extend)
    return ids


# Asking


def test_a_job_is_told_to_the_workers_once_it_is_written(
    device: Device, told: list[int], django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        job = job_of(device)
        assert told == []
    assert told == [job.pk]
    assert (job.state, job.starts, job.percent) == (State.WAITING, 0, 0)


def test_a_job_for_later_or_of_a_later_wave_is_told_to_nobody_yet(
    device: Device, told: list[int], django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        job_of(device, not_before=LATER)
        job_of(device, rollout=make_rollout(), wave=1)
    assert told == []


# One at a time


def test_jobs_of_one_unit_begin_in_the_order_in_which_they_were_asked_for(device: Device) -> None:
    first, second = job_of(device), job_of(device)
    assert queue.due(NOW) == [first.pk]
    assert queue.take(second.pk, NOW) is None
    queue.close(taken(first), State.DONE, NOW)
    assert queue.due(NOW) == [second.pk]


def test_nothing_begins_while_something_runs_on_the_unit(device: Device) -> None:
    running, waiting = taken(job_of(device)), job_of(device)
    assert queue.due(NOW) == []
    assert queue.take(waiting.pk, NOW) is None
    assert reread(running).running_on_id == device.pk


def test_units_do_not_wait_for_each_other() -> None:
    first, second = job_of(unit_row(1)), job_of(unit_row(2))
    assert queue.due(NOW) == [first.pk, second.pk]
    taken(first)
    assert queue.due(NOW) == [second.pk]


def test_a_job_is_taken_once(device: Device) -> None:
    job = job_of(device)
    assert taken(job).starts == 1
    assert queue.take(job.pk, NOW) is None
    assert reread(job).starts == 1


def test_a_job_that_is_gone_is_taken_by_nobody(device: Device) -> None:
    job = job_of(device)
    Job.objects.all().delete()
    assert queue.take(job.pk, NOW) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", [True, False], ids=["the same job", "two jobs of one unit"])
def test_of_workers_that_take_at_the_same_moment_one_gets_it(device: Device, same: bool) -> None:
    for _round in range(5):
        jobs = [job_of(device)] * 4 if same else [job_of(device) for _ in range(4)]
        start = Barrier(len(jobs))

        def take(job: Job, start: Barrier = start) -> Job | None:
            try:
                start.wait(10)
                return queue.take(job.pk, NOW)
            finally:
                connection.close()

        with ThreadPoolExecutor(len(jobs)) as workers:
            got = [job for job in workers.map(take, jobs) if job is not None]
        assert len(got) == 1
        assert Job.objects.running().count() == 1
        assert Job.objects.get(running_on=device) == got[0]
        Job.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_lets_no_two_jobs_run_on_one_unit(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a worker looked before another one took its job, and takes its own behind that."""
    first, second = job_of(device), job_of(device)
    taken(first)
    monkeypatch.setattr(queue, "_ready", lambda _now: Job.objects.filter(pk=second.pk))
    assert queue.take(second.pk, NOW) is None
    assert (state_of(second), reread(second).starts) == (State.WAITING, 0)


# Later


def test_a_job_for_later_begins_at_its_time_and_holds_up_nobody(device: Device) -> None:
    later, now = job_of(device, not_before=LATER), job_of(device)
    assert queue.due(NOW) == [now.pk]
    queue.close(taken(now), State.DONE, NOW)
    assert queue.due(LATER - timedelta(seconds=1)) == []
    assert queue.due(LATER) == [later.pk]
    assert queue.take(later.pk, NOW) is None
    assert queue.take(later.pk, LATER) is not None


def test_a_job_whose_time_has_come_has_its_place_in_the_order(device: Device) -> None:
    later, after = job_of(device, not_before=LATER), job_of(device)
    assert queue.due(LATER) == [later.pk]
    assert queue.take(after.pk, LATER) is None


def test_a_job_that_waits_for_its_wave_holds_up_nobody() -> None:
    rollout = make_rollout()
    first, second = unit_row(1), unit_row(2)
    job_of(first, Kind.UPGRADE, rollout=rollout, wave=0, not_before=LATER)
    job_of(second, Kind.UPGRADE, rollout=rollout, wave=1)
    reboot = job_of(second)
    assert queue.due(NOW) == [reboot.pk]


# Giving back


def test_a_job_that_was_given_back_is_as_before(device: Device) -> None:
    job = taken(job_of(device))
    queue.give_back(job)
    again = reread(job)
    assert (again.state, again.starts, again.running_on_id, again.started) == (State.WAITING, 0, None, None)
    assert queue.due(NOW) == [job.pk]


def test_giving_back_again_and_again_counts_no_start_and_gives_up_nothing(device: Device) -> None:
    job = job_of(device)
    for _time in range(2 * queue.MOST_STARTS):
        queue.give_back(taken(job))
    assert taken(job).starts == 1


def test_a_job_that_was_begun_before_stays_begun_when_given_back(device: Device) -> None:
    job = taken(job_of(device))
    queue.recover(NOW + timedelta(minutes=2))
    queue.give_back(taken(job, NOW + timedelta(minutes=2)))
    again = reread(job)
    assert (again.starts, again.started) == (1, NOW)


def test_a_worker_gives_back_nothing_that_another_one_has_taken_over(device: Device) -> None:
    dead = taken(job_of(device))
    queue.recover(NOW + timedelta(minutes=2))
    taken(dead, NOW + timedelta(minutes=2))
    queue.give_back(dead)
    assert (state_of(dead), reread(dead).starts) == (State.RUNNING, 2)


# Ending


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_what_ends_frees_the_unit_and_says_its_last_line(device: Device, state: Job.State) -> None:
    job = taken(job_of(device))
    assert queue.close(job, state, LATER, LastLine(JobLine.Level.RESULT, "Took %(s)d s.", {"s": 3}))
    ended = reread(job)
    assert (ended.state, ended.running_on_id, ended.ended) == (state, None, LATER)
    assert ended.percent == (100 if state == State.DONE else 0)
    assert lines_of(job) == ["Took 3 s."]


def test_what_ends_tells_the_workers_only_of_what_waited_for_it(
    told: list[int], django_capture_on_commit_callbacks: object
) -> None:
    device = unit_row(1)
    first, second = job_of(device), job_of(device)
    job_of(unit_row(2))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        queue.close(taken(first), State.DONE, NOW)
    assert told == [second.pk]


def test_a_worker_that_was_given_up_ends_nothing(device: Device) -> None:
    dead = taken(job_of(device))
    queue.recover(NOW + timedelta(minutes=2))
    taken(dead, NOW + timedelta(minutes=2))
    said = lines_of(dead)
    assert not queue.close(dead, State.FAILED, NOW, LastLine(JobLine.Level.ERROR, "It broke."))
    assert (state_of(dead), lines_of(dead)) == (State.RUNNING, said)


# Cancelling


def test_what_has_not_begun_is_cancelled_at_once(device: Device) -> None:
    job = job_of(device)
    assert queue.cancel(job, NOW, who=None)
    assert (state_of(job), queue.due(NOW)) == (State.CANCELLED, [])
    assert lines_of(job) == ["Cancelled before it began; nothing was changed."]


def test_what_runs_is_asked_to_stop(device: Device) -> None:
    job = taken(job_of(device))
    assert queue.cancel(job, NOW, who=None)
    assert (state_of(job), reread(job).cancel_wanted) == (State.RUNNING, True)


def test_what_can_no_longer_stop_is_not_asked_to(device: Device) -> None:
    job = taken(job_of(device))
    Job.objects.filter(pk=job.pk).update(may_cancel=False)
    assert not queue.cancel(job, NOW, who=None)
    assert not reread(job).cancel_wanted


def test_what_is_over_is_not_cancelled(device: Device) -> None:
    job = taken(job_of(device))
    queue.close(job, State.DONE, NOW)
    assert not queue.cancel(job, NOW, who=None)
    assert state_of(job) == State.DONE


def test_what_waits_in_the_middle_is_not_called_unchanged(device: Device) -> None:
    job = taken(job_of(device))
    queue.recover(NOW + timedelta(minutes=2))
    assert queue.cancel(job, NOW, who=None)
    assert (state_of(job), reread(job).cancel_wanted) == (State.WAITING, True)
    Job.objects.filter(pk=job.pk).update(may_cancel=False, cancel_wanted=False)
    assert not queue.cancel(job, NOW, who=None)


def test_who_cancelled_a_job_is_in_the_audit_log_once(device: Device) -> None:
    user = get_user_model().objects.create_user("ann")
    waiting, running = job_of(device), taken(job_of(make_device("A2")))
    for job in (waiting, running, running):
        queue.cancel(job, NOW, who=user)
    first, second = AuditEntry.objects.order_by("pk")
    assert (first.who, first.device, first.action, first.before) == (user, device, "cancel", {"state": "waiting"})
    assert first.after == {"job": waiting.pk, "kind": str(waiting.kind), "state": "cancelled"}
    assert (second.device, second.before) == (running.device, {"state": "running"})
    assert second.after == {"job": running.pk, "kind": str(running.kind), "cancel_wanted": True}


def test_what_cannot_be_cancelled_leaves_no_note(device: Device) -> None:
    job = taken(job_of(device))
    queue.close(job, State.DONE, NOW)
    assert not queue.cancel(job, NOW, who=None)
    assert not AuditEntry.objects.exists()


# Workers that died


def test_a_worker_that_gives_no_sign_of_life_for_a_minute_is_dead(device: Device) -> None:
    job = taken(job_of(device))
    assert queue.recover(NOW + timedelta(seconds=60)) == []
    assert queue.recover(NOW + timedelta(seconds=61)) == [job.pk]
    again = reread(job)
    assert (again.state, again.running_on_id, again.starts) == (State.WAITING, None, 1)
    assert lines_of(job) == ["The worker was stopped in the middle; another one goes on."]


def test_what_a_dead_worker_remembered_is_kept(device: Device) -> None:
    job = taken(job_of(device))
    Job.objects.filter(pk=job.pk).update(memory={"erased": True}, may_cancel=False, percent=40)
    queue.recover(LATER)
    again = taken(job, LATER)
    assert (again.memory, again.may_cancel, again.percent, again.starts) == ({"erased": True}, False, 40, 2)


def test_a_job_whose_workers_die_again_and_again_is_given_up(device: Device) -> None:
    job = job_of(device)
    now = NOW
    for _start in range(queue.MOST_STARTS):
        taken(job, now)
        now += timedelta(minutes=2)
        queue.recover(now)
    ended = reread(job)
    assert (ended.state, ended.running_on_id, ended.ended) == (State.FAILED, None, now)
    assert "stopped 3 times" in lines_of(job)[-1]
    assert queue.due(now) == []


def test_a_worker_that_lives_after_all_keeps_its_job(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    job = taken(job_of(device))
    seen_dead = reread(job)
    Job.objects.filter(pk=job.pk).update(alive_at=LATER)
    assert not queue._recover(seen_dead, LATER)
    assert state_of(job) == State.RUNNING


@pytest.mark.django_db(transaction=True)
def test_of_two_that_recover_one_does(device: Device) -> None:
    job = taken(job_of(device))
    start = Barrier(2)

    def recover(_nth: int) -> list[int]:
        try:
            start.wait(10)
            return queue.recover(LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        recovered = list(workers.map(recover, range(2)))
    assert sorted(recovered) == [[], [job.pk]]
    assert len(lines_of(job)) == 1


# Rollouts


def in_waves(waves: list[int], **fields: object) -> list[Job]:
    rollout = make_rollout(**fields)
    return [job_of(unit_row(n), Kind.UPGRADE, rollout=rollout, wave=wave) for n, wave in enumerate(waves, 1)]


def test_a_wave_begins_when_those_before_are_done() -> None:
    trial, second, third, last = in_waves([0, 1, 1, 2])
    assert queue.due(NOW) == [trial.pk]
    trial = taken(trial)
    assert queue.due(NOW) == []
    queue.close(trial, State.DONE, NOW)
    assert queue.due(NOW) == [second.pk, third.pk]
    queue.close(taken(second), State.DONE, NOW)
    assert queue.due(NOW) == [third.pk]
    queue.close(taken(third), State.DONE, NOW)
    assert queue.due(NOW) == [last.pk]


@pytest.mark.parametrize("stop_at_failure", [True, False])
@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_where_the_first_unit_fails_no_other_begins(stop_at_failure: bool, state: Job.State) -> None:
    trial, second, third = in_waves([0, 1, 2], stop_at_failure=stop_at_failure)
    queue.close(taken(trial), state, NOW)
    assert [state_of(job) for job in (second, third)] == [State.CANCELLED] * 2
    assert "Nothing was changed" in lines_of(second)[0]
    assert queue.due(NOW) == []


def test_a_later_failure_stops_those_that_have_not_begun() -> None:
    trial, runs, fails, waits, last = in_waves([0, 1, 1, 1, 2])
    queue.close(taken(trial), State.DONE, NOW)
    runs, fails = taken(runs), taken(fails)
    queue.close(fails, State.FAILED, NOW)
    assert [state_of(job) for job in (runs, waits, last)] == [State.RUNNING, State.CANCELLED, State.CANCELLED]


def test_a_later_failure_stops_nobody_where_that_was_not_asked_for() -> None:
    trial, fails, waits, last = in_waves([0, 1, 1, 2], stop_at_failure=False)
    queue.close(taken(trial), State.DONE, NOW)
    queue.close(taken(fails), State.FAILED, NOW)
    assert queue.due(NOW) == [waits.pk]
    queue.close(taken(waits), State.DONE, NOW)
    assert queue.due(NOW) == [last.pk]


def test_a_unit_in_the_middle_is_not_stopped_by_another_one_s_failure() -> None:
    trial, begun, fails = in_waves([0, 1, 1])
    queue.close(taken(trial), State.DONE, NOW)
    taken(begun)
    queue.recover(LATER)  # its worker died: it waits, but half-changed
    queue.close(taken(fails, LATER), State.FAILED, LATER)
    assert state_of(begun) == State.WAITING
    assert queue.due(LATER) == [begun.pk]


def test_a_rollout_stops_also_where_the_worker_of_its_first_unit_died_too_often() -> None:
    trial, second = in_waves([0, 1])
    now = NOW
    for _start in range(queue.MOST_STARTS):
        taken(trial, now)
        now += timedelta(minutes=2)
        queue.recover(now)
    assert (state_of(trial), state_of(second)) == (State.FAILED, State.CANCELLED)


def test_cancelling_the_first_unit_stops_the_others() -> None:
    trial, second = in_waves([0, 1])
    queue.cancel(trial, NOW, who=None)
    assert state_of(second) == State.CANCELLED
    assert lines_of(second) == [
        "Not begun, since the upgrade of another unit of this rollout was cancelled. Nothing was changed."
    ]


def test_units_that_are_not_begun_after_a_failure_are_told_so() -> None:
    trial, second = in_waves([0, 1])
    queue.close(taken(trial), State.FAILED, NOW)
    assert lines_of(second) == ["Not begun, since another unit of this rollout failed. Nothing was changed."]


# Cheapness


def past_jobs(device: Device, count: int) -> None:
    rollout = make_rollout()
    Job.objects.bulk_create(
        Job(device=device, kind=Kind.UPGRADE, state=State.DONE, ended=NOW, rollout=rollout) for _ in range(count)
    )


def test_past_jobs_cost_nothing(device: Device) -> None:
    past_jobs(device, 3000)
    job = job_of(device)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert queue.due(NOW) == [job.pk]
    assert len(queries) == 1


def test_no_look_goes_through_all_jobs(device: Device) -> None:
    past_jobs(device, 3000)
    job_of(device)
    searched, scanned, plan = told_plan(queue._ready(NOW).order_by())
    assert searched
    assert not scanned
    assert "device_id_" not in plan  # the key by which all past jobs of a unit are found
    # What would be wrong is seen.
    assert told_plan(Job.objects.filter(percent=3))[1]
    assert "device_id_" in told_plan(Job.objects.filter(device=device.pk + 1))[2]


def told_plan(rows: QuerySet[Job]) -> tuple[bool, bool, str]:
    """Whether a table is searched by a key, whether one is gone through, and the names of the keys."""
    if connection.vendor == "sqlite":
        plan = rows.explain()
        return "SEARCH" in plan, "SCAN devices_job" in plan, " ".join(re.findall(r"INDEX (\w+)", plan))
    with connection.cursor() as cursor, suppress(OperationalError):  # MySQL 9 tells it in another form else
        cursor.execute("SET SESSION explain_json_format_version = 1")
    plan = rows.explain(format="JSON")  # quoted once more or not, depending on the version
    ways = set(re.findall(r"\Waccess_type\W+(\w+)", plan))
    return (
        bool(ways & {"range", "ref", "eq_ref"}),
        bool(ways & {"ALL", "index"}),
        " ".join(re.findall(r"\Wkey\W+(\w+)", plan)),
    )
