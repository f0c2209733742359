"""What becomes of a simulated unit whose new application is no good, as main.py of the real one decides it."""

from __future__ import annotations

import pytest

from devices.ct6.simulator.faults import ApplicationFault, Faults
from devices.ct6.simulator.unit import SimulatedUnit, UnitState

SECOND_NS = 1_000_000_000


def restarted_with(fault: ApplicationFault, *, falls_back: bool = False) -> SimulatedUnit:
    """A unit that was swapped to an application with this fault, and restarted."""
    now_ns = [100 * SECOND_NS]
    faults = Faults(applications={"/app2": fault}, falls_back=falls_back)
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801", faults=faults, clock=lambda: now_ns[0])
    for path, content in list(unit.flash.files.items()):
        if path.startswith("/app1/"):
            unit.flash.write(path.replace("/app1/", "/app2/"), content)
    unit.swap_folders()
    unit.reboot(away_s=1)
    now_ns[0] += 10 * SECOND_NS
    unit.state()
    return unit


def start_log(unit: SimulatedUnit) -> list[str]:
    return unit.flash.read("/bootlog.txt").decode().splitlines()


def test_one_that_raises_is_the_end_where_main_py_does_not_fall_back() -> None:
    unit = restarted_with(ApplicationFault.RAISES)
    assert unit.state() is UnitState.DEAD
    assert unit.active_folder() == "/app2"


def test_one_that_raises_is_fallen_back_from() -> None:
    unit = restarted_with(ApplicationFault.RAISES, falls_back=True)
    assert unit.state() is UnitState.RUNNING
    assert (unit.active_folder(), unit.inactive_folder()) == ("/app1", "/app2")
    began, first, raised, *rest = start_log(unit)
    assert (began, first, rest) == ("Booting", "activeApp=2", ["Reverting to app 1", "activeApp=1"])
    assert raised.startswith("Exception 1: =")


def test_an_empty_folder_is_fallen_back_from_too() -> None:
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801", faults=Faults(falls_back=True))
    unit.flash.remove_tree("/app2")
    unit.swap_folders()
    unit.reboot(away_s=0)
    assert (unit.state(), unit.active_folder()) == (UnitState.RUNNING, "/app1")


@pytest.mark.parametrize("falls_back", [False, True])
def test_one_that_hangs_is_never_fallen_back_from(falls_back: bool) -> None:
    assert restarted_with(ApplicationFault.HANGS, falls_back=falls_back).state() is UnitState.DEAD


def test_one_that_reads_no_chips_answers_impossible_values() -> None:
    unit = restarted_with(ApplicationFault.NONSENSE)
    assert unit.state() is UnitState.RUNNING
    port = unit.stats()["CT1"]
    assert isinstance(port, dict)
    assert (port["VRMS"], port["FREQ"]) == (655.35, 655.35)


def test_one_that_is_silent_still_has_its_values() -> None:
    unit = restarted_with(ApplicationFault.SILENT)
    assert unit.answer(200 * SECOND_NS) is None
    port = unit.stats()["CT1"]
    assert isinstance(port, dict)
    assert 200 < port["VRMS"] < 260


def test_a_fault_of_a_folder_that_does_not_run_shows_nowhere() -> None:
    faults = Faults(applications={"/app2": ApplicationFault.NONSENSE})
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801", faults=faults)
    port = unit.stats()["CT1"]
    assert isinstance(port, dict)
    assert port["VRMS"] < 300
    unit.swap_folders()  # which counts from the next start on
    port = unit.stats()["CT1"]
    assert isinstance(port, dict)
    assert port["VRMS"] < 300
