"""Minutes added to their hours and days one by one: the same as if these were summed up of them."""

from collections.abc import Sequence

import pytest

from devices.models import Device
from readings.models import DayZone, DeviceReading, DirtyBucket, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS
from readings.store import hours_and_days, recompute, rollups
from readings.store.lines import Lines
from tests.factories import make_device, store_reading
from tests.readings.store.stored import LATER, T0, everything, no_pause, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

BEGIN = T0 - T0 % (24 * HOUR_MS) + 21 * HOUR_MS  # midnight in Berlin is an hour later
MINUTES = 5 * 60


def measure(device: Device, begin_ms: int, minutes: int) -> None:
    for nth in range(1, 2 * minutes):
        powers = [nth * 7.3 - 500, -nth / 3]
        store_reading(device, begin_ms + nth * 30_000 + nth % 13, 30_000 if nth > 1 else 0, powers)


def minute_by_minute(minutes: int = 1) -> None:
    dirty = sorted(set(DirtyBucket.objects.values_list("minute", flat=True)))
    for last in dirty[minutes - 1 :: minutes]:
        roll_up(last + MINUTE_MS + rollups.late_ms() + 1)
    roll_up()


def all_anew(devices: Sequence[Device]) -> list[object]:
    rollups.rebuild(devices, 0, LATER, pause=no_pause)
    for device in devices:
        rollups.rebuild_days(device, pause=no_pause)
    return [*everything()]


@pytest.fixture
def summed_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lines whose hours were summed up of their minutes."""
    lines_of_it: list[int] = []
    write_hours = hours_and_days.write_hours

    def note(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int) -> None:
        lines_of_it.extend(ids)
        write_hours(lines, ids, start_ms, end_ms)

    monkeypatch.setattr(recompute, "write_hours", note)
    return lines_of_it


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
@pytest.mark.parametrize("minutes", [1, 7, 25])
def test_as_many_at_once_as_there_are(zone: str, minutes: int, summed_up: list[int]) -> None:
    devices = [make_device(f"{nth}", ports=["Grid", "Solar"], timezone=zone) for nth in (1, 2)]
    for device in devices:
        measure(device, BEGIN, MINUTES // 2)
    minute_by_minute(minutes)
    assert bool(summed_up) == (minutes > 10)
    found = everything()
    assert found == all_anew(devices)
    assert {row.samples for row in PortHour.objects.all()} >= {120}


def test_what_is_missing_in_some_minutes() -> None:
    device = make_device(ports=["Grid", "Solar"])
    measure(device, BEGIN, 100)
    unknown = {"time__gt": BEGIN + 20 * MINUTE_MS, "time__lt": BEGIN + 30 * MINUTE_MS}
    DeviceReading.objects.filter(**unknown).update(voltage=None)
    PortReading.objects.filter(**unknown, port__name="Solar").update(power_factor=None, active_power=None)
    PortReading.objects.filter(port__name="Grid").update(power_factor=None)
    minute_by_minute()
    found = everything()
    assert found == all_anew([device])


def test_a_late_reading() -> None:
    device = make_device(ports=["Grid"])
    measure(device, BEGIN, 30)
    measure(device, BEGIN + 40 * MINUTE_MS, 30)
    minute_by_minute()
    store_reading(device, BEGIN + 35 * MINUTE_MS, 1_000, [7.0])
    store_reading(device, BEGIN + 20 * MINUTE_MS + 45_000, 0, [9_000.0])
    minute_by_minute()
    found = everything()
    assert found == all_anew([device])


@pytest.mark.parametrize("after_ms", [0, 10 * MINUTE_MS, 70 * MINUTE_MS])
def test_a_minute_that_is_only_missing_is_not_added_twice(after_ms: int) -> None:
    device = make_device(ports=["Grid"])
    measure(device, BEGIN, 100)
    minute_by_minute()
    before = everything()
    missing = PortMinute.objects.filter(start=BEGIN + after_ms)
    assert missing.delete()[0]
    DirtyBucket.objects.create(device=device, minute=BEGIN + after_ms)
    roll_up()
    assert everything() == before


def test_days_of_another_zone_are_not_added_to() -> None:
    device = make_device(ports=["Grid"], timezone="UTC")
    measure(device, BEGIN, 60)
    minute_by_minute()
    Device.objects.filter(pk=device.pk).update(timezone="Europe/Berlin")
    measure(device, BEGIN + 70 * MINUTE_MS, 60)
    minute_by_minute()
    assert DayZone.objects.get().stale_from == 0
    rollups.rebuild_stale_days(pause=no_pause)
    found = everything()
    device.refresh_from_db()
    assert found == all_anew([device])
