"""The watch, turn by turn on an invented clock: what it sees in the database, tells and keeps there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from ct6site.models import Alert, AlertChannel
from ct6site.operations.alerting import Rules
from ct6site.operations.delivery import Delivery
from ct6site.operations.sending import NotSent
from ct6site.operations.watching import LOOK_EVERY_S, Watch
from devices.models import Device, Job
from readings import heartbeats
from readings.collect.spool import Spool
from readings.models import Heartbeat
from tests.factories import make_device
from tests.processes import wait_for
from tests.readings.collect.arrivals import arrival

# The database is asked from a thread, which sees what was committed.
pytestmark = pytest.mark.django_db(transaction=True)

RULES = Rules(unit_after_s=20.0, part_after_s=20.0)
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
PARTS = ("collector", "worker-rollups", "worker-jobs", "beat")
BEATS = {"collector": 5, "beat": 5, "worker-rollups": 10, "worker-jobs": 10, "rollups": 10}
BY_THE_SCHEDULE = {"worker-rollups": "worker-rollups", "worker-jobs": "worker-jobs", "rollups": "worker-rollups"}


@dataclass
class Installation:
    """Parts and units that give signs of life, a watch that looks at them, and what arrived of its messages."""

    now: datetime = NOON
    steady_s: float = 1_000.0
    arrived: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: bool = False
    details: dict[str, dict[str, object]] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start_watch()

    def start_watch(self) -> None:
        """One more, which tells the same people."""
        self.deliveries.append(Delivery(self._send, (0.05,)))
        self.watches.append(Watch(RULES, self.deliveries[-1]))

    def _send(self, address: str, title: str, body: str) -> None:
        if self.refuses:
            raise NotSent(AlertChannel.Problem.REFUSED, "HTTP 403")
        self.arrived.append((address, title, body))

    def restart_watch(self) -> None:
        self.watches.pop().release()
        self.deliveries.pop().end()
        self.start_watch()

    def end(self) -> None:
        for delivery in self.deliveries:
            delivery.end()

    def pass_by(self, span_s: float, *, silent: Iterable[str] = ()) -> None:
        """Looks for so long, while all but ``silent`` (parts, and labels of units) give their signs of life."""
        silent = set(silent)
        for _ in range(round(span_s / LOOK_EVERY_S)):
            self.now += timedelta(seconds=LOOK_EVERY_S)
            self.steady_s += LOOK_EVERY_S
            self.give_signs(silent)
            for watch in self.watches:
                watch.turn(self.now, self.steady_s)

    def give_signs(self, silent: set[str]) -> None:
        if "database" in silent:
            return
        for part, every_s in BEATS.items():
            needed = {part, BY_THE_SCHEDULE[part], "beat"} if part in BY_THE_SCHEDULE else {part}
            if not needed & silent and self.steady_s % every_s < LOOK_EVERY_S:
                heartbeats.note(part, self.now, self.details.get(part))
        if "collector" not in silent:
            Device.objects.exclude(assy__in=silent).update(last_seen=self.now)

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.arrived]


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    settings.CT6_TIMEZONE = "Europe/London"
    channel("Anna", "anna")
    made = Installation()
    yield made
    made.end()


def channel(name: str, address: str, **fields: object) -> AlertChannel:
    made = AlertChannel(name=name, **fields)
    made.address = address
    made.save()
    return made


def unit(assy: str, name: str, **fields: Any) -> Device:
    return make_device(assy, name=name, ports=(), last_seen=NOON, **fields)


def arrives(condition: Callable[[], bool]) -> None:
    wait_for(condition, 10)


# --- Units ------------------------------------------------------------------------------------------------------
def test_a_unit_that_falls_silent_is_told_once_and_so_is_its_return(installation: Installation) -> None:
    house = unit("H", "House")
    installation.pass_by(100)
    installation.pass_by(120, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is silent"])
    assert installation.arrived[0][2] == "House: silent since 13:01:40, 1 July 2026"
    assert Alert.objects.get().device == house

    installation.pass_by(70)
    arrives(lambda: installation.titles == ["CT6: House is silent", "CT6: House is back"])
    assert installation.arrived[1][2] == "House: back, after silence since 13:01:40, 1 July 2026"
    installation.pass_by(10)
    alert = Alert.objects.get()
    assert (alert.since, alert.flapping) == (NOON + timedelta(seconds=100), False)
    assert alert.told_at is not None
    assert alert.ended is not None


def test_silence_of_a_unit_is_told_within_thirty_seconds(installation: Installation) -> None:
    unit("H", "House")
    installation.pass_by(101)
    installation.pass_by(30 - LOOK_EVERY_S, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is silent"])


def test_many_units_at_once_are_one_message_that_names_ten(installation: Installation) -> None:
    labels = [f"U{number:02}" for number in range(13)]
    for label in labels:
        unit(label, f"Unit {label}")
    installation.pass_by(60)
    installation.pass_by(40, silent=labels)
    arrives(lambda: installation.titles == ["CT6: 13 are silent, Unit U00 among them"])
    lines = installation.arrived[0][2].splitlines()
    assert lines[0].startswith("Unit U00: silent since ")
    assert (len(lines), lines[-1]) == (11, "and 3 more")
    assert Alert.objects.count() == 13


@pytest.mark.parametrize("fields", [{"active": False}, {"adoption": "ignored"}, {"adoption": "pending"}], ids=str)
def test_a_unit_that_need_not_answer_raises_none(installation: Installation, fields: dict[str, object]) -> None:
    unit("H", "House", **fields)
    installation.pass_by(60)
    installation.pass_by(120, silent=["H"])
    assert not Alert.objects.exists()


def test_a_unit_that_is_held_by_a_job_raises_none_until_the_job_is_over(installation: Installation) -> None:
    house = unit("H", "House")
    installation.pass_by(60)
    job = Job.objects.create(device=house, kind="reboot", state="running", running_on=house)
    installation.pass_by(200, silent=["H"])
    assert not Alert.objects.exists()
    Job.objects.filter(pk=job.pk).update(state="failed", running_on=None)
    installation.pass_by(40, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is silent"])


def test_the_alert_of_a_unit_that_was_switched_inactive_ends_without_a_word(installation: Installation) -> None:
    unit("H", "House")
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])
    Device.objects.update(active=False)
    installation.pass_by(10, silent=["H"])
    assert Alert.objects.get().ended is not None
    assert installation.titles == ["CT6: House is silent"]


def test_a_step_of_the_servers_clock_silences_nobody(installation: Installation) -> None:
    unit("H", "House")
    installation.pass_by(60)
    for step in (timedelta(hours=1), timedelta(hours=-2)):
        installation.now += step
        installation.pass_by(60)
    assert not Alert.objects.exists()


# --- Parts ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_falls_silent_is_told_once_and_alone(installation: Installation, part: str) -> None:
    unit("H", "House")
    installation.pass_by(100)
    installation.pass_by(60, silent=[part])
    arrives(lambda: installation.titles == [f"CT6: {part} is silent"])
    installation.pass_by(80)
    arrives(lambda: installation.titles == [f"CT6: {part} is silent", f"CT6: {part} is back"])
    assert "See its log." in installation.arrived[0][2]


@pytest.mark.parametrize("part", PARTS)
def test_silence_of_a_part_is_told_within_thirty_seconds(installation: Installation, part: str) -> None:
    installation.pass_by(101)
    installation.pass_by(30, silent=[part])
    arrives(lambda: installation.titles == [f"CT6: {part} is silent"])


def test_what_starts_together_with_the_watch_has_time_to(installation: Installation) -> None:
    Heartbeat.objects.create(part="collector", at=NOON - timedelta(days=3))
    unit("H", "House")
    installation.pass_by(50, silent=[*PARTS, "H"])
    assert not Alert.objects.exists()
    installation.pass_by(60)
    assert not Alert.objects.exists()


def test_the_watch_gives_signs_of_life_itself(installation: Installation) -> None:
    installation.pass_by(60)
    assert NOON + timedelta(seconds=60) - Heartbeat.objects.get(part="watch").at <= timedelta(seconds=10)


# --- The database -----------------------------------------------------------------------------------------------
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/ct6.sqlite3"}
    monkeypatch.setitem(connections.settings, "default", entry)


def test_a_database_that_is_away_is_told_to_the_channels_known_last(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit("H", "House")
    installation.pass_by(60)
    with monkeypatch.context() as patch:
        away(patch)
        installation.pass_by(200, silent=["database"])
        arrives(lambda: installation.titles == ["CT6: database is silent"])
    installation.pass_by(80)
    arrives(lambda: installation.titles == ["CT6: database is silent", "CT6: database is back"])
    installation.pass_by(4)
    alert = Alert.objects.get()
    assert alert.part == "database"
    assert alert.told_at is not None
    assert alert.ended is not None


# --- What is kept -----------------------------------------------------------------------------------------------
def test_a_watch_that_is_started_again_tells_nothing_twice(installation: Installation) -> None:
    unit("H", "House")
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is silent"])
    installation.pass_by(10, silent=["H"])
    installation.restart_watch()
    installation.pass_by(100, silent=["H"])
    assert len(installation.arrived) == 1
    installation.pass_by(70)
    arrives(lambda: installation.titles == ["CT6: House is silent", "CT6: House is back"])
    assert "since 13:01:00" in installation.arrived[1][2]


def test_what_nobody_was_told_before_a_restart_is_told_after_it(installation: Installation) -> None:
    unit("H", "House")
    installation.refuses = True
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])
    installation.restart_watch()
    installation.refuses = False
    installation.pass_by(100, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is still silent"])


def test_a_flapping_unit_is_told_as_such_once_and_kept_as_such(installation: Installation) -> None:
    unit("H", "House")
    installation.pass_by(60)
    for _ in range(6):
        installation.pass_by(30, silent=["H"])
        installation.pass_by(30)
    flapping = "CT6: House keeps falling silent and coming back"
    arrives(lambda: installation.titles == ["CT6: House is silent", flapping])
    assert Alert.objects.get().flapping


# --- Channels ---------------------------------------------------------------------------------------------------
def test_each_channel_is_told_what_it_is_for(installation: Installation) -> None:
    channel("Units", "units", about_parts=False)
    channel("Parts", "parts", about_units=False)
    channel("Off", "off", enabled=False)
    unit("H", "House")
    installation.pass_by(60)
    installation.pass_by(60, silent=["H", "worker-jobs"])

    def told() -> set[tuple[str, str]]:
        return {(address, title) for address, title, _ in installation.arrived if address != "anna"}

    arrives(lambda: told() == {("units", "CT6: House is silent"), ("parts", "CT6: worker-jobs is silent")})
    arrives(lambda: any(address == "anna" for address, _, _ in installation.arrived))
    assert {address for address, _, _ in installation.arrived} == {"anna", "units", "parts"}


def test_what_became_of_messages_is_kept_at_the_channel(installation: Installation) -> None:
    unit("H", "House")
    installation.refuses = True
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])

    def noted() -> AlertChannel:
        installation.pass_by(2, silent=["H"])
        return AlertChannel.objects.get()

    arrives(lambda: noted().trouble == "It was reached, but refused the message. (HTTP 403)")
    assert Alert.objects.get().told_at is None
    installation.refuses = False
    arrives(lambda: noted().last_success is not None)
    assert noted().trouble == ""
    assert Alert.objects.get().told_at is not None


def test_a_channel_whose_address_cannot_be_read_any_more_says_so(
    installation: Installation, settings: Settings
) -> None:
    settings.SECRET_KEY = "another one"
    installation.pass_by(4)
    assert AlertChannel.objects.get().trouble.startswith("The address cannot be read any more")


def test_messages_are_in_the_language_of_the_installation(installation: Installation, settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"
    unit("H", "Haus")
    installation.pass_by(60)
    installation.pass_by(30, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: Haus ohne Lebenszeichen"])
    assert installation.arrived[0][2] == "Haus: ohne Lebenszeichen seit 1. Juli 2026, 13:01:00"


# --- What else is wrong -----------------------------------------------------------------------------------------
def test_trouble_is_told_with_what_to_do_kept_and_told_to_be_over(installation: Installation) -> None:
    installation.pass_by(60)
    installation.details["collector"] = {"disk_trouble": "/spool: No space left on device"}
    installation.pass_by(30)
    arrives(lambda: installation.titles == ["CT6: trouble: the disk for waiting answers"])
    assert "The collector cannot keep answers on disk (/spool: No space left" in installation.arrived[0][2]
    alert = Alert.objects.get()
    assert (alert.part, alert.ended, alert.flapping) == ("spool-disk", None, False)
    assert str(alert).startswith("The collector cannot keep answers on disk")
    installation.details.clear()
    installation.pass_by(80)
    arrives(lambda: installation.titles[1:] == ["CT6: no more trouble: the disk for waiting answers"])
    installation.pass_by(4)
    assert Alert.objects.get().ended is not None


def test_lost_answers_are_told_once_and_since_when(installation: Installation) -> None:
    installation.pass_by(60)
    ms = round((installation.now - timedelta(minutes=58)).timestamp() * 1000)
    loss = {"answers": 1204, "since_ms": ms - 60_000, "until_ms": ms, "at_ms": ms}
    installation.details["collector"] = {"losses": {"spool": loss}}
    installation.pass_by(110)
    arrives(lambda: installation.titles == ["CT6: trouble: answers given up"])
    since = "Since 12:02:00, 1 July 2026: The collector gave up 1,204 answers"
    assert installation.arrived[0][2].startswith(since)
    installation.pass_by(90)  # the hour since the last one went is over
    arrives(lambda: installation.titles[1:] == ["CT6: no more trouble: answers given up"])


def test_silence_and_trouble_at_once_are_two_messages(installation: Installation) -> None:
    installation.pass_by(60)
    installation.details["rollups"] = {"unreadable": "A file is missing."}
    installation.pass_by(40, silent=["worker-jobs"])
    told = {"CT6: worker-jobs is silent", "CT6: trouble: rollups that are late"}
    arrives(lambda: set(installation.titles) == told)
    assert len(installation.titles) == 2


def test_who_is_silent_tells_of_no_trouble_and_of_no_end_of_one(installation: Installation) -> None:
    installation.pass_by(60)
    installation.details["collector"] = {"disk_trouble": "full"}
    installation.pass_by(40)
    installation.pass_by(200, silent=["collector", "worker-rollups"])
    told = ["CT6: trouble: the disk for waiting answers", "CT6: 2 are silent, collector among them"]
    arrives(lambda: installation.titles == told)


def test_trouble_that_lasts_is_not_told_again_by_a_watch_that_is_started_again(installation: Installation) -> None:
    installation.details["collector"] = {"disk_trouble": "full"}
    installation.pass_by(120)
    arrives(lambda: len(installation.titles) == 1)
    installation.pass_by(4)
    installation.restart_watch()
    installation.pass_by(120)
    assert len(installation.titles) == 1


def test_a_loss_while_the_database_is_away_is_told_from_what_is_on_disk(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    installation.now = datetime.now(UTC)
    settings.CT6_SPOOL_DIR = tmp_path
    installation.pass_by(60)
    with monkeypatch.context() as patch, closing(Spool(tmp_path, 2500, "this boot")) as spool:
        away(patch)
        for second in range(5):
            spool.append([arrival(second * 1000)])
        installation.pass_by(40, silent=["database"])
        told = {"CT6: database is silent", "CT6: trouble: answers given up"}
        arrives(lambda: set(installation.titles) == told)


def test_trouble_is_told_in_the_language_of_the_installation(installation: Installation, settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"
    installation.pass_by(60)
    installation.details["collector"] = {"disk_trouble": "full"}
    installation.pass_by(40)
    arrives(lambda: installation.titles == ["CT6: Störung: die Platte für wartende Antworten"])
    assert Alert.objects.get().words.startswith("Der Sammler kann keine Antworten auf der Platte aufheben")


# --- Two watches ------------------------------------------------------------------------------------------------
def test_of_two_watches_one_tells(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    unit("H", "House")
    installation.start_watch()
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])
    installation.pass_by(80)
    arrives(lambda: installation.titles == ["CT6: House is silent", "CT6: House is back"])
    assert Alert.objects.count() == 1
    assert caplog.text.count("Another watch sends the alerts; standing by") == 1


def test_when_one_is_killed_the_other_goes_on_and_tells_in_time(installation: Installation) -> None:
    unit("H", "House")
    unit("A", "Annex")
    installation.start_watch()
    installation.pass_by(60)
    installation.pass_by(60, silent=["H"])
    arrives(lambda: installation.titles == ["CT6: House is silent"])
    installation.pass_by(4, silent=["H"])
    installation.watches.pop(0)
    installation.pass_by(30, silent=["H", "A"])
    arrives(lambda: installation.titles == ["CT6: House is silent", "CT6: Annex is silent"])
    installation.pass_by(80)
    arrives(lambda: installation.titles[2:] == ["CT6: 2 are back, House among them"])


def test_one_that_ends_is_followed_at_once(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    installation.start_watch()
    installation.pass_by(20)
    installation.watches.pop(0).release()
    installation.pass_by(2)
    assert "Taking over from the other watch, which has ended" in caplog.text


def test_one_that_was_overtaken_leaves_open_alerts_to_the_other(installation: Installation) -> None:
    unit("H", "House")
    installation.start_watch()
    installation.pass_by(60)
    installation.pass_by(40, silent=["H"])
    first = installation.watches.pop(0)
    installation.pass_by(30, silent=["H"])
    installation.watches.append(first)
    installation.pass_by(60, silent=["H"])
    assert Alert.objects.get().ended is None
    arrives(lambda: installation.titles == ["CT6: House is silent"])


def test_who_stands_by_tells_of_the_database_late(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.start_watch()
    installation.pass_by(60)
    with monkeypatch.context() as patch:
        away(patch)
        installation.pass_by(300, silent=["database"])
        arrives(lambda: installation.titles == ["CT6: database is silent"])
        installation.pass_by(30, silent=["database"])
        arrives(lambda: installation.titles == 2 * ["CT6: database is silent"])
    installation.pass_by(100)
    arrives(lambda: installation.titles[2:] == 2 * ["CT6: database is back"])
    assert Alert.objects.count() == 1
