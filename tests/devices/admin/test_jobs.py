"""The list and the pages of jobs: what they show, what the page is told while a job runs, and stopping one."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ct6site.models import User
from devices.admin.shown import there
from devices.jobs import queue
from devices.models import Device, Job, JobLine
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_workers")]
LIST = "/admin/devices/job/"
Kind, State, Level = Job.Kind, Job.State, JobLine.Level


@pytest.fixture
def device() -> Device:
    return make_device(name="Garage", timezone="Asia/Kathmandu")


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["operate"])


def running(device: Device, kind: Job.Kind = Kind.UPGRADE, **fields: Any) -> Job:
    job = queue.ask(device, kind, who=User.objects.filter(username="anna").first())
    taken = queue.take(job.pk, timezone.now())
    assert taken is not None
    Job.objects.filter(pk=job.pk).update(**fields)
    return Job.objects.get(pk=job.pk)


def line(job: Job, template: str, level: JobLine.Level = Level.STEP, **values: Any) -> JobLine:
    return JobLine.objects.create(job=job, level=level, template=template, values=values)


def state_of(staff: Client, job: Job, after: str | int = 0) -> dict[str, Any]:
    told: dict[str, Any] = staff.get(address("job_state", job.pk), {"after": after}).json()
    return told


def test_the_list_shows_state_unit_kind_progress_and_who(staff: Client, device: Device) -> None:
    job = running(device, percent=40)
    row = text_of(staff.get(LIST))
    for words in ("Garage", "Firmware upgrade", "running", "40 %", "anna"):
        assert words in row
    assert there(job.made, "Europe/London") in row, "all of a list by the clocks of the installation"


@pytest.mark.parametrize(
    ("asked", "count"), [({"state__exact": "running"}, 1), ({"kind__exact": "reboot"}, 1), ({"q": "garage"}, 2)]
)
def test_the_list_can_be_filtered(staff: Client, device: Device, asked: dict[str, str], count: int) -> None:
    running(device)
    queue.ask(make_device("A2", name="Garage 2"), Kind.REBOOT, who=None)
    assert staff.get(LIST, asked).context["cl"].result_count == count


def test_the_page_shows_the_steps_and_who_asked(staff: Client, device: Device) -> None:
    job = running(device, percent=40)
    line(job, "Restarting it with %(version)s from %(folder)s.", version="3.2", folder="/app2")
    page = text_of(staff.get(address("job_change", job.pk)))
    for words in ("Restarting it with 3.2 from /app2.", "40 %", "width: 40%", "by anna", "Garage", "+0545"):
        assert words in page
    assert f'data-live="{address("job_state", job.pk)}"' in page
    assert address("device_change", device.pk) in page


def test_the_lines_are_read_in_the_readers_language(staff: Client, device: Device) -> None:
    job = running(device)
    line(job, "Sending the command")
    staff.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    page = text_of(staff.get(address("job_change", job.pk)))
    assert 'lang="de"' in page


def test_texts_of_a_unit_are_shown_as_texts(staff: Client, device: Device) -> None:
    job = running(device)
    line(job, "It said %(what)s", what="<img src=x>")
    assert "<img src=x>" not in text_of(staff.get(address("job_change", job.pk)))
    assert "<img src=x>" not in state_of(staff, job)["lines"]


def test_a_running_job_tells_only_the_lines_that_the_page_has_not(staff: Client, device: Device) -> None:
    job = running(device, percent=10)
    first = line(job, "First step")
    told = state_of(staff, job)
    assert (told["percent"], told["over"], told["last"]) == (10, False, first.pk)
    assert "First step" in told["lines"]
    line(job, "Second step")
    told = state_of(staff, job, after=first.pk)
    assert "First step" not in told["lines"]
    assert "Second step" in told["lines"]
    assert "Second step" in told["parts"]["job_about"]


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "²"])
def test_a_state_asked_for_wrongly_has_all_lines(staff: Client, device: Device, after: str) -> None:
    job = running(device)
    line(job, "First step")
    assert "First step" in state_of(staff, job, after)["lines"]


def test_the_state_says_when_it_is_over_and_the_page_then_asks_no_more(staff: Client, device: Device) -> None:
    job = running(device)
    queue.close(job, State.DONE, timezone.now())
    told = state_of(staff, job)
    assert told["over"]
    assert told["shown"] == {"cancel": False, "cancelling": False}
    assert "data-live" not in text_of(staff.get(address("job_change", job.pk)))


def test_files_are_shown_with_bytes_and_seconds(staff: Client, device: Device) -> None:
    files = [{"path": "lib/wifi.mpy", "bytes": 1234, "seconds": 0.5, "tries": 2}]
    job = running(device, memory={"files": files, "sent": {"files": 1, "bytes": 1234, "seconds": 0.51}})
    page = text_of(staff.get(address("job_change", job.pk)))
    for words in ("lib/wifi.mpy", "1234", "0.50", "1 files, 1234 bytes in 0.5 s"):
        assert words in page
    assert "lib/wifi.mpy" in state_of(staff, job)["parts"]["job_files"]


# Stopping one


def test_a_job_that_waits_is_cancelled_at_once(staff: Client, device: Device) -> None:
    job = queue.ask(device, Kind.REBOOT, who=None)
    answer = staff.post(address("job_cancel", job.pk), follow=True)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert "Cancelled before it began; nothing was changed." in text_of(answer)


def test_a_running_job_is_asked_to_stop(staff: Client, device: Device) -> None:
    job = running(device)
    assert state_of(staff, job)["shown"]["cancel"]
    staff.post(address("job_cancel", job.pk))
    job.refresh_from_db()
    assert job.cancel_wanted
    assert state_of(staff, job)["shown"] == {"cancel": False, "cancelling": True}


def test_past_the_point_of_no_return_there_is_no_button_and_it_is_said_why(staff: Client, device: Device) -> None:
    job = running(device, may_cancel=False)
    assert not state_of(staff, job)["shown"]["cancel"]
    answer = staff.post(address("job_cancel", job.pk), follow=True)
    assert said(answer) == ["It is over, or stopping it now would leave the unit half-changed."]


def test_without_the_right_there_is_no_button_and_a_refusal(device: Device) -> None:
    job = running(device)
    looker = browser_of("berta", may=["calibrate"])
    assert not state_of(looker, job)["shown"]["cancel"]
    refused = looker.post(address("job_cancel", job.pk))
    assert refused.status_code == 403
    job.refresh_from_db()
    assert not job.cancel_wanted


def test_a_backup_is_cancelled_by_who_may_calibrate(device: Device) -> None:
    job = running(device, Kind.BACKUP)
    assert not state_of(browser_of("berta", may=["operate"]), job)["shown"]["cancel"]
    assert state_of(granted("carl", device, calibrate=True), job)["shown"]["cancel"]


def test_cancelling_needs_a_post(staff: Client, device: Device) -> None:
    assert staff.get(address("job_cancel", running(device).pk)).status_code == 405


# Who sees them


def test_who_is_no_staff_sees_none(client: Client, device: Device) -> None:
    job = running(device)
    client.force_login(User.objects.create_user("guest"))
    for page in (LIST, address("job_change", job.pk), address("job_state", job.pk)):
        assert client.get(page).status_code == 302


def test_a_job_that_is_not_there_is_not_there(staff: Client) -> None:
    assert staff.get(address("job_change", 4711)).status_code == 404


def test_nothing_is_added_or_deleted_by_hand(staff: Client, device: Device) -> None:
    job = running(device)
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(address("job_delete", job.pk), {"post": "yes"}).status_code == 403


# The next step


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (Kind.REBOOT, "device_reboot"),
        (Kind.POWER_CYCLE, "device_power_cycle"),
        (Kind.RESET, "device_reset"),
        (Kind.CALIBRATION, "device_calibration"),
        (Kind.RESTORE, "device_factory"),
        (Kind.BACKUP, "device_factory"),
    ],
)
def test_a_job_that_failed_can_be_asked_for_again(device: Device, kind: Job.Kind, page: str) -> None:
    job = running(device, kind)
    queue.close(job, State.FAILED, timezone.now())
    shown = text_of(browser_of(may=["operate", "calibrate"]).get(address("job_change", job.pk)))
    assert f'href="{address(page, device.pk)}">Ask for it again' in shown
    assert "Ask for it again" not in text_of(browser_of("berta").get(address("job_change", job.pk)))


def test_a_failed_upgrade_leads_back_to_its_release(staff: Client, device: Device) -> None:
    job = running(device, asked={"release": 7})
    queue.close(job, State.FAILED, timezone.now())
    link = f"{address('rollout_add')}?device={device.pk}&amp;release=7"
    assert f'href="{link}">Ask for it again' in text_of(staff.get(address("job_change", job.pk)))


def test_an_upgrade_across_2_8_leads_to_the_calibration(staff: Client, device: Device) -> None:
    job = running(device, asked={"across_2_8": True})
    queue.close(job, State.DONE, timezone.now())
    assert "Calibrate every port" in text_of(staff.get(address("job_change", job.pk)))


def test_a_unit_that_was_reset_is_to_be_found_again(staff: Client, device: Device) -> None:
    job = running(device, Kind.RESET)
    queue.close(job, State.DONE, timezone.now())
    assert "Find it again" in text_of(staff.get(address("job_change", job.pk)))


def test_a_job_that_waits_for_its_time_says_so(staff: Client, device: Device) -> None:
    later = timezone.now() + timedelta(hours=2)
    job = queue.ask(device, Kind.UPGRADE, who=None, not_before=later)
    assert "Not before" in text_of(staff.get(address("job_change", job.pk)))
