"""How long what a unit measured is kept: set by somebody, for each unit alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from devices import audit
from devices.ct6.errors import UnitError
from devices.models import Device
from devices.wording import Sentence, kept
from readings.retention_models import LEAST_DAYS, Retention
from readings.store import due_to_go
from readings.store.due_to_go import Going

log = structlog.get_logger(__name__)

MOST_DAYS: Final = 36_500
MOST_YEARS: Final = 100
_DAYS_OF_A_YEAR: Final = 365
_OF_THE_RULE: Final = ("seconds_days", "minutes_years", "looked_at", "changed_at", "changed_by")  # the marks are not


class NotKept(UnitError):
    """So long nothing can be kept; nothing was changed."""


def rule_of(device: Device) -> Retention:
    """That of the unit; one that keeps all for ever, not stored, where it has none."""
    return Retention.objects.filter(device=device).first() or Retention(device=device)


def foresee(device: Device, seconds_days: int | None, minutes_years: int | None, *, now_ms: int | None = None) -> Going:
    """What would go at once if it were kept so long. Raises NotKept as ``keep`` does."""
    _refuse(device, seconds_days, minutes_years)
    rule = rule_of(device)
    rule.seconds_days, rule.minutes_years = seconds_days, minutes_years
    return due_to_go.foresee(rule, time.time_ns() // 1_000_000 if now_ms is None else now_ms)


def keep(device: Device, seconds_days: int | None, minutes_years: int | None, *, who: Any) -> Retention:
    """Keep seconds so many days and minutes so many years from now on, None for ever; hours and days stay for ever.

    What is older goes for good at night. Raises NotKept, with nothing changed.
    """
    _refuse(device, seconds_days, minutes_years)
    with transaction.atomic():
        rule = Retention.objects.select_for_update().filter(device=device).first() or Retention(device=device)
        before = _told(rule)
        rule.seconds_days, rule.minutes_years = seconds_days, minutes_years
        rule.changed_at, rule.changed_by = datetime.now(UTC), who if getattr(who, "pk", None) else None
        if before == _told(rule):
            return rule
        rule.looked_at = None
        rule.save(update_fields=None if rule._state.adding else _OF_THE_RULE)
        audit.note(who, "retention", device, before=before, after=_told(rule))
    log.info("How long measurements are kept was changed", unit=device.assy, days=seconds_days, years=minutes_years)
    return rule


def _refuse(device: Device, seconds_days: int | None, minutes_years: int | None) -> None:
    if seconds_days is not None and not LEAST_DAYS <= seconds_days <= MOST_DAYS:
        template = gettext_noop("seconds are kept %(least)d to %(most)d days, or for ever. Nothing was changed.")
        raise NotKept(str(device), template, {"least": LEAST_DAYS, "most": MOST_DAYS})
    if minutes_years is None:
        return
    if not 1 <= minutes_years <= MOST_YEARS:
        template = gettext_noop("minutes are kept 1 to %(most)d years, or for ever. Nothing was changed.")
        raise NotKept(str(device), template, {"most": MOST_YEARS})
    if seconds_days is None or seconds_days > minutes_years * _DAYS_OF_A_YEAR:
        template = gettext_noop(
            "minutes cannot be kept shorter than the seconds that they are made of. Nothing was changed."
        )
        raise NotKept(str(device), template)


def _told(rule: Retention) -> dict[str, Any]:
    for_ever = kept(Sentence(gettext_noop("for ever")))
    limits = {"seconds_days": rule.seconds_days, "minutes_years": rule.minutes_years}
    return {name: for_ever if limit is None else limit for name, limit in limits.items()}
