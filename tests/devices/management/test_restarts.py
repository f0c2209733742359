"""Status, restarts and jobs from the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from devices.jobs import queue
from devices.management.ct6 import following
from devices.models import AuditEntry, Device, Job
from tests.devices.jobs.works import State, job_of, state_of
from tests.devices.management.conftest import Run
from tests.people import make_user


def sent(unit: SimulatedUnit, command: str) -> int:
    return sum(line.split()[1] == command for line in unit.requests if line.startswith("GET "))


# --- Status -----------------------------------------------------------------------------------------------------
def test_the_status_is_read_and_shown(ct6: Run, device: Device) -> None:
    shown = ct6("Garage", "status").out
    assert all(part in shown for part in ("Firmware", "3.1", "Running for", "1:23:", "Flash", "/app1", "127.0.0.2"))


def test_the_status_as_json_has_the_last_answers_as_they_came(ct6: Run, device: Device) -> None:
    told = ct6("Garage", "status", "--json").told
    assert (told["unit"]["assy"], told["firmware_version"]) == (device.assy, "3.1")
    assert told["uptime_s"] >= 5000
    assert told["flash_free_bytes"] == told["flash_total_bytes"] - told["flash_used_bytes"]
    assert '"CT1"' in told["stats_text"]
    assert '"CT1"' in ct6("Garage", "status", "--raw").out


def test_the_status_that_is_kept_asks_nobody(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", "status", "--kept")
    assert (ran.code, "never read" in ran.sentence) == (1, True)
    ct6("Garage", "status")
    asked = len(unit.requests)
    assert ct6("Garage", "status", "--kept", "--json").told["firmware_version"] == "3.1"
    assert len(unit.requests) == asked


def test_a_unit_that_is_busy_is_for_later(ct6: Run, device: Device) -> None:
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=1))
    ran = ct6("Garage", "status")
    assert (ran.code, "other work on it" in ran.sentence) == (3, True)


def test_an_answer_that_is_cut_off_is_for_later(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.CUT_OFF, "/get_sys_stats"))
    assert ct6("Garage", "status").code == 3


def test_another_unit_at_the_address_is_a_failure(ct6: Run, device: Device) -> None:
    Device.objects.update(assy="ASY0398_V003.300_SN00009999")
    ran = ct6("Garage", "status")
    assert (ran.code, "answers at 127.0.0.2 instead" in ran.sentence) == (1, True)


# --- Restarts ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("action", "command"), [("reboot", "/reboot"), ("power-cycle", "/power_cycle")])
def test_a_restart_is_seen_through(ct6: Run, device: Device, unit: SimulatedUnit, action: str, command: str) -> None:
    sam = make_user("sam")
    ran = ct6("Garage", action, "--yes-name", "Garage", "--as", "sam")
    assert ran.code == 0
    assert "Garage: It has restarted and was back online after" in ran.out
    assert "Waiting until it is back" in ran.err
    assert sent(unit, command) == 1
    assert Job.objects.get().who == sam


def test_as_json_it_is_told_with_its_lines(ct6: Run, device: Device) -> None:
    [told] = ct6("Garage", "reboot", "--yes-name", "Garage", "--json").told["jobs"]
    assert (told["kind"], told["state"], told["percent"], told["unit"]) == ("reboot", "done", 100, device.assy)
    assert told["lines"][-1]["level"] == "result"


@pytest.mark.parametrize("action", ["reboot", "power-cycle", "reset"])
@pytest.mark.parametrize("name", ["", "garage", "Villa"])
def test_without_the_units_name_nothing_is_done(
    ct6: Run, device: Device, unit: SimulatedUnit, action: str, name: str
) -> None:
    ran = ct6("Garage", action, "--yes-name", name)
    assert (ran.code, "type its name: Garage. Nothing was done." in ran.sentence) == (1, True)
    assert not Job.objects.exists()
    assert not unit.requests


def test_at_a_terminal_one_is_asked_to_type_it(
    ct6: Run, device: Device, unit: SimulatedUnit, typing: Callable[[str], None]
) -> None:
    typing("Villa")
    assert ct6("Garage", "reboot").code == 1
    typing("Garage")
    ran = ct6("Garage", "reboot")
    assert ran.code == 0
    assert "type the unit's name (Garage):" in ran.err
    assert sent(unit, "/reboot") == 1


def test_where_nobody_can_be_asked_an_option_is_named(ct6: Run, device: Device) -> None:
    ran = ct6("Garage", "reboot")
    assert (ran.code, "--yes-name" in ran.sentence) == (2, True)


def test_before_a_reset_one_reads_what_becomes_of_the_unit(
    ct6: Run, device: Device, unit: SimulatedUnit, typing: Callable[[str], None]
) -> None:
    typing("no")
    ran = ct6("Garage", "reset")
    assert "The WiFi set-up is lost" in ran.err
    assert unit.state() is UnitState.RUNNING


def test_a_reset_is_seen_through_until_the_unit_is_gone(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", "reset", "--yes-name", "Garage")
    assert ran.code == 0
    assert "has left the network, as was to be expected" in ran.out
    assert unit.state() is UnitState.OFF_NETWORK
    assert device.factory_configs.count() == 1


def test_a_restart_that_would_not_come_back_is_refused(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    unit.forget_wifi()
    ran = ct6("Garage", "reboot", "--yes-name", "Garage")
    assert (ran.code, "leave the network" in ran.sentence) == (1, True)
    assert sent(unit, "/reboot") == 0


# --- Jobs -------------------------------------------------------------------------------------------------------
def test_with_no_wait_only_the_id_is_told(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    ran = ct6("Garage", "reboot", "--yes-name", "Garage", "--no-wait")
    job = Job.objects.get()
    assert f"job {job.pk} was asked for (reboot)" in ran.out
    assert (job.state, len(unit.requests)) == (State.WAITING, 0)


def test_jobs_are_listed(ct6: Run, device: Device) -> None:
    ct6("Garage", "reboot", "--yes-name", "Garage")
    assert "It has restarted" in ct6("Garage", "jobs").out
    assert [job["kind"] for job in ct6("Garage", "jobs", "--json").told["jobs"]] == ["reboot"]


def test_a_job_that_waits_is_followed_and_done(ct6: Run, device: Device) -> None:
    job = job_of(device)
    assert ct6("Garage", "job", job.pk).code == 0
    assert state_of(job) == State.DONE
    assert "It has been running for" in ct6("Garage", "job", job.pk).out


def test_a_job_is_cancelled(ct6: Run, device: Device) -> None:
    job = job_of(device)
    ran = ct6("Garage", "job", job.pk, "--cancel")
    assert (ran.code, "nothing was changed" in ran.out) == (0, True)
    assert state_of(job) == State.CANCELLED
    again = ct6("Garage", "job", job.pk, "--cancel")
    assert (again.code, "It is over" in again.sentence) == (1, True)


def test_a_job_of_another_unit_is_none_of_this_one(ct6: Run, device: Device) -> None:
    Device.objects.create(assy="A2", name="Villa")
    job = job_of(Device.objects.get(assy="A2"))
    assert "is no job of Garage" in ct6("Garage", "job", job.pk, "--cancel").sentence
    assert state_of(job) == State.WAITING


def test_jobs_that_were_asked_for_before_come_first(ct6: Run, device: Device) -> None:
    first = job_of(device, not_before=datetime.now(UTC) - timedelta(seconds=1))
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(seconds=0.5))
    second = job_of(device)
    ran = ct6("Garage", "job", first.pk)
    assert (ran.code, "Other work on the unit is going on; this follows." in ran.err) == (0, True)
    assert (state_of(first), state_of(second)) == (State.DONE, State.WAITING)


def test_what_a_worker_took_is_followed_and_not_done_twice(
    ct6: Run, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TAKEN_WITHIN_S", 60.0)
    job = job_of(device)
    taken = queue.take(job.pk, datetime.now(UTC))
    assert taken is not None

    def ends(_seconds: float) -> None:
        last = queue.LastLine(following._Level.RESULT, "All of it")
        queue.close(taken, Job.State.DONE, datetime.now(UTC), last)

    monkeypatch.setattr("devices.management.ct6.following.time.sleep", ends)
    ran = ct6("Garage", "job", job.pk)
    assert (ran.code, ran.out) == (0, "Garage: All of it\n")


def test_what_a_dead_worker_left_is_taken_up(ct6: Run, device: Device) -> None:
    job = job_of(device)
    queue.take(job.pk, datetime.now(UTC) - timedelta(minutes=2))
    ran = ct6("Garage", "job", job.pk)
    assert ran.code == 0
    assert "another one goes on" in ran.err


def test_an_interrupt_leaves_a_workers_job_alone(ct6: Run, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(device)
    queue.take(job.pk, datetime.now(UTC))

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("devices.management.ct6.following.time.sleep", interrupted)
    ran = ct6("Garage", "job", job.pk)
    assert (ran.code, f"Job {job.pk} goes on without you" in ran.sentence) == (130, True)
    assert state_of(job) == State.RUNNING


def test_every_act_is_in_the_audit_log(ct6: Run, device: Device) -> None:
    ct6("Garage", "reboot", "--yes-name", "Garage")
    assert AuditEntry.objects.filter(device=device, action="reboot").exists()
