"""A unit takes over the place of a broken one: its name, ports, grants and history.

The device of the broken unit goes on under the new unit's label, so that everything that hangs on it stays as it is.
That is one short transaction (`replace`). What the new unit has measured under its own device so far follows in short
steps (`move_on`), each of which leaves everything in order; the rollups' worker goes on with them, wherever they were
stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from django.db import models, transaction
from django.utils.translation import gettext_noop

from devices import audit
from devices.configuration import GROUP_NAME, UNIT_NAME, can_be_wished, open_wishes, port_name_key, wish
from devices.ct6.errors import DestructiveValue, UnitError
from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import AuditEntry, Calibration, ConfigChange, Device, FactoryConfig, Job, Port, Replacement
from readings import bad_spans
from readings.models import DeviceMinute
from readings.periods import MINUTE_MS, floor_minute, format_time
from readings.store import retention
from readings.store.archive.together import measured_span
from readings.store.gone import readings_gone
from readings.store.moving import Move, move_some
from readings.turn import Pause, let_others_write

log = structlog.get_logger(__name__)

# What the new unit is, and what it told: the rest stays as it was at the broken one.
_OF_THE_UNIT: Final = (
    *("address", "http_port", "product", "device_type", "group_name", "firmware_version", "active", "name"),
    *("last_seen", "last_answer", "told_at", "settings_held", "status", "status_at", "demo"),
)
# By then every collector has seen the new label, and has written what it still had for the emptied device.
_STRAGGLERS: Final = timedelta(minutes=2)
_STEPS_PER_TURN: Final = 50


class NotReplaced(UnitError):
    """These two units cannot change places like that; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a replacement would do. Moments are epoch ms, None where nothing was measured."""

    names: Mapping[str, str]  # what is wished of the new unit, by setting
    ports: Sequence[int]  # numbers of those that go on as they are
    added_ports: Sequence[int]  # of those that only the new unit has
    groups: int  # of users, who go on seeing the device
    measured_until_ms: int | None  # by the old unit, which stays
    moves: bool  # whether the new unit has measured something since
    forgotten_since_ms: int | None  # from when on the new unit measured what is deleted


def replace(  # noqa: PLR0913 - who takes whose place, from when on, and who says so
    old: Device,
    new: Device,
    *,
    at_ms: int,
    who: Any,
    forget_earlier: bool = False,
    now: datetime | None = None,
) -> Replacement:
    """Let the new unit take the place of the old one from a moment on, a whole minute.

    ``old`` then is the device of the new unit. Its name and those of its ports become wishes towards the new unit. What
    the new unit measured before the moment is deleted, but only if that is said. Raises NotReplaced, with nothing
    changed. What it measured since then follows by `move_on`, which the rollups' worker calls too.
    """
    now = now or datetime.now(UTC)
    with transaction.atomic():
        held = Device.objects.select_for_update().order_by("pk").in_bulk([old.pk, new.pk])
        if len(held) < 2:
            raise _own_place(old)
        old, new = held[old.pk], held[new.pk]
        _refuse(old, new, at_ms, forget_earlier=forget_earlier, now=now)
        names = _names_of(old)
        former_assy, new_assy = old.assy, new.assy
        replacement = Replacement.objects.create(
            device=old, former_assy=former_assy, new_assy=new_assy, at_ms=at_ms, moving_from=new, who=_user(who)
        )
        _change_places(old, new, replacement)
        _wish_names(old, names, who, now)
        after = {"assy": new_assy, "address": old.address, "from": format_time(at_ms)}
        audit.note(who, "replace", old, before={"assy": former_assy}, after=after)
    log.info("A unit takes the place of another", unit=new_assy, former=former_assy, at=format_time(at_ms))
    return replacement


def move_on(
    replacement: Replacement,
    *,
    limit_steps: int | None = None,
    now: datetime | None = None,
    pause: Pause = time.sleep,
) -> int:
    """Move what the new unit has measured under its own device; returns how many rows of readings that were.

    May be stopped anywhere and called again. The emptied device goes once nobody can write to it any more.
    """
    source = replacement.moving_from
    if source is None:
        return 0
    move = Move.between(source, replacement.device, replacement.at_ms)
    moved = steps = 0
    while step := move_some(move):
        moved, steps = moved + step, steps + 1
        if steps == limit_steps:
            return moved
        let_others_write(pause)
    if (now or datetime.now(UTC)) - replacement.made >= _STRAGGLERS or not _may_be_written(source):
        retention.forget(source, pause=pause)
        source.delete()
        replacement.moving_from = None
        log.info("All that a unit measured is in its new place", unit=replacement.new_assy, readings=moved)
    return moved


def move_all_on() -> None:
    """Go on with what is still to be moved."""
    for replacement in Replacement.objects.filter(moving_from__isnull=False).select_related("device", "moving_from"):
        move_on(replacement, limit_steps=_STEPS_PER_TURN)


def foresee(
    old: Device, new: Device, *, at_ms: int, forget_earlier: bool = False, now: datetime | None = None
) -> Foreseen:
    """What `replace` would do if it were called now. Raises NotReplaced as that does; changes nothing."""
    if old.pk == new.pk:
        raise _own_place(old)
    _refuse(old, new, at_ms, forget_earlier=forget_earlier, now=now or datetime.now(UTC))
    ours, theirs = (set(device.ports.values_list("number", flat=True)) for device in (old, new))
    newest_ms, earliest_ms = _newest_ms(new), _earliest_ms(new)
    return Foreseen(
        # A port that the new unit lacks is called as it was.
        names=_differing(_names_of(old), _reported_names(old) | _reported_names(new)),
        ports=sorted(ours),
        added_ports=sorted(theirs - ours),
        groups=old.grants.count(),
        measured_until_ms=_newest_ms(old),
        moves=newest_ms is not None and newest_ms > at_ms,
        forgotten_since_ms=earliest_ms if earliest_ms is not None and earliest_ms <= at_ms else None,
    )


def first_possible(old: Device) -> int:
    """The first whole minute from which on the old unit has measured nothing, epoch ms."""
    newest = _newest_ms(old)
    return 0 if newest is None else -(-newest // MINUTE_MS) * MINUTE_MS


# --- What speaks against it ---------------------------------------------------------------------------------------
def _refuse(old: Device, new: Device, at_ms: int, *, forget_earlier: bool, now: datetime) -> None:
    _refuse_moment(old, at_ms, now)
    _refuse_doubtful(old, new)
    _refuse_what_is_measured(old, new, at_ms, forget_earlier=forget_earlier)
    _refuse_what_is_gone(new, at_ms)


def _own_place(device: Device) -> NotReplaced:
    return NotReplaced(str(device), gettext_noop("a unit cannot take its own place. Nothing was changed."))


def _refuse_moment(old: Device, at_ms: int, now: datetime) -> None:
    if at_ms != floor_minute(at_ms):
        raise NotReplaced(str(old), gettext_noop("the moment has to be a whole minute. Nothing was changed."))
    if at_ms > now.timestamp() * 1000:
        template = gettext_noop("%(moment)s is still to come. Nothing was changed.")
        raise NotReplaced(str(old), template, {"moment": format_time(at_ms)})


def _refuse_doubtful(old: Device, new: Device) -> None:
    if new.assy == DEFAULT_ASSY:
        template = gettext_noop(
            "%(assy)s is the label of every uncalibrated board: give the new unit a label of its own first. Nothing "
            "was changed."
        )
        raise NotReplaced(str(new), template, {"assy": new.assy})
    for device in (old, new):
        if device.claimed_from is not None:
            template = gettext_noop("two units claim its label; settle that first. Nothing was changed.")
            raise NotReplaced(str(device), template)
        if Job.objects.filter(device=device, state__in=(Job.State.WAITING, Job.State.RUNNING)).exists():
            template = gettext_noop("a job of it waits or runs; let that end, or cancel it. Nothing was changed.")
            raise NotReplaced(str(device), template)
        moving = Replacement.objects.filter(models.Q(device=device) | models.Q(moving_from=device))
        if moving.filter(moving_from__isnull=False).exists():
            template = gettext_noop(
                "its last replacement still goes on; try again in some minutes. Nothing was changed."
            )
            raise NotReplaced(str(device), template)


def _refuse_what_is_measured(old: Device, new: Device, at_ms: int, *, forget_earlier: bool) -> None:
    newest_ms = _newest_ms(old)
    if newest_ms is not None and newest_ms > at_ms:
        template = gettext_noop(
            "it measured until %(newest)s itself, and no time is measured twice. Take a moment from %(first)s on. "
            "Nothing was changed."
        )
        raise NotReplaced(
            str(old), template, {"newest": format_time(newest_ms), "first": format_time(first_possible(old))}
        )
    earliest_ms = _earliest_ms(new)
    if earliest_ms is not None and earliest_ms <= at_ms and not forget_earlier:
        template = gettext_noop(
            "it has measured since %(earliest)s, before that moment: that would be deleted. Take an earlier moment, or "
            "say that it may be forgotten. Nothing was changed."
        )
        raise NotReplaced(str(new), template, {"earliest": format_time(earliest_ms)})


def _refuse_what_is_gone(new: Device, at_ms: int) -> None:
    """Sums are not moved."""
    gone_ms = readings_gone(new.pk)
    if at_ms < gone_ms:
        template = gettext_noop(
            "what it measured until %(moment)s was let go of, and only its sums are stored: take a moment from then "
            "on. Nothing was changed."
        )
        raise NotReplaced(str(new), template, {"moment": format_time(gone_ms)})


def _newest_ms(device: Device) -> int | None:
    """The end of what is stored of a device; by its minutes where its readings are gone."""
    measured = measured_span(device.pk)
    reading = None if measured is None else measured[1]
    minute = DeviceMinute.objects.filter(device=device).order_by("-start").values_list("start", flat=True).first()
    if minute is None or (reading is not None and reading > minute):
        return reading
    return minute + MINUTE_MS


def _earliest_ms(device: Device) -> int | None:
    """The first moment at which something stored of a device ends; by its minutes where its readings are gone."""
    measured = measured_span(device.pk)
    reading = None if measured is None else measured[0]
    minute = DeviceMinute.objects.filter(device=device).order_by("start").values_list("start", flat=True).first()
    if minute is None or (reading is not None and reading <= minute + MINUTE_MS):
        return reading
    return minute + MINUTE_MS


def _may_be_written(source: Device) -> bool:
    """Whether a collector may still take it for the unit's device: only if the unit was stored until then."""
    return source.adoption == Device.Adoption.IGNORED


