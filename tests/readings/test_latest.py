"""What a device said last."""

import pytest
from pytest_django import DjangoAssertNumQueries

from devices.models import Device
from readings.latest import latest
from tests.factories import make_device

pytestmark = pytest.mark.django_db

MEASURED: dict[str, float | None] = {
    "active_power": -2300.1,
    "reactive_power": 120.0,
    "apparent_power": 2303.2,
    "power_factor": -0.998,
    "current_rms": 10.0,
    "current_peak": 14.2,
}


def answering(ports: dict[str, dict[str, float | None]], **fields: object) -> Device:
    answer = {
        "time": 1_773_144_000_000,
        "address": "127.0.0.2",
        "window_ms": 1000,
        "voltage": 230.12,
        "frequency": 49.998,
        "temperature": 25.5,
        "rssi": None,
        "ports": ports,
    }
    return make_device(ports=["Grid", "Solar"], last_answer={**answer, **fields})


def test_values_are_in_their_units_with_their_direction() -> None:
    newest = latest(answering({"1": MEASURED, "2": {**MEASURED, "active_power": 1.5}}))
    assert newest is not None
    assert (newest.time_ms, newest.window_ms) == (1_773_144_000_000, 1000)
    assert newest.values == {"voltage": 230.12, "frequency": 49.998, "temperature": 25.5, "rssi": None}
    assert newest.ports[1].values == MEASURED
    assert newest.ports[1].direction == "import"
    assert newest.ports[2].direction == "export"


def test_a_reversed_port_is_negated_in_powers_and_power_factor_only() -> None:
    device = answering({"1": MEASURED})
    device.ports.filter(number=1).update(reversed=True)
    newest = latest(device)
    assert newest is not None
    assert newest.ports[1].values == {
        **MEASURED, "active_power": 2300.1, "reactive_power": -120.0, "power_factor": 0.998,
    }  # fmt: skip
    assert newest.ports[1].direction == "export"


@pytest.mark.parametrize(("power_w", "direction"), [(0.4, "idle"), (-0.4, "idle"), (-0.5, "import"), (None, None)])
def test_idle_is_under_half_a_watt_and_unknown_has_no_direction(power_w: float | None, direction: str | None) -> None:
    newest = latest(answering({"1": {**MEASURED, "active_power": power_w}}))
    assert newest is not None
    assert newest.ports[1].direction == direction


def test_a_reversed_zero_stays_zero() -> None:
    device = answering({"1": {**MEASURED, "reactive_power": 0.0}})
    device.ports.update(reversed=True)
    newest = latest(device)
    assert newest is not None
    assert str(newest.ports[1].values["reactive_power"]) == "0.0"


def test_a_port_that_the_answer_lacks_has_no_values() -> None:
    newest = latest(answering({"1": MEASURED}))
    assert newest is not None
    assert set(newest.ports[2].values.values()) == {None}
    assert newest.ports[2].direction is None


def test_a_device_that_never_answered_has_no_latest_values() -> None:
    assert latest(make_device()) is None


def test_prefetched_ports_are_not_asked_for_again(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    answering({"1": MEASURED})
    devices = list(Device.objects.prefetch_related("ports"))
    with django_assert_max_num_queries(0):
        assert [latest(device) is not None for device in devices] == [True]
