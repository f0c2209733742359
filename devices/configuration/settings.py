"""Which settings of a unit can be wished, and how each of them is written, read and compared."""

from __future__ import annotations

import math
import re
import unicodedata
from enum import Enum, auto
from typing import Final

from devices.audit import HIDDEN
from devices.ct6.protocol import SETTABLE_KEYS, decode_name, encode_name
from devices.ct6.settings import number_rule

UNIT_NAME: Final = "YDEV_UNIT_NAME"
GROUP_NAME: Final = "YDEV_GROUP_NAME"
ACTIVE: Final = "ACTIVE"
ON, OFF = "1", "0"
LINE_FREQUENCY: Final = "LINE_FREQ_HZ"
POWER_FACTOR_THRESHOLD: Final = "PF_WATTS_THRESHOLD"
ZERO_POWER_GATE: Final = "ZERO_POWER_GATE_WATTS"
MQTT_ADDRESS: Final = "MQTT_SERVER_ADDRESS"
MQTT_PORT: Final = "MQTT_SERVER_PORT"
MQTT_TOPIC: Final = "MQTT_TOPIC"
MQTT_USERNAME: Final = "MQTT_USERNAME"
MQTT_PASSWORD: Final = "MQTT_PASSWORD"  # noqa: S105 - the name of the setting
MQTT_PERIOD: Final = "MQTT_TX_PERIOD_MS"

LONGEST_VALUE: Final = 256
# Gains and offsets are measured by a calibration, and typed by nobody.
WISHABLE: Final = frozenset(key for key in SETTABLE_KEYS if not key.endswith(("GAIN", "OFFSET")))

_PORT_SETTING = re.compile(r"CT(\d+)_(NAME|TYPE)", re.ASCII)
_PLAIN_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_SINGLE_PRECISION = 1e-6  # the unit keeps numbers as single floats


class Kind(Enum):
    """How a setting is written."""

    NAME = auto()  # percent-encoded on the unit
    TEXT = auto()  # on the unit as it stands
    NUMBER = auto()
    SWITCH = auto()  # "1" or "0"
    PASSWORD = auto()


def kind_of(key: str) -> Kind:
    if key == ACTIVE:
        return Kind.SWITCH
    if key == MQTT_PASSWORD:
        return Kind.PASSWORD
    if key in (UNIT_NAME, GROUP_NAME) or key.endswith("_NAME"):
        return Kind.NAME
    return Kind.TEXT if number_rule(key) is None else Kind.NUMBER


def port_name_key(number: int) -> str:
    """The unit's own name of the setting that holds a port's name."""
    return f"CT{number}_NAME"


def sensor_type_key(number: int) -> str:
    """The unit's own name of the setting that holds the type of a port's clamp."""
    return f"CT{number}_TYPE"


def port_of(key: str) -> int | None:
    """The number of the port whose setting this is."""
    found = _PORT_SETTING.fullmatch(key)
    return int(found[1]) if found else None


def can_be_wished(key: str) -> bool:
    """Whether this setting can be changed: those of stacked ports cannot, today's firmware has none for them."""
    return key in WISHABLE


def tidy(key: str, text: str) -> str:
    """The text as it will be wished: without control characters and outer white space, a number in its shortest form.

    Nothing is left out of a password but what no unit could be sent.
    """
    kind = kind_of(key)
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    if kind is Kind.PASSWORD:
        return kept
    kept = kept.strip()
    if kind in (Kind.NUMBER, Kind.SWITCH) and _PLAIN_NUMBER.fullmatch(kept):
        return _number_text(float(kept))
    return kept


def as_text(key: str, value: object) -> str:
    """What a unit holds, in the form of a wish: a number in its shortest form, a name decoded, no password."""
    kind = kind_of(key)
    if kind is Kind.SWITCH:
        return ON if is_active(value) else OFF
    if kind is Kind.PASSWORD:
        return HIDDEN if value not in ("", None) else ""
    if kind is Kind.NAME:
        return decode_name(value) if isinstance(value, str | float | int) else ""
    return _plain_text(value)[:LONGEST_VALUE]


def holds(key: str, value: object, text: str) -> bool:
    """Whether what the unit holds is what this text wishes. A password is compared as it is."""
    if kind_of(key) is Kind.NUMBER:
        return _same_number(value, text)
    if kind_of(key) is Kind.PASSWORD:
        return _plain_text(value) == text
    return as_text(key, value) == text


def as_sent(key: str, text: str) -> str:
    """As it goes into the request. Raises NameTooLong."""
    return encode_name(text) if kind_of(key) is Kind.NAME else text


def is_active(value: object) -> bool:
    # To the firmware any text but an empty one counts as active, "False" too.
    return bool(value)


def _plain_text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int | float):
        return _number_text(float(value))
    kept = (c for c in str(value) if unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept) if isinstance(value, str) else ""


def _number_text(number: float) -> str:
    text = f"{number:.9f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _same_number(value: object, text: str) -> bool:
    try:
        number = float(str(value))
    except ValueError:
        return False
    return bool(_PLAIN_NUMBER.fullmatch(text)) and math.isclose(number, float(text), rel_tol=_SINGLE_PRECISION)
