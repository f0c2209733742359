"""Writing wishes to units, and reading back what they have then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext_noop as _
from kombu.exceptions import OperationalError

from devices import gains
from devices.audit import HIDDEN
from devices.configuration.held import read, take_over
from devices.configuration.passwords import PasswordLost, unlocked
from devices.configuration.settings import LINE_FREQUENCY, MQTT_ADDRESS, Kind, as_sent, as_text, holds, kind_of
from devices.configuration.wishes import checked, wish
from devices.configuration.words import reports, why_not
from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError, UnitRefused
from devices.holding import Hold, UnitBusy, alone, client_of
from devices.models import ConfigChange, Device
from devices.wording import Said, Sentence, kept

log = structlog.get_logger(__name__)

PUSH_TASK = "devices.tasks.push_wishes"
_FIRST_RETRY = timedelta(seconds=30)
_LONGEST_RETRY = timedelta(minutes=15)
_MAX_REQUEST_BYTES = 450  # what a unit of little memory reads in one line without trouble
_State = ConfigChange.State


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a device's wishes. `error` says why those in `waiting` still wait; they are tried again.

    `answers` has by setting what was said of those that are confirmed or refused.
    """

    confirmed: tuple[ConfigChange, ...] = ()
    refused: tuple[ConfigChange, ...] = ()
    waiting: tuple[ConfigChange, ...] = ()
    error: UnitError | None = None
    answers: Mapping[str, Sentence] = field(default_factory=dict)


def push(device: Device, *, now: datetime) -> Pushed:
    """Write the device's open wishes to the unit, as far as it does not hold them yet, and read back what it has.

    Raises nothing for a unit that cannot be reached or that refuses: the result and the wishes tell.
    """
    try:
        with alone(device, now) as hold:
            changes = list(ConfigChange.objects.open().filter(device=device).order_by("pk"))
            return _push(device, hold, changes, now) if changes else Pushed()
    except UnitBusy as error:
        return Pushed(waiting=tuple(ConfigChange.objects.open().filter(device=device)), error=error)


def push_to_many(
    devices: Iterable[Device], wished: Mapping[str, str], who: Any, *, now: datetime
) -> list[ConfigChange]:
    """Wish the same settings for several units, and let the workers write them, each unit by itself.

    Raises DestructiveValue, with nothing stored for any of them, if one of the units must not or cannot hold it.
    """
    devices = list(devices)
    for device in devices:
        checked(device, wished)
    with transaction.atomic():
        changes = [change for device in devices for change in wish(device, wished, who, now=now)]
        transaction.on_commit(lambda: tell_workers(device.pk for device in devices))
    return changes


def tell_workers(device_ids: Iterable[int]) -> None:
    """Send the tasks that push to these devices. A message that gets lost is made up for by the beat."""
    try:
        for device_id in device_ids:
            current_app.send_task(PUSH_TASK, (device_id,))
    except OperationalError as error:
        log.warning("The broker cannot be reached; wishes are pushed when it is back", reason=str(error))


