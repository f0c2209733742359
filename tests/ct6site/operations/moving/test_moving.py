"""manage.py move_database: everything is there afterwards, whatever ended it on the way, and what is not is told."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from ct6site.operations.first_run import CannotStart, take_data_folder
from ct6site.operations.moving import target
from ct6site.operations.moving.errors import NotMoved
from devices.models import Device
from readings.collect.inbox import Arrival
from readings.collect.spool import Spool
from readings.models import Heartbeat
from tests.ct6site.operations.moving.conftest import Empty
from tests.ct6site.operations.moving.house import furnish
from tests.factories import make_device
from tests.faults.databases import OwnMariaDB, own_mariadb
from tests.processes import ROOT, database_url, wait_for
from tests.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)

FILLED = {
    "auth_permission", "ct6site_alert", "ct6site_alertchannel", "ct6site_apitoken", "ct6site_user_user_permissions",
    "dashboard_walldisplay_devices", "devices_auditentry", "devices_calibration", "devices_configchange",
    "devices_devicegrant", "devices_factoryconfig", "devices_firmwarerelease", "devices_jobline", "devices_portpast",
    "devices_replacement", "devices_rollout", "devices_sweep", "readings_archivefile", "readings_archivehold",
    "readings_badspan", "readings_dayzone", "readings_devicereading", "readings_dirtybucket", "readings_heartbeat",
    "readings_importedday", "readings_portday", "readings_porthour", "readings_portminute", "readings_portreading",
}  # fmt: skip
MODULES = "tests.ct6site.operations.moving"


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[OwnMariaDB]:
    with own_mariadb(tmp_path / "mariadb") as server:
        yield server


def called(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """A process of the product with the settings of this test."""
    connection.close()
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=settings_of_test() | dict(environment or {}), check=False,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def settings_of_test() -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ct6site.settings",
        "DATABASE_URL": database_url(),
        "CT6_DATA_DIR": str(settings.DATA_DIR),
        "CT6_ARCHIVE": str(settings.CT6_ARCHIVE),
        "CT6_SPOOL_DIR": str(settings.CT6_SPOOL_DIR),
        "CT6_LOG_LEVEL": "ERROR",
    }


def move(to: Empty | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return called("manage.py", "move_database", "--to", to if isinstance(to, str) else to.url, *arguments)


def moved(to: Empty | str, *arguments: str) -> str:
    done = move(to, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(to: Empty | str, *arguments: str) -> str:
    """The one sentence with which it ends."""
    done = move(to, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def asked(token: str, url: str = "") -> dict[str, Any]:
    done = called("-m", f"{MODULES}.asked", token, environment={"DATABASE_URL": url} if url else {})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'other.sqlite3'}"


def killed(to: Empty, step: str, times: int) -> None:
    done = called("-m", f"{MODULES}.killed", to.url, step, str(times))
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


# --- Everything -------------------------------------------------------------------------------------------------
@pytest.mark.engines
def test_everything_is_there_afterwards_and_the_product_works_on_it(empty: Empty) -> None:
    token = furnish()
    answers = asked(token)["answers"]
    said = moved(empty)
    here, there = asked(token), asked(token, empty.url)
    assert there == here
    assert there["answers"] == answers
    assert [answers["login"], answers["page"], *(status for status, _ in answers["api"])] == [302, *[200] * 5]
    assert len(answers["api"][1][1]) > 10_000
    assert {name for name, rows in there["rows"].items() if rows} >= FILLED
    assert empty.tables() >= set(there["rows"])
    assert "ct6_move" not in empty.tables()
    assert "Compared row by row: all the same" in said
    assert "files are all there" in said
    assert f"DATABASE_URL=mysql://ct6:PASSWORD@{empty.url.rsplit('@', 1)[1]}\n" in said
    assert "SECRET_KEY has to stay the same" in said
    assert f"The files of the archive stay at {settings.CT6_ARCHIVE}" in said
    assert "ct6:ct6" not in said


def test_a_number_that_was_given_is_not_given_again(empty: Empty) -> None:
    gone = Device.objects.create(assy="gone", timezone="UTC")
    number = gone.pk
    gone.delete()
    moved(empty)
    columns = (
        "assy, name, http_port, product, device_type, group_name, firmware_version, adoption, timezone, first_seen, "
        "settings_held, status, demo"
    )
    values = "'new', '', 80, '', '', '', '', '', '', NOW(), '{}', '{}', 0"
    empty.rows(f"INSERT INTO devices_device ({columns}) VALUES ({values})")
    assert empty.rows("SELECT id FROM devices_device") == [(number + 1,)]


@pytest.mark.engines
def test_to_a_file_of_sqlite(tmp_path: Path) -> None:
    token = furnish()
    moved(sqlite(tmp_path))
    assert asked(token, sqlite(tmp_path)) == asked(token)


# --- Ended on the way -------------------------------------------------------------------------------------------
def test_killed_anywhere_it_goes_on_and_nothing_is_doubled(empty: Empty) -> None:
    token = furnish()
    for step, times in (("migrated", 1), ("Copied", 1), ("Copied", 9), ("Copied", 20), ("Compared", 5)):
        killed(empty, step, times)
        assert "ct6_move" in empty.tables()
    said = moved(empty)
    assert "were there from an earlier call" in said
    assert "Copied" not in said  # nothing was left to be copied
    assert asked(token)["rows"] == asked(token, empty.url)["rows"]


def test_killed_while_it_makes_the_tables_it_is_not_called_twice_at_once(empty: Empty) -> None:
    make_device()
    connection.close()
    command = [sys.executable, "manage.py", "move_database", "--to", empty.url]
    with subprocess.Popen(command, cwd=ROOT, env=settings_of_test(), stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: len(empty.tables()) > 2)
        process.kill()
    assert "still runs on the data folder" in refused(empty)  # what makes the tables
    wait_for(_folder_is_free)
    assert "all the same" in moved(empty)


def _folder_is_free() -> bool:
    try:
        take_data_folder(settings.DATA_DIR).close()
    except CannotStart:
        return False
    return True


def test_what_began_otherwise_is_not_continued(empty: Empty) -> None:
    furnish()
    killed(empty, "Copied", 9)
    empty.rows("UPDATE ct6_move SET note = REPLACE(note, '\"source\": \"', '\"source\": \"other-') WHERE name = '*'")
    assert "holds the beginning of a move from other-" in refused(empty)
    empty.rows("UPDATE ct6_move SET note = REPLACE(note, 'other-', '') WHERE name = '*'")
    Heartbeat.objects.filter(part="collector").update(at=timezone.now() - timedelta(minutes=1))
    assert "was in use since its move to" in refused(empty)
    assert "all the same" in moved(empty, "--again")


# --- Compared ---------------------------------------------------------------------------------------------------
CHANGES = {
    "UPDATE readings_porthour SET samples = samples + 1 ORDER BY port_id, start LIMIT 1": "differs in samples",
    "UPDATE readings_portday SET positive_energy = 1 ORDER BY port_id, start LIMIT 1": "positive and negative",
    "DELETE FROM readings_portminute ORDER BY port_id, start DESC LIMIT 1": "is missing there",
    "INSERT INTO readings_dayzone (device_id, zone) VALUES (99, 'UTC')": "the row 99 is there only",
    "INSERT INTO readings_dirtybucket (device_id, minute) VALUES (99, 60000)": "dirtybucket: 1 rows here, 2 there",
    "UPDATE devices_device SET name = 'meter'": "differs in name",
    "UPDATE devices_job SET asked = '{}'": "differs in asked",
    "UPDATE devices_firmwarerelease SET content = 'x'": "differs in content",
    "DELETE FROM devices_port WHERE number = 1": "A row refers to another that is not there",
}


def test_differences_are_found_and_told(empty: Empty) -> None:
    furnish()
    killed(empty, "Compared", 1)
    for change in CHANGES:
        empty.rows(change)
    done = move(empty)
    assert done.returncode == 1
    assert [told for told in CHANGES.values() if told not in done.stdout] == []
    assert "Not everything is the same there" in done.stderr
    assert "DATABASE_URL" not in done.stdout


def test_a_file_that_the_archive_lacks_is_told(tmp_path: Path) -> None:
    furnish()
    path = next(Path(settings.CT6_ARCHIVE).rglob("*.parquet"))
    path.unlink()
    done = move(sqlite(tmp_path))
    assert done.returncode == 1
    assert f"{path.relative_to(settings.CT6_ARCHIVE)} is missing" in done.stdout
    assert "its archive is not whole" in done.stderr


# --- Refused ----------------------------------------------------------------------------------------------------
def test_a_database_with_data_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    make_device()
    url = sqlite(tmp_path)
    moved(url)
    for arguments in ((), ("--again",)):
        sentence = refused(url, *arguments)
        assert "holds data already: " in sentence
        assert "6 rows in devices_port" in sentence
    with contextlib.closing(sqlite3.connect(tmp_path / "other.sqlite3")) as database:
        assert database.execute("SELECT COUNT(*) FROM devices_port").fetchone() == (6,)


def test_a_database_of_something_else_is_refused(empty: Empty) -> None:
    empty.rows("CREATE TABLE wp_posts (id int)")
    assert "tables of something else (wp_posts)" in refused(empty)
    assert "tables of something else (wp_posts)" in refused(empty, "--again")
    assert empty.tables() == {"wp_posts"}


def test_a_prepared_database_without_data_will_do(tmp_path: Path) -> None:
    make_device()
    environment = {"DATABASE_URL": sqlite(tmp_path)}
    assert called("manage.py", "migrate", "-v0", environment=environment).returncode == 0
    assert "all the same" in moved(sqlite(tmp_path))


@pytest.mark.engines
def test_the_database_in_use_is_no_target() -> None:
    assert "is the database that is in use" in refused(database_url())


@pytest.mark.engines
def test_while_a_part_works_nothing_is_moved(empty: Empty) -> None:
    Heartbeat.objects.create(part="worker-jobs", at=timezone.now())
    assert "Something still works on this database, or did until just now: worker-jobs" in refused(empty)
    assert empty.tables() == set()


def test_while_make_run_runs_nothing_is_moved(empty: Empty) -> None:
    with take_data_folder(settings.DATA_DIR):
        assert "still runs on the data folder" in refused(empty)


def test_while_answers_wait_nothing_is_moved(empty: Empty) -> None:
    with contextlib.closing(Spool(settings.CT6_SPOOL_DIR, 10_000_000, "boot")) as spool:
        spool.append([Arrival(b"{}", "127.0.0.2", 1, 1)])
        assert "Stop everything first" in refused(empty)
    assert "that are not stored yet (1)" in refused(empty)


def test_a_wrong_address_is_told_in_a_sentence(empty: Empty, server_url: str) -> None:
    unheard = f"mysql://ct6:s3cret@127.0.0.1:{free_port()}/ct6"
    for url, told in (
        ("postgres://x@y/z", "only sqlite and mysql are known"),
        ("mysql://ct6:s3cret@127.0.0.1", "names no database"),
        ("mysql://ct6:s3cret/@127.0.0.1:3306/ct6", "its port is no number"),
        ("sqlite://:memory:", "names no file"),
        (unheard, "does not answer"),
        (empty.url.replace(":ct6@", ":s3cret@"), "does not let the user ct6 in"),
        (f"{server_url}/not_there", "is not there yet. Make it: CREATE DATABASE not_there CHARACTER SET utf8mb4"),
    ):
        sentence = refused(url)
        assert told in sentence
        assert "s3cret" not in sentence


def test_a_user_without_rights_is_told(mariadb: OwnMariaDB) -> None:
    mariadb.as_root("create database bare character set utf8mb4; grant select on bare.* to meter@'127.0.0.1'")
    sentence = refused(mariadb.url.removesuffix("ct6") + "bare")
    assert "does not let the user meter in, or not do there what is needed: CREATE command denied" in sentence


def test_a_database_for_fewer_characters_is_refused(empty: Empty) -> None:
    name = empty.url.rsplit("/", 1)[1]
    empty.rows(f"ALTER DATABASE {name} CHARACTER SET latin1")
    assert f"ALTER DATABASE {name} CHARACTER SET utf8mb4" in refused(empty)


@pytest.mark.parametrize(
    ("mariadb", "version", "told"),
    [(True, (10, 5, 21), "MariaDB 10.5.21"), (False, (5, 7, 44), "MySQL 5.7.44")],
)
def test_an_old_server_is_refused(mariadb: bool, version: tuple[int, ...], told: str) -> None:
    with pytest.raises(NotMoved, match=f"The server is {told}; MySQL 8.0 or MariaDB 10.6 is the oldest"):
        target.refuse_version(mariadb=mariadb, version=version)


@pytest.mark.parametrize(("mariadb", "version"), [(True, (10, 6, 0)), (True, (11, 4, 2)), (False, (8, 0, 11))])
def test_a_server_that_will_do(mariadb: bool, version: tuple[int, ...]) -> None:
    target.refuse_version(mariadb=mariadb, version=version)
