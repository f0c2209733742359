"""What a simulated unit was set to, after the simulator was started again."""

from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet, simulated_assy
from devices.ct6.simulator.unit import SimulatedUnit


def unit_of(folder: Path) -> SimulatedUnit:
    return Fleet(1, kept_in=folder).units[0]


def test_a_name_is_kept(tmp_path: Path) -> None:
    unit_of(tmp_path).set({"YDEV_UNIT_NAME": "Barn", "CT1_NAME": "Heat"})
    again = unit_of(tmp_path)
    assert (again.settings["YDEV_UNIT_NAME"], again.settings["CT1_NAME"]) == ("Barn", "Heat")


def test_the_label_and_the_calibration_are_as_new(tmp_path: Path) -> None:
    unit_of(tmp_path).set({"ASSY": "ASY0197_V01.0000_SN00000007", "CS0_VOLTAGE_GAIN": "1"})
    again = unit_of(tmp_path)
    assert again.assy == simulated_assy(0)
    assert again.settings["CS0_VOLTAGE_GAIN"] == unit_of(tmp_path / "other").settings["CS0_VOLTAGE_GAIN"]


def test_a_folder_is_only_for_who_asks_for_it(tmp_path: Path) -> None:
    Fleet(1).units[0].set({"YDEV_UNIT_NAME": "Barn"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"PF_WATTS_THRESHOLD": NaN}', '{"PF_WATTS_THRESHOLD": "much"}'])
def test_what_would_ruin_the_unit_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / f"{simulated_assy(0)}.json").write_text(text)
    assert unit_of(tmp_path).settings == unit_of(tmp_path / "other").settings