def due(now: datetime) -> list[int]:
    """The ids of devices with a wish whose time to be tried (again) has come."""
    changes = ConfigChange.objects.open().filter(Q(next_attempt=None) | Q(next_attempt__lte=now))
    return list(changes.order_by("device_id").values_list("device_id", flat=True).distinct())


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts: 30 s, doubled each time, at most a quarter of an hour."""
    doublings = min(max(attempts - 1, 0), 10)
    return min(_FIRST_RETRY * (1 << doublings), _LONGEST_RETRY)


# --- Writing ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Written:
    """What the unit holds afterwards, what it (or our own rules) refused, and what it took but does not keep yet."""

    held: dict[str, object] = field(default_factory=dict)
    refusals: dict[str, Said] = field(default_factory=dict)
    unkept: UnitError | None = None


def _push(device: Device, hold: Hold, changes: list[ConfigChange], now: datetime) -> Pushed:
    texts, lost = _texts(device, changes)
    try:
        written = _write(device, hold, changes, texts)
    except UnitBusy:
        raise
    except UnitError as error:
        _note_failure(device, changes, error, now)
        return Pushed(waiting=tuple(changes), error=error)
    written.refusals |= lost
    take_over(device, written.held)
    return _settled(device, changes, texts, written, now)


def _texts(device: Device, changes: Iterable[ConfigChange]) -> tuple[dict[str, str], dict[str, Said]]:
    """What is to be written by setting, passwords in the clear, and those that cannot be read any more."""
    texts: dict[str, str] = {}
    lost: dict[str, Said] = {}
    for change in changes:
        try:
            secret = kind_of(change.key) is Kind.PASSWORD
            texts[change.key] = unlocked(change.secret, unit=device.assy) if secret else change.wished
        except PasswordLost as error:
            lost[change.key] = error
    return texts, lost


def _write(device: Device, hold: Hold, changes: list[ConfigChange], texts: Mapping[str, str]) -> _Written:
    client = client_of(device)
    written = _Written(read(device, client))
    _note_before(changes, written.held)
    missing = {key: text for key, text in texts.items() if not _holds(written.held, key, text)}
    for settings in _requests(_in_order(missing)):
        _extend(device, hold)
        try:
            client.set_config(settings)
        except (UnitRefused, DestructiveValue) as error:
            written.refusals.update(dict.fromkeys(settings, _without_password(error, texts)))
    if missing:
        written.held = read(device, client)
    wished = texts.get(LINE_FREQUENCY)
    if wished is not None and _holds(written.held, LINE_FREQUENCY, wished):
        _extend(device, hold)
        _keep_line_frequency(client, written, float(wished))
    return written


def _keep_line_frequency(client: UnitClient, written: _Written, wished_hz: float) -> None:
    """`/factory.cfg` overrides the line frequency at every start: it counts only once the meter chips are loaded with
    it and it is read back from that file.
    """
    try:
        client.init_meter_chips()
        gains.save(client, {LINE_FREQUENCY: wished_hz})
    except UnitError as error:
        template = _(
            "The unit has taken %(value)s Hz but would lose it at its next start, since that is not in its factory "
            "configuration yet: %(reason)s"
        )
        values = {"value": f"{wished_hz:g}", "reason": Sentence(error.template, error.values)}
        if error.retryable:
            written.unkept = type(error)(error.unit, template, values)
        else:
            written.refusals[LINE_FREQUENCY] = Sentence(template, values)


def _in_order(missing: Mapping[str, str]) -> dict[str, str]:
    """As they go into requests. The address of an MQTT server comes last, and its removal first: between two requests
    the unit shall not talk to a server of which it knows only half.
    """
    address = missing.get(MQTT_ADDRESS)
    keys = sorted(missing, key=lambda key: (key == MQTT_ADDRESS) == bool(address))
    return {key: as_sent(key, missing[key]) for key in keys}


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


def _extend(device: Device, hold: Hold) -> None:
    if not hold.extend():
        raise UnitBusy(device.assy, _("other work on it has begun meanwhile; this one follows within a minute."))


def _holds(held: Mapping[str, object], key: str, text: str) -> bool:
    return key in held and holds(key, held[key], text)


def _without_password(error: UnitError, texts: Mapping[str, str]) -> Said:
    """The refusal, with no password in it should the unit repeat one."""
    passwords = [text for key, text in texts.items() if kind_of(key) is Kind.PASSWORD and text]
    values = dict(error.values)
    for password in passwords:
        values = {name: str(value).replace(password, HIDDEN) for name, value in values.items()}
    return Sentence(error.template, values) if passwords else error


# --- Writing down what came of it -------------------------------------------------------------------------------


def _settled(
    device: Device, changes: list[ConfigChange], texts: Mapping[str, str], written: _Written, now: datetime
) -> Pushed:
    waiting = [change for change in changes if written.unkept is not None and change.key == LINE_FREQUENCY]
    tried = [change for change in changes if change not in waiting]
    confirmed = [change for change in tried if _is_fulfilled(change.key, texts, written)]
    refused = [change for change in tried if change not in confirmed]
    answers = {change.key: reports(change.key, change.wished) for change in confirmed}
    answers |= {change.key: why_not(change.key, written.held, written.refusals) for change in refused}
    for change in tried:
        state = _State.CONFIRMED if change in confirmed else _State.REFUSED
        _settle(change, state, answers[change.key], now)
    if written.unkept is not None:
        _note_failure(device, waiting, written.unkept, now)
    log.info(
        "A unit was configured",
        unit=device.assy,
        confirmed=[change.key for change in confirmed],
        refused=[change.key for change in refused],
    )
    return Pushed(tuple(confirmed), tuple(refused), tuple(waiting), written.unkept, answers)


def _is_fulfilled(key: str, texts: Mapping[str, str], written: _Written) -> bool:
    if key == LINE_FREQUENCY and key in written.refusals:
        return False  # it may report it, but does not keep it
    return key in texts and _holds(written.held, key, texts[key])


def _note_before(changes: Iterable[ConfigChange], held: Mapping[str, object]) -> None:
    """Write down what the unit held, where that was not known when the wish was made."""
    for change in changes:
        if not change.before_known and change.key in held:
            change.before, change.before_known = as_text(change.key, held[change.key]), True
            ConfigChange.objects.filter(pk=change.pk).update(before=change.before, before_known=True)


def _settle(change: ConfigChange, state: ConfigChange.State, answer: Sentence, now: datetime) -> None:
    """Close the wish and forget its password, unless a newer one has replaced it meanwhile."""
    change.answer, change.said = str(answer), kept(answer)
    change.attempts += 1
    change.secret = ""
    values = {"answer": change.answer, "said": change.said, "attempts": change.attempts, "secret": ""}
    if ConfigChange.objects.open().filter(pk=change.pk).update(state=state, settled=now, **values):
        change.state, change.settled = state, now


def _note_failure(device: Device, changes: list[ConfigChange], error: UnitError, now: datetime) -> None:
    for change in changes:
        change.attempts += 1
        change.answer, change.said = error.message, kept(error)
        change.next_attempt = now + retry_delay(change.attempts)
        values = {"answer": change.answer, "said": change.said, "next_attempt": change.next_attempt}
        ConfigChange.objects.open().filter(pk=change.pk).update(attempts=F("attempts") + 1, **values)
    log.warning("A unit did not take its wishes; they are kept", unit=device.assy, reason=error.message)
