"""Calibration and factory configurations from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Calibration, Device, FactoryConfig, Job
from tests.devices.management.conftest import Run

SAFE = "--mains-side-is-safe"
VOLTAGE = ("calibrate", "voltage", "--reference", "230", "--hz", "50", SAFE)


# --- Calibration ------------------------------------------------------------------------------------------------
def test_the_voltage_is_calibrated_and_each_round_is_told(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", *VOLTAGE)
    assert ran.code == 0
    assert "Garage: Calibrated: LINE_FREQ_HZ = 50, CS4_VOLTAGE_GAIN = 48" in ran.out
    assert "Round 1: with CS4_VOLTAGE_GAIN = 50000 CT1 reads" in ran.err
    assert "Rounds" in ran.out
    assert unit.settings["CS4_VOLTAGE_GAIN"] == pytest.approx(48_000, rel=0.002)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [(("current", "--port", "3", "--reference", "10"), "CT3_IGAIN"), (("offset", "--port", "3"), "CT3_IOFFSET")],
)
def test_a_port_is_calibrated(
    ct6: Run, device: Device, unit: SimulatedUnit, arguments: tuple[str, ...], key: str
) -> None:
    if arguments[0] == "offset":
        unit.mains.currents_a = {3: 0.0}
    before = unit.settings[key]
    ran = ct6("Garage", "calibrate", *arguments, "--hz", "50", SAFE, "--json")
    assert ran.told["jobs"][0]["state"] == "done"
    assert unit.settings[key] != before


def test_the_line_frequency_is_as_the_unit_has_it(ct6: Run, device: Device) -> None:
    ran = ct6("Garage", "calibrate", "offset", "--port", "3", SAFE)
    assert (ran.code, "--hz" in ran.sentence) == (2, True)
    ct6("Garage", "pull")
    ct6("Garage", "calibrate", "offset", "--port", "3", SAFE, "--no-wait")
    assert Job.objects.get().asked["line_freq_hz"] == 50


HARM = {
    "a mains side that nobody says is safe": (("voltage", "--reference", "230"), "mains side is safe"),
    "a reference of no voltage": (("voltage", "--reference", "12", SAFE), "from 100 to 270 V"),
    "a reference that is no number": (("voltage", "--reference", "nan", SAFE), "from 100 to 270 V"),
    "an endless reference": (("current", "--port", "1", "--reference", "inf", SAFE), "from 1 to 100 A"),
    "a port that there is not": (("current", "--port", "7", "--reference", "10", SAFE), "from 1 to 6"),
    "no port": (("offset", SAFE), "from 1 to 6"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_would_spoil_the_gains_is_refused(ct6: Run, device: Device, unit: SimulatedUnit, harm: str) -> None:
    arguments, reason = HARM[harm]
    ran = ct6("Garage", "calibrate", *arguments, "--hz", "50")
    assert (ran.code, reason in ran.sentence) == (1, True)
    assert not Job.objects.exists()
    assert not unit.requests


def test_a_load_that_is_on_leaves_the_gains_of_before(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    before = dict(unit.settings)
    ran = ct6("Garage", "calibrate", "offset", "--port", "3", "--hz", "50", SAFE)
    assert (ran.code, "switch the load off" in ran.sentence) == (1, True)
    assert unit.settings == before


def test_calibrations_are_listed_and_shown_and_drift_is_told(ct6: Run, device: Device) -> None:
    ct6("Garage", *VOLTAGE)
    made = Calibration.objects.get()
    assert "voltage of both chips" in ct6("Garage", "calibrations").out
    assert [one["id"] for one in ct6("Garage", "calibrations", "--json").told["calibrations"]] == [made.pk]
    assert "CS4_VOLTAGE_GAIN" in ct6("Garage", "calibrations", made.pk).out
    drifts = ct6("Garage", "calibrations", "--drift", "--json").told["settings"]["CS4_VOLTAGE_GAIN"]
    assert drifts[-1]["calibration"] == made.pk
    assert " %" in ct6("Garage", "calibrations", "--drift").out


def test_an_earlier_calibration_is_put_back(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ct6("Garage", *VOLTAGE)
    found = unit.settings["CS4_VOLTAGE_GAIN"]
    unit.mains.voltage_v = 231.0
    ct6("Garage", *VOLTAGE)
    assert unit.settings["CS4_VOLTAGE_GAIN"] != found
    first = Calibration.objects.last()
    assert first is not None
    assert ct6("Garage", "calibrations", "--restore", first.pk).code == 0
    assert unit.settings["CS4_VOLTAGE_GAIN"] == found
    assert "is no calibration of Garage" in ct6("Garage", "calibrations", "--restore", 4711).sentence


# --- Factory configurations -------------------------------------------------------------------------------------
def test_a_copy_is_kept_listed_and_downloaded(ct6: Run, device: Device, tmp_path: Path) -> None:
    assert "is no copy" in ct6("Garage", "factory", "download").sentence
    assert "A copy of the factory configuration was kept." in ct6("Garage", "factory", "backup").out
    assert "The factory configuration is the same" in ct6("Garage", "factory", "backup").out
    [copy] = ct6("Garage", "factory", "list", "--json").told["copies"]
    assert "by hand" in ct6("Garage", "factory", "list").out
    file = tmp_path / "factory.cfg"
    assert ct6("Garage", "factory", "download", copy["id"], "--to", file).code == 0
    assert file.read_text() == copy["content"]
    again = ct6("Garage", "factory", "download", "--to", file)
    assert (again.code, "is there already" in again.sentence) == (1, True)
    assert ct6("Garage", "factory", "download", "--to", "-").out == copy["content"]


def test_copies_are_compared_and_put_back(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ct6("Garage", "factory", "backup")
    first = FactoryConfig.objects.get()
    before = unit.settings["CS4_VOLTAGE_GAIN"]
    ct6("Garage", *VOLTAGE)
    found = ct6("Garage", "factory", "compare", first.pk, "--json").told["differences"]
    assert {"key": "CS4_VOLTAGE_GAIN", "was": before, "now": unit.settings["CS4_VOLTAGE_GAIN"]} in found
    assert "CS4_VOLTAGE_GAIN" in ct6("Garage", "factory", "compare", first.pk).out
    assert "They are the same." in ct6("Garage", "factory", "compare", first.pk, first.pk).out
    assert ct6("Garage", "factory", "restore", first.pk).code == 0
    assert unit.settings["CS4_VOLTAGE_GAIN"] == before


def test_a_copy_that_would_destroy_the_unit_is_not_put_back(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    copy = FactoryConfig.objects.create(
        device=device, sha256="", content=f'{{"ASSY": "{device.assy}", "CT1_IGAIN": 0, "LINE_FREQ_HZ": 55}}'
    )
    ran = ct6("Garage", "factory", "restore", copy.pk)
    assert (ran.code, "hangs" in ran.sentence) == (1, True)
    assert not unit.requests


def test_a_copy_of_another_unit_is_not_put_back(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    copy = FactoryConfig.objects.create(device=device, sha256="", content='{"ASSY": "A2", "CT1_IGAIN": 8000}')
    ran = ct6("Garage", "factory", "restore", copy.pk)
    assert (ran.code, "another unit's gains" in ran.sentence) == (1, True)
    assert not unit.requests
