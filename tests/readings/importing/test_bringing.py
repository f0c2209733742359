"""What ct6_app and ct6_db_store have stored becomes readings: each second once, at its time, to the bit."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from devices.models import Device, Port, Replacement
from readings import history
from readings.collect.ingest import store
from readings.import_models import ImportSource
from readings.importing import bringing
from readings.importing.errors import NotImported
from readings.importing.mysql_server import MysqlDatabase, Server, mysql_databases, server_from
from readings.importing.placing import Note, Why
from readings.importing.sqlite_files import SqliteFile
from readings.models import DeviceHour, DeviceReading, DirtyBucket, PortHour, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, floor_minute, parse_time
from readings.store.archive.archiving import archive_due
from readings.store.rollups import roll_up_closed
from readings.turn import Turn
from tests.factories import make_device, store_reading
from tests.processes import ROOT, database_url
from tests.readings.importing.stored import (
    NOW,
    ZONE,
    bring,
    energies,
    everything,
    expected_energy,
    no_pause,
    reported,
    the_device,
    windows,
)
from tests.readings.importing.their_database import (
    ASSY,
    NAMES,
    PORTS,
    Their,
    add_seconds,
    local_seconds,
    only_power,
    write_mysql,
    write_sqlite,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

SPRING_DAY = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
T0 = parse_time("2026-05-04T10:00:00Z")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An hour of one unit."""
    return write_sqlite(tmp_path / f"{ASSY}.db", Their(local_seconds(SPRING_DAY, 3600)))


def one_file(tmp_path: Path, *rows: tuple[str | None, float | None]) -> Path:
    """A file with rows of one power each."""
    return write_sqlite(tmp_path / "unit.db", Their([(shown, only_power(power)) for shown, power in rows]))


# --- What is stored -----------------------------------------------------------------------------------------------
def test_every_second_becomes_a_reading(file: Path) -> None:
    source = bring(file)
    rows = local_seconds(SPRING_DAY, 3600)
    assert windows() == {T0 + n * 1000: 1000 if n else 0 for n in range(3600)}
    assert [energies(number) for number in PORTS] == [expected_energy(rows, number) for number in PORTS]
    first = PortReading.objects.get(port__number=2, time=T0 + 1000)
    shown = rows[1][1]
    assert (first.active_power, first.reactive_power, first.apparent_power) == (shown[1], shown[7], shown[13])
    assert (first.power_factor, first.current_rms, first.current_peak) == (shown[19], None, None)
    unit = DeviceReading.objects.get(time=T0 + 1000)
    assert (unit.voltage, unit.frequency, unit.temperature, unit.rssi) == shown[24:28]
    assert not DeviceReading.objects.filter(recovered=True).exists()
    assert source.finished_at is not None


def test_the_energy_is_that_of_the_rows_in_every_rollup(file: Path) -> None:
    bring(file)
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    rows = local_seconds(SPRING_DAY, 3600)
    for port in the_device().ports.all():
        hours = PortHour.objects.filter(port=port)
        net = sum(hour.positive_energy - hour.negative_energy for hour in hours)
        assert net == expected_energy(rows, port.number)
    assert not DirtyBucket.objects.exists()


def test_a_unit_that_is_not_known_is_made_and_adopted(file: Path, settings: Any) -> None:
    settings.CT6_ADOPT = "ask"
    bring(file)
    device = the_device()
    assert (device.name, device.adoption) == ("Meter_Cupboard", Device.Adoption.ADOPTED)
    assert tuple(device.ports.values_list("number", "name")) == tuple(enumerate(NAMES, start=1))


def test_what_a_known_unit_has_told_of_itself_stays(file: Path) -> None:
    device = make_device(ASSY, name="Cellar", ports=["Mains", "Roof"], adoption="pending")
    bring(file)
    device.refresh_from_db()
    assert (device.name, device.adoption, device.address) == ("Cellar", Device.Adoption.ADOPTED, "127.0.0.2")
    assert list(device.ports.values_list("name", flat=True)) == ["Mains", "Roof", "Battery", "EV", "Heat_pump", ""]


