"""GET /health/: whether the parts of the product work, and what it tells to whom."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from ct6site.operations import health
from ct6site.operations.health import PARTS, Part, examine
from ct6site.start import UNPREPARED
from devices import configuration
from readings import heartbeats
from readings.models import DirtyBucket
from readings.periods import to_ms
from tests.factories import make_device
from tests.people import logged_in, make_user, with_text, with_token

# The database is asked from a thread, which sees what was committed.
pytestmark = pytest.mark.django_db(transaction=True)

SAY_SO = ("collector", "worker-rollups", "worker-jobs", "beat", "watch")
BEATING = (*SAY_SO, "rollups")
NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def note_all(now: datetime = NOW, *, but: str = "") -> None:
    """Everything works, and said so just now."""
    for part in BEATING:
        if part != but:
            heartbeats.note(part, now, {"minutes": 1, "more": False} if part == "rollups" else {})


def examined(now: datetime = NOW) -> dict[str, Part]:
    return {part.name: part for part in examine(now)}


def unwell(now: datetime = NOW) -> set[str]:
    return {part.name for part in examine(now) if not part.well}


# --- How the parts are ------------------------------------------------------------------------------------------
def test_all_parts_are_examined() -> None:
    assert tuple(part.name for part in examine(NOW)) == PARTS


def test_all_is_well_when_every_part_said_so_just_now() -> None:
    note_all()
    assert unwell() == set()


@pytest.mark.parametrize("part", SAY_SO)
def test_a_part_that_never_gave_a_sign_of_life_is_unwell(part: str) -> None:
    note_all(but=part)
    assert unwell() == {part}
    assert examined()[part].sentence == "It has never given a sign of life. Start it."


@pytest.mark.parametrize("part", SAY_SO)
@pytest.mark.parametrize(("silent_s", "well"), [(25, True), (26, False)])
def test_a_part_is_unwell_within_half_a_minute_of_silence(part: str, silent_s: int, well: bool) -> None:
    note_all()
    heartbeats.note(part, NOW - timedelta(seconds=silent_s))
    assert examined()[part].well is well


def test_the_sentence_tells_how_long_a_part_is_silent() -> None:
    heartbeats.note("collector", NOW - timedelta(seconds=90))
    heartbeats.note("worker-jobs", NOW - timedelta(hours=3))
    assert examined()["collector"].sentence.startswith("Its last sign of life is 90 s old. See its log")
    assert examined()["worker-jobs"].sentence.startswith("Its last sign of life is 180 min old.")


@pytest.mark.parametrize(("asks_nobody", "well"), [(False, True), (True, False)])
def test_trouble_with_the_mqtt_server_is_told_and_serious_where_nobody_is_asked(asks_nobody: bool, well: bool) -> None:
    note_all()
    trouble = "The MQTT server 192.168.0.10:1883 cannot be listened to: Connection refused."
    heartbeats.note("collector", NOW, {"mqtt_trouble": trouble, "asks_nobody": asks_nobody})
    collector = examined()["collector"]
    assert (collector.well, trouble in collector.sentence) == (well, True)


def test_lost_answers_and_stuck_work_make_parts_unwell_and_say_what_to_do(settings: Settings) -> None:
    settings.CT6_ARCHIVE = "file:///archive"
    note_all()
    at_ms = to_ms(NOW)
    loss = {"answers": 1204, "since_ms": at_ms, "until_ms": at_ms, "at_ms": at_ms}
    heartbeats.note("collector", NOW, {"losses": {"spool": loss}, "disk_trouble": "full", "on_disk": 7})
    heartbeats.note("archive", NOW, {"unreachable": "The archive cannot be reached."})
    heartbeats.note("audit", NOW, {"mismatches": 3, "wrong_spans": 1, "wrong": [[1, 2]]})
    assert unwell() == {"answers", "spool", "archive", "audit"}
    parts = examined()
    assert parts["answers"].sentence.startswith("The collector gave up 1,204 answers")
    assert parts["spool"].figures == {"on_disk": 7}
    assert parts["archive"].sentence.endswith("The archive cannot be reached.")
    assert parts["audit"].figures == {"mismatches": 3, "wrong_spans": 1}


def test_parts_that_do_what_they_should_say_so(settings: Settings) -> None:
    settings.CT6_ARCHIVE = ""
    note_all()
    heartbeats.note("audit", NOW - timedelta(days=1), {"hours": 200, "left_out": 0, "mismatches": 0})
    parts = examined()
    assert parts["answers"].sentence == "None was lost in the last hour."
    assert parts["archive"].sentence == "It is switched off."
    assert parts["audit"].sentence == "The last one found no difference."


def test_it_is_examined_in_few_statements(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    note_all()
    with django_assert_max_num_queries(7):
        health._examine(NOW)


def test_sentences_are_english_whatever_the_language_of_the_installation(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"
    note_all()
    heartbeats.note("collector", NOW, {"disk_trouble": "full"})
    assert examined()["spool"].sentence.startswith("The collector cannot keep answers on disk (full).")


def test_a_schedule_that_stands_still_is_told_from_workers_that_do() -> None:
    note_all(but="beat")
    assert unwell() == {"beat"}


def test_rollups_are_unwell_when_no_turn_was_completed_for_a_minute() -> None:
    note_all()
    heartbeats.note("rollups", NOW - timedelta(seconds=61), {"minutes": 1, "more": False})
    assert unwell() == {"rollups"}


@pytest.mark.parametrize(("behind_min", "well"), [(4, True), (6, False)])
def test_rollups_are_unwell_when_turns_leave_more_and_the_oldest_waits_for_minutes(behind_min: int, well: bool) -> None:
    note_all()
    heartbeats.note("rollups", NOW, {"minutes": 100_000, "more": True})
    DirtyBucket.objects.create(device=make_device(), minute=to_ms(NOW - timedelta(minutes=behind_min)))
    assert examined()["rollups"].well is well


def test_old_minutes_that_a_late_answer_made_wait_are_no_trouble() -> None:
    note_all()
    DirtyBucket.objects.create(device=make_device(), minute=to_ms(NOW - timedelta(hours=5)))
    assert unwell() == set()
    assert examined()["rollups"].figures["behind_s"] == 5 * 3600


def test_the_open_minute_is_no_backlog() -> None:
    note_all()
    DirtyBucket.objects.create(device=make_device(), minute=to_ms(NOW))
    assert examined()["rollups"].figures["behind_s"] == 0


def test_units_that_should_answer_and_are_silent_are_counted_and_make_no_part_unwell() -> None:
    note_all()
    make_device("SILENT", last_seen=NOW - timedelta(hours=1))
    make_device("ANSWERS", last_seen=NOW)
    make_device("INACTIVE", last_seen=NOW - timedelta(hours=1), active=False)
    make_device("IGNORED", last_seen=NOW - timedelta(hours=1), adoption="ignored")
    make_device("NEVER ANSWERED", last_seen=None)
    database = examined()["database"]
    assert database.sentence == "It answers. Units that should answer: 2, silent: 1."
    assert (database.figures["devices_silent"], unwell()) == (1, set())


# --- Without a database -----------------------------------------------------------------------------------------
@pytest.fixture
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections find no database."""
    away = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/ct6.sqlite3"}
    monkeypatch.setitem(connections.settings, "default", away)


