"""Which units there are: those that were heard lately, those found by asking every address, and one added by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy, gettext_noop

from devices import audit, registration
from devices.ct6 import sweep as wire
from devices.ct6.client import DEFAULT_HTTP_PORT
from devices.ct6.errors import WrongUnit
from devices.ct6.protocol import DEFAULT_ASSY, Answer
from devices.ct6.sweep import Asked, Guard, Reply, Target
from devices.holding import UnitBusy, alone
from devices.models import AuditEntry, Device
from devices.querysets import silence_limit

log = structlog.get_logger(__name__)

COLLECTOR_SILENT_AFTER = timedelta(minutes=1)


class Mark(StrEnum):
    """What is remarkable about a unit; the first four exclude each other."""

    NEW = "new"
    KNOWN = "known"
    MOVED = "moved"
    CLAIMED = "claimed"  # another unit, which is still there, carries the same label
    INACTIVE = "inactive"
    DEFAULT_LABEL = "default_label"


MARKS_IN_WORDS = {
    Mark.NEW: gettext_lazy("new"),
    Mark.KNOWN: gettext_lazy("known"),
    Mark.MOVED: gettext_lazy("has a new address"),
    Mark.CLAIMED: gettext_lazy("carries the label of another unit"),
    Mark.INACTIVE: gettext_lazy("inactive"),
    Mark.DEFAULT_LABEL: gettext_lazy("carries the factory's default label"),
}


# --- Heard lately -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """Units that answered lately. `collector_at` is when the collector last said that it works, None if never."""

    devices: tuple[tuple[Device, tuple[Mark, ...]], ...]
    collector_at: datetime | None
    collector_runs: bool


def listen(seconds: float, *, now: datetime) -> Heard:
    """What answered within so many seconds, with what is new or has a new address since. One of which only the web
    server answered is not among them: it was asked, not heard.

    Nothing is asked here: only one may poll the units, and that is the collector, which registers who answers. Where
    it does not run, `collector_runs` is false and nothing can have been heard.
    """
    since = now - timedelta(seconds=seconds)
    heard = Device.objects.filter(last_seen__gte=since).order_by("name", "assy")
    moves = AuditEntry.objects.filter(action=registration.MOVED, at__gte=since, device__in=heard)
    moved = set(moves.values_list("device_id", flat=True))
    collector_at: datetime | None = import_string(settings.CT6_COLLECTOR_SEEN)()
    return Heard(
        tuple((device, _marks_of(device, since, moved)) for device in heard),
        collector_at,
        collector_at is not None and collector_at >= now - COLLECTOR_SILENT_AFTER,
    )


def _marks_of(device: Device, since: datetime, moved: Collection[int | None]) -> tuple[Mark, ...]:
    if device.claimed_from is not None:
        standing = Mark.CLAIMED
    elif device.first_seen >= since:
        standing = Mark.NEW
    else:
        standing = Mark.MOVED if device.pk in moved else Mark.KNOWN
    return _with_others(standing, device.assy, device.active)


def _with_others(standing: Mark, assy: str, active: bool | None) -> tuple[Mark, ...]:
    others = ((Mark.INACTIVE, active is False), (Mark.DEFAULT_LABEL, assy == DEFAULT_ASSY))
    return (standing, *(mark for mark, holds in others if holds))


# --- Asking every address ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit that a sweep met, and what the database has under its label."""

    assy: str
    address: str
    http_port: int
    name: str
    active: bool | None
    firmware_version: str
    product: str
    marks: tuple[Mark, ...]
    device_id: int | None = None
    known_address: str | None = None
    adoption: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a sweep has met so far. `unreadable` are addresses where a unit seems to be whose answer was cut off,
    `busy` those of units that somebody was talking to; `not_asked` counts what was left when the time was over.
    """

    units: tuple[FoundUnit, ...] = ()
    total: int = 0
    asked: int = 0
    nobody: int = 0
    others: int = 0
    unreadable: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    not_asked: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def configured_networks() -> list[str]:
    """Those of CT6_SWEEP_NETWORKS, in which whoever asks for a sweep without naming networks means to search."""
    return list(settings.CT6_SWEEP_NETWORKS)


def sweep_networks() -> list[str]:
    """What to offer for a sweep: the configured networks, else those that this machine is in."""
    return configured_networks() or wire.own_networks()


def sweep(
    networks: Sequence[str],
    who: Any,
    *,
    http_port: int = DEFAULT_HTTP_PORT,
    progress: Callable[[Found], None] = lambda _found: None,
) -> Found:
    """Ask the web server of every address of these networks whether it is a CT6, and compare with the database.

    Nothing is stored but a line in the audit log. `progress` is told after each address; whatever it raises stops the
    sweep. Raises NotSwept, with nothing sent, for networks that are too large or not local.
    """
    addresses = wire.addresses_of(wire.networks_from(networks))
    guard = _guard()
    tally = _Tally(len(addresses))
    with closing(wire.sweep([Target(address, http_port) for address in addresses], guard=guard)) as results:
        for asked in results:
            tally.count(asked)
            progress(tally.found)
    known = _with_claims(_by_label(tally.labels), tally, guard)
    found = replace(tally.found, units=tuple(_classified(tally.units, known)))
    after = {"networks": list(networks), "asked": found.asked, "units": [unit.assy for unit in found.units]}
    audit.note(who, "sweep", after=after)
    log.info("Networks were searched for units", networks=list(networks), units=len(found.units), who=str(who or ""))
    return found


class _Tally:
    """What has come of the addresses so far."""

    def __init__(self, total: int) -> None:
        self.found = Found(total=total)
        self.replies: dict[Target, Asked] = {}
        self.units: list[tuple[Target, Answer]] = []

    @property
    def labels(self) -> set[str]:
        return {unit.assy for _target, unit in self.units}

    def count(self, asked: Asked) -> None:
        self.replies[asked.target] = asked
        reply, address, found = asked.reply, asked.target.address, self.found
        if asked.unit is not None:
            self.units.append((asked.target, asked.unit))
            found = replace(found, units=tuple(_classified(self.units, _by_label(self.labels))))
        self.found = replace(
            found,
            asked=found.asked + (reply is not Reply.NOT_ASKED),
            nobody=found.nobody + (reply is Reply.NOBODY),
            others=found.others + (reply is Reply.OTHER),
            unreadable=found.unreadable + ((address,) if reply is Reply.UNREADABLE else ()),
            busy=found.busy + ((address,) if reply is Reply.LEFT_OUT else ()),
            not_asked=found.not_asked + (reply is Reply.NOT_ASKED),
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database has of a label; `claimed` if the unit is known to be still at its address, too."""

    device: Device
    claimed: bool = False


