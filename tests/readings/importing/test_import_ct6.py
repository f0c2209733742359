"""manage.py import_ct6: what it takes, what it says, and what keeps it from importing."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.management import CommandError, call_command

from devices.models import AuditEntry, Device
from readings.import_models import ImportSource
from readings.models import DeviceReading, PortDay
from tests.readings.importing.their_database import ASSY, Their, local_seconds, write_sqlite
from tests.servers import free_port

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
OTHER = "ASY0398_V003.300_SN00000002"
NOBODY = 65_534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two units' files, as ct6_app keeps them."""
    write_sqlite(tmp_path / f"{ASSY}.db", Their(local_seconds(START, 300)))
    write_sqlite(tmp_path / f"{OTHER}.db", Their(local_seconds(START, 200), assy=OTHER, unit_name="Barn"))
    return tmp_path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("import_ct6", *map(str, arguments), stdout=out)
    return out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    return str(refusal.value)


def test_all_files_of_a_folder_are_imported_and_compared(folder: Path) -> None:
    said = run("--sqlite", folder)
    assert DeviceReading.objects.filter(device__assy=ASSY).count() == 300
    assert DeviceReading.objects.filter(device__assy=OTHER).count() == 200
    assert PortDay.objects.count() == 12
    assert f"{ASSY}, new here, called Meter_Cupboard; ports Grid, Solar, Battery, EV, Heat_pump, CT6" in said
    assert "300 rows from 2026-05-04 11:00:00 to 2026-05-04 11:04:59, times of Europe/London" in said
    assert "read 300 rows, stored 300" in said
    assert "rows: 100 %" in said
    assert "Theirs" in said
    assert "CT1 Grid" in said


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    said = run("--sqlite", folder / f"{ASSY}.db", "--dry-run")
    assert f"{ASSY}, new here" in said
    assert not Device.objects.exists()
    assert not ImportSource.objects.exists()


def test_the_report_has_every_day_and_port(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    run("--sqlite", folder / f"{ASSY}.db", "--report", report)
    lines = list(csv.DictReader(report.read_text(encoding="utf-8").splitlines()))
    assert [line["port"] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    first = lines[0]
    assert (first["unit"], first["day"], first["rows_read"], first["rows_stored"]) == (ASSY, "2026-05-04", "300", "300")
    assert float(first["difference_kwh"]) == pytest.approx(
        float(first["their_kwh"]) - float(first["our_kwh"]), abs=2e-6
    )
    assert first["their_kwh_from"] == "CT6_SENSOR_DAY"


def test_a_second_run_says_that_it_is_one(folder: Path) -> None:
    run("--sqlite", folder)
    said = run("--sqlite", folder)
    assert "was imported before; what has come since follows" in said
    assert DeviceReading.objects.count() == 500


def test_without_rollups_nothing_is_compared(folder: Path) -> None:
    said = run("--sqlite", folder, "--no-rollups")
    assert not PortDay.objects.exists()
    assert "Days are not compared: the rollups are not made yet." in said


def test_who_adopted_the_unit_and_imported_is_noted(folder: Path) -> None:
    Device.objects.create(assy=ASSY, adoption="pending")
    run("--sqlite", folder / f"{ASSY}.db")
    assert AuditEntry.objects.get(action="adopt").who_name.endswith("(command line)")
    noted = AuditEntry.objects.get(action="import")
    assert noted.who_name.endswith("(command line)")
    assert noted.after["readings"] == 300


def test_one_database_that_cannot_be_read_does_not_keep_the_others_back(folder: Path) -> None:
    (folder / "broken.db").write_bytes(b"no database at all" * 100)
    said = refused("--sqlite", folder)
    assert "broken.db is no SQLite database." in said
    assert DeviceReading.objects.count() == 500


def test_files_that_cannot_be_imported(tmp_path: Path) -> None:
    assert "Say what to import" in refused()
    assert f"There is no file {tmp_path / 'x.db'}." in refused("--sqlite", tmp_path / "x.db")
    assert "holds no file that ends in .db" in refused("--sqlite", tmp_path)
    empty = tmp_path / "empty.db"
    empty.touch()
    assert "is no database of ct6_app" in refused("--sqlite", empty)
    no_rows = write_sqlite(tmp_path / "no_rows.db", Their([]))
    assert "holds no rows yet" in refused("--sqlite", no_rows)
    assert "is no IANA time zone" in refused("--sqlite", no_rows, "--timezone", "Mars/Phobos")
    assert "is no user" not in refused("--sqlite", no_rows)
    assert "There is no user 'nobody'." in refused("--sqlite", no_rows, "--as", "nobody")


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may read everything."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(own)


def test_a_file_without_the_right_to_read_it() -> None:
    with TemporaryDirectory() as folder:  # which others can enter, unlike those of a test
        Path(folder).chmod(0o711)
        path = write_sqlite(Path(folder) / f"{ASSY}.db", Their(local_seconds(START, 3)))
        assert ASSY in run("--sqlite", path, "--dry-run")
        path.chmod(0)
        with as_somebody_else():
            assert "cannot be read: Permission denied." in refused("--sqlite", path)


def test_a_unit_is_given_for_a_single_database_only(folder: Path) -> None:
    assert "are several" in refused("--sqlite", folder, "--unit", OTHER)


def test_a_server_that_cannot_be_reached_is_told_without_the_password() -> None:
    pytest.importorskip("MySQLdb")
    said = refused("--mysql", f"mysql://root:secret@127.0.0.1:{free_port()}")
    assert "cannot be reached" in said
    assert "secret" not in said


def test_a_report_that_cannot_be_written(folder: Path) -> None:
    assert "cannot be written: No such file" in refused("--sqlite", folder, "--report", folder / "x" / "report.csv")
