"""What a unit holds beside what we want of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.configuration.held import held
from devices.configuration.settings import ACTIVE, GROUP_NAME, UNIT_NAME, WISHABLE, Kind, holds, kind_of, port_of
from devices.configuration.wishes import open_wishes
from devices.models import ConfigChange, Device


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a unit as it was last told (None: never) and as it is wished (None: as it is).

    Both are texts as people write them; a password is hidden. `confirmed` is the newest wish that the unit confirmed,
    where it holds something else since: it was changed at the unit, with another tool, or by a reset.
    """

    key: str
    held: str | None
    wish: ConfigChange | None = None
    confirmed: ConfigChange | None = None

    @property
    def wished(self) -> str | None:
        return None if self.wish is None else self.wish.wished

    @property
    def was_confirmed(self) -> str | None:
        """What the unit had when it last confirmed a wish, where it holds something else now."""
        return None if self.confirmed is None else self.confirmed.wished

    @property
    def differs(self) -> bool:
        """Whether the unit is to be changed, or was changed by somebody else since it confirmed a wish. An open wish
        for a password counts, since nobody can compare it.
        """
        if self.wish is None:
            return self.confirmed is not None
        return kind_of(self.key) is Kind.PASSWORD or self.wish.wished != self.held


def settings_of(device: Device) -> list[Setting]:
    """All settings that can be wished of this unit: its own, those of its ports in their order, then the others."""
    told, wishes, changed = held(device), open_wishes(device), _changed_since(device)
    ports = {port.number for port in device.ports.all()}
    keys = [key for key in WISHABLE if (number := port_of(key)) is None or number in ports]
    return [
        Setting(key, told.get(key), wishes.get(key), changed(key, told.get(key))) for key in sorted(keys, key=_place)
    ]


def differences(device: Device) -> list[Setting]:
    """The settings in which the unit, as far as is known, differs from what we wish or last wished."""
    return [setting for setting in settings_of(device) if setting.differs]


def _changed_since(device: Device) -> Callable[[str, str | None], ConfigChange | None]:
    """Finds the newest confirmed wish for a setting, if that is not what the unit holds."""
    confirmed = ConfigChange.objects.filter(device=device, state=ConfigChange.State.CONFIRMED).order_by("pk")
    newest = {change.key: change for change in confirmed}

    def changed(key: str, text: str | None) -> ConfigChange | None:
        change = newest.get(key)
        if change is None or text is None or change.wished == text:
            return None
        same = kind_of(key) is Kind.NUMBER and holds(key, text, change.wished)  # units keep single floats
        return None if same else change

    return changed


def _place(key: str) -> tuple[int, int, str]:
    own = (UNIT_NAME, GROUP_NAME, ACTIVE)
    if key in own:
        return 0, own.index(key), ""
    number = port_of(key)
    return (2, 0, key) if number is None else (1, number, key)