@pytest.fixture
def _silent_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """New connections are accepted, and then nothing comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = {
            **connections.settings["default"],
            "ENGINE": "django.db.backends.mysql",
            "HOST": "127.0.0.1",
            "PORT": str(server.getsockname()[1]),
            "OPTIONS": {"connect_timeout": 5},
        }
        monkeypatch.setitem(connections.settings, "default", silent)
        yield


@pytest.mark.usefixtures("_no_database")
def test_a_database_that_is_away_is_named_and_the_rest_is_unknown() -> None:
    parts = examined()
    assert unwell() == set(PARTS)
    assert parts["database"].sentence == "It does not answer: unable to open database file"
    assert parts["beat"].sentence == "Not known while the database does not answer."


@pytest.mark.usefixtures("_silent_database")
def test_a_database_that_says_nothing_holds_nobody_up() -> None:
    began = time.monotonic()
    database, *_ = examine(NOW, limit_s=0.2)
    assert time.monotonic() - began < 5
    assert database == Part("database", False, "It does not answer: nothing came within 0.2 s")


def test_a_database_that_was_never_prepared_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "empty"}
    monkeypatch.setitem(connections.settings, "default", {**empty, "OPTIONS": {}})
    parts = examined()
    assert unwell() == set(PARTS)
    assert parts["database"].sentence == UNPREPARED
    assert parts["beat"].sentence == "Not known while the database is not prepared."


# --- The page ---------------------------------------------------------------------------------------------------
def page(client: Client | None = None) -> tuple[int, Any]:
    answer = (client or Client()).get("/health/")
    return answer.status_code, answer.json()


def test_the_page_is_200_when_all_is_well() -> None:
    note_all(timezone.now())
    assert page() == (200, {"well": True, "parts": dict.fromkeys(PARTS, "well")})


def test_the_page_is_503_and_names_the_part_that_is_not() -> None:
    note_all(timezone.now(), but="collector")
    status, answer = page()
    assert status == 503
    assert answer == {"well": False, "parts": {**dict.fromkeys(PARTS, "well"), "collector": "unwell"}}


def test_a_poll_that_is_answered_503_leaves_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert page()[0] == 503
    assert [record.getMessage() for record in caplog.records if record.name == "django.request"] == []


def test_a_page_that_breaks_leaves_its_line_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_now: datetime) -> list[Part]:
        raise RuntimeError

    monkeypatch.setattr("ct6site.views.examine", broken)
    assert Client(raise_request_exception=False).get("/health/").status_code == 500
    assert [record.getMessage() for record in caplog.records if record.name == "django.request"] == [
        "Internal Server Error: /health/"
    ]


@pytest.mark.usefixtures("_no_database")
def test_the_page_is_503_in_json_while_the_database_is_away() -> None:
    assert page() == (503, {"well": False, "parts": dict.fromkeys(PARTS, "unwell")})


@pytest.mark.usefixtures("_no_database")
def test_a_session_changes_nothing_while_the_database_is_away() -> None:
    client = Client()
    client.cookies["sessionid"] = "anything"
    assert page(client)[0] == 503


def test_the_page_is_kept_by_no_cache() -> None:
    assert "no-store" in Client().get("/health/").headers["Cache-Control"]


def test_users_who_are_not_staff_see_no_details() -> None:
    assert set(page(logged_in(make_user()))[1]) == {"well", "parts"}


def test_staff_see_how_each_part_is_and_what_it_counted() -> None:
    now = timezone.now()
    note_all(now)
    heartbeats.note("collector", now, {"answers": 7})
    device = make_device(last_seen=now)
    configuration.wish(device, {"YDEV_UNIT_NAME": "New"}, None, now=now)
    _, answer = page(logged_in(make_user(staff=True)))
    assert set(answer["details"]) == set(PARTS)
    assert answer["details"]["collector"]["answers"] == 7
    assert answer["details"]["collector"]["sentence"].startswith("Its last sign of life is ")
    assert answer["details"]["database"] == {
        "sentence": "It answers. Units that should answer: 1, silent: 0.",
        "devices": 1,
        "devices_online": 1,
        "devices_silent": 0,
        "open_wishes": 1,
    }


def test_staff_see_the_versions() -> None:
    versions = page(logged_in(make_user(staff=True)))[1]["versions"]
    assert {"python", "django"} < set(versions)
    assert len(versions) == 3


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_page_can_only_be_read(method: str) -> None:
    assert getattr(Client(), method)("/health/").status_code == 405


def test_the_token_of_a_staff_user_gives_the_details() -> None:
    assert "details" in page(with_token(make_user(staff=True)))[1]


def test_no_other_token_gives_the_details() -> None:
    assert "details" not in page(with_token(make_user()))[1]
    assert "details" not in page(with_text("nonsense"))[1]
