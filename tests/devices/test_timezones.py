"""A device's zone is a real one, and its days are computed anew when it changes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from celery.signals import before_task_publish
from django.contrib.auth import get_user_model

from devices.models import AuditEntry
from devices.timezones import REBUILD_TASK, UnknownTimeZone, change_timezone, known_timezones
from readings.tasks import rebuild_days
from tests.factories import make_device

pytestmark = pytest.mark.django_db

Commit = Callable[..., AbstractContextManager[list[Callable[[], None]]]]


@pytest.fixture
def published() -> Iterator[list[tuple[str, str, list[int]]]]:
    """The tasks that were sent to the broker: name, queue and arguments."""
    sent: list[tuple[str, str, list[int]]] = []

    def note(sender: str, body: tuple[list[int], object, object], routing_key: str, **_: object) -> None:
        sent.append((sender, routing_key, list(body[0])))

    before_task_publish.connect(note)
    yield sent
    before_task_publish.disconnect(note)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "europe london", "../../etc/passwd"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    device = make_device()
    with pytest.raises(UnknownTimeZone, match="like Europe/London"):
        change_timezone(device, zone, who=None)
    device.refresh_from_db()
    assert device.timezone == "UTC"


def test_a_change_starts_the_rebuild_after_the_commit(
    published: list[object], django_capture_on_commit_callbacks: Commit
) -> None:
    device = make_device()
    with django_capture_on_commit_callbacks(execute=True):
        assert change_timezone(device, "Asia/Kathmandu", who=None) is True
        assert published == []
    device.refresh_from_db()
    assert device.timezone == "Asia/Kathmandu"
    assert published == [("readings.tasks.rebuild_days", "rollups", [device.pk])]


def test_the_task_that_is_started_exists() -> None:
    assert rebuild_days.name == REBUILD_TASK


def test_the_same_zone_again_starts_nothing(django_capture_on_commit_callbacks: Commit) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        assert change_timezone(make_device(), "UTC", who=None) is False
    assert callbacks == []
    assert not AuditEntry.objects.exists()


def test_a_change_is_in_the_audit_log() -> None:
    device, user = make_device(), get_user_model().objects.create_user("ann")
    change_timezone(device, "Asia/Kathmandu", who=user)
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.device, entry.action) == (user, device, "time_zone")
    assert (entry.before, entry.after) == ({"timezone": "UTC"}, {"timezone": "Asia/Kathmandu"})


def test_the_zones_offered_hold_no_alias_of_this_machine() -> None:
    assert {"Europe/London", "UTC", "Asia/Kathmandu"} <= set(known_timezones())
    assert "localtime" not in known_timezones()
