"""Reboot, power cycle and reset: confirmed by the unit's name, awaited, reported, and never sent twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.utils import translation

from devices import restarting
from devices.confirmation import ConfirmationNeeded, name_to_type
from devices.ct6.client import UnitClient
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState, UnitTiming
from devices.holding import client_of
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import AuditEntry, Device, FactoryConfig, Job
from tests.devices.jobs.works import State, lines_of, reread
from tests.devices.units import closed_port, device_of

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

ASKS = [restarting.ask_for_reboot, restarting.ask_for_power_cycle, restarting.ask_for_reset]
RESTARTS = [
    pytest.param(restarting.ask_for_reboot, "/reboot", id="reboot"),
    pytest.param(restarting.ask_for_power_cycle, "/power_cycle", id="power cycle"),
]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    timing = UnitTiming(away_s=0.3, reboot_delay_s=0.05, power_cycle_delay_s=0.05)
    with Fleet(2, http_port=0, ayt_port=0, uptime_s=5000, timing=timing) as fleet:
        yield fleet


@pytest.fixture
def unit(fleet: Fleet) -> SimulatedUnit:
    return fleet.units[0]


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    return device_of(unit, name="Garage")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "tell_workers", lambda _ids: None)
    monkeypatch.setattr(restarting, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(restarting, "BACK_WITHIN_S", 10.0)
    monkeypatch.setattr(restarting, "GONE_WITHIN_S", 10.0)
    monkeypatch.setattr(restarting, "SILENT_FOR_GONE_S", 1.0)


def run(job: Job) -> Job:
    runner.run(job.pk, KINDS)
    return reread(job)


def begun_before(job: Job, **memory: object) -> Job:
    """As another worker left it that died."""
    Job.objects.filter(pk=job.pk).update(memory=memory, may_cancel=False, starts=1)
    return job


def sent(unit: SimulatedUnit, command: str) -> int:
    return sum(line.split()[1] == command for line in unit.requests if line.startswith("GET "))


# Confirming


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("typed", ["", "garage", "Garage 2", "ASY0398_V003.300_SN00001801"])
def test_nothing_is_done_unless_the_unit_s_name_was_typed(device: Device, ask: object, typed: str) -> None:
    with pytest.raises(ConfirmationNeeded, match="type its name: Garage") as refusal:
        ask(device, who=None, typed_name=typed)  # type: ignore[operator]
    assert not refusal.value.retryable
    assert not Job.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_asked_for_is_a_job_and_in_the_audit_log(device: Device, ask: object) -> None:
    user = get_user_model().objects.create_user("ann")
    job = ask(device, who=user, typed_name=" Garage ")  # type: ignore[operator]
    assert (job.device, job.who, job.state) == (device, user, State.WAITING)
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.device, entry.action, entry.after) == (user, device, job.kind, {"job": job.pk})


def test_a_unit_without_a_name_is_confirmed_by_its_label(device: Device) -> None:
    device.name = " "
    assert name_to_type(device) == device.assy
    restarting.ask_for_reboot(device, who=None, typed_name=device.assy)
    assert Job.objects.exists()


def test_what_becomes_of_a_unit_is_told_before() -> None:
    told = " ".join(restarting.what_a_reset_does())
    assert "leaves the network" in told
    assert "over Bluetooth" in told
    with translation.override("de"):
        assert len(restarting.what_a_reset_does()) == 4


# Restarting


@pytest.mark.parametrize(("ask", "command"), RESTARTS)
def test_a_restart_is_awaited_and_reported(unit: SimulatedUnit, device: Device, ask: object, command: str) -> None:
    job = run(ask(device, who=None, typed_name="Garage"))  # type: ignore[operator]
    assert (job.state, unit.boots, sent(unit, command)) == (State.DONE, 2, 1)
    assert lines_of(job)[-1].startswith("It has restarted and was back online after ")
    assert "It has been running for 500" in lines_of(job)[1]
    assert unit.most_connections == 1


def test_a_unit_that_had_just_started_is_seen_to_have_restarted(device: Device, unit: SimulatedUnit) -> None:
    unit.reboot(away_s=0)
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert (job.state, sent(unit, "/reboot")) == (State.DONE, 1)


@pytest.mark.parametrize("kind", [HttpFaultKind.CUT_OFF, HttpFaultKind.NOT_JSON])
def test_an_answer_that_is_lost_is_not_taken_for_a_failure(
    device: Device, unit: SimulatedUnit, kind: HttpFaultKind
) -> None:
    unit.faults.http.append(HttpFault(kind, "/reboot"))
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert (job.state, unit.boots, sent(unit, "/reboot")) == (State.DONE, 2, 1)
    assert "not answered properly" in " ".join(lines_of(job))


def test_a_command_that_the_unit_never_carried_out_is_not_sent_again(
    device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarting, "BACK_WITHIN_S", 0.5)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/reboot"))
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert (job.state, unit.boots, sent(unit, "/reboot")) == (State.FAILED, 1, 1)
    assert "so it has not restarted" in lines_of(job)[-1]


def test_a_unit_that_does_not_come_back_is_reported_with_what_to_do(
    device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarting, "BACK_WITHIN_S", 0.8)
    unit.timing = UnitTiming(away_s=600, reboot_delay_s=0.0)
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert job.state == State.FAILED
    assert "Look at its display" in lines_of(job)[-1]


def test_a_unit_that_cannot_be_reached_is_not_restarted(device: Device) -> None:
    Device.objects.update(address="127.0.0.1", http_port=closed_port())
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert job.state == State.FAILED
    assert "no connection" in lines_of(job)[-1]


def test_a_unit_whose_address_was_taken_over_is_left_alone(fleet: Fleet, device: Device) -> None:
    other = fleet.units[1]
    Device.objects.update(address=other.address, http_port=other.http_port)
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert job.state == State.FAILED
    assert f"{other.assy} answers" in lines_of(job)[-1]
    assert sent(other, "/reboot") == 0


def test_a_unit_that_comes_back_at_another_address_is_found(
    fleet: Fleet, device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another unit has its former address by then, and the collector has heard it at the new one."""
    other = fleet.units[1]
    job = restarting.ask_for_reboot(device, who=None, typed_name="Garage")
    begun_before(job, sent_at=time.time(), uptime_before_s=5000)
    Device.objects.update(address=other.address, http_port=other.http_port)
    unit.reboot(away_s=0)

    def client_then_heard_again(row: Device) -> UnitClient:
        client = client_of(row)
        Device.objects.update(address=unit.address, http_port=unit.http_port)
        return client

    monkeypatch.setattr(restarting, "client_of", client_then_heard_again)
    assert run(job).state == State.DONE
    assert other.requests


