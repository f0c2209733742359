"""What is said to be wrong although all give their signs of life."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import translation
from pytest_django import Settings

from ct6site.operations import troubles
from ct6site.operations.troubles import TITLES, Trouble
from readings.collect.spool import Spool
from readings.models import Heartbeat
from tests.readings.collect.arrivals import arrival

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def _in_london(settings: Settings) -> None:
    settings.CT6_TIMEZONE = "Europe/London"


def found(
    part: str = "", detail: Mapping[str, object] | None = None, *, at: datetime = NOON, late_min: int = 0
) -> list[Trouble]:
    """With one part that told this, while the rollups do what they should."""
    beats = {"rollups": Heartbeat(part="rollups", at=NOON, detail={"more": False})}
    if part:
        beats[part] = Heartbeat(part=part, at=at, detail=dict(detail or {}))
    return troubles.found(beats, NOON, lambda: timedelta(minutes=late_min))


def lost(cause: str, answers: int, *, ago_min: int = 1, **detail: object) -> list[Trouble]:
    at_ms = NOON_MS - ago_min * MINUTE_MS
    loss = {"answers": answers, "since_ms": at_ms - MINUTE_MS, "until_ms": at_ms, "at_ms": at_ms}
    return found("collector", {"losses": {cause: loss}, **detail})


def sentence(troubles: list[Trouble]) -> str:
    assert len(troubles) == 1
    assert troubles[0].name in TITLES
    return troubles[0].sentence


def test_nothing_is_wrong_where_nobody_told_so() -> None:
    assert found() == []
    assert found("collector", {"losses": {}, "disk_trouble": "", "mqtt_trouble": ""}) == []


# --- Answers that are lost --------------------------------------------------------------------------------------
def test_answers_that_went_for_the_spools_bound_are_told_with_count_span_and_what_to_do() -> None:
    said = sentence(lost("spool", 1204))
    assert said == (
        "The collector gave up 1,204 answers that waited on disk for the database, from 12:58:00, 1 July 2026 to "
        "12:59:00, 1 July 2026, as CT6_SPOOL_MAX was reached: what they measured is lost. Get the database to work; "
        "raise CT6_SPOOL_MAX where the disk has room."
    )
    assert "gave up 1 answer that waited" in sentence(lost("spool", 1))
    assert lost("spool", 1)[0].since == NOON - timedelta(minutes=2)


@pytest.mark.parametrize(("ago_min", "told"), [(59, True), (60, False), (24 * 60, False), (-24 * 60, False)])
def test_a_loss_is_over_when_no_more_went_for_an_hour(ago_min: int, told: bool) -> None:
    assert bool(lost("spool", 5, ago_min=ago_min)) is told


@pytest.mark.parametrize(
    ("cause", "least", "says"),
    [
        ("memory", 1, "neither the database nor the disk took"),
        ("receive_buffer", 20, "this machine is too busy, or somebody floods it"),
        ("mqtt", 20, "could not keep up with the MQTT server"),
        ("flood", 1000, "127.0.0.9 sends more than any unit does"),
    ],
)
def test_other_losses_are_told_from_some_number_on(cause: str, least: int, says: str) -> None:
    assert lost(cause, least - 1) == []
    assert says in sentence(lost(cause, least, flooded_by="127.0.0.9"))


def test_a_receive_buffer_that_is_too_small_comes_with_the_command_that_enlarges_it() -> None:
    buffers = {"receive_buffer_bytes": 212_992, "wanted_buffer_bytes": 8_388_608}
    assert "Run sysctl -w net.core.rmem_max=8388608, and start" in sentence(lost("receive_buffer", 50, **buffers))


def test_what_waits_on_disk_tells_of_a_loss_while_the_database_is_away(settings: Settings, tmp_path: Path) -> None:
    settings.CT6_SPOOL_DIR = tmp_path
    now = datetime.now(UTC)
    assert troubles.found_without_database(now) == []
    spool = Spool(tmp_path, 2500, "this boot")
    for second in range(5):
        spool.append([arrival(second * 1000)])
    assert f"gave up {spool.dropped} answer" in sentence(troubles.found_without_database(now))
    assert troubles.found_without_database(now + timedelta(hours=2)) == []
    spool.close()


# --- What stands in the way -------------------------------------------------------------------------------------
def test_a_disk_that_takes_no_answers_is_told_before_any_is_lost() -> None:
    said = sentence(found("collector", {"disk_trouble": "/var/spool: No space left on device"}))
    assert said.startswith(
        "The collector cannot keep answers on disk (/var/spool: No space left on device). Nothing is"
    )


@pytest.mark.parametrize("asks_nobody", [True, False])
def test_an_mqtt_server_that_is_away_is_trouble_where_nobody_is_asked(asks_nobody: bool) -> None:
    told = found("collector", {"mqtt_trouble": "The MQTT server is away.", "asks_nobody": asks_nobody})
    assert bool(told) is asks_nobody


# --- Work that is stuck -----------------------------------------------------------------------------------------
def test_a_file_for_which_rollups_wait_is_named() -> None:
    said = sentence(found("rollups", {"unreadable": "The archive's file a.parquet is missing."}))
    assert said.endswith("readings are kept. The archive's file a.parquet is missing.")


@pytest.mark.parametrize(("more", "late_min", "told"), [(True, 6, True), (True, 5, False), (False, 300, False)])
def test_rollups_are_behind_when_turns_leave_more_and_the_oldest_waits_for_minutes(
    more: bool, late_min: int, told: bool
) -> None:
    assert bool(found("rollups", {"more": more}, late_min=late_min)) is told


def test_a_turn_of_rollups_that_takes_long_is_told_late() -> None:
    (stuck,) = found("rollups", at=NOON - timedelta(seconds=61))
    assert (stuck.name, stuck.lasts_s) == ("rollups", 240.0)


def test_what_an_audit_found_is_told_with_the_command_that_mends_it() -> None:
    detail = {"hours": 200, "left_out": 0, "mismatches": 9, "wrong_spans": 3}
    said = sentence(found("audit", detail, at=NOON - timedelta(days=2)))
    assert said.startswith("In 3 hours or days of units rollups differ")
    assert said.endswith("Run manage.py audit_rollups --all --repair.")
    assert found("audit", {"hours": 200, "left_out": 0, "mismatches": 0}) == []


@pytest.mark.parametrize("key", ["unreachable", "unmoved"])
def test_an_archive_that_takes_nothing_loses_nothing_and_says_so(key: str, settings: Settings) -> None:
    settings.CT6_ARCHIVE = "file:///archive"
    said = sentence(found("archive", {key: "The archive at /archive cannot be reached: no room."}))
    assert "in the database" in said
    assert said.endswith("is lost. The archive at /archive cannot be reached: no room.")
    settings.CT6_ARCHIVE = ""
    assert found("archive", {key: "anything"}) == []


def test_an_archive_without_a_turn_for_an_hour_is_stuck(settings: Settings) -> None:
    settings.CT6_ARCHIVE = "file:///archive"
    assert found("archive", {"more": False}, at=NOON - timedelta(minutes=59)) == []
    assert "No turn of the archive was completed for 2 h" in sentence(
        found("archive", {"more": False}, at=NOON - timedelta(minutes=150))
    )


def test_what_cannot_be_let_go_of_is_told() -> None:
    assert "goes on taking room. The archive is switched off" in sentence(
        found("retention", {"more": False, "problem": "The archive is switched off"})
    )


def test_it_is_said_in_the_language_of_who_reads() -> None:
    told = lost("spool", 1204)
    with translation.override("de"):
        assert sentence(told).startswith("Der Sammler hat 1.204 Antworten verworfen, die auf der Platte auf die")
