"""History obeys what a port was at the time: its direction, its scale and its role."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from devices.models import Device, Port
from devices.port_past import change_from
from readings import history
from readings.balance import balance_of, uses_of
from readings.history import EnergyBucket, PortEnergy, Resolution, Series
from readings.latest import latest
from readings.models import PortReading
from readings.periods import HOUR_MS, MINUTE_MS, buckets, parse_time
from readings.quantities import ACTIVE_POWER, CURRENT_RMS, POWER_FACTOR, Quantity
from tests.factories import make_device, store_answer
from tests.people import make_user, with_token
from tests.readings.bulk import DAY_MS, Answer, amounts, roll_up, steady, store

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOON = parse_time("2026-03-10T12:00:00+00:00")
LONG_AFTER = NOON + 100 * DAY_MS
KW = 10_000
BUCKETS: tuple[EnergyBucket, ...] = ("total", "hour", "day", "month")
ZONES = ["UTC", "Europe/London", "Asia/Kathmandu"]


def change(port: Port, at_ms: int, **values: Any) -> None:
    change_from(port, at_ms, who=None, **values)


def energy(device: Device, start_ms: int, end_ms: int, bucket: EnergyBucket = "total") -> list[PortEnergy]:
    return history.energy(list(device.ports.all()), start_ms, end_ms, bucket, now_ms=LONG_AFTER)


def ask(
    device: Device, start_ms: int, end_ms: int, resolution: Resolution, quantity: Quantity = ACTIVE_POWER
) -> Series:
    ports = list(device.ports.all())
    return history.series(ports, quantity, start_ms, end_ms, now_ms=LONG_AFTER, resolution=resolution)


# --- Energy -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize("bucket", BUCKETS)
def test_energy_is_exact_on_both_sides_of_a_moment(bucket: EnergyBucket, rolled_up: bool, zone: str) -> None:
    """Windows of 7.777 s cross the moments; each side gets its share, and the sum is rounded once."""
    device = make_device(ports=["Grid", "Plain"], timezone=zone)
    answers = [Answer(NOON + n * 7777, 7777, ((n * 31) % 5000 - 2500, 100)) for n in range(1, 26 * 463)]
    store(device, answers)
    if rolled_up:
        roll_up(LONG_AFTER)
    first, second = NOON + 3 * HOUR_MS, NOON + 14 * HOUR_MS
    port = device.ports.get(number=1)
    change(port, first, reversed=True, scale=Decimal("1.23457"))
    change(port, second, reversed=False, scale=Decimal("0.5"))
    start, end = NOON - HOUR_MS + 12_345, NOON + 27 * HOUR_MS
    eras = [(start, first, 100_000, False), (first, second, 123_457, True), (second, end, 50_000, False)]

    def expected(piece: tuple[int, int]) -> tuple[int, int, int]:
        covered, sums = 0, [0, 0]
        for begun, ended, factor, is_reversed in eras:
            span = max(begun, piece[0]), min(ended, piece[1])
            if span[0] < span[1]:
                ms, _recovered, positive, negative = amounts(answers, 0, *span)
                ways = (positive, negative) if is_reversed else (negative, positive)
                covered, sums = covered + ms, [total + factor * way for total, way in zip(sums, ways, strict=True)]
        imported, exported = ((2 * total + 100_000) // 200_000 for total in sums)
        return covered, imported, exported

    found = energy(device, start, end, bucket)
    pieces = buckets(start, end, bucket, zone)
    ours, plain = found[: len(pieces)], found[len(pieces) :]
    assert [(row.start_ms, row.end_ms) for row in ours] == pieces
    assert [(row.covered_ms, row.import_energy, row.export_energy) for row in ours] == list(map(expected, pieces))
    assert [(row.start_ms, row.end_ms) for row in plain] == pieces
    assert [row.export_energy for row in plain] == [amounts(answers, 1, *piece)[2] for piece in pieces]
    assert all(not row.parts for row in found)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_nothing_more_is_missing_for_a_moment_in_between(bucket: EnergyBucket) -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 30 * MINUTE_MS, 10_000, -KW))
    store(device, steady(NOON + 3 * HOUR_MS, NOON + 4 * HOUR_MS, 10_000, -KW))
    before = energy(device, NOON - DAY_MS, NOON + DAY_MS, bucket)
    change(device.ports.get(), NOON + 2 * HOUR_MS, reversed=True)
    after = energy(device, NOON - DAY_MS, NOON + DAY_MS, bucket)
    shape = [(row.start_ms, row.end_ms, row.covered_ms, row.missing_ms) for row in before]
    assert [(row.start_ms, row.end_ms, row.covered_ms, row.missing_ms) for row in after] == shape


def test_a_scale_alone_multiplies_all_of_the_past() -> None:
    device = make_device(ports=["Odd clamp"])
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -KW))
    device.ports.update(scale=Decimal("2.5"))
    (row,) = energy(device, NOON, NOON + HOUR_MS)
    assert (row.import_kwh, row.export_kwh) == (2.5, 0.0)


def test_a_range_wholly_before_the_moment_is_as_it_was() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -KW))
    change(device.ports.get(), NOON + HOUR_MS, reversed=True, scale=Decimal(3))
    (row,) = energy(device, NOON, NOON + HOUR_MS)
    assert (row.import_kwh, row.export_kwh) == (1.0, 0.0)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_port_counts_under_the_role_of_the_time(bucket: EnergyBucket) -> None:
    """The port measured the grid for two hours, then a heater for one; another one took over the grid."""
    device = make_device(ports=["First", "Second"])
    first, second = device.ports.order_by("number")
    device.ports.filter(number=1).update(role="grid")
    store(device, steady(NOON, NOON + 3 * HOUR_MS, 10_000, -KW, -2 * KW))
    first.refresh_from_db()
    change(first, NOON + 2 * HOUR_MS, role="load")
    change(second, NOON + 2 * HOUR_MS, role="grid")
    found = energy(device, NOON, NOON + 3 * HOUR_MS, bucket)
    roles = dict(device.ports.values_list("pk", "role"))
    assert sum(row.import_kwh for row in found if row.port_id == first.pk) == 3.0, "the port itself measured it all"
    balance = balance_of(roles, found)
    assert balance.imported == 4 * sum(row.import_energy for row in energy(device, NOON, NOON + HOUR_MS)[:1])
    assert uses_of(roles, found) == {first.pk: balance.imported // 4}


def test_a_role_that_only_the_past_knows_is_in_its_balance() -> None:
    device = make_device(ports=["Grid"])
    device.ports.update(role="grid")
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -KW))
    change(device.ports.get(), NOON + HOUR_MS, role="other")
    roles = dict(device.ports.values_list("pk", "role"))
    balance = balance_of(roles, energy(device, NOON, NOON + HOUR_MS))
    assert balance.home == balance.imported == 36_000_000_000


def test_the_peak_day_obeys_the_direction_of_the_time() -> None:
    device = make_device(ports=["Grid"])
    midnight = NOON - 12 * HOUR_MS
    store(device, steady(midnight, midnight + 2 * DAY_MS, 60_000, -KW))
    port = device.ports.get()
    change(port, midnight + DAY_MS, reversed=True)
    for of, day in (("import", midnight), ("export", midnight + DAY_MS)):
        found = history.peak_day(port, midnight, midnight + 2 * DAY_MS, now_ms=LONG_AFTER, of=of)  # type: ignore[arg-type]
        assert found is not None
        assert (found.day_start_ms, found.kwh) == (day, 24.0)


# --- Series -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize("resolution", ["second", "minute", "hour"])
def test_a_line_turns_and_scales_at_the_moment(resolution: Resolution, rolled_up: bool) -> None:
    device = make_device(ports=["Grid", "Plain"])
    for offset, power in ((0, 10), (30_000, 40)):
        answers = [
            Answer(NOON + minute * MINUTE_MS + offset + 30_000, 30_000, (power, power)) for minute in range(2 * 60)
        ]
        store(device, answers)
    if rolled_up:
        roll_up(LONG_AFTER)
    change(device.ports.get(number=1), NOON + HOUR_MS, reversed=True, scale=Decimal(2))
    line, plain = ask(device, NOON, NOON + 2 * HOUR_MS + 1, resolution).lines
    before = line.times <= NOON + HOUR_MS if resolution == "second" else line.times < NOON + HOUR_MS
    assert before.any()
    assert (~before).any()
    assert np.array_equal(line.values, np.where(before, plain.values, -2 * plain.values))
    assert np.array_equal(line.minimum, np.where(before, plain.minimum, -2 * plain.maximum))
    assert np.array_equal(line.maximum, np.where(before, plain.maximum, -2 * plain.minimum))
    assert np.array_equal(line.covered_ms, plain.covered_ms)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_a_day_that_a_moment_cuts_is_made_of_its_two_sides(rolled_up: bool, zone: str) -> None:
    device = make_device(ports=["Grid", "Plain"], timezone=zone)
    midnight = buckets(NOON, NOON + 2 * DAY_MS, "day", zone)[1][0]
    moment = midnight // HOUR_MS * HOUR_MS + 7 * HOUR_MS
    store(device, steady(midnight, moment, 60_000, 100, 100))
    store(device, steady(moment, midnight + 2 * DAY_MS, 60_000, 300, 300))
    if rolled_up:
        roll_up(LONG_AFTER)
    change(device.ports.get(number=1), moment, reversed=True)
    line, plain = ask(device, midnight, midnight + 2 * DAY_MS, "day").lines
    share = (moment - midnight) / DAY_MS
    assert line.values.tolist() == pytest.approx([10 * share - 30 * (1 - share), -30.0])
    assert (line.minimum.tolist(), line.maximum.tolist()) == ([-30.0, -30.0], [10.0, -30.0])
    assert plain.values.tolist() == pytest.approx([10 * share + 30 * (1 - share), 30.0])
    assert (line.times == plain.times).all()
    assert (line.covered_ms == plain.covered_ms).all()


def test_thinned_readings_keep_what_they_were_on_each_side() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 2 * HOUR_MS, 1000, 10))
    change(device.ports.get(), NOON + HOUR_MS, reversed=True)
    found = history.series(
        list(device.ports.all()), ACTIVE_POWER, NOON, NOON + 2 * HOUR_MS, now_ms=LONG_AFTER, resolution="second",
        max_points=7,
    )  # fmt: skip
    (line,) = found.lines
    assert len(line.times) == 7
    assert (float(np.nanmin(line.minimum)), float(np.nanmax(line.maximum))) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("quantity", "then", "now"), [(CURRENT_RMS, 0.5, 1.0), (POWER_FACTOR, -1.0, 1.0)], ids=["current", "power factor"]
)
def test_a_scale_is_for_powers_and_currents_and_a_direction_for_what_has_one(
    quantity: Quantity, then: float, now: float
) -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 2 * HOUR_MS, 60_000, 10))
    change(device.ports.get(), NOON + HOUR_MS, reversed=True, scale=Decimal(2))
    (line,) = ask(device, NOON, NOON + 2 * HOUR_MS, "hour", quantity).lines
    assert line.values.tolist() == [then, now]


def test_the_newest_answer_is_scaled() -> None:
    device = make_device(ports=["Grid"])
    device.ports.update(scale=Decimal("1.5"), reversed=True)
    store_answer(device, NOON, 1000, [200.0])
    found = latest(device)
    assert found is not None
    assert (found.ports[1].values["active_power"], found.ports[1].direction) == (-300.0, "import")


# --- What it costs ------------------------------------------------------------------------------------------------
def test_a_moment_outside_the_range_costs_one_question(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 3 * HOUR_MS, 60_000, 10))
    roll_up(LONG_AFTER)
    span = NOON, NOON + HOUR_MS
    for extra in (0, 1):
        ports = list(device.ports.select_related("device"))
        with django_assert_num_queries(2 + extra):
            history.energy(ports, *span, "hour", now_ms=LONG_AFTER)
        with django_assert_num_queries(2 + extra):
            history.series(ports, ACTIVE_POWER, *span, now_ms=LONG_AFTER, resolution="minute")
        if not extra:
            change(ports[0], NOON + 2 * HOUR_MS, reversed=True)


def test_readings_that_are_gone_do_not_matter() -> None:
    device = make_device(ports=["Grid"])
    store(device, steady(NOON, NOON + 2 * HOUR_MS, 60_000, -KW))
    roll_up(LONG_AFTER)
    PortReading.objects.filter(port__in=device.ports.all(), time__gte=0, time__lt=LONG_AFTER).delete()
    change(device.ports.get(), NOON + HOUR_MS, reversed=True)
    (row,) = energy(device, NOON, NOON + 2 * HOUR_MS)
    assert (row.import_kwh, row.export_kwh) == (1.0, 1.0)


# --- Over the API -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("end", "name"), [("12:00", "Cellar"), ("12:01", "Oven")])
def test_the_api_names_a_port_as_of_the_end_of_the_range(end: str, name: str) -> None:
    device = make_device(ports=["Cellar"])
    change(device.ports.get(), NOON, role="load")
    device.ports.update(name="Oven")
    client: APIClient = with_token(make_user(sees=[device]))
    asked: dict[str, Any] = {"device": device.pk, "start": "2026-03-10T11:00:00Z", "end": f"2026-03-10T{end}:00Z"}
    (row,) = client.get("/api/v1/energy/", asked).json()
    (line,) = client.get("/api/v1/series/", asked).json()["series"]
    (unit,) = client.get("/api/v1/series/", asked | {"field": "voltage"}).json()["series"]
    assert (row["name"], line["name"], unit["name"]) == (name, name, "Meter")
