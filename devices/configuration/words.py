"""Settings in the words of people: what they are called, what they are worth, and what a unit says of them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from devices.configuration.settings import (
    ACTIVE,
    GROUP_NAME,
    LINE_FREQUENCY,
    MQTT_ADDRESS,
    MQTT_PASSWORD,
    MQTT_PERIOD,
    MQTT_PORT,
    MQTT_TOPIC,
    MQTT_USERNAME,
    ON,
    POWER_FACTOR_THRESHOLD,
    UNIT_NAME,
    ZERO_POWER_GATE,
    Kind,
    as_text,
    is_active,
    kind_of,
    port_of,
)
from devices.ct6.settings import number_rule
from devices.wording import Said, Sentence

_NAMES = {
    UNIT_NAME: _("name"),
    GROUP_NAME: _("group"),
    ACTIVE: _("active"),
    LINE_FREQUENCY: _("line frequency"),
    POWER_FACTOR_THRESHOLD: _("power factor threshold"),
    ZERO_POWER_GATE: _("zero-power gate"),
    MQTT_ADDRESS: _("MQTT server"),
    MQTT_PORT: _("MQTT port"),
    MQTT_TOPIC: _("MQTT topic"),
    MQTT_USERNAME: _("MQTT user name"),
    MQTT_PASSWORD: _("MQTT password"),
    MQTT_PERIOD: _("MQTT period"),
}
_UNITS = {LINE_FREQUENCY: "Hz", POWER_FACTOR_THRESHOLD: "W", ZERO_POWER_GATE: "W", MQTT_PERIOD: "ms"}


def setting_name(key: str) -> str:
    """A setting as people call it, in the reader's language."""
    if key in _NAMES:
        return gettext(_NAMES[key])
    number = port_of(key)
    if number is None:
        return key
    template = gettext("name of %(port)s") if key.endswith("_NAME") else gettext("sensor type of %(port)s")
    return template % {"port": f"CT{number}"}


def unit_of(key: str) -> str:
    """The unit of a number; nothing for a text and a mere number."""
    return _UNITS.get(key, "")


def limits_of(key: str) -> tuple[float, float] | None:
    """The least and the greatest number that may be wished; None for a text."""
    rule = number_rule(key)
    return None if rule is None else (rule.low, rule.high)


def in_words(key: str, text: str) -> str:
    """A setting's value as people read it, in the reader's language."""
    kind = kind_of(key)
    if kind is Kind.SWITCH:
        return gettext("active") if text == ON else gettext("inactive")
    if kind is Kind.PASSWORD:
        return gettext("hidden") if text else gettext("no password")
    if kind is Kind.NUMBER:
        return f"{text} {unit_of(key)}".rstrip() if text else gettext("not known")
    return text or (gettext("no name") if key != GROUP_NAME and kind is Kind.NAME else gettext("nothing"))


def reports(key: str, text: str) -> Sentence:
    """That the unit has what was wished."""
    kind = kind_of(key)
    if kind is Kind.SWITCH:
        return Sentence(_("The unit reports active.") if text == ON else _("The unit reports inactive."))
    if kind is Kind.PASSWORD:
        return Sentence(_("The unit has the password.") if text else _("The unit has no password any more."))
    if key == LINE_FREQUENCY:
        template = _(
            "The unit reports %(value)s Hz, has loaded it into its meter chips and keeps it in its factory "
            "configuration."
        )
        return Sentence(template, {"value": text})
    if not text:
        return Sentence(_("The unit reports no name.") if kind is Kind.NAME else _("The unit reports it as empty."))
    return Sentence(_("The unit reports “%(name)s”."), {"name": f"{text} {unit_of(key)}".rstrip()})


def why_not(key: str, settings: Mapping[str, object], refusals: Mapping[str, Said]) -> Sentence:
    """Why a wish was not fulfilled; `settings` is what the unit holds afterwards."""
    if refusal := refusals.get(key):
        return Sentence(refusal.template, refusal.values)
    if key not in settings:
        return Sentence(_("The unit has no such setting; its firmware may be too old."))
    kind = kind_of(key)
    if kind is Kind.SWITCH:
        still_active = _("The unit took it but still reports active.")
        return Sentence(still_active if is_active(settings[key]) else _("The unit took it but still reports inactive."))
    if kind is Kind.PASSWORD:
        return Sentence(_("The unit took it but still has another password."))
    text = as_text(key, settings[key])
    if not text:
        no_name = _("The unit took it but still reports no name.")
        return Sentence(no_name if kind is Kind.NAME else _("The unit took it but still reports it as empty."))
    return Sentence(_("The unit took it but still reports “%(name)s”."), {"name": f"{text} {unit_of(key)}".rstrip()})
