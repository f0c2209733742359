"""The files on a unit from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, Device
from tests.devices.management.conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of this machine."""
    path = tmp_path / "notes.txt"
    path.write_text("fuse 3")
    return path


def test_files_are_listed(ct6: Run, device: Device) -> None:
    assert "/app1/app.mpy" in ct6("Garage", "files", "list").out
    told = ct6("Garage", "files", "list", "--json").told
    entries = {one["path"]: one for one in told["entries"]}
    assert told["active_folder"] == "/app1"
    assert entries["/app1"] == {"path": "/app1", "folder": True, "protected": True}
    below = ct6("Garage", "files", "list", "/app1/lib", "--json").told["entries"]
    assert below
    assert all(one["path"].startswith("/app1/lib") for one in below)


def test_a_file_is_put_shown_fetched_and_removed(ct6: Run, device: Device, file: Path, tmp_path: Path) -> None:
    assert ct6("Garage", "files", "mkdir", "/notes").code == 0
    assert "/notes/notes.txt is on the unit: 6 bytes." in ct6("Garage", "files", "put", file, "/notes").out
    assert ct6("Garage", "files", "show", "/notes/notes.txt").out == "fuse 3\n"
    fetched = tmp_path / "fetched.txt"
    assert ct6("Garage", "files", "get", "/notes/notes.txt", fetched).code == 0
    assert fetched.read_text() == "fuse 3"
    assert ct6("Garage", "files", "get", "/notes/notes.txt", "-").out == "fuse 3"
    assert "is not empty" in ct6("Garage", "files", "rmdir", "/notes").sentence
    assert ct6("Garage", "files", "rm", "/notes/notes.txt").code == 0
    assert ct6("Garage", "files", "rmdir", "/notes", "--json").told == {"removed": "/notes"}
    assert AuditEntry.objects.filter(action="file_upload", device=device).exists()


def test_a_file_that_is_there_is_replaced_only_if_one_says_so(ct6: Run, device: Device, file: Path) -> None:
    ct6("Garage", "files", "put", file, "/", "--name", "a.txt")
    assert "is there already" in ct6("Garage", "files", "put", file, "/", "--name", "a.txt").sentence
    assert ct6("Garage", "files", "put", file, "/", "--name", "a.txt", "--replace").code == 0


def test_a_file_that_is_not_here_is_wrong_use(ct6: Run, device: Device, tmp_path: Path) -> None:
    assert ct6("Garage", "files", "put", tmp_path / "nothing.txt", "/").code == 2


def test_passwords_are_hidden(ct6: Run, device: Device, unit: SimulatedUnit) -> None:
    unit.set({"MQTT_PASSWORD": "geheim-42"})
    shown = ct6("Garage", "files", "show", "/this.machine.cfg").out
    assert "YDEV_UNIT_NAME" in shown
    assert "geheim-42" not in shown


HARM = {
    "the settings removed": ("rm", "/this.machine.cfg"),
    "the factory configuration removed": ("rm", "/factory.cfg"),
    "the start file removed": ("rm", "/main.py"),
    "the application that runs removed": ("rm", "/app1/app.mpy"),
    "a folder of the application that runs removed": ("rmdir", "/app1/lib"),
    "a folder in the application that runs": ("mkdir", "/app1/more"),
    "the settings replaced": ("put", "/", "--name", "this.machine.cfg", "--replace"),
    "the start file replaced": ("put", "/", "--name", "main.py", "--replace"),
    "the factory configuration replaced": ("put", "/", "--name", "factory.cfg", "--replace"),
    "a module of the application that runs replaced": ("put", "/app1", "--name", "app.mpy", "--replace"),
    "code that is none": ("put", "/app2", "--name", "app.mpy"),
    "a way out": ("rm", "/notes/../main.py"),
    "a name that cuts the request": ("rm", "/a b.txt"),
    "a second argument in a name": ("rm", "/a.txt,file=/main.py"),
    "a name that is a number": ("put", "/", "--name", "nan"),
    "a folder that is not there": ("put", "/nothing"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_destroys_a_unit_is_refused_with_its_reason(
    ct6: Run, device: Device, unit: SimulatedUnit, file: Path, harm: str
) -> None:
    what, *rest = HARM[harm]
    before = dict(unit.flash.files)
    arguments = [what, file, *rest] if what == "put" else [what, *rest]
    ran = ct6("Garage", "files", *arguments)
    assert ran.code == 1
    assert ran.sentence.startswith(device.assy)
    assert unit.flash.files == before


def test_half_a_file_is_said(ct6: Run, device: Device, unit: SimulatedUnit, file: Path) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE"))
    ran = ct6("Garage", "files", "put", file, "/")
    assert (ran.code, "did not arrive whole" in ran.sentence) == (1, True)
