"""A unit fresh from the box: adopted, named, given its roles and made active in one act."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from devices import adoption, audit
from devices.configuration import ACTIVE, OFF, ON, UNIT_NAME, Pushed, port_name_key, push, refuse_silent_mqtt, wish
from devices.ct6.errors import UnitError
from devices.models import Device, Port

log = structlog.get_logger(__name__)


class NotSetUp(UnitError):
    """What was asked for does not fit the unit; nothing was changed."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What became of it: whether the unit was adopted just now, what it confirmed of its settings, what it refused,
    and what waits because it could not be asked (that is tried again by itself).
    """

    adopted: bool
    pushed: Pushed


def set_up(  # noqa: PLR0913 - each is one part of the form
    device: Device,
    *,
    name: str | None,
    port_names: Mapping[int, str],
    roles: Mapping[int, str],
    reversed: Mapping[int, bool],  # noqa: A002 - as the port's field is called
    active: bool | None,
    mqtt: Mapping[str, str] | None = None,
    mqtt_unchecked: bool = False,
    adopt: bool = True,
    who: Any,
    now: datetime,
) -> SetUp:
    """Adopt the unit, give its ports their names, roles and directions, and write to it what is its own.

    Ports are given by their numbers, MQTT settings by the unit's keys; None and ports not named are left as they are.
    An inactive unit is told over HTTP to be active, and is heard by the collector from then on. Raises
    DestructiveValue or NotSetUp, with nothing changed, for what the unit must not or cannot hold, and MqttSilent for
    an MQTT server that takes no test message unless `mqtt_unchecked`; a unit that cannot be reached raises nothing.
    """
    ports = {port.number: port for port in device.ports.all()}
    mqtt = mqtt or {}
    _refuse_unknown(device, ports, {*port_names, *roles, *reversed}, roles)
    _refuse_other_settings(device, mqtt)
    if mqtt and not mqtt_unchecked:
        refuse_silent_mqtt(device, mqtt)
    wished = _wished(name, port_names, active) | dict(mqtt)
    with transaction.atomic():
        if wished:
            wish(device, wished, who, now=now, action="set_up")
        before, after = _give_parts(ports, roles, reversed)
        decided = str(device.adoption)
        adopted = adopt and adoption.become(device, Device.Adoption.ADOPTED)
        if adopted:
            before["adoption"], after["adoption"] = decided, str(device.adoption)
        if after:
            audit.note(who, "set_up", device, before=before, after=after)
    pushed = push(device, now=now) if wished else Pushed()
    log.info("A unit was set up", unit=device.assy, adopted=adopted, settings=list(wished), who=str(who or ""))
    return SetUp(adopted, pushed)


def _refuse_unknown(device: Device, ports: Collection[int], named: Collection[int], roles: Mapping[int, str]) -> None:
    if missing := sorted(set(named) - set(ports)):
        template = gettext_noop("it has no port CT%(number)d. Nothing was changed.")
        raise NotSetUp(str(device), template, {"number": missing[0]})
    for number, role in roles.items():
        if role not in Port.Role.values:
            template = gettext_noop("'%(role)s' for CT%(number)d is no role. Nothing was changed.")
            raise NotSetUp(str(device), template, {"role": role, "number": number})


def _refuse_other_settings(device: Device, mqtt: Mapping[str, str]) -> None:
    if other := next((key for key in mqtt if not key.startswith("MQTT_")), None):
        template = gettext_noop("%(key)s is no MQTT setting. Nothing was changed.")
        raise NotSetUp(str(device), template, {"key": other})


def _wished(name: str | None, port_names: Mapping[int, str], active: bool | None) -> dict[str, str]:
    wished = {} if name is None else {UNIT_NAME: name}
    wished |= {port_name_key(number): text for number, text in port_names.items()}
    return wished if active is None else wished | {ACTIVE: ON if active else OFF}


def _give_parts(
    ports: Mapping[int, Port], roles: Mapping[int, str], reversals: Mapping[int, bool]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write what the ports are to us, and tell what was so before and is now, where it differs."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for number, port in ports.items():
        role, is_reversed = roles.get(number, port.role), reversals.get(number, port.reversed)
        if (role, is_reversed) == (port.role, port.reversed):
            continue
        before[f"CT{number}"] = {"role": str(port.role), "reversed": port.reversed}
        after[f"CT{number}"] = {"role": str(role), "reversed": is_reversed}
        Port.objects.filter(pk=port.pk).update(role=role, reversed=is_reversed)
    return before, after
