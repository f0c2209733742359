"""A sweep that a worker makes: followed in its row, one at a time, stopped, and closed where its worker died."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from ct6site.celery import app
from devices import discovery, sweeping, tasks
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.sweep import NotSwept
from devices.discovery import Found
from devices.models import AuditEntry, Sweep
from tests.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

State = Sweep.State


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the workers were told."""
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(app, "send_task", lambda name, arguments: told.append((name, arguments)))
    return told


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(1, http_port=0, ayt_port=0) as fleet:
        yield fleet


def ask(fleet: Fleet, network: str = "127.0.0.0/29") -> Sweep:
    return sweeping.ask([network], None, http_port=fleet.units[0].http_port)


def test_a_sweep_is_written_down_first_and_sent_second(
    sent: list[tuple[str, Any]], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    anna = make_user("anna")
    with django_capture_on_commit_callbacks(execute=True):
        row = sweeping.ask(["192.168.1.0/24"], anna)
        assert not sent
    assert sent == [("devices.tasks.run_sweep", (row.pk,))]
    assert (row.state, row.total, row.http_port, row.who) == (State.WAITING, 254, 80, anna)


def test_what_must_not_be_swept_makes_no_row() -> None:
    with pytest.raises(NotSwept):
        sweeping.ask(["8.8.8.0/24"], None)
    assert not Sweep.objects.exists()


def test_the_result_stands_in_the_row(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    row = ask(fleet)
    tasks.run_sweep(row.pk)
    row.refresh_from_db()
    assert (row.state, row.running, row.asked, row.total) == (State.DONE, None, 6, 6)
    assert row.started is not None
    assert row.ended is not None
    [unit] = row.found["units"]
    assert (unit["assy"], unit["address"], unit["marks"]) == (fleet.units[0].assy, "127.0.0.2", ["new"])


def test_progress_is_written_while_it_runs(
    sent: list[tuple[str, Any]], fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_WRITTEN_EVERY_S", 0.0)
    row = ask(fleet)
    seen: list[tuple[str, int]] = []
    write = sweeping._Writer.write

    def watch(writer: Any, found: Found) -> None:
        write(writer, found)
        row.refresh_from_db()
        seen.append((row.state, row.asked))

    monkeypatch.setattr(sweeping._Writer, "write", watch)
    sweeping.run(row.pk)
    assert seen == [(State.RUNNING, asked) for asked in range(1, 7)]


def test_a_sweep_runs_once(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    row = ask(fleet)
    sweeping.run(row.pk)
    requests = len(fleet.units[0].requests)
    sweeping.run(row.pk)
    sweeping.run(4711)
    assert len(fleet.units[0].requests) == requests


def test_one_runs_at_a_time_and_the_next_follows(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    first, second = ask(fleet), ask(fleet)
    Sweep.objects.filter(pk=first.pk).update(state=State.RUNNING, running=True, alive_at=timezone.now())
    sweeping.run(second.pk)
    second.refresh_from_db()
    assert (second.state, sweeping.due()) == (State.WAITING, [])
    Sweep.objects.filter(pk=first.pk).update(state=State.WAITING, running=None)
    sweeping.run(first.pk)
    assert sent[-1] == ("devices.tasks.run_sweep", (second.pk,))


def test_a_stopped_sweep_keeps_what_it_found(
    sent: list[tuple[str, Any]], fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_WRITTEN_EVERY_S", 0.0)
    row = ask(fleet, "127.0.0.0/26")
    write = sweeping._Writer.write

    def stop_at_the_unit(writer: Any, found: Found) -> None:
        write(writer, found)
        if found.units:
            assert sweeping.cancel(row, who=None)

    monkeypatch.setattr(sweeping._Writer, "write", stop_at_the_unit)
    sweeping.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.running, len(row.found["units"])) == (State.CANCELLED, None, 1)
    assert row.asked < 62
    assert not sweeping.cancel(row, who=None)


def test_one_that_waits_is_stopped_at_once(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    row = ask(fleet)
    assert sweeping.cancel(row, who=None)
    sweeping.run(row.pk)
    assert not fleet.units[0].requests


def test_who_stopped_it_is_noted_and_how_far_it_was(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    anna = make_user("anna")
    row = ask(fleet, "127.0.0.0/26")
    sweeping.cancel(row, who=anna)
    entries = AuditEntry.objects.order_by("pk").values_list("action", "who__username", "after")
    assert list(entries) == [
        ("sweep", None, {"networks": ["127.0.0.0/26"], "asked": 0}),
        ("cancel", "anna", {"networks": ["127.0.0.0/26"], "asked": 0}),
    ]


def test_a_dead_worker_leaves_no_sweep_running(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    now = timezone.now()
    row, following = ask(fleet), ask(fleet)
    Sweep.objects.filter(pk=row.pk).update(state=State.RUNNING, running=True, alive_at=now - timedelta(minutes=2))
    tasks.start_due_jobs()
    row.refresh_from_db()
    assert (row.state, row.running) == (State.FAILED, None)
    assert "worker was stopped in the middle" in row.error
    assert sent[-1] == ("devices.tasks.run_sweep", (following.pk,))


def test_a_living_one_is_left_alone(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    row = ask(fleet)
    Sweep.objects.filter(pk=row.pk).update(state=State.RUNNING, running=True, alive_at=timezone.now())
    sweeping.recover(timezone.now())
    row.refresh_from_db()
    assert row.state == State.RUNNING


def test_one_that_breaks_says_so(sent: list[tuple[str, Any]], fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_options: Any) -> Found:
        raise RuntimeError("a bug")

    monkeypatch.setattr(discovery, "sweep", broken)
    row = ask(fleet)
    sweeping.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.running) == (State.FAILED, None)
    assert "worker's log" in row.error


def test_old_results_are_forgotten(sent: list[tuple[str, Any]], fleet: Fleet) -> None:
    old = [Sweep.objects.create(networks=["127.0.0.1"], state=State.DONE, ended=timezone.now()) for _ in range(25)]
    sweeping.run(ask(fleet).pk)
    assert Sweep.objects.count() == 20
    assert not Sweep.objects.filter(pk=old[0].pk).exists()
