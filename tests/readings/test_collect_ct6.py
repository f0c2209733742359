"""``manage.py collect_ct6`` and ``simulate_ct6`` as an operator runs them: processes of their own, real UDP."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from devices.ct6.broker import Broker
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.udp import AnswerSocket
from readings.collect.questions import NOBODY
from readings.collect.ways import Way
from readings.management.commands.collect_ct6 import plan_from
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated SQLite database."""
    folder = tmp_path_factory.mktemp("collect")
    subprocess.run([*MANAGE, "migrate", "-v0"], env=environment(folder), check=True, timeout=120)
    return folder


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(2, "127.21.1.2", http_port=0, ayt_port=0) as units:
        yield units


MANAGE = [sys.executable, str(ROOT / "manage.py")]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "REDIS_URL"))}
    return kept | {"CT6_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "ct6site.settings"}


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*MANAGE, *arguments], env=environment(folder), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def asking(fleet: Fleet, *more: str) -> list[str]:
    addresses = [option for unit in fleet.units for option in ("--address", unit.address)]
    return ["collect_ct6", *addresses, "--port", str(fleet.ayt_port), "--period", "0.25", *more]


def rows(folder: Path, statement: str) -> list[Sequence[int]]:
    with closing(sqlite3.connect(folder / "ct6.sqlite3", timeout=10)) as database:
        return database.execute(statement).fetchall()


def stored(folder: Path) -> int:
    (count,) = rows(folder, "SELECT COUNT(*) FROM readings_devicereading")[0]
    return count


def ended(process: "subprocess.Popen[str]") -> tuple[float, str]:
    """How long SIGTERM took, and everything that the process said."""
    process.send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    _, said = process.communicate(timeout=30)
    return time.monotonic() - started_s, said


def test_it_collects_for_a_while_and_ends_by_itself(data_dir: Path, fleet: Fleet) -> None:
    before = stored(data_dir)
    with running(data_dir, *asking(fleet, "--duration", "2")) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    sent = sum(len(unit.sent) for unit in fleet.units)
    assert stored(data_dir) - before == sent >= 8
    assert "Collecting has started" in said
    assert "Found a new unit" in said
    assert "Collecting has ended" in said
    assert "Traceback" not in said


def test_sigterm_stores_what_is_there_and_leaves_within_two_seconds(data_dir: Path, fleet: Fleet) -> None:
    before = stored(data_dir)
    with running(data_dir, *asking(fleet)) as process:
        until(lambda: stored(data_dir) > before and all(len(unit.sent) > 4 for unit in fleet.units))
        took_s, said = ended(process)
    assert process.returncode == 0, said
    assert took_s < 2.0
    assert stored(data_dir) - before == sum(len(unit.sent) for unit in fleet.units)


def test_sigterm_is_obeyed_while_the_database_hangs_and_nothing_is_lost(data_dir: Path, fleet: Fleet) -> None:
    before = stored(data_dir)
    with running(data_dir, *asking(fleet)) as process:
        until(lambda: all(unit.sent for unit in fleet.units))
        with closing(sqlite3.connect(data_dir / "ct6.sqlite3", isolation_level=None)) as database:
            until(lambda: locks(database))
            sent = len(fleet.units[0].sent)
            until(lambda: len(fleet.units[0].sent) > sent + 6)
            took_s, said = ended(process)
            database.execute("ROLLBACK")
    assert took_s < 2.0
    assert "they wait on disk" in said
    with running(data_dir, *asking(fleet)) as process:
        until(lambda: stored(data_dir) - before > 2 * 6)
        _took_s, said = ended(process)
    assert "Answers of before wait on disk" in said
    assert stored(data_dir) - before == sum(len(unit.sent) for unit in fleet.units)
    assert "Traceback" not in said


def locks(database: sqlite3.Connection) -> bool:
    """Keep everybody else from writing, as a long bulk job would."""
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def test_a_database_without_tables_is_said_and_waited_for(tmp_path: Path, fleet: Fleet) -> None:
    with running(tmp_path, *asking(fleet, "--duration", "3")) as process:
        _, said = process.communicate(timeout=60)
    assert "manage.py migrate" in said
    assert "Traceback" not in said