def _by_label(assys: Collection[str]) -> dict[str, _Known]:
    devices = Device.objects.filter(assy__in=assys) if assys else Device.objects.none()
    return {device.assy: _Known(device, claimed=device.claimed_from is not None) for device in devices}


def _classified(units: Sequence[tuple[Target, Answer]], known: Mapping[str, _Known]) -> Iterator[FoundUnit]:
    labels = [unit.assy for _target, unit in units]
    for target, unit in sorted(units, key=lambda found: [int(part) for part in found[0].address.split(".")]):
        of_label = known.get(unit.assy)
        device = of_label.device if of_label else None
        standing = _standing(target, of_label, labels.count(unit.assy) > 1)
        yield FoundUnit(
            assy=unit.assy,
            address=target.address,
            http_port=target.http_port,
            name=unit.name,
            active=unit.active,
            firmware_version=unit.firmware_version,
            product=unit.product,
            marks=_with_others(standing, unit.assy, unit.active),
            device_id=device.pk if device else None,
            known_address=device.address if device else None,
            adoption=str(device.adoption) if device else None,
        )


def _standing(target: Target, known: _Known | None, found_twice: bool) -> Mark:
    if known is not None and known.device.address == target.address and known.device.claimed_from is None:
        return Mark.KNOWN
    if found_twice or (known is not None and known.claimed):
        return Mark.CLAIMED
    if known is None:
        return Mark.NEW
    return Mark.KNOWN if known.device.address is None else Mark.MOVED


