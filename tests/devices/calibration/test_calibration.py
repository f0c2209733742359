"""Calibrations of a simulated unit over HTTP: what they find, and what they leave when they come to nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from devices import calibration
from devices.calibration import arithmetic, measuring
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.jobs import queue
from devices.models import AuditEntry, Calibration, Device, FactoryConfig, Job
from tests.devices.calibration.conftest import ASKED, RIGHT, done, gains_of, reads, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick")]

Calibrate = Callable[..., Job]


def factory_says(unit: SimulatedUnit, key: str) -> bool:
    """Whether the unit would start with what it holds now."""
    copy = FactoryConfig.objects.first()
    assert copy is not None
    return (
        f'"{key}": {unit.settings[key]}' in unit.flash.read("/factory.cfg").decode()
        and copy.content == unit.flash.read("/factory.cfg").decode()
    )


# --- What they find -----------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_the_voltage_of_both_chips_is_right_afterwards(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    job = calibrated("voltage")
    assert job.state == Job.State.DONE, said(job)
    for port in (1, 4):
        assert reads(unit, port, "VRMS") == pytest.approx(230.0, abs=0.3)
    assert unit.settings["CS4_VOLTAGE_GAIN"] == pytest.approx(RIGHT["CS4_VOLTAGE_GAIN"], abs=70)


def test_the_line_frequency_is_set_first(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    calibrated("voltage", line_freq_hz=60, reference=110.0)
    settings = [request for request in unit.requests if "set_config" in request]
    assert settings[0].startswith("GET /set_config?LINE_FREQ_HZ=60 ")


def test_a_ports_current_is_right_afterwards_and_no_other_gain_changed(
    unit: SimulatedUnit, calibrated: Calibrate
) -> None:
    before = dict(unit.settings)
    job = calibrated("current_gain")
    assert job.state == Job.State.DONE, said(job)
    assert reads(unit, 3, "IRMS") == pytest.approx(10.0, abs=0.02)
    assert {key for key in before if unit.settings[key] != before[key]} == {"CT3_IGAIN"}


@pytest.mark.parametrize("amperes", [1.0, 100.0])
def test_the_least_and_the_greatest_current_can_be_the_reference(
    unit: SimulatedUnit, calibrated: Calibrate, amperes: float
) -> None:
    unit.mains.currents_a = {3: amperes}
    assert calibrated("current_gain", reference=amperes).state == Job.State.DONE
    assert reads(unit, 3, "IRMS") == pytest.approx(amperes, abs=0.02)


@pytest.mark.parametrize("volts", [100.0, 270.0])
def test_the_least_and_the_greatest_voltage_can_be_the_reference(
    unit: SimulatedUnit, calibrated: Calibrate, volts: float
) -> None:
    unit.mains.voltage_v = volts
    unit.chips.right |= {"CS4_VOLTAGE_GAIN": 51_400.0, "CS0_VOLTAGE_GAIN": 52_200.0}
    assert calibrated("voltage", reference=volts).state == Job.State.DONE
    assert reads(unit, 1, "VRMS") == pytest.approx(volts, abs=0.3)


def test_a_port_without_a_load_reads_0_afterwards(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    unit.mains.currents_a = {3: 0.0}
    unit.set({"CT3_IOFFSET": "0"})
    unit.load_chips()
    assert reads(unit, 3, "IRMS") > 0.005
    job = calibrated("current_offset")
    assert job.state == Job.State.DONE, said(job)
    assert reads(unit, 3, "IRMS") == pytest.approx(0.0, abs=0.001)
    offset = arithmetic.as_offset(int(str(unit.settings["CT3_IOFFSET"]).removesuffix(".0")))
    assert offset == pytest.approx(arithmetic.as_offset(60_036), abs=1000)


# --- What they keep -----------------------------------------------------------------------------------------------


def test_what_was_found_is_saved_on_the_unit_and_survives_a_restart(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    calibrated("current_gain")
    found = unit.settings["CT3_IGAIN"]
    assert factory_says(unit, "CT3_IGAIN")
    unit.reboot(away_s=0)
    unit.state()
    assert unit.settings["CT3_IGAIN"] == found
    assert reads(unit, 3, "IRMS") == pytest.approx(10.0, abs=0.02)


def test_before_and_after_are_kept_with_who_and_each_round(
    unit: SimulatedUnit, device: Device, admin_user: Any
) -> None:
    was = unit.settings["CT3_IGAIN"]
    job = done(calibration.ask(device, ASKED["current_gain"], admin_user))
    kept = Calibration.objects.get(job=job)
    assert (kept.succeeded, kept.who, kept.port_number, kept.reference) == (True, admin_user, 3, 10.0)
    assert kept.before == {"LINE_FREQ_HZ": 50, "CT3_IGAIN": was}
    assert kept.after == {"LINE_FREQ_HZ": 50, "CT3_IGAIN": unit.settings["CT3_IGAIN"]}
    assert kept.rounds[0]["value"] == arithmetic.START_CURRENT_GAIN
    assert kept.rounds[-1]["value"] == unit.settings["CT3_IGAIN"]
    assert all(row["error"] == pytest.approx(row["reading"] - 10.0, abs=1e-5) for row in kept.rounds)
    assert abs(kept.rounds[-1]["error"]) < 0.02
    assert {row["setting"] for row in kept.rounds} == {"CT3_IGAIN"}
    assert sum("Round" in line for line in said(job)) == len(kept.rounds)


def test_a_copy_of_the_factory_configuration_is_kept_before_and_after(calibrated: Calibrate) -> None:
    calibrated("current_gain")
    reasons = list(FactoryConfig.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons == ["before_calibration", "after_calibration"]


def test_it_stands_in_the_audit_log(device: Device, admin_user: Any) -> None:
    done(calibration.ask(device, ASKED["current_gain"], admin_user))
    entry = AuditEntry.objects.get(action="calibrated")
    assert (entry.who, entry.device) == (admin_user, device)
    assert entry.before["CT3_IGAIN"] != entry.after["CT3_IGAIN"]


def test_a_unit_without_a_factory_configuration_gets_one(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    unit.flash.remove("/factory.cfg")
    job = calibrated("current_gain")
    assert job.state == Job.State.DONE, said(job)
    assert factory_says(unit, "CT3_IGAIN")


def test_each_round_stands_there_while_the_next_one_runs(
    calibrated: Calibrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    measure = measuring.measure

    def look(*arguments: Any) -> float:
        seen.append(len(Calibration.objects.get().rounds))
        return measure(*arguments)

    monkeypatch.setattr(measuring, "measure", look)
    calibrated("current_gain")
    assert seen == list(range(len(seen)))
    assert len(seen) >= 2


# --- What is refused at the unit ----------------------------------------------------------------------------------


def test_an_offset_is_not_looked_for_while_the_load_is_on(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    job = calibrated("current_offset")
    assert job.state == Job.State.FAILED
    assert "switch the load off" in said(job)[-1]
    assert not any("set_config" in request for request in unit.requests)


def test_one_that_is_refused_at_the_unit_is_kept_as_one_that_came_to_nothing(
    device: Device, calibrated: Calibrate, admin_user: Any
) -> None:
    job = done(calibration.ask(device, ASKED["current_offset"], admin_user))
    assert "switch the load off" in said(job)[-1]
    kept = Calibration.objects.get()
    assert (kept.job, kept.succeeded, kept.who) == (job, False, admin_user)
    assert (kept.target, kept.port_number, kept.rounds, kept.after) == ("current_offset", 3, [], {})
    with pytest.raises(calibration.CalibrationRefused, match="refused before it changed anything"):
        calibration.restore(kept, admin_user)


def test_a_unit_without_mains_voltage_is_not_calibrated(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    before = gains_of(unit)
    unit.mains.voltage_v = 12.0
    job = calibrated("voltage")
    assert job.state == Job.State.FAILED
    assert "at least 100 V are needed" in said(job)[-1]
    assert gains_of(unit) == before


def test_a_clamp_that_is_not_plugged_in_is_told(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    before = gains_of(unit)
    unit.mains.currents_a = {3: 0.0}
    job = calibrated("current_gain")
    assert job.state == Job.State.FAILED
    assert "is the clamp plugged in" in said(job)[-1]
    assert gains_of(unit) == before


def test_another_unit_at_the_address_is_left_alone(unit: SimulatedUnit, device: Device, calibrated: Calibrate) -> None:
    Device.objects.filter(pk=device.pk).update(assy="ASY0398_V003.300_SN00009999")
    device.refresh_from_db()
    job = calibrated("voltage")
    assert job.state == Job.State.FAILED
    assert f"{unit.assy} answers at" in said(job)[-1]
    assert not any("set_config" in request for request in unit.requests)


def test_gains_that_could_not_be_put_back_are_not_touched(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    unit.set({"CT3_IGAIN": "500"})
    job = calibrated("current_gain")
    assert job.state == Job.State.FAILED
    assert "must be a whole number from 1000 to 64535" in said(job)[-1]
    assert unit.settings["CT3_IGAIN"] == 500.0


# --- What they leave when they come to nothing --------------------------------------------------------------------


@pytest.mark.parametrize(("reference", "end"), [(200.0, "after 10 rounds"), (260.0, "with 64535")])
def test_readings_that_never_follow_end_it_after_a_few_rounds(
    unit: SimulatedUnit, calibrated: Calibrate, reference: float, end: str
) -> None:
    before = gains_of(unit)
    unit.faults.deaf_chips = True
    job = calibrated("voltage", reference=reference)
    assert job.state == Job.State.FAILED
    assert end in said(job)[-1]
    kept = Calibration.objects.get()
    assert kept.succeeded is False
    assert len(kept.rounds) <= arithmetic.MOST_GAIN_ROUNDS
    assert all(1000 <= row["value"] <= 64_535 for row in kept.rounds)
    assert gains_of(unit) == before


def test_an_offset_that_is_never_found_ends_after_the_last_one(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    before = gains_of(unit)
    unit.mains.currents_a = {3: 1.5}
    job = calibrated("current_offset")
    assert job.state == Job.State.FAILED
    assert "Is the load really off?" in said(job)[-1]
    assert len(Calibration.objects.get().rounds) == arithmetic.MOST_OFFSET_ROUNDS
    assert gains_of(unit) == before


def at_the_third_reading(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Which is the first round's, for the voltage."""
    readings = 0
    measure = measuring.measure

    def look(*arguments: Any) -> float:
        nonlocal readings
        readings += 1
        if readings == 3:
            happens()
        return measure(*arguments)

    monkeypatch.setattr(measuring, "measure", look)