def test_a_missing_value_stays_missing_and_covers_no_time(tmp_path: Path) -> None:
    path = one_file(tmp_path, ("2026-05-04 11:00:00", 1.0), ("2026-05-04 11:00:01", None), ("2026-05-04 11:00:02", 3.0))
    bring(path)
    port = Port.objects.get(number=1)
    found = PortReading.objects.filter(port=port).order_by("time").values_list("active_power", "window_ms")
    assert list(found) == [(1.0, 0), (None, 0), (3.0, 1000)]
    assert windows() == {T0: 0, T0 + 1000: 1000, T0 + 2000: 1000}


def test_values_that_cannot_be_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [(f"2026-05-04 11:00:0{n}", only_power(power, 2.0)) for n, power in enumerate((5.0, 3e9, "much"))]  # type: ignore[arg-type]
    path = write_sqlite(tmp_path / "unit.db", Their(rows))  # type: ignore[arg-type]
    source = bring(path)
    assert list(PortReading.objects.filter(port__number=1).order_by("time").values_list("active_power", flat=True)) == [
        5.0, None, None,
    ]  # fmt: skip
    assert reported(path, source).notes[Note.UNUSABLE] == 2


def test_a_long_silence_is_a_gap(tmp_path: Path) -> None:
    shown = ("11:00:00", "11:00:01", "11:00:02", "11:00:07", "11:00:13", "11:00:14")
    source = bring(one_file(tmp_path, *((f"2026-05-04 {one}", 1.0) for one in shown)))
    assert list(windows().values()) == [0, 1000, 1000, 5000, 0, 1000]
    assert sum(day.notes.get(Note.GAP, 0) for day in source.days.all()) == 1


def test_rows_without_a_time_and_rows_to_come_are_left_out(tmp_path: Path) -> None:
    shown = ["2026-05-04 11:00:00", None, "never", "2031-01-01 00:00:00", "2026-05-04 11:00:01"]
    source = bring(one_file(tmp_path, *((one, float(n)) for n, one in enumerate(shown))))
    assert windows() == {T0: 0, T0 + 1000: 0}  # the clock was set in between
    skipped = [day.skipped for day in source.days.all()]
    assert {Why.NO_TIME: 2} in skipped
    assert {Why.TO_COME: 1} in skipped


# --- Changes of the clocks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", [
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
], ids=["spring", "autumn"])  # fmt: skip
def test_a_change_of_the_clocks_loses_and_doubles_nothing(tmp_path: Path, start: datetime) -> None:
    rows = local_seconds(start, 3 * 3600)
    source = bring(write_sqlite(tmp_path / "unit.db", Their(rows)))
    first = round(start.timestamp() * 1000)
    assert windows() == {first + n * 1000: 1000 if n else 0 for n in range(3 * 3600)}
    assert energies() == expected_energy(rows)
    doubled = sum(day.notes.get(Note.DOUBLED_HOUR, 0) for day in source.days.all())
    assert doubled == (7200 if start.month == 10 else 0)


def test_rows_in_the_hour_that_summer_time_skips_join_those_around_them(tmp_path: Path) -> None:
    """The clock was put forward an hour late."""
    shown = ["2026-03-29 00:59:59", "2026-03-29 01:00:00", "2026-03-29 01:00:01", "2026-03-29 03:00:01"]
    source = bring(one_file(tmp_path, *((one, float(n)) for n, one in enumerate(shown))))
    start = parse_time("2026-03-29T01:00:00Z")
    assert windows() == {start - 1000: 0, start: 1000, start + 1000: 1000, start + HOUR_MS + 1000: 0}
    assert sum(day.notes.get(Note.SKIPPED_HOUR, 0) for day in source.days.all()) == 2


# --- What is here already -----------------------------------------------------------------------------------------
def test_a_second_run_changes_nothing_and_brings_what_has_come_since(file: Path) -> None:
    bring(file)
    before = everything()
    assert bring(file).position == 3600
    assert everything() == before
    source = bring(file, again=True)
    assert everything() == before
    assert [(day.read, day.stored, day.skipped) for day in source.days.all()] == [(3600, 0, {Why.MEASURED: 3600})]
    more = local_seconds(SPRING_DAY, 3700)
    add_seconds(file, more[3600:])
    bring(file)
    assert windows() == {T0 + n * 1000: 1000 if n else 0 for n in range(3700)}
    assert energies() == expected_energy(more)


