"""Every way leads to the same rows: at once or bit by bit, again, or stopped and started again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from devices.models import Device, Port
from readings.models import (
    DeviceDay,
    DeviceReading,
    DirtyBucket,
    PortDay,
    PortHour,
    PortMinute,
    PortReading,
)
from readings.periods import HOUR_MS, MINUTE_MS
from readings.store import rollups
from readings.store.rollups import rebuild, roll_up_closed
from tests.factories import make_device, store_reading
from tests.readings.store.stored import LATER, ROLLUPS, T0, energies, everything, no_pause, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


def a_busy_hour(devices: Sequence[Device]) -> None:
    for nth, device in enumerate(devices):
        for second in range(0, 3_600, 40):
            time = T0 + second * 1_000 + 137 * nth
            store_reading(device, time, 40_000 if second else 0, [second / 7 - 200, -second / 3])


@pytest.fixture
def three_devices() -> list[Device]:
    return [make_device(f"ASY0398_V003.300_SN0000000{number}", ports=["Grid", "Solar"]) for number in (1, 2, 3)]


class Stopped(Exception):
    pass


@contextmanager
def stopped_after(statements: int) -> Iterator[None]:
    """The process dies, as it were, before its n-th statement from here on."""
    count = 0

    def counting(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count > statements:
            raise Stopped
        return execute(*arguments)

    with connection.execute_wrapper(counting):
        yield


class TestSameRowsEitherWay:
    def test_rolling_up_again_changes_nothing(self, three_devices: list[Device]) -> None:
        a_busy_hour(three_devices)
        roll_up()
        before = everything()
        rebuild(three_devices, 0, LATER, pause=no_pause)
        assert everything() == before

    def test_minute_by_minute_or_all_at_once(
        self, three_devices: list[Device], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_busy_hour(three_devices)
        roll_up()
        at_once = everything()
        for table in ROLLUPS:
            table._default_manager.all().delete()
        monkeypatch.setattr(rollups, "ANSWERS_PER_STEP", 1)
        monkeypatch.setattr(rollups, "PORTS_PER_STEP", 1)
        rebuild(three_devices, 0, LATER, pause=no_pause)
        assert everything() == at_once

    def test_more_ports_than_one_statement_takes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("readings.store.recompute.LINES_PER_STATEMENT", 4)
        device = make_device(ports=[""] * 10)
        store_reading(device, T0 + 1_000, 1_000, [float(number) for number in range(10)])
        roll_up()
        assert [row.positive_energy for row in PortMinute.objects.order_by("port_id")] == [
            number * 10 * 1_000 for number in range(10)
        ]
        assert PortHour.objects.count() == PortDay.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_stopped_in_the_middle_and_started_again(three_devices: list[Device]) -> None:
    a_busy_hour(three_devices)
    roll_up()
    whole = everything()
    for table in ROLLUPS:
        table._default_manager.all().delete()
    stopped_at = []
    for statement in range(1, 400, 7):
        try:
            with stopped_after(statement):
                rebuild(three_devices, 0, LATER, pause=no_pause)
        except Stopped:
            stopped_at.append(statement)
        else:
            break
    roll_up()
    assert len(stopped_at) > 5
    assert everything() == whole


class TestRebuild:
    def test_rows_that_were_wrong_are_right_again(self, device: Device) -> None:
        for minute in range(5):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        roll_up()
        before = everything()
        PortMinute.objects.update(positive_energy=7)
        PortHour.objects.all().delete()
        DeviceDay.objects.update(samples=99)
        done = rebuild([device], T0, LATER, pause=no_pause)
        assert everything() == before
        assert done.minutes == 5

    def test_only_minutes_of_the_span_are_touched(self, device: Device, port: Port) -> None:
        for minute in range(5):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        roll_up()
        PortMinute.objects.update(positive_energy=7)
        rebuild([device], T0 + MINUTE_MS + 30_000, T0 + 3 * MINUTE_MS, pause=no_pause)
        assert [found[1] for found in energies(PortMinute, port.pk).values()] == [7, 10_000, 10_000, 7, 7]

    def test_minutes_whose_readings_are_gone_are_left(self, device: Device, port: Port) -> None:
        for minute in range(3):
            store_reading(device, T0 + minute * MINUTE_MS + 500, 1_000, [1.0])
        roll_up()
        before = everything()
        for table in (PortReading, DeviceReading):
            table._default_manager.filter(time__lt=T0 + MINUTE_MS).delete()
        rebuild([device], 0, LATER, pause=no_pause)
        assert everything() == before

    def test_a_device_without_readings_is_nothing_to_do(self, device: Device) -> None:
        assert rebuild([device], 0, LATER, pause=no_pause).minutes == 0

    def test_other_devices_are_left(self, three_devices: list[Device]) -> None:
        a_busy_hour(three_devices)
        roll_up()
        PortMinute.objects.update(samples=99)
        rebuild(three_devices[:1], 0, LATER, pause=no_pause)
        wrong = PortMinute.objects.filter(samples=99).values_list("port_id", flat=True)
        assert {Port.objects.get(pk=port).device_id for port in wrong} == {device.pk for device in three_devices[1:]}

    def test_a_stopped_rebuild_is_completed_by_the_regular_roll_up(self, device: Device) -> None:
        for minute in range(0, 10, 2):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        roll_up()
        before = everything()
        PortMinute.objects.update(samples=99)

        def stop(done: int, of: int) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            rebuild([device], 0, LATER, pause=no_pause, progress=stop)
        roll_up()
        assert everything() == before

    def test_it_tells_how_far_it_is(self, three_devices: list[Device], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rollups, "PORTS_PER_STEP", 2)
        for device in three_devices:
            store_reading(device, T0 + 1_000, 1_000, [1.0])
        told: list[tuple[int, int]] = []
        rebuild(three_devices, 0, LATER, pause=no_pause, progress=lambda done, of: told.append((done, of)))
        assert told == [(1, 3), (2, 3), (3, 3)]


class TestBoundedTransactions:
    def test_many_minutes_of_few_answers_go_together(self, device: Device) -> None:
        store_reading(device, T0 + 20 * HOUR_MS, 20 * HOUR_MS, [1.0], recovered=True)
        assert list(rollups._work_off(DirtyBucket.objects.all(), no_pause, [])) == [720, 480]

    def test_many_answers_are_cut(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rollups, "ANSWERS_PER_STEP", 12)
        for second in range(0, 600, 10):
            store_reading(device, T0 + second * 1_000 + 1_000, 1_000, [1.0])
        assert list(rollups._work_off(DirtyBucket.objects.all(), no_pause, [])) == [2, 2, 2, 2, 2]

    def test_ports_are_cut(self, three_devices: list[Device], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rollups, "PORTS_PER_STEP", 4)
        for device in three_devices:
            store_reading(device, T0 + 1_000, 1_000, [1.0, 2.0])
        assert list(rollups._work_off(DirtyBucket.objects.all(), no_pause, [])) == [2, 1]

    def test_on_sqlite_others_get_their_turn_after_each(self, device: Device) -> None:
        for minute in (0, 5, 9):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        pauses: list[float] = []
        roll_up_closed(LATER, pause=pauses.append)
        assert pauses == ([0.05] * 3 if connection.vendor == "sqlite" else [])
