"""The audit finds whatever rollup is not what it is made of, and nothing else."""

import random

import pytest

from devices.models import Device
from readings.models import DeviceMinute, DirtyBucket, PortDay, PortHour, PortMinute, PortReading, Rollup
from readings.periods import HOUR_MS, MINUTE_MS
from readings.store.auditing import Audited, audit
from tests.factories import make_device, store_reading
from tests.readings.store.stored import LATER, T0, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

HOURS = 5


@pytest.fixture
def device() -> Device:
    """Five hours of answers of 40 s, one a value of which is missing, in a zone whose days begin off the hour."""
    device = make_device(ports=["Grid", "Solar"], timezone="Asia/Kathmandu")
    for nth in range(1, HOURS * 90):
        powers = [nth / 7 - 200, -nth / 3]
        store_reading(device, T0 + nth * 40_000 + nth % 7, 40_000 if nth > 1 else 0, powers)
    PortReading.objects.filter(time__lt=T0 + 2 * HOUR_MS + 300_000, time__gt=T0 + 2 * HOUR_MS).update(power_factor=None)
    roll_up()
    return device


def look(device: Device, sample: int | None = None) -> Audited:
    return audit([device], 0, LATER, sample=sample, chance=random.Random(1))


def test_what_was_rolled_up_is_right(device: Device) -> None:
    found = look(device)
    assert (found.hours, found.left_out, found.mismatches) == (HOURS - 1, 0, [])


@pytest.mark.parametrize("table", [PortMinute, PortHour, PortDay, DeviceMinute])
def test_a_rollup_that_somebody_spoilt_is_found(device: Device, table: type[Rollup]) -> None:
    row = table._default_manager.filter(start__gte=T0 + 2 * HOUR_MS - 24 * HOUR_MS * (table is PortDay)).first()
    assert row is not None
    table._default_manager.filter(pk=row.pk).update(covered_ms=row.covered_ms + 1)
    tables = {mismatch.table for mismatch in look(device).mismatches}
    assert table._meta.db_table in tables


def test_so_is_a_value_that_is_no_sum(device: Device) -> None:
    PortMinute.objects.filter(start=T0 + 3 * HOUR_MS).update(power_factor_max=None)
    tables = [(mismatch.table, mismatch.start_ms) for mismatch in look(device).mismatches]
    assert tables == [(PortMinute._meta.db_table, T0 + 3 * HOUR_MS)] * 2


def test_rows_that_are_missing_or_too_many_are_found(device: Device) -> None:
    PortHour.objects.filter(start=T0 + 3 * HOUR_MS).delete()
    PortReading.objects.filter(time__gt=T0 + 2 * HOUR_MS, time__lte=T0 + 2 * HOUR_MS + 600_000).delete()
    found = look(device).mismatches
    assert {(one.table, one.computed is None) for one in found if one.stored is None or one.computed is None} == {
        (PortHour._meta.db_table, False),
        (PortMinute._meta.db_table, True),
    }


def test_what_waits_for_its_rollup_is_left_out(device: Device) -> None:
    PortMinute.objects.filter(start=T0 + 2 * HOUR_MS).update(covered_ms=1)
    DirtyBucket.objects.create(device=device, minute=T0 + 2 * HOUR_MS + MINUTE_MS)
    found = look(device)
    assert (found.hours, found.left_out, found.mismatches) == (HOURS - 2, 1, [])


def test_a_sample_is_as_large_as_it_is_asked_for(device: Device) -> None:
    assert look(device, sample=2).hours == 2
    assert look(device, sample=1000).hours == HOURS - 1


def test_a_unit_without_readings_has_nothing_to_look_at() -> None:
    assert look(make_device()).hours == 0