def test_the_same_unit_from_another_database_is_stored_once(file: Path, tmp_path: Path) -> None:
    bring(file)
    before = everything()
    bring(write_sqlite(tmp_path / "renamed.db", Their(local_seconds(SPRING_DAY, 3600, seed=2))))
    assert everything() == before


def test_time_that_is_measured_here_stays_as_it_is(file: Path) -> None:
    device = make_device(ASSY)
    own = T0 + 600_500
    for n in range(60):
        store_reading(device, own + n * 1000, 1000 if n else 0, [9.0] * 6)
    bring(file)
    found = windows()
    assert [found[own + n * 1000] for n in range(60)] == [0] + [1000] * 59
    kept = PortReading.objects.filter(port__number=1, time__gte=own, time__lt=own + 60_000, active_power__fixed=90)
    assert kept.count() == 60
    ends = sorted(found)
    starts = [end - found[end] for end in ends]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))  # nothing lies over another
    # Until the last of theirs before ours, and from the end of ours on.
    assert found[T0 + 600_000] == 1000
    assert own + 500 not in found
    assert found[own + 59_500] == 500
    assert T0 + 630_000 not in found


def test_where_only_sums_are_left_nothing_is_stored(file: Path) -> None:
    device = make_device(ASSY)
    bring(file)
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    ImportSource.objects.all().delete()
    middle = T0 + 30 * MINUTE_MS
    DeviceReading.objects.filter(device=device, time__lte=middle).delete()
    PortReading.objects.filter(port__device=device, time__lte=middle).delete()
    hours = list(DeviceHour.objects.values_list("start", "samples"))
    source = bring(file)
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    assert min(windows()) == middle + 1000
    assert list(DeviceHour.objects.values_list("start", "samples")) == hours
    assert [day.skipped for day in source.days.all()] == [{Why.ONLY_SUMS: 1801, Why.MEASURED: 1799}]


def test_a_clock_that_was_set_back_stores_no_time_twice(tmp_path: Path) -> None:
    rows = local_seconds(SPRING_DAY, 600)
    again = [
        (shown, values)
        for (shown, _), (_, values) in zip(rows[300:], local_seconds(SPRING_DAY, 300, seed=5), strict=True)
    ]
    bring(write_sqlite(tmp_path / "unit.db", Their([*rows, *again, *local_seconds(SPRING_DAY, 700)[600:]])))
    assert sum(windows().values()) == 699_000
    assert len(windows()) == 700


# --- Stopped in the middle ----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_killed_and_run_again_gives_the_same_rows(tmp_path: Path) -> None:
    seconds = 12_000
    path = write_sqlite(tmp_path / "unit.db", Their(local_seconds(datetime(2026, 10, 24, 23, 0, tzinfo=UTC), seconds)))
    seen = [killed_after(path, rows) for rows in (3000, 7000)]
    assert 3000 <= seen[0] < seen[1] < seconds
    source = bring(path)
    stopped = everything()
    assert sum(day.read for day in source.days.all()) == seconds
    assert sum(windows().values()) == (seconds - 1) * 1000
    for table in (PortReading, DeviceReading, ImportSource):
        table.objects.all().delete()
    bring(path)
    assert everything() == stopped


