"""A process is killed at each step of letting go. No kWh changes, and whoever comes next finishes."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from devices.models import AuditEntry, Device
from readings import history
from readings.archive_models import ArchiveFile
from readings.models import DeviceMinute, DeviceReading
from readings.periods import HOUR_MS, parse_time
from readings.retention_models import Retention
from readings.store import letting_go, rollups
from readings.store.archive import archiving, forgetting
from readings.store.archive.layout import DAY_MS
from readings.store.lines import DEVICE_LINES, PORT_LINES
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.archive.stored import named, on_disk
from tests.readings.store.killed import killed
from tests.readings.store.stored import no_pause, roll_up, rows

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]

T0 = parse_time("2026-05-01T00:00:00Z")
OLD_END = T0 + 3 * DAY_MS
NEW = parse_time("2028-05-09T00:00:00Z")
NOW = NEW + 3 * DAY_MS
STEP_MS = 1_800_000


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def device() -> Device:
    """It measured for three days two years ago, and does now; seconds go after two days, minutes after a year."""
    device = make_device(ports=["Grid", "Solar"])
    for start, end in ((T0, OLD_END), (NEW, NOW)):
        for day in range(start, end, DAY_MS):
            bulk.store(device, bulk.steady(day, day + 2 * HOUR_MS, STEP_MS, day // 1000 % 7919 - 4000, 5))
    roll_up(NOW + DAY_MS)
    Retention.objects.create(device=device, seconds_days=2, minutes_years=1, changed_at=timezone.now())
    return device


def sums(device: Device) -> list[Any]:
    """Hours and days as stored, and what is answered from them."""
    asked: list[history.EnergyBucket] = ["total", "hour", "day", "month"]
    stored = [rows(lines, table) for lines in (PORT_LINES, DEVICE_LINES) for table in (lines.hours, lines.days)]
    spans = [(T0, OLD_END), (NEW, NOW), (T0, NOW)]
    ports = list(device.ports.order_by("number"))
    return [*stored, *(history.energy(ports, *span, bucket, now_ms=NOW) for span in spans for bucket in asked)]


def goes_on(device: Device, before: list[Any]) -> None:
    assert sums(device) == before  # half of it is gone, and nothing is missing in any sum
    rollups.rebuild([device], 0, NOW, pause=no_pause)
    assert sums(device) == before
    letting_go.let_go(NOW, turn=Turn(pause=no_pause))
    assert sums(device) == before
    assert letting_go.foresee_all(NOW) == []
    assert DeviceReading.objects.filter(time__lt=NEW).count() == 0
    assert DeviceMinute.objects.filter(start__lt=NEW - DAY_MS).count() == 0
    assert AuditEntry.objects.filter(action="let_go").count() == 1


@pytest.mark.parametrize("step", ["marked", "rows"])
def test_while_rows_go(device: Device, root: Path, step: str) -> None:
    before = sums(device)
    killed("let go", step, NOW)
    goes_on(device, before)


@pytest.mark.parametrize("step", ["marked", "unnamed", "removed"])
def test_while_files_go(device: Device, root: Path, step: str) -> None:
    turn = Turn(pause=no_pause)
    archiving.archive_due(NOW, turn=turn)
    archiving.compact_due(NOW, turn=turn)
    archiving.archive_minutes_due(NOW, turn=turn)
    assert ArchiveFile.objects.filter(kind="port_minutes").exists()
    before = sums(device)
    killed("let go", step, NOW)
    goes_on(device, before)
    for path in root.rglob("*"):
        os.utime(path, (0, 0))
    forgetting.sweep(2 * DAY_MS)
    assert on_disk(root) == named()


def test_what_was_marked_is_not_written_again_before_it_is_gone(device: Device, root: Path) -> None:
    """A late reading in between changes no sum."""
    before = sums(device)
    killed("let go", "marked", NOW)
    bulk.store(device, [bulk.Answer(T0 + HOUR_MS + 77, 0, (36_000, 36_000))])
    assert sums(device) == before
    roll_up(NOW + DAY_MS)
    goes_on(device, before)
