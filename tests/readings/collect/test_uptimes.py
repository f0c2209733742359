"""A unit that restarted while it was silent is credited with its uptime at most."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from readings.collect import uptimes as uptimes_module
from readings.collect.collector import Collector, Plan
from readings.collect.oddities import Oddity
from readings.collect.questions import Targets
from readings.collect.uptimes import PATIENCE_MS
from readings.models import DeviceReading
from tests.devices.units import closed_port
from tests.readings.collect.arrivals import Collecting, answer_of, arrival

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]


@pytest.fixture
def unit() -> Iterator[SimulatedUnit]:
    with Fleet(1, "127.20.8.2", http_port=0, ayt_port=0, uptime_s=3.0) as fleet:
        yield fleet.units[0]


def windows_ms() -> list[int]:
    return list(DeviceReading.objects.order_by("time").values_list("window_ms", flat=True))


def take(collecting: Collecting, unit: SimulatedUnit, *at_ms: int) -> None:
    payload = answer_of(unit.assy, SERVICE_LIST=f"WEB:{unit.http_port}")
    collecting.take(*(arrival(one, payload, address=unit.address) for one in at_ms))


def take_until_stored(collecting: Collecting, count: int, at_ms: int) -> None:
    end = time.monotonic() + 10
    while DeviceReading.objects.count() < count:
        assert time.monotonic() < end, "it did not happen in time"
        collecting.take(at_ms=at_ms)
        threading.Event().wait(0.02)


def test_a_long_window_is_cut_to_the_uptime(unit: SimulatedUnit) -> None:
    collecting = Collecting(period_s=3.0)
    take(collecting, unit, 0, 3000, 15_000)
    take_until_stored(collecting, 3, 15_000)
    assert windows_ms()[:2] == [0, 3000]
    assert 1000 <= windows_ms()[2] <= 4000


def test_answers_that_follow_keep_their_order_and_windows(unit: SimulatedUnit) -> None:
    collecting = Collecting(period_s=3.0)
    take(collecting, unit, 0, 12_000, 15_000, 18_000)
    take_until_stored(collecting, 4, 18_000)
    assert windows_ms()[0] == 0
    assert windows_ms()[2:] == [3000, 3000]


def test_a_unit_that_does_not_tell_is_credited_with_nothing(unit: SimulatedUnit) -> None:
    unit.http_port = closed_port()
    collecting = Collecting(period_s=3.0)
    take(collecting, unit, 0, 12_000)
    take_until_stored(collecting, 2, 12_000)
    assert windows_ms() == [0, 0]
    assert collecting.oddities.counts[Oddity.UPTIME_UNKNOWN] == 1


def test_an_uptime_is_waited_for_four_seconds_and_not_at_the_end(
    unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uptimes_module.Question, "ask", lambda _question: threading.Event().wait(10))
    collecting = Collecting(period_s=3.0)
    take(collecting, unit, 0, 12_000)
    collecting.take(at_ms=12_000 + PATIENCE_MS - 1)
    assert (windows_ms(), collecting.intake.waiting) == ([0], 1)
    collecting.take(at_ms=12_000 + PATIENCE_MS)
    assert (windows_ms(), collecting.intake.waiting) == ([0, 0], 0)
    take(collecting, unit, 24_000)
    assert collecting.intake.waiting == 1
    collecting.intake.wait_no_more()
    collecting.take(at_ms=24_000)
    assert windows_ms() == [0, 0, 0]


def test_nobody_is_asked_at_one_question_a_second(unit: SimulatedUnit) -> None:
    collecting = Collecting(period_s=1.0)
    take(collecting, unit, 0, 1000, 5000, 10_000, 16_000)
    assert windows_ms() == [0, 1000, 4000, 5000, 0]
    assert not unit.requests


def test_a_unit_that_restarts_while_collecting_is_credited_with_no_more_than_it_measured() -> None:
    with Fleet(1, "127.20.8.9", http_port=0, ayt_port=0) as fleet:
        [unit] = fleet.units
        unit.timing = replace(unit.timing, away_s=5.0)
        targets = Targets((unit.address,), broadcast=False, port=fleet.ayt_port)
        collector = Collector(Plan(targets, 3.0, flush_s=0.1))
        thread = threading.Thread(target=collector.run)
        thread.start()
        try:
            end = time.monotonic() + 30
            while len(unit.sent) < 2:
                assert time.monotonic() < end
                threading.Event().wait(0.02)
            unit.reboot()
            while len(unit.sent) < 4 or collector.counts().waiting:
                assert time.monotonic() < end
                threading.Event().wait(0.02)
        finally:
            collector.stop()
            thread.join(10)
    assert unit.boots == 2
    stored = list(DeviceReading.objects.order_by("time"))
    assert len(stored) == len(unit.sent)
    for reading, sent in zip(itertools.islice(stored, 1, None), itertools.islice(unit.sent, 1, None), strict=True):
        assert reading.window_ms <= sent.window_ns / 1e6 + 100
    assert sum(row.window_ms for row in stored) < stored[-1].time - stored[0].time - 3000
