"""Which settings may be sent to a unit, and which values would put it out of action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devices.ct6.errors import DestructiveValue, NameTooLong
from devices.ct6.errors import gettext_noop as _
from devices.ct6.names import MAX_NAME_BYTES
from devices.ct6.unit_numbers import reads_as_not_finite, reads_as_number

_PORTS = range(1, 7)  # the shipped firmware has settings for these only
_MAX_VALUE_BYTES = 256

_PLAIN_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
# Everything a request line carries unharmed; quotes are left out because get_config breaks on them.
_SAFE_VALUE = re.compile(r"[!#$%()*+\-./0-9:;<>@A-Z\[\\\]^_`a-z{|}~]*", re.ASCII)

# Each refusal is one sentence with all its reasons, since it is translated as a whole.
_NOT_FINITE = _(
    "%(key)s %(value)s would become a number that is not finite: the unit would crash, its settings file would be "
    "unreadable and its WiFi set-up lost, until somebody sets it up again over Bluetooth. Nothing was sent."
)
_BAD_CHARACTER = _(
    "%(key)s %(value)s holds a character that the unit cannot take: the unit would cut the value there or drop it; "
    "percent-encode a name, choose another value elsewhere. Nothing was sent."
)
_TOO_LONG = _(
    "%(key)s has %(characters)d characters, at most %(most)d are allowed: the unit repeats it in every answer and has "
    "little memory. Nothing was sent."
)
_NO_ARGUMENT = _("%(key)s %(value)s is empty or a number: the unit would act on something else. Nothing was sent.")
_LABEL_STAYS = _(
    "%(key)s cannot be set: the label is the unit's identity; a unit with another one is a stranger to all that was "
    "stored. Nothing was sent."
)
_NO_SETTING = _("%(key)s is no setting of a unit: it would be ignored, or cut the request. Nothing was sent.")


@dataclass(frozen=True, slots=True)
class Number:
    """A setting that must be a number, and the range outside which it does harm; with `only`, one of these."""

    low: float
    high: float
    refusal: str
    whole: bool = True
    only: tuple[float, ...] = ()

    def refusal_of(self, value: str) -> str:
        """Why the value is not sent, or nothing."""
        if not _PLAIN_NUMBER.fullmatch(value):
            return self.refusal
        number = float(value)
        allowed = number in self.only if self.only else self.low <= number <= self.high
        return "" if allowed and (number.is_integer() or not self.whole) else self.refusal


@dataclass(frozen=True, slots=True)
class _Text:
    """A setting that must stay a text."""

    refusal: str
    refusal_of_empty: str = ""
    max_bytes: int = _MAX_VALUE_BYTES
    without: str = ""
    refusal_of_these: str = ""

    def refusal_of(self, value: str) -> str:
        """Why the value is not sent, or nothing."""
        if reads_as_number(value):
            return self.refusal
        if any(character in value for character in self.without):
            return self.refusal_of_these
        return "" if value else self.refusal_of_empty


_GAIN = Number(
    1000,
    64535,
    _(
        "%(key)s %(value)s must be a whole number from %(low)s to %(high)s: the unit hangs or measures nonsense when "
        "it loads such a gain into its meter chips. Nothing was sent."
    ),
)
_OFFSET = Number(
    0,
    65535,
    _(
        "%(key)s %(value)s must be a whole number from %(low)s to %(high)s: the meter chips' offset registers hold 16 "
        "bits without sign. Nothing was sent."
    ),
)
_THRESHOLD = Number(
    0,
    100_000,
    _(
        "%(key)s %(value)s must be a number from %(low)s to %(high)s: the unit compares its power with it and restarts "
        "for ever when it is no number. Nothing was sent."
    ),
    whole=False,
)
_ACTIVE = Number(
    0,
    1,
    _(
        "%(key)s %(value)s must be %(low)s or %(high)s: the unit takes any text for active and an empty one for "
        "inactive. Nothing was sent."
    ),
    only=(0, 1),
)
_LINE_FREQUENCY = Number(
    50,
    60,
    _(
        "%(key)s %(value)s must be %(low)s or %(high)s: the unit hangs when it loads another one into its chips. "
        "Nothing was sent."
    ),
    only=(50, 60),
)
_MQTT_PORT = Number(
    1,
    65535,
    _(
        "%(key)s %(value)s must be a whole number from %(low)s to %(high)s: the unit crashes at every start without a "
        "port number. Nothing was sent."
    ),
)
_MQTT_PERIOD = Number(
    200,
    86_400_000,
    _(
        "%(key)s %(value)s must be a whole number from %(low)s to %(high)s: the unit measures every 200 ms and waits "
        "for this time. Nothing was sent."
    ),
)
_NAME = _Text(
    _(
        "%(key)s %(value)s would be read as a number: the unit would store a number instead of the text; "
        "percent-encode the first character of a name. Nothing was sent."
    ),
    max_bytes=MAX_NAME_BYTES,
)
_MQTT_NUMBER = _(
    "%(key)s %(value)s would be read as a number: the unit would store a number, and MQTT never works with one. "
    "Nothing was sent."
)
_MQTT_TEXT = _Text(_MQTT_NUMBER)
_MQTT_TOPIC = _Text(
    _MQTT_NUMBER,
    without="+#",
    refusal_of_these=_(
        "%(key)s %(value)s must not hold + or #: these ask for several topics, and a server turns away whoever "
        "publishes to them. Nothing was sent."
    ),
)
_SENSOR_TYPE = _Text(
    _("%(key)s %(value)s would be read as a number: a sensor type is a text such as SCT013_100A. Nothing was sent."),
    _("%(key)s %(value)s must not be empty: a sensor type is a text such as SCT013_100A. Nothing was sent."),
)

_RULES: dict[str, Number | _Text] = {
    "YDEV_UNIT_NAME": _NAME,
    "YDEV_GROUP_NAME": _NAME,
    "ACTIVE": _ACTIVE,
    "LINE_FREQ_HZ": _LINE_FREQUENCY,
    "ZERO_POWER_GATE_WATTS": _THRESHOLD,
    "PF_WATTS_THRESHOLD": _THRESHOLD,
    "MQTT_SERVER_ADDRESS": _MQTT_TEXT,
    "MQTT_SERVER_PORT": _MQTT_PORT,
    "MQTT_TOPIC": _MQTT_TOPIC,
    "MQTT_USERNAME": _MQTT_TEXT,
    "MQTT_PASSWORD": _MQTT_TEXT,
    "MQTT_TX_PERIOD_MS": _MQTT_PERIOD,
    **{f"CT{n}_NAME": _NAME for n in _PORTS},
    **{f"CT{n}_TYPE": _SENSOR_TYPE for n in _PORTS},
    **{f"CT{n}_IGAIN": _GAIN for n in _PORTS},
    **{f"CT{n}_IOFFSET": _OFFSET for n in _PORTS},
    **{f"CS{chip}_VOLTAGE_GAIN": _GAIN for chip in (0, 4)},
    **{f"CS{chip}_VOLTAGE_OFFSET": _OFFSET for chip in (0, 4)},
}

SETTABLE_KEYS: frozenset[str] = frozenset(_RULES)


def number_rule(key: str) -> Number | None:
    """What the number in this setting may be; None where it is a text."""
    rule = _RULES.get(key)
    return rule if isinstance(rule, Number) else None


def refuse_destructive(settings: Mapping[str, str]) -> None:
    """Raise DestructiveValue for the first setting that a unit must never be sent.

    Values are raw: exactly as they would stand in the request, names already encoded.
    """
    for key, value in settings.items():
        _refuse_key(key)
        _refuse_anywhere(key, value)
        rule = _RULES[key]
        if refusal := rule.refusal_of(value):
            limits = {"low": f"{rule.low:g}", "high": f"{rule.high:.9g}"} if isinstance(rule, Number) else {}
            raise DestructiveValue(key, refusal, _named(key, value) | limits)


def refuse_unsafe_argument(key: str, value: str) -> None:
    """The rules for any argument of a command, such as a path: not cut, not dropped, not a number."""
    _refuse_anywhere(key, value)
    if not value or reads_as_number(value):
        raise DestructiveValue(key, _NO_ARGUMENT, _named(key, value))


def _refuse_key(key: str) -> None:
    if key not in SETTABLE_KEYS:
        raise DestructiveValue(key, _LABEL_STAYS if key == "ASSY" else _NO_SETTING, {"key": key or "''"})


def _refuse_anywhere(key: str, value: str) -> None:
    """What no value may be, whatever its key."""
    rule = _RULES.get(key)
    greatest = rule.max_bytes if isinstance(rule, _Text) else _MAX_VALUE_BYTES
    if len(value) > greatest:
        raise NameTooLong(key, _TOO_LONG, {"key": key, "characters": len(value), "most": greatest})
    if not _SAFE_VALUE.fullmatch(value):
        raise DestructiveValue(key, _BAD_CHARACTER, _named(key, value))
    if reads_as_not_finite(value):
        raise DestructiveValue(key, _NOT_FINITE, _named(key, value))


def _named(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": "***" if key == "MQTT_PASSWORD" else repr(value)}
