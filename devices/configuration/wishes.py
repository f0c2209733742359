"""What we wish units to have: checked, written down and audited before anything is sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext_noop as _

from devices import audit
from devices.audit import HIDDEN
from devices.configuration.held import held
from devices.configuration.passwords import locked
from devices.configuration.settings import (
    MQTT_ADDRESS,
    MQTT_PORT,
    MQTT_TOPIC,
    WISHABLE,
    Kind,
    as_sent,
    kind_of,
    tidy,
)
from devices.ct6.errors import DestructiveValue
from devices.ct6.protocol import refuse_destructive
from devices.models import ConfigChange, Device
from devices.querysets import DeviceQuerySet

log = structlog.get_logger(__name__)

_State = ConfigChange.State
_MQTT_ADDRESS_PORT_TOPIC = (MQTT_ADDRESS, MQTT_PORT, MQTT_TOPIC)


def wish(
    device: Device, wished: Mapping[str, str], who: Any, *, now: datetime, action: str = "wish"
) -> list[ConfigChange]:
    """Remember which settings the unit should have; nothing is sent (see `push`).

    Names are given as people read them, ACTIVE as "1" or "0". An older open wish for the same setting is replaced.
    Raises DestructiveValue, with nothing stored, for a value that a unit must not or cannot hold.
    """
    texts = checked(device, wished)
    if not texts:
        return []
    before = held(device)
    with transaction.atomic():
        # Of two wishes for one setting at the same moment the later one has to find the earlier.
        Device.objects.select_for_update().get(pk=device.pk)
        older = ConfigChange.objects.open().filter(device=device, key__in=texts)
        older.update(state=_State.REPLACED, settled=now, secret="")
        changes = [_written_down(device, key, text, before, who) for key, text in texts.items()]
        audit.note(
            who,
            action,
            device,
            before={change.key: change.before if change.before_known else None for change in changes},
            after={change.key: change.wished for change in changes},
        )
    for change in changes:
        log.info("A setting is wished", unit=device.assy, key=change.key, wished=change.wished, who=str(who or ""))
    return changes


def checked(device: Device, wished: Mapping[str, str]) -> dict[str, str]:
    """The texts as they will be wished. Raises DestructiveValue for one that this unit must not or cannot hold."""
    texts = {key: clean(key, text, unit=str(device)) for key, text in wished.items()}
    if any(key in texts for key in _MQTT_ADDRESS_PORT_TOPIC):
        _refuse_half_an_mqtt_server(device, texts)
    return texts


def clean(key: str, text: str, *, unit: str = "") -> str:
    """The text as it will be wished: without control characters and outer white space, a number in its shortest form.

    Raises DestructiveValue if a unit must not or cannot hold it. An empty name clears it.
    """
    if key not in WISHABLE:
        template = _(
            "%(key)s cannot be wished: it is no setting that is changed here; gains and offsets belong to a "
            "calibration. Nothing was sent."
        )
        raise DestructiveValue(key, template, {"key": key}, unit=unit)
    kept = tidy(key, text)
    if kind_of(key) is Kind.NAME and text and not any(unicodedata.category(c)[0] not in "CZ" for c in kept):
        template = _(
            "The name holds nothing that can be seen: nobody could tell it from no name; leave it empty to clear the "
            "name. Nothing was sent."
        )
        raise DestructiveValue(key, template, unit=unit)
    if kind_of(key) is Kind.PASSWORD and kept == HIDDEN:
        template = _("%(hidden)s only stands for a password here; give the password itself. Nothing was sent.")
        raise DestructiveValue(key, template, {"hidden": HIDDEN}, unit=unit)
    try:
        refuse_destructive({key: as_sent(key, kept)})
    except DestructiveValue as refusal:
        named = refusal if refusal.key else type(refusal)(key, refusal.template, refusal.values)
        raise named.for_unit(unit) from None
    return kept


def with_open_wishes(devices: DeviceQuerySet) -> DeviceQuerySet:
    """The devices with their open wishes fetched along, for `open_wishes`."""
    return devices.prefetch_related(Prefetch("config_changes", ConfigChange.objects.open(), to_attr="_open_wishes"))


def open_wishes(device: Device) -> dict[str, ConfigChange]:
    """The wishes that the unit has not confirmed yet, by setting."""
    fetched: list[ConfigChange] | None = getattr(device, "_open_wishes", None)
    changes: Iterable[ConfigChange] = ConfigChange.objects.open().filter(device=device) if fetched is None else fetched
    return {change.key: change for change in changes}


def _written_down(device: Device, key: str, text: str, before: Mapping[str, str], who: Any) -> ConfigChange:
    secret = kind_of(key) is Kind.PASSWORD
    return ConfigChange.objects.create(
        device=device,
        key=key,
        before=before.get(key, ""),
        before_known=key in before,
        wished=(HIDDEN if text else "") if secret else text,
        secret=locked(text) if secret else "",
        who=who,
    )


def _refuse_half_an_mqtt_server(device: Device, texts: Mapping[str, str]) -> None:
    """A server without a port or a topic is never spoken to, and nobody would see why."""
    open_now = {change.key: change.wished for change in ConfigChange.objects.open().filter(device=device)}
    after = held(device) | open_now | dict(texts)
    if after.get(MQTT_ADDRESS) and not (after.get(MQTT_PORT) and after.get(MQTT_TOPIC)):
        key = next(key for key in _MQTT_ADDRESS_PORT_TOPIC if key in texts)
        template = _(
            "An MQTT server needs a port and a topic too: give all three, or an empty address to publish nothing. "
            "Nothing was sent."
        )
        raise DestructiveValue(key, template, unit=str(device))
