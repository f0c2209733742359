"""The record of who did what to which device; written by the verbs, so that no way in leaves none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from devices.models import AuditEntry, Device

# A unit calls them MQTT_PASSWORD and, in its WIFI settings, PASSWD.
_SECRET = re.compile("PASSW|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
HIDDEN = "(hidden)"
COMMAND_LINE = " (command line)"  # behind the name of whoever works there without a login here
_NAME_CHARACTERS = 150
_name_here: ContextVar[str] = ContextVar("who does without a login what is done here", default="")


@contextmanager
def in_the_name_of(name: str) -> Iterator[None]:
    """What is done within by nobody who has a login is noted under this name; "" for the product itself.

    It does not reach into threads that are started within.
    """
    token = _name_here.set(name)
    try:
        yield
    finally:
        _name_here.reset(token)


def name_of(who: Any) -> str:
    """Under which name something is noted that this user does, or nobody who has a login (None)."""
    return (_name_here.get() if who is None else str(who))[:_NAME_CHARACTERS]


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
        who_name=name_of(who),
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
