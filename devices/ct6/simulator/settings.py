"""The settings of a simulated unit: what a new one has, which can be set, which survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Settings: TypeAlias = dict[str, object]

_SENSOR_TYPE = "SCT013_100A"
_CHIPS = {"CS0": 52273.0, "CS4": 51411.0}


def new_settings(assy: str, unit_name: str, port_names: Sequence[str], http_port: int) -> Settings:
    """A calibrated unit that has joined the WiFi; names as the unit stores them."""
    settings: Settings = {
        "YDEV_UNIT_NAME": unit_name,
        "YDEV_PRODUCT_ID": "CT6",
        "YDEV_DEVICE_TYPE": f"{len(port_names)}_CHNL_CT_SENSOR",
        "YDEV_SERVICE_LIST": f"WEB:{http_port}",
        "YDEV_GROUP_NAME": "",
        "YDEV_OS": "micropython",
        "YDEV_AYT_TCP_PORT_KEY": 29340,
        "ASSY": assy,
        "ACTIVE": 1.0,
        "APP": 1,
        "BLUETOOTH_ON_KEY": 0,
        "LINE_FREQ_HZ": 50,
        "PF_WATTS_THRESHOLD": 5,
        "ZERO_POWER_GATE_WATTS": 0.5,
        "MQTT_SERVER_ADDRESS": "",
        "MQTT_SERVER_PORT": 1883,
        "MQTT_TOPIC": "",
        "MQTT_USERNAME": "",
        "MQTT_PASSWORD": "",
        "MQTT_TX_PERIOD_MS": 2000,
        "WIFI": {"MODE": "STA", "SSID": "Simulated", "PASSWD": "simulated", "CHANNEL": 3, "WIFI_CFG": 1},
    }
    for chip, gain in _CHIPS.items():
        settings |= {f"{chip}_VOLTAGE_GAIN": gain, f"{chip}_VOLTAGE_OFFSET": 61440}
    for number, name in enumerate(port_names, 1):
        settings |= {
            f"CT{number}_NAME": name,
            f"CT{number}_TYPE": _SENSOR_TYPE,
            f"CT{number}_IGAIN": 46597.0 + 613 * number,
            f"CT{number}_IOFFSET": 50176.0,
        }
    return settings


def default_settings(port_count: int) -> Settings:
    """What `reset_to_default_config` leaves: no calibration, no label of its own, no WiFi."""
    settings = new_settings("ASY0197_V00.0000_SN00000000", "", [""] * port_count, 80)
    return settings | {"WIFI": {}, "ACTIVE": 0}


def settable_keys(port_count: int) -> frozenset[str]:
    """What `set_config` takes; everything else it ignores."""
    plain = [
        "YDEV_UNIT_NAME",
        "YDEV_GROUP_NAME",
        "ASSY",
        "ACTIVE",
        "LINE_FREQ_HZ",
        "ZERO_POWER_GATE_WATTS",
        "PF_WATTS_THRESHOLD",
        "MQTT_SERVER_ADDRESS",
        "MQTT_SERVER_PORT",
        "MQTT_TOPIC",
        "MQTT_USERNAME",
        "MQTT_PASSWORD",
        "MQTT_TX_PERIOD_MS",
    ]
    chips = [f"{chip}_VOLTAGE_{what}" for chip in _CHIPS for what in ("GAIN", "OFFSET")]
    return frozenset([*plain, *chips, *_per_port(port_count, "NAME", "TYPE", "IGAIN", "IOFFSET")])


def factory_keys(port_count: int) -> tuple[str, ...]:
    """What `/factory.cfg` holds, which overrides the settings at every start."""
    gains = [f"{chip}_VOLTAGE_GAIN" for chip in _CHIPS]
    return ("ASSY", "LINE_FREQ_HZ", *gains, *_per_port(port_count, "IGAIN", "IOFFSET"))


def chips_take(settings: Mapping[str, object], port_count: int) -> bool:
    """Whether the meter chips can be loaded, or the firmware stops half-way."""
    gains = [settings.get(key) for key in factory_keys(port_count) if key.endswith("GAIN")]
    numbers = [settings.get(key) for key in factory_keys(port_count) if key not in {"ASSY", "LINE_FREQ_HZ"}]
    return (
        settings.get("LINE_FREQ_HZ") in {50, 60}
        and all(isinstance(number, int | float) for number in numbers)
        and 0 not in gains
    )


def compares(settings: Mapping[str, object]) -> bool:
    """Whether power can be compared with the thresholds, which a text ends."""
    return all(isinstance(settings.get(key), int | float) for key in ("PF_WATTS_THRESHOLD", "ZERO_POWER_GATE_WATTS"))


def mqtt_starts(settings: Mapping[str, object]) -> bool:
    """Whether the MQTT port is a number, as any that can be read as one is stored."""
    return isinstance(settings.get("MQTT_SERVER_PORT"), int | float)


def _per_port(port_count: int, *endings: str) -> list[str]:
    return [f"CT{number}_{ending}" for number in range(1, port_count + 1) for ending in endings]
