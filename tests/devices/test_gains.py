"""Gains, offsets and the line frequency of a unit, read and written as one."""

import json

import pytest

from devices import gains
from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue
from devices.ct6.simulator.unit import SimulatedUnit
from tests.devices.ct6.captured import captured_json


@pytest.fixture
def client(unit: SimulatedUnit) -> UnitClient:
    return UnitClient(unit.address, unit.http_port, assy=unit.assy)


def test_the_keys_are_those_of_a_real_factory_configuration_but_for_the_label() -> None:
    real = json.loads(captured_json("get_file_factory")["factory.cfg"])
    assert {*gains.GAIN_KEYS, "ASSY"} == real.keys()


def test_only_numbers_are_gains() -> None:
    values = {"CT1_IGAIN": 47_210.0, "CT2_IGAIN": "47210", "CT3_IGAIN": True, "LINE_FREQ_HZ": 50, "CT1_NAME": 2.0}
    assert gains.gains_in(values) == {"CT1_IGAIN": 47_210.0, "LINE_FREQ_HZ": 50}


def test_numbers_are_sent_without_a_point() -> None:
    assert gains.as_sent({"CT1_IGAIN": 47_210.0, "CT1_IOFFSET": 0.0}) == {"CT1_IGAIN": "47210", "CT1_IOFFSET": "0"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("CT1_IGAIN", 0.0), ("CT1_IGAIN", 65_535.0), ("CS0_VOLTAGE_GAIN", float("nan")), ("LINE_FREQ_HZ", 55.0)],
)
def test_what_destroys_a_unit_is_refused_once_more(
    client: UnitClient, unit: SimulatedUnit, key: str, value: float
) -> None:
    with pytest.raises(DestructiveValue):
        gains.load(client, {key: value})
    assert list(unit.requests) == []


def test_loaded_gains_work_at_once_and_are_forgotten_at_a_restart(client: UnitClient, unit: SimulatedUnit) -> None:
    was = unit.settings["CT1_IGAIN"]
    gains.load_and_read_back(client, {"CT1_IGAIN": 40_000.0})
    assert gains.held(client)["CT1_IGAIN"] == 40_000.0
    unit.reboot(away_s=0)
    unit.state()
    assert unit.settings["CT1_IGAIN"] == was


def test_saved_gains_are_those_that_the_unit_starts_with(client: UnitClient, unit: SimulatedUnit) -> None:
    gains.load(client, {"CT1_IGAIN": 40_000.0})
    gains.save(client, {"CT1_IGAIN": 40_000.0})
    unit.reboot(away_s=0)
    unit.state()
    assert unit.settings["CT1_IGAIN"] == 40_000.0


def test_gains_that_were_forgotten_before_they_were_saved_are_found_out(
    client: UnitClient, unit: SimulatedUnit
) -> None:
    gains.load(client, {"CT1_IGAIN": 40_000.0})
    unit.set({"CT1_IGAIN": "41000"})
    with pytest.raises(gains.NotTaken, match="it did not take CT1_IGAIN = 40000; it holds CT1_IGAIN = 41000"):
        gains.save(client, {"CT1_IGAIN": 40_000.0})
