"""The tasks of the rollups' worker, as Celery's schedule and other parts name them."""

import time
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from devices import timezones
from devices.models import Device
from readings import heartbeats, tasks
from readings.models import DeviceReading, DirtyBucket, Heartbeat, PortDay, PortMinute
from readings.periods import HOUR_MS, floor_minute, format_time
from readings.retention_models import Retention
from readings.store import rollups
from readings.store.archive import archiving
from readings.store.rollups import RolledUp
from readings.turn import Turn
from tests.factories import make_device, store_reading

pytestmark = pytest.mark.django_db


def test_the_schedules_tasks_exist() -> None:
    scheduled = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    ours = {name for name in scheduled if name.startswith("readings.")}
    archive = {tasks.archive.name, tasks.sweep_archive.name, tasks.let_go.name}
    assert ours == {tasks.roll_up.name, tasks.note_heartbeat.name, tasks.audit_rollups.name, *archive}
    assert ours <= set(current_app.tasks)


def test_roll_up_computes_closed_minutes() -> None:
    now_ms = time.time_ns() // 1_000_000
    store_reading(make_device(), now_ms - HOUR_MS, 1_000, [1.0] * 6)
    tasks.roll_up()
    assert PortMinute.objects.exists()
    assert not DirtyBucket.objects.exists()


def test_roll_up_leaves_the_open_minute() -> None:
    store_reading(make_device(), time.time_ns() // 1_000_000, 0, [1.0] * 6)
    tasks.roll_up()
    assert not PortMinute.objects.exists()
    assert DirtyBucket.objects.exists()


def test_a_change_of_time_zone_asks_for_this_task_by_its_name() -> None:
    assert tasks.rebuild_days.name == timezones.REBUILD_TASK


def test_rebuild_days_moves_the_days_to_the_new_zone() -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, time.time_ns() // 1_000_000 - HOUR_MS, 1_000, [1.0])
    tasks.roll_up()
    Device.objects.update(timezone="Asia/Kathmandu")
    tasks.rebuild_days(device.pk)
    assert format_time(PortDay.objects.get().start, "Asia/Kathmandu").endswith("T00:00:00+05:45")


def test_rebuild_days_of_a_device_that_is_gone_does_nothing() -> None:
    tasks.rebuild_days(12345)


def test_a_heartbeat_says_when_a_part_last_worked() -> None:
    before = timezone.now()
    tasks.note_heartbeat("worker-jobs")
    tasks.note_heartbeat("worker-jobs")
    heartbeat = Heartbeat.objects.get()
    assert heartbeat.part == "worker-jobs"
    assert before <= heartbeat.at <= timezone.now()


def test_a_heartbeat_keeps_what_the_part_counted_last() -> None:
    heartbeats.note("collector", timezone.now(), {"answers": 1})
    heartbeats.note("collector", timezone.now(), {"answers": 2})
    heartbeats.note("beat", timezone.now())
    assert dict(Heartbeat.objects.values_list("part", "detail")) == {"collector": {"answers": 2}, "beat": {}}


def test_a_file_that_cannot_be_read_is_logged_once_and_told_at_every_turn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def rolled(reason: str) -> None:
        monkeypatch.setattr(rollups, "roll_up_closed", lambda _now: RolledUp(0, more=False, unreadable=reason))
        tasks.roll_up()

    for reason in ("a.parquet is missing", "a.parquet is missing", "b.parquet is missing"):
        rolled(reason)
        assert heartbeats.detail("rollups")["unreadable"] == reason
    assert caplog.text.count("Some minutes or days wait for a file of the archive") == 2
    rolled("")
    assert heartbeats.detail("rollups") == {"minutes": 0, "more": False, "unreadable": ""}
    rolled("b.parquet is missing")
    assert caplog.text.count("Some minutes or days wait for a file of the archive") == 3


def test_and_is_logged_again_after_an_hour() -> None:
    now = timezone.now()

    def told(minutes: int) -> bool:
        return heartbeats.note_trouble("rollups", now + timedelta(minutes=minutes), {}, "a.parquet is missing")

    assert [told(minutes) for minutes in (0, 30, 59, 60, 90, 119, 120)] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_the_archive_goes_on_for_longer_while_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    more = iter([True, True, False, False])
    limits: list[float | None] = []

    def archive_due(_now_ms: int, *, turn: Turn) -> archiving.Archived:
        limits.append(turn.limit_s)
        return archiving.Archived(more=next(more))

    monkeypatch.setattr(archiving, "archive_due", archive_due)
    monkeypatch.setattr(archiving, "compact_due", lambda *_, **__: archiving.Archived())
    monkeypatch.setattr(archiving, "archive_minutes_due", lambda *_, **__: archiving.Archived())
    for _turn in range(4):
        tasks.archive()
    assert limits == [5.0, 15.0, 15.0, 5.0]


def test_let_go_deletes_what_is_older_than_a_rule_says() -> None:
    now_ms = floor_minute(time.time_ns() // 1_000_000) + 30_000  # no window lies across two minutes
    device = make_device(ports=["Grid"])
    for days in (20, 0):
        store_reading(device, now_ms - days * 24 * HOUR_MS - HOUR_MS, 1_000, [1.0])
    tasks.roll_up()
    Retention.objects.create(device=device, seconds_days=10, changed_at=timezone.now())
    tasks.let_go()
    assert DeviceReading.objects.count() == 1
    assert PortMinute.objects.count() == 2
