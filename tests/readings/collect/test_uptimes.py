"""A unit that restarted while it was silent is credited with its uptime at most."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device, Job
from readings.collect import uptimes as uptimes_module
from readings.collect.collector import Collector, Plan
from readings.collect.oddities import Oddity
from readings.collect.questions import Targets
from readings.collect.uptimes import PATIENCE_MS
from readings.collect.windows import LONGEST_OUTAGE_MS
from readings.models import DeviceReading, PortReading
from tests.devices.units import closed_port
from tests.readings.collect.arrivals import NOON_MS, Collecting, answer_of, arrival

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


def test_silence_in_which_no_unit_can_restart_asks_for_nothing(unit: SimulatedUnit) -> None:
    collecting = Collecting(period_s=1.0)
    take(collecting, unit, 0, 1000, 5000, 10_000)
    assert windows_ms() == [0, 1000, 4000, 5000]
    assert not unit.requests


def recovered_ms() -> list[int]:
    return list(DeviceReading.objects.filter(recovered=True).values_list("window_ms", flat=True))


def test_an_outage_that_the_unit_ran_through_is_recovered_by_its_mean() -> None:
    with Fleet(1, "127.20.8.3", http_port=0, ayt_port=0, uptime_s=20_000.0) as fleet:
        [unit] = fleet.units
        collecting = Collecting(period_s=1.0)
        take(collecting, unit, 0, 1000, 5 * 3_600_000, 5 * 3_600_000 + 1000)
        take_until_stored(collecting, 4, 5 * 3_600_000 + 1000)
    assert windows_ms() == [0, 1000, 5 * 3_600_000 - 1000, 1000]
    assert recovered_ms() == [5 * 3_600_000 - 1000]
    assert set(PortReading.objects.filter(recovered=True).values_list("window_ms", flat=True)) == {*recovered_ms()}


def test_of_an_outage_in_which_it_restarted_its_uptime_is_measured(unit: SimulatedUnit) -> None:
    collecting = Collecting(period_s=1.0)
    take(collecting, unit, 0, 3_600_000)
    take_until_stored(collecting, 2, 3_600_000)
    assert 1000 <= windows_ms()[1] <= 5000
    assert recovered_ms() == []  # so short a time is no outage


def test_an_outage_of_a_unit_that_somebody_else_may_ask_is_a_gap() -> None:
    with Fleet(1, "127.20.8.4", http_port=0, ayt_port=0, uptime_s=20_000.0) as fleet:
        [unit] = fleet.units
        collecting = Collecting(period_s=1.0)
        take(collecting, unit, *range(0, 400_000, 2000))
        take(collecting, unit, 4_000_000)
        take_until_stored(collecting, 201, 4_000_000)
    assert windows_ms()[-1] == 0
    assert recovered_ms() == []


@pytest.mark.parametrize("unit_is_known", [True, False])
def test_time_of_which_answers_are_lost_is_a_gap(*, unit_is_known: bool) -> None:
    with unit_of_hours() as fleet:
        [unit] = fleet.units
        collecting = Collecting(period_s=1.0)
        take(collecting, unit, 0, 1000)
        if not unit_is_known:
            collecting = Collecting(period_s=1.0)
        collecting.intake.note_loss(NOON_MS + 60_000)
        take(collecting, unit, 60_000, 61_000, 100_000)
        take_until_stored(collecting, 5, 100_000)
    assert windows_ms() == [0, 1000, 0, 1000, 39_000]


def unit_of_hours() -> Fleet:
    return Fleet(1, "127.20.8.5", http_port=0, ayt_port=0, uptime_s=20_000.0)


def test_time_in_which_a_unit_was_ignored_is_a_gap() -> None:
    with unit_of_hours() as fleet:
        [unit] = fleet.units
        collecting = Collecting(period_s=1.0)
        take(collecting, unit, 0, 1000)
        for adoption in (Device.Adoption.IGNORED, Device.Adoption.ADOPTED):
            Device.objects.update(adoption=adoption)
            start_ms = 10_000 if adoption == Device.Adoption.IGNORED else 3_600_000
            take(collecting, unit, *range(start_ms, start_ms + 10_000, 1000))
        take_until_stored(collecting, 12, 3_610_000)
    assert recovered_ms() == []
    assert windows_ms()[2:4] == [0, 1000]


def test_also_if_another_collector_goes_on_afterwards() -> None:
    with unit_of_hours() as fleet:
        [unit] = fleet.units
        collecting = Collecting(period_s=1.0)
        take(collecting, unit, 0, 1000)
        Device.objects.update(adoption=Device.Adoption.IGNORED)
        take(collecting, unit, 10_000, 3_500_000)
        Device.objects.update(adoption=Device.Adoption.ADOPTED)
        fresh = Collecting(period_s=1.0)
        take(fresh, unit, 3_600_000, 3_601_000)
        take_until_stored(fresh, 4, 3_601_000)
    assert windows_ms() == [0, 1000, 0, 1000]


def test_an_outage_of_the_collector_is_recovered_by_the_next_one() -> None:
    with unit_of_hours() as fleet:
        [unit] = fleet.units
        take(Collecting(period_s=1.0), unit, 0, 1000)
        fresh = Collecting(period_s=1.0)
        take(fresh, unit, 3_600_000, 3_601_000)
        take_until_stored(fresh, 4, 3_601_000)
    assert windows_ms() == [0, 1000, 3_599_000, 1000]


def test_an_outage_in_which_the_unit_was_calibrated_is_a_gap() -> None:
    with unit_of_hours() as fleet:
        [unit] = fleet.units
        take(Collecting(period_s=1.0), unit, 0, 1000)
        started, ended = (datetime.fromtimestamp((NOON_MS + ms) / 1000, UTC) for ms in (60_000, 120_000))
        Job.objects.create(device=Device.objects.get(), kind=Job.Kind.CALIBRATION, started=started, ended=ended)
        fresh = Collecting(period_s=1.0)
        take(fresh, unit, 3_600_000, 3_601_000)
        take_until_stored(fresh, 4, 3_601_000)
    assert windows_ms() == [0, 1000, 0, 1000]


def test_an_outage_of_more_than_a_week_is_a_gap() -> None:
    collecting = Collecting(period_s=1.0)
    collecting.take(arrival(0), arrival(LONGEST_OUTAGE_MS + 1))
    assert windows_ms() == [0, 0]


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
