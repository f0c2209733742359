"""What a port is from a moment on, with what it was before kept: the circuit moved, the clamp was turned round.

A change without a moment (`change`) holds for all of the time since the last such moment, and so rewrites that past.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from devices import audit
from devices.configuration import clean, port_name_key, wish
from devices.ct6.errors import UnitError
from devices.models import Device, Port, PortPast

log = structlog.get_logger(__name__)

HOUR_MS: Final = 3_600_000
_FIRST_MS: Final = 366 * 24 * HOUR_MS  # 1971: before it clocks were never set
SCALE_PLACES: Final = 5
LEAST_SCALE: Final = Decimal(1).scaleb(-SCALE_PLACES)
_MOST_SCALE: Final = Decimal("9999.99999")


class NotChanged(UnitError):
    """What was asked for cannot be done to this port; nothing was changed."""


@dataclass(frozen=True, slots=True)
class PortThen:
    """What a port was at a moment."""

    number: int
    name: str
    role: str
    reversed: bool
    scale: Decimal

    @property
    def label(self) -> str:
        return self.name or f"CT{self.number}"


@dataclass(frozen=True, slots=True)
class Era:
    """What a port was until a moment; None: what it is."""

    until_ms: int | None
    then: PortThen


def whole_hour(ms: int) -> int:
    """The whole UTC hour that a moment counts as: the one that it lies in."""
    return ms // HOUR_MS * HOUR_MS


def change(  # noqa: PLR0913 - each is one thing that a port is
    port: Port,
    *,
    role: str | None = None,
    reversed: bool | None = None,  # noqa: A002 - as the port's field is called
    scale: Decimal | None = None,
    enabled: bool | None = None,
    who: Any,
) -> bool:
    """Let the port be this for all of the time since it was last changed from a moment on, or ever measured.

    None leaves something as it is; False: it was all that already. Raises NotChanged, with nothing changed.
    """
    ours = _checked(port, role, reversed, scale) | ({} if enabled is None else {"enabled": enabled})
    with transaction.atomic():
        device, kept = _locked(port)
        changes = {field: value for field, value in ours.items() if value != getattr(kept, field)}
        if changes:
            before = _told(kept, changes)
            _write(kept, changes)
            number = f"CT{kept.number}"
            audit.note(who, "change_port", device, before={number: before}, after={number: _plain(changes)})
    port.refresh_from_db()
    if changes:
        log.info("A port was changed", unit=device.assy, port=port.number, **_plain(changes))
    return bool(changes)


def change_from(  # noqa: PLR0913 - each is one thing that a port is
    port: Port,
    at_ms: int,
    *,
    name: str | None = None,
    role: str | None = None,
    reversed: bool | None = None,  # noqa: A002 - as the port's field is called
    scale: Decimal | None = None,
    who: Any,
    now: datetime | None = None,
) -> None:
    """Let the port be this from a moment on, a whole UTC hour that has begun. What it was before holds until then.

    None leaves something as it is. A name is the unit's: it becomes a wish. Raises NotChanged, or DestructiveValue
    for a name that a unit cannot hold, with nothing changed.
    """
    now = now or datetime.now(UTC)
    _refuse_moment(port, at_ms, now)
    ours = _checked(port, role, reversed, scale)
    with transaction.atomic():
        device, kept = _locked(port)
        before = as_it_is(kept)
        key = port_name_key(kept.number)
        name = None if name is None else clean(key, name, unit=str(device))
        changes = {field: value for field, value in ours.items() if value != getattr(before, field)}
        if name is not None and name != before.name:
            changes["name"] = name
        if not changes:
            raise NotChanged(_named(port), gettext_noop("it is that already. Nothing was changed."))
        _keep_past(kept, at_ms, before)
        _write(kept, {field: value for field, value in changes.items() if field != "name"})
        if "name" in changes:
            wish(device, {key: name or ""}, who, now=now, action="change_from")
        audit.note(
            who,
            "change_from",
            device,
            before={f"CT{kept.number}": _told(before, changes)},
            after={f"CT{kept.number}": _plain(changes), "from": _iso(at_ms)},
        )
    port.refresh_from_db()
    log.info("A port is something else from a moment on", unit=device.assy, port=port.number, at=_iso(at_ms))


def take_back(port: Port, *, at_ms: int | None = None, who: Any, now: datetime | None = None) -> PortPast:
    """Undo the last change from a moment on: the port is again what it was before, then and since.

    With ``at_ms`` only if that was from this moment on, so that nobody takes back another change than they have seen.
    Returns what was kept until then. Raises NotChanged where there is none.
    """
    now = now or datetime.now(UTC)
    with transaction.atomic():
        device, kept = _locked(port)
        last = kept.past.order_by("until_ms").last()
        if last is None:
            raise NotChanged(_named(port), gettext_noop("it was never changed from a moment on. Nothing was changed."))
        if at_ms is not None and last.until_ms != at_ms:
            template = gettext_noop(
                "its last change is the one from %(moment)s on, and only the last one can be taken back. Nothing was "
                "changed."
            )
            raise NotChanged(_named(port), template, {"moment": _iso(last.until_ms)})
        before, then = as_it_is(kept), _of_past(last, kept.number)
        back = {"role": then.role, "reversed": then.reversed, "scale": then.scale}
        if then.name != before.name or _is_wished(device, kept, before.name):
            wish(device, {port_name_key(kept.number): then.name}, who, now=now, action="take_back")
        PortPast.objects.filter(pk=last.pk).delete()
        _write(kept, back | {"has_past": kept.past.exists()})
        audit.note(
            who,
            "take_back",
            device,
            before={f"CT{kept.number}": _told(before, back), "from": _iso(last.until_ms)},
            after={f"CT{kept.number}": _plain(back)},
        )
    port.refresh_from_db()
    log.info("A port's change was taken back", unit=device.assy, port=port.number, at=_iso(last.until_ms))
    return last


def last_change_ms(port: Port) -> int | None:
    """The moment from which the port was changed last; None if it never was. Changed from that hour on again, both are
    one change, and are taken back together.
    """
    last = port.past.order_by("until_ms").last()
    return None if last is None else last.until_ms


def as_it_is(port: Port) -> PortThen:
    """What a port is."""
    return PortThen(port.number, port.name, str(port.role), port.reversed, Decimal(port.scale))


def as_it_was(port: Port, ms: int) -> PortThen:
    """What a port was at a moment: what counts for what was measured right after it."""
    return _at(eras_of([port]).get(port.pk) or [Era(None, as_it_is(port))], ms)


def all_as_they_were(ports: Sequence[Port], ms: int) -> dict[int, PortThen]:
    """The same of several ports, by id; no question to the database unless one of them has a past."""
    eras = eras_of(ports)
    return {port.pk: _at(eras[port.pk], ms) if port.pk in eras else as_it_is(port) for port in ports}


def eras_of(ports: Iterable[Port]) -> dict[int, list[Era]]:
    """By port that has a past, what it was one after the other; the last is what it is.

    The others are left out, and where none has a past nothing is asked of the database.
    """
    with_past = {port.pk: port for port in ports if port.has_past}
    if not with_past:
        return {}
    eras: dict[int, list[Era]] = {port_id: [] for port_id in with_past}
    for past in PortPast.objects.filter(port__in=with_past).order_by("port_id", "until_ms"):
        eras[past.port_id].append(Era(past.until_ms, _of_past(past, with_past[past.port_id].number)))
    return {port_id: [*past, Era(None, as_it_is(with_past[port_id]))] for port_id, past in eras.items() if past}


def _at(eras: Sequence[Era], ms: int) -> PortThen:
    return next(era.then for era in eras if era.until_ms is None or ms < era.until_ms)


def _of_past(past: PortPast, number: int) -> PortThen:
    return PortThen(number, past.name, str(past.role), past.reversed, past.scale)


# --- Changing -----------------------------------------------------------------------------------------------------
def _locked(port: Port) -> tuple[Device, Port]:
    """Both as they are now; the device first, as whoever registers its answers does."""
    device = Device.objects.select_for_update().get(pk=port.device_id)
    return device, Port.objects.select_for_update().get(pk=port.pk)


def _refuse_moment(port: Port, at_ms: int, now: datetime) -> None:
    if at_ms != whole_hour(at_ms):
        template = gettext_noop("the moment has to be a whole hour of UTC. Nothing was changed.")
        raise NotChanged(_named(port), template)
    if at_ms < _FIRST_MS:
        template = gettext_noop("%(moment)s is long before the first unit. Nothing was changed.")
        raise NotChanged(_named(port), template, {"moment": _iso(at_ms)})
    if at_ms > now.timestamp() * 1000:
        template = gettext_noop("%(moment)s is still to come; change it then. Nothing was changed.")
        raise NotChanged(_named(port), template, {"moment": _iso(at_ms)})


def _checked(port: Port, role: str | None, is_reversed: bool | None, scale: Decimal | None) -> dict[str, Any]:
    if role is not None and role not in Port.Role.values:
        template = gettext_noop("'%(role)s' is no role; the roles are %(roles)s. Nothing was changed.")
        raise NotChanged(_named(port), template, {"role": role, "roles": ", ".join(Port.Role.values)})
    if scale is not None:
        scale = as_scale(port, scale)
    given = {"role": role, "reversed": is_reversed, "scale": scale}
    return {field: value for field, value in given.items() if value is not None}


def shortest(scale: Decimal) -> Decimal:
    """The same without zeros at its end, as people write it."""
    return Decimal(f"{scale.normalize():f}")


def as_scale(port: Port, scale: Decimal) -> Decimal:
    """The scale with its five places. Raises NotChanged for one that is no positive number, or too great."""
    in_bounds = scale.is_finite() and LEAST_SCALE <= scale <= _MOST_SCALE
    if not in_bounds or scale != scale.quantize(LEAST_SCALE):
        template = gettext_noop(
            "a scale is a number from %(least)s to %(most)s with at most five digits after the point; to turn import "
            "and export round, use 'reversed'. Nothing was changed."
        )
        raise NotChanged(_named(port), template, {"least": LEAST_SCALE, "most": _MOST_SCALE})
    return scale.quantize(LEAST_SCALE)


def _keep_past(port: Port, at_ms: int, before: PortThen) -> None:
    last = port.past.order_by("until_ms").last()
    if last is not None and last.until_ms > at_ms:
        template = gettext_noop(
            "it was changed from %(moment)s on already, which is later. Take that back first. Nothing was changed."
        )
        raise NotChanged(_named(port), template, {"moment": _iso(last.until_ms)})
    if last is not None and last.until_ms == at_ms:
        return  # what it was until then is kept; what it is from then on is put right
    PortPast.objects.create(
        port=port,
        until_ms=at_ms,
        name=before.name,
        role=before.role,
        reversed=before.reversed,
        scale=before.scale,
    )
    _write(port, {"has_past": True})


def _write(port: Port, values: dict[str, Any]) -> None:
    if values:
        Port.objects.filter(pk=port.pk).update(**values)


def _is_wished(device: Device, port: Port, name: str) -> bool:
    """Whether another name than this is on its way to the unit."""
    open_now = device.config_changes.filter(state="open", key=port_name_key(port.number)).first()
    return open_now is not None and open_now.wished != name


def _told(then: PortThen | Port, fields: Iterable[str]) -> dict[str, Any]:
    return _plain({field: getattr(then, field) for field in fields})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {field: str(value) if isinstance(value, Decimal) else value for field, value in values.items()}


def _named(port: Port) -> str:
    return f"{port.device} {port.label}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="minutes")
