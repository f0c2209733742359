"""What the watch keeps in the database: open alerts and past ones, and what became of messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from ct6site.models import Alert, AlertChannel
from ct6site.operations.alerting import Course, Event, Subject
from ct6site.operations.delivery import Channel, Outcome
from devices.configuration.passwords import PasswordLost
from devices.models import Device

KEPT_FOR: Final = timedelta(days=400)
_A_STEP: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to a subject, to be written once the database takes it; of a trouble with its words."""

    event: Event
    subject: Subject
    since: datetime
    at: datetime
    words: str = ""


def write(entries: Iterable[Entry], outcomes: Iterable[Outcome]) -> None:
    """In their order. Written twice they are the same as once. Raises the database's error."""
    for entry in entries:
        _write_entry(entry)
    for outcome in outcomes:
        _write_outcome(outcome)


def open_courses(now: datetime, now_s: float) -> dict[Subject, tuple[Course, datetime]]:
    """What is open, as the judge remembers it, and since when each is silent. ``now_s`` is the judge's clock."""
    courses = {}
    for alert in Alert.objects.filter(ended=None):
        course = Course(is_open=True, is_down=True, flaps=alert.flapping, told_s=_told_s(alert, now, now_s))
        courses[Subject(alert.device_id or 0, alert.part)] = (course, alert.since)
    return courses


def forget_old(now: datetime) -> int:
    """Let go of alerts that ended ``KEPT_FOR`` ago, in short steps; how many that were. Raises the database's error."""
    gone, old = 0, Alert.objects.filter(ended__lt=now - KEPT_FOR).order_by("pk")
    while some := list(old.values_list("pk", flat=True)[:_A_STEP]):
        gone += Alert.objects.filter(pk__in=some).delete()[0]
    return gone


def channels(*, now: datetime) -> list[Channel]:
    """Those to which can be sent. One whose address cannot be read any more says so."""
    found = []
    for channel in AlertChannel.objects.filter(enabled=True):
        try:
            address = channel.address
        except PasswordLost:
            if channel.problem != AlertChannel.Problem.UNREADABLE:
                channel.note_failure(now, AlertChannel.Problem.UNREADABLE, "")
            continue
        found.append(Channel(channel.pk, channel.name, address, channel.about_units, channel.about_parts))
    return found


def _told_s(alert: Alert, now: datetime, now_s: float) -> float | None:
    return None if alert.told_at is None else now_s - (now - alert.told_at).total_seconds()


def _open(subjects: Iterable[Subject]) -> Q:
    chosen = list(subjects)
    units = [subject.unit for subject in chosen if subject.unit]
    return Q(ended=None) & (Q(device__in=units) | Q(device=None, part__in=[one.part for one in chosen if one.part]))


def _write_entry(entry: Entry) -> None:
    current = Alert.objects.filter(_open([entry.subject]))
    if entry.event in (Event.ENDED, Event.DROPPED):
        current.update(ended=entry.at)
        return
    if not current.exists():
        if entry.subject.unit and not Device.objects.filter(pk=entry.subject.unit).exists():
            return  # deleted meanwhile
        device_id = entry.subject.unit or None
        Alert.objects.create(
            device_id=device_id, part=entry.subject.part, since=entry.since, opened=entry.at, words=entry.words
        )
    if entry.event is Event.FLAPPING:
        current.update(flapping=True)


def _write_outcome(outcome: Outcome) -> None:
    channel = AlertChannel.objects.filter(pk=outcome.channel_id).first()
    if channel is None:
        return
    if outcome.failure is not None:
        channel.note_failure(outcome.at, outcome.failure.problem, outcome.failure.detail)
        return
    channel.note_success(outcome.at)
    Alert.objects.filter(_open(outcome.subjects)).update(told_at=outcome.at)
