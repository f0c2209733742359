"""Settings of a unit: what we wish it to have, writing that to it, and reading back what it really has.

A wish is stored first and written second, so that one is never lost; it stays open until the unit itself has
reported the value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Prefetch, Q

from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError, UnitRefused, UnitUnreachable, WrongUnit
from devices.ct6.protocol import MAX_PORTS, SETTABLE_KEYS, decode_name, encode_name, refuse_destructive
from devices.models import ConfigChange, Device, Port
from devices.querysets import DeviceQuerySet

log = structlog.get_logger(__name__)

UNIT_NAME = "YDEV_UNIT_NAME"
ACTIVE = "ACTIVE"
ON, OFF = "1", "0"

HTTP_TIMEOUT_S = 5.0
# Longer than all requests of one push can take, should each of them run into its time-out.
_LONGEST_PUSH = timedelta(minutes=3)
_FIRST_RETRY = timedelta(seconds=30)
_LONGEST_RETRY = timedelta(minutes=15)
_MAX_REQUEST_BYTES = 450  # what a unit of little memory reads in one line without trouble

_State = ConfigChange.State
_WISHABLE = SETTABLE_KEYS & {UNIT_NAME, ACTIVE, *(f"CT{number}_NAME" for number in range(1, MAX_PORTS + 1))}


class UnitBusy(UnitError):
    """Somebody else is talking to the unit's web server, which serves one connection at a time."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a device's wishes. `error` says why those in `waiting` still wait; they are tried again."""

    confirmed: tuple[ConfigChange, ...] = ()
    refused: tuple[ConfigChange, ...] = ()
    waiting: tuple[ConfigChange, ...] = ()
    error: UnitError | None = None


def port_name_key(number: int) -> str:
    """The unit's own name of the setting that holds a port's name."""
    return f"CT{number}_NAME"


def can_be_wished(key: str) -> bool:
    """Whether this setting can be changed: the names of stacked ports cannot, today's firmware has none for them."""
    return key in _WISHABLE


def in_words(key: str, text: str) -> str:
    """A setting's value as people read it."""
    if key == ACTIVE:
        return "active" if text == ON else "inactive"
    return text or "no name"


# --- Wishing ----------------------------------------------------------------------------------------------------


def wish(device: Device, wished: Mapping[str, str], who: Any, *, now: datetime) -> list[ConfigChange]:
    """Remember which settings the unit should have; nothing is sent (see `push`).

    Names are given as people read them, ACTIVE as "1" or "0". An older open wish for the same setting is replaced.
    Raises DestructiveValue, with nothing stored, for a value that a unit must not or cannot hold.
    """
    texts = {key: clean(key, text, unit=str(device)) for key, text in wished.items()}
    before = reported(device)
    with transaction.atomic():
        # Of two wishes for one setting at the same moment the later one has to find the earlier.
        Device.objects.select_for_update().get(pk=device.pk)
        older = ConfigChange.objects.open().filter(device=device, key__in=texts)
        older.update(state=_State.REPLACED, settled=now)
        changes = [
            ConfigChange.objects.create(device=device, key=key, before=before.get(key, ""), wished=text, who=who)
            for key, text in texts.items()
        ]
    for change in changes:
        log.info("A setting is wished", unit=device.assy, key=change.key, wished=change.wished, who=str(who or ""))
    return changes


def clean(key: str, text: str, *, unit: str = "") -> str:
    """The text as it will be wished: without control characters and outer white space.

    Raises DestructiveValue if a unit must not or cannot hold it. An empty name clears it.
    """
    if key not in _WISHABLE:
        raise DestructiveValue(key, "cannot be wished", "only names and ACTIVE can be changed here.", unit=unit)
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).strip()
    if text and not any(unicodedata.category(c)[0] not in "CZ" for c in kept):
        reason = "nobody could tell it from no name; leave it empty to clear the name."
        raise DestructiveValue("", "holds nothing that can be seen", reason, unit=unit)
    try:
        refuse_destructive({key: _encoded(key, kept)})
    except DestructiveValue as refusal:
        raise refusal.for_unit(unit) from None
    return kept


