"""Disk use and retention in the admin: seen, looked at, set."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from devices.models import AuditEntry, Device
from readings.models import DeviceReading
from readings.periods import HOUR_MS, parse_time
from readings.retention_models import Retention
from readings.store.archive import archiving
from readings.turn import Turn
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.factories import make_device
from tests.readings.bulk import steady, store
from tests.readings.store.stored import no_pause, roll_up

pytestmark = pytest.mark.django_db

T0 = parse_time("2024-03-10T00:00:00+00:00")


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def device() -> Device:
    device = make_device(name="House", ports=["Grid", ""], timezone="Europe/Berlin")
    store(device, steady(T0, T0 + 48 * HOUR_MS, 600_000, -10_000, 20_000))
    store(device, steady(T0 + 9000 * HOUR_MS, T0 + 9001 * HOUR_MS, 600_000, -10_000, 20_000))
    roll_up(T0 + 9999 * HOUR_MS)
    return device


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["configure"])


def page_of(device: Device) -> str:
    return address("device_storage", device.pk)


def test_it_tells_what_is_stored_level_by_level(staff: Client, device: Device) -> None:
    levels = staff.get(page_of(device)).context["levels"]
    assert [(level["name"], level["rows"].split(",")[0], level["files"]) for level in levels] == [
        ("Seconds", "about 294", "–"),
        ("Minutes", "about 2", "–"),
        ("Hours", "about 49", "–"),
        ("Days", "about 4", "–"),
    ]
    assert levels[0]["since"] == "2024-03-10 01:10 CET"


def test_and_what_is_in_files(staff: Client, device: Device) -> None:
    archiving.archive_due(T0 + 9999 * HOUR_MS, turn=Turn(pause=no_pause))
    seconds = staff.get(page_of(device)).context["levels"][0]
    assert seconds["files"].startswith("293 in 100 files, ")
    assert seconds["rows"].startswith("about 1, ")


def test_it_tells_what_is_free(staff: Client, device: Device) -> None:
    disks = staff.get(page_of(device)).context["disks"]
    assert [disk["name"] for disk in disks] == ["Database", "Archive"]
    assert all("GB" in disk["free"] or "MB" in disk["free"] for disk in disks)


def test_what_cannot_be_known_is_said(staff: Client, device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = "s3://bucket/ct6?region=eu-central-1"
    archive = staff.get(page_of(device)).context["disks"][1]
    assert archive["free"] == "not known: the archive is in an object store"
    assert archive["lasts"] == "–"


def test_without_an_archive_there_is_no_line_of_it(staff: Client, device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = ""
    assert [disk["name"] for disk in staff.get(page_of(device)).context["disks"]] == ["Database"]


def test_before_anything_it_is_told_what_would_go(staff: Client, device: Device) -> None:
    looked = staff.get(page_of(device), {"seconds_days": "30", "minutes_years": ""})
    readings, sums = looked.context["sentences"]
    assert readings.startswith("288 readings from 2024-03-10 01:10 CET to 2025-03-20 01:00 CET are deleted for good;")
    assert sums == "The kWh of every hour and day stay as they are. This cannot be undone."
    assert "Keep it so long" in text_of(looked)
    assert not Retention.objects.exists()


def test_it_is_set_and_nothing_goes_before_the_night(staff: Client, device: Device) -> None:
    answer = staff.post(page_of(device), {"seconds_days": "30", "minutes_years": "3"}, follow=True)
    assert said(answer) == ["From now on it is kept so; what is older goes at night."]
    assert answer.context["rule"] == [
        "Seconds are kept for 30 days.",
        "Minutes are kept for 3 years.",
        "Hours and days are kept for ever.",
    ]
    assert DeviceReading.objects.count() == 294
    assert AuditEntry.objects.get(action="retention", device=device).who_name == "anna"


def test_what_makes_no_sense_is_refused_with_the_reason(staff: Client, device: Device) -> None:
    answer = staff.post(page_of(device), {"seconds_days": "", "minutes_years": "3"})
    assert "minutes cannot be kept shorter than the seconds" in text_of(answer)
    assert not Retention.objects.exists()


def test_who_may_only_look_sees_no_form_and_sets_nothing(device: Device) -> None:
    watching = granted("bert", device)
    page = watching.get(page_of(device), {"seconds_days": "30"})
    assert page.context["levels"]
    assert "Look what would go" not in text_of(page)
    assert watching.post(page_of(device), {"seconds_days": "30"}).status_code == 403
    assert not Retention.objects.exists()


def test_a_german_gets_it_in_german(staff: Client, device: Device) -> None:
    page = staff.get(page_of(device), {"seconds_days": "30"}, headers={"accept-language": "de"})
    assert "Was es belegt" in text_of(page)
    assert "288 Messwerte von" in page.context["sentences"][0]


def test_the_units_own_page_leads_there(staff: Client, device: Device) -> None:
    assert page_of(device) in text_of(staff.get(address("device_change", device.pk)))
