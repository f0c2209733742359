"""Rollups in the database: what is computed when, and out of which readings."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db.models import Model
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from devices.models import Device, Port
from readings.models import (
    DeviceDay,
    DeviceHour,
    DeviceMinute,
    DeviceReading,
    DirtyBucket,
    PortDay,
    PortHour,
    PortMinute,
    PortReading,
    Reading,
)
from readings.periods import HOUR_MS, MINUTE_MS, floor_minute, parse_time
from readings.store import rollups
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines
from readings.store.rollups import closed_before, roll_up_closed
from tests.factories import make_device, store_reading
from tests.readings.store.reference import Window, combine, days_of, hours_of, minutes_of
from tests.readings.store.stored import LATER, ROLLUPS, T0, buckets, energies, everything, no_pause, roll_up
from tests.readings.store.test_minutes import windows

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


class TestShares:
    def test_a_window_inside_a_minute_is_that_minutes(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + 2_000, 1_000, [250.5])
        roll_up()
        assert energies(PortMinute, port.pk) == {T0: (1_000, 2505 * 1_000, 0)}

    def test_a_window_that_crosses_an_edge_gives_each_minute_its_share(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + MINUTE_MS + 300, 1_000, [-100.0])
        roll_up()
        assert energies(PortMinute, port.pk) == {
            T0: (700, 0, 1000 * 700),
            T0 + MINUTE_MS: (300, 0, 1000 * 300),
        }

    def test_a_sample_counts_in_the_minute_that_holds_its_time(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + MINUTE_MS, 1_000, [1.0])
        store_reading(device, T0 + MINUTE_MS + 300, 300, [2.0])
        roll_up()
        samples = {row.start: (row.samples, row.active_power_max) for row in PortMinute.objects.all()}
        assert samples == {T0: (1, 1.0), T0 + MINUTE_MS: (1, 2.0)}

    def test_a_minute_inside_a_long_window_has_its_share_and_no_sample(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + 3 * HOUR_MS, 3 * HOUR_MS - 30_000, [10.0], recovered=True)
        roll_up()
        inside = PortMinute.objects.get(start=T0 + HOUR_MS)
        assert (inside.samples, inside.covered_ms, inside.recovered_ms) == (0, 0, MINUTE_MS)
        assert (inside.positive_energy, inside.active_power_min) == (100 * MINUTE_MS, None)
        assert inside.current_rms_sum == 500 * MINUTE_MS
        assert PortMinute.objects.get(start=T0).recovered_ms == 30_000
        assert [row.recovered_ms for row in PortHour.objects.all()] == [HOUR_MS - 30_000, HOUR_MS, HOUR_MS]

    def test_a_window_of_zero_is_a_sample_and_no_energy(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + 500, 0, [800.0])
        roll_up()
        minute = PortMinute.objects.get()
        assert (minute.samples, minute.covered_ms, minute.positive_energy) == (1, 0, 0)
        assert minute.active_power_max == 800.0

    def test_a_missing_power_covers_no_time(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + 1_000, 1_000, [None])
        roll_up()
        minute = PortMinute.objects.get()
        assert (minute.samples, minute.covered_ms, minute.active_power_max) == (1, 0, None)
        assert DeviceMinute.objects.get().covered_ms == 1_000

    @pytest.mark.parametrize("after_ms", [1, 2_500, 2_501, 10_000, 10_001, 5 * HOUR_MS - MINUTE_MS])
    def test_the_next_reading_is_found_however_late_it_came(self, device: Device, port: Port, after_ms: int) -> None:
        store_reading(device, T0 + 30_000, 1_000, [1.0])
        roll_up()
        store_reading(device, T0 + MINUTE_MS + after_ms, 30_000 + after_ms, [2.0], recovered=True)
        DirtyBucket.objects.exclude(minute=T0).delete()
        roll_up()
        minute = PortMinute.objects.get(start=T0)
        assert (minute.samples, minute.covered_ms, minute.recovered_ms) == (1, 1_000, 30_000)
        assert minute.positive_energy == 10 * 1_000 + 20 * 30_000

    def test_so_are_those_of_units_that_came_late_by_unlike_times(self, device: Device) -> None:
        devices = [device, *(make_device(f"{number}", ports=[""]) for number in (1, 2))]
        for unit, after_ms in zip(devices, (500, 5_000, HOUR_MS), strict=True):
            store_reading(unit, T0 + MINUTE_MS + after_ms, MINUTE_MS + after_ms, [2.0], recovered=True)
        DirtyBucket.objects.exclude(minute=T0).delete()
        roll_up()
        assert [row.positive_energy for row in PortMinute.objects.filter(start=T0)] == 3 * [20 * MINUTE_MS]


class TestMissingValues:
    """A quantity that only some readings have keeps its mean."""

    def forget_voltage(self, time: int) -> None:
        DeviceReading.objects.filter(time=time).update(voltage=None)

    def test_a_sum_is_scaled_to_the_whole_time(self, device: Device) -> None:
        store_reading(device, T0 + 20_000, 20_000, [1.0])
        store_reading(device, T0 + 50_000, 30_000, [1.0])
        self.forget_voltage(T0 + 20_000)
        roll_up()
        minute = DeviceMinute.objects.get()
        assert minute.covered_ms == 50_000
        assert minute.voltage_sum == 23_000 * 50_000

    def test_an_hour_is_scaled_from_the_minutes_that_know(self, device: Device) -> None:
        store_reading(device, T0 + MINUTE_MS, MINUTE_MS, [1.0])
        store_reading(device, T0 + 2 * MINUTE_MS, 20_000, [1.0])
        self.forget_voltage(T0 + 2 * MINUTE_MS)
        roll_up()
        for table in (DeviceHour, DeviceDay):
            longer = table._default_manager.get()
            assert longer.covered_ms == 80_000
            assert longer.voltage_sum == 23_000 * 80_000

    def test_what_no_reading_has_stays_missing(self, device: Device) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        self.forget_voltage(T0 + 1_000)
        roll_up()
        for table in (DeviceMinute, DeviceHour, DeviceDay):
            row = table._default_manager.get()
            assert (row.voltage_sum, row.voltage_min, row.voltage_max) == (None, None, None)
            assert row.frequency_sum == 50_000 * 1_000


class TestClosing:
    def test_a_minute_is_closed_when_late_answers_can_no_longer_come(self, settings: Settings) -> None:
        assert closed_before(T0 + MINUTE_MS + 10_000) == T0
        assert closed_before(T0 + MINUTE_MS + 10_001) == T0 + MINUTE_MS
        settings.CT6_PERIOD = 30.0
        assert closed_before(T0 + MINUTE_MS + 150_000) == T0
        assert closed_before(T0 + MINUTE_MS + 150_001) == T0 + MINUTE_MS

    def test_an_open_minute_is_left_and_stays_dirty(self, device: Device) -> None:
        store_reading(device, T0 + MINUTE_MS + 1_000, 2_000, [1.0])
        done = roll_up(T0 + MINUTE_MS + 10_001)
        assert done == rollups.RolledUp(minutes=1, more=False)
        assert [row.start for row in PortMinute.objects.all()] == [T0]
        assert [row.minute for row in DirtyBucket.objects.all()] == [T0 + MINUTE_MS]

    def test_what_was_taken_is_dirty_no_more(self, device: Device) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        assert roll_up().minutes == 1
        assert not DirtyBucket.objects.exists()
        assert roll_up().minutes == 0

    def test_a_late_reading_is_added(self, device: Device, port: Port) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        store_reading(device, T0 + 5_000, 1_000, [1.0])
        roll_up()
        store_reading(device, T0 + 3_000, 1_000, [1.0])
        roll_up()
        for table in (PortMinute, PortHour):
            assert list(energies(table, port.pk).values()) == [(3_000, 30_000, 0)]

    def test_a_bucket_that_lost_its_readings_goes(self, device: Device) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        roll_up()
        PortReading.objects.all().delete()
        DeviceReading.objects.all().delete()
        DirtyBucket.objects.create(device=device, minute=T0)
        roll_up()
        assert everything() == [[]] * 6

    def test_a_call_stops_when_it_has_done_enough(self, device: Device) -> None:
        for minute in (0, 10, 20):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        assert roll_up_closed(LATER, limit_minutes=2, pause=no_pause) == rollups.RolledUp(minutes=2, more=True)
        assert [row.minute for row in DirtyBucket.objects.all()] == [T0 + 20 * MINUTE_MS]

    def test_minutes_of_a_device_that_is_gone_are_dropped(self, device: Device) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        device.delete()
        roll_up()
        assert not DirtyBucket.objects.exists()
        assert everything() == [[]] * 6

    def test_another_devices_rows_are_left_alone(self, device: Device) -> None:
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        roll_up()
        before = everything()
        store_reading(make_device("ASY0398_V003.300_SN00000002", ports=["Solar"]), T0 + 1_000, 1_000, [5.0])
        roll_up()
        assert [[row for row in table if row in old] for table, old in zip(everything(), before, strict=True)] == before


def store_windows(device: Device, port_windows: Sequence[Window], device_windows: Sequence[Window]) -> None:
    """Readings of a one-port device, and the minutes that they make dirty."""
    port = device.ports.get()
    made: list[tuple[type[Reading], dict[str, Any], Lines, Sequence[Window]]] = [
        (PortReading, {"port_id": port.pk}, PORT_LINES, port_windows),
        (DeviceReading, {"device_id": device.pk}, DEVICE_LINES, device_windows),
    ]
    for model, key, lines, some in made:
        model._default_manager.bulk_create(
            model(
                **key,
                time=window.time,
                window_ms=window.window_ms,
                recovered=window.recovered,
                **{q.name: q.shown(window.values[q.name]) for q in lines.quantities},
            )
            for window in some
        )
    DirtyBucket.objects.bulk_create(
        (
            DirtyBucket(device=device, minute=minute)
            for window in [*port_windows, *device_windows]
            for minute in range(floor_minute(window.time - max(1, window.window_ms)), window.time, MINUTE_MS)
        ),
        ignore_conflicts=True,
    )


class TestAgainstPlainArithmetic:
    @examples(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_all_levels_are_what_plain_arithmetic_makes_of_the_readings(self, data: st.DataObject) -> None:
        tables: list[type[Model]] = [*ROLLUPS, PortReading, DeviceReading, Port, Device]
        for table in tables:
            table._default_manager.all().delete()
        device = make_device(ports=["Grid"])
        port_windows, device_windows = data.draw(windows(PORT_LINES)), data.draw(windows(DEVICE_LINES))
        store_windows(device, port_windows, device_windows)
        roll_up(LATER + 5 * 24 * HOUR_MS)
        midnights = [parse_time(f"2026-05-0{day}T00:00:00Z") for day in range(4, 9)]
        for lines, line, made in (
            (PORT_LINES, device.ports.get().pk, port_windows),
            (DEVICE_LINES, device.pk, device_windows),
        ):
            minutes = minutes_of(lines.quantities, made, T0, LATER + 2 * 24 * HOUR_MS)
            assert buckets(lines, lines.minutes, line) == minutes
            assert buckets(lines, lines.hours, line) == hours_of(lines.quantities, minutes)
            assert buckets(lines, lines.days, line) == days_of(lines.quantities, minutes, midnights)

    def test_hours_and_days_are_the_sums_of_their_minutes(self, device: Device, port: Port) -> None:
        for nth in range(200):
            store_reading(device, T0 + nth * 59_000 + 17, 59_000 if nth else 0, [nth * 7.3 - 500])
        roll_up()
        minutes = buckets(PORT_LINES, PortMinute, port.pk)
        whole = combine(PORT_LINES.quantities, list(minutes.values()))
        assert buckets(PORT_LINES, PortDay, port.pk) == {parse_time("2026-05-04T00:00:00Z"): whole}
        assert whole["covered_ms"] == 199 * 59_000
        assert whole["positive_energy"] == sum(round(max(nth * 7.3 - 500, 0) * 10) * 59_000 for nth in range(1, 200))
