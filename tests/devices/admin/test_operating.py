"""Reboot, power cycle and reset in the admin: each on a page of its own, confirmed by typing the unit's name."""

import pytest
from django.test import Client

from devices.models import Device, Job
from tests.devices.admin.asking import address, browser_of, granted, text_of
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_workers")]
ACTS = [("reboot", Job.Kind.REBOOT), ("power_cycle", Job.Kind.POWER_CYCLE), ("reset", Job.Kind.RESET)]


@pytest.fixture
def device() -> Device:
    return make_device(name="Garage")


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["operate"])


@pytest.mark.parametrize(("act", "kind"), ACTS)
def test_the_typed_name_asks_for_the_job_and_leads_to_its_page(
    staff: Client, device: Device, act: str, kind: Job.Kind
) -> None:
    answer = staff.post(address(f"device_{act}", device.pk), {"typed_name": "Garage"}, follow=True)
    job = Job.objects.get()
    assert (job.kind, job.device, str(job.who)) == (kind, device, "anna")
    assert answer.redirect_chain[-1][0] == address("job_change", job.pk)


@pytest.mark.parametrize(("act", "kind"), ACTS)
@pytest.mark.parametrize("typed", ["", "garage", "House"])
def test_any_other_name_does_nothing(staff: Client, device: Device, act: str, kind: Job.Kind, typed: str) -> None:
    answer = staff.post(address(f"device_{act}", device.pk), {"typed_name": typed})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not Job.objects.exists()


@pytest.mark.parametrize(("act", "kind"), ACTS)
def test_without_the_right_it_is_refused(device: Device, act: str, kind: Job.Kind) -> None:
    looker = browser_of("berta", may=["configure", "calibrate", "files", "adopt"])
    page = address(f"device_{act}", device.pk)
    assert looker.get(page).status_code == 403
    assert looker.post(page, {"typed_name": "Garage"}).status_code == 403
    assert not Job.objects.exists()


def test_a_grant_of_another_unit_does_not_do(device: Device) -> None:
    staff = granted("carl", make_device("A2"), operate=True)
    assert staff.get(address("device_reboot", device.pk)).status_code == 403


def test_what_a_reset_does_is_read_before(staff: Client, device: Device) -> None:
    page = text_of(staff.get(address("device_reset", device.pk)))
    assert "The WiFi set-up is lost" in page
    assert "<strong>Garage</strong>" in page


def test_a_unit_without_a_name_is_confirmed_by_its_label(staff: Client) -> None:
    device = make_device("ASY1", name="")
    assert "<strong>ASY1</strong>" in text_of(staff.get(address("device_reboot", device.pk)))
    staff.post(address("device_reboot", device.pk), {"typed_name": "ASY1"})
    assert Job.objects.count() == 1


def test_a_unit_that_is_not_there_is_not_there(staff: Client) -> None:
    assert staff.get(address("device_reboot", 4711)).status_code == 404
