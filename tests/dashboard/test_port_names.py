"""Where a range lies before a port got its name, its former name is told too."""

import pytest

from dashboard.energy_lines import bar_ports, of_lines
from dashboard.port_names import labels_of
from dashboard.table import rows_of
from devices.models import Device, Port
from devices.port_past import change_from
from readings import history
from readings.history import PortEnergy
from readings.periods import HOUR_MS, parse_time
from tests.factories import make_device
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

NOON = parse_time("2026-03-10T12:00:00+00:00")


@pytest.fixture
def device() -> Device:
    device = make_device(ports=["Cellar", "Solar"])
    device.ports.filter(number=1).update(role="grid")
    store(device, steady(NOON - HOUR_MS, NOON + HOUR_MS, 10_000, -10_000, 5000))
    change_from(device.ports.get(number=1), NOON, role="load", who=None)
    device.ports.filter(number=1).update(name="Oven")
    return device


def ports_of(device: Device) -> list[Port]:
    return list(device.ports.order_by("number"))


def energies(device: Device, start_ms: int, end_ms: int) -> list[PortEnergy]:
    return history.energy(ports_of(device), start_ms, end_ms, "hour", now_ms=NOON + HOUR_MS)


def test_the_former_name_is_told_where_the_range_ends_before(device: Device) -> None:
    ports = ports_of(device)
    assert list(labels_of(ports, NOON).values()) == ["Oven (then Cellar)", "Solar"]
    assert list(labels_of(ports, NOON + 1).values()) == ["Oven", "Solar"]


def test_the_table_names_ports_as_of_the_range(device: Device) -> None:
    before, after = (
        rows_of(ports_of(device), energies(device, start, start + HOUR_MS)) for start in (NOON - HOUR_MS, NOON)
    )
    assert [row.name for row in before] == ["Oven (then Cellar)", "Solar", "Total"]
    assert [row.name for row in after] == ["Oven", "Solar", "Total"]


def test_the_bars_of_the_grid_hold_what_was_measured_as_the_grid(device: Device) -> None:
    ports, lines = bar_ports(ports_of(device), "auto")
    assert [port.label for port in ports] == ["Oven"]
    found = of_lines(lines, ports, energies(device, NOON - HOUR_MS, NOON + HOUR_MS))
    assert [(energy.start_ms, energy.import_kwh) for energy in found] == [(NOON - HOUR_MS, 1.0)]
