"""Wishes that a unit did not take are tried again by themselves."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from ct6site.celery import app
from devices import tasks
from devices.configuration import UNIT_NAME, push, wish
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import ConfigChange, Device, FactoryConfig
from tests.devices.units import closed_port, device_of, name_held

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


def schedule() -> list[Any]:
    return list(settings.CELERY_BEAT_SCHEDULE.values())


def unreachable(unit: SimulatedUnit) -> Device:
    """The unit's device with a wish that could not be written, and that is due again."""
    device = device_of(unit, address="127.0.0.1", http_port=closed_port())
    a_minute_ago = timezone.now() - timedelta(minutes=1)
    wish(device, {UNIT_NAME: "Villa"}, None, now=a_minute_ago)
    assert push(device, now=a_minute_ago).waiting
    return device


def test_the_schedule_names_a_task_that_exists() -> None:
    queues = {entry["task"]: entry["options"]["queue"] for entry in schedule()}
    assert queues[tasks.push_open_wishes.name] == "jobs"
    assert queues[tasks.start_due_jobs.name] == "jobs"
    assert queues[tasks.read_due_statuses.name] == "jobs"


def test_a_kept_wish_is_written_once_the_unit_is_back(unit: SimulatedUnit) -> None:
    device = unreachable(unit)
    Device.objects.filter(pk=device.pk).update(address=unit.address, http_port=unit.http_port)
    tasks.push_open_wishes()
    assert name_held(unit, UNIT_NAME) == "Villa"
    change = ConfigChange.objects.get()
    assert (change.state, change.attempts) == (ConfigChange.State.CONFIRMED, 2)


def test_a_unit_that_stays_away_is_asked_less_and_less_often(unit: SimulatedUnit) -> None:
    unreachable(unit)
    tasks.push_open_wishes()
    tasks.push_open_wishes()  # too early for the third attempt
    change = ConfigChange.objects.get()
    assert (change.state, change.attempts) == (ConfigChange.State.OPEN, 2)
    assert change.next_attempt is not None
    assert timedelta(seconds=50) < change.next_attempt - timezone.now() <= timedelta(seconds=60)


def test_a_unit_that_is_away_does_not_hold_up_another(fleet: Fleet) -> None:
    away, here = fleet.units
    unreachable(away)
    wish(device_of(here), {UNIT_NAME: "Annex 2"}, None, now=timezone.now())
    tasks.push_open_wishes()
    assert name_held(here, UNIT_NAME) == "Annex 2"


def test_a_device_that_is_gone_is_no_error() -> None:
    tasks.push_wishes(4711)


def test_the_night_keeps_a_copy_of_each_factory_configuration(fleet: Fleet) -> None:
    for unit in fleet.units:
        device_of(unit, last_seen=timezone.now())
    tasks.back_up_factory_configs.delay()
    assert FactoryConfig.objects.count() == 2


def test_the_status_of_an_online_unit_is_read_when_its_turn_has_come(
    unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = device_of(unit)
    monkeypatch.setattr("devices.status.due", lambda _now: [device.pk, 4711])
    tasks.read_due_statuses()
    device.refresh_from_db()
    assert device.status["firmware_version"] == unit.firmware_version
    assert device.status_at is not None
