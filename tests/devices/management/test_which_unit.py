"""Which unit is meant, who asks, and what comes of wrong use."""

from __future__ import annotations

import os
import pwd

import pytest

from devices.jobs import runner
from devices.jobs.kinds import KINDS
from devices.management.commands.ct6 import Command
from devices.models import AuditEntry, Device, Job
from tests.devices.management.conftest import Run
from tests.devices.units import closed_port
from tests.factories import make_device
from tests.people import make_user

LABEL = "ASY0398_V003.300_SN00001801"


@pytest.fixture
def garage(db: None) -> Device:
    return make_device(LABEL, name="Garage", address="127.0.0.9")


@pytest.mark.parametrize("named", [LABEL, "Garage", "127.0.0.9"])
def test_a_unit_is_named_by_its_label_name_or_address(ct6: Run, garage: Device, named: str) -> None:
    assert ct6(named, "config", "--json").told["unit"] == garage.assy


def test_a_unit_is_named_by_its_id(ct6: Run, garage: Device) -> None:
    assert ct6(garage.pk, "config", "--json").told["unit"] == garage.assy


@pytest.mark.parametrize("named", ["Shed", "127.0.0.10", "4711", "", "9" * 30])
def test_a_unit_that_is_not_here_is_wrong_use(ct6: Run, garage: Device, named: str) -> None:
    ran = ct6(named, "config")
    assert ran.code == 2
    assert "discover_ct6" in ran.sentence


def test_of_several_with_one_name_one_is_asked_to_say_which(ct6: Run, garage: Device) -> None:
    make_device("A2", name="Garage")
    ran = ct6("Garage", "config")
    assert ran.code == 2
    assert all(part in ran.sentence for part in ("more than one unit", LABEL, "A2", "127.0.0.9"))


def test_a_name_of_digits_that_is_also_an_id_is_more_than_one_unit(ct6: Run, garage: Device) -> None:
    make_device("A2", name=str(garage.pk))
    assert "more than one unit" in ct6(garage.pk, "config").sentence


def test_a_label_counts_before_a_name(ct6: Run, garage: Device) -> None:
    make_device("A2", name=LABEL)
    assert ct6(LABEL, "config", "--json").told["unit"] == LABEL


@pytest.mark.parametrize("before", [True, False])
def test_who_asks_is_in_the_audit_log(ct6: Run, garage: Device, before: bool) -> None:
    make_user("sam")
    asked = ("--as", "sam", "Garage", "set", "name=Villa") if before else ("Garage", "set", "name=Villa", "--as", "sam")
    ct6(*asked)
    assert AuditEntry.objects.get(action="wish").who_name == "sam"


def test_without_that_it_is_the_user_of_the_system(ct6: Run, garage: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    ct6("Garage", "set", "name=Villa")
    entry = AuditEntry.objects.get(action="wish")
    assert (entry.who, entry.who_name) == (None, f"{pwd.getpwuid(os.getuid()).pw_name} (command line)")


def test_a_user_without_a_name_is_told_by_number(ct6: Run, garage: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_user_id: int) -> object:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    ct6("Garage", "set", "name=Villa")
    assert AuditEntry.objects.get(action="wish").who_name == f"uid {os.getuid()} (command line)"


def test_what_a_job_notes_later_carries_the_name_too(ct6: Run, device: Device) -> None:
    ct6("Garage", "factory", "backup")
    entry = AuditEntry.objects.get(action="factory_config_kept")
    assert (entry.who, entry.who_name) == (None, Job.objects.get().who_name)
    assert entry.who_name.endswith(" (command line)")


def test_a_job_that_a_worker_does_carries_the_name_too(ct6: Run, device: Device) -> None:
    ct6("Garage", "factory", "backup", "--no-wait")
    runner.run(Job.objects.get().pk, KINDS)
    assert AuditEntry.objects.get(action="factory_config_kept").who_name.endswith(" (command line)")


def test_cancelling_a_job_names_who_did(ct6: Run, device: Device) -> None:
    make_user("sam")
    ct6("Garage", "factory", "backup", "--no-wait")
    ct6("Garage", "job", Job.objects.get().pk, "--cancel", "--as", "sam")
    assert AuditEntry.objects.get(action="cancel").who_name == "sam"


def test_a_user_that_is_not_there_is_wrong_use(ct6: Run, garage: Device) -> None:
    ran = ct6("Garage", "set", "name=Villa", "--as", "nobody")
    assert (ran.code, ran.sentence) == (2, "There is no user 'nobody'.")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [("Garage",), ("Garage", "fly"), ("Garage", "calibrate", "mains"), ("Garage", "undo", "x"), ("Garage", "files")],
)
def test_what_is_not_understood_is_wrong_use(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command()
    monkeypatch.setattr(command, "_called_from_command_line", True, raising=False)
    with pytest.raises(SystemExit) as stopped:
        command.create_parser("manage.py", "ct6").parse_args(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("pull",),
        ("set", "name=Villa"),
        ("reboot", "--yes-name", "Meter"),
        ("factory", "backup"),
        ("files", "list"),
    ],
)
def test_a_unit_that_cannot_be_reached_has_an_exit_code_of_its_own(ct6: Run, arguments: tuple[str, ...]) -> None:
    device = make_device(address="127.0.0.1", http_port=closed_port())
    ran = ct6(device.assy, *arguments)
    assert ran.code == 3
    assert "no connection to 127.0.0.1" in ran.sentence
