"""Which settings may be sent to a unit, and which values would put it out of action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devices.ct6.errors import DestructiveValue, NameTooLong
from devices.ct6.names import MAX_NAME_BYTES
from devices.ct6.unit_numbers import reads_as_not_finite, reads_as_number

_PORTS = range(1, 7)  # the shipped firmware has settings for these only
_MAX_VALUE_BYTES = 256

_PLAIN_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
# Everything a request line carries unharmed; quotes are left out because get_config breaks on them.
_SAFE_VALUE = re.compile(r"[!#$%()*+\-./0-9:;<>@A-Z\[\\\]^_`a-z{|}~]*", re.ASCII)

_DEAD = (
    "the unit would crash, its settings file would be unreadable and its WiFi set-up lost, "
    "until somebody sets it up again over Bluetooth."
)
_CUT = "the unit would cut the value there or drop it; percent-encode a name, choose another value elsewhere."
_NO_GAIN = "the unit hangs or measures nonsense when it loads such a gain into its meter chips."
_NO_OFFSET = "the meter chips' offset registers hold 16 bits without sign."
_NO_THRESHOLD = "the unit compares its power with it and restarts for ever when it is no number."
_TEXT_BECOMES_NUMBER = (
    "the unit would store a number instead of the text; percent-encode the first character of a name."
)
_NO_MQTT_TEXT = "the unit would store a number, and MQTT never works with one."


@dataclass(frozen=True, slots=True)
class _Number:
    """A setting that must be a number, and the range outside which it does harm."""

    low: float
    high: float
    reason: str
    whole: bool = True
    only: tuple[float, ...] = ()

    def problem(self, value: str) -> str:
        """What is wrong with the value, or nothing."""
        kind = "a whole number" if self.whole else "a number"
        wanted = (
            f"must be {' or '.join(f'{one:g}' for one in self.only)}"
            if self.only
            else f"must be {kind} from {self.low:g} to {self.high:.9g}"
        )
        if not _PLAIN_NUMBER.fullmatch(value):
            return wanted
        number = float(value)
        allowed = number in self.only if self.only else self.low <= number <= self.high
        return "" if allowed and (number.is_integer() or not self.whole) else wanted


@dataclass(frozen=True, slots=True)
class _Text:
    """A setting that must stay a text."""

    reason: str
    may_be_empty: bool = True
    max_bytes: int = _MAX_VALUE_BYTES

    def problem(self, value: str) -> str:
        """What is wrong with the value, or nothing."""
        if reads_as_number(value):
            return "would be read as a number"
        return "" if value or self.may_be_empty else "must not be empty"


_GAIN = _Number(1000, 64535, _NO_GAIN)
_OFFSET = _Number(0, 65535, _NO_OFFSET)
_NAME = _Text(_TEXT_BECOMES_NUMBER, max_bytes=MAX_NAME_BYTES)
_MQTT_TEXT = _Text(_NO_MQTT_TEXT)

_RULES: dict[str, _Number | _Text] = {
    "YDEV_UNIT_NAME": _NAME,
    "YDEV_GROUP_NAME": _NAME,
    "ACTIVE": _Number(0, 1, "the unit takes any text for active and an empty one for inactive.", only=(0, 1)),
    "LINE_FREQ_HZ": _Number(50, 60, "the unit hangs when it loads another one into its chips.", only=(50, 60)),
    "ZERO_POWER_GATE_WATTS": _Number(0, 100_000, _NO_THRESHOLD, whole=False),
    "PF_WATTS_THRESHOLD": _Number(0, 100_000, _NO_THRESHOLD, whole=False),
    "MQTT_SERVER_ADDRESS": _MQTT_TEXT,
    "MQTT_SERVER_PORT": _Number(1, 65535, "the unit crashes at every start without a port number."),
    "MQTT_TOPIC": _MQTT_TEXT,
    "MQTT_USERNAME": _MQTT_TEXT,
    "MQTT_PASSWORD": _MQTT_TEXT,
    "MQTT_TX_PERIOD_MS": _Number(200, 86_400_000, "the unit measures every 200 ms and waits for this time."),
    **{f"CT{n}_NAME": _NAME for n in _PORTS},
    **{f"CT{n}_TYPE": _Text("a sensor type is a text such as SCT013_100A.", may_be_empty=False) for n in _PORTS},
    **{f"CT{n}_IGAIN": _GAIN for n in _PORTS},
    **{f"CT{n}_IOFFSET": _OFFSET for n in _PORTS},
    **{f"CS{chip}_VOLTAGE_GAIN": _GAIN for chip in (0, 4)},
    **{f"CS{chip}_VOLTAGE_OFFSET": _OFFSET for chip in (0, 4)},
}

SETTABLE_KEYS: frozenset[str] = frozenset(_RULES)


def refuse_destructive(settings: Mapping[str, str]) -> None:
    """Raise DestructiveValue for the first setting that a unit must never be sent.

    Values are raw: exactly as they would stand in the request, names already encoded.
    """
    for key, value in settings.items():
        _refuse_key(key)
        _refuse_anywhere(key, value)
        rule = _RULES[key]
        if problem := rule.problem(value):
            raise DestructiveValue(key, f"{_shown(key, value)} {problem}", rule.reason)


def refuse_unsafe_argument(key: str, value: str) -> None:
    """The rules for any argument of a command, such as a path: not cut, not dropped, not a number."""
    _refuse_anywhere(key, value)
    if not value or reads_as_number(value):
        raise DestructiveValue(key, f"{value!r} is empty or a number", "the unit would act on something else.")


def _refuse_key(key: str) -> None:
    if key == "ASSY":
        reason = "the label is the unit's identity; a unit with another one is a stranger to all that was stored."
        raise DestructiveValue(key, "cannot be set", reason)
    if key not in SETTABLE_KEYS:
        raise DestructiveValue(key, "is no setting of a unit", "it would be ignored, or cut the request.")


def _refuse_anywhere(key: str, value: str) -> None:
    """What no value may be, whatever its key."""
    rule = _RULES.get(key)
    greatest = rule.max_bytes if isinstance(rule, _Text) else _MAX_VALUE_BYTES
    if len(value) > greatest:
        reason = "the unit repeats it in every answer and has little memory."
        raise NameTooLong(key, f"has {len(value)} characters, at most {greatest} are allowed", reason)
    if not _SAFE_VALUE.fullmatch(value):
        raise DestructiveValue(key, f"{_shown(key, value)} holds a character that the unit cannot take", _CUT)
    if reads_as_not_finite(value):
        raise DestructiveValue(key, f"{_shown(key, value)} would become a number that is not finite", _DEAD)


def _shown(key: str, value: str) -> str:
    return "(hidden)" if key == "MQTT_PASSWORD" else repr(value)