def _with_claims(known: Mapping[str, _Known], tally: _Tally, guard: Guard) -> dict[str, _Known]:
    """With what the units say that would be elsewhere by their address: whether they are still there."""
    at = {unit.assy: target.address for target, unit in tally.units}
    replies = dict(tally.replies)
    elsewhere = {
        Target(one.device.address, one.device.http_port): assy
        for assy, one in known.items()
        if one.device.address is not None and one.device.address != at[assy] and not one.claimed
    }
    for asked in wire.sweep([target for target in elsewhere if target not in replies], guard=guard):
        replies[asked.target] = asked
    still_there = {assy for target, assy in elsewhere.items() if _is_there(replies[target], assy)}
    return {
        assy: _Known(one.device, claimed=one.claimed or assy in still_there or _is_heard(one.device, at[assy]))
        for assy, one in known.items()
    }


def _is_there(asked: Asked, assy: str) -> bool:
    """Whether the unit still answers there. One that somebody is talking to does."""
    return asked.reply is Reply.LEFT_OUT or (asked.unit is not None and asked.unit.assy == assy)


def _is_heard(device: Device, address: str) -> bool:
    """Whether it answers the collector from another address than this one."""
    if device.address == address or device.last_seen is None:
        return False
    return device.last_seen >= datetime.now(UTC) - silence_limit()


def _guard() -> Guard:
    """Lets known units be asked only while nobody else talks to them, and nobody talk to them meanwhile."""
    devices_at: dict[str, list[Device]] = {}
    for device in Device.objects.exclude(address=None):
        devices_at.setdefault(str(device.address), []).append(device)

    @contextmanager
    def guard(target: Target) -> Iterator[bool]:
        with ExitStack() as holds:
            yield _held(devices_at.get(target.address, []), holds)

    return guard


def _held(devices: Sequence[Device], holds: ExitStack) -> bool:
    try:
        for device in devices:
            holds.enter_context(alone(device, datetime.now(UTC)))
    except UnitBusy:
        return False
    return True


# --- Adding one by its address ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Added:
    """The unit's device; `standing` says whether it was new, known, or has a new address now."""

    device: Device
    standing: Mark


def add_by_address(address: str, http_port: int, who: Any) -> Added:
    """Ask the unit at this address what it is and register it, also when it is inactive and so silent.

    Raises UnitError: NotSwept for an address that is not local, WrongUnit where another unit that is still there
    carries the same label.
    """
    target = Target(wire.local_address(address), http_port)
    guard = _guard()
    with guard(target) as is_free:
        if not is_free:
            raise UnitBusy(target.address, gettext_noop("other work on it is going on; try again in a minute."))
        told = wire.who_is(target)
    known = Device.objects.filter(assy=told.assy).first()
    was_at = known.address if known else None
    if known is not None:
        _refuse_second(known, target, guard)
    device = registration.register_told(told, target.address)
    standing = Mark.NEW if known is None else Mark.KNOWN if was_at in (None, target.address) else Mark.MOVED
    audit.note(who, "add", device, before={"address": was_at} if known else {}, after={"address": target.address})
    log.info("A unit was added by its address", unit=device.assy, address=target.address, who=str(who or ""))
    return Added(device, standing)


def _refuse_second(known: Device, target: Target, guard: Guard) -> None:
    """Raise WrongUnit if the unit that we know under this label is not the one at the address."""
    if known.address is None or (known.address == target.address and known.claimed_from is None):
        return
    is_elsewhere = known.claimed_from is not None or _is_heard(known, target.address)
    if not is_elsewhere:
        there = Target(known.address, known.http_port)
        is_elsewhere = any(_is_there(asked, known.assy) for asked in wire.sweep([there], guard=guard))
    if is_elsewhere:
        template = gettext_noop(
            "two units carry this label: one at %(known)s, one at %(address)s. Give one of them a label of its own "
            "(calibrate it), or switch one off. Nothing was stored."
        )
        other = known.address if known.address != target.address else known.claimed_from
        raise WrongUnit(known.assy, template, {"known": other, "address": target.address})
