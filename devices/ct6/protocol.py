"""What a unit says: the bytes of an AYT or MQTT answer as typed values, in SI units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec

from devices.ct6.errors import NotAnAnswer, OtherProduct
from devices.ct6.names import MAX_NAME_BYTES, MAX_NAME_CHARACTERS, decode_name, encode_name
from devices.ct6.settings import SETTABLE_KEYS, refuse_destructive

__all__ = [
    "AYT_PORT",
    "AYT_QUESTION",
    "DEFAULT_ASSY",
    "MAX_ANSWER_BYTES",
    "MAX_NAME_BYTES",
    "MAX_NAME_CHARACTERS",
    "MAX_PORTS",
    "PLAUSIBLE",
    "PRODUCT",
    "SETTABLE_KEYS",
    "Answer",
    "PortValues",
    "decode_answer",
    "decode_name",
    "encode_name",
    "is_label",
    "label_in",
    "past_answer",
    "refuse_destructive",
]

AYT_PORT = 29340
AYT_QUESTION = b"""{"AYT":"-!#8[dkG^v's!dRznE}6}8sP9}QoIR#?O&pg)Qra"}"""
MAX_ANSWER_BYTES = 65_535
MAX_PORTS = 24
PRODUCT = "CT6"
DEFAULT_ASSY = "ASY0197_V00.0000_SN00000000"  # every uncalibrated board carries it: no identity
DEFAULT_HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class PortValues:
    """One port's means over the answer's window. None: not reported, or implausible.

    Negative power is imported from the grid, with the clamp in its recommended direction; the power factor
    has the sign of the power.
    """

    number: int
    name: str
    sensor_type: str
    active_power_w: float | None
    reactive_power_var: float | None
    apparent_power_va: float | None
    power_factor: float | None
    current_rms_a: float | None
    current_peak_a: float | None
    voltage_v: float | None
    frequency_hz: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One message of a unit. None: not reported, or implausible.

    `address` is what the unit says of itself and may be empty; `active` is None for firmware that does not
    tell; `sent_at_s` is the unit's own clock (epoch seconds), wrong until its first time synchronisation.
    `voltage_v` and `frequency_hz` are the first port's that has them. `implausible` names the values that
    were outside any physical range, such as "CT3.PRMS".
    """

    assy: str
    name: str
    group_name: str
    address: str
    product: str
    device_type: str
    firmware_version: str
    http_port: int
    active: bool | None
    sent_at_s: int | None
    ports: tuple[PortValues, ...]
    voltage_v: float | None
    frequency_hz: float | None
    temperature_c: float | None
    rssi_dbm: float | None
    raw: bytes
    implausible: tuple[str, ...]


def decode_answer(payload: bytes) -> Answer:
    """The answer in a datagram or an MQTT message. Raises NotAnAnswer or OtherProduct, nothing else."""
    if len(payload) > MAX_ANSWER_BYTES:
        raise NotAnAnswer(f"{len(payload)} bytes are more than any answer has")
    message = _read_message(payload)
    assy = message.assy
    if type(assy) is not str or not _LABEL.fullmatch(assy):
        raise NotAnAnswer("it names no unit: ASSY is missing or no label")
    implausible: list[str] = []
    ports = _read_ports(message, implausible)
    return Answer(
        assy=assy,
        name=_text(message.ydev_unit_name if message.unit_name is None else message.unit_name),
        group_name=_text(message.group_name),
        address=_text(message.ip_address),
        product=PRODUCT,
        device_type=_text(message.device_type),
        firmware_version=_text(message.firmware_version),
        http_port=_http_port(message.service_list),
        active=_is_active(message.active),
        sent_at_s=_sent_at_s(message.timesent),
        ports=ports,
        voltage_v=next((port.voltage_v for port in ports if port.voltage_v is not None), None),
        frequency_hz=next((port.frequency_hz for port in ports if port.frequency_hz is not None), None),
        temperature_c=_plausible(message.board_temperature, _TEMPERATURE_C, "BOARD_TEMPERATURE", implausible),
        rssi_dbm=_plausible(message.rssi, _RSSI_DBM, "RSSI", implausible),
        raw=payload,
        implausible=tuple(implausible),
    )


def past_answer(assy: str, name: str, ports: Mapping[int, str]) -> Answer:
    """What a unit would answer of which only its name and those of its ports are known: no values."""
    nothing = (None,) * 8
    return Answer(
        assy=assy, name=name, group_name="", address="", product=PRODUCT, device_type="", firmware_version="",
        http_port=DEFAULT_HTTP_PORT, active=None, sent_at_s=None,
        ports=tuple(PortValues(number, text, "", *nothing) for number, text in sorted(ports.items())),
        voltage_v=None, frequency_hz=None, temperature_c=None, rssi_dbm=None, raw=b"", implausible=(),
    )  # fmt: skip


def is_label(text: str) -> bool:
    """Whether a unit can carry this assembly label."""
    return _LABEL.fullmatch(text) is not None


def label_in(payload: bytes) -> str:
    """The label that a message seems to carry, found without decoding it; empty where there is none to be seen."""
    found = _LABEL_SEEN.search(payload)
    return found[1].decode() if found else ""


# What a unit writes where a number or a text is due: names made of digits come back as numbers, and so on.
_Scalar = float | str | bool | None


class _PortMessage(msgspec.Struct, rename="upper", gc=False):
    name: _Scalar = None
    type: _Scalar = None
    prms: _Scalar = None
    preact: _Scalar = None
    papparent: _Scalar = None
    pf: _Scalar = None
    irms: _Scalar = None
    ipeak: _Scalar = None
    vrms: _Scalar = None
    freq: _Scalar = None


