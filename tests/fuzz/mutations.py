"""Answers as no unit sends them: a captured one, changed in a place where it hurts."""

from __future__ import annotations

import random
import re
from typing import Final

from tests.devices.ct6.captured import SAMPLES

SEEDS: Final = tuple(
    path.read_bytes()
    for pattern in ("ayt_*", "mqtt_message.json", "get_stats.http", "config_*.http", "stats_squote.http")
    for path in sorted(SAMPLES.glob(pattern))
)
# What stands where a value, a key or nothing at all is due.
ODD: Final = (
    *(b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"1e400", b"-1e400", b"1e-400", b"9" * 400),
    *(b"9" * 5000, b"0" * 500, b"-0", b"-0.0", b"00", b"1.", b".5", b"1e", b"0x10", b"1_0", b"1e6", b"-1e6"),
    *(b"1000000.0000000001", b"65.00000000000001", b"2147483648", b"9223372036854775808", b"18446744073709551616"),
    *(b"true", b"false", b"null", b"True", b"None", b'""', b'"CT6"', b'"5"', b'"WEB:99999"', b'"WEB:0"'),
    *(b"[]", b"{}", b"[5]", b'{"CT1": 5}', b'{"CT1":', b"]", b"}", b",", b":", b'"', b"it's", b'it"s'),
    *(b"[" * 300, b"[" * 60 + b"]" * 60, b'{"A":' * 60 + b"1" + b"}" * 60),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"%00%FF%C3"', b"\\", b"\\x", b"\\u12"),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\x1f", b" " * 500, b"\t\r\n"),
)
_LITERAL = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
_PAIR = re.compile(rb'"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[^,"{}\[\]]+)')


def mutated(payload: bytes, chance: random.Random) -> bytes:
    """The same with one thing changed."""
    return chance.choice((_other_value, _other_value, _borrowed_value, _repeated, _inserted, _cut, _flipped))(
        payload, chance
    )


def _other_value(payload: bytes, chance: random.Random) -> bytes:
    start, end = _place(_LITERAL, payload, chance)
    return payload[:start] + chance.choice(ODD) + payload[end:]


def _borrowed_value(payload: bytes, chance: random.Random) -> bytes:
    start, end = _place(_LITERAL, payload, chance)
    other = slice(*_place(_LITERAL, payload, chance))
    return payload[:start] + payload[other] + payload[end:]


def _repeated(payload: bytes, chance: random.Random) -> bytes:
    """A key twice, the second one perhaps with another value, or in another object."""
    pair = payload[slice(*_place(_PAIR, payload, chance))]
    _, at = _place(_PAIR, payload, chance)
    if chance.random() < 0.5:
        pair = pair.partition(b":")[0] + b":" + chance.choice(ODD)
    return payload[:at] + b", " + pair + payload[at:]


def _inserted(payload: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(payload))
    return payload[:at] + chance.choice(ODD) + payload[at:]


def _cut(payload: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randint(0, len(payload)) for _ in range(2))
    return payload[:start] + payload[end:] if chance.random() < 0.5 else payload[:end]


def _flipped(payload: bytes, chance: random.Random) -> bytes:
    if not payload:
        return payload
    at = chance.randrange(len(payload))
    return payload[:at] + bytes([chance.randrange(256)]) + payload[at + 1 :]


def _place(pattern: re.Pattern[bytes], payload: bytes, chance: random.Random) -> tuple[int, int]:
    """Where one of these stands, or nothing at the end."""
    places = [found.span() for found in pattern.finditer(payload)]
    return chance.choice(places) if places else (len(payload), len(payload))
