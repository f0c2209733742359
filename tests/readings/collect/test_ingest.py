"""Answers become rows: rounded once, stored once, all or nothing."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from operator import itemgetter
from threading import Event

import pytest
from django.db import OperationalError

from devices.ct6.protocol import decode_answer
from devices.models import Device, Port
from devices.registration import known_units
from devices.seen import Seen, note_seen
from readings.collect import ingest as ingest_module
from readings.collect.ahead import Ahead
from readings.collect.ingest import Ingest, NewReading, Overtaken, last_answer, new_reading, store, stored_timeline
from readings.collect.lease import PART as LEASE
from readings.collect.lease import Lease
from readings.models import DeviceReading, DirtyBucket, Heartbeat, PortReading
from readings.periods import MINUTE_MS
from readings.quantities import PORT_QUANTITIES
from tests.factories import make_device, store_reading
from tests.readings.collect.arrivals import ASSY, HERE, NOON_MS, OTHER_ASSY, answer_of, arrival
from tests.waiting import until

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def device() -> Device:
    return make_device(ASSY)


def reading_of(
    device: Device, time_ms: int = NOON_MS, window_ms: int = 1000, payload: bytes | None = None
) -> NewReading:
    known = known_units([device.assy])[device.assy]
    return new_reading(known, decode_answer(payload or answer_of(device.assy)), time_ms, window_ms, time_ms)


def fixed_values(time_ms: int, number: int) -> list[int | None]:
    names = [f"{quantity.name}__fixed" for quantity in PORT_QUANTITIES]
    return list(PortReading.objects.values_list(*names).get(time=time_ms, port__number=number))


def counts() -> tuple[int, int, int]:
    return PortReading.objects.count(), DeviceReading.objects.count(), DirtyBucket.objects.count()


def test_a_captured_answer_becomes_a_row_a_port_and_one_of_the_device(device: Device) -> None:
    store([reading_of(device)], [])
    assert counts() == (6, 1, 1)
    assert fixed_values(NOON_MS, 1) == [10925, 3591, 11500, 950, 5000, 7065]
    assert fixed_values(NOON_MS, 2) == [-18400, 0, 18400, -1000, 8000, 11314]
    row = DeviceReading.objects.get()
    assert (row.voltage, row.frequency, row.temperature, row.rssi) == (230.0, 50.0, 27.5, -52.0)
    assert (row.device_id, row.time, row.window_ms, row.recovered) == (device.pk, NOON_MS, 1000, False)


def test_storing_twice_changes_nothing(device: Device) -> None:
    first = reading_of(device)
    store([first], [])
    store([first, reading_of(device, payload=answer_of(power_w=5.0))], [])
    assert counts() == (6, 1, 1)
    assert fixed_values(NOON_MS, 1)[0] == 10925


def test_a_missing_value_is_null_and_not_zero(device: Device) -> None:
    store([reading_of(device, payload=answer_of(CT3={"IPEAK": None, "PREACT": None}, RSSI=None))], [])
    assert fixed_values(NOON_MS, 3) == [0, None, 0, 0, 0, None]
    assert DeviceReading.objects.get().rssi is None


def test_a_port_without_a_power_covers_no_time(device: Device) -> None:
    store([reading_of(device, payload=answer_of(CT3={"PRMS": None}))], [])
    windows = dict(PortReading.objects.values_list("port__number", "window_ms"))
    assert windows == {1: 1000, 2: 1000, 3: 0, 4: 1000, 5: 1000, 6: 1000}


def test_a_port_that_is_not_registered_is_left_out(device: Device) -> None:
    Port.objects.filter(device=device, number=6).delete()
    store([reading_of(device)], [])
    assert counts() == (5, 1, 1)


@pytest.mark.parametrize(
    ("after_minute_ms", "window_ms", "minutes"),
    [
        (30_000, 1000, [0]),
        (500, 1000, [-1, 0]),
        (1000, 1000, [0]),
        (0, 1000, [-1]),
        (0, 0, [-1]),
        (500, 0, [0]),
        (10_000, 150_000, [-3, -2, -1, 0]),
    ],
)
def test_every_minute_that_a_window_touches_is_rolled_up_again(
    device: Device, after_minute_ms: int, window_ms: int, minutes: list[int]
) -> None:
    store([reading_of(device, NOON_MS + after_minute_ms, window_ms)], [])
    found = [
        (minute - NOON_MS) // MINUTE_MS
        for minute in DirtyBucket.objects.order_by("minute").values_list("minute", flat=True)
    ]
    assert found == minutes


def test_a_flush_writes_one_dirty_minute_per_device(device: Device) -> None:
    other = make_device(OTHER_ASSY)
    readings = [reading_of(one, NOON_MS + second * 1000) for one in (device, other) for second in range(1, 31)]
    store(readings, [])
    assert counts() == (360, 60, 2)


def test_all_or_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_seen: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(ingest_module, "note_seen", fails)
    with pytest.raises(OperationalError):
        store([reading_of(device)], [])
    assert counts() == (0, 0, 0)


def test_the_last_answer_shows_the_values_as_they_are_stored(device: Device) -> None:
    said = json.loads(last_answer(reading_of(device, payload=answer_of(CT2={"IPEAK": None})), arrival(0)))
    assert said["time"] == NOON_MS
    assert said["window_ms"] == 1000
    assert (said["way"], said["address"]) == ("ayt", HERE)
    assert (said["voltage"], said["frequency"], said["temperature"], said["rssi"]) == (230.0, 50.0, 27.5, -52.0)
    assert said["ports"]["1"] == {
        "active_power": 1092.5,
        "reactive_power": 359.1,
        "apparent_power": 1150.0,
        "power_factor": 0.95,
        "current_rms": 5.0,
        "current_peak": 7.065,
    }
    assert said["ports"]["2"]["current_peak"] is None


def test_writing_notes_when_a_unit_was_heard_and_what_it_said(device: Device) -> None:
    ingest = Ingest()
    at = datetime(2027, 1, 15, 8, 0, 0, 123000, tzinfo=UTC)
    ingest.note_seen(Seen(device.pk, at, '{"time": 7}'))
    ingest.write()
    ingest.note_seen(Seen(device.pk, at, None))
    ingest.write()
    device.refresh_from_db()
    assert device.last_seen == at
    assert device.last_answer == {"time": 7}


def test_only_the_newest_answer_of_a_flush_is_noted(device: Device) -> None:
    ingest = Ingest()
    first, second = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC), datetime(2027, 1, 15, 8, 0, 1, tzinfo=UTC)
    ingest.note_seen(Seen(device.pk, first, '{"time": 1}'))
    ingest.note_seen(Seen(device.pk, second, None))
    ingest.write()
    device.refresh_from_db()
    assert (device.last_seen, device.last_answer) == (second, {"time": 1})


def test_a_database_that_fails_loses_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    ingest.add(reading_of(device))

    def is_locked(*_args: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "note_seen", is_locked)
        with pytest.raises(OperationalError):
            ingest.write()
    assert len(ingest) == 1
    ingest.write()
    assert (len(ingest), ingest.stored) == (0, 1)
    assert counts() == (6, 1, 1)


def test_a_reading_that_the_database_refuses_does_not_keep_the_others_out(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    good, later = reading_of(device), reading_of(device, NOON_MS + 2000)
    bad = reading_of(device, NOON_MS + 1000)
    # A power that is NULL is fine, a window that is NULL is refused by every engine.
    bad = NewReading(
        bad.unit, bad.device_id, bad.time_ms, 1000, 0, (bad.device_id, bad.time_ms, None, False, 1, 1, 1, 1), (), ()
    )
    ingest = Ingest()
    for reading in (good, bad, later):
        ingest.add(reading)
    ingest.write()
    assert (ingest.stored, ingest.refused, len(ingest)) == (2, 1, 0)
    assert sorted(DeviceReading.objects.values_list("time", flat=True)) == [NOON_MS, NOON_MS + 2000]
    assert ASSY in caplog.text


def test_readings_that_waited_too_long_are_given_up_oldest_first(device: Device) -> None:
    ingest = Ingest()
    for second in range(5):
        ingest.add(reading_of(device, NOON_MS + second * 1000))
    assert ingest.drop_older_than(NOON_MS + 2000) == 2
    ingest.write()
    assert DeviceReading.objects.count() == 3


def test_a_long_backlog_goes_in_several_transactions(device: Device) -> None:
    ingest = Ingest()
    reading = reading_of(device)
    for n in range(2500):
        row = (device.pk, NOON_MS + n, *reading.device_row[2:])
        ingest.add(NewReading(reading.unit, device.pk, NOON_MS + n, 1, NOON_MS, row, (), ()))
    ingest.write()
    assert DeviceReading.objects.count() == 2500


# --- Full batches ahead -----------------------------------------------------------------------------------------


@pytest.fixture
def ahead() -> Iterator[Ingest]:
    ingest = Ingest(ahead=True)
    yield ingest
    ingest.close()


def add(ingest: Ingest, device: Device, numbers: Iterable[int]) -> None:
    reading = reading_of(device)
    for n in numbers:
        row = (device.pk, NOON_MS + n, *reading.device_row[2:])
        ingest.add(NewReading(reading.unit, device.pk, NOON_MS + n, 1, NOON_MS + n, row, (), ()))


def stored_times() -> list[int]:
    return [time - NOON_MS for time in DeviceReading.objects.order_by("time").values_list("time", flat=True)]


@pytest.mark.django_db(transaction=True)
def test_a_full_batch_is_stored_while_the_next_one_is_made(device: Device, ahead: Ingest) -> None:
    add(ahead, device, range(1_500))
    until(lambda: DeviceReading.objects.count() == 1_000)
    assert (len(ahead), ahead.stored) == (1_500, 0)  # as long as nobody has asked what came of it
    ahead.write()
    assert (len(ahead), ahead.stored) == (0, 1_500)
    assert stored_times() == list(range(1_500))


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_could_not_be_stored_ahead_is_stored_in_its_turn(
    device: Device, ahead: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = count()

    def is_away_at_first(seen: Sequence[Seen]) -> None:
        if next(tries) == 0:
            raise OperationalError(2002, "Can't connect to local server")
        note_seen(seen)

    monkeypatch.setattr(ingest_module, "note_seen", is_away_at_first)
    add(ahead, device, range(2_500))
    ahead.write()
    assert (len(ahead), ahead.stored) == (0, 2_500)
    assert stored_times() == list(range(2_500))


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_all_is_kept(device: Device, ahead: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(_seen: object) -> None:
        raise OperationalError(2002, "Can't connect to local server")

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "note_seen", is_away)
        add(ahead, device, range(2_500))
        with pytest.raises(OperationalError):
            ahead.write()
        assert (len(ahead), ahead.stored) == (2_500, 0)
        assert ahead.drop_older_than(NOON_MS + 100) == 100
    ahead.write()
    assert stored_times() == list(range(100, 2_500))


@pytest.mark.django_db(transaction=True)
def test_a_reading_that_is_refused_keeps_no_other_of_its_batch_out(
    device: Device, ahead: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    add(ahead, device, range(600))
    ahead.add(NewReading(ASSY, device.pk, NOON_MS, 1, 0, (device.pk, NOON_MS + 7000, None, False, *(1,) * 4), (), ()))
    add(ahead, device, range(600, 1_200))
    ahead.write()
    assert (len(ahead), ahead.stored, ahead.refused) == (0, 1_200, 1)
    assert stored_times() == list(range(1_200))
    assert ASSY in caplog.text


@pytest.mark.django_db(transaction=True)
def test_another_collector_goes_on_without_what_was_begun(
    device: Device, ahead: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for one batch that is on its way already."""
    on_its_way, goes_on = Event(), Event()

    def waits(seen: Sequence[Seen]) -> None:
        on_its_way.set()
        assert goes_on.wait(20)
        note_seen(seen)

    monkeypatch.setattr(ingest_module, "note_seen", waits)
    add(ahead, device, range(3_500))
    assert on_its_way.wait(20)
    give_up = Ahead.give_up

    def given_up(one: Ahead[NewReading]) -> None:
        give_up(one)
        goes_on.set()

    monkeypatch.setattr(Ahead, "give_up", given_up)
    assert ahead.drop_all() == 2_500
    assert (len(ahead), ahead.stored) == (0, 1_000)
    assert stored_times() == list(range(1_000))