def reported(device: Device) -> dict[str, str]:
    """What the unit last reported, by setting, in the form of a wish."""
    values = {UNIT_NAME: device.name}
    if device.active is not None:
        values[ACTIVE] = ON if device.active else OFF
    values.update({port_name_key(port.number): port.name for port in device.ports.all()})
    return values


def with_open_wishes(devices: DeviceQuerySet) -> DeviceQuerySet:
    """The devices with their open wishes fetched along, for `open_wishes`."""
    return devices.prefetch_related(Prefetch("config_changes", ConfigChange.objects.open(), to_attr="_open_wishes"))


def open_wishes(device: Device) -> dict[str, ConfigChange]:
    """The wishes that the unit has not confirmed yet, by setting."""
    fetched: list[ConfigChange] | None = getattr(device, "_open_wishes", None)
    changes = ConfigChange.objects.open().filter(device=device) if fetched is None else fetched
    return {change.key: change for change in changes}


# --- Writing and reading back -----------------------------------------------------------------------------------


def push(device: Device, *, now: datetime) -> Pushed:
    """Write the device's open wishes to the unit, as far as it does not hold them yet, and read back what it has.

    Raises nothing for a unit that cannot be reached or that refuses: the result and the wishes tell.
    """
    try:
        with _alone(device, now):
            changes = list(ConfigChange.objects.open().filter(device=device).order_by("pk"))
            return _push(device, changes, now) if changes else Pushed()
    except UnitBusy as error:
        return Pushed(waiting=tuple(ConfigChange.objects.open().filter(device=device)), error=error)


def pull(device: Device, *, now: datetime) -> None:
    """Read what the unit holds and take over its names and whether it is active. Raises UnitError."""
    with _alone(device, now):
        _take_over(device, _read(device, _client(device)))


def due(now: datetime) -> list[int]:
    """The ids of devices with a wish whose time to be tried (again) has come."""
    changes = ConfigChange.objects.open().filter(Q(next_attempt=None) | Q(next_attempt__lte=now))
    return list(changes.order_by("device_id").values_list("device_id", flat=True).distinct())


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 30 s, doubled each time, at most a quarter of an hour."""
    doublings = min(max(attempts - 1, 0), 10)
    return min(_FIRST_RETRY * (1 << doublings), _LONGEST_RETRY)


def _push(device: Device, changes: list[ConfigChange], now: datetime) -> Pushed:
    try:
        held, refusals = _write(device, changes)
    except UnitError as error:
        _note_failure(device, changes, error, now)
        return Pushed(waiting=tuple(changes), error=error)
    _take_over(device, held)
    confirmed = [change for change in changes if _holds(held, change)]
    refused = [change for change in changes if not _holds(held, change)]
    for change in confirmed:
        _settle(change, _State.CONFIRMED, f"The unit reports {_quoted(change.key, change.wished)}.", now)
    for change in refused:
        _settle(change, _State.REFUSED, _why_not(change, held, refusals), now)
    log.info(
        "A unit was configured",
        unit=device.assy,
        confirmed=[change.key for change in confirmed],
        refused=[change.key for change in refused],
    )
    return Pushed(confirmed=tuple(confirmed), refused=tuple(refused))


def _write(device: Device, changes: list[ConfigChange]) -> tuple[dict[str, object], dict[str, UnitError]]:
    """What the unit holds afterwards, and what it (or our own rules) refused, by setting."""
    client = _client(device)
    held = _read(device, client)
    missing = {change.key: _encoded(change.key, change.wished) for change in changes if not _holds(held, change)}
    refusals: dict[str, UnitError] = {}
    for settings in _requests(missing):
        try:
            client.set_config(settings)
        except (UnitRefused, DestructiveValue) as error:
            refusals.update(dict.fromkeys(settings, error))
    return (_read(device, client) if missing else held), refusals


def _read(device: Device, client: UnitClient) -> dict[str, object]:
    """The unit's settings, passwords included: never log them. Raises WrongUnit if it is another unit's."""
    held = client.config()
    if held.get("ASSY") != device.assy:
        message = f"another unit ({held.get('ASSY')}) answers at {device.address}. Nothing was changed."
        raise WrongUnit(device.assy, message)
    return held


def _client(device: Device) -> UnitClient:
    if device.address is None:
        raise UnitUnreachable(device.assy, "its address is not known yet; it has to answer once.")
    if device.claimed_from is not None:
        message = (
            f"{device.address} and {device.claimed_from} both claim this label, so it is not known which unit "
            "would be changed. Settle that first."
        )
        raise WrongUnit(device.assy, message)
    return UnitClient(device.address, device.http_port, assy=device.assy, timeout_s=HTTP_TIMEOUT_S)


@contextmanager
def _alone(device: Device, now: datetime) -> Iterator[None]:
    """Hold the unit's one connection. Raises UnitBusy; a holder that died is overruled after a while."""
    until = now + _LONGEST_PUSH
    rows = Device.objects.filter(pk=device.pk)
    if not rows.filter(Q(held_until=None) | Q(held_until__lte=now)).update(held_until=until):
        raise UnitBusy(device.assy, "another change is being written to it; this one follows within a minute.")
    try:
        yield
    finally:
        rows.filter(held_until=until).update(held_until=None)


