"""Watches units and parts of the product, and tells people when one falls silent and when it is back, and what else is
wrong.

All that is known of units and parts stands in the database. While that does not answer, nobody is judged but the
database itself, and what the disk tells of waiting answers; told are the channels that were known last.

One watch at a time tells (`readings.collect.lease`); another stands by. Who stands by looks as well, so that it can go
on at once. Of a database that is away it tells late, since nobody knows then whether the first watch is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import Error
from django.utils import timezone

from ct6site import start
from ct6site.operations import alert_records, alert_words, troubles
from ct6site.operations.alert_records import Entry
from ct6site.operations.alert_words import Named
from ct6site.operations.alerting import Course, Ear, Event, Rules, Silence, Standing, Subject, judge
from ct6site.operations.asking import Asking
from ct6site.operations.delivery import Channel, Delivery, Outcome
from ct6site.operations.health import WORKERS, behind, expected_units
from ct6site.operations.troubles import Trouble
from devices.models import Job
from readings import heartbeats
from readings.collect.lease import Lease, Words, release_quietly
from readings.models import Heartbeat

log = structlog.get_logger(__name__)

PART: Final = "watch"
LOOK_EVERY_S: Final = 2.0
DATABASE_LIMIT_S: Final = 3.0
_HEARTBEAT_S: Final = 10.0
_RELEASE_LIMIT_S: Final = 1.0
# The collector and the schedule say every 5 s that they work. Who is later is not believed about others.
_LATE_S: Final = 8.0
_WORKER_LATE_S: Final = 18.0
# What starts together with the watch, or after an outage, needs this long to give its first sign of life.
_PARTS_START_WITHIN_S: Final = 40.0
_UNITS_ANSWER_WITHIN_S: Final = 10.0
# Whoever holds the lease has told by then; if it went together with the database, somebody has to.
_STANDING_BY_TELLS_AFTER_S: Final = 300.0

LEASE_PART: Final = "watch-lease"
_OF_WATCHES: Final = Words(
    overtaken="Another watch has taken over while this one could not say that it works",
    stands_by="Another watch sends the alerts; standing by, and taking over when it falls silent",
    takes_over="Taking over from a watch that has fallen silent",
    goes_on="Taking over from the other watch, which has ended",
)

DATABASE, COLLECTOR, BEAT = Subject(part="database"), Subject(part="collector"), Subject(part="beat")
_WORKERS: Final = tuple(Subject(part=name) for name in WORKERS)
_TROUBLES: Final = frozenset(Subject(part=name) for name in troubles.TITLES)
_BY_COLLECTOR: Final = frozenset(Subject(part=name) for name in troubles.BY_COLLECTOR)

_LINES: Final = {
    Event.OPENED: (logging.WARNING, "No sign of life comes any more"),
    Event.FLAPPING: (logging.WARNING, "Signs of life come and go"),
    Event.REMINDED: (logging.WARNING, "There is still no sign of life"),
    Event.ENDED: (logging.WARNING, "Signs of life come again"),
    Event.DROPPED: (logging.INFO, "What was silent is watched no more"),
}
_LINES_OF_TROUBLE: Final = {
    Event.OPENED: (logging.WARNING, "Something is wrong"),
    Event.FLAPPING: (logging.WARNING, "Something is wrong again and again"),
    Event.REMINDED: (logging.WARNING, "Something is still wrong"),
    Event.ENDED: (logging.WARNING, "What was wrong is over"),
    Event.DROPPED: (logging.INFO, "What was wrong is watched no more"),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that should answer: what it is called, when it was seen, and whether a job keeps it busy."""

    name: str
    last_seen: datetime
    is_held: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What the database tells at one moment. ``alerts`` are the open ones, where they were asked for."""

    parts: Mapping[str, datetime]
    units: Mapping[Subject, Unit]
    troubles: Mapping[Subject, Trouble]
    channels: list[Channel]
    alerts: Mapping[Subject, tuple[Course, datetime]] | None = None


class Watch:
    """Looks, judges, hands messages over, and keeps what is open, in memory where it has to."""

    def __init__(self, rules: Rules, delivery: Delivery, *, starting_s: float = _PARTS_START_WITHIN_S) -> None:
        self._rules, self._delivery = rules, delivery
        self._asking: Asking[Look] = Asking("watch")
        self._parts, self._workers, self._units = Ear(starting_s), Ear(starting_s), Ear(_UNITS_ANSWER_WITHIN_S)
        self._standing = Standing()
        self._troubles: Mapping[Subject, Trouble] = {}
        self._lease = Lease(LEASE_PART, _OF_WATCHES)
        self._courses: dict[Subject, Course] = {}
        self._since: dict[Subject, datetime] = {}
        self._last: Look | None = None
        self._loaded = False
        self._answered_s: float | None = None
        self._noted_s = float("-inf")
        self._entries: list[Entry] = []
        self._outcomes: list[Outcome] = []

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.turn(timezone.now(), time.monotonic())
            stop.wait(LOOK_EVERY_S)
        self._delivery.end()
        self.release()

    def release(self) -> None:
        """Let another watch go on at once."""
        with suppress(Error, TimeoutError):  # then its silence tells the others
            Asking[None]("release").within(_RELEASE_LIMIT_S, lambda: release_quietly(self._lease))

    def turn(self, now: datetime, now_s: float) -> None:
        """One look and what follows from it, in bounded time."""
        if self._answered_s is None:
            self._answered_s = now_s
        look = self._look(now, now_s)
        silences, watched = self._silences(look, now, now_s), None
        if look is not None:
            watched = {DATABASE, COLLECTOR, BEAT, *_WORKERS, *_TROUBLES, *look.units}
        if not self._lease.held:
            silences, watched = self._standing_by(silences[DATABASE]), {DATABASE}
        verdict = judge(now_s, silences, self._courses, self._rules, watched=watched)
        self._courses = dict(verdict.courses)
        self._tell(verdict.news, silences, now)
        self._since = {subject: since for subject, since in self._since.items() if subject in self._courses}

    def _standing_by(self, database: Silence) -> dict[Subject, Silence]:
        """What is judged while another watch tells the rest. Once that ends, its alerts are taken over."""
        self._loaded = False
        self._courses = {subject: course for subject, course in self._courses.items() if subject == DATABASE}
        return {DATABASE: replace(database, seconds=database.seconds - _STANDING_BY_TELLS_AFTER_S)}

    # --- Looking -------------------------------------------------------------------------------------------------
    def _look(self, now: datetime, now_s: float) -> Look | None:
        self._outcomes += self._delivery.outcomes()
        entries, outcomes = tuple(self._entries), tuple(self._outcomes)
        beats = now_s - self._noted_s >= _HEARTBEAT_S

        def ask() -> Look:
            if self._lease.hold(now, now_s) and beats:
                heartbeats.note(PART, now)
            alert_records.write(entries, outcomes)
            return _look_into_database(now, None if self._loaded else now_s)

        try:
            look = self._asking.within(DATABASE_LIMIT_S, ask)
        except (Error, TimeoutError) as error:
            if start.is_unprepared(error):
                raise
            log.debug("The database does not answer", reason=str(error))
            return None
        self._entries, self._outcomes = self._entries[len(entries) :], self._outcomes[len(outcomes) :]
        self._answered_s, self._last = now_s, look
        self._noted_s = now_s if beats else self._noted_s
        self._delivery.know(look.channels)
        self._take_over(look)
        return look

    def _take_over(self, look: Look) -> None:
        """What was open when the watch was started. What it has judged itself meanwhile it knows better."""
        if look.alerts is None or not self._lease.held:
            return
        self._loaded = True
        for subject, (course, since) in look.alerts.items():
            mine = self._courses.get(subject)
            self._courses[subject] = course if mine is None else replace(mine, is_open=True)
            self._since.setdefault(subject, since)

    def _silences(self, look: Look | None, now: datetime, now_s: float) -> dict[Subject, Silence]:
        """How long each is silent of whom something is known now."""
        answered_s = now_s if self._answered_s is None else self._answered_s
        silences = {DATABASE: Silence(now_s - answered_s, heard=self._last is not None)}
        if look is None:
            for ear in (self._parts, self._workers, self._units):
                ear.cover()
            self._troubles = {Subject(part=one.name): one for one in troubles.found_without_database(now)}
            return silences | self._of_troubles(now_s, self._troubles.keys())
        self._troubles = look.troubles
        parts = self._parts.listen(now_s, {one: look.parts.get(one.part) for one in (COLLECTOR, BEAT)})
        silences |= parts
        known: set[Subject] = set()
        if _is_believed(parts[BEAT]):
            workers = self._workers.listen(now_s, {one: look.parts.get(one.part) for one in _WORKERS})
            silences |= workers
            known |= _TROUBLES - _BY_COLLECTOR if _lives(workers[_WORKERS[0]]) else set()
        else:
            self._workers.cover()
        if _is_believed(parts[COLLECTOR]):
            signs = {subject: unit.last_seen for subject, unit in look.units.items() if not unit.is_held}
            silences |= self._units.listen(now_s, signs)
            known |= _BY_COLLECTOR
        else:
            self._units.cover()
        return silences | self._of_troubles(now_s, known)

    def _of_troubles(self, now_s: float, known: Collection[Subject]) -> dict[Subject, Silence]:
        """How long each is there, of those of which something is known now, as whoever tells of them is well."""
        there = {subject: trouble.lasts_s for subject, trouble in self._troubles.items()}
        return self._standing.look(now_s, there, known)

    # --- Telling -------------------------------------------------------------------------------------------------
    def _tell(
        self, news: Mapping[Event, tuple[Subject, ...]], silences: Mapping[Subject, Silence], now: datetime
    ) -> None:
        named = {
            event: [self._named(event, subject, silences.get(subject), now) for subject in subjects]
            for event, subjects in news.items()
        }
        for event, those in named.items():
            _log(event, those)
            if event is not Event.REMINDED:
                self._entries += [_entry(event, one, now) for one in those]
        for channel in self._delivery.channels:
            for message in alert_words.messages(named, units=channel.about_units, parts=channel.about_parts):
                self._delivery.hand_over(channel, message)

    def _named(self, event: Event, subject: Subject, silence: Silence | None, now: datetime) -> Named:
        unit, trouble = self._last.units.get(subject) if self._last else None, self._troubles.get(subject)
        name = subject.part or (unit.name if unit else str(subject.unit))
        if event in (Event.OPENED, Event.FLAPPING) or subject not in self._since:
            since = self._began(subject) or now - timedelta(seconds=silence.seconds if silence else 0)
            if event is Event.FLAPPING:
                self._since.setdefault(subject, since)
            else:
                self._since[subject] = since
            return Named(subject, name, since, trouble)
        return Named(subject, name, self._since[subject], trouble)

    def _began(self, subject: Subject) -> datetime | None:
        """Since when somebody is silent, or something wrong, as far as that is told."""
        if subject in _TROUBLES:
            trouble = self._troubles.get(subject)
            return trouble.since if trouble else None
        if self._last is None:
            return None
        unit = self._last.units.get(subject)
        return unit.last_seen if unit else self._last.parts.get(subject.part)


def _is_believed(silence: Silence) -> bool:
    return silence.heard and silence.seconds <= _LATE_S


def _lives(worker: Silence) -> bool:
    """It says so every 10 s, as long as no turn of its work takes longer."""
    return worker.heard and worker.seconds <= _WORKER_LATE_S


def _log(event: Event, those: Sequence[Named]) -> None:
    if silent := [one.name for one in those if not one.is_trouble]:
        log.log(*_LINES[event], who=", ".join(silent))
    for one in those:
        if one.is_trouble:
            log.log(*_LINES_OF_TROUBLE[event], what=one.name, words=alert_words.sentence_of(one.trouble, "en"))


def _entry(event: Event, named: Named, now: datetime) -> Entry:
    return Entry(event, named.subject, named.since, now, alert_words.sentence_of(named.trouble))


def _look_into_database(now: datetime, load_s: float | None) -> Look:
    """``load_s``: the judge's clock, when the open alerts are wanted as well. Raises the database's error."""
    held = set(Job.objects.running().values_list("running_on", flat=True))
    units = {
        Subject(unit=pk): Unit(name or assy, last_seen, pk in held)
        for pk, name, assy, last_seen in expected_units().values_list("pk", "name", "assy", "last_seen")
        if last_seen is not None
    }
    beats = {heartbeat.part: heartbeat for heartbeat in Heartbeat.objects.all()}
    found = troubles.found(beats, now, lambda: behind(now))
    return Look(
        {part: heartbeat.at for part, heartbeat in beats.items()},
        units,
        {Subject(part=trouble.name): trouble for trouble in found},
        alert_records.channels(now=now),
        None if load_s is None else alert_records.open_courses(now, load_s),
    )
