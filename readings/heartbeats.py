"""The parts of the product say here that they work, so that an operator sees when one does not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from readings.models import Heartbeat

# Each says every 5 to 10 s that it works, so that two in a row are missing: silence is seen within 30 s.
STALE_AFTER: Final = timedelta(seconds=25)
LOGGED_AGAIN_AFTER: Final = timedelta(hours=1)
_LOGGED: Final = "logged"


def collector_seen() -> datetime | None:
    """When the collector last said that it works; None if it never did."""
    return Heartbeat.objects.filter(part="collector").values_list("at", flat=True).first()


def detail(part: str) -> Mapping[str, object]:
    """What a part counted when it last worked; empty if it never did."""
    return Heartbeat.objects.filter(part=part).values_list("detail", flat=True).first() or {}


def note(part: str, now: datetime, detail: Mapping[str, object] | None = None) -> None:
    """A part works; ``detail`` is what it counted, as JSON can say it."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": now, "detail": dict(detail or {})})


def note_trouble(part: str, now: datetime, counted: Mapping[str, object], reason: str) -> bool:
    """As ``note``, of a part that works and cannot do all of its work for this reason (empty: it can).

    Whether to log that now: where it is another reason than the last time, and once an hour.
    """
    if not reason:
        note(part, now, counted)
        return False
    logged = detail(part).get(_LOGGED)
    before = logged if isinstance(logged, Mapping) else {}
    at = datetime.fromisoformat(str(before["at"])) if before.get("reason") == reason else None
    is_due = at is None or abs(now - at) >= LOGGED_AGAIN_AFTER
    logged_at = now if is_due or at is None else at
    note(part, now, {**counted, _LOGGED: {"reason": reason, "at": logged_at.isoformat()}})
    return is_due
