"""The record of who did what to which device; written by the verbs, so that no way in leaves none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from devices.models import AuditEntry, Device

# A unit calls them MQTT_PASSWORD and, in its WIFI settings, PASSWD.
_SECRET = re.compile("PASSW|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
HIDDEN = "(hidden)"


def note(
    who: Any,
    action: str,
    device: Device | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write an entry. ``action`` is a short English word such as ``adopt``; values of passwords are left out."""
    return AuditEntry.objects.create(
        who=who if getattr(who, "pk", None) else None,
        who_name="" if who is None else str(who)[:150],
        device=device,
        action=action,
        before=without_secrets(before or {}),
        after=without_secrets(after or {}),
    )


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same, at every depth, with the values of passwords replaced."""
    return {str(key): _shown(str(key), value) for key, value in values.items()}


def _shown(key: str, value: Any) -> Any:
    if _SECRET.search(key):
        return HIDDEN if value else ""
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_shown("", item) for item in value]
    # Moments, decimals and the like as texts: the record is read by people.
    return value if value is None or isinstance(value, str | int | float) else str(value)
