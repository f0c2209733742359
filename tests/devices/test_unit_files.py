"""The files on a unit: what is seen, sent and removed, what never is, and that all of it is in the audit log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from devices import unit_files
from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError, UnitRefused, WrongUnit
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.holding import UnitBusy
from devices.models import AuditEntry, Device
from devices.unit_files import (
    FileRefused,
    UploadUnfinished,
    delete,
    download,
    list_files,
    make_folder,
    remove_folder,
    upload,
    view,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

CODE = b"M\x06\x00\x1f\x02\x00\x08e.py\x00\x0f(\x00\x02\x01Qc"  # of an empty module


def by() -> dict[str, Any]:
    return {"who": None, "now": datetime.now(UTC)}


def changes(unit: SimulatedUnit) -> list[str]:
    return [line for line in unit.requests if line.startswith("FILE ") or "/rm" in line or "/mkdir" in line]


# Looking


def test_files_are_listed_as_a_tree(device: Device) -> None:
    listing = list_files(device, **by())
    root = listing.root
    assert root.files == ("/bootlog.txt", "/factory.cfg", "/main.py", "/this.machine.cfg")
    assert [folder.path for folder in root.folders] == ["/app1", "/app2"]
    app1, app2 = root.folders
    assert "/app1/app.mpy" in app1.files
    [lib] = app1.folders
    assert (lib.path, lib.name, [folder.path for folder in lib.folders]) == ("/app1/lib", "lib", ["/app1/lib/drivers"])
    assert app2.files == ()
    assert [folder.path for folder in app2.folders] == ["/app2/lib"]


def test_the_listing_tells_what_is_not_changed_by_hand(device: Device) -> None:
    listing = list_files(device, **by())
    protected = {path for path in listing.paths if listing.is_protected(path.rstrip("/"))}
    free = {path.rstrip("/") for path in listing.paths - protected}
    assert free == {"/bootlog.txt", "/app2", "/app2/lib", "/app2/lib/drivers"}
    assert listing.is_protected("/")


def test_a_text_file_is_viewed_and_downloaded(device: Device, unit: SimulatedUnit) -> None:
    unit.flash.write("/notes.txt", "it's Küche\n".encode())
    assert view(device, "/notes.txt", **by()) == "it's Küche\n"
    assert download(device, "notes.txt", **by()) == "it's Küche\n".encode()


def test_a_file_of_bytes_is_refused_by_the_unit(device: Device, unit: SimulatedUnit) -> None:
    unit.flash.write("/app2/x.mpy", b"M\x06\xff\xff")
    with pytest.raises(UnitRefused):
        view(device, "/app2/x.mpy", **by())


@pytest.mark.parametrize("read", [view, download])
def test_the_settings_file_is_shown_without_its_passwords(
    device: Device, unit: SimulatedUnit, read: Callable[..., str | bytes]
) -> None:
    unit.set({"MQTT_PASSWORD": "pa$$w0rd"})
    text = read(device, "/this.machine.cfg", **by())
    shown = json.loads(text)
    assert shown["WIFI"]["PASSWD"] == shown["MQTT_PASSWORD"] == "(hidden)"
    assert shown["WIFI"]["SSID"] == "Simulated"
    assert shown["ASSY"] == device.assy


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"WIFI": {"PASSWD": "simulated"'])
def test_a_settings_file_whose_passwords_cannot_be_found_is_not_shown(
    device: Device, unit: SimulatedUnit, content: bytes
) -> None:
    unit.flash.write("/this.machine.cfg", content)
    with pytest.raises(FileRefused, match="not shown") as refusal:
        view(device, "/this.machine.cfg", **by())
    assert "simulated" not in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/nope.txt", "There is no /nope.txt"),
        ("/app2", "/app2 is a folder, not a file"),
        ("/", "/ is a folder, not a file"),
        ("/APP1/app.mpy", "There is no"),
    ],
)
def test_only_what_the_unit_lists_is_read(device: Device, unit: SimulatedUnit, path: str, match: str) -> None:
    with pytest.raises(FileRefused, match=match):
        view(device, path, **by())
    assert not [line for line in unit.requests if "/get_file?" in line]


# Sending


def test_a_file_is_sent_and_verified(device: Device, unit: SimulatedUnit) -> None:
    assert upload(device, "/app2", "notes.txt", b"it's", **by()) == "/app2/notes.txt"
    assert unit.flash.read("/app2/notes.txt") == b"it's"
    assert upload(device, "/", "empty.txt", b"", **by()) == "/empty.txt"
    assert unit.flash.read("/empty.txt") == b""


def test_a_file_that_is_there_is_replaced_only_if_that_is_said(device: Device, unit: SimulatedUnit) -> None:
    upload(device, "/", "notes.txt", b"old", **by())
    with pytest.raises(FileRefused, match="there already"):
        upload(device, "/", "notes.txt", b"new", **by())
    assert unit.flash.read("/notes.txt") == b"old"
    upload(device, "/", "notes.txt", b"new", replace=True, **by())
    assert unit.flash.read("/notes.txt") == b"new"


def test_a_folder_is_never_replaced_by_a_file(device: Device) -> None:
    with pytest.raises(FileRefused, match="there already"):
        upload(device, "/", "app2", b"x", replace=True, **by())


def test_a_file_is_not_sent_into_a_folder_that_is_not_there(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(FileRefused, match="There is no folder /no/such"):
        upload(device, "/no/such", "a.txt", b"x", **by())
    assert changes(unit) == []


def test_a_file_that_leaves_the_unit_no_room_is_not_sent(device: Device, unit: SimulatedUnit) -> None:
    free = unit.flash.total_bytes - unit.flash.used_bytes
    with pytest.raises(FileRefused, match=f"only {free} are free"):
        upload(device, "/", "big.txt", bytes(free - 1000), **by())
    assert changes(unit) == []


def test_bytecode_that_the_unit_cannot_run_is_not_sent(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(DestructiveValue, match="no bytecode"):
        upload(device, "/app2", "app.mpy", b"import app", **by())
    upload(device, "/app2", "app.mpy", CODE, **by())
    assert unit.flash.read("/app2/app.mpy") == CODE


def test_a_file_that_arrives_damaged_is_told(device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE", times=1))
    with pytest.raises(UploadUnfinished, match="did not arrive whole.*Nothing of it is on the unit. Send it again"):
        upload(device, "/", "a.txt", b"x", **by())
    assert "/a.txt" not in unit.flash.files


def test_that_the_former_file_is_lost_with_it_is_told(device: Device, unit: SimulatedUnit) -> None:
    upload(device, "/", "a.txt", b"old", **by())
    unit.faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE", times=1))
    with pytest.raises(UploadUnfinished, match="before is gone too"):
        upload(device, "/", "a.txt", b"new", replace=True, **by())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    def client_of(device: Device) -> UnitClient:
        assert device.address
        return UnitClient(device.address, device.http_port, assy=device.assy, file_timeout_s=0.3)

    monkeypatch.setattr(unit_files, "client_of", client_of)


@pytest.mark.usefixtures("impatient")
def test_half_a_file_is_removed(device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.FLASH_FULL, "FILE", times=1))
    with pytest.raises(UploadUnfinished, match="Nothing of it is on the unit"):
        upload(device, "/", "a.txt", b"x" * 100, **by())
    assert "/a.txt" not in unit.flash.files


@pytest.mark.usefixtures("impatient")
def test_half_a_file_that_cannot_be_removed_is_told(device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.FLASH_FULL, "FILE", times=1))
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/rmfile"))
    with pytest.raises(UploadUnfinished, match="A part of it may be on the unit"):
        upload(device, "/", "a.txt", b"x" * 100, **by())
    assert "/a.txt" in unit.flash.files


# Removing, and folders


def test_files_and_folders_are_made_and_removed(device: Device, unit: SimulatedUnit) -> None:
    assert make_folder(device, "/notes/", **by()) == "/notes"
    upload(device, "/notes", "a.txt", b"x", **by())
    with pytest.raises(FileRefused, match="not empty"):
        remove_folder(device, "/notes", **by())
    delete(device, "/notes/a.txt", **by())
    remove_folder(device, "/notes", **by())
    assert "/notes" not in unit.flash.folders


@pytest.mark.parametrize(
    ("act", "path", "match"),
    [
        (delete, "/nope.txt", "There is no"),
        (delete, "/app2", "/app2 is a folder, not a file"),
        (remove_folder, "/nope", "There is no"),
        (remove_folder, "/bootlog.txt", "/bootlog.txt is a file, not a folder"),
        (make_folder, "/app2", "there already"),
        (make_folder, "/bootlog.txt", "there already"),
        (make_folder, "/no/such", "There is no folder /no"),
        (remove_folder, "/", "root"),
        (make_folder, "/", "root"),
    ],
)
def test_what_is_not_there_is_not_removed_and_what_is_there_not_made(
    device: Device, unit: SimulatedUnit, act: Callable[..., object], path: str, match: str
) -> None:
    with pytest.raises(FileRefused, match=match):
        act(device, path, **by())
    assert changes(unit) == []


# Never


ELSEWHERE = ["../x", "/app2/../main.py", "/./x", "/app2//lib/x", "/.", "/..", "/" + "x" * 200]
UNTAKEABLE = ["/a b", "/a,b", "/a?b", "/a=b", "/ä", "/a\nb", "/a&b", "/a'b"]
NEEDED = ["/main.py", "/boot.py", "/this.machine.cfg", "/factory.cfg", "/MAIN.PY", "main.py"]
RUNNING = ["/app1", "/app1/app.mpy", "/app1/lib", "/app1/lib/wifi.mpy", "/app1/new"]


def upload_at(device: Device, path: str, **how: Any) -> str:
    folder, _slash, name = path.rpartition("/")
    return upload(device, folder or "/", name, b"x", replace=True, **how)


@pytest.mark.parametrize("act", [view, download, delete, make_folder, remove_folder, upload_at])
@pytest.mark.parametrize("path", [*ELSEWHERE, *UNTAKEABLE])
def test_no_path_leads_elsewhere_or_is_cut(
    device: Device, unit: SimulatedUnit, act: Callable[..., object], path: str
) -> None:
    with pytest.raises((FileRefused, DestructiveValue)):
        act(device, path, **by())
    assert not unit.requests


@pytest.mark.parametrize("name", ["", "a/b", "../x", "..", "12", "nan"])
def test_a_name_that_is_none_is_refused(device: Device, unit: SimulatedUnit, name: str) -> None:
    with pytest.raises((FileRefused, DestructiveValue)):
        upload(device, "/app2", name, b"x", **by())
    assert changes(unit) == []


@pytest.mark.parametrize("act", [delete, make_folder, remove_folder, upload_at])
@pytest.mark.parametrize("path", NEEDED)
def test_what_a_unit_starts_with_is_left_alone(
    device: Device, unit: SimulatedUnit, act: Callable[..., object], path: str
) -> None:
    why = "restore a copy" if path == "/factory.cfg" and act in (make_folder, upload_at) else "must not be"
    with pytest.raises(DestructiveValue, match=why) as refusal:
        act(device, path, **by())
    assert refusal.value.unit == device.assy
    assert changes(unit) == []


@pytest.mark.parametrize("act", [delete, make_folder, remove_folder, upload_at])
@pytest.mark.parametrize("path", RUNNING)
def test_the_application_that_a_unit_runs_is_left_alone(
    device: Device, unit: SimulatedUnit, act: Callable[..., object], path: str
) -> None:
    with pytest.raises(DestructiveValue, match="belongs to the application"):
        act(device, path, **by())
    assert changes(unit) == []


def test_nothing_is_looked_at_or_changed_on_another_unit(fleet: Fleet, device: Device) -> None:
    other = fleet.units[1]
    device.address, device.http_port = other.address, other.http_port
    for act in (list_files, lambda unit, **how: delete(unit, "/bootlog.txt", **how)):
        with pytest.raises(WrongUnit):
            act(device, **by())
    assert changes(other) == []


def test_a_busy_unit_is_not_asked(device: Device, unit: SimulatedUnit) -> None:
    Device.objects.update(held_until=datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(UnitBusy):
        list_files(device, **by())
    assert not unit.requests


@pytest.mark.parametrize(("folder", "name"), [("/", "time.py"), ("/", "json.mpy"), ("/notes", "constants.py")])
def test_code_that_a_unit_would_find_first_is_not_sent(
    device: Device, unit: SimulatedUnit, folder: str, name: str
) -> None:
    unit.flash.make_folder("/notes")
    with pytest.raises(DestructiveValue, match="outside the application folders"):
        upload(device, folder, name, CODE, **by())
    assert changes(unit) == []
    assert "outside the application folders" in str(AuditEntry.objects.get().after["failed"])


def test_a_folder_that_a_unit_would_take_for_a_module_is_not_made(device: Device, unit: SimulatedUnit) -> None:
    with pytest.raises(DestructiveValue, match="name of a module"):
        make_folder(device, "/time", **by())
    assert changes(unit) == []


# The audit log


ACTS: list[tuple[str, Callable[..., object]]] = [
    ("files_list", list_files),
    ("file_view", lambda device, **how: view(device, "/bootlog.txt", **how)),
    ("file_download", lambda device, **how: download(device, "/bootlog.txt", **how)),
    ("file_upload", lambda device, **how: upload(device, "/app2", "a.txt", b"secret content", **how)),
    ("file_delete", lambda device, **how: delete(device, "/bootlog.txt", **how)),
    ("folder_make", lambda device, **how: make_folder(device, "/notes", **how)),
    ("folder_remove", lambda device, **how: remove_folder(device, "/app2/lib/drivers", **how)),
]


@pytest.mark.parametrize(("action", "act"), ACTS)
def test_each_act_is_in_the_audit_log_once(device: Device, action: str, act: Callable[..., object]) -> None:
    user = get_user_model().objects.create_user("ann")
    act(device, who=user, now=datetime.now(UTC))
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.device, entry.action) == (user, device, action)
    assert "failed" not in entry.after
    assert "secret content" not in json.dumps(entry.after)


@pytest.mark.parametrize(("action", "act"), ACTS)
def test_an_act_that_fails_is_there_too_with_its_reason(
    device: Device, unit: SimulatedUnit, action: str, act: Callable[..., object]
) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/get_active_app_folder"))
    with pytest.raises(UnitError):
        act(device, **by())
    entry = AuditEntry.objects.get()
    assert entry.action == action
    assert entry.after["failed"]


def test_what_was_sent_is_told_by_size_and_hash(device: Device) -> None:
    upload(device, "/app2", "a.txt", b"hello world\n", **by())
    assert AuditEntry.objects.get().after == {
        "path": "/app2/a.txt",
        "bytes": 12,
        "sha256": "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447",
        "replaced": False,
    }
