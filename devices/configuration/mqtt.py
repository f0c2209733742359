"""Whether an MQTT server answers, before a unit is pointed at it.

A server that never answers makes the unit's watchdog restart it again and again.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from devices.audit import HIDDEN
from devices.configuration.held import held
from devices.configuration.passwords import PasswordLost, unlocked
from devices.configuration.settings import MQTT_ADDRESS, MQTT_PASSWORD, MQTT_PORT, MQTT_TOPIC, MQTT_USERNAME, tidy
from devices.configuration.wishes import checked, open_wishes
from devices.ct6.errors import UnitError
from devices.ct6.mqtt_check import MqttCheck, MqttServer, send_test_message
from devices.models import Device

_SERVER = (MQTT_ADDRESS, MQTT_PORT, MQTT_TOPIC, MQTT_USERNAME, MQTT_PASSWORD)


class MqttSilent(UnitError):
    """The MQTT server did not take a test message, so no unit is pointed at it unless somebody insists."""


def test_mqtt(settings: Mapping[str, str]) -> MqttCheck:
    """Send a test message to the server and topic of these settings (the unit's own keys), and tell what came of it.

    Takes at most some ten seconds; asks no unit and stores nothing.
    """
    port = settings.get(MQTT_PORT, "")
    server = MqttServer(
        address=settings.get(MQTT_ADDRESS, ""),
        port=int(port) if port.isascii() and port.isdigit() else 0,
        topic=settings.get(MQTT_TOPIC, ""),
        username=settings.get(MQTT_USERNAME, ""),
        password=settings.get(MQTT_PASSWORD, ""),
    )
    return send_test_message(server)


def mqtt_settings(device: Device, texts: Mapping[str, str]) -> dict[str, str]:
    """The MQTT settings that the unit would have with these wishes; a password only if it is known here."""
    wishes = open_wishes(device)
    settings = {key: text for key, text in held(device).items() if key in _SERVER}
    settings |= {key: change.wished for key, change in wishes.items() if key in _SERVER}
    if MQTT_PASSWORD in wishes:
        try:
            settings[MQTT_PASSWORD] = unlocked(wishes[MQTT_PASSWORD].secret)
        except PasswordLost:
            settings[MQTT_PASSWORD] = HIDDEN
    settings |= {key: tidy(key, text) for key, text in texts.items() if key in _SERVER}
    return settings


def check_mqtt(device: Device, texts: Mapping[str, str]) -> MqttCheck:
    """Send a test message to the server that the unit would have with these wishes.

    The password that only the unit knows cannot be tried: then it is enough that the server answers. Raises
    DestructiveValue for settings that could not be wished.
    """
    checked(device, texts)
    settings = mqtt_settings(device, texts)
    if settings.get(MQTT_PASSWORD) != HIDDEN:
        return test_mqtt(settings)
    check = test_mqtt(settings | {MQTT_PASSWORD: ""})
    if check.answered and not check.taken:
        template = _(
            "The MQTT server answers. Whether it takes messages was not tried, since only the unit knows the password; "
            "type it again to try."
        )
        return MqttCheck(taken=True, answered=True, template=template)
    return check


def refuse_silent_mqtt(device: Device, texts: Mapping[str, str]) -> None:
    """Raise MqttSilent if these wishes point the unit at an MQTT server that takes no test message.

    To be called before such a wish, outside of any transaction, since the server may take its time. Without a server
    in the wishes, or with one that the unit has already, nothing is asked.
    """
    if not any(key in texts for key in _SERVER):
        return
    told, wanted = held(device), mqtt_settings(device, texts)
    changed = [key for key in _SERVER if key in texts and wanted.get(key) != told.get(key)]
    if not wanted.get(MQTT_ADDRESS) or not changed:
        return
    check = check_mqtt(device, texts)
    if check.taken:
        return
    template = _(
        "%(reason)s A unit whose server does not answer restarts again and again, so nothing was wished; insist if "
        "only the unit can reach that server."
    )
    raise MqttSilent(str(device), template, {"reason": check})
