"""The kWh table and the coverage beneath it."""

import pytest
from django.test import Client

from dashboard.table import Coverage, coverage_line, coverage_of, kwh, rows_of
from devices.models import Port
from readings import history
from readings.history import PortEnergy
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from readings.quantities import ENERGY_PER_KWH
from tests.dashboard.asking import TELL, answer, find, texts
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user

MIDNIGHT = parse_time("2026-11-21T00:00:00Z")
NEXT_MIDNIGHT = MIDNIGHT + 24 * HOUR_MS


def energy_of(
    port_id: int, imported: int, exported: int, *, covered: int = 0, recovered: int = 0, missing: int = 0
) -> PortEnergy:
    return PortEnergy(
        port_id=port_id, start_ms=0, end_ms=HOUR_MS, import_energy=imported, export_energy=exported,
        covered_ms=covered, recovered_ms=recovered, missing_ms=missing,
    )  # fmt: skip


GRID, SOLAR = Port(pk=11, number=1, name="Grid"), Port(pk=12, number=2, name="Solar")


def test_net_is_import_minus_export() -> None:
    row = rows_of([GRID], [energy_of(11, 3 * ENERGY_PER_KWH, ENERGY_PER_KWH, covered=1)])[0]
    assert (row.name, row.net_kwh, row.import_kwh, row.export_kwh) == ("Grid", 2.0, 3.0, 1.0)


def test_rows_come_in_the_order_of_the_ports_and_the_total_last() -> None:
    rows = rows_of([GRID, SOLAR], [energy_of(12, 0, 1, covered=1), energy_of(11, 1, 0, covered=1)])
    assert [row.name for row in rows] == ["Grid", "Solar", "Total"]


def test_the_total_is_summed_before_it_is_rounded() -> None:
    """0.004 + 0.004 is 0.01, though both show as 0.00."""
    little = ENERGY_PER_KWH * 4 // 1000
    total = rows_of([GRID, SOLAR], [energy_of(11, little, 0, covered=1), energy_of(12, little, 0, covered=1)])[-1]
    assert kwh(total.import_kwh) == "0.01"


def test_what_was_not_measured_is_a_dash_and_no_zero() -> None:
    measured, unmeasured, total = rows_of([GRID, SOLAR], [energy_of(11, 0, 0, covered=1), energy_of(12, 0, 0)])
    assert (kwh(measured.net_kwh), kwh(unmeasured.net_kwh), kwh(total.net_kwh)) == ("0.00", "–", "0.00")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (-7.891, "−7.89"), (-0.001, "0.00"), (-0.006, "−0.01"), (1234.5, "1,234.50"), (None, "–")],
)
def test_kwh_have_two_digits(value: float | None, text: str) -> None:
    assert kwh(value) == text


@pytest.mark.parametrize(
    ("measured", "text"),
    [
        (100.0, "100 % measured"),
        (99.99, "99.9 % measured, 0.1 % missing"),
        (98.66, "98.7 % measured, 1.3 % missing"),
        (0.001, "0.1 % measured, 99.9 % missing"),
        (0.0, "0 % measured, 100 % missing"),
    ],
)
def test_a_short_gap_is_not_rounded_away(measured: float, text: str) -> None:
    line = coverage_line(Coverage(measured, 0.0, 100.0 - measured)).to_plotly_json()
    assert text in [child.children for child in line["props"]["children"]]


@pytest.mark.django_db
class TestTold:
    """What comes to the browser."""

    @pytest.fixture
    def staff(self) -> Client:
        return logged_in(make_user(staff=True))

    def test_the_table_says_that_it_is_of_the_whole_range(self, staff: Client) -> None:
        make_device(ports=["Grid"])
        for search in ("", "?day=2026-11-21&zoom=1795219200000_1795222800000"):
            table = answer(staff, TELL, search)["energy.content"][0]
            (caption,) = [part for part in table["props"]["children"] if part["type"] == "Caption"]
            assert texts(caption) == "Of the whole range, also while the plot is zoomed in."

    def test_a_total_of_ports_in_different_roles_is_explained_to_screen_readers_too(self, staff: Client) -> None:
        device = make_device(ports=["Grid", "Solar"])
        assert find(answer(staff, TELL)["energy.content"], id="energy-total-note") == []
        device.ports.filter(number=1).update(role="grid")
        told = answer(staff, TELL)["energy.content"]
        (note,) = find(told, id="energy-total-note")
        assert "adds up all ports, whatever their roles" in note["children"]
        (head,) = find(told, **{"aria-describedby": "energy-total-note"})
        assert texts(head["children"]) == "Total"

    def test_it_speaks_german_to_those_who_ask_for_it(self, staff: Client) -> None:
        make_device(ports=["Grid"])
        assert "Für den ganzen Zeitraum" in texts(answer(staff, TELL, language="de")["energy.content"])


def test_coverage_is_over_all_ports() -> None:
    energies = [energy_of(11, 0, 0, covered=50, recovered=25, missing=25), energy_of(12, 0, 0, covered=100)]
    assert coverage_of(energies) == Coverage(75.0, 12.5, 12.5)


def test_there_is_no_coverage_before_the_first_reading() -> None:
    assert coverage_of([energy_of(11, 0, 0)]) is None


@pytest.mark.django_db
def test_a_day_of_readings_comes_out_as_its_energy() -> None:
    """Import is negative: 6 kW for ten minutes is 1 kWh."""
    device = make_device(ports=["Grid", "Solar"])
    for minute in range(10):
        store_reading(device, MIDNIGHT + (minute + 1) * MINUTE_MS, MINUTE_MS, [-6000.0, 3000.0])
    ports = list(device.ports.shown())
    energies = history.energy(ports, MIDNIGHT, NEXT_MIDNIGHT, "total", now_ms=MIDNIGHT + 20 * MINUTE_MS)
    told = [(row.name, kwh(row.net_kwh), kwh(row.import_kwh), kwh(row.export_kwh)) for row in rows_of(ports, energies)]
    assert told == [
        ("Grid", "1.00", "1.00", "0.00"),
        ("Solar", "−0.50", "0.00", "0.50"),
        ("Total", "0.50", "1.00", "0.50"),
    ]
    coverage = coverage_of(energies)
    assert coverage is not None
    assert (coverage.measured, coverage.recovered, coverage.missing) == pytest.approx((50, 0, 50), abs=0.1)
