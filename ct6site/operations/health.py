"""Whether the parts of the product work, as far as what they leave in the database tells."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import django
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import Min
from django.utils import translation

from ct6site import start
from ct6site.operations import troubles
from ct6site.operations.asking import Asking
from ct6site.operations.troubles import Heartbeats, Trouble
from devices.models import ConfigChange, Device
from devices.querysets import DeviceQuerySet
from readings.heartbeats import STALE_AFTER
from readings.models import DirtyBucket, Heartbeat
from readings.periods import to_datetime
from readings.store.rollups import closed_before

log = structlog.get_logger(__name__)

DATABASE_LIMIT_S = 3.0

WORKERS = ("worker-rollups", "worker-jobs")
LIVING = ("collector", *WORKERS, "beat", "watch")
PARTS = ("database", *LIVING, "answers", "spool", "rollups", "archive", "audit")

_WELL = {
    "answers": "None was lost in the last hour.",
    "spool": "Answers can wait on disk.",
    "rollups": "They are up to date.",
    "archive": "It takes what is due.",
    "audit": "The last one found no difference.",
}
_FIGURES_OF = {
    "answers": "collector",
    "spool": "collector",
    "rollups": "rollups",
    "archive": "archive",
    "audit": "audit",
}
_OF_ANSWERS = ("losses", "dropped", "receive_drops", "flooded")
_OF_SPOOL = ("waiting", "on_disk", "bytes_on_disk")
_NOT_FOR_PEOPLE = {"logged", "wrong"}


@dataclass(frozen=True, slots=True)
class Part:
    """How a part is, in a sentence, and what it counted. Without ``troubles`` one that is unwell is silent."""

    name: str
    well: bool
    sentence: str
    figures: Mapping[str, object] = field(default_factory=dict)
    troubles: Sequence[Trouble] = ()


def examine(now: datetime, *, limit_s: float = DATABASE_LIMIT_S) -> list[Part]:
    """All ``PARTS``, within ``limit_s`` seconds: while the database is away, of the others nothing is known."""
    try:
        return Asking[list[Part]]("health").within(limit_s, lambda: _examine(now))
    except (Error, TimeoutError) as error:
        if start.is_unprepared(error):
            return _without_database(start.UNPREPARED, "Not known while the database is not prepared.")
        log.warning("The database does not answer", reason=str(error))
        return _without_database(f"It does not answer: {error}", "Not known while the database does not answer.")


def _without_database(sentence: str, of_others: str) -> list[Part]:
    return [Part("database", False, sentence), *(Part(name, False, of_others) for name in PARTS[1:])]


def versions() -> dict[str, str]:
    database = ".".join(str(number) for number in connection.get_database_version())
    return {
        "python": platform.python_version(),
        "django": django.get_version(),
        connection.display_name: database,
    }


def _examine(now: datetime) -> list[Part]:
    heartbeats = {heartbeat.part: heartbeat for heartbeat in Heartbeat.objects.all()}
    late = behind(now)
    found = troubles.found(heartbeats, now, lambda: late)
    with translation.override("en"):  # as the other sentences here
        parts = [
            _database(now),
            *(_beating(name, heartbeats, now) for name in LIVING),
            *(Part(name, True, _sentence(name, heartbeats), _figures(name, heartbeats, late)) for name in _WELL),
        ]
        return [_in_trouble(part, [one for one in found if one.part == part.name]) for part in parts]


def wrong_parts(now: datetime) -> list[Part]:
    """The parts that are not well. Raises the database's error."""
    return [part for part in _examine(now) if not part.well]


def expected_units() -> DeviceQuerySet:
    """The units that should answer: adopted ones that have answered before and were not made inactive."""
    return Device.objects.adopted().filter(last_seen__isnull=False).exclude(active=False)


def _database(now: datetime) -> Part:
    """Units that are silent make no part unwell: one that was switched off on purpose shall page nobody from here."""
    adopted, expected = Device.objects.adopted(), expected_units().count()
    silent = expected - expected_units().online(now).count()
    figures = {
        "devices": adopted.count(),
        "devices_online": adopted.online(now).count(),
        "devices_silent": silent,
        "open_wishes": ConfigChange.objects.open().count(),
    }
    return Part("database", True, f"It answers. Units that should answer: {expected}, silent: {silent}.", figures)


def _beating(name: str, heartbeats: Heartbeats, now: datetime) -> Part:
    heartbeat = heartbeats.get(name)
    if heartbeat is None:
        return Part(name, False, "It has never given a sign of life. Start it.")
    silent = now - heartbeat.at
    if silent > STALE_AFTER:
        sentence = f"Its last sign of life is {_span(silent)} old. See its log, and start it again."
        return Part(name, False, sentence, heartbeat.detail)
    sentence = f"Its last sign of life is {_span(silent)} old."
    if (said := heartbeat.detail.get("mqtt_trouble")) and not heartbeat.detail.get("asks_nobody"):
        sentence = f"{sentence} {said}"  # no trouble as long as units are asked
    return Part(name, True, sentence, heartbeat.detail)


def _in_trouble(part: Part, found: Sequence[Trouble]) -> Part:
    if not found:
        return part
    sentences = [trouble.sentence for trouble in found]
    if part.name in LIVING:
        sentences = [part.sentence, *sentences]
    return replace(part, well=False, sentence=" ".join(sentences), troubles=found if part.well else ())


def behind(now: datetime) -> timedelta:
    """How old the oldest minute is that waits for its roll-up."""
    waiting = DirtyBucket.objects.filter(minute__lt=closed_before(round(now.timestamp() * 1000)))
    oldest = waiting.aggregate(oldest=Min("minute"))["oldest"]
    return timedelta() if oldest is None else now - to_datetime(oldest)


def _sentence(name: str, heartbeats: Heartbeats) -> str:
    if name == "archive" and not settings.CT6_ARCHIVE:
        return "It is switched off."
    return _WELL[name] if _FIGURES_OF[name] in heartbeats else "Nothing is known of it yet."


def _figures(name: str, heartbeats: Heartbeats, late: timedelta) -> Mapping[str, object]:
    heartbeat = heartbeats.get(_FIGURES_OF[name])
    detail = {} if heartbeat is None else heartbeat.detail
    if name in ("answers", "spool"):
        return {key: detail[key] for key in (_OF_ANSWERS if name == "answers" else _OF_SPOOL) if key in detail}
    figures = {key: value for key, value in detail.items() if key not in _NOT_FOR_PEOPLE}
    return {**figures, "behind_s": round(late.total_seconds())} if name == "rollups" else figures


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
