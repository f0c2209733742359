"""The main job end to end: simulated units -> real UDP -> the collector's own process -> rollups -> energy/.

The truth is the exact integral of the simulated load, and the means that each unit sent.
"""

from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from rest_framework.test import APIClient

from ct6site.models import User
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SentAnswer, SimulatedUnit
from devices.models import Device, Port
from readings import history
from readings.history import PortEnergy
from readings.models import DeviceReading, DirtyBucket, PortReading
from readings.periods import MINUTE_MS, format_time
from readings.quantities import ACTIVE_POWER
from readings.store import rollups
from tests.processes import LIMIT_S, running, wait_for

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]

MEASURED_S = 40
HALF_A_STEP_W = 0.05  # power is stored in steps of 0.1 W
ENERGY_PER_WS = 10_000


def collecting(fleet: Fleet, *, period_s: float = 1.0) -> AbstractContextManager[None]:
    """``manage.py collect_ct6`` asking these units."""
    arguments = ["manage.py", "collect_ct6", "--port", str(fleet.ayt_port), "--period", str(period_s)]
    for unit in fleet.units:
        arguments += ["--address", unit.address]
    return running(arguments)


def measured_s(device: Device) -> float:
    times = list(DeviceReading.objects.filter(device=device).values_list("time", flat=True))
    return (max(times) - min(times)) / 1000 if times else 0.0


def wait_until_measured(fleet: Fleet, seconds: float) -> None:
    def all_measured() -> bool:
        devices = Device.objects.filter(assy__in=[unit.assy for unit in fleet.units])
        return len(devices) == len(fleet.units) and all(measured_s(device) >= seconds for device in devices)

    wait_for(all_measured, seconds + LIMIT_S)


def span_of(device: Device) -> tuple[int, int]:
    times = sorted(DeviceReading.objects.filter(device=device).values_list("time", flat=True))
    return times[0], times[-1]


def sent_answers(unit: SimulatedUnit, times_ms: list[int]) -> list[SentAnswer]:
    """What the unit had sent when these readings arrived, each within a few ms."""
    return [min(unit.sent, key=lambda answer: abs(answer.time_ns // 1_000_000 - time_ms)) for time_ms in times_ms]


def energy_by_port(device: Device, start: int, end: int) -> dict[int, PortEnergy]:
    return {row.port_id: row for row in history.energy(list(device.ports.all()), start, end, "total", now_ms=end)}


def assert_equal_to_the_units_own_means(unit: SimulatedUnit, device: Device) -> None:
    """Import and export, to the last unit of 0.1 mJ."""
    energies = energy_by_port(device, *span_of(device))
    for port in device.ports.all():
        rows = PortReading.objects.filter(port=port).order_by("time").values_list("time", "window_ms")
        answers = sent_answers(unit, [time_ms for time_ms, _ in rows])
        powers = [ACTIVE_POWER.fixed(answer.means[port.number - 1].active_power_w) or 0 for answer in answers]
        parts = [power * window_ms for power, (_, window_ms) in zip(powers, rows, strict=True)]
        found = energies[port.pk]
        assert found.import_energy == -sum(part for part in parts if part < 0)
        assert found.export_energy == sum(part for part in parts if part > 0)


def assert_equal_to_the_exact_integral(unit: SimulatedUnit, device: Device) -> None:
    """Net energy, to 0.01 %, the half step of 0.1 W that storing rounds a steady load by, and what answers that were
    on their way for some milliseconds shift from one window to the next."""
    start, end = span_of(device)
    first, last = sent_answers(unit, [start, end])
    for port in device.ports.all():
        exact_ws = unit.true_energy_ws(port.number, first.time_ns, last.time_ns)
        found = energy_by_port(device, start, end)[port.pk]
        allowed_ws = 1e-4 * abs(exact_ws) + HALF_A_STEP_W * (end - start) / 1000 + shifted_ws(unit, port)
        assert -found.net_energy / ENERGY_PER_WS == pytest.approx(exact_ws, abs=allowed_ws)


def shifted_ws(unit: SimulatedUnit, port: Port) -> float:
    """The most by which energy can be off because answers arrived later than they were made: the longest delay, times
    all that the power changed by from window to window, and at both ends."""
    times = list(PortReading.objects.filter(port=port).order_by("time").values_list("time", flat=True))
    answers = sent_answers(unit, times)
    delay_s = max(abs(ms - answer.time_ns / 1e6) for ms, answer in zip(times, answers, strict=True)) / 1000
    powers_w = [0.0, *(answer.means[port.number - 1].active_power_w for answer in answers), 0.0]
    return delay_s * sum(abs(after - before) for before, after in pairwise(powers_w))


def assert_all_was_measured(device: Device) -> None:
    start, end = span_of(device)
    for row in energy_by_port(device, start, end).values():
        assert (row.covered_ms, row.recovered_ms, row.missing_ms) == (end - start, 0, 0)


def assert_the_api_agrees_before_and_after_the_rollup(device: Device) -> None:
    start, end = span_of(device)
    before = energy_by_port(device, start, end)
    rollups.roll_up_closed(end + 10 * MINUTE_MS)
    assert not DirtyBucket.objects.exists()
    assert energy_by_port(device, start, end) == before
    client = APIClient()
    client.force_authenticate(User.objects.filter(is_staff=True).first() or User.objects.create_superuser("admin"))
    parameters: dict[str, str | int] = {"device": device.pk, "start": format_time(start), "end": format_time(end)}
    rows = client.get("/api/v1/energy/", parameters).json()
    assert {row["port"]: row["net_kwh"] for row in rows} == pytest.approx(
        {port: energy.net_kwh for port, energy in before.items()}
    )


def assert_exact(fleet: Fleet) -> None:
    for unit in fleet.units:
        device = Device.objects.get(assy=unit.assy)
        assert_all_was_measured(device)
        assert_equal_to_the_units_own_means(unit, device)
        assert_equal_to_the_exact_integral(unit, device)
        assert_the_api_agrees_before_and_after_the_rollup(device)


def test_energy_is_exact_also_with_a_tenth_of_the_questions_lost() -> None:
    with Fleet(2, "127.0.32.1", ayt_port=0, http_port=0, seed=7) as fleet:
        fleet.units[1].faults.question_loss = 0.1
        with collecting(fleet):
            wait_until_measured(fleet, MEASURED_S)
    assert fleet.units[1].faults.questions_lost > 0
    assert_exact(fleet)


def test_energy_is_exact_across_a_restart_of_the_collector() -> None:
    """Within five periods: a longer silence of ours is a gap."""
    with Fleet(1, "127.0.33.1", ayt_port=0, http_port=0, seed=8) as fleet:
        with collecting(fleet, period_s=3.0):
            wait_until_measured(fleet, MEASURED_S / 2)
        with collecting(fleet, period_s=3.0):
            wait_until_measured(fleet, MEASURED_S)
    assert_exact(fleet)