def killed_after(path: Path, rows: int) -> int:
    """Import in a process of its own and kill it with -9 once so many rows are read; returns how many are then."""
    connection.close()
    environment = {**os.environ, "DATABASE_URL": database_url(), "CT6_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "manage.py", "import_ct6", "--sqlite", str(path), "--timezone", ZONE, "--no-rollups"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while ImportSource.objects.filter(position__gte=rows).count() == 0:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline, "not in time"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return ImportSource.objects.get().position


def test_stopped_by_ctrl_c_it_ends_at_once_and_goes_on_later(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "unit.db", Their(local_seconds(SPRING_DAY, 5000)))
    with closing(SqliteFile(path)) as database:
        found = bringing.look(database, ZONE)

        def stop(_rows: int) -> None:
            if DeviceReading.objects.exists():
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bringing.import_readings(found, ZONE, who=None, now_ms=NOW, progress=stop, pause=no_pause)
    assert DeviceReading.objects.count() == 1000
    assert bring(path).finished_at is not None
    assert windows() == {T0 + n * 1000: 1000 if n else 0 for n in range(5000)}


def test_two_imports_of_one_database_do_not_go_on_together(file: Path) -> None:
    with closing(SqliteFile(file)) as database:
        found = bringing.look(database, ZONE)

        def the_other(_rows: int) -> None:
            ImportSource.objects.update(position=17)

        with pytest.raises(NotImported, match="Another import"):
            bringing.import_readings(found, ZONE, who=None, now_ms=NOW, progress=the_other, pause=no_pause)


def test_a_file_that_was_replaced_is_read_from_its_beginning(file: Path) -> None:
    bring(file)
    file.unlink()
    write_sqlite(file, Their(local_seconds(datetime(2026, 5, 4, 9, 0, tzinfo=UTC), 3600)))
    source = bring(file)
    assert sum(day.stored for day in source.days.all()) == 3600
    assert len(windows()) == 7200


# --- The report ---------------------------------------------------------------------------------------------------
def test_the_report_tells_by_how_much_their_days_are_wrong(tmp_path: Path) -> None:
    """A kettle of 3 kW for the first seconds of each minute: their hours and days take it for lasting."""
    start = datetime(2026, 5, 3, 23, 0, tzinfo=UTC)  # a local day
    rows = [
        (shown, only_power(-3000.0 if n % 60 < 6 else 0.0))
        for n, (shown, _) in enumerate(local_seconds(start, 4 * 3600))
    ]
    path = write_sqlite(tmp_path / "unit.db", Their(rows))
    report = reported(path, bring(path))
    (day,) = report.days
    total = day.totals[0]
    assert (day.day, day.read, day.stored, day.skipped) == (datetime(2026, 5, 4, tzinfo=UTC).date(), 14400, 14400, {})
    assert total.their_kwh == pytest.approx(-72.0)
    assert total.our_kwh == pytest.approx(-1.2, abs=0.003)
    assert total.difference_percent == pytest.approx(-5900, rel=0.01)
    assert report.differences()[0] == (day, total)


def test_the_report_compares_as_the_unit_counts_where_a_port_is_reversed(file: Path) -> None:
    source = bring(file)
    before = reported(file, source).days[0].totals[0]
    Port.objects.filter(number=1).update(reversed=True)
    assert reported(file, source).days[0].totals[0] == before
    assert before.measured_h == pytest.approx(3599 / 3600)


def test_our_side_of_the_report_is_what_history_answers(file: Path) -> None:
    report = reported(file, bring(file))
    device = the_device()
    start = parse_time("2026-05-03T23:00:00Z")
    answered = history.energy(list(device.ports.order_by("number")), start, start + 24 * HOUR_MS, "day", now_ms=NOW)
    kwh = [(row.export_energy - row.import_energy) / 3.6e10 for row in answered]
    assert [total.our_kwh for total in report.days[0].totals] == kwh


def test_without_day_rows_of_theirs_their_hours_are_summed(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "unit.db", Their(local_seconds(SPRING_DAY, 7200)))
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("DROP TABLE CT6_SENSOR_DAY")
        theirs.commit()
        watts = [row[0] for row in theirs.execute("SELECT CT1_ACT_WATTS FROM CT6_SENSOR_HOUR")]
    total = reported(path, bring(path)).days[0].totals[0]
    assert total.their_kwh == pytest.approx(sum(watts) / 1000)
    assert total.their_table == "CT6_SENSOR_HOUR"


# --- Whose it is --------------------------------------------------------------------------------------------------
def looked(path: Path, label: str = "") -> bringing.Found:
    with closing(SqliteFile(path)) as database:
        return bringing.look(database, ZONE, label)


def test_a_file_is_named_after_its_unit(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "ASY0398_V003.300_SN00000007.db", Their(local_seconds(SPRING_DAY, 2), assy=None))
    assert looked(path).belonging.assy == "ASY0398_V003.300_SN00000007"


def test_a_database_that_names_no_label_belongs_to_the_only_unit_of_its_name(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "copy.db", Their(local_seconds(SPRING_DAY, 2), assy=None))
    with pytest.raises(NotImported, match="--unit LABEL"):
        looked(path)
    assert looked(path, "ASY0398_V003.300_SN00000009").belonging.assy == "ASY0398_V003.300_SN00000009"
    device = make_device("ASY0398_V003.300_SN00000008", name="Meter_Cupboard")
    assert looked(path).belonging.device == device


def test_the_label_of_every_uncalibrated_board_names_no_unit(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "unit.db", Their(local_seconds(SPRING_DAY, 2), assy="ASY0197_V00.0000_SN00000000"))
    with pytest.raises(NotImported, match="identifies nothing"):
        looked(path)
    with pytest.raises(NotImported, match="by a label of its own"):
        looked(path, "ASY0197_V00.0000_SN00000000")


def test_an_ignored_unit_is_not_imported(file: Path) -> None:
    make_device(ASSY, adoption="ignored")
    with pytest.raises(NotImported, match="ignored here"):
        looked(file)


def test_other_units_of_the_same_name_are_told(tmp_path: Path) -> None:
    their = Their(local_seconds(SPRING_DAY, 2), former_assys=["ASY0398_V003.300_SN00000001"])
    belonging = looked(write_sqlite(tmp_path / "unit.db", their)).belonging
    assert belonging.assy == ASSY
    assert "SN00000001" in belonging.remarks[0]


def test_an_import_goes_on_with_the_zone_that_it_was_begun_with(file: Path) -> None:
    bring(file)
    with pytest.raises(NotImported, match="--timezone Europe/London"):
        bring(file, zone="Europe/Berlin")


# --- MySQL --------------------------------------------------------------------------------------------------------
@pytest.fixture
def server() -> Iterator[Server]:
    """The test's own MariaDB, as somebody's server of ct6_db_store."""
    entry = connection.settings_dict
    if connection.vendor != "mysql":
        pytest.skip("needs MariaDB")
    yield Server(entry["HOST"], int(entry["PORT"]), entry["USER"], entry["PASSWORD"], theirs())
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{theirs()}`")


def theirs() -> str:
    return f"{connection.settings_dict['NAME']}_Cellar"


def write(their: Their, *, key: bool = False) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = @@global.time_zone")  # as their own connections have it
        write_mysql(cursor, theirs(), their, key=key)
        cursor.execute("SET SESSION time_zone = '+00:00'")


def bring_mysql(server: Server) -> ImportSource:
    with closing(MysqlDatabase(server, theirs())) as database:
        found = bringing.look(database, ZONE)
        return bringing.import_readings(found, ZONE, who=None, now_ms=NOW, pause=no_pause)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [False, True], ids=["as_made", "with_a_key"])
def test_a_database_of_ct6_db_store(server: Server, key: bool) -> None:
    """The night on which summer time ends, in several statements."""
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    rows = local_seconds(start, 3 * 3600)
    write(Their(rows), key=key)
    assert mysql_databases(server) == [theirs()]
    source = bring_mysql(server)
    first = round(start.timestamp() * 1000)
    assert windows() == {first + n * 1000: 1000 if n else 0 for n in range(3 * 3600)}
    assert [energies(number) for number in PORTS] == [expected_energy(rows, number) for number in PORTS]
    before = everything()
    ImportSource.objects.update(
        position=5000, placed_position=5000, placed_ms=first + 4999 * 1000, placed_shown=str(rows[4999][0])
    )
    bring_mysql(server)
    assert everything() == before
    assert source.origin == f"mysql://{server.host}:{server.port}"


@pytest.mark.django_db(transaction=True)
def test_two_answers_of_one_second_are_both_stored(server: Server) -> None:
    rows = local_seconds(SPRING_DAY, 4)
    write(Their([rows[0], rows[1], (rows[1][0], rows[2][1]), rows[3]]))
    bring_mysql(server)
    assert windows() == {T0: 0, T0 + 1000: 1000, T0 + 1001: 1, T0 + 3000: 1999}


@pytest.mark.django_db(transaction=True)
def test_nothing_can_be_written_to_their_server(server: Server) -> None:
    write(Their(local_seconds(SPRING_DAY, 4)))
    with closing(MysqlDatabase(server, theirs())) as database, pytest.raises(NotImported, match="READ ONLY"):
        database._connection.fetch("DELETE FROM CT6_SENSOR")


@pytest.mark.django_db(transaction=True)
def test_a_server_that_does_not_let_us_in_is_told_without_the_password(server: Server) -> None:
    wrong = Server(server.host, server.port, server.user, "not-the-password")
    with pytest.raises(NotImported, match="does not let ct6 in") as refused:
        mysql_databases(wrong)
    assert "not-the-password" not in str(refused.value)
    assert "not-the-password" not in repr(wrong)
    empty = Server(server.host, server.port, server.user, server.password, "information_schema")
    with pytest.raises(NotImported, match="no table CT6_SENSOR"):
        mysql_databases(empty)


@pytest.mark.parametrize("url", [
    "postgres://root@host", "mysql://", "mysql://host:3306", "mysql://root:pw@host:many", "root@host",
])  # fmt: skip
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(NotImported, match="--mysql takes") as refused:
        server_from(url)
    assert "pw@" not in str(refused.value)


def test_an_address_of_a_server() -> None:
    server = server_from("mysql://root:p%40ss@192.168.0.22/Meter_Cupboard")
    assert (server.user, server.password, server.host) == ("root", "p@ss", "192.168.0.22")
    assert (server.port, server.database) == (3306, "Meter_Cupboard")
    assert server_from("mysql://root@host").password is None


def test_first_minutes_are_whole(file: Path) -> None:
    """What is dirty is what the windows touch, from the minute before the first row on, a bucket being (start, end]."""
    bring(file)
    minutes = sorted(DirtyBucket.objects.values_list("minute", flat=True))
    assert (minutes[0], minutes[-1]) == (floor_minute(T0 - 1), T0 + 59 * MINUTE_MS)


def test_what_lies_in_the_archive_is_measured_too(file: Path, tmp_path: Path, settings: Any) -> None:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    bring(file)
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    add_seconds(file, local_seconds(SPRING_DAY, 7200)[3600:])
    bring(file)  # in the next hour, so that the first one's newest reading may go
    roll_up_closed(NOW, limit_minutes=10**9, pause=no_pause)
    archive_due(NOW, turn=Turn(pause=no_pause))
    assert DeviceReading.objects.count() < 7200
    left = everything()
    source = bring(file, again=True)
    assert everything() == left
    assert [day.skipped for day in source.days.all()] == [{Why.MEASURED: 7200}]


def test_the_history_of_a_unit_that_was_replaced_goes_to_its_place(file: Path) -> None:
    device = make_device("ASY0398_V003.300_SN00000777")
    Replacement.objects.create(device=device, former_assy=ASSY, new_assy=device.assy, at_ms=T0 + HOUR_MS)
    assert "was replaced by" in looked(file).belonging.remarks[0]
    bring(file)
    assert DeviceReading.objects.filter(device=device).count() == 3600
    assert not Device.objects.filter(assy=ASSY).exists()


def test_a_database_that_is_busy_is_tried_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def busy_at_first(*arguments: Any) -> None:
        tries.append(len(tries))
        if len(tries) == 2:
            raise OperationalError("Deadlock found when trying to get lock; try restarting transaction")
        store(*arguments)

    monkeypatch.setattr("readings.importing.storing.store", busy_at_first)
    source = bring(file)
    assert len(tries) == 5
    assert windows() == {T0 + n * 1000: 1000 if n else 0 for n in range(3600)}
    assert [(day.read, day.stored) for day in source.days.all()] == [(3600, 3600)]
