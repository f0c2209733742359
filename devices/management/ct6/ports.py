"""The action ports: what each port is and was, being another one (from a moment on), and taking that back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rich.table import Table

from devices import port_past
from devices.configuration import open_wishes, port_name_key, wish
from devices.management.ct6.call import WRONG_USE, Call, Failed, add_row, table, when
from devices.models import Port, PortPast
from devices.port_past import Era

NORMAL, REVERSED = "normal", "reversed"
_PORT: Final = re.compile(r"(?:CT)?(\d{1,4})", re.IGNORECASE)
_EARLIEST_YEAR: Final = 1971


def ports(call: Call) -> None:
    """Do what was asked for, and list what they are then. A name is wished: the workers write it, or push."""
    options = call.options
    if options["take_back"] is not None:
        if options["port"] is not None or options["since"] is not None:
            raise Failed("--take-back takes the id alone, as ports lists it.", WRONG_USE)
        _take_back(call, options["take_back"])
    elif options["port"] is not None:
        _change(call)
    elif options["since"] is not None:
        raise Failed("Say which port, and what it is from then on: 3 role=load.", WRONG_USE)
    _show(call)


# --- Changing ---------------------------------------------------------------------------------------------------


def _change(call: Call) -> None:
    port = _port(call, call.options["port"])
    values = _values(call.options["change"])
    since = call.options["since"]
    if since is None:
        _change_all_along(call, port, values)
        return
    if "enabled" in values:
        raise Failed("enabled holds for all of the time: leave --from out for it.", WRONG_USE)
    port_past.change_from(port, _hour(call, since), who=call.who, **values)


def _change_all_along(call: Call, port: Port, values: dict[str, Any]) -> None:
    name = values.pop("name", None)
    with transaction.atomic():
        if name is not None:
            wish(call.device, {port_name_key(port.number): name}, call.who, now=timezone.now())
        changed = port_past.change(port, who=call.who, **values)
    if name is None and not changed:
        raise Failed(f"{call.device} {port.label}: it is that already. Nothing was changed.")


def _take_back(call: Call, past_id: int) -> None:
    past = PortPast.objects.filter(port__device=call.device, pk=past_id).select_related("port__device").first()
    if past is None:
        raise Failed(f"{past_id} is no change of a port of {call.device}; ports lists them.")
    port_past.take_back(past.port, at_ms=past.until_ms, who=call.who)


def _port(call: Call, text: str) -> Port:
    number = _PORT.fullmatch(text)
    found = Port.objects.filter(device=call.device, number=int(number[1])).first() if number else None
    if found is None:
        raise Failed(f"{call.device} has no port '{text}'; write it as 3 or CT3.", WRONG_USE)
    return found


def _hour(call: Call, text: str) -> int:
    """The hour of a moment such as 2026-03-10T12:00, on the clocks of the unit where it names no offset."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.year < _EARLIEST_YEAR:
        sentence = f"'{text}' is no moment: write it as 2026-03-10T12:00 or 2026-03-10T12:00:00+01:00."
        raise Failed(sentence, WRONG_USE)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(call.device.timezone))
    return port_past.whole_hour(round(moment.timestamp() * 1000))


def _values(given: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or name not in _READ:
            known = ", ".join(_READ)
            raise Failed(f"'{one}' is nothing that a port is: write KEY=VALUE with one of {known}.", WRONG_USE)
        field, read = _READ[name]
        if field in values:
            raise Failed(f"{name} is given more than once.", WRONG_USE)
        values[field] = read(text)
    if not values:
        raise Failed(f"Say what the port is, as KEY=VALUE with {', '.join(_READ)}.", WRONG_USE)
    return values


def _direction(text: str) -> bool:
    return _one_of("direction", text, {NORMAL: False, REVERSED: True})


def _enabled(text: str) -> bool:
    return _one_of("enabled", text, {"yes": True, "no": False})


def _one_of(name: str, text: str, known: Mapping[str, bool]) -> bool:
    if text not in known:
        raise Failed(f"{name} is {' or '.join(known)}, not '{text}'.", WRONG_USE)
    return known[text]


def _role(text: str) -> str:
    if text not in Port.Role.values:
        raise Failed(f"'{text}' is no role; the roles are {', '.join(Port.Role.values)}.", WRONG_USE)
    return text


def _scale(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Failed(f"'{text}' is no number.", WRONG_USE) from None


_READ: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "name": ("name", str),
    "role": ("role", _role),
    "direction": ("reversed", _direction),
    "scale": ("scale", _scale),
    "enabled": ("enabled", _enabled),
}


# --- Showing ----------------------------------------------------------------------------------------------------


def _show(call: Call) -> None:
    found = list(Port.objects.filter(device=call.device).order_by("number"))
    eras, wishes, ids = port_past.eras_of(found), open_wishes(call.device), _ids(found)
    told = []
    for port in found:
        wished = wishes.get(port_name_key(port.number))
        *past, now = eras.get(port.pk) or [Era(None, port_past.as_it_is(port))]
        told.append(
            {
                "number": port.number,
                "enabled": port.enabled,
                **_in_words(now),
                "wished_name": None if wished is None else wished.wished,
                "past": [{"id": ids[port.pk, era.until_ms], **_in_words(era)} for era in past],
            }
        )
    call.show({"unit": call.device.assy, "ports": told}, _as_table(call, told))


def _as_table(call: Call, told: list[dict[str, Any]]) -> Table:
    """Newest first; what a port was has the id by which its end is taken back."""
    shown = table(f"Ports of {call.device}", "Port", "Name", "Role", "Direction", "Scale", "From", "To", "Id", "")
    for port in told:
        eras = [*port["past"], port]
        starts = [None, *(era["until"] for era in port["past"])]
        for era, since in reversed(list(zip(eras, starts, strict=True))):
            notes = _notes(port) if era is port else ""
            until = "now" if era is port else when(era["until"])
            cells = (era["name"], era["role"], era["direction"], era["scale"], when(since), until)
            add_row(shown, f"CT{port['number']}", *cells, era.get("id"), notes)
    return shown


def _notes(port: dict[str, Any]) -> str:
    notes = [] if port["enabled"] else ["hidden"]
    if port["wished_name"] is not None:
        notes.append(f"name wished: {port['wished_name'] or 'none'}")
    return ", ".join(notes)


def _ids(ports: list[Port]) -> dict[tuple[int, int | None], int]:
    """The ids of what ports were, by port and end."""
    rows = PortPast.objects.filter(port__in=[port for port in ports if port.has_past])
    return {(port_id, until_ms): pk for pk, port_id, until_ms in rows.values_list("pk", "port_id", "until_ms")}


def _in_words(era: Era) -> dict[str, Any]:
    then = era.then
    return {
        "name": then.name,
        "role": then.role,
        "direction": REVERSED if then.reversed else NORMAL,
        "scale": str(port_past.shortest(then.scale)),
        "until": None if era.until_ms is None else datetime.fromtimestamp(era.until_ms / 1000, UTC),
    }
