"""manage.py archive_readings and restore_readings, and the archive's tasks."""

import os
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from devices.models import Device
from readings import tasks
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.models import Heartbeat, PortReading
from readings.periods import HOUR_MS, floor_hour, format_time
from tests.factories import make_device
from tests.readings.store.archive.stored import T0, measure, named, on_disk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def device() -> Device:
    device = make_device(name="Attic", ports=["Grid", "Solar"])
    measure(device)
    return device


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_it_archives_what_is_due(device: Device) -> None:
    said = run("archive_readings")
    assert "Archived: 360 rows, of 4 hours and days (units: 1)" in said
    assert "Put into one file each: 0 days" in said  # the day of the newest reading stays open


def test_until_a_moment(device: Device) -> None:
    run("archive_readings", "--device", "Attic", "--until", format_time(T0 + HOUR_MS))
    assert set(ArchiveFile.objects.values_list("start_ms", flat=True)) == {T0}


def test_only_compacting(device: Device) -> None:
    assert "Archived" not in run("archive_readings", "--compact")
    assert not ArchiveFile.objects.exists()


def test_a_check_says_that_all_is_well_and_otherwise_what_is_not(device: Device, root: Path) -> None:
    run("archive_readings")
    assert "Looked at 4 files: 0 are missing or damaged" in run("archive_readings", "--check")
    path = sorted(named())[0]
    (root / path).unlink()
    out = StringIO()
    with pytest.raises(CommandError, match="Bring them back from a backup"):
        call_command("archive_readings", "--check", stdout=out)
    assert f"{path} of device {device.pk} is missing" in out.getvalue()


def test_wrong_words_are_refused_with_a_sentence(device: Device) -> None:
    with pytest.raises(CommandError, match="--device Cellar: no unit has this label"):
        run("archive_readings", "--device", "Cellar")
    with pytest.raises(CommandError, match="--until: 'noon' is no ISO 8601 time"):
        run("archive_readings", "--until", "noon")
    with pytest.raises(CommandError, match="--hold-hours: give 0 to 87600"):
        run("restore_readings", "--hold-hours", "-1")
    with pytest.raises(CommandError, match="--hold-hours: give 0 to 87600"):
        run("restore_readings", "--hold-hours", "100000000")


def test_without_an_archive_it_says_so(device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = ""
    with pytest.raises(CommandError, match="CT6_ARCHIVE=off"):
        run("archive_readings")


def test_it_restores_and_holds(device: Device, root: Path) -> None:
    run("archive_readings")
    said = run("restore_readings", "--end", format_time(T0 + HOUR_MS))
    assert "Restored: 180 rows from 2 files (units: 1)" in said
    assert "The archiver takes them again in 24 hours" in said
    run("archive_readings")
    assert PortReading.objects.filter(time__lt=T0 + HOUR_MS).count() == 120
    assert ArchiveHold.objects.get().device_id == device.pk


def test_or_does_not_hold(device: Device) -> None:
    run("archive_readings")
    assert "at its next turn" in run("restore_readings", "--hold-hours", "0")
    assert not ArchiveHold.objects.exists()


def test_a_damaged_file_is_said_when_it_is_restored(device: Device, root: Path) -> None:
    run("archive_readings")
    for path in named():
        (root / path).write_bytes(b"")
    with pytest.raises(CommandError, match="is damaged"):
        run("restore_readings")


def test_the_task_archives_and_compacts(device: Device, root: Path) -> None:
    measure(device, floor_hour(time.time_ns() // 1_000_000), hours=1)
    tasks.archive()
    assert ArchiveFile.objects.count() == 2
    assert on_disk(root) == named()
    assert Heartbeat.objects.get(part="archive").detail == {"more": False}


def test_the_task_does_nothing_without_an_archive(device: Device, settings: Settings) -> None:
    settings.CT6_ARCHIVE = ""
    tasks.archive()
    tasks.sweep_archive()
    assert not ArchiveFile.objects.exists()


def test_the_task_leaves_everything_where_the_archive_cannot_be_reached(
    device: Device, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root.write_bytes(b"no folder")
    tasks.archive()
    tasks.archive()
    assert PortReading.objects.count() == 360
    assert str(root) in Heartbeat.objects.get(part="archive").detail["unreachable"]
    assert caplog.text.count("Nothing is archived; readings stay in the database") == 1
    root.unlink()
    tasks.archive()
    assert "unreachable" not in Heartbeat.objects.get(part="archive").detail


def test_what_belongs_into_a_file_that_is_gone_stays_and_is_told(
    device: Device, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.archive()
    path = sorted(named())[0]
    (root / path).unlink()
    measure(device, hours=1)
    tasks.archive()
    tasks.archive()
    assert f"{path} of device {device.pk} is missing" in Heartbeat.objects.get(part="archive").detail["unmoved"]
    assert caplog.text.count("What belongs into a file of the archive stays in the database") == 1
    with pytest.raises(CommandError, match="nothing of them is lost: The archive's file"):
        run("archive_readings")


def test_the_sweep_removes_what_nobody_names(device: Device, root: Path) -> None:
    tasks.archive()
    orphan = root / "port_readings" / f"device={device.pk}" / "day=2026-05-04" / ".10-0.parquet.7"
    orphan.write_bytes(b"")
    os.utime(orphan, (0, 0))
    tasks.sweep_archive()
    assert on_disk(root) == named()
