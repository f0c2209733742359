"""The dictionaries of measured values that a simulated unit sends: its AYT answer and `/get_stats`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from devices.ct6.simulator.load import MeanValues
from devices.ct6.simulator.micropython import single

Document: TypeAlias = dict[str, object]

# The clock of a unit that has not reached a time server starts here.
CLOCK_NOT_SET_S = 1_609_459_200
# Ports 1..3 share one meter chip, 4..6 the next; each sees the supply through its own resistors.
_PORTS_A_CHIP = 3
_CHIP_ERROR_V = 0.11
# What firmware before 2 did not send yet.
_NEWER_KEYS = {"ACTIVE", "TIMESENT", "PF_WATTS_THRESHOLD"}
# All 16 or 32 bits set, as the firmware scales them.
_UNREAD = {"VRMS": 655.35, "FREQ": 655.35, "IRMS": 65.535, "PRMS": -0.00032, "PREACT": -0.00032, "PAPPARENT": -0.00032}


class PortMeans(NamedTuple):
    """One port's values exactly as they were sent."""

    active_power_w: float
    reactive_power_var: float
    apparent_power_va: float
    power_factor: float
    current_rms_a: float
    current_peak_a: float


_PORT_KEYS = ("PRMS", "PREACT", "PAPPARENT", "PF", "IRMS", "IPEAK")


def port_means(means: MeanValues) -> tuple[PortMeans, ...]:
    """The ports' means of the first window as single floats."""
    columns = (
        means.active_power_w,
        means.reactive_power_var,
        means.apparent_power_va,
        means.power_factor,
        means.current_rms_a,
        means.current_peak_a,
    )
    rows = zip(*(column[0].tolist() for column in columns), strict=True)
    # Adding 0.0 turns the -0.0 that rounding leaves into the 0.0 that a unit sends.
    return tuple(PortMeans(*(single(value) + 0.0 for value in row)) for row in rows)


def live_stats(
    settings: Mapping[str, object],
    means: MeanValues,
    ports: Sequence[PortMeans],
    firmware_version: str,
    voltage_ratio: Callable[[int], float],
) -> Document:
    """What `/get_stats` and MQTT's messages share with the AYT answer. `voltage_ratio` tells of each chip by how much
    it shows more than the true voltage."""
    document: Document = {}
    chips = range(-(-len(ports) // _PORTS_A_CHIP))
    voltages = [single((float(means.voltage_v[0]) + chip * _CHIP_ERROR_V) * voltage_ratio(chip)) for chip in chips]
    frequency = single(float(means.frequency_hz[0]))
    for number, port in enumerate(ports, 1):
        document[f"CT{number}"] = {
            "NAME": settings.get(f"CT{number}_NAME", ""),
            "TYPE": settings.get(f"CT{number}_TYPE", ""),
            **dict(zip(_PORT_KEYS, port, strict=True)),
            "VRMS": voltages[(number - 1) // _PORTS_A_CHIP],
            "FREQ": frequency,
            "TEMP": 33.0,
        }
    return document | {
        "ASSY": settings.get("ASSY"),
        "YDEV_UNIT_NAME": settings.get("YDEV_UNIT_NAME"),
        "FIRMWARE_VERSION": firmware_version,
        "ACTIVE": settings.get("ACTIVE"),
        "PF_WATTS_THRESHOLD": settings.get("PF_WATTS_THRESHOLD"),
        "BOARD_TEMPERATURE": single(float(means.temperature_c[0])),
        "RSSI": single(float(means.rssi_dbm[0])),
        "READ_TIME_NS": 25516.5,
    }


def ayt_answer(stats: Document, settings: Mapping[str, object], *, address: str, clock_s: int) -> Document:
    """The answer: the stats, who and where the unit is, and what its clock says."""
    return stats | {
        "UNIT_NAME": settings.get("YDEV_UNIT_NAME"),
        "GROUP_NAME": settings.get("YDEV_GROUP_NAME"),
        "PRODUCT_ID": settings.get("YDEV_PRODUCT_ID"),
        "DEVICE_TYPE": settings.get("YDEV_DEVICE_TYPE"),
        "SERVICE_LIST": settings.get("YDEV_SERVICE_LIST"),
        "OS": settings.get("YDEV_OS"),
        "IP_ADDRESS": address,
        "TIMESENT": _clock(clock_s),
    }


def published(stats: Document, clock_s: int) -> Document:
    """What it publishes by MQTT: the stats and what its clock says, but not where it is."""
    return stats | {"TIMESENT": _clock(clock_s)}


def as_old_firmware(document: Document) -> Document:
    """The same answer without the keys that came with later firmware."""
    return {
        key: {k: v for k, v in value.items() if k != "IPEAK"} if isinstance(value, dict) else value
        for key, value in document.items()
        if key not in _NEWER_KEYS
    }


def as_unread_chips(document: Document) -> Document:
    """The same answer with what is read from meter chips that do not answer: every bit of a register is set."""
    return {
        key: value | _UNREAD if isinstance(value, dict) and "VRMS" in value else value
        for key, value in document.items()
    }


def _clock(clock_s: int) -> list[int]:
    now = time.gmtime(clock_s)
    return [*now[:6], now.tm_wday, now.tm_yday, clock_s]
