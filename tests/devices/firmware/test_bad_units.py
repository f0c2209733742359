"""Units that fail in the middle of an upgrade, each in its own way: a clear sentence, and never half-changed unsaid."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from django.conf import settings

from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from devices.firmware.rollouts import ask_upgrade
from devices.firmware.unit_at_hand import Patience
from devices.firmware.upgrade import upgrade
from devices.models import Device, FirmwareRelease, Job
from tests.devices.firmware.conftest import PATIENCE, commands, done, files_in, said
from tests.devices.units import closed_port

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

State = Job.State
Kind = HttpFaultKind
Upgraded = Callable[..., Job]
RUNS_ON = "The unit runs on with 3.1 from /app1. /app2 holds at most a part of the new firmware"


def is_as_before(unit: SimulatedUnit) -> bool:
    """Whether the unit also starts as before, whatever lies in its other folder."""
    unit.faults.http.clear()
    unit.reboot(away_s=0)
    return (unit.state(), unit.active_folder(), unit.firmware_version) == (UnitState.RUNNING, "/app1", "3.1")


@pytest.mark.parametrize(
    "command",
    [
        "/get_config",
        "/fw_version",
        "/get_active_app_folder",
        "/get_sys_stats",
        "/get_stats",
        "/get_file?file=/factory.cfg",
        "/get_inactive_app_folder",
        "/erase_offline_app",
        "/mkdir",
        "/get_file_list",
        "FILE",
        "/swap_active_app",
        "/reboot",
        "/get_uptime",
    ],
)
@pytest.mark.parametrize("kind", [Kind.CUT_OFF, Kind.NOT_JSON, Kind.RESET])
def test_an_answer_that_is_spoilt_twice_stops_nothing(
    unit: SimulatedUnit, upgraded: Upgraded, kind: HttpFaultKind, command: str
) -> None:
    """Cut off and garbled answers come after the unit did as it was told: it must not be told twice to swap."""
    unit.faults.http.append(HttpFault(kind, command, times=2))
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert (unit.active_folder(), unit.firmware_version) == ("/app2", "3.2")


def test_gone_before_it_was_begun(device: Device, release: FirmwareRelease) -> None:
    Device.objects.update(address="127.0.0.1", http_port=closed_port())
    device.refresh_from_db()
    job = done(ask_upgrade(device, release, who=None))
    assert job.state == State.FAILED
    assert "no connection to 127.0.0.1" in said(job)[-1]


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.HANG])
def test_gone_in_the_middle_of_the_files(unit: SimulatedUnit, upgraded: Upgraded, kind: HttpFaultKind) -> None:
    unit.faults.http += [HttpFault(kind, "FILE", after=4), HttpFault(kind, "/get_sys_stats", after=2)]
    job = upgraded()
    assert job.state == State.FAILED
    assert "lib/__init__.mpy could not be sent in 3 tries" in said(job)[-1]
    assert any(line.startswith(RUNS_ON) for line in said(job))
    assert len(files_in(unit, "/app2")) == 4
    assert "/swap_active_app" not in commands(unit)
    assert is_as_before(unit)


def test_a_file_that_arrives_damaged_is_sent_again(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(Kind.WRONG_HASH, "FILE", after=2, times=2))
    job = upgraded()
    assert job.state == State.DONE, said(job)
    tries = {one["path"]: one["tries"] for one in job.memory["files"]}
    assert tries.pop("cmd_handler.mpy") == 3
    assert set(tries.values()) == {1}


def test_a_file_that_always_arrives_damaged(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(Kind.WRONG_HASH, "FILE", after=2))
    job = upgraded()
    assert job.state == State.FAILED
    assert "cmd_handler.mpy arrived damaged 3 times" in said(job)[-1]
    assert any(line.startswith(RUNS_ON) for line in said(job))
    assert is_as_before(unit)


def test_half_a_file_is_left_and_sent_again(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(Kind.FLASH_FULL, "FILE", after=3, times=1))
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert unit.firmware_version == "3.2"


def test_a_flash_that_is_full_although_it_said_otherwise(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    """Somebody else fills it meanwhile."""
    real = unit.flash.write

    def filled_up(path: str, content: bytes) -> None:
        if path == "/app2/lib/wifi.mpy" and "/dump.bin" not in unit.flash.files:
            room = unit.flash.total_bytes - unit.flash.used_bytes
            unit.flash.files["/dump.bin"] = bytes(room)
        real(path, content)

    unit.flash.write = filled_up  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert "lib/wifi.mpy did not fit: its flash is full (0 bytes free)" in said(job)[-1]
    assert any(line.startswith(RUNS_ON) for line in said(job))
    assert is_as_before(unit)


def test_a_file_that_is_not_there_although_the_unit_took_it(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    real = unit.flash.paths
    unit.flash.paths = lambda: [p for p in real() if p != "/app2/lib/ydev.mpy"]  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert "/app2/lib/ydev.mpy is not on the unit although it took it. Ask for it again." in said(job)[-1]
    assert is_as_before(unit)


def test_several_files_that_are_not_there_are_counted(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    real, gone = unit.flash.paths, ("/app2/lib/wifi.mpy", "/app2/lib/ydev.mpy")
    unit.flash.paths = lambda: [p for p in real() if p not in gone]  # type: ignore[method-assign]
    last = said(upgraded())[-1]
    assert "2 files are not on the unit although it took them, first /app2/lib/wifi.mpy" in last


def test_an_upgrade_of_which_every_file_times_out_ends_before_anything_is_swapped(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease
) -> None:
    """Each goes through at its last try, which would take longer than a worker may."""
    unit.faults.http += [HttpFault(Kind.HANG, "FILE", after=3 * index, times=2) for index in range(40)]
    patience = replace(PATIENCE, file_timeout_s=0.2, sent_within_s=1.5)
    job = done(ask_upgrade(device, release, who=None), {Job.Kind.UPGRADE: partial(upgrade, patience=patience)})
    assert job.state == State.FAILED
    assert "given up before anything was swapped" in said(job)[-1]
    assert job.ended is not None
    assert job.started is not None
    assert (job.ended - job.started).total_seconds() < 10
    assert any(line.startswith(RUNS_ON) for line in said(job))
    assert "/swap_active_app" not in commands(unit)
    assert is_as_before(unit)


def test_what_has_to_be_done_after_the_swap_fits_into_what_a_worker_may_take() -> None:
    usual = Patience()
    after_s = 4 * usual.returns_within_s + usual.answers_within_s + 4 * 60
    assert usual.sent_within_s + usual.file_timeout_s + after_s < settings.CELERY_TASK_TIME_LIMIT


def test_a_folder_that_cannot_be_erased(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.flash.write("/app2/lib/old.mpy", b"M\x06")
    unit.flash.remove_tree = lambda path: None  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert "/app2/lib/old.mpy could not be erased" in said(job)[-1]
    assert is_as_before(unit)


def test_another_unit_took_the_address_before(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.settings["ASSY"] = "ASY0398_V003.300_SN00009999"
    job = upgraded()
    assert job.state == State.FAILED
    assert "ASY0398_V003.300_SN00009999 answers at" in said(job)[-1]
    assert {command.partition("?")[0] for command in commands(unit)} == {"/get_config"}


def test_another_unit_takes_the_address_in_the_middle(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    real, assy = unit.flash.write, unit.assy

    def taken_over(path: str, content: bytes) -> None:
        real(path, content)
        if path == "/app2/lib/config.mpy":
            unit.settings["ASSY"] = "ASY0398_V003.300_SN00009999"

    unit.flash.write = taken_over  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert "ASY0398_V003.300_SN00009999 answers at" in said(job)[-1]
    assert any(line.startswith(RUNS_ON) for line in said(job))
    assert commands(unit)[-1] == "/get_config"  # nothing more was sent once another one answered
    assert "/app2/lib/drivers/__init__.mpy" not in unit.flash.files
    unit.settings["ASSY"] = assy
    assert is_as_before(unit)


def test_a_unit_that_refuses_to_erase(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(Kind.ERROR, "/erase_offline_app"))
    job = upgraded()
    assert job.state == State.FAILED
    assert "it refused erase_offline_app" in said(job)[-1]
    assert is_as_before(unit)


def test_folders_that_somebody_else_swaps_in_the_middle_are_not_erased(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    """Another tool makes the other one active after we looked: what we would erase is what runs."""
    looked: list[str] = []
    inactive = unit.inactive_folder

    def swapped() -> str:
        looked.append("")
        if len(looked) == 1:
            unit.swap_folders()
        return inactive()

    unit.inactive_folder = swapped  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert "Nothing was erased" in said(job)[-1]
    assert files_in(unit, "/app1")
