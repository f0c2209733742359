"""What may come of bytes from the net: the reading that the standard library's json makes of them too, or a refusal
that is due; in no time, and with no other error than those that are declared."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from devices.ct6.errors import NotAnAnswer, OtherProduct, UnitAnsweredBadly
from devices.ct6.exchange import body_of
from devices.ct6.protocol import MAX_ANSWER_BYTES, MAX_NAME_CHARACTERS, MAX_PORTS, Answer, PortValues, decode_answer
from devices.ct6.torn_json import read_file_text, read_object
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES

# An ordinary answer takes 0.02 ms; what the longest takes, on a machine with other work.
MOST_S: Final = 0.5
FILE: Final = "/this.machine.cfg"
COLUMN = range(-(2**31), 2**31)  # of every quantity, in the database

_PORT_KEYS: Final = {
    "PRMS": ("active_power_w", -1e6, 1e6),
    "PREACT": ("reactive_power_var", -1e6, 1e6),
    "PAPPARENT": ("apparent_power_va", -1e6, 1e6),
    "PF": ("power_factor", -1.5, 1.5),
    "IRMS": ("current_rms_a", 0, 1e4),
    "IPEAK": ("current_peak_a", 0, 1e4),
    "VRMS": ("voltage_v", 0, 1000),
    "FREQ": ("frequency_hz", 0, 65),
}
_UNIT_KEYS: Final = {"BOARD_TEMPERATURE": ("temperature_c", -60, 200), "RSSI": ("rssi_dbm", -150, 20)}
_SCALARS: Final = (
    *("PRODUCT_ID", "DEVICE_TYPE", "UNIT_NAME", "YDEV_UNIT_NAME", "GROUP_NAME", "IP_ADDRESS"),
    *("FIRMWARE_VERSION", "SERVICE_LIST", "ACTIVE", *_UNIT_KEYS),
)
_PORTS: Final = tuple(f"CT{number}" for number in range(1, MAX_PORTS + 1))
_LABEL = re.compile(r"[A-Za-z0-9_][!-~]{0,63}")
_PLAIN = re.compile(rf"[A-Za-z0-9_ -]{{0,{MAX_NAME_CHARACTERS}}}")
_MOST_BRACKETS: Final = 150  # more may be too deep

Document = Mapping[str, Any]


def check(payload: bytes) -> None:
    """Raises AssertionError where these bytes are read wrongly, refused without a reason, or read for too long."""
    check_answer(payload)
    check_torn(payload)


def check_answer(payload: bytes) -> Answer | None:
    """A datagram or an MQTT message. The answer if it is one."""
    started_s = time.thread_time()
    try:
        answer = decode_answer(payload)
    except OtherProduct:
        answer = None
        assert _product_of(payload) != "CT6"
    except NotAnAnswer:
        answer = None
    _assert_quick(started_s)
    if answer is None:
        assert not is_sound(payload), "an answer was refused"
    else:
        # In keys that nobody reads anything goes, bytes that are no text too.
        _assert_right(answer, json.loads(payload.decode(errors="replace"), parse_int=_whole), payload)
    return answer


def check_torn(answer: bytes) -> None:
    """What came over HTTP, with its head or without."""
    started_s = time.thread_time()
    try:
        text = body_of("unit", answer) if answer.startswith(b"HTTP") else answer.decode(errors="replace")
    except UnitAnsweredBadly:
        text = ""
    found = read_object(text)
    content = read_file_text(text, FILE)
    _assert_quick(started_s)
    document = _strictly_read(text)
    if document is not None:
        assert found == document
        assert content is None or not _PLAIN.fullmatch(content) or content == document[FILE]


def is_sound(payload: bytes) -> bool:
    """Whether these bytes are beyond doubt an answer of a unit, so that nobody may refuse them."""
    try:
        document = _strictly_read(payload.decode())
    except UnicodeDecodeError:
        return False
    if document is None or len(payload) > MAX_ANSWER_BYTES:
        return False
    assy, product = document.get("ASSY"), document.get("PRODUCT_ID")
    named = isinstance(assy, str) and _LABEL.fullmatch(assy) and not {"/", "\\"} & {*assy}
    ours = product == "CT6" or (
        product is None and (document.get("DEVICE_TYPE") is not None or isinstance(document.get("CT1"), dict))
    )
    ports = [document[port] for port in _PORTS if document.get(port) is not None]
    return bool(
        named
        and ours
        and all(isinstance(port, dict) for port in ports)
        and _are_scalars(document.get(key) for key in _SCALARS)
        and _are_scalars(port.get(key) for port in ports for key in ("NAME", "TYPE", *_PORT_KEYS))
    )


@lru_cache(maxsize=1)
def _strictly_read(text: str) -> Document | None:
    """The object in a text in which nothing is odd."""
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        return None
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_whole)
        # Neither half characters nor numbers without end.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("a key twice")
    return found


def _refuse(what: str) -> None:
    raise ValueError(what)


def _whole(digits: str) -> int | float:
    """Python reads no integers of thousands of digits."""
    return int(digits) if len(digits) < 4000 else float(digits)


def _product_of(payload: bytes) -> object:
    try:
        document = json.loads(payload.decode())
    except (ValueError, RecursionError):
        return None
    return document.get("PRODUCT_ID") if isinstance(document, dict) else None


def _are_scalars(values: Iterable[object]) -> bool:
    return all(
        value is None or isinstance(value, str) or (isinstance(value, int | float) and abs(value) < 1e308)
        for value in values
    )


def _assert_quick(started_s: float) -> None:
    took_s = time.thread_time() - started_s
    assert took_s < MOST_S, f"it took {took_s:.2f} s"


def _assert_right(answer: Answer, document: Document, payload: bytes) -> None:
    assert answer.raw is payload
    assert answer.assy == document["ASSY"]
    assert _LABEL.fullmatch(answer.assy)
    numbers = [number for number, key in enumerate(_PORTS, start=1) if document.get(key) is not None]
    assert [port.number for port in answer.ports] == numbers
    for port in answer.ports:
        _assert_port(port, document[f"CT{port.number}"], answer.implausible)
    _assert_values(answer, _UNIT_KEYS, document, "", answer.implausible)
    for quantity in DEVICE_QUANTITIES[:2]:
        name = {"voltage": "voltage_v", "frequency": "frequency_hz"}[quantity.name]
        assert getattr(answer, name) == next(
            (value for port in answer.ports if (value := getattr(port, name)) is not None), None
        )
    named = document.get("UNIT_NAME")
    _assert_text(answer.name, document.get("YDEV_UNIT_NAME") if named is None else named)
    for text, key in (
        (answer.group_name, "GROUP_NAME"),
        (answer.address, "IP_ADDRESS"),
        (answer.device_type, "DEVICE_TYPE"),
        (answer.firmware_version, "FIRMWARE_VERSION"),
    ):
        _assert_text(text, document.get(key))
    assert 0 < answer.http_port < 65_536
    active = document.get("ACTIVE")
    assert answer.active == (None if active is None else isinstance(active, str) or bool(active))
    assert answer.sent_at_s == _sent_at_s(document.get("TIMESENT"))


def _assert_port(port: PortValues, said: Document, implausible: Sequence[str]) -> None:
    _assert_text(port.name, said.get("NAME"))
    _assert_text(port.sensor_type, said.get("TYPE"))
    _assert_values(port, _PORT_KEYS, said, f"CT{port.number}.", implausible)


def _assert_values(
    read: object, keys: Mapping[str, tuple[str, float, float]], said: Document, prefix: str, implausible: Sequence[str]
) -> None:
    """A number is the one that was said, if there can be one like it; else it is missing, and named if said at all."""
    for key, (name, least, most) in keys.items():
        value, was_said = getattr(read, name), said.get(key)
        if isinstance(was_said, int | float) and not isinstance(was_said, bool) and least <= was_said <= most:
            assert value == float(was_said), f"{prefix}{key}: {value!r} was read, {was_said!r} was said"
            assert type(value) is float
            assert all(quantity.fixed(value) in COLUMN for quantity in (*PORT_QUANTITIES, *DEVICE_QUANTITIES))
        else:
            assert value is None, f"{prefix}{key}: {value!r} was read, {was_said!r} was said"
        assert (f"{prefix}{key}" in implausible) == (value is None and was_said is not None)


def _assert_text(text: str, said: object) -> None:
    assert len(text) <= MAX_NAME_CHARACTERS
    # Neither control characters nor half ones, which no database takes.
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
    if isinstance(said, str) and _PLAIN.fullmatch(said):
        assert text == said
    if said is None:
        assert text == ""


def _sent_at_s(timesent: object) -> int | None:
    if not isinstance(timesent, list) or len(timesent) < 9 or type(timesent[8]) is not int:
        return None
    return timesent[8] if 0 <= timesent[8] < 2**40 else None
