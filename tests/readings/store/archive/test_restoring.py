"""Files back into rows."""

from datetime import timedelta
from pathlib import Path

import pytest

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.periods import HOUR_MS, to_datetime
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import DAY_MS
from readings.store.archive.restoring import restore
from tests.readings.store.archive.stored import (
    DEVICE_READINGS,
    NOW,
    T0,
    archive,
    compact,
    everything,
    in_rows,
    measure,
    named,
    no_pause,
    on_disk,
    spans,
)

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


def test_rows_come_back_as_they_were_and_the_files_go(device: Device, root: Path) -> None:
    measure(device)
    before = {"port_readings": in_rows("port_readings"), "device_readings": in_rows("device_readings")}
    archive()
    done = restore(device.pk, 0, NOW, pause=no_pause)
    assert (done.files, done.rows) == (4, 2 * 60 * 3)
    assert {"port_readings": in_rows("port_readings"), "device_readings": in_rows("device_readings")} == before
    assert on_disk(root) == named() == set()


def test_only_what_touches_the_span(device: Device) -> None:
    measure(device)
    archive()
    restore(device.pk, T0 + HOUR_MS, T0 + HOUR_MS + 1, kinds=[DEVICE_READINGS], pause=no_pause)
    assert spans() == [(0, 1), (1, 2)]
    assert spans(DEVICE_READINGS) == [(0, 1)]


def test_a_day_comes_back_hour_by_hour(device: Device) -> None:
    measure(device, hours=16)
    archive(NOW + DAY_MS)
    compact(NOW + DAY_MS)
    before = everything()
    steps: list[str] = []
    restore(device.pk, T0, T0 + 1, pause=no_pause, step=steps.append)
    assert steps == [*["inserted"] * 14, "removed"] * 2
    assert everything() == before
    assert spans() == [(14, 15)]


def test_it_stays_as_long_as_was_asked(device: Device) -> None:
    measure(device)
    archive()
    restore(device.pk, 0, NOW, hold_until=to_datetime(NOW) + timedelta(hours=2), pause=no_pause)
    archive(NOW + HOUR_MS)
    assert spans() == []
    archive(NOW + 2 * HOUR_MS)
    assert spans() == [(0, 1), (1, 2)]


def test_a_missing_file_is_told_with_its_name_and_device(device: Device, root: Path) -> None:
    measure(device)
    archive()
    path = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")[0].path
    (root / path).unlink()
    with pytest.raises(FileMissing, match=f"{path} of device {device.pk} is missing"):
        restore(device.pk, 0, NOW, pause=no_pause)
    assert path in named()


def test_a_file_that_is_not_as_it_was_written_is_not_restored(device: Device, root: Path) -> None:
    measure(device)
    archive()
    first, second = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")
    (root / first.path).write_bytes((root / second.path).read_bytes())
    with pytest.raises(FileDamaged, match="SHA-256"):
        restore(device.pk, 0, NOW, pause=no_pause)
    assert len(in_rows("port_readings")) == 120
