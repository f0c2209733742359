"""The gains and offsets of a unit's meter chips, and its line frequency: reading, writing and saving them as one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from django.utils.translation import gettext_noop

from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, UnitError, UnitRefused
from devices.ct6.protocol import SETTABLE_KEYS, refuse_destructive
from devices.wording import counted

FACTORY_FILE: Final = "/factory.cfg"
LINE_FREQ_HZ: Final = "LINE_FREQ_HZ"

_SAVED = re.compile(r"CS\d_VOLTAGE_GAIN|CT\d_I(GAIN|OFFSET)|LINE_FREQ_HZ")
# What a unit keeps in its factory configuration, but for the label, which is never written.
GAIN_KEYS: Final = tuple(sorted(key for key in SETTABLE_KEYS if _SAVED.fullmatch(key)))

Gains = dict[str, float]


class NoFactoryConfig(UnitRefused):
    """The unit has no factory configuration: it was never calibrated, or somebody removed the file."""


class NotTaken(UnitError):
    """The unit said yes and holds something else."""

    retryable = True


def gains_in(values: Mapping[str, object]) -> Gains:
    """Those of the settings that are gains, offsets or the line frequency, as far as they are numbers."""
    found = {key: values.get(key) for key in GAIN_KEYS}
    return {
        key: number for key, number in found.items() if isinstance(number, int | float) and not isinstance(number, bool)
    }


def as_sent(gains: Mapping[str, float]) -> dict[str, str]:
    """The settings as they go out. Raises DestructiveValue for one that a unit must never be sent."""
    texts = {key: f"{number:.9g}" for key, number in gains.items()}
    refuse_destructive(texts)
    return texts


def in_words(gains: Mapping[str, float]) -> str:
    """For a sentence: CT1_IGAIN = 47210, CT1_IOFFSET = 50176."""
    return ", ".join(f"{key} = {number:.9g}" for key, number in gains.items())


def held(client: UnitClient) -> Gains:
    """What stands in the unit's settings, whether its meter chips were loaded with it or not."""
    return gains_in(client.config())


def load(client: UnitClient, gains: Mapping[str, float]) -> None:
    """Write the gains and load them into the meter chips. Lost at the next restart unless `save` follows."""
    accepted = client.set_config(as_sent(gains))
    _compare(client, gains, accepted)
    client.init_meter_chips()


def load_and_read_back(client: UnitClient, gains: Mapping[str, float]) -> None:
    """Write the gains, load them, and make sure that the unit holds them now. Raises NotTaken if it does not."""
    load(client, gains)
    _compare(client, gains, held(client))


def save(client: UnitClient, gains: Mapping[str, float]) -> None:
    """Make the gains that the unit holds those it starts with, and read that back. Raises NotTaken otherwise."""
    client.save_factory_config()
    _compare(client, gains, factory_values(_unit(client), factory_content(client)))


def factory_content(client: UnitClient) -> str:
    """The unit's factory configuration as it stands there. Raises NoFactoryConfig."""
    try:
        return client.read_file(FACTORY_FILE)
    except UnitRefused as refusal:
        if "ENOENT" not in refusal.message:
            raise
        template = gettext_noop(
            "it has no factory configuration yet: it was never calibrated, or somebody removed /factory.cfg."
        )
        raise NoFactoryConfig(refusal.unit, template) from refusal


def factory_values(unit: str, content: str) -> dict[str, object]:
    """What a factory configuration says. Raises UnitAnsweredBadly if it cannot be read."""
    try:
        return msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        template = counted(
            len(content),
            gettext_noop("its factory configuration cannot be read (1 character)."),
            gettext_noop("its factory configuration cannot be read (%(characters)d characters)."),
        )
        raise UnitAnsweredBadly(unit, template, {"characters": len(content)}) from error


def _compare(client: UnitClient, wanted: Mapping[str, float], found: Mapping[str, object]) -> None:
    there = gains_in(found)
    different = {key: number for key, number in wanted.items() if there.get(key) != number}
    if different:
        template = gettext_noop("it did not take %(wanted)s; it holds %(found)s.")
        values = {
            "wanted": in_words(different),
            "found": ", ".join(f"{key} = {found.get(key, '-')}" for key in different),
        }
        raise NotTaken(_unit(client), template, values)


def _unit(client: UnitClient) -> str:
    return client.assy or client.address