class _UnitMessage(msgspec.Struct, rename="upper", gc=False):
    assy: Any = None
    product_id: _Scalar = None
    device_type: _Scalar = None
    unit_name: _Scalar = None
    ydev_unit_name: _Scalar = None
    group_name: _Scalar = None
    ip_address: _Scalar = None
    firmware_version: _Scalar = None
    service_list: _Scalar = None
    active: _Scalar = None
    timesent: Any = None
    board_temperature: _Scalar = None
    rssi: _Scalar = None


class _ProductMessage(msgspec.Struct, rename="upper", gc=False):
    product_id: _Scalar = None


_PORT_FIELDS: Final = [f"ct{number}" for number in range(1, MAX_PORTS + 1)]
_Message = msgspec.defstruct(
    "_Message",
    [(field, _PortMessage | None, None) for field in _PORT_FIELDS],
    bases=(_UnitMessage,),
    rename="upper",
    gc=False,
)
_ports_of = attrgetter(*_PORT_FIELDS)
_message_decoder = msgspec.json.Decoder(_Message)
_product_decoder = msgspec.json.Decoder(_ProductMessage)

# A label becomes part of file names and URLs: no space, no slash, no leading dot.
_LABEL = re.compile(r"[A-Za-z0-9_][!-.0-\[\]-~]{0,63}", re.ASCII)
_LABEL_SEEN = re.compile(rb'"ASSY"\s*:\s*"([!#-~]{1,64})"')
_WEB_SERVICE = re.compile(r"\bWEB:(\d{1,5})\b", re.ASCII)

# Limits that no installation reaches: they catch corruption, not unusual houses.
_POWER = (-1e6, 1e6)
_POWER_FACTOR = (-1.5, 1.5)
_CURRENT_A = (0.0, 10_000.0)
_VOLTAGE_V = (0.0, 1000.0)
_FREQUENCY_HZ = (0.0, 65.0)
_TEMPERATURE_C = (-60.0, 200.0)
_RSSI_DBM = (-150.0, 20.0)

PLAUSIBLE: Final = {
    "active_power": _POWER,
    "reactive_power": _POWER,
    "apparent_power": _POWER,
    "power_factor": _POWER_FACTOR,
    "current_rms": _CURRENT_A,
    "current_peak": _CURRENT_A,
    "voltage": _VOLTAGE_V,
    "frequency": _FREQUENCY_HZ,
    "temperature": _TEMPERATURE_C,
    "rssi": _RSSI_DBM,
}
"""The lowest and the highest value of each quantity that is believed."""


def _read_message(payload: bytes) -> _UnitMessage:
    try:
        message: Any = _message_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_other_product(payload)
        raise NotAnAnswer(f"{len(payload)} bytes are no answer: {error}") from error
    if message.product_id is None:
        # MQTT messages do not name the product; their shape has to speak for them.
        if message.device_type is None and message.ct1 is None:
            raise NotAnAnswer("it names no product and has no ports")
    elif message.product_id != PRODUCT:
        raise _other_product(message.product_id)
    known: _UnitMessage = message
    return known


def _refuse_other_product(payload: bytes) -> None:
    """Another product's values may have any shape; what counts is that it says who it is."""
    try:
        product = _product_decoder.decode(payload).product_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if product not in (None, PRODUCT):
        raise _other_product(product)


def _other_product(product: _Scalar) -> OtherProduct:
    return OtherProduct(f"the product is {_text(product)!r}, not {PRODUCT}")


def _read_ports(message: _UnitMessage, implausible: list[str]) -> tuple[PortValues, ...]:
    return tuple(
        _read_port(number, port, implausible)
        for number, port in enumerate(_ports_of(message), start=1)
        if port is not None
    )


def _read_port(number: int, port: _PortMessage, implausible: list[str]) -> PortValues:
    wrong: list[str] = []
    values = PortValues(
        number,
        _text(port.name),
        _text(port.type),
        _plausible(port.prms, _POWER, "PRMS", wrong),
        _plausible(port.preact, _POWER, "PREACT", wrong),
        _plausible(port.papparent, _POWER, "PAPPARENT", wrong),
        _plausible(port.pf, _POWER_FACTOR, "PF", wrong),
        _plausible(port.irms, _CURRENT_A, "IRMS", wrong),
        _plausible(port.ipeak, _CURRENT_A, "IPEAK", wrong),
        _plausible(port.vrms, _VOLTAGE_V, "VRMS", wrong),
        _plausible(port.freq, _FREQUENCY_HZ, "FREQ", wrong),
    )
    implausible.extend(f"CT{number}.{key}" for key in wrong)
    return values


def _plausible(value: _Scalar, limits: tuple[float, float], key: str, wrong: list[str]) -> float | None:
    if type(value) is float and limits[0] <= value <= limits[1]:
        return value
    if value is not None:
        wrong.append(key)
    return None


def _text(value: _Scalar) -> str:
    return "" if value is None else decode_name(value)


def _is_active(value: _Scalar) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    # To the firmware any text is true, "False" too.
    return True if isinstance(value, str) else value != 0


def _sent_at_s(timesent: object) -> int | None:
    """The ninth element of TIMESENT: year, month, day, hour, minute, second, weekday, yearday, epoch seconds."""
    if not isinstance(timesent, list) or len(timesent) < 9:
        return None
    epoch_s = timesent[8]
    return epoch_s if type(epoch_s) is int and 0 <= epoch_s < 2**40 else None


def _http_port(service_list: _Scalar) -> int:
    """The port in a service list such as WEB:80."""
    found = _WEB_SERVICE.search(service_list) if isinstance(service_list, str) else None
    port = int(found[1]) if found else 0
    return port if 0 < port < 65_536 else DEFAULT_HTTP_PORT