# --- Another collector goes on ----------------------------------------------------------------------------------


def test_what_was_on_its_way_when_another_collector_took_over_is_not_stored(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that slept between its statements and their commit; the other one has measured that time since."""
    lease = Lease()
    assert lease.hold(datetime.now(UTC), 0)
    ingest = Ingest(is_ours=lease.is_still_ours)
    ingest.add(reading_of(device))
    ingest.write()

    def sleeps(_seen: object) -> None:
        Heartbeat.objects.filter(part=LEASE).update(detail={"instance": "another"})

    monkeypatch.setattr(ingest_module, "note_seen", sleeps)
    ingest.add(reading_of(device, NOON_MS + 1000))
    with pytest.raises(Overtaken):
        ingest.write()
    assert (ingest.stored, len(ingest)) == (1, 1)
    assert counts() == (6, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_nor_is_a_full_batch(device: Device) -> None:
    ingest = Ingest(ahead=True, is_ours=lambda: False)
    add(ingest, device, range(1_200))
    with pytest.raises(Overtaken):
        ingest.write()
    assert ingest.drop_all() == 1_200
    assert stored_times() == []
    ingest.close()


# --- Where a device's readings leave off ------------------------------------------------------------------------


def test_a_device_without_readings_starts_afresh(device: Device) -> None:
    assert stored_timeline(device.pk, NOON_MS, 1000).newest_ms is None


def test_after_a_restart_of_ours_the_newest_reading_is_looked_up(device: Device) -> None:
    other = make_device(OTHER_ASSY)
    store([reading_of(device, NOON_MS), reading_of(device, NOON_MS + 1000), reading_of(other, NOON_MS + 5000)], [])
    timeline = stored_timeline(device.pk, NOON_MS + 3000, 1000)
    assert timeline.add(NOON_MS + 3500, 0) == 2500


def test_readings_later_than_now_are_not_measured_again(device: Device) -> None:
    """The clock was set back while the collector was not running."""
    for second in range(10):
        store_reading(device, NOON_MS + second * 1000, 1000, [1.0])
    timeline = stored_timeline(device.pk, NOON_MS + 4500, 1000)
    assert [timeline.add(NOON_MS + n * 1000 + 500, n * 1000) for n in range(5, 11)] == [0, 0, 0, 0, 500, 1000]


def test_a_thousand_readings_with_missing_values_are_stored_as_they_are(device: Device) -> None:
    """Numbers are written into MySQL's statements as they are: nothing but whole numbers, truths and NULL."""
    readings = [reading_of(device, NOON_MS + n * 1000) for n in range(1000)]
    store(readings, [])
    columns = ("port_id", "time", "window_ms", "recovered", *(f"{q.name}__fixed" for q in PORT_QUANTITIES))
    stored = PortReading.objects.order_by("time", "port").values_list(*columns)
    assert list(stored) == sorted((row for reading in readings for row in reading.port_rows), key=itemgetter(1, 0))
