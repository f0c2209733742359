"""Giving firmware to units in the admin: what is known of each before, how it is asked for, and following all jobs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from devices.firmware import rollouts
from devices.jobs import queue
from devices.models import Device, FirmwareRelease, Job, Rollout
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.firmware.applications import release_of
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_workers")]
ADD = "/admin/devices/rollout/add/"
State = Job.State


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["operate"])


@pytest.fixture
def release() -> FirmwareRelease:
    return release_of("3.2")


@pytest.fixture
def units() -> list[Device]:
    now = timezone.now()
    return [
        make_device("A1", name="Annex", firmware_version="3.1", last_seen=now),
        make_device("A2", name="House", firmware_version="3.1", last_seen=now - timedelta(hours=1)),
        make_device("A3", name="Shed", firmware_version="3.2"),
    ]


def looked(staff: Client, release: FirmwareRelease, units: list[Device]) -> Any:
    sent: dict[str, str | list[str]] = {"release": str(release.pk), "device": [str(unit.pk) for unit in units]}
    return staff.get(ADD, sent)


def asked(staff: Client, release: FirmwareRelease, units: list[Device], **how: object) -> Any:
    data = {"release": release.pk, "device": [unit.pk for unit in units], "first": units[0].pk, "stop_at_failure": "on"}
    return staff.post(ADD, {key: value for key, value in (data | how).items() if value is not None}, follow=True)


# Before


def test_what_is_known_of_each_unit_is_shown_before(
    staff: Client, release: FirmwareRelease, units: list[Device]
) -> None:
    answer = looked(staff, release, units)
    rows = {row["device"].name: row for row in answer.context["outlooks"]}
    assert "online" in rows["Annex"]["online"]
    assert "offline" in rows["House"]["online"]
    assert "Runs this version already." in rows["Shed"]["remarks"]
    assert rows["Annex"]["backed_up"] == "never"
    assert "3.1 → 3.2" in text_of(answer)
    assert not Job.objects.exists()


def test_a_flash_that_is_too_small_is_told_before(staff: Client, release: FirmwareRelease) -> None:
    status = {
        "firmware_version": "3.1",
        "uptime_s": 9,
        "started_s": 0,
        "restarts": 0,
        "restarts_since_s": 0,
        "ram_used_bytes": None,
        "ram_free_bytes": None,
        "ram_total_bytes": None,
        "flash_used_bytes": 4096,
        "flash_total_bytes": 8192,
        "active_folder": "",
        "inactive_folder": "",
        "stats_text": "",
    }
    small = make_device(status=status, status_at=timezone.now(), firmware_version="3.1")
    [row] = looked(staff, release, [small]).context["outlooks"]
    assert "It does not fit: it needs more than half of the flash." in row["remarks"]


@pytest.mark.parametrize("sent", [{}, {"release": "1"}, {"device": "1"}, {"release": "x", "device": "y"}])
def test_an_incomplete_choice_is_offered_again(
    staff: Client, release: FirmwareRelease, units: list[Device], sent: dict[str, str]
) -> None:
    answer = staff.get(ADD, sent)
    assert answer.status_code == 200
    assert "how" not in answer.context


def test_without_a_release_the_way_leads_to_the_upload(staff: Client, units: list[Device]) -> None:
    assert address("firmwarerelease_add") in text_of(staff.get(ADD, {"device": units[0].pk}))


def test_the_latest_version_is_chosen_before_whatever_was_uploaded_last(staff: Client, units: list[Device]) -> None:
    latest, former, first = release_of("3.10"), release_of("3.2"), release_of("2.67")
    form = staff.get(ADD, {"device": units[0].pk}).context["which"]
    assert [pk for pk, _words in form.fields["release"].choices] == [latest.pk, former.pk, first.pk]
    page = str(form["release"])
    assert "selected" not in page, "the first one counts"
    assert page.index("3.10") < page.index("3.2") < page.index("2.67")
    form = staff.get(ADD, {"release": former.pk}).context["which"]
    assert f'value="{former.pk}" selected' in str(form["release"])


# Asking


def test_the_chosen_unit_goes_first_and_alone(staff: Client, release: FirmwareRelease, units: list[Device]) -> None:
    answer = asked(staff, release, units, first=units[1].pk)
    rollout = Rollout.objects.get()
    assert answer.redirect_chain[-1][0] == address("rollout_change", rollout.pk)
    waves = {job.device.name: job.wave for job in rollout.jobs.all()}
    assert waves == {"House": 0, "Annex": 1, "Shed": 1}
    assert (rollout.release, str(rollout.who), rollout.stop_at_failure) == (release, "anna", True)


def test_it_can_go_on_after_a_failure(staff: Client, release: FirmwareRelease, units: list[Device]) -> None:
    asked(staff, release, units, stop_at_failure=None)
    assert not Rollout.objects.get().stop_at_failure


def test_a_time_that_is_over_is_refused_at_its_field(
    staff: Client, release: FirmwareRelease, units: list[Device]
) -> None:
    answer = asked(staff, release, units[:1], not_before="2020-07-01T02:30")
    [why] = answer.context["how"].errors["not_before"]
    assert why.startswith("2020-07-01 02:30 BST is over.")
    assert not Rollout.objects.exists()


def test_a_time_is_by_the_clocks_of_the_installation(
    staff: Client, release: FirmwareRelease, units: list[Device]
) -> None:
    asked(staff, release, units[:1], not_before="2031-07-01T02:30")  # Europe/London
    assert Job.objects.get().not_before == datetime(2031, 7, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["soon", "2031-13-01T00:00"])
def test_a_moment_that_is_none_is_told_at_its_field(
    staff: Client, release: FirmwareRelease, units: list[Device], moment: str
) -> None:
    assert "not_before" in asked(staff, release, units, not_before=moment).context["how"].errors
    assert not Rollout.objects.exists()


def test_across_2_8_it_has_to_be_confirmed(staff: Client, release: FirmwareRelease) -> None:
    old = make_device(firmware_version="2.7")
    page = text_of(looked(staff, release, [old]))
    assert "Every port must be calibrated again afterwards (2.8)." in page
    answer = asked(staff, release, [old])
    assert "every port must be calibrated" in answer.context["how"].errors["across_2_8"][0]
    assert not Job.objects.exists()
    asked(staff, release, [old], across_2_8="on")
    assert Job.objects.get().asked == {"release": release.pk, "across_2_8": True}


def test_the_confirmation_is_not_asked_for_without_need(
    staff: Client, release: FirmwareRelease, units: list[Device]
) -> None:
    assert "across_2_8" not in looked(staff, release, units).context["how"].fields


def test_a_first_unit_that_is_none_of_them_is_refused(
    staff: Client, release: FirmwareRelease, units: list[Device]
) -> None:
    assert "first" in asked(staff, release, units[:1], first=units[2].pk).context["how"].errors
    assert not Rollout.objects.exists()


# Who may


def test_only_units_that_the_user_may_upgrade_can_be_chosen(release: FirmwareRelease, units: list[Device]) -> None:
    staff = granted("berta", units[0], operate=True)
    assert list(staff.get(ADD).context["which"].fields["device"].queryset) == [units[0]]
    asked(staff, release, units[:2])
    assert not Rollout.objects.exists()
    asked(staff, release, units[:1])
    assert Job.objects.get().device == units[0]


def test_without_the_right_it_is_refused(release: FirmwareRelease, units: list[Device]) -> None:
    staff = browser_of("carl", may=["configure", "calibrate", "files", "adopt"])
    assert staff.get(ADD).status_code == 403
    assert asked(staff, release, units).status_code == 403
    assert staff.get(address("device_upgrade", units[0].pk)).status_code == 403


def test_the_action_of_the_list_chooses_the_units(staff: Client, release: FirmwareRelease, units: list[Device]) -> None:
    chosen = {"action": "upgrade_units", "_selected_action": [unit.pk for unit in units[:2]]}
    answer = staff.post("/admin/devices/device/", chosen, follow=True)
    assert answer.context["which"].initial["device"] == [str(units[0].pk), str(units[1].pk)]


def test_the_action_is_not_there_without_the_right(units: list[Device]) -> None:
    page = text_of(browser_of("carl", may=["configure"]).get("/admin/devices/device/"))
    assert "upgrade_units" not in page


def test_the_button_of_a_unit_chooses_it(staff: Client, release: FirmwareRelease, units: list[Device]) -> None:
    answer = staff.get(address("device_upgrade", units[0].pk), follow=True)
    assert answer.context["which"].initial["device"] == [str(units[0].pk)]


# Following it


@pytest.fixture
def rolled_out(release: FirmwareRelease, units: list[Device]) -> Callable[..., Rollout]:
    return lambda **how: rollouts.roll_out(release, units, who=None, **how)


def test_all_jobs_are_on_one_page(staff: Client, rolled_out: Callable[..., Rollout]) -> None:
    rollout = rolled_out()
    first = rollout.jobs.get(wave=0)
    queue.take(first.pk, timezone.now())
    Job.objects.filter(pk=first.pk).update(percent=60)
    told = staff.get(address("rollout_state", rollout.pk)).json()
    assert (told["over"], told["percent"], told["shown"]) == (False, 20, {"cancel": True})
    jobs = told["parts"]["rollout_jobs"]
    for words in ("Annex", "House", "Shed", "60 %", "Waits for the first unit.", address("job_change", first.pk)):
        assert words in jobs
    page = text_of(staff.get(address("rollout_change", rollout.pk)))
    assert f'data-live="{address("rollout_state", rollout.pk)}"' in page


def test_a_failure_stops_the_rest_and_the_page_says_so(staff: Client, rolled_out: Callable[..., Rollout]) -> None:
    rollout = rolled_out()
    job = queue.take(rollout.jobs.get(wave=0).pk, timezone.now())
    assert job is not None
    queue.close(job, State.FAILED, timezone.now())
    told = staff.get(address("rollout_state", rollout.pk)).json()
    assert told["over"]
    assert told["parts"]["rollout_jobs"].count("since another unit of this rollout failed") == 2
    assert "0 of 3 done" in text_of(staff.get("/admin/devices/rollout/"))


def test_all_that_can_be_stopped_is_cancelled_at_once(staff: Client, rolled_out: Callable[..., Rollout]) -> None:
    rollout = rolled_out()
    queue.take(rollout.jobs.get(wave=0).pk, timezone.now())
    answer = staff.post(address("rollout_cancel", rollout.pk), follow=True)
    assert said(answer) == ["3 jobs are stopped."]
    assert sorted(rollout.jobs.values_list("state", flat=True)) == ["cancelled", "cancelled", "running"]
    assert rollout.jobs.get(wave=0).cancel_wanted


def test_cancelling_needs_the_right_and_a_post(staff: Client, rolled_out: Callable[..., Rollout]) -> None:
    rollout = rolled_out()
    assert browser_of("berta").post(address("rollout_cancel", rollout.pk)).status_code == 403
    assert staff.get(address("rollout_cancel", rollout.pk)).status_code == 405
    assert not rollout.jobs.exclude(state=State.WAITING).exists()


def test_one_that_waits_for_its_time_says_until_when(staff: Client, rolled_out: Callable[..., Rollout]) -> None:
    rollout = rolled_out(not_before=timezone.now() + timedelta(hours=2))
    assert "Begins at " in staff.get(address("rollout_state", rollout.pk)).json()["parts"]["rollout_jobs"]
