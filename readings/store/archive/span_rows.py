"""What archiving and letting go both do to the rows of a device; without the library that reads files."""

from typing import Any

from django.db.models import QuerySet

from devices.models import Port
from readings.store.archive.layout import Kind


def rows_of(kind: Kind, line: int, start_ms: int, end_ms: int) -> QuerySet[Any]:
    """Those of a port, or of a device itself, in [start_ms, end_ms)."""
    span = {kind.key: line, f"{kind.moment}__gte": start_ms, f"{kind.moment}__lt": end_ms}
    return kind.table._default_manager.filter(**span)


def lock(device_id: int) -> None:
    """Keep roll-ups and other archivers of a device out until the caller's transaction ends; not the collector."""
    list(Port.objects.filter(device=device_id).order_by("pk").select_for_update().values_list("pk", flat=True))