# --- Changing places ----------------------------------------------------------------------------------------------
def _change_places(old: Device, new: Device, replacement: Replacement) -> None:
    was_stored = new.adoption == Device.Adoption.ADOPTED
    label = new.assy
    # Labels are unique, so the new unit's device has to give its own away first.
    new.assy = f"moved-to-{old.pk}-{replacement.pk}"
    if was_stored:
        new.adoption = Device.Adoption.IGNORED
    new.save(update_fields=["assy", "adoption"])
    old.assy = label
    old.adoption = Device.Adoption.ADOPTED
    for field in _OF_THE_UNIT:
        setattr(old, field, getattr(new, field))
    old.claimed_from = old.held_until = None
    old.save(update_fields=["assy", "adoption", "claimed_from", "held_until", *_OF_THE_UNIT])
    _change_ports(old, new, replacement.at_ms)
    open_now = ConfigChange.objects.open().filter(device=old).values("key")
    ConfigChange.objects.open().filter(device=new, key__in=list(open_now.values_list("key", flat=True))).update(
        state=ConfigChange.State.REPLACED, settled=replacement.made, secret=""
    )
    for model in (ConfigChange, FactoryConfig, Calibration, Job, AuditEntry):
        model._default_manager.filter(device=new).update(device=old)
    Replacement.objects.filter(device=new).update(device=old)  # whose place the new unit took before


