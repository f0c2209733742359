"""What the page shows: the words of its address, and what they mean for a user at a moment."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied

from devices.access import devices_for
from devices.models import Device, Port
from readings import periods

FIRST_YEAR, LAST_YEAR = 1990, 2190


@dataclass(frozen=True, slots=True)
class State:
    """The words of the address, e.g. ``?device=3&day=2026-11-22``. None stands for what a newcomer gets:
    the first device, and today, which goes on by itself at midnight."""

    device_id: int | None = None
    day: date | None = None

    @classmethod
    def read(cls, search: str | None) -> Self:
        """The state of an address; words that are unknown or unreadable count as left out."""
        words = dict(parse_qsl((search or "").removeprefix("?")))
        return cls(device_id=_whole_number(words.get("device", "")), day=_date(words.get("day", "")))

    def on(self, day: date | None) -> Self:
        return replace(self, day=day)

    @property
    def search(self) -> str:
        """The words of the address, ready to follow its path."""
        words: dict[str, object] = {}
        if self.device_id is not None:
            words["device"] = self.device_id
        if self.day is not None:
            words["day"] = self.day.isoformat()
        return "?" + urlencode(words)


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as it stands for a user at a moment: the device, its day, and the instants that bound it."""

    state: State
    device: Device
    zone: ZoneInfo
    day: date
    today: date
    start_ms: int
    end_ms: int
    now_ms: int

    @property
    def is_live(self) -> bool:
        """Whether new readings can still fall into what is shown."""
        return self.start_ms <= self.now_ms < self.end_ms

    @property
    def is_ahead(self) -> bool:
        return self.start_ms > self.now_ms


def shown_to(user: Any, search: str | None, now_ms: int) -> Shown | None:
    """What an address shows to a user; None where there is no adopted device for them yet.

    Raises PermissionDenied for a device that they may not see, or that does not exist: the two look alike.
    """
    state = State.read(search)
    devices = devices_for(user).adopted()
    if state.device_id is None:
        device = devices.first()
        return None if device is None else shown_of(state, device, now_ms)
    device = devices.filter(pk=state.device_id).first()
    if device is None:
        raise PermissionDenied
    return shown_of(state, device, now_ms)


def shown_of(state: State, device: Device, now_ms: int) -> Shown:
    zone = ZoneInfo(device.timezone)
    today = periods.local_date(now_ms, zone)
    day = state.day or today
    noon = periods.to_ms(datetime(day.year, day.month, day.day, 12, tzinfo=zone))
    start_ms, end_ms = periods.day_start(noon, zone), periods.next_day_start(noon, zone)
    return Shown(state, device, zone, day, today, start_ms, end_ms, now_ms)


def ports_of(device: Device) -> list[Port]:
    """The ports to show: the named ones, all of them where none has a name yet, and never a hidden one."""
    ports = list(device.ports.shown())
    return [port for port in ports if port.name] or ports


def current_ms() -> int:
    """The clock, for callbacks to read once and hand on."""
    return periods.to_ms(datetime.now(UTC))


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None
