"""The collector stores readings in another process, and rollups may be computed by two: nothing is missed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from devices.models import Device
from readings.bad_spans import lift, mark
from readings.models import BadSpan, PortHour, PortMinute
from readings.periods import MINUTE_MS
from readings.store.recompute import recompute
from readings.store.rollups import late_ms, roll_up_closed
from tests.factories import make_device, store_reading
from tests.readings import bulk
from tests.readings.store.stored import LATER, T0, no_pause, roll_up

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]


class TestAtTheSameTime:
    """The collector stores readings in another process; rollups may be computed by two."""

    def test_a_reading_stored_while_its_minute_is_rolled_up_is_not_missed(self) -> None:
        device = make_device(ports=["Grid"])
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        collector = in_thread(lambda: store_one(device, T0 + 2_000))
        with meanwhile(collector, lambda sql: sql.startswith("SELECT") and "portreading" in sql):
            roll_up()
        ended(collector)
        roll_up()
        assert PortMinute.objects.get().covered_ms == 2_000

    def test_a_reading_that_is_being_stored_when_its_minute_is_taken_is_not_missed(self) -> None:
        device = make_device(ports=["Grid"])
        store_reading(device, T0 + 1_000, 1_000, [1.0])
        stored = threading.Event()

        def store_slowly() -> None:
            with transaction.atomic():
                store_one(device, T0 + 2_000)
                stored.set()
                threading.Event().wait(0.3)  # the roll-up comes upon the open transaction

        collector = in_thread(store_slowly)
        collector.start()
        assert stored.wait(15)
        roll_up()
        ended(collector)
        roll_up()
        assert PortMinute.objects.get().covered_ms == 2_000

    def test_two_roll_ups_of_one_hour_lose_no_minute(self) -> None:
        device = make_device(ports=["Grid"])
        for minute in (0, 30):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
        half_past = T0 + 30 * MINUTE_MS
        other = in_thread(lambda: recompute([device.pk], half_past, half_past + MINUTE_MS, late_ms()))
        with meanwhile(other, lambda sql: sql.startswith("INSERT") and "porthour" in sql):
            roll_up_closed(LATER, limit_minutes=1, pause=no_pause)
        ended(other)
        assert PortHour.objects.get().covered_ms == 2_000


class TestBadSpans:
    """Somebody marks a span as bad, or undoes that, in another process."""

    @pytest.mark.parametrize("statement", ["badspan", "portreading"])
    def test_a_span_marked_while_its_minute_is_rolled_up_is_left_out(self, statement: str) -> None:
        device = two_minutes()
        marking = in_thread(lambda: mark_first_minute(device))
        with meanwhile(marking, lambda sql: sql.startswith("SELECT") and statement in sql):
            roll_up()
        ended(marking)
        roll_up()
        assert [row.start for row in PortMinute.objects.all()] == [T0 + MINUTE_MS]
        assert PortHour.objects.get().covered_ms == 1_000

    def test_a_span_that_is_being_marked_when_its_minute_is_taken_is_left_out(self) -> None:
        device = two_minutes()
        marked = threading.Event()

        def mark_slowly() -> None:
            with transaction.atomic():
                mark_first_minute(device)
                marked.set()
                threading.Event().wait(0.3)  # the roll-up comes upon the open transaction

        marking = in_thread(mark_slowly)
        marking.start()
        assert marked.wait(15)
        roll_up()
        ended(marking)
        roll_up()
        assert [row.start for row in PortMinute.objects.all()] == [T0 + MINUTE_MS]

    def test_a_span_lifted_while_its_minute_is_rolled_up_counts_again(self) -> None:
        device = two_minutes()
        span = mark_first_minute(device)
        lifting = in_thread(lambda: lift(span, who=None, pause=no_pause))
        with meanwhile(lifting, lambda sql: sql.startswith("SELECT") and "badspan" in sql):
            roll_up()
        ended(lifting)
        roll_up()
        assert PortHour.objects.get().covered_ms == 2_000


def two_minutes() -> Device:
    device = make_device(ports=["Grid"])
    for minute in (0, 1):
        store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
    return device


def mark_first_minute(device: Device) -> BadSpan:
    return mark(device.ports.get(), T0, T0 + MINUTE_MS, reason="open", who=None, pause=no_pause)


def store_one(device: Device, time_ms: int) -> None:
    """A second of 1 W, stored as ingest does: the dirty minute in the same transaction, unless it is there."""
    with transaction.atomic():
        bulk.store(device, [bulk.Answer(time_ms, 1_000, (10,))])


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return threading.Thread(target=run)


@contextmanager
def meanwhile(thread: threading.Thread, after: Callable[[str], bool]) -> Iterator[None]:
    """Let a thread begin right after a statement of ours; it may have to wait until we are done."""

    def watching(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        answer = execute(sql, *arguments)
        if thread.ident is None and after(sql):
            thread.start()
            thread.join(0.3)
        return answer

    with connection.execute_wrapper(watching):
        yield


def ended(thread: threading.Thread) -> None:
    thread.join(15)
    assert thread.ident is not None
    assert not thread.is_alive()
