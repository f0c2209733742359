"""Energies: exact to the last 0.1 mJ, whatever they are answered from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from devices.models import Device, Port
from readings import history
from readings.history import EnergyBucket, PortEnergy
from readings.models import DirtyBucket, PortDay, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, buckets, floor_minute, parse_time
from readings.quantities import ENERGY_PER_KWH, ENERGY_PER_WH
from tests.factories import make_device
from tests.readings.bulk import DAY_MS, Answer, amounts, roll_up, steady, store

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

BUCKETS: tuple[EnergyBucket, ...] = ("total", "hour", "day", "month")
NOON = parse_time("2026-03-10T12:00:00+00:00")
LONG_AFTER = NOON + 400 * DAY_MS
KW = 10_000


def ports_of(device: Device) -> list[Port]:
    return list(device.ports.order_by("number"))


def energy(
    device: Device, start_ms: int, end_ms: int, bucket: EnergyBucket = "total", *, now_ms: int = LONG_AFTER
) -> list[PortEnergy]:
    return history.energy(ports_of(device), start_ms, end_ms, bucket, now_ms=now_ms)


def measured(rows: Sequence[PortEnergy]) -> list[tuple[int, ...]]:
    return [
        (row.start_ms, row.end_ms, row.covered_ms, row.recovered_ms, row.export_energy, row.import_energy)
        for row in rows
    ]


def expected(answers: Sequence[Answer], port: int, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    return [(start, end, *amounts(answers, port, start, end)) for start, end in pieces]


# --- A day of one kilowatt ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize(("bucket", "rows"), [("total", 1), ("hour", 24), ("day", 1), ("month", 1)])
def test_one_kilowatt_imported_all_day_is_24_kwh(bucket: EnergyBucket, rows: int, rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    day = parse_time("2026-03-10T00:00:00+00:00")
    store(device, steady(day, day + DAY_MS, 45_000, -KW))
    if rolled_up:
        roll_up(day + 2 * DAY_MS)
    found = energy(device, day, day + DAY_MS, bucket)
    assert len(found) == rows
    assert {row.import_energy for row in found} == {24 * ENERGY_PER_KWH // rows}
    assert sum(row.import_kwh for row in found) == 24.0
    assert {(row.export_energy, row.missing_ms, row.recovered_ms) for row in found} == {(0, 0, 0)}
    assert sum(row.covered_ms for row in found) == DAY_MS


@pytest.mark.parametrize(
    ("date", "next_date", "hours"),
    [
        ("2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00", 23),
        ("2026-10-25T00:00:00+01:00", "2026-10-26T00:00:00+00:00", 25),
    ],
    ids=["clocks go forward", "clocks go back"],
)
@pytest.mark.parametrize("bucket", ["day", "total", "month", "hour"])
def test_the_days_on_which_clocks_change_have_23_and_25_hours(
    bucket: EnergyBucket, date: str, next_date: str, hours: int
) -> None:
    device = make_device(ports=["Grid"], timezone="Europe/London")
    start, end = parse_time(date), parse_time(next_date)
    store(device, steady(start - HOUR_MS, end + HOUR_MS, 60_000, -KW))
    roll_up(end + DAY_MS)
    found = energy(device, start, end, bucket)
    assert sum(row.import_energy for row in found) == hours * ENERGY_PER_KWH
    assert len(found) == (hours if bucket == "hour" else 1)
    if bucket == "day":
        neighbours = energy(device, start - HOUR_MS, end + HOUR_MS, "day")
        assert [row.import_energy // ENERGY_PER_KWH for row in neighbours] == [1, hours, 1]


@pytest.mark.parametrize("hours_after", [1, 25], ids=["one midnight", "two midnights"])
@pytest.mark.parametrize("bucket", BUCKETS)
def test_local_days_that_begin_off_the_hour(bucket: EnergyBucket, hours_after: int) -> None:
    device = make_device(ports=["Grid"], timezone="Asia/Kathmandu")
    midnight = parse_time("2026-03-31T00:00:00+05:45")
    answers = [
        Answer(midnight - 3 * HOUR_MS + index * 40_000, 40_000, (index * 7 - 1500,)) for index in range(1, 90 * 28)
    ]
    store(device, answers)
    start, end = midnight - 2 * HOUR_MS, midnight + hours_after * HOUR_MS
    before = measured(energy(device, start, end, bucket))
    roll_up(end + DAY_MS)
    assert measured(energy(device, start, end, bucket)) == before
    assert before == expected(answers, 0, buckets(start, end, bucket, "Asia/Kathmandu"))


# --- Directions --------------------------------------------------------------------------------------------------
def test_flows_that_cancel_count_both_ways() -> None:
    device = make_device(ports=["Battery"])
    store(device, steady(NOON, NOON + HOUR_MS // 2, 1000, 2 * KW))
    store(device, steady(NOON + HOUR_MS // 2, NOON + HOUR_MS, 1000, -2 * KW))
    roll_up(NOON + DAY_MS)
    for bucket in BUCKETS:
        (row,) = energy(device, NOON, NOON + HOUR_MS, bucket)
        assert (row.import_kwh, row.export_kwh, row.net_kwh) == (1.0, 1.0, 0.0)


def test_a_reversed_port_swaps_import_and_export_of_the_past_too() -> None:
    device = make_device(ports=["Solar"])
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, KW))
    roll_up(NOON + HOUR_MS // 2)
    (row,) = energy(device, NOON, NOON + HOUR_MS)
    assert (row.import_kwh, row.export_kwh, row.net_kwh) == (0.0, 1.0, -1.0)
    device.ports.update(reversed=True)
    (row,) = energy(device, NOON, NOON + HOUR_MS)
    assert (row.import_kwh, row.export_kwh, row.net_kwh) == (1.0, 0.0, 1.0)


# --- Covered, recovered, missing ---------------------------------------------------------------------------------
def test_covered_recovered_and_missing_are_disjoint() -> None:
    device = make_device(ports=["Grid"])
    store(device, [
        *steady(NOON, NOON + 20 * MINUTE_MS, 10_000, -KW),
        Answer(NOON + 35 * MINUTE_MS, 15 * MINUTE_MS, (-KW,), recovered=True),
        Answer(NOON + 45 * MINUTE_MS, 0, (-KW,)),
        Answer(NOON + 45 * MINUTE_MS + 5000, 5000, (-KW,)),
    ])  # fmt: skip
    for now_ms in (NOON + 46 * MINUTE_MS, NOON + DAY_MS):
        roll_up(now_ms)
        (row,) = energy(device, NOON, NOON + HOUR_MS, now_ms=now_ms)
        assert row.covered_ms == 20 * MINUTE_MS + 5000
        assert row.recovered_ms == 15 * MINUTE_MS
        asked = min(now_ms, NOON + HOUR_MS) - NOON
        assert row.missing_ms == asked - row.covered_ms - row.recovered_ms
        assert row.import_energy == KW * (row.covered_ms + row.recovered_ms)


def test_nothing_is_missing_before_the_first_reading_of_a_port() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 0, (5,)), *steady(NOON, NOON + MINUTE_MS, 1000, 5)])
    for _ in range(2):
        found = energy(device, NOON - 2 * HOUR_MS, NOON + HOUR_MS, "hour")
        assert [row.missing_ms for row in found] == [0, 0, HOUR_MS - MINUTE_MS]
        assert [row.covered_ms for row in found] == [0, 0, MINUTE_MS]
        roll_up(LONG_AFTER)


def test_a_port_that_never_answered_misses_nothing() -> None:
    device = make_device(ports=["Grid", "Unused"])
    store(device, steady(NOON, NOON + MINUTE_MS, 1000, -KW, None))
    _, unused = energy(device, NOON, NOON + MINUTE_MS)
    assert (unused.covered_ms, unused.import_energy, unused.export_energy) == (0, 0, 0)
    assert unused.missing_ms == MINUTE_MS - 1000, "it did answer, without a power"
    lonely = make_device("ASY0398_V003.300_SN00001802", ports=["Never"])
    (row,) = energy(lonely, NOON, NOON + MINUTE_MS)
    assert (row.covered_ms, row.missing_ms) == (0, 0)


def test_a_bucket_without_measurement_has_its_row() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + HOUR_MS, 60_000, -KW))
    store(device, steady(NOON + 3 * HOUR_MS, NOON + 4 * HOUR_MS, 60_000, -KW))
    roll_up(LONG_AFTER)
    found = energy(device, NOON, NOON + 4 * HOUR_MS, "hour")
    assert [row.import_kwh for row in found] == [1.0, 0.0, 0.0, 1.0]
    assert [row.missing_ms for row in found] == [0, HOUR_MS, HOUR_MS, 0]


def test_the_future_has_rows_and_misses_nothing() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + MINUTE_MS, 1000, -KW))
    found = energy(device, NOON + DAY_MS, NOON + 3 * DAY_MS, "day", now_ms=NOON + MINUTE_MS)
    assert len(found) == 3
    assert {(row.import_energy, row.covered_ms, row.missing_ms) for row in found} == {(0, 0, 0)}


def test_an_empty_span_has_no_rows() -> None:
    device = make_device(ports=["Grid"])
    assert energy(device, NOON, NOON) == []
    assert history.energy([], NOON, NOON + 1, "total", now_ms=NOON) == []


# --- What is not rolled up yet -----------------------------------------------------------------------------------
@pytest.mark.parametrize("bucket", BUCKETS)
def test_dirty_minutes_count_before_their_rollup_as_after_it(bucket: EnergyBucket) -> None:
    device = make_device(ports=["Grid", "Solar"])
    answers = steady(NOON, NOON + 26 * HOUR_MS, 37_000, -KW, 1234)
    late = answers[100:140] + answers[700:730]
    store(device, [answer for answer in answers if answer not in late])
    roll_up(NOON + 25 * HOUR_MS)
    store(device, late)
    start, end, now_ms = NOON - HOUR_MS, NOON + 30 * HOUR_MS, NOON + 27 * HOUR_MS
    assert PortDay.objects.exists()
    before = energy(device, start, end, bucket, now_ms=now_ms)
    roll_up(now_ms)
    assert not DirtyBucket.objects.exists()
    assert energy(device, start, end, bucket, now_ms=now_ms) == before
    assert measured(before[: len(before) // 2]) == expected(answers, 0, buckets(start, end, bucket, "UTC"))


def test_many_scattered_dirty_minutes_are_each_counted_once() -> None:
    device = make_device(ports=["Grid"])
    answers = steady(NOON, NOON + 3 * HOUR_MS, 20_000, -KW)
    late = answers[5::20]
    store(device, [answer for answer in answers if answer not in late])
    roll_up(LONG_AFTER)
    store(device, late)
    assert DirtyBucket.objects.count() > 20
    (row,) = energy(device, NOON, NOON + 3 * HOUR_MS)
    assert (row.import_kwh, row.covered_ms) == (3.0, 3 * HOUR_MS)


def test_a_window_that_reaches_back_over_a_dirty_minute_counts_there() -> None:
    device = make_device(ports=["Grid"])
    long_window = Answer(NOON + 3 * HOUR_MS, 2 * HOUR_MS, (-KW,), recovered=True)
    store(device, [*steady(NOON, NOON + HOUR_MS, 10_000, -KW), long_window])
    (row,) = energy(device, NOON + HOUR_MS, NOON + 2 * HOUR_MS)
    assert (row.import_kwh, row.recovered_ms, row.covered_ms) == (1.0, HOUR_MS, 0)


# --- Edges off the minute ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize(
    ("start", "end"), [(-7, 61_003), (12_345, 12_346), (59_999, 7_200_001), (1, 59_999), (30_500, 3_630_500)]
)
def test_an_end_off_the_minute_is_answered_from_readings(start: int, end: int, rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    answers = [Answer(NOON + index * 1013, 1013, (index * 31 % 5000 - 2500,)) for index in range(1, 7300)]
    store(device, answers)
    if rolled_up:
        roll_up(LONG_AFTER)
    for bucket in BUCKETS:
        found = measured(energy(device, NOON + start, NOON + end, bucket))
        assert found == expected(answers, 0, buckets(NOON + start, NOON + end, bucket, "UTC"))


def test_an_end_off_the_minute_is_pro_rata_once_the_readings_are_gone() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 2 * MINUTE_MS, 1000, -KW - 1))
    roll_up(LONG_AFTER)
    edge = NOON + 12_345
    first, second = (energy(device, *span)[0] for span in ((NOON, edge), (edge, NOON + 2 * MINUTE_MS)))
    PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LONG_AFTER).delete()
    (gone_first,), (gone_second,) = energy(device, NOON, edge), energy(device, edge, NOON + 2 * MINUTE_MS)
    assert (gone_first.import_energy, gone_first.covered_ms) == (first.import_energy, first.covered_ms)
    assert (gone_second.import_energy, gone_second.covered_ms) == (second.import_energy, second.covered_ms)
    assert gone_first.missing_ms == gone_second.missing_ms == 0


def test_neighbouring_spans_add_up_to_the_whole() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + index * 997, 997, (index * 977 % 9001 - 4000,)) for index in range(1, 400)])
    roll_up(LONG_AFTER)
    (whole,) = energy(device, NOON, NOON + 5 * MINUTE_MS)
    for readings_gone in (False, True):
        if readings_gone:
            PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LONG_AFTER).delete()
        edges = [NOON, NOON + 7, NOON + 31_001, NOON + 60_001, NOON + 200_123, NOON + 5 * MINUTE_MS]
        parts = [energy(device, *span)[0] for span in pairwise(edges)]
        assert sum(part.import_energy for part in parts) == whole.import_energy
        assert sum(part.export_energy for part in parts) == whole.export_energy
        assert sum(part.covered_ms for part in parts) == whole.covered_ms


# --- How it is read ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bucket", BUCKETS)
def test_whole_days_are_read_from_days_and_whole_hours_from_hours(bucket: EnergyBucket) -> None:
    """Told apart by rows that only one of the tables holds."""
    device = make_device(ports=["Grid"])
    port = device.ports.get()
    midnight = NOON - 12 * HOUR_MS
    columns = {"samples": 1, "covered_ms": 1000, "recovered_ms": 0, "positive_energy": 0}
    PortDay.objects.create(port=port, start=midnight, negative_energy=100_000, **columns)
    PortHour.objects.create(port=port, start=midnight, negative_energy=10_000, **columns)
    third = midnight + 2 * DAY_MS
    PortHour.objects.create(port=port, start=third, negative_energy=1_000, **columns)
    PortMinute.objects.create(port=port, start=third + HOUR_MS, negative_energy=100, **columns)
    found = energy(device, midnight, third + HOUR_MS + MINUTE_MS, bucket)
    total = sum(row.import_energy for row in found)
    assert total == (11_100 if bucket == "hour" else 101_100)
    one_day = sum(row.import_energy for row in energy(device, midnight, midnight + DAY_MS, bucket))
    assert one_day == (10_000 if bucket == "hour" else 100_000)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_day_of_which_nothing_can_be_gone_is_read_from_its_hours(bucket: EnergyBucket) -> None:
    """That needs no look at which zone its day is of."""
    port = make_device(ports=["Grid"]).ports.get()
    midnight = NOON - 12 * HOUR_MS
    columns = {"samples": 1, "covered_ms": 1000, "recovered_ms": 0, "positive_energy": 0}
    PortDay.objects.create(port=port, start=midnight, negative_energy=100_000, **columns)
    PortHour.objects.create(port=port, start=midnight, negative_energy=10_000, **columns)
    found = history.energy([port], midnight, midnight + DAY_MS, bucket, now_ms=midnight + DAY_MS)
    assert sum(row.import_energy for row in found) == 10_000


def test_six_ports_take_a_bounded_number_of_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    device = make_device(timezone="Asia/Kathmandu")
    answers = steady(NOON, NOON + 50 * HOUR_MS, 60_000, *(-KW,) * 6)
    store(device, answers[:-300])
    roll_up(LONG_AFTER)
    store(device, answers[-300::7])
    ports = ports_of(device)
    for bucket, end in product(BUCKETS, (NOON + 50 * HOUR_MS, NOON + 49 * HOUR_MS + 1)):
        with django_assert_max_num_queries(6):
            history.energy(ports, NOON + 1, end, bucket, now_ms=LONG_AFTER)


def test_ports_of_several_devices_and_zones_in_the_order_asked_for() -> None:
    london = make_device(ports=["a", "b"], timezone="Europe/London")
    kathmandu = make_device("ASY0398_V003.300_SN00001802", ports=["c"], timezone="Asia/Kathmandu")
    start, end = parse_time("2026-07-01T00:00:00+01:00"), parse_time("2026-07-03T00:00:00+01:00")
    for device in (london, kathmandu):
        store(device, steady(start, end, 60_000, -KW, -2 * KW))
    roll_up(LONG_AFTER)
    a, b = ports_of(london)
    (c,) = ports_of(kathmandu)
    found = history.energy([c, b, a], start, end, "day", now_ms=LONG_AFTER)
    assert [row.port_id for row in found] == [c.pk] * 3 + [b.pk] * 2 + [a.pk] * 2
    assert [row.import_kwh for row in found] == [19.25, 24.0, 4.75, 48.0, 48.0, 24.0, 24.0]


# --- Against an independent reference ----------------------------------------------------------------------------
@st.composite
def stories(draw: st.DrawFn) -> list[Answer]:
    """Answers of two ports with gaps, long and unknown windows, as ingest would store them."""
    time = NOON + draw(st.integers(-90_000, 90_000))
    answers = []
    for _ in range(draw(st.integers(1, 25))):
        window_ms = draw(st.one_of(st.integers(1, 3000), st.integers(0, 200_000), st.sampled_from([0, 7_000_000])))
        time += max(1, window_ms) + draw(st.sampled_from([0, 0, 0, 1, 777, 60_000, 5_000_000]))
        power = st.one_of(st.none(), st.integers(-230_000, 230_000))
        answers.append(Answer(time, window_ms, (draw(power), draw(power)), recovered=window_ms > 100_000))
    return answers


_serials = iter(range(100_000))


@dataclass(frozen=True)
class Asked:
    start_ms: int
    end_ms: int
    zone: str
    rolled_up_at: int
    late: frozenset[int]


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    start_ms = NOON + draw(st.integers(-7_200_000, 20_000_000))
    end_ms = start_ms + draw(st.integers(1, 20_000_000))
    if draw(st.booleans()):
        start_ms, end_ms = floor_minute(start_ms), floor_minute(end_ms) + MINUTE_MS
    return Asked(
        start_ms=start_ms,
        end_ms=end_ms,
        zone=draw(st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"])),
        rolled_up_at=NOON + draw(st.integers(0, 30_000_000)),
        late=draw(st.frozensets(st.integers(0, 24), max_size=6)),
    )


@given(answers=stories(), asked=questions())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_story_amounts_to_what_single_steps_of_integers_say(
    forget: Callable[[], None], answers: list[Answer], asked: Asked
) -> None:
    forget()
    device = make_device(f"ASY0398_V003.300_SN{next(_serials):08}", ports=["a", "b"], timezone=asked.zone)
    store(device, [answer for index, answer in enumerate(answers) if index not in asked.late])
    roll_up(asked.rolled_up_at)
    store(device, [answer for index, answer in enumerate(answers) if index in asked.late])
    for _ in range(2):
        for bucket in BUCKETS:
            pieces = buckets(asked.start_ms, asked.end_ms, bucket, asked.zone)
            found = measured(energy(device, asked.start_ms, asked.end_ms, bucket))
            assert found == [row for port in (0, 1) for row in expected(answers, port, pieces)]
        roll_up(LONG_AFTER)


@pytest.fixture
def forget(db: None) -> Callable[[], None]:
    """Deletes what an example before has stored."""

    def delete() -> None:
        for table in (PortReading, PortMinute, PortHour, PortDay, DirtyBucket):
            table._default_manager.all().delete()

    return delete


def test_a_watt_hour_is_36_million_units() -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON + HOUR_MS, HOUR_MS, (-10,))])
    assert energy(device, NOON, NOON + HOUR_MS)[0].net_energy == ENERGY_PER_WH
