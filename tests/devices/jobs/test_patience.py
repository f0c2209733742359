"""Doing something again while a unit fails in a way that may pass."""

from datetime import UTC, datetime

import pytest

from devices.ct6.errors import UnitRefused, UnitUnreachable
from devices.holding import alone
from devices.jobs import queue
from devices.jobs.patience import patiently
from devices.jobs.progress import Progress
from devices.models import Job
from tests.factories import make_device

pytestmark = pytest.mark.django_db


class Flaky:
    """Fails so often, and then works."""

    def __init__(self, failures: int, error: type[UnitUnreachable | UnitRefused] = UnitUnreachable) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error("unit", f"failure {self.calls}")
        return "done"


def attempt(act: Flaky, *, within_s: float) -> str:
    job = queue.ask(make_device(), Job.Kind.BACKUP, who=None)
    running = queue.take(job.pk, datetime.now(UTC))
    assert running is not None
    with alone(running.device, datetime.now(UTC)) as hold:
        return patiently(Progress(running, hold), act, within_s=within_s, every_s=0.01)


def test_what_works_at_the_third_time_has_worked() -> None:
    assert attempt(Flaky(2), within_s=5.0) == "done"


def test_the_last_failure_is_told() -> None:
    act = Flaky(1000)
    with pytest.raises(UnitUnreachable) as failure:
        attempt(act, within_s=0.05)
    assert failure.value.message == f"failure {act.calls}"
    assert act.calls > 1


def test_without_patience_it_is_tried_once() -> None:
    act = Flaky(1)
    with pytest.raises(UnitUnreachable):
        attempt(act, within_s=0.0)
    assert act.calls == 1


def test_what_cannot_pass_is_not_tried_again() -> None:
    act = Flaky(1, UnitRefused)
    with pytest.raises(UnitRefused):
        attempt(act, within_s=5.0)
    assert act.calls == 1
