"""The parts of the product say here that they work, so that an operator sees when one does not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from readings.models import Heartbeat

# Each says every 5 to 10 s that it works, so that two in a row are missing: silence is seen within 30 s.
STALE_AFTER: Final = timedelta(seconds=25)


def collector_seen() -> datetime | None:
    """When the collector last said that it works; None if it never did."""
    return Heartbeat.objects.filter(part="collector").values_list("at", flat=True).first()


def note(part: str, now: datetime, detail: Mapping[str, object] | None = None) -> None:
    """A part works; ``detail`` is what it counted, as JSON can say it."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": now, "detail": dict(detail or {})})
