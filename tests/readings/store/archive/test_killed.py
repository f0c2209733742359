"""A process is killed at each step of its work. Whoever comes next finds each reading once, and finishes."""

import os
from pathlib import Path

import pytest

from devices.models import Device
from readings.models import DirtyBucket
from readings.store.archive import archiving, forgetting
from readings.store.archive.layout import DAY_MS
from readings.store.archive.restoring import restore
from tests.readings import bulk
from tests.readings.store.archive.stored import (
    NOW,
    T0,
    TURN,
    archive,
    compact,
    everything,
    in_rows,
    measure,
    named,
    no_pause,
    on_disk,
    once,
    spans,
)
from tests.readings.store.killed import killed

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]

STEPS = ["read", "written", "renamed", "compared", "deleted", "committed", "removed"]


def swept_later(root: Path) -> None:
    """A day later nothing is left of what was broken off."""
    for path in root.rglob("*"):
        os.utime(path, (0, 0))
    forgetting.sweep(2 * DAY_MS)
    assert on_disk(root) == named()


@pytest.mark.parametrize("step", STEPS)
def test_while_it_archives(device: Device, root: Path, step: str) -> None:
    measure(device, step_s=600)
    before = everything()
    killed("archive", step, NOW)
    assert everything() == before  # no reading is missing, and none is there twice
    archive()
    assert everything() == before
    assert spans() == [(0, 1), (1, 2)]
    swept_later(root)
    assert everything() == before


@pytest.mark.parametrize("step", STEPS)
def test_while_it_rewrites_the_file_of_a_late_reading(device: Device, root: Path, step: str) -> None:
    measure(device, step_s=600)
    archive()
    bulk.store(device, [bulk.Answer(T0 + 77, 0, (1, 2))])
    DirtyBucket.objects.all().delete()
    before = everything()
    killed("archive", step, NOW)
    assert everything() == before
    archive()
    assert everything() == before
    assert len(in_rows("port_readings")) == 2 * 6
    swept_later(root)
    assert everything() == before


@pytest.mark.parametrize("step", STEPS)
def test_while_it_compacts(device: Device, root: Path, step: str) -> None:
    measure(device, hours=16, step_s=1200)
    archive(NOW + DAY_MS)
    before = everything()
    killed("compact", step, NOW + DAY_MS)
    assert everything() == before
    compact(NOW + DAY_MS)
    assert everything() == before
    assert spans() == [(-10, 14), (14, 15)]
    swept_later(root)
    assert everything() == before


@pytest.mark.parametrize("step", ["compared", "deleted", "committed"])
def test_while_it_archives_minutes(device: Device, root: Path, step: str) -> None:
    for day in range(3):
        measure(device, T0 + day * DAY_MS, hours=1, step_s=600, rolled_up=False)
    bulk.roll_up(NOW + 4 * DAY_MS)
    before, now_ms = everything(), NOW + 200 * DAY_MS
    killed("archive minutes", step, now_ms)
    assert everything() == before
    archiving.archive_minutes_due(now_ms, turn=TURN)
    assert everything() == before
    assert len(named()) == 2
    swept_later(root)
    assert everything() == before


@pytest.mark.parametrize("step", ["inserted", "removed"])
def test_while_it_restores(device: Device, root: Path, step: str) -> None:
    measure(device, hours=16, step_s=1200)
    before = everything()
    archive(NOW + DAY_MS)
    compact(NOW + DAY_MS)
    killed("restore", step, NOW + DAY_MS)
    assert once(everything()) == before  # what is there twice is the same
    restore(device.pk, 0, NOW + DAY_MS, pause=no_pause)
    assert {name: in_rows(name) for name in before} == before  # type: ignore[arg-type]
    assert named() == set()
    swept_later(root)


def test_after_half_a_restoring_the_archiver_puts_all_of_it_back(device: Device, root: Path) -> None:
    measure(device, hours=16, step_s=1200)
    archive(NOW + DAY_MS)
    compact(NOW + DAY_MS)
    before = everything()
    killed("restore", "inserted", NOW + DAY_MS)
    archive(NOW + DAY_MS)
    assert everything() == before
