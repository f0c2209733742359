"""What an operator has to mend is told in one sentence, whichever process finds it."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import OperationalError, ProgrammingError

from ct6site import start
from tests.processes import ROOT

LIMIT_S = 60.0
WRONG = {
    "CSRF_TRUSTED_ORIGINS": "meters.example.org",
    "CT6_ADDRESSES": "0.0.0.0",
    "CT6_ADMIN_PASSWORD_FILE": "/nowhere",
    "CT6_ADOPT": "some",
    "CT6_ASK": "0",
    "CT6_DATA_DIR": "/etc/passwd",
    "CT6_HTTPS": "perhaps",
    "CT6_LOG_LEVEL": "LOUD",
    "CT6_MQTT_URL": "http://192.0.2.1/ct6",
    "CT6_MQTT_URL_FILE": "/nowhere",
    "CT6_PERIOD": "x",
    "CT6_PORT": "0",
    "CT6_PREFER": "wifi",
    "CT6_STATIC_DIR": "/etc/passwd",
    "CT6_TIMEZONE": "London",
    "DATABASE_URL": "postgres://u:p@h/db",
    "DATABASE_URL_FILE": "/nowhere",
    "DEBUG": "perhaps",
    "DEMO": "perhaps",
    "HOST": "192.0.2.1",
    "PORT": "x",
    "REDIS_URL": "http://127.0.0.1",
    "SECRET_KEY_FILE": "/nowhere",
    "WEB_THREADS": "0",
}


def environment(folder: Path, **wrong: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**others, "CT6_DATA_DIR": str(folder / "data"), **wrong}


def said(folder: Path, *arguments: str, **wrong: str) -> tuple[int, str]:
    """The exit code of ``python ARGUMENTS`` and all that it wrote."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env=environment(folder, **wrong), capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_variable_is_named_without_a_traceback(tmp_path: Path, name: str) -> None:
    code, text = said(tmp_path, "manage.py", "up", **{name: WRONG[name]})
    assert code == 1
    assert name in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-m", "celery", "-A", "ct6site", "worker", "-Q", "jobs"], 1),
        (["-m", "celery", "-A", "ct6site", "beat"], 1),
        (["-m", "gunicorn", "ct6site.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket"], 3),
    ],
    ids=["worker", "beat", "web server"],
)
def test_every_process_of_the_server_set_up_tells_it_too(tmp_path: Path, arguments: list[str], code: int) -> None:
    ended, text = said(tmp_path, *arguments, CT6_PERIOD="x")
    assert ended == code
    assert "CT6_PERIOD is 'x', which is no number" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("command", ["remove_demo", "rebuild_rollups"])
def test_a_database_that_is_not_prepared_is_told_in_a_sentence(tmp_path: Path, command: str) -> None:
    assert said(tmp_path, "manage.py", command) == (1, f"{start.UNPREPARED}\n")


def test_the_data_folder_is_for_its_own_user_alone(tmp_path: Path) -> None:
    said(tmp_path, "manage.py", "remove_demo")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_ctrl_c_while_the_demo_is_made_leaves_nothing_half_made(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "up", "--demo", "--host", "127.0.0.1"]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), stdout=log, stderr=log) as process,
    ):
        deadline = time.monotonic() + LIMIT_S
        while "Making thirty days" not in (tmp_path / "log").read_text():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(LIMIT_S) == start.STOPPED_BY_CTRL_C
        finally:
            process.kill()
    text = (tmp_path / "log").read_text()
    assert text.endswith("Stopped.\n")
    assert "Traceback" not in text
    database = tmp_path / "data" / "ct6.sqlite3"
    assert stat.S_IMODE(database.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    ("error", "unprepared"),
    [
        (OperationalError("no such table: devices_device"), True),
        (ProgrammingError(1146, "Table 'ct6.devices_device' doesn't exist"), True),
        (OperationalError(2002, "Can't connect to server"), False),
        (ProgrammingError(1064, "You have an error in your SQL syntax"), False),
        (None, False),
    ],
)
def test_only_a_missing_table_means_unprepared(error: Exception | None, unprepared: bool) -> None:
    assert start.is_unprepared(error) is unprepared


def test_other_errors_of_the_database_keep_their_traceback() -> None:
    with pytest.raises(OperationalError), start.in_a_sentence():
        raise OperationalError("database is locked")
