"""The parts of the product say here that they work, so that an operator sees when one does not."""

from collections.abc import Mapping
from datetime import datetime

from readings.models import Heartbeat


def note(part: str, now: datetime, detail: Mapping[str, object] | None = None) -> None:
    """A part works; ``detail`` is what it counted, as JSON can say it."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": now, "detail": dict(detail or {})})
