"""The files of a unit in the admin, over a simulated one: seen, fetched, sent and removed by those who may."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, Device
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.units import device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db
CHANGES = ["file_upload", "file_delete", "folder_make", "folder_remove"]


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    return device_of(unit, name="Garage")


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["files"])


def do(staff: Client, device: Device, what: str, **sent: Any) -> Any:
    return staff.post(address(f"device_{what}", device.pk), sent, follow=True)


def send(staff: Client, device: Device, name: str, content: bytes = b"hello", **sent: Any) -> Any:
    return do(staff, device, "file_upload", **({"folder": "/", "file": SimpleUploadedFile(name, content)} | sent))


def test_the_tree_shows_what_is_on_the_unit(staff: Client, device: Device) -> None:
    page = text_of(staff.get(address("device_files", device.pk)))
    for words in ("app1", "app2", "this.machine.cfg", "factory.cfg", "It runs /app1"):
        assert words in page


def test_what_the_unit_needs_has_no_button_to_delete_it(staff: Client, device: Device, unit: SimulatedUnit) -> None:
    unit.flash.files["/notes.txt"] = b"x"
    tree = staff.get(address("device_files", device.pk)).context["tree"]
    may = {file["name"]: file["may_delete"] for file in tree["files"]}
    assert may["notes.txt"]
    assert not may["this.machine.cfg"]
    assert not may["factory.cfg"]


def test_a_text_is_shown_and_downloaded_with_passwords_hidden(staff: Client, device: Device) -> None:
    asked = {"path": "/this.machine.cfg"}
    shown = text_of(staff.get(address("device_file_view", device.pk), asked))
    file = staff.get(address("device_file_download", device.pk), asked)
    assert file["Content-Disposition"] == 'attachment; filename="this.machine.cfg"'
    for text in (shown, text_of(file)):
        assert "YDEV_UNIT_NAME" in text
        assert "(hidden)" in text


def test_a_file_is_sent_and_deleted(staff: Client, device: Device, unit: SimulatedUnit) -> None:
    assert said(send(staff, device, "notes.txt")) == ["/notes.txt was sent."]
    assert unit.flash.files["/notes.txt"] == b"hello"
    assert said(do(staff, device, "file_delete", path="/notes.txt")) == ["/notes.txt was deleted."]
    assert "/notes.txt" not in unit.flash.files


def test_a_file_that_is_there_is_overwritten_only_if_asked(staff: Client, device: Device, unit: SimulatedUnit) -> None:
    send(staff, device, "notes.txt")
    assert "is there already" in said(send(staff, device, "notes.txt", b"other"))[0]
    assert unit.flash.files["/notes.txt"] == b"hello"
    send(staff, device, "notes.txt", b"other", replace="on")
    assert unit.flash.files["/notes.txt"] == b"other"


def test_a_folder_is_made_and_removed(staff: Client, device: Device) -> None:
    assert said(do(staff, device, "folder_make", parent="/", name="notes")) == ["The folder /notes was made."]
    assert "notes" in text_of(staff.get(address("device_files", device.pk)))
    assert said(do(staff, device, "folder_remove", path="/notes")) == ["The folder /notes was removed."]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (("file_delete", {"path": "/this.machine.cfg"}), "this.machine.cfg"),
        (("file_delete", {"path": "/app1/app.mpy"}), "/app1"),
        (("file_delete", {"path": "/../x"}), "is no path on a unit"),
        (("file_delete", {}), "is empty"),
        (("folder_remove", {"path": "/app2/lib"}), "is not empty"),
        (("folder_make", {"parent": "/", "name": ""}), "Name: This field is required."),
        (("file_upload", {"folder": "/"}), "File: This field is required."),
    ],
)
def test_what_is_refused_is_told_with_the_reason(
    staff: Client, device: Device, unit: SimulatedUnit, what: tuple[str, dict[str, str]], reason: str
) -> None:
    before = dict(unit.flash.files)
    [told] = said(do(staff, device, what[0], **what[1]))
    assert reason in told
    assert unit.flash.files == before


def test_a_file_larger_than_any_flash_is_not_even_sent(staff: Client, device: Device, unit: SimulatedUnit) -> None:
    answer = send(staff, device, "notes.txt", b"x" * (1024 * 1024 + 1))
    assert "more bytes than the flash of a unit" in said(answer)[0]
    assert not [line for line in unit.requests if line.startswith("FILE")]


def test_a_unit_that_does_not_answer_is_named_and_can_be_tried_again(staff: Client) -> None:
    page = text_of(staff.get(address("device_files", make_device(address=None).pk)))
    assert "its address is not known yet" in page
    assert "Try again" in page


@pytest.mark.parametrize("what", ["files", "file_view", "file_download"])
def test_looking_needs_the_right(device: Device, unit: SimulatedUnit, what: str) -> None:
    staff = browser_of("berta", may=["configure", "operate", "calibrate", "adopt"])
    assert staff.get(address(f"device_{what}", device.pk), {"path": "/factory.cfg"}).status_code == 403
    assert not unit.requests


@pytest.mark.parametrize("what", CHANGES)
def test_changing_needs_the_right_and_a_post(staff: Client, device: Device, unit: SimulatedUnit, what: str) -> None:
    other = browser_of("berta", may=["configure", "operate", "calibrate", "adopt"])
    assert do(other, device, what, path="/x").status_code == 403
    assert staff.get(address(f"device_{what}", device.pk)).status_code == 405
    assert not unit.requests


def test_a_grant_opens_the_files_of_that_unit(device: Device) -> None:
    staff = granted("carl", device, files=True)
    assert staff.get(address("device_files", device.pk)).status_code == 200
    assert staff.get(address("device_files", make_device("A2").pk)).status_code == 403


def test_each_look_is_in_the_audit_log(staff: Client, device: Device) -> None:
    staff.get(address("device_file_view", device.pk), {"path": "/factory.cfg"})
    entry = AuditEntry.objects.get(action="file_view")
    assert (entry.who_name, entry.after) == ("anna", {"path": "/factory.cfg"})
