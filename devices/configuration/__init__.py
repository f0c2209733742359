"""Settings of a unit: what we wish it to have, writing that to it, and reading back what it really has.

A wish is stored first and written second, so that one is never lost; it stays open until the unit itself has
reported the value.
"""

from devices.configuration.differences import Setting, differences, settings_of
from devices.configuration.held import held, pull
from devices.configuration.mqtt import MqttSilent, check_mqtt, refuse_silent_mqtt, test_mqtt
from devices.configuration.pushing import Pushed, due, push, push_to_many, retry_delay
from devices.configuration.settings import (
    ACTIVE,
    GROUP_NAME,
    LINE_FREQUENCY,
    OFF,
    ON,
    UNIT_NAME,
    can_be_wished,
    port_name_key,
    sensor_type_key,
)
from devices.configuration.undo import CannotUndo, undo, why_not_undone
from devices.configuration.wishes import checked, clean, open_wishes, wish, with_open_wishes
from devices.configuration.words import in_words, limits_of, setting_name, unit_of

__all__ = [
    "ACTIVE",
    "GROUP_NAME",
    "LINE_FREQUENCY",
    "OFF",
    "ON",
    "UNIT_NAME",
    "CannotUndo",
    "MqttSilent",
    "Pushed",
    "Setting",
    "can_be_wished",
    "check_mqtt",
    "checked",
    "clean",
    "differences",
    "due",
    "held",
    "in_words",
    "limits_of",
    "open_wishes",
    "port_name_key",
    "pull",
    "push",
    "push_to_many",
    "refuse_silent_mqtt",
    "retry_delay",
    "sensor_type_key",
    "setting_name",
    "settings_of",
    "test_mqtt",
    "undo",
    "unit_of",
    "why_not_undone",
    "wish",
    "with_open_wishes",
]