def test_an_abort_in_the_middle_leaves_the_gains_of_before(
    unit: SimulatedUnit, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read_before = gains_of(unit), reads(unit, 1, "VRMS")
    job = calibration.ask(device, ASKED["voltage"], None)
    at_the_third_reading(monkeypatch, lambda: queue.cancel(job, job.made, who=None))
    done(job)
    assert job.state == Job.State.CANCELLED
    assert said(job)[-1] == "Cancelled. The unit was left as it was."
    assert gains_of(unit) == before
    assert reads(unit, 1, "VRMS") == read_before  # the chips were loaded with them too
    assert Calibration.objects.get().succeeded is False


def test_an_abort_that_cannot_put_the_gains_back_does_not_say_that_nothing_changed(
    unit: SimulatedUnit, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = calibration.ask(device, ASKED["voltage"], None)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/set_config", after=2))
    at_the_third_reading(monkeypatch, lambda: queue.cancel(job, job.made, who=None))
    done(job)
    assert job.state == Job.State.FAILED
    assert "Its settings hold LINE_FREQ_HZ = 50, CS4_VOLTAGE_GAIN = 50000" in said(job)[-1]
    assert not any("left as it was" in line for line in said(job))


def test_a_unit_that_takes_the_address_over_in_the_middle_is_left_alone(
    unit: SimulatedUnit, calibrated: Calibrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = "ASY0398_V003.300_SN00009999"
    at_the_third_reading(monkeypatch, lambda: unit.settings.update(ASSY=stranger, CS4_VOLTAGE_GAIN=51_411.0))
    job = calibrated("voltage")
    assert job.state == Job.State.FAILED
    assert unit.settings["CS4_VOLTAGE_GAIN"] == 51_411.0
    assert any(stranger in line for line in said(job))
    assert "could not be put back" in said(job)[-1]


def test_a_unit_that_restarts_for_a_moment_in_the_middle_is_right_afterwards(
    unit: SimulatedUnit, calibrated: Calibrate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        unit.reboot(away_s=0)
        unit.state()

    at_the_third_reading(monkeypatch, restart)
    job = calibrated("voltage")
    assert job.state == Job.State.DONE
    assert reads(unit, 1, "VRMS") == pytest.approx(230.0, abs=0.3)
    assert reads(unit, 4, "VRMS") == pytest.approx(230.0, abs=0.3)
    assert factory_says(unit, "CS4_VOLTAGE_GAIN")


def test_a_unit_that_is_lost_for_a_moment_gets_its_gains_back(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    before, read_before = gains_of(unit), reads(unit, 3, "IRMS")
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/get_stats", after=8, times=1))
    job = calibrated("current_gain")
    assert job.state == Job.State.FAILED
    assert gains_of(unit) == before
    assert reads(unit, 3, "IRMS") == read_before
    assert any("has its gains of before again" in line for line in said(job))


def test_of_a_unit_that_stays_away_it_is_said_what_it_holds_and_what_to_do(
    unit: SimulatedUnit, calibrated: Calibrate
) -> None:
    was = unit.settings["CT3_IGAIN"]
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/set_config", after=3))
    job = calibrated("current_gain")
    assert job.state == Job.State.FAILED
    last = said(job)[-1]
    sent = job.memory["sent"]["CT3_IGAIN"]
    assert sent != was
    assert f"CT3_IGAIN = {sent:.9g}" in last
    assert f"CT3_IGAIN = {was:.9g}" in last
    assert "switch the unit off and on" in last
    unit.faults.http.clear()
    unit.reboot(away_s=0)
    unit.state()
    assert unit.settings["CT3_IGAIN"] == was


def test_where_a_restart_does_not_bring_the_gains_back_nobody_is_told_to_restart(
    unit: SimulatedUnit, calibrated: Calibrate
) -> None:
    unit.set({"CT3_IGAIN": "44000"})  # never saved
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/set_config", after=3))
    last = said(calibrated("current_gain"))[-1]
    assert "a restart does not bring those of before back" in last
    assert "CT3_IGAIN = 44000" in last


def test_gains_that_were_left_can_be_put_back_later(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    was = unit.settings["CT3_IGAIN"]
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/set_config", after=3))
    calibrated("current_gain")
    unit.faults.http.clear()
    assert unit.settings["CT3_IGAIN"] != was
    job = done(calibration.restore(Calibration.objects.get(), None))
    assert job.state == Job.State.DONE, said(job)
    assert unit.settings["CT3_IGAIN"] == was


def test_gains_that_cannot_be_saved_are_taken_back(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    before = gains_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/save_factory_cfg", times=1))
    job = calibrated("current_gain")
    assert job.state == Job.State.FAILED
    assert gains_of(unit) == before
    assert Calibration.objects.get().succeeded is False


def test_a_failed_copy_afterwards_is_told_and_undoes_nothing(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    # The file is read before, after it was saved, and for the copy.
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/get_file", after=2))
    job = calibrated("current_gain")
    assert job.state == Job.State.DONE
    assert any("no copy of them could be kept here" in line for line in said(job))
    assert reads(unit, 3, "IRMS") == pytest.approx(10.0, abs=0.02)


# --- Earlier ones -------------------------------------------------------------------------------------------------


def test_an_earlier_calibration_is_put_back_and_saved(unit: SimulatedUnit, calibrated: Calibrate) -> None:
    calibrated("current_gain")
    first = Calibration.objects.get()
    unit.mains.currents_a = {3: 20.0}
    calibrated("current_gain", reference=19.0)
    calibrated("voltage")
    voltage_gain = unit.settings["CS4_VOLTAGE_GAIN"]
    assert unit.settings["CT3_IGAIN"] != first.after["CT3_IGAIN"]
    job = done(calibration.restore(first, None))
    assert job.state == Job.State.DONE, said(job)
    assert unit.settings["CT3_IGAIN"] == first.after["CT3_IGAIN"]
    assert unit.settings["CS4_VOLTAGE_GAIN"] == voltage_gain
    assert factory_says(unit, "CT3_IGAIN")
    assert reads(unit, 3, "IRMS") == pytest.approx(20.0, abs=0.04)
    restored = Calibration.objects.first()
    assert restored is not None
    assert (restored.target, restored.port_number, restored.succeeded) == (Calibration.Target.RESTORED, 3, True)
