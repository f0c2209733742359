"""Files as tables of numbers, for those who read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.models import PortReading
from readings.periods import HOUR_MS
from readings.statements import Rows, fetch, numbers
from readings.store.archive import reading, together
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import DAY_MS
from readings.store.archive.restoring import restore
from readings.store.archive.together import DeviceSpan, Wanted
from tests.factories import make_device
from tests.readings.store.archive.stored import (
    DEVICE_READINGS,
    NOW,
    PORT_READINGS,
    T0,
    archive,
    archived,
    compact,
    in_rows,
    measure,
    no_pause,
)

pytestmark = [pytest.mark.engines, pytest.mark.django_db]


def expected(rows: list[tuple[int | None, ...]], *columns: int) -> list[list[float]]:
    return [[np.nan if row[n] is None else float(row[n] or 0) for n in (0, 1, *columns)] for row in rows]


def same(table: together.FloatArray, rows: list[list[float]]) -> bool:
    return np.array_equal(table, np.array(rows).reshape(table.shape), equal_nan=True)


def test_values_come_as_stored_with_nan_for_null(device: Device) -> None:
    measure(device)
    rows = [row for row in in_rows("port_readings") if int(row[1] or 0) < T0 + 2 * HOUR_MS]
    archive()
    wanted = Wanted(0, NOW, ["active_power", "window_ms", "recovered"])
    table = archived(PORT_READINGS, [device.pk], wanted)
    assert np.isnan(table[:, 2]).any()
    assert same(table, expected(rows, 4, 2, 3))


def test_the_devices_own_quantities(device: Device) -> None:
    measure(device)
    archive()
    table = archived(DEVICE_READINGS, [device.pk], Wanted(0, NOW, ["voltage"]))
    assert set(table[:, 0]) == {device.pk}
    assert set(table[:, 2]) == {23_000}
    assert len(table) == 120


def test_one_port_and_one_span(device: Device) -> None:
    measure(device)
    archive()
    port = device.ports.get(number=2).pk
    first = T0 + 59_500
    wanted = Wanted(first, first + 2 * 60_000, ["current_rms"], line_ids=[port])
    table = archived(PORT_READINGS, [device.pk], wanted)
    assert table.tolist() == [[port, first, 500], [port, first + 60_000, 500]]


def test_row_groups_of_other_ports_are_not_read(device: Device, root: Path) -> None:
    measure(device)
    archive()
    about = reading._about(str(root), ArchiveFile.objects.filter(kind="port_readings")[0].path)
    port = device.ports.get(number=2).pk
    assert reading._groups(about, PORT_READINGS, Wanted(0, NOW, [], line_ids=[port])) == [1]
    assert reading._groups(about, PORT_READINGS, Wanted(0, T0, [])) == []


def test_files_between_are_those_that_touch(device: Device) -> None:
    measure(device, hours=26)
    archive(NOW + 2 * DAY_MS)
    compact(NOW + DAY_MS)
    starts = [
        file.start_ms for file in together.files_of(PORT_READINGS, [DeviceSpan(device.pk, T0 + 5, T0 + 15 * HOUR_MS)])
    ]
    assert starts == [T0 - 10 * HOUR_MS, T0 + 14 * HOUR_MS]
    assert together.files_of(PORT_READINGS, [DeviceSpan(device.pk, T0 - 12 * HOUR_MS, T0 - 10 * HOUR_MS)]) == []
    assert together.measured_span(device.pk) == (T0 + 59_500, T0 + 26 * HOUR_MS - 500)


def test_several_devices_come_in_order_of_line_and_time(device: Device) -> None:
    other = make_device("ASY0398_V003.300_SN00001802", ports=["Grid", "Solar"])
    measure(other)
    measure(device)
    archive()
    table = archived(PORT_READINGS, [other.pk, device.pk], Wanted(0, NOW, []))
    assert len(table) == 2 * 240
    assert table.tolist() == sorted(table.tolist())


def test_nothing_archived_is_an_empty_table(device: Device) -> None:
    assert archived(PORT_READINGS, [device.pk], Wanted(0, NOW, ["voltage"])).shape == (0, 3)


def test_merging_drops_what_is_in_both(device: Device) -> None:
    measure(device)
    archive(until_ms=T0 + HOUR_MS)
    wanted = Wanted(0, NOW, ["active_power"])
    files = archived(PORT_READINGS, [device.pk], wanted)
    rows = np.array(expected(in_rows("port_readings"), 4))
    both = np.concatenate([rows, files[:10]])
    assert np.array_equal(together.merged(files, both), together.merged(files, rows), equal_nan=True)
    assert len(together.merged(files, both)) == 2 * 180


def test_a_missing_file_is_an_error_and_not_an_empty_hour(device: Device, root: Path) -> None:
    measure(device)
    archive()
    path = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")[0].path
    (root / path).unlink()
    with pytest.raises(FileMissing, match=f"{path} of device {device.pk} is missing"):
        archived(PORT_READINGS, [device.pk], Wanted(0, NOW, ["active_power"]))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_damaged_file_is_an_error(device: Device, root: Path, share: float) -> None:
    measure(device)
    archive()
    path = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")[0].path
    content = (root / path).read_bytes()
    (root / path).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileDamaged, match=f"{path} of device {device.pk} is damaged"):
        archived(PORT_READINGS, [device.pk], Wanted(0, NOW, ["active_power"]))


def test_a_damaged_page_is_an_error(device: Device, root: Path) -> None:
    measure(device)
    archive()
    file = ArchiveFile.objects.filter(kind="port_readings").order_by("start_ms")[0]
    about = reading._about(str(root), file.path)
    names = [about.schema.column(n).name for n in range(about.num_columns)]
    chunk = about.row_group(0).column(names.index("active_power"))
    content = bytearray((root / file.path).read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 3] ^= 0xFF
    (root / file.path).write_bytes(bytes(content))
    with pytest.raises(FileDamaged):
        archived(PORT_READINGS, [device.pk], Wanted(0, NOW, ["active_power"]))


def looking(happens: Callable[[], object]) -> Callable[[list[Rows]], together.FloatArray]:
    """A look at all rows, right after which something happens, once."""
    to_happen = [happens]

    def look(more: list[Rows]) -> together.FloatArray:
        rows = PortReading.objects.values_list("port_id", "time", "window_ms", "recovered")
        found = numbers(fetch([rows, *more]), 4)
        while to_happen:
            to_happen.pop()()
        return found

    return look


def together_found(device: Device, happens: Callable[[], object]) -> together.FloatArray:
    spans, columns = [DeviceSpan(device.pk, 0, NOW + DAY_MS)], ("window_ms", "recovered")
    rows, in_files = together.with_files(PORT_READINGS, spans, columns, None, looking(happens))
    return together.merged(in_files, rows)


def test_nothing_is_missed_while_rows_become_a_file(device: Device) -> None:
    measure(device)
    assert len(together_found(device, archive)) == 2 * 180


def test_nor_while_a_file_becomes_rows(device: Device) -> None:
    measure(device)
    archive()
    assert len(together_found(device, lambda: restore(device.pk, 0, NOW, pause=no_pause))) == 2 * 180


def test_nor_while_files_of_hours_become_one_of_a_day(device: Device) -> None:
    measure(device, hours=26)
    archive(NOW + 2 * DAY_MS)
    assert len(together_found(device, lambda: compact(NOW + DAY_MS))) == 2 * 26 * 60


def test_without_files_there_is_no_other_statement(
    device: Device, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    measure(device)
    with django_assert_num_queries(1):
        together_found(device, lambda: None)