def test_simulated_units_are_there_for_a_duration(tmp_path: Path) -> None:
    with AnswerSocket("127.21.2.1") as free:
        port = free.bound_to[1]
    arguments = ["--bind", "127.21.2.1", "--ayt-port", str(port), "--http-port", "0", "--duration", "3"]
    with running(tmp_path, "simulate_ct6", *arguments) as process, AnswerSocket("127.21.2.200") as asker:

        def answer_comes() -> bool:
            asker.ask("127.21.2.1", port)
            return any(b'"ASY0398_V003.300_SN00001801"' in one.payload for one in asker.receive())

        until(answer_comes)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_simulated_units_that_cannot_start_say_why() -> None:
    with pytest.raises(CommandError, match="loopback"):
        call_command("simulate_ct6", "--bind", "192.0.2.1")


# --- Bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--address", "localhost"], "192.168.0.34"),
        (["--address", "fe80::1"], "IPv4"),
        (["--address", "192.168.0.300"], "IPv4"),
        (["--interface", "nonsense0"], "nonsense0"),
        (["--interface", "nonsense0"], "lo"),
        (["--port", "0"], "--port"),
        (["--port", "70000"], "1 to 65535"),
        (["--period", "0.1"], "0.25"),
        (["--period", "-1"], "--period"),
        (["--period", "nan"], "--period"),
        (["--duration", "0"], "--duration"),
        (["--duration", "inf"], "--duration"),
    ],
)
def test_bad_input_is_a_sentence_that_says_what_to_do(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("collect_ct6", *arguments)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(CommandError, match=r"(?s)nowhere.*--port.*--period"):
        call_command("collect_ct6", "--address", "nowhere", "--port", "0", "--period", "0")


def given(**options: object) -> dict[str, object]:
    defaults = {"address": None, "interface": None, "port": 29340, "period": 1.0, "duration": None}
    return defaults | options


def test_the_environment_names_addresses_too(settings: Settings) -> None:
    settings.CT6_ADDRESSES = ["127.0.0.61", "127.0.0.62", "auto"]
    targets = plan_from(given()).targets
    assert (targets.addresses, targets.broadcast) == (("127.0.0.61", "127.0.0.62"), True)


def test_options_go_before_the_environment(settings: Settings) -> None:
    settings.CT6_ADDRESSES = ["127.0.0.61"]
    targets = plan_from(given(address=["127.0.0.2"])).targets
    assert (targets.addresses, targets.broadcast) == (("127.0.0.2",), False)


def test_without_any_address_all_interfaces_are_asked(settings: Settings) -> None:
    settings.CT6_ADDRESSES = []
    targets = plan_from(given()).targets
    assert (targets.addresses, targets.broadcast, targets.interfaces) == ((), True, ())


def test_a_named_interface_is_broadcast_on_whatever_the_environment_says(settings: Settings) -> None:
    settings.CT6_ADDRESSES = ["127.0.0.61"]
    targets = plan_from(given(interface=["lo"])).targets
    assert (targets.addresses, targets.broadcast, targets.interfaces) == ((), True, ("lo",))


BROKER = Broker("127.0.0.1", 1, ("ct6",))


def test_without_an_mqtt_server_units_are_asked_and_what_they_answer_counts(settings: Settings) -> None:
    settings.CT6_PREFER = "mqtt"
    plan = plan_from(given())
    assert (plan.broker, plan.preferred) == (None, Way.AYT)


@pytest.mark.parametrize("preferred", Way)
def test_with_an_mqtt_server_the_preferred_way_counts(settings: Settings, preferred: Way) -> None:
    settings.CT6_BROKER, settings.CT6_PREFER = BROKER, str(preferred)
    plan = plan_from(given())
    assert (plan.broker, plan.preferred) == (BROKER, preferred)


def test_whoever_asks_nobody_takes_what_is_published(settings: Settings) -> None:
    settings.CT6_BROKER, settings.CT6_ASK = BROKER, False
    plan = plan_from(given())
    assert (plan.targets, str(plan.targets), plan.preferred) == (NOBODY, "nobody", Way.MQTT)
    assert plan_from(given(address=["127.0.0.2"])).targets.addresses == ("127.0.0.2",)