def test_a_unit_that_would_not_come_back_is_not_restarted(device: Device, unit: SimulatedUnit) -> None:
    unit.settings["MQTT_SERVER_PORT"] = ""
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert (job.state, sent(unit, "/reboot"), unit.state()) == (State.FAILED, 0, UnitState.RUNNING)
    assert "restart for ever" in lines_of(job)[-1]


def test_a_restart_can_be_cancelled_until_it_is_sent(device: Device, unit: SimulatedUnit) -> None:
    job = restarting.ask_for_reboot(device, who=None, typed_name="Garage")
    Job.objects.update(cancel_wanted=True)
    assert run(job).state == State.CANCELLED
    assert sent(unit, "/reboot") == 0


def test_a_worker_that_takes_over_sends_nothing_and_finds_out(
    device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one died between noting the command and sending it: the unit runs on."""
    monkeypatch.setattr(restarting, "BACK_WITHIN_S", 0.3)
    job = restarting.ask_for_reboot(device, who=None, typed_name="Garage")
    job = run(begun_before(job, sent_at=time.time() - 60, uptime_before_s=4900))
    assert (job.state, sent(unit, "/reboot")) == (State.FAILED, 0)
    assert "so it has not restarted" in lines_of(job)[-1]


# Back to defaults


def test_a_reset_backs_up_takes_the_unit_off_the_network_and_says_what_to_do(
    device: Device, unit: SimulatedUnit
) -> None:
    user = get_user_model().objects.create_user("ann")
    job = run(restarting.ask_for_reset(device, who=user, typed_name="Garage"))
    assert (job.state, unit.state()) == (State.DONE, UnitState.OFF_NETWORK)
    assert "WiFi again over Bluetooth" in lines_of(job)[-1]
    kept = FactoryConfig.objects.get()
    assert (kept.device, kept.reason, kept.who) == (device, FactoryConfig.Reason.BEFORE_RESET, user)
    assert json.loads(kept.content)["ASSY"] == device.assy
    assert (sent(unit, "/reset_to_default_config"), sent(unit, "/reboot")) == (1, 1)
    assert unit.settings["ASSY"] == device.assy  # from its factory configuration


def test_without_a_backup_nothing_is_reset(device: Device, unit: SimulatedUnit) -> None:
    unit.flash.remove("/factory.cfg")
    job = run(restarting.ask_for_reset(device, who=None, typed_name="Garage"))
    assert (job.state, sent(unit, "/reset_to_default_config"), unit.state()) == (State.FAILED, 0, UnitState.RUNNING)


def test_a_reset_can_be_cancelled_until_it_is_sent(device: Device, unit: SimulatedUnit) -> None:
    job = restarting.ask_for_reset(device, who=None, typed_name="Garage")
    Job.objects.update(cancel_wanted=True)
    assert run(job).state == State.CANCELLED
    assert sent(unit, "/reset_to_default_config") == 0


def test_a_reset_that_another_worker_sent_is_gone_on_with(device: Device, unit: SimulatedUnit) -> None:
    """It died after the reset and before the restart."""
    unit.reset_settings()
    job = restarting.ask_for_reset(device, who=None, typed_name="Garage")
    job = run(begun_before(job, factory_config=1, reset_at=time.time()))
    assert (job.state, sent(unit, "/reset_to_default_config"), sent(unit, "/reboot")) == (State.DONE, 0, 1)
    assert unit.state() is UnitState.OFF_NETWORK


def test_a_reset_that_never_arrived_is_not_sent_again(device: Device, unit: SimulatedUnit) -> None:
    job = restarting.ask_for_reset(device, who=None, typed_name="Garage")
    job = run(begun_before(job, factory_config=1, reset_at=time.time()))
    assert (job.state, sent(unit, "/reset_to_default_config"), sent(unit, "/reboot")) == (State.FAILED, 0, 0)
    assert "nothing was changed" in lines_of(job)[-1]


def test_a_reset_of_which_nothing_is_known_says_so(device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http_refused = True
    Device.objects.update(address="127.0.0.1", http_port=closed_port())
    job = restarting.ask_for_reset(device, who=None, typed_name="Garage")
    job = run(begun_before(job, factory_config=1, reset_at=time.time()))
    assert job.state == State.FAILED
    assert "does not tell whether it was carried out" in lines_of(job)[-1]


def test_a_unit_that_was_reset_and_does_not_restart_is_reported_with_what_to_do(
    device: Device, unit: SimulatedUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarting, "GONE_WITHIN_S", 0.3)
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/reboot"))
    job = run(restarting.ask_for_reset(device, who=None, typed_name="Garage"))
    assert (job.state, sent(unit, "/reboot")) == (State.FAILED, 1)
    assert "leaves the network at its next start" in lines_of(job)[-1]


def test_a_reset_answered_by_nothing_is_looked_up_at_the_unit(device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.CUT_OFF, "/reset_to_default_config"))
    job = run(restarting.ask_for_reset(device, who=None, typed_name="Garage"))
    assert (job.state, sent(unit, "/reset_to_default_config")) == (State.DONE, 1)


def test_the_job_ends_within_its_time(device: Device) -> None:
    job = run(restarting.ask_for_reboot(device, who=None, typed_name="Garage"))
    assert job.started is not None
    assert job.ended is not None
    assert job.started <= job.ended <= datetime.now(UTC)