def _change_ports(old: Device, new: Device, at_ms: int) -> None:
    """What the new unit reports of its ports, and what of theirs is bad; those that the old one did not have come over
    as they are.
    """
    ports = {port.number: port for port in old.ports.select_for_update()}
    for theirs in new.ports.all():
        ours = ports.get(theirs.number)
        if ours is None:
            Port.objects.filter(pk=theirs.pk).update(device=old)
        else:
            Port.objects.filter(pk=ours.pk).update(name=theirs.name, sensor_type=theirs.sensor_type)
            bad_spans.hand_over(theirs, ours, at_ms)


def _names_of(old: Device) -> dict[str, str]:
    """What the old unit was called, by setting, as it was wished last."""
    names = {UNIT_NAME: old.name, GROUP_NAME: old.group_name}
    names |= {port_name_key(port.number): port.name for port in old.ports.all()}
    wished = {key: change.wished for key, change in open_wishes(old).items() if key in names}
    return {key: text for key, text in (names | wished).items() if can_be_wished(key)}


def _reported_names(device: Device) -> dict[str, str]:
    names = {UNIT_NAME: device.name, GROUP_NAME: device.group_name}
    return names | {port_name_key(port.number): port.name for port in Port.objects.filter(device=device)}


def _differing(names: Mapping[str, str], reported: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in names.items() if key in reported and reported[key] != text}


def _wish_names(device: Device, names: dict[str, str], who: Any, now: datetime) -> None:
    """Wish the names one by one, so that one which cannot be wished keeps none of the others back."""
    wanted = _differing(names, _reported_names(device))
    # A name that the new unit has already needs no wish; one that is on its way to it is not wanted any more.
    fulfilled = ConfigChange.objects.open().filter(device=device, key__in=names.keys() - wanted.keys())
    fulfilled.update(state=ConfigChange.State.REPLACED, settled=now)
    for key, text in wanted.items():
        try:
            wish(device, {key: text}, _user(who), now=now, action="replace")
        except DestructiveValue as refusal:
            log.warning("A name cannot be given to the new unit", unit=device.assy, key=key, reason=str(refusal))


def _user(who: Any) -> Any:
    return who if getattr(who, "pk", None) else None
