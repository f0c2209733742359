"""What is wrong although all give their signs of life: answers that are lost, and work that is stuck.

One place says it, for /health/, the admin's first page and the watch, as far as what the parts leave in the database
tells; each in the language that is active when it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext

from readings.collect.losses import QUIET_MS, Cause, Loss, losses_in
from readings.collect.spool import given_up_in
from readings.models import Heartbeat

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Heartbeats = Mapping[str, Heartbeat]

TURN_STALE_AFTER: Final = timedelta(seconds=60)  # a turn of the rollups takes its time
BEHIND_AFTER: Final = timedelta(minutes=5)
ARCHIVE_STALE_AFTER: Final = timedelta(hours=1)
# A few that a busy machine loses at once, or a stranger's burst, need nobody's hand.
_LEAST: Final = {Cause.RECEIVE_BUFFER: 20, Cause.MQTT: 20, Cause.FLOOD: 1_000}
_WORK_LASTS_S: Final = 240.0

GIVEN_UP, DISK, MQTT = "answers-given-up", "spool-disk", "mqtt-server"
ROLLUPS, AUDIT, ARCHIVE, RETENTION = "rollups", "audit", "archive", "retention"
_OF_CAUSE: Final = {
    Cause.SPOOL: GIVEN_UP,
    Cause.MEMORY: "answers-given-up-in-memory",
    Cause.RECEIVE_BUFFER: "answers-dropped",
    Cause.MQTT: "messages-dropped",
    Cause.FLOOD: "flood",
}

TITLES: Final[Mapping[str, StrPromise]] = {
    GIVEN_UP: _("answers given up"),
    _OF_CAUSE[Cause.MEMORY]: _("answers given up in memory"),
    _OF_CAUSE[Cause.RECEIVE_BUFFER]: _("answers dropped by the system"),
    _OF_CAUSE[Cause.MQTT]: _("MQTT messages dropped"),
    _OF_CAUSE[Cause.FLOOD]: _("a flood of datagrams"),
    DISK: _("the disk for waiting answers"),
    MQTT: _("the MQTT server"),
    ROLLUPS: _("rollups that are late"),
    AUDIT: _("rollups that differ"),
    ARCHIVE: _("the archive"),
    RETENTION: _("what is to be let go of"),
}
"""What each is about, by its name."""

BY_COLLECTOR: Final = frozenset({*_OF_CAUSE.values(), DISK, MQTT})
"""Those that the collector tells of; the worker of the rollups tells of the others."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong. ``part`` is what it makes unwell on /health/, ``since`` when it began, where that is
    known; people are told of it once it has lasted for ``lasts_s`` seconds more than a silence.
    """

    name: str
    part: str
    words: StrPromise
    values: Mapping[str, object] = field(default_factory=dict)
    since: datetime | None = None
    lasts_s: float = 0.0

    @property
    def sentence(self) -> str:
        """What is wrong, what that means, and what to do."""
        return str(self.words % {name: _shown(name, value) for name, value in self.values.items()})


def moment(when: datetime) -> str:
    """As people of this installation read it, in its zone."""
    local = when.astimezone(ZoneInfo(settings.CT6_TIMEZONE))
    return date_format(local, pgettext("date and time of an alert, format of Django", "H:i:s, j F Y"))


def found(heartbeats: Heartbeats, now: datetime, behind: Callable[[], timedelta]) -> list[Trouble]:
    """Everything that is wrong. ``behind`` tells how far the rollups are behind; it is asked only if that matters."""
    collector = heartbeats["collector"].detail if "collector" in heartbeats else {}
    return [
        *_losses(collector, now),
        *_of_disk_and_server(collector),
        *_of_rollups(heartbeats.get("rollups"), now, behind),
        *_of_audit(heartbeats.get("audit")),
        *(_of_archive(heartbeats.get("archive"), now) if settings.CT6_ARCHIVE else ()),
        *_of_retention(heartbeats.get("retention")),
    ]


def found_without_database(now: datetime) -> list[Trouble]:
    """What can be seen while the database is away, where the collector works on this machine."""
    loss = given_up_in(settings.CT6_SPOOL_DIR)
    return [] if loss is None or not _is_recent(loss, now) else [_loss(Cause.SPOOL, loss, {})]


def _shown(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int) and name != "count":  # that one chooses between singular and plural
        return number_format(value, force_grouping=True)
    return value


# --- Answers that are lost --------------------------------------------------------------------------------------
def _losses(detail: Mapping[str, object], now: datetime) -> list[Trouble]:
    return [
        _loss(cause, loss, detail)
        for cause, loss in losses_in(detail.get("losses")).items()
        if loss.answers >= _LEAST.get(cause, 1) and _is_recent(loss, now)
    ]


def _is_recent(loss: Loss, now: datetime) -> bool:
    """It ends when no more have gone for a while."""
    return abs(now.timestamp() * 1000 - loss.at_ms) < QUIET_MS


def _loss(cause: Cause, loss: Loss, detail: Mapping[str, object]) -> Trouble:
    since, until = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (loss.since_ms, loss.until_ms))
    wanted, has = detail.get("wanted_buffer_bytes"), detail.get("receive_buffer_bytes")
    values = {
        "count": loss.answers,
        "number": loss.answers,
        "since": since,
        "until": until,
        "sender": detail.get("flooded_by") or "?",
        "bytes": str(wanted),
    }
    is_small = isinstance(wanted, int) and isinstance(has, int) and has < wanted
    words = _TOO_SMALL if cause is Cause.RECEIVE_BUFFER and is_small else _WORDS_OF_LOSS[cause]
    return Trouble(_OF_CAUSE[cause], "answers", words, values, since)


_TOO_SMALL = ngettext_lazy(
    "The system dropped %(number)s answer before the collector could read it, the last at %(until)s, as the receive "
    "buffer is too small. Run sysctl -w net.core.rmem_max=%(bytes)s, and start the collector again.",
    "The system dropped %(number)s answers before the collector could read them, the last at %(until)s, as the receive "
    "buffer is too small. Run sysctl -w net.core.rmem_max=%(bytes)s, and start the collector again.",
    "count",
)
_WORDS_OF_LOSS: Final[Mapping[Cause, StrPromise]] = {
    Cause.SPOOL: ngettext_lazy(
        "The collector gave up %(number)s answer that waited on disk for the database, from %(since)s to %(until)s, as "
        "CT6_SPOOL_MAX was reached: what it measured is lost. Get the database to work; raise CT6_SPOOL_MAX where the "
        "disk has room.",
        "The collector gave up %(number)s answers that waited on disk for the database, from %(since)s to %(until)s, "
        "as CT6_SPOOL_MAX was reached: what they measured is lost. Get the database to work; raise CT6_SPOOL_MAX where "
        "the disk has room.",
        "count",
    ),
    Cause.MEMORY: ngettext_lazy(
        "The collector gave up %(number)s answer that waited in memory, the last at %(until)s, as neither the database "
        "nor the disk took it: what it measured is lost. Get the database to work, and make room on the disk of "
        "CT6_SPOOL_DIR.",
        "The collector gave up %(number)s answers that waited in memory, the last at %(until)s, as neither the "
        "database nor the disk took them: what they measured is lost. Get the database to work, and make room on the "
        "disk of CT6_SPOOL_DIR.",
        "count",
    ),
    Cause.RECEIVE_BUFFER: ngettext_lazy(
        "The system dropped %(number)s answer before the collector could read it, the last at %(until)s: this machine "
        "is too busy, or somebody floods it. See what keeps it busy.",
        "The system dropped %(number)s answers before the collector could read them, the last at %(until)s: this "
        "machine is too busy, or somebody floods it. See what keeps it busy.",
        "count",
    ),
    Cause.MQTT: ngettext_lazy(
        "%(number)s message of a unit was dropped at %(until)s, as the collector could not keep up with the MQTT "
        "server. See what keeps this machine busy.",
        "%(number)s messages of units were dropped, the last at %(until)s, as the collector could not keep up with the "
        "MQTT server. See what keeps this machine busy.",
        "count",
    ),
    Cause.FLOOD: ngettext_lazy(
        "%(number)s datagram was left out at %(until)s, as %(sender)s sends more than any unit does. Find out what it "
        "is, and keep it off this network.",
        "%(number)s datagrams were left out, the last at %(until)s, as %(sender)s sends more than any unit does. Find "
        "out what it is, and keep it off this network.",
        "count",
    ),
}


# --- What stands in the collector's way -------------------------------------------------------------------------
def _of_disk_and_server(detail: Mapping[str, object]) -> list[Trouble]:
    """Without its MQTT server the collector is in trouble only if it has no other way to the units."""
    troubles = []
    if reason := detail.get("disk_trouble"):
        words = _(
            "The collector cannot keep answers on disk (%(reason)s). Nothing is lost as long as the database takes "
            "them; should it go away, memory holds them for a minute. Make room there, or name another folder with "
            "CT6_SPOOL_DIR."
        )
        troubles.append(Trouble(DISK, "spool", words, {"reason": reason}))
    if (reason := detail.get("mqtt_trouble")) and detail.get("asks_nobody"):
        words = _("%(reason)s Nothing is measured until that works, as no unit is asked (CT6_ASK=0).")
        troubles.append(Trouble(MQTT, "collector", words, {"reason": reason}))
    return troubles


# --- Work that is stuck -----------------------------------------------------------------------------------------
def _of_rollups(turn: Heartbeat | None, now: datetime, behind: Callable[[], timedelta]) -> list[Trouble]:
    """Old minutes that wait are no trouble by themselves: a window over an outage makes them wait, for seconds."""
    if turn is None or now - turn.at > TURN_STALE_AFTER:
        words = _("No turn of the rollups was completed for a while; readings are kept. See the log of worker-rollups.")
        return [Trouble(ROLLUPS, "rollups", words, lasts_s=_WORK_LASTS_S)]
    if reason := turn.detail.get("unreadable"):
        words = _("Some minutes wait for a file of the archive; readings are kept. %(reason)s")
        return [Trouble(ROLLUPS, "rollups", words, {"reason": reason})]
    if turn.detail.get("more") and (span := behind()) > BEHIND_AFTER:
        words = _(
            "Rollups are %(minutes)s min behind: plots and sums of long ranges take longer until they are not. "
            "Readings are kept."
        )
        return [Trouble(ROLLUPS, "rollups", words, {"minutes": round(span.total_seconds() / 60)})]
    return []


def _of_audit(audit: Heartbeat | None) -> list[Trouble]:
    wrong = 0 if audit is None else audit.detail.get("wrong_spans", 0)
    if not wrong:
        return []
    words = ngettext_lazy(
        "In %(number)s hour or day of a unit rollups differ from what they are made of, as the audit found; readings "
        "are not concerned. Run manage.py audit_rollups --all --repair.",
        "In %(number)s hours or days of units rollups differ from what they are made of, as the audit found; readings "
        "are not concerned. Run manage.py audit_rollups --all --repair.",
        "count",
    )
    return [Trouble(AUDIT, "audit", words, {"count": wrong, "number": wrong})]


def _of_retention(turn: Heartbeat | None) -> list[Trouble]:
    if turn is None or not (reason := turn.detail.get("problem")):
        return []
    words = _("What is older than a unit's retention says cannot be deleted, and goes on taking room. %(reason)s")
    return [Trouble(RETENTION, "rollups", words, {"reason": reason})]


def _of_archive(turn: Heartbeat | None, now: datetime) -> list[Trouble]:
    if turn is None:
        return []
    if now - turn.at > ARCHIVE_STALE_AFTER:
        words = _(
            "No turn of the archive was completed for %(hours)s h; readings stay in the database, and nothing is lost. "
            "See the log of worker-rollups."
        )
        hours = (now - turn.at) // timedelta(hours=1)
        return [Trouble(ARCHIVE, "archive", words, {"hours": hours}, lasts_s=_WORK_LASTS_S)]
    if reason := turn.detail.get("unreachable"):
        words = _("Nothing goes into the archive; readings stay in the database, and nothing is lost. %(reason)s")
        return [Trouble(ARCHIVE, "archive", words, {"reason": reason})]
    if reason := turn.detail.get("unmoved"):
        words = _(
            "Some of what belongs into the archive stays in the database, as a file of it cannot be read; nothing of "
            "that is lost. %(reason)s"
        )
        return [Trouble(ARCHIVE, "archive", words, {"reason": reason})]
    return []
