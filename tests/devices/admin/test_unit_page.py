"""The page of a unit: how it does, its jobs, what may be done to it, and what was done."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from ct6site.models import User
from devices import audit, status
from devices.ct6.simulator.unit import SimulatedUnit
from devices.jobs import queue
from devices.models import Device, Job
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.units import device_of
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_workers")]
BUTTONS = {
    "configure": ["Settings"],
    "operate": ["Upgrade", "Reboot", "Power cycle", "Reset to defaults"],
    "calibrate": ["Calibrate"],
    "files": ["Files"],
    "adopt": ["Set up", "Replace a broken unit"],
}
FOR_ALL = ["Bad measurements", "Factory configuration", "Ports over time", "Storage"]


def page_of(device: Device) -> str:
    return address("device_change", device.pk)


@pytest.mark.parametrize("right", list(BUTTONS))
def test_who_has_a_right_has_its_buttons_and_no_others(right: str) -> None:
    device = make_device()
    shown = [str(button["title"]) for button in browser_of(may=[right]).get(page_of(device)).context["buttons"]]
    assert sorted(shown) == sorted(BUTTONS[right] + FOR_ALL)


def test_a_grant_gives_the_buttons_on_that_unit_alone() -> None:
    ours, other = make_device("A1"), make_device("A2")
    staff = granted("berta", ours, operate=True)
    assert "Reboot" in text_of(staff.get(page_of(ours)))
    assert "Reboot" not in text_of(staff.get(page_of(other)))


def test_the_status_is_asked_for_and_shown(unit: SimulatedUnit) -> None:
    unit.set({"YDEV_UNIT_NAME": "Garage"})
    device = device_of(unit)
    staff = browser_of(may=["operate"])
    assert "It was not asked yet how it does." in text_of(staff.get(page_of(device)))
    answer = staff.post(address("device_status", device.pk), follow=True)
    assert said(answer) == ["Garage was asked just now."]
    facts = dict(answer.context["facts"])
    assert facts["Firmware"] == f"{unit.firmware_version} in /app1"
    assert facts["Restarts seen"].startswith("0 since ")
    assert facts["Memory used"].endswith("%)")
    assert facts["Flash used"].endswith("%)")
    assert "What it told over HTTP, as it came" in text_of(answer)
    assert f"/?device={device.pk}" in text_of(answer)


def test_the_time_that_it_runs_goes_on(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    status.read_status(device, now=timezone.now())
    device.status |= {"uptime_s": 5, "started_s": (timezone.now() - timedelta(hours=2, minutes=5)).timestamp()}
    device.save()
    facts = dict(browser_of().get(page_of(device)).context["facts"])
    assert facts["Running since"].endswith("(2 h 5 min)")


def test_what_was_heard_stands_apart_from_what_was_asked(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    status.read_status(device, now=timezone.now())
    Device.objects.filter(pk=device.pk).update(last_seen=None)
    facts = dict(browser_of().get(page_of(device)).context["facts"])
    assert facts["Last heard"] == "never"
    assert facts["Last asked over HTTP"].endswith(" s ago")


def test_a_unit_that_does_not_answer_is_named_with_the_reason() -> None:
    device = make_device(name="Garage", address=None)
    answer = browser_of(may=["operate"]).post(address("device_status", device.pk), follow=True)
    assert said(answer) == ["Garage could not be asked: its address is not known yet; it has to answer once."]


def test_asking_needs_the_right_and_a_post(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    assert browser_of("berta").post(address("device_status", device.pk)).status_code == 403
    assert browser_of("carl", may=["operate"]).get(address("device_status", device.pk)).status_code == 405
    assert not unit.requests


def test_a_foreign_poller_and_doubts_are_warned_of() -> None:
    device = make_device(last_answer={"time": 0, "other_poller": True}, claimed_from="127.0.0.9")
    page = text_of(browser_of().get(page_of(device)))
    assert "Somebody else asks this unit too." in page
    assert "Two units claim the label" in page
    assert "other_poller" in page  # in the raw answer


def test_raw_answers_are_shown_as_text() -> None:
    page = text_of(browser_of().get(page_of(make_device(last_answer={"name": "<script>alert(1)</script>"}))))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_running_job_comes_before_those_that_are_over() -> None:
    device = make_device()
    running = queue.ask(device, Job.Kind.BACKUP, who=None)
    queue.take(running.pk, timezone.now())
    over = queue.ask(device, Job.Kind.REBOOT, who=None)
    queue.cancel(over, timezone.now(), who=None)
    jobs = browser_of().get(page_of(device)).context["unit_jobs"]
    assert [job["link"] for job in jobs] == [address("job_change", running.pk), address("job_change", over.pk)]
    assert [job["runs"] for job in jobs] == [True, False]


def test_what_was_done_is_shown_to_those_who_may_see_the_audit_log() -> None:
    device = make_device()
    audit.note(None, "upgraded", device, before={"firmware_version": "3.1"}, after={"firmware_version": "3.2"})
    assert "What was done" not in text_of(browser_of("berta").get(page_of(device)))
    staff = browser_of("carl")
    User.objects.get(username="carl").user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    page = text_of(staff.get(page_of(device)))
    assert "What was done" in page
    assert "Upgraded" in page
    assert "by itself" in page


def test_kept_settings_are_shown_with_passwords_hidden(unit: SimulatedUnit) -> None:
    device = device_of(unit, settings_held={"MQTT_TOPIC": "house", "MQTT_PASSWORD": "(hidden)"})
    assert "Settings that it holds" in text_of(browser_of().get(page_of(device)))


def test_a_status_of_old_firmware_is_shown_without_what_it_does_not_tell(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    status.read_status(device, now=timezone.now())
    device.status |= {"flash_total_bytes": None, "flash_used_bytes": None, "active_folder": ""}
    Device.objects.filter(pk=device.pk).update(status=device.status)
    facts = dict(browser_of().get(page_of(device)).context["facts"])
    assert facts["Firmware"] == unit.firmware_version
    assert "Flash used" not in facts
