"""The archive in an object store: the same as in a folder, and nobody waits for ever for one that does not answer."""

import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from devices.models import Device
from readings import history, tasks
from readings.archive_models import ArchiveFile
from readings.models import DirtyBucket, Heartbeat
from readings.periods import HOUR_MS
from readings.quantities import ACTIVE_POWER
from readings.store.archive import checking, forgetting, reading, s3
from readings.store.archive.errors import ArchiveUnreachable, FileDamaged, FileMissing
from readings.store.archive.layout import DAY_MS
from readings.store.archive.place import archive as place
from readings.store.archive.place import place_at
from readings.store.archive.restoring import restore
from tests.object_store import CREDENTIALS, ObjectStore, object_store
from tests.readings import bulk
from tests.readings.store.archive.stored import (
    NOW,
    T0,
    archive,
    compact,
    everything,
    in_rows,
    measure,
    named,
    no_pause,
    once,
    spans,
)
from tests.readings.store.killed import killed

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = ["renamed", "deleted", "committed"]
PATIENCE_S = 30.0
"""A page's request is given up by then; a machine that is busy is slower than the limit of a request to the store."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[ObjectStore]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "_TRIES", 1)
    with object_store() as found:
        settings.CT6_ARCHIVE = found.uri
        reading._about.cache_clear()
        yield found
    place_at.cache_clear()


def drawn(device: Device) -> list[list[float | None]]:
    """What a plot of two hours shows of each port."""
    ports = list(device.ports.all())
    found = history.series(ports, ACTIVE_POWER, T0, T0 + 2 * HOUR_MS, now_ms=NOW + DAY_MS, resolution="second")
    return [[None if value != value else value for value in line.values.tolist()] for line in found.lines]  # noqa: PLR0124


def test_everything_as_in_a_folder(store: ObjectStore, device: Device) -> None:
    measure(device, hours=16, step_s=1200)
    before, seen = everything(), drawn(device)
    assert min(map(len, seen)) == 6
    archive(NOW + DAY_MS)
    assert everything() == before
    assert drawn(device) == seen
    assert len(store.files()) > 5  # more than one page of the store's list
    compact(NOW + DAY_MS)
    assert spans() == [(-10, 14), (14, 15)]
    assert everything() == before
    assert drawn(device) == seen
    assert store.files() == named()
    assert checking.check().problems == []
    restore(device.pk, 0, NOW + DAY_MS, pause=no_pause)
    assert {name: in_rows(name) for name in before} == before  # type: ignore[arg-type]
    assert store.files() == set()


def test_a_plot_takes_few_requests(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    archive()
    store.requests.clear()
    drawn(device)
    hours = 2
    assert len(store.requests) <= 4 * hours  # the first time, the file's footer besides


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_it_rewrites_a_file(store: ObjectStore, device: Device, step: str) -> None:
    measure(device, step_s=600)
    archive()
    bulk.store(device, [bulk.Answer(T0 + 77, 0, (1, 2))])
    DirtyBucket.objects.all().delete()
    before = everything()
    killed("archive", step, NOW)
    assert once(everything()) == once(before)
    archive()
    assert everything() == before
    for key in store.written_s:
        store.written_s[key] = 0
    forgetting.sweep(2 * DAY_MS)
    assert store.files() == named()
    assert everything() == before


def test_killed_while_it_restores(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    before = everything()
    archive()
    killed("restore", "inserted", NOW)
    assert once(everything()) == before
    restore(device.pk, 0, NOW, pause=no_pause)
    assert {name: in_rows(name) for name in before} == before  # type: ignore[arg-type]


def test_forgetting_a_device_removes_its_files_only(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    archive()
    store.keep("ct6/port_readings/device=77/day=2026-05-04/10-00000000.parquet", b"of another")
    forgetting.forget_files(device)
    assert store.files() == {"port_readings/device=77/day=2026-05-04/10-00000000.parquet"}
    assert forgetting.forget_files(device) == 0  # and again, with nothing there


def test_a_file_that_is_gone_or_damaged_is_named(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    archive()
    gone, cut, *_ = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")
    del store.objects[f"ct6/{gone.path}"]
    store.objects[f"ct6/{cut.path}"] = b"PAR1" + bytes(cut.bytes - 4)
    problems = checking.check().problems
    assert [path in problem for path, problem in zip([gone.path, cut.path], problems, strict=True)] == [True, True]
    with pytest.raises(FileMissing, match=gone.path):
        drawn(device)
    gone.delete()
    with pytest.raises(FileDamaged, match=cut.path):
        drawn(device)


def test_a_store_that_hangs_keeps_a_plot_waiting_for_seconds_only(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    seen = drawn(device)
    archive()
    store.hang()
    started_s = time.monotonic()
    with pytest.raises(ArchiveUnreachable):
        drawn(device)
    assert time.monotonic() - started_s < PATIENCE_S
    store.recover()
    assert drawn(device) == seen


@pytest.mark.parametrize("fault", ["hangs", "is away", "refuses"])
def test_readings_stay_in_the_database_while_the_store(store: ObjectStore, device: Device, fault: str) -> None:
    measure(device, step_s=600)
    before = everything()
    if fault == "hangs":
        store.hang()
    elif fault == "refuses":
        store.refuse(403)
    else:
        store.stop_listening()
    started_s = time.monotonic()
    tasks.archive()
    assert time.monotonic() - started_s < 2 * PATIENCE_S
    assert everything() == before
    assert store.uri.split("?")[0] in str(Heartbeat.objects.get(part="archive").detail)


def test_a_read_that_breaks_off_is_no_damaged_file(store: ObjectStore, device: Device) -> None:
    measure(device, step_s=600)
    archive()
    store.break_off_reads()
    with pytest.raises(ArchiveUnreachable):
        checking.check()
    with pytest.raises(ArchiveUnreachable):
        drawn(device)


def test_secrets_of_the_address_are_not_told(settings: Settings) -> None:
    settings.CT6_ARCHIVE = "s3://someone:topsecret@bucket/ct6?scheme=http&endpoint_override=127.0.0.1:1&region=x"
    with pytest.raises(ArchiveUnreachable) as raised:
        place().read("port_readings/device=1/day=2026-05-04/10-00000000.parquet")
    assert "s3://bucket/ct6" in str(raised.value)
    assert "topsecret" not in str(raised.value)
