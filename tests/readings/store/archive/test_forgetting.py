"""Files go with their device, and where nobody names them."""

import os
from pathlib import Path

import pytest

from devices.models import Device
from readings.archive_models import ArchiveFile, ArchiveHold
from readings.periods import to_datetime
from readings.store import retention
from readings.store.archive import checking, forgetting
from readings.store.archive.layout import DAY_MS
from tests.factories import make_device
from tests.readings.store.archive.stored import NOW, archive, everything, measure, named, no_pause, on_disk

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


def test_a_forgotten_device_leaves_no_file(device: Device, root: Path) -> None:
    other = make_device("ASY0398_V003.300_SN00001802", ports=["Grid", "Solar"])
    measure(device)
    measure(other)
    archive()
    ArchiveHold.objects.create(device=device, start_ms=0, end_ms=1, until=to_datetime(NOW))
    assert retention.forget(device, pause=no_pause) == 3 * 60 * 3
    assert set(ArchiveFile.objects.values_list("device_id", flat=True)) == {other.pk}
    assert on_disk(root) == named()
    assert not ArchiveHold.objects.exists()


class TestSweeping:
    @pytest.fixture
    def orphan(self, device: Device, root: Path) -> Path:
        measure(device)
        archive()
        path = root / f"port_readings/device={device.pk}/day=2026-05-04/10-00000000.parquet"
        path.write_bytes(b"broken off")
        return path

    def test_a_file_that_nobody_names_goes_after_a_day(self, orphan: Path, root: Path) -> None:
        written_ms = int(orphan.stat().st_mtime * 1000)
        assert forgetting.sweep(written_ms + DAY_MS - 1) == 0
        assert orphan.exists()
        for path in root.rglob("*"):
            os.utime(path, (0, 0))
        before = everything()
        assert forgetting.sweep(DAY_MS + 1) == 1
        assert on_disk(root) == named()
        assert everything() == before

    def test_so_does_a_file_that_was_never_renamed(self, orphan: Path, root: Path) -> None:
        unfinished = orphan.with_name(f".{orphan.name}.123")
        orphan.rename(unfinished)
        os.utime(unfinished, (0, 0))
        assert forgetting.sweep(DAY_MS + 1) == 1
        assert on_disk(root) == named()

    def test_where_there_is_no_archive_yet_there_is_nothing_to_do(self, root: Path) -> None:
        assert forgetting.sweep(DAY_MS) == 0


class TestChecking:
    def test_all_is_well(self, device: Device) -> None:
        measure(device)
        archive()
        found = checking.check()
        assert (found.files, found.problems) == (4, [])

    def test_missing_and_damaged_files_are_said(self, device: Device, root: Path) -> None:
        measure(device)
        archive()
        missing, damaged = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")
        (root / missing.path).unlink()
        content = bytearray((root / damaged.path).read_bytes())
        content[100] ^= 1
        (root / damaged.path).write_bytes(bytes(content))
        found = checking.check([device.pk])
        assert found.files == 4
        assert len(found.problems) == 2
        assert f"{missing.path} of device {device.pk} is missing" in found.problems[0]
        assert f"{damaged.path} of device {device.pk} is damaged" in found.problems[1]

    def test_only_chosen_devices(self, device: Device) -> None:
        measure(device)
        archive()
        assert checking.check([device.pk + 1]).files == 0
