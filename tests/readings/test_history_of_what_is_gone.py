"""Plots of a span of which readings, or minutes, were let go of: the finest that is left, and which it is."""

import numpy as np
import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from devices.models import Device
from readings import history
from readings.history.levels import Asked
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from readings.quantities import ACTIVE_POWER, VOLTAGE
from readings.retention_models import Retention
from readings.store import letting_go
from readings.store.archive.layout import DAY_MS
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.stored import no_pause, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

T0 = parse_time("2026-05-01T00:00:00Z")
NOW = T0 + 6 * DAY_MS
LATER = parse_time("2028-05-07T00:00:00Z")


@pytest.fixture
def device() -> Device:
    device = make_device(ports=["Grid"])
    for day in range(6):
        start = T0 + day * DAY_MS + 10 * HOUR_MS
        bulk.store(device, bulk.steady(start, start + 2 * HOUR_MS, 10_000, 500 + day))
    roll_up(NOW)
    return device


def let_go(device: Device, days: int, years: int | None = None, now_ms: int = NOW) -> None:
    Retention.objects.create(device=device, seconds_days=days, minutes_years=years, changed_at=timezone.now())
    letting_go.let_go(now_ms, turn=Turn(pause=no_pause))


def asked(device: Device, start_ms: int, end_ms: int, resolution: Asked, now_ms: int = NOW) -> history.Series:
    return history.series(
        list(device.ports.all()), ACTIVE_POWER, start_ms, end_ms, now_ms=now_ms, resolution=resolution
    )


@pytest.mark.parametrize("resolution", ["second", "auto"])
def test_seconds_of_a_day_that_is_gone_are_minutes_and_say_so(device: Device, resolution: Asked) -> None:
    let_go(device, 3)
    answer = asked(device, T0 + 10 * HOUR_MS, T0 + 10 * HOUR_MS + 30 * MINUTE_MS, resolution)
    assert answer.resolution == "minute"
    assert answer.lines[0].values.tolist() == [50.0] * 30


def test_so_are_those_of_a_device(device: Device) -> None:
    let_go(device, 3)
    answer = history.series([device], VOLTAGE, T0 + 10 * HOUR_MS, T0 + 11 * HOUR_MS, now_ms=NOW, resolution="second")
    assert answer.resolution == "minute"
    assert set(answer.lines[0].values.tolist()) == {230.0}


def test_a_span_that_begins_before_is_minutes_throughout(device: Device) -> None:
    """One answer has one resolution, and no part of it is empty where something was measured."""
    let_go(device, 3)
    answer = asked(device, T0 + 2 * DAY_MS + 11 * HOUR_MS, T0 + 3 * DAY_MS + 11 * HOUR_MS, "second")
    assert answer.resolution == "minute"
    values = answer.lines[0].values
    assert {round(value, 1) for value in values[~np.isnan(values)].tolist()} == {50.2, 50.3}


def test_seconds_that_are_there_stay_seconds(device: Device) -> None:
    let_go(device, 3)
    assert asked(device, T0 + 3 * DAY_MS, T0 + 4 * DAY_MS, "second").resolution == "second"


@pytest.mark.parametrize("resolution", ["second", "minute", "auto"])
def test_once_minutes_are_gone_it_is_hours(device: Device, resolution: Asked) -> None:
    start = LATER - DAY_MS - 2 * HOUR_MS
    bulk.store(device, bulk.steady(start, start + 2 * HOUR_MS, 10_000, 700))
    bulk.store(device, bulk.steady(LATER - 4 * DAY_MS, LATER - 4 * DAY_MS + HOUR_MS, 10_000, 700))
    roll_up(LATER)
    let_go(device, 2, 1, now_ms=LATER)
    answer = asked(device, T0 + 10 * HOUR_MS, T0 + 12 * HOUR_MS, resolution, LATER)
    assert answer.resolution == "hour"
    assert answer.lines[0].values.tolist() == [50.0, 50.0]


def test_a_live_view_does_not_ask_for_it(device: Device, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    let_go(device, 3)
    ports = list(device.ports.select_related("device"))
    with django_assert_num_queries(1):
        history.series(ports, ACTIVE_POWER, NOW - HOUR_MS, NOW, now_ms=NOW, resolution="second")


def test_a_late_reading_in_it_changes_no_kwh_while_it_waits(device: Device) -> None:
    ports = list(device.ports.all())
    span = T0 + 10 * HOUR_MS, T0 + 11 * HOUR_MS
    before = history.energy(ports, *span, "total", now_ms=NOW)
    let_go(device, 3)
    bulk.store(device, [bulk.Answer(span[0] + 5 * MINUTE_MS + 500, 400, (36_000,))])
    assert history.energy(ports, *span, "total", now_ms=NOW) == before
    roll_up(NOW)
    assert history.energy(ports, *span, "total", now_ms=NOW) == before
