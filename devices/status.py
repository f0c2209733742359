"""How a unit does: firmware, uptime, restarts, memory, flash, clock, and its last answers as they came."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db.models import Q

from devices import registration
from devices.configuration.settings import UNIT_NAME, as_text
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError, UnitRefused
from devices.holding import UnitBusy, alone, client_of
from devices.models import Device

log = structlog.get_logger(__name__)

READ_EVERY = timedelta(minutes=10)
TURN = timedelta(seconds=30)  # how often the beat looks which units are due

_FLASH_BLOCK_BYTES = 4096
# A unit that runs on starts, as it seems from here, always at the same moment: uptimes are cut to whole seconds, an
# answer takes its time, and quartzes differ by some parts in ten thousand.
_SAME_START_S = 10.0
_SAME_START_SHARE = 0.001


@dataclass(frozen=True, slots=True)
class Status:
    """What was last asked of a unit. None: its firmware does not tell, or it is not known.

    `restarts` counts those seen since `restarts_since`; several between two looks count as one. `clock_drift_s` is how
    much the unit's clock is ahead, from its newest answer. `stats_text` is the unit's answer to get_stats as it came,
    `last_answer` what is kept of its newest answer over UDP. `other_poller` tells whether somebody else asks the unit
    too, which shortens its means.
    """

    at: datetime
    firmware_version: str
    uptime_s: int
    started: datetime
    restarts: int
    restarts_since: datetime
    ram_used_bytes: int | None
    ram_free_bytes: int | None
    ram_total_bytes: int | None
    flash_used_bytes: int | None
    flash_total_bytes: int | None
    active_folder: str
    inactive_folder: str
    stats_text: str
    clock_drift_s: float | None
    last_answer: Mapping[str, Any] | None
    other_poller: bool | None
    also_claimed_from: str | None

    @property
    def flash_free_bytes(self) -> int | None:
        if self.flash_used_bytes is None or self.flash_total_bytes is None:
            return None
        return self.flash_total_bytes - self.flash_used_bytes


def read_status(device: Device, *, now: datetime) -> Status:
    """Ask the unit how it does, and keep that. Raises UnitError; UnitBusy while something else talks to it."""
    with alone(device, now):
        return take_status(device, client_of(device), now=now)


def take_status(device: Device, client: UnitClient, *, now: datetime) -> Status:
    """The same for whoever holds the unit already, also where it is not heard. Raises UnitError."""
    settings = client.own_config()
    told = _ask(client)
    name = as_text(UNIT_NAME, settings[UNIT_NAME]) if UNIT_NAME in settings else None
    registration.note_told(device, firmware_version=told["firmware_version"], name=name)
    device.status = told | _restarts(device, told)
    device.status_at = now
    Device.objects.filter(pk=device.pk).update(status=device.status, status_at=now)
    return _status(device, now)


def refresh(device: Device, *, now: datetime) -> None:
    """The same for a unit that nobody waits for: one that is busy or does not answer is left for the next time."""
    try:
        read_status(device, now=now)
    except UnitBusy:
        log.debug("A unit is busy, so its status was not read", unit=device.assy)
    except UnitError as error:
        log.info("The status of a unit could not be read", unit=device.assy, reason=error.message)


def kept_status(device: Device) -> Status | None:
    """What was last asked, without asking again; None if it never was."""
    if device.status_at is None or "uptime_s" not in device.status:
        return None
    return _status(device, device.status_at)


def _status(device: Device, at: datetime) -> Status:
    kept = device.status
    return Status(
        at=at,
        firmware_version=kept["firmware_version"],
        uptime_s=kept["uptime_s"],
        started=datetime.fromtimestamp(kept["started_s"], UTC),
        restarts=kept["restarts"],
        restarts_since=datetime.fromtimestamp(kept["restarts_since_s"], UTC),
        ram_used_bytes=kept["ram_used_bytes"],
        ram_free_bytes=kept["ram_free_bytes"],
        ram_total_bytes=kept["ram_total_bytes"],
        flash_used_bytes=kept["flash_used_bytes"],
        flash_total_bytes=kept["flash_total_bytes"],
        active_folder=kept["active_folder"],
        inactive_folder=kept["inactive_folder"],
        stats_text=kept["stats_text"],
        clock_drift_s=clock_drift_s(device),
        last_answer=device.last_answer,
        other_poller=(device.last_answer or {}).get("other_poller"),
        also_claimed_from=device.claimed_from,
    )


def clock_drift_s(device: Device) -> float | None:
    """How many seconds the unit's clock was ahead of ours at its newest answer; negative where it was behind. Its
    clock has whole seconds.
    """
    answer = device.last_answer or {}
    sent_at_s, heard_ms = answer.get("sent_at_s"), answer.get("time")
    if sent_at_s is None or heard_ms is None:
        return None
    ahead_s = float(sent_at_s) - float(heard_ms) / 1000
    # Cut to whole seconds, a clock that is right seems to be behind by less than one.
    return round(ahead_s) if ahead_s >= 0 else round(min(ahead_s + 1, 0))


def due(now: datetime) -> list[int]:
    """The online devices that are to be asked in this turn. Each has one turn of its own within ten minutes, so that
    they are not all asked at once, and one that fails keeps no other from its turn.
    """
    turns = READ_EVERY // TURN
    this_turn = int(now.timestamp() // TURN.total_seconds()) % turns
    online = Device.objects.online(now).filter(address__isnull=False, claimed_from=None)
    not_just_asked = online.filter(Q(status_at=None) | Q(status_at__lte=now - READ_EVERY / 2))
    ids = not_just_asked.order_by("pk").values_list("pk", flat=True)
    return [device_id for device_id in ids if device_id % turns == this_turn]


# --- What the unit tells ----------------------------------------------------------------------------------------


def _ask(client: UnitClient) -> dict[str, Any]:
    system = client.system_stats()
    flash_used = _whole(system, "DISK_USED_BYTES")
    return {
        "firmware_version": client.firmware_version(),
        "uptime_s": client.uptime_s(),
        "ram_used_bytes": _whole(system, "RAM_USED_BYTES"),
        "ram_free_bytes": _whole(system, "RAM_FREE_BYTES"),
        "ram_total_bytes": _whole(system, "RAM_TOTAL_BYTES"),
        "flash_used_bytes": flash_used,
        "flash_total_bytes": flash_total_bytes(flash_used, system.get("DISK_PERCENTAGE_USED")),
        "active_folder": _if_told(client.active_folder),
        "inactive_folder": _if_told(client.inactive_folder),
        "stats_text": client.stats_text(),
    }


def _if_told(ask: Callable[[], str]) -> str:
    """Nothing for firmware that does not know the question."""
    try:
        return ask()
    except UnitRefused:
        return ""


def flash_total_bytes(used_bytes: int | None, used_percent: object) -> int | None:
    """The size of the flash, which a unit does not tell: in whole blocks, from what is used of it."""
    if used_bytes is None or isinstance(used_percent, bool) or not isinstance(used_percent, int | float):
        return None
    if not 0 < used_percent <= 100:
        return None
    return round(used_bytes * 100 / used_percent / _FLASH_BLOCK_BYTES) * _FLASH_BLOCK_BYTES


def _whole(told: Mapping[str, object], key: str) -> int | None:
    value = told.get(key)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _restarts(device: Device, told: Mapping[str, Any]) -> dict[str, Any]:
    """When the unit started, and how often it was seen to have restarted."""
    asked_s = datetime.now(UTC).timestamp()
    started_s = asked_s - told["uptime_s"]
    kept = device.status
    if device.status_at is None or "started_s" not in kept:
        return {"started_s": started_s, "restarts": 0, "restarts_since_s": asked_s}
    since = {"restarts": kept["restarts"], "restarts_since_s": kept["restarts_since_s"]}
    if not _has_restarted(kept, told["uptime_s"], started_s, asked_s - device.status_at.timestamp()):
        return since | {"started_s": kept["started_s"]}
    log.info("A unit has restarted", unit=device.assy, uptime_s=told["uptime_s"])
    return since | {"started_s": started_s, "restarts": kept["restarts"] + 1}


def _has_restarted(kept: Mapping[str, Any], uptime_s: int, started_s: float, since_asked_s: float) -> bool:
    if uptime_s < int(kept["uptime_s"]):
        return True
    started_before_s: float = kept["started_s"]
    return started_s - started_before_s > _SAME_START_S + _SAME_START_SHARE * max(since_asked_s, 0.0)


def as_json(answer: Mapping[str, Any] | None) -> str:
    """An answer to be looked at, each value on a line of its own."""
    return "" if answer is None else json.dumps(answer, indent=2, ensure_ascii=False)
