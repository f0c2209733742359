"""Rollups computed anew from files: the same rows, each file read once, and never while others wait for us to write."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.models import DirtyBucket, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS
from readings.statements import Rows, fetch, numbers
from readings.store import rollups
from readings.store.archive import together
from readings.store.archive.errors import ArchiveUnreachable
from readings.store.archive.layout import DAY_MS
from readings.store.archive.place import Place
from readings.store.archive.together import DeviceSpan, FloatArray, Kept, merged, read_ahead, with_files
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.archive.stored import NOW, PORT_READINGS, T0, archive, compact, measure, no_pause
from tests.readings.store.stored import ROLLUPS
from tests.readings.store.stored import everything as all_rollups

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

HOURS = 16
LATER = NOW + 3 * DAY_MS


def in_files(device: Device) -> None:
    """Readings of 16 hours: of a day in a file, of an hour in a file, and of the newest hour in rows."""
    measure(device, hours=HOURS, step_s=10, rolled_up=False)
    bulk.roll_up(LATER)
    archive(LATER)
    compact(LATER)


@pytest.mark.parametrize("minutes", [11, 100, 720])
def test_the_same_rows_however_much_one_transaction_takes(
    device: Device, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    in_files(device)
    before = all_rollups()
    for table in ROLLUPS:
        table._default_manager.filter(start__gte=T0).delete()
    monkeypatch.setattr(rollups, "MINUTES_PER_STEP", minutes)
    rollups.rebuild([device], 0, LATER, pause=no_pause)
    assert all_rollups() == before


def test_the_same_rows_where_files_are_too_large_to_be_kept(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    in_files(device)
    before = all_rollups()
    PortMinute.objects.filter(start__gte=T0).update(positive_energy=7)
    monkeypatch.setattr(together, "_KEPT_BYTES", 0)
    rollups.rebuild([device], 0, LATER, pause=no_pause)
    assert all_rollups() == before


@pytest.mark.django_db(transaction=True)
def test_each_file_is_read_once_and_before_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [make_device(f"ASY0398_V003.300_SN0000180{n}", ports=["Grid", "Solar"]) for n in (1, 2)]
    for device in devices:
        in_files(device)
    with opened(monkeypatch) as found:
        rollups.rebuild(devices, 0, LATER, pause=no_pause)
    paths = ArchiveFile.objects.values_list("path", flat=True)
    assert len(paths) == len(devices) * 2 * 2
    assert found == {(path, False): len(("its footer", "the rest")) for path in paths}


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[tuple[str, bool]]]:
    """How often files are opened, by path and whether that is in a transaction."""
    found: Counter[tuple[str, bool]] = Counter()
    original = Place.open

    def counting(place: Place, path: str) -> Any:
        found[path, connection.in_atomic_block] += 1
        return original(place, path)

    with monkeypatch.context() as patch:
        patch.setattr(Place, "open", counting)
        yield found


def test_many_readings_in_files_are_cut(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three lines, with a reading a minute each."""
    measure(device)
    archive()
    minutes = range(T0, T0 + 2 * HOUR_MS, MINUTE_MS)
    DirtyBucket.objects.bulk_create(DirtyBucket(device=device, minute=minute) for minute in minutes)
    monkeypatch.setattr(rollups, "READINGS_IN_FILES_PER_STEP", 3 * 45)
    assert list(rollups._work_off(DirtyBucket.objects.all(), no_pause, [])) == [45, 45, 30]


COLUMNS = ("window_ms", "recovered")


def span_of(device: Device) -> list[DeviceSpan]:
    return [DeviceSpan(device.pk, 0, NOW)]


def readings_of(device: Device, kept: Kept) -> FloatArray:
    of_ports = PortReading.objects.filter(port__device=device)

    def read(more: list[Rows]) -> FloatArray:
        return numbers(fetch([of_ports.values_list("port_id", "time", *COLUMNS), *more]), 2 + len(COLUMNS))

    in_rows, from_files = with_files(PORT_READINGS, span_of(device), COLUMNS, None, read, kept=kept)
    return merged(from_files, in_rows)


def test_what_came_since_a_file_was_kept_is_not_missed(device: Device) -> None:
    measure(device)
    archive()
    kept = Kept()
    read_ahead(PORT_READINGS, span_of(device), COLUMNS, kept)
    assert len(readings_of(device, kept)) == 2 * 180
    bulk.store(device, [bulk.Answer(T0 + 7_000, 1_000, (5, 5))])
    assert len(readings_of(device, kept)) == 2 * 181
    DirtyBucket.objects.all().delete()
    archive()
    assert len(PortReading.objects.filter(time__lt=T0 + HOUR_MS)) == 0
    assert len(readings_of(device, kept)) == 2 * 181


def test_a_file_that_is_replaced_before_it_is_read_ahead_is_no_error_yet(device: Device) -> None:
    measure(device)
    archive()
    ArchiveFile.objects.filter(kind="port_readings", start_ms=T0).update(path="port_readings/gone.parquet")
    read_ahead(PORT_READINGS, span_of(device), COLUMNS, Kept())


@pytest.mark.django_db(transaction=True)
def test_an_archive_that_is_away_keeps_nobody_waiting_to_write(settings: Settings) -> None:
    """It may take many seconds until that is certain."""
    in_files(make_device(ports=["Grid", "Solar"]))
    device = Device.objects.get()
    settings.CT6_ARCHIVE = "s3://nowhere/ct6?said=wrong"
    with begun() as transactions, pytest.raises(ArchiveUnreachable):
        rollups.rebuild([device], T0 + HOUR_MS, T0 + 2 * HOUR_MS, pause=no_pause)
    assert transactions == {"INSERT INTO readings_dirtybucket"}


@contextmanager
def begun() -> Iterator[set[str]]:
    """How the statements begin that are made in transactions."""
    found: set[str] = set()

    def watching(execute: Any, sql: str, *arguments: Any) -> Any:
        if connection.in_atomic_block:
            found.add(" ".join(sql.split()[:3]))
        return execute(sql, *arguments)

    with connection.execute_wrapper(watching):
        yield found


def test_what_was_asked_for_least_lately_is_kept_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_KEPT_BYTES", 200)
    kept = Kept()
    for path in "ab":
        kept.put(path, ["time"], f"what is in {path}", 100)
    assert kept.get("a", ["time"]) == "what is in a"
    assert kept.get("a", ["voltage"]) is None
    kept.put("c", ["time"], "what is in c", 100)
    assert [path for path in "abc" if kept.get(path, ["time"])] == ["a", "c"]
