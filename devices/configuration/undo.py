"""Taking a change of a setting back: a new wish for what was there before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from devices.configuration.settings import Kind, kind_of
from devices.configuration.wishes import wish
from devices.ct6.errors import UnitError
from devices.models import ConfigChange

_State = ConfigChange.State


class CannotUndo(UnitError):
    """Why a change cannot be taken back, as a sentence for whoever asked."""

    def __init__(self, change: ConfigChange, template: str, values: Mapping[str, object] | None = None) -> None:
        super().__init__(str(change.device), template, values)


def undo(change: ConfigChange, who: Any, *, now: datetime) -> ConfigChange:
    """Wish for what the setting was before this change; nothing is sent (see `push`).

    Raises CannotUndo, or DestructiveValue where a unit must not be given that value again.
    """
    if (refusal := why_not_undone(change)) is not None:
        raise refusal
    [again] = wish(change.device, {change.key: change.before}, who, now=now, action="undo")
    return again


def why_not_undone(change: ConfigChange) -> CannotUndo | None:
    """What speaks against taking this change back; None if nothing does."""
    if kind_of(change.key) is Kind.PASSWORD:
        template = _(
            "A password is not kept after the unit has taken it, so the former one is not known; type it again."
        )
        return CannotUndo(change, template)
    if change.state == _State.REFUSED:
        return CannotUndo(change, _("The unit did not take this change, so there is nothing to take back."))
    if change.state == _State.REPLACED:
        return CannotUndo(change, _("This change was replaced by a newer wish before the unit took it."))
    if not change.before_known:
        return CannotUndo(change, _("It is not known what the unit held before; read its settings and wish anew."))
    newer = ConfigChange.objects.filter(device=change.device_id, key=change.key, pk__gt=change.pk)
    last = newer.filter(state__in=(_State.OPEN, _State.CONFIRMED)).order_by("pk").last()
    if last is not None:
        template = _("It was changed again since, on %(moment)s UTC; take that change back instead.")
        return CannotUndo(change, template, {"moment": f"{last.made:%Y-%m-%d %H:%M}"})
    return None