def _requests(settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The settings in as few requests as the unit's line length allows."""
    request: dict[str, str] = {}
    size = 0
    for key, value in settings.items():
        added = len(key) + len(value) + 2
        if request and size + added > _MAX_REQUEST_BYTES:
            yield request
            request, size = {}, 0
        request[key] = value
        size += added
    if request:
        yield request


# --- Taking the answer over -------------------------------------------------------------------------------------


def _take_over(device: Device, held: Mapping[str, object]) -> None:
    """Store what the unit just reported over HTTP. Answers that came until now are older than that.

    Everything is written, whether it seems to differ or not: the collector writes these rows too.
    """
    values: dict[str, object] = {"told_at": datetime.now(UTC)}
    if UNIT_NAME in held:
        values["name"] = _text(held[UNIT_NAME])
    if ACTIVE in held:
        values["active"] = _is_active(held[ACTIVE])
    with transaction.atomic():
        Device.objects.filter(pk=device.pk).update(**values)
        for port in device.ports.all():
            key = port_name_key(port.number)
            if key in held:
                port.name = _text(held[key])
                Port.objects.filter(pk=port.pk).update(name=port.name)
    for field, value in values.items():
        setattr(device, field, value)


def _settle(change: ConfigChange, state: ConfigChange.State, answer: str, now: datetime) -> None:
    """Close the wish, unless a newer one has replaced it meanwhile."""
    change.answer = answer
    change.attempts += 1
    values = {"state": state, "settled": now, "answer": answer, "attempts": change.attempts}
    if ConfigChange.objects.open().filter(pk=change.pk).update(**values):
        change.state, change.settled = state, now


def _note_failure(device: Device, changes: list[ConfigChange], error: UnitError, now: datetime) -> None:
    for change in changes:
        change.attempts += 1
        change.answer = error.message
        change.next_attempt = now + retry_delay(change.attempts)
        values = {"answer": change.answer, "attempts": F("attempts") + 1, "next_attempt": change.next_attempt}
        ConfigChange.objects.open().filter(pk=change.pk).update(**values)
    log.warning("A unit did not take its wishes; they are kept", unit=device.assy, reason=error.message)


def _why_not(change: ConfigChange, held: Mapping[str, object], refusals: Mapping[str, UnitError]) -> str:
    if change.key in refusals:
        return refusals[change.key].message
    if change.key not in held:
        return "The unit has no such setting; its firmware may be too old."
    kept = _text(held[change.key]) if change.key != ACTIVE else (ON if _is_active(held[ACTIVE]) else OFF)
    return f"The unit took it but still reports {_quoted(change.key, kept)}."


def _quoted(key: str, text: str) -> str:
    return f"“{text}”" if text and key != ACTIVE else in_words(key, text)


def _encoded(key: str, text: str) -> str:
    """As it goes into the request."""
    return text if key == ACTIVE else encode_name(text)


def _holds(held: Mapping[str, object], change: ConfigChange) -> bool:
    if change.key not in held:
        return False
    if change.key == ACTIVE:
        return _is_active(held[ACTIVE]) == (change.wished == ON)
    return _text(held[change.key]) == change.wished


def _text(value: object) -> str:
    return decode_name(value) if isinstance(value, str | float | int) else ""


def _is_active(value: object) -> bool:
    # To the firmware any text but an empty one counts as active, "False" too.
    return bool(value)
