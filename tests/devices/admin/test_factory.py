"""Copies of factory configurations in the admin: kept, downloaded, compared and put back."""

import json

import pytest
from django.test import Client

from devices.models import Device, FactoryConfig, Job
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.factories import ASSY, make_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_workers")]


@pytest.fixture
def device() -> Device:
    return make_device(name="Garage")


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["calibrate"])


def copy_of(device: Device, content: str | None = None, **values: object) -> FactoryConfig:
    content = content or json.dumps({"ASSY": device.assy, "LINE_FREQ_HZ": 50, "CT1_IGAIN": 8000} | values)
    return FactoryConfig.objects.create(device=device, content=content, sha256=f"{len(content):064d}")


def page_of(device: Device) -> str:
    return address("device_factory", device.pk)


def test_copies_are_listed_with_when_and_why(staff: Client, device: Device) -> None:
    copy_of(device)
    copy_of(make_device("A2"))
    answer = staff.get(page_of(device))
    assert len(answer.context["copies"]) == 1
    assert "by hand" in text_of(answer)
    assert "Back up now" in text_of(answer)


def test_two_copies_are_compared(staff: Client, device: Device) -> None:
    older, newer = copy_of(device), copy_of(device, CT1_IGAIN=8123, CT2_IGAIN=7000)
    page = text_of(staff.get(page_of(device), {"older": older.pk, "newer": newer.pk}))
    for words in ("CT1_IGAIN", "8000", "8123", "CT2_IGAIN", "7000"):
        assert words in page
    assert "LINE_FREQ_HZ" not in page


def test_equal_copies_are_told_to_be_equal(staff: Client, device: Device) -> None:
    one, two = copy_of(device), copy_of(device)
    assert "Both say the same." in text_of(staff.get(page_of(device), {"older": one.pk, "newer": two.pk}))


def test_a_copy_that_cannot_be_read_is_told(staff: Client, device: Device) -> None:
    one, torn = copy_of(device), copy_of(device, '{"ASSY": "')
    page = text_of(staff.get(page_of(device), {"older": one.pk, "newer": torn.pk}))
    assert "its factory configuration cannot be read" in page


@pytest.mark.parametrize("asked", [{"older": "x", "newer": "y"}, {"older": "4711"}])
def test_copies_that_are_not_there_are_not_compared(staff: Client, device: Device, asked: dict[str, str]) -> None:
    copy_of(device)
    answer = staff.get(page_of(device), asked)
    assert answer.status_code == 200
    assert "differences" not in answer.context


def test_a_copy_is_downloaded_as_it_stood_on_the_unit(staff: Client, device: Device) -> None:
    copy = copy_of(device)
    file = staff.get(address("device_factory_download", device.pk, copy.pk))
    assert text_of(file) == copy.content
    assert f"factory-{ASSY}-" in file["Content-Disposition"]


def test_another_units_copy_is_not_there(staff: Client, device: Device) -> None:
    copy = copy_of(make_device("A2"))
    assert staff.get(address("device_factory_download", device.pk, copy.pk)).status_code == 404
    assert staff.post(address("device_factory_restore", device.pk, copy.pk)).status_code == 404
    assert not Job.objects.exists()


def test_backing_up_now_is_a_job(staff: Client, device: Device) -> None:
    answer = staff.post(address("device_factory_back_up", device.pk), follow=True)
    job = Job.objects.get()
    assert (job.kind, str(job.who)) == (Job.Kind.BACKUP, "anna")
    assert answer.redirect_chain[-1][0] == address("job_change", job.pk)


def test_a_restore_shows_what_would_change_and_is_a_job(staff: Client, device: Device) -> None:
    old, _newest = copy_of(device), copy_of(device, CT1_IGAIN=8123)
    page = address("device_factory_restore", device.pk, old.pk)
    shown = text_of(staff.get(page))
    assert "8123" in shown
    assert "The label is never written." in shown
    assert not Job.objects.exists()
    staff.post(page)
    job = Job.objects.get()
    assert (job.kind, job.asked) == (Job.Kind.RESTORE, {"factory_config": old.pk})


def test_a_copy_that_must_not_go_onto_the_unit_is_refused(staff: Client, device: Device) -> None:
    copy = copy_of(device, ASSY="ASY0398_V003.300_SN00009999")
    answer = staff.post(address("device_factory_restore", device.pk, copy.pk), follow=True)
    assert "another unit's gains would make this one measure wrong" in said(answer)[0]
    assert not Job.objects.exists()


def test_who_may_not_calibrate_looks_and_does_nothing(device: Device) -> None:
    copy = copy_of(device)
    staff = browser_of("berta", may=["configure", "operate", "files", "adopt"])
    page = text_of(staff.get(page_of(device)))
    assert "Download" in page
    assert "Back up now" not in page
    assert "Restore" not in page
    assert staff.post(address("device_factory_back_up", device.pk)).status_code == 403
    assert staff.get(address("device_factory_restore", device.pk, copy.pk)).status_code == 403
    assert staff.post(address("device_factory_restore", device.pk, copy.pk)).status_code == 403
    assert not Job.objects.exists()


def test_a_grant_on_the_unit_is_enough(device: Device) -> None:
    staff = granted("carl", device, calibrate=True)
    staff.post(address("device_factory_back_up", device.pk))
    assert Job.objects.get().device == device


def test_backing_up_needs_a_post(staff: Client, device: Device) -> None:
    assert staff.get(address("device_factory_back_up", device.pk)).status_code == 405
