"""Archiving, retention, roll-ups and a change of zone at the same time, or one after the other."""

import random
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from devices.models import Device
from readings import history, keeping, tasks
from readings.archive_models import ArchiveFile
from readings.models import Heartbeat, PortHour
from readings.periods import HOUR_MS, day_start, next_day_start
from readings.store import audit_findings, auditing, day_zones, rollups
from readings.store.archive import archiving
from readings.store.lines import PORT_LINES
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.stored import no_pause, roll_up, rows
from tests.readings.store.test_letting_go import (
    DAY_MS,
    NOW,
    T0,
    YEARS_LATER,
    all_energy,
    first_reading,
    let_go,
    measured,
    rule,
)

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE, settings.CT6_MINUTE_DAYS = str(tmp_path / "archive"), 20
    return tmp_path / "archive"


def with_years_between() -> Device:
    device = measured(make_device(ports=["Grid"], timezone="Europe/Berlin"))
    return measured(device, YEARS_LATER - 5 * DAY_MS, YEARS_LATER)


def moved_to(device: Device, zone: str) -> Device:
    Device.objects.filter(pk=device.pk).update(timezone=zone)
    moved = Device.objects.get(pk=device.pk)
    rollups.rebuild_days(moved, pause=no_pause)
    return moved


@pytest.mark.parametrize("at", ["read", "compared"])
def test_a_minute_that_is_computed_anew_while_its_file_is_written_is_not_archived_as_it_was(at: str) -> None:
    device = make_device(ports=["Grid", "Solar"], timezone="Europe/Berlin")
    noon = T0 + 12 * HOUR_MS
    for day in range(3):
        steady = bulk.steady(noon + day * DAY_MS, noon + day * DAY_MS + HOUR_MS // 6, 10_000, 1000, 500)
        bulk.store(device, steady[::2])
    roll_up(YEARS_LATER)
    late = bulk.steady(noon + DAY_MS, noon + DAY_MS + HOUR_MS // 6, 10_000, 1000, 500)[1::2]

    def step(name: str) -> None:
        if name == at and late:
            bulk.store(device, [late.pop() for _ in range(len(late))])
            roll_up(YEARS_LATER)

    archiving.archive_minutes_due(YEARS_LATER, turn=Turn(pause=no_pause, step=step))
    assert ArchiveFile.objects.filter(kind="port_minutes").exists()
    assert not auditing.audit([device], 0, YEARS_LATER, sample=None, chance=random.Random(1)).mismatches


def test_days_that_wait_for_a_file_are_told_and_keep_no_other_device_waiting(root: Path) -> None:
    first, other = (
        measured(make_device(f"ASY0398_V003.300_SN0000180{n}", ports=["Grid"], timezone="Europe/Berlin"))
        for n in (1, 2)
    )
    archiving.archive_minutes_due(YEARS_LATER, turn=Turn(pause=no_pause))
    for file in ArchiveFile.objects.filter(device=first):
        (root / file.path).unlink()
    Device.objects.update(timezone="Asia/Kathmandu")
    for device in (first, other):
        tasks.rebuild_days(device.pk)
    tasks.roll_up()
    assert list(day_zones.stale_devices()) == [first.pk]
    assert "is missing" in Heartbeat.objects.get(part="rollups").detail["unreadable"]


def test_days_that_need_minutes_from_an_archive_that_is_off_are_told(settings: Settings) -> None:
    device = measured(make_device(ports=["Grid"], timezone="Europe/Berlin"))
    archiving.archive_minutes_due(YEARS_LATER, turn=Turn(pause=no_pause))
    settings.CT6_ARCHIVE = ""
    Device.objects.filter(pk=device.pk).update(timezone="Asia/Kathmandu")
    tasks.rebuild_days(device.pk)
    tasks.roll_up()
    assert "switched off" in Heartbeat.objects.get(part="rollups").detail["unreadable"]


def test_readings_that_a_wrong_hour_would_be_mended_from_stay() -> None:
    device = measured(make_device(ports=["Grid"], timezone="Europe/Berlin"))
    hour = T0 + 2 * DAY_MS + 17 * HOUR_MS
    PortHour.objects.filter(start=hour).update(negative_energy=0, positive_energy=0)
    found = auditing.audit([device], 0, NOW, sample=None, chance=random.Random(1))
    audit_findings.note([found], timezone.now())
    rule(device, 3)
    let_go()
    assert T0 < first_reading(device) <= hour


def test_a_minute_that_comes_late_takes_no_hour_away_from_its_day() -> None:
    device = with_years_between()
    rule(device, 3, 1)
    let_go(YEARS_LATER)
    device = moved_to(device, "Asia/Kathmandu")
    before = all_energy(rows(PORT_LINES, PORT_LINES.days))
    bulk.store(device, [bulk.Answer(T0 + 3 * DAY_MS + 18 * HOUR_MS + 30_000, 30_000, (36_000,))])
    roll_up(YEARS_LATER + HOUR_MS)
    assert all_energy(rows(PORT_LINES, PORT_LINES.days)) == before


def test_a_day_is_the_same_alone_and_among_others_once_minutes_are_gone() -> None:
    device = with_years_between()
    rule(device, 3, 1)
    let_go(YEARS_LATER)
    zone = "Asia/Kathmandu"
    ports = list(moved_to(device, zone).ports.all())
    before = day_start(T0 + 3 * DAY_MS, zone)
    start, end = next_day_start(before, zone), next_day_start(next_day_start(before, zone), zone)
    among = history.energy(ports, before, next_day_start(end, zone), "day", now_ms=YEARS_LATER)[1]
    [alone] = history.energy(ports, start, end, "day", now_ms=YEARS_LATER)
    assert (alone.import_energy, alone.export_energy) == (among.import_energy, among.export_energy)


def test_what_is_foreseen_after_a_change_of_zone_is_what_goes() -> None:
    device = measured(make_device(ports=["Grid"], timezone="Asia/Kathmandu"))
    device = measured(device, YEARS_LATER - 5 * DAY_MS, YEARS_LATER)
    rule(device, 3, 1)
    let_go(YEARS_LATER)
    device = moved_to(device, "Europe/Berlin")
    foreseen = keeping.foresee(device, 3, 1, now_ms=YEARS_LATER)
    assert (foreseen.readings, foreseen.minutes) == (None, None)
    assert let_go(YEARS_LATER) == []
