"""Whether the parts of the product work, as far as what they leave in the database tells."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import django
import structlog
from django.db import Error, connection
from django.db.models import Min

from ct6site import start
from ct6site.operations.asking import Asking
from devices.models import ConfigChange, Device
from devices.querysets import DeviceQuerySet
from readings.heartbeats import STALE_AFTER
from readings.models import DirtyBucket, Heartbeat
from readings.periods import to_datetime
from readings.store.rollups import closed_before

log = structlog.get_logger(__name__)

TURN_STALE_AFTER = timedelta(seconds=60)  # a turn of the rollups takes its time
BEHIND_AFTER = timedelta(minutes=5)
DATABASE_LIMIT_S = 3.0

WORKERS = ("worker-rollups", "worker-jobs")
PARTS = ("database", "collector", *WORKERS, "beat", "watch", "rollups")

Heartbeats = Mapping[str, Heartbeat]


@dataclass(frozen=True, slots=True)
class Part:
    """How a part is, in a sentence, and what it counted."""

    name: str
    well: bool
    sentence: str
    figures: Mapping[str, object] = field(default_factory=dict)


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
    return [
        _database(now),
        _collector(heartbeats, now),
        *(_beating(name, heartbeats, now) for name in WORKERS),
        _beating("beat", heartbeats, now),
        _beating("watch", heartbeats, now),
        _rollups(heartbeats, now),
    ]


def silent_parts(now: datetime) -> list[str]:
    """The names of those that have given no sign of life for a while. Raises the database's error."""
    return [part.name for part in _examine(now) if not part.well]


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


def _beating(name: str, heartbeats: Heartbeats, now: datetime, stale_after: timedelta = STALE_AFTER) -> Part:
    heartbeat = heartbeats.get(name)
    if heartbeat is None:
        return Part(name, False, "It has never given a sign of life. Start it.")
    silent = now - heartbeat.at
    if silent > stale_after:
        sentence = f"Its last sign of life is {_span(silent)} old. See its log, and start it again."
        return Part(name, False, sentence, heartbeat.detail)
    return Part(name, True, f"Its last sign of life is {_span(silent)} old.", heartbeat.detail)


def _collector(heartbeats: Heartbeats, now: datetime) -> Part:
    """Without its MQTT server it is unwell only if it has no other way to the units."""
    collector = _beating("collector", heartbeats, now)
    trouble = collector.figures.get("mqtt_trouble")
    if not collector.well or not trouble:
        return collector
    is_well = not collector.figures.get("asks_nobody")
    return Part("collector", is_well, f"{collector.sentence} {trouble}", collector.figures)


def _rollups(heartbeats: Heartbeats, now: datetime) -> Part:
    """Old minutes that wait are no trouble by themselves: a window over an outage makes them wait, for seconds."""
    turn = _beating("rollups", heartbeats, now, TURN_STALE_AFTER)
    waiting = DirtyBucket.objects.filter(minute__lt=closed_before(round(now.timestamp() * 1000)))
    oldest = waiting.aggregate(oldest=Min("minute"))["oldest"]
    behind = timedelta() if oldest is None else now - to_datetime(oldest)
    figures = {**turn.figures, "behind_s": round(behind.total_seconds())}
    if turn.well and figures.get("unreadable"):
        return Part("rollups", False, f"Some minutes wait for a file of the archive. {figures['unreadable']}", figures)
    if turn.well and (behind <= BEHIND_AFTER or not turn.figures.get("more")):
        return Part("rollups", True, "They are up to date.", figures)
    if turn.well:
        return Part("rollups", False, f"They work, but are {_span(behind)} behind.", figures)
    return Part("rollups", False, "No turn was completed for a while. See the log of worker-rollups.", figures)


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
