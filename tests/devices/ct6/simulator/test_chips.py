"""Readings follow the gains and offsets that the meter chips of a simulated unit were loaded with."""

from __future__ import annotations

from typing import Any

import pytest

from devices.ct6.simulator.unit import SimulatedUnit

SECOND_NS = 1_000_000_000
NOW_NS = 1_795_329_363 * SECOND_NS


@pytest.fixture
def unit() -> SimulatedUnit:
    """A unit at 230 V, with 10 A drawn through port 2 and 5 A through port 5."""
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801", clock=lambda: NOW_NS)
    unit.mains.voltage_v = 230.0
    unit.mains.currents_a = {2: 10.0, 5: 5.0, 6: 0.0}
    return unit


def port_of(unit: SimulatedUnit, number: int) -> Any:
    return unit.stats()[f"CT{number}"]


def set_and_load(unit: SimulatedUnit, **settings: str) -> None:
    unit.set(settings)
    assert unit.load_chips()


def test_a_unit_with_the_gains_of_the_factory_reads_the_truth(unit: SimulatedUnit) -> None:
    port = port_of(unit, 2)
    assert (port["VRMS"], port["IRMS"], port["PRMS"], port["PAPPARENT"]) == (230.0, 10.0, -2300.0, 2300.0)
    assert unit.load_chips()
    assert port_of(unit, 2) == port


def test_the_means_of_an_answer_follow_the_mains_too(unit: SimulatedUnit) -> None:
    unit.answer(NOW_NS + SECOND_NS)
    [sent] = unit.sent
    assert sent.means[1].active_power_w == -2300.0


def test_the_voltage_of_each_chip_is_proportional_to_its_gain(unit: SimulatedUnit) -> None:
    right = unit.chips.right["CS4_VOLTAGE_GAIN"]
    set_and_load(unit, CS4_VOLTAGE_GAIN=f"{right * 0.9:.0f}")
    assert port_of(unit, 1)["VRMS"] == pytest.approx(207.0, abs=0.01)
    assert port_of(unit, 4)["VRMS"] == pytest.approx(230.0, abs=0.2)
    set_and_load(unit, CS0_VOLTAGE_GAIN="26136")
    assert port_of(unit, 4)["VRMS"] == pytest.approx(115.0, abs=0.1)


def test_power_follows_the_voltage_and_the_current(unit: SimulatedUnit) -> None:
    right = unit.chips.right
    half = {key: f"{right[key] / 2:.0f}" for key in ("CS4_VOLTAGE_GAIN", "CT2_IGAIN")}
    set_and_load(unit, **half)
    assert port_of(unit, 2)["IRMS"] == pytest.approx(5.0, abs=0.001)
    assert port_of(unit, 2)["PRMS"] == pytest.approx(-575.0, abs=0.1)


def test_a_current_is_proportional_to_its_ports_gain_alone(unit: SimulatedUnit) -> None:
    set_and_load(unit, CT2_IGAIN="8000")
    assert port_of(unit, 2)["IRMS"] == pytest.approx(10 * 8000 / unit.chips.right["CT2_IGAIN"], rel=1e-6)
    assert port_of(unit, 5)["IRMS"] == 5.0


def test_an_offset_shifts_the_current_and_no_current_is_below_0(unit: SimulatedUnit) -> None:
    set_and_load(unit, CT6_IOFFSET="0")
    assert port_of(unit, 6)["IRMS"] == pytest.approx(0.03, abs=0.001)
    assert port_of(unit, 6)["PRMS"] == 0.0
    set_and_load(unit, CT6_IOFFSET="40000")
    assert port_of(unit, 6)["IRMS"] == 0.0


def test_a_gain_has_no_effect_until_the_chips_are_loaded(unit: SimulatedUnit) -> None:
    unit.set({"CT2_IGAIN": "8000"})
    assert port_of(unit, 2)["IRMS"] == 10.0


def test_a_restart_loads_what_the_factory_configuration_says(unit: SimulatedUnit) -> None:
    set_and_load(unit, CT2_IGAIN="8000")
    unit.reboot(away_s=0)
    unit.state()
    assert port_of(unit, 2)["IRMS"] == 10.0
    set_and_load(unit, CT2_IGAIN="8000")
    unit.save_factory_settings()
    unit.reboot(away_s=0)
    unit.state()
    assert port_of(unit, 2)["IRMS"] < 2


def test_a_unit_that_was_never_calibrated_reads_wrong_with_its_own_gains(unit: SimulatedUnit) -> None:
    unit.chips.right["CT2_IGAIN"] *= 2
    assert port_of(unit, 2)["IRMS"] == pytest.approx(5.0)


def test_deaf_chips_read_on_as_they_did(unit: SimulatedUnit) -> None:
    unit.faults.deaf_chips = True
    set_and_load(unit, CT2_IGAIN="8000")
    assert port_of(unit, 2)["IRMS"] == 10.0
