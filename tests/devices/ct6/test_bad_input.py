"""Bytes that no unit sends, or that only a ruined one does: read right, or refused, in no time.

`tests.fuzz.expected` says what is right: what the standard library's json makes of the same bytes.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.ct6.protocol import MAX_ANSWER_BYTES
from tests.devices.ct6.captured import SAMPLES, captured, captured_json
from tests.fuzz.expected import check, check_answer, check_torn, is_sound
from tests.fuzz.mutations import ODD, SEEDS, mutated

ORDINARY = captured("ayt_0.json")
POWER = b"1092.4999"


def beside(text: str) -> bytes:
    """An ordinary answer with this in front of its own keys."""
    return b"{" + text.encode(errors="surrogatepass") + b", " + ORDINARY[1:]


def behind(text: str) -> bytes:
    return ORDINARY[:-1] + b", " + text.encode(errors="surrogatepass") + b"}"


@pytest.mark.parametrize(
    "path", sorted([*SAMPLES.glob("ayt_*.json"), SAMPLES / "mqtt_message.json"]), ids=lambda path: path.stem
)
def test_every_captured_answer_is_read_as_json_reads_it(path: Any) -> None:
    assert is_sound(path.read_bytes())
    assert check_answer(path.read_bytes()) is not None


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.http")), ids=lambda path: path.stem)
def test_every_captured_answer_over_http_is_read_as_json_reads_it(path: Any) -> None:
    check(path.read_bytes())


# Numbers

_NO_NUMBERS = ["NaN", "-NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e99999", "9" * 400, "00", "1.", "+1", "0x1"]


@pytest.mark.parametrize("literal", _NO_NUMBERS)
@pytest.mark.parametrize("value", ["1092.4999", "230.0", "27.49691", "-52"])
def test_a_number_that_is_none_makes_no_answer(value: str, literal: str) -> None:
    assert ORDINARY.count(value.encode())
    assert check_answer(ORDINARY.replace(value.encode(), literal.encode(), 1)) is None


@pytest.mark.parametrize("literal", ["1e400", "-1e400", "9" * 400, "9" * 10_000])
def test_a_number_without_end_in_a_key_that_nobody_reads_does_no_harm(literal: str) -> None:
    check(behind(f'"NEW": {literal}'))
    check(behind(f'"TIMESENT": [{literal}]'))


@pytest.mark.parametrize("digits", [19, 20, 39, 300, 1000, 4300, 4301, 60_000])
@pytest.mark.parametrize("form", ["{}", "-{}", "0.{}", "{}e-60000", "[0,0,0,0,0,0,0,0,{}]"])
def test_integers_of_thousands_of_digits(digits: int, form: str) -> None:
    number = form.format("9" * digits).encode()
    check(ORDINARY.replace(POWER, number))
    check(behind(f'"TIMESENT": {number.decode()}'))


@pytest.mark.parametrize("literal", ["1e-400", "-0", "-0.0", "4e-324", "1092.49990000000000000000000001", "1E+3"])
def test_a_number_as_nobody_writes_it_is_read_as_it_is(literal: str) -> None:
    answer = check_answer(ORDINARY.replace(POWER, literal.encode()))
    assert answer is not None
    assert answer.ports[0].active_power_w == float(literal)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_any_number_is_read_as_it_is_or_missing(number: float) -> None:
    assert check_answer(ORDINARY.replace(POWER, json.dumps(number).encode())) is not None


# Shapes


@pytest.mark.parametrize("value", ['"1"', "true", "[]", "{}", "[1]", '{"PRMS": 1}', "null"])
@pytest.mark.parametrize("key", ["CT1", "PRMS", "RSSI", "TIMESENT", "ASSY", "PRODUCT_ID", "ACTIVE", "UNIT_NAME"])
def test_a_value_of_another_kind(key: str, value: str) -> None:
    document = captured_json("ayt_0")
    (document["CT1"] if key == "PRMS" else document)[key] = json.loads(value)
    check(json.dumps(document).encode())


@pytest.mark.parametrize("value", ["1", "null", "[]", '{"PRMS": 5}', '"CT6"', "-1e400", "NaN"])
@pytest.mark.parametrize("key", ["CT1", "RSSI", "TIMESENT", "ASSY", "PRODUCT_ID", "UNIT_NAME", "NEW"])
def test_a_key_that_comes_twice(key: str, value: str) -> None:
    check(beside(f'"{key}": {value}'))
    check(behind(f'"{key}": {value}'))


def test_of_a_port_that_comes_twice_the_last_one_counts_whole() -> None:
    answer = check_answer(behind('"CT1": {"PRMS": 5}'))
    assert answer is not None
    assert (answer.ports[0].active_power_w, answer.ports[0].power_factor) == (5.0, None)


@pytest.mark.parametrize("opened", ["[", '{"A":', '[{"A":['])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("depth", [100, 1_000, 10_000, 100_000])
def test_deep_nesting(depth: int, opened: str, *, closed: bool) -> None:
    end = "".join({"[": "]", "{": "}"}.get(one, "") for one in reversed(opened))
    deep = opened * depth + "1" + (end * depth if closed else "")
    check(deep.encode())
    for key in ("NEW", "CT1", "TIMESENT"):
        check(behind(f'"{key}": {deep}'))


def test_deep_nesting_in_a_torn_object_is_no_work() -> None:
    check_torn(b'{"A": "it"s", "B": ' + b'{"A":' * 100_000)


# 64 kB of nothing


@pytest.mark.parametrize(
    "one", [b" ", b"\n", b"\t", b"\x00", b"0", b"[", b"{", b'"', b",", b":", b"\\", b"\xff", b"\xc3\xa9", b'" ', b'","']
)
@pytest.mark.parametrize("bytes_", [MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1])
def test_64_kilobytes_of_nothing(one: bytes, bytes_: int) -> None:
    nothing = (one * bytes_)[:bytes_]
    assert check_answer(nothing) is None
    check_torn(nothing)


@pytest.mark.parametrize("one", [" ", "\n", "0", "[", '"', ",", '" ', '","', '" ,', "\\", ": ", '":', "x", "\x00"])
@pytest.mark.parametrize(
    "before", ["", '{"A": "it"s", "B": ', '{"A": "it"s", "B": x', '{"A": "it"s", "B": "', "HTTP/1.0 200 OK\r\n"]
)
def test_nothing_inside_an_answer_takes_no_time(before: str, one: str) -> None:
    for after in ("", "}", '"}', ', "C": 1}'):
        check_torn(f"{before}{one * (60_000 // len(one))}{after}".encode())


@given(st.sampled_from([b" ", b"\n", b"\x00"]), st.integers(0, 70_000), st.booleans())
def test_what_is_filled_up_is_an_answer_where_json_allows_it(one: bytes, count: int, in_front: bool) -> None:
    check(one * count + ORDINARY if in_front else ORDINARY + one * count)


# Text


@pytest.mark.parametrize(
    "odd",
    [b"\xff", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x80", b"\xfe\xff"],
)
@pytest.mark.parametrize("place", [b'"unit1"', b'"UNIT_NAME"', b'"GROUP_NAME"', b"SN00001801", b"1092", b"{"])
def test_bytes_that_are_no_text(place: bytes, odd: bytes) -> None:
    assert place in ORDINARY
    check(ORDINARY.replace(place, place[:-1] + odd + place[-1:]))


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud83d", "\\ud83d\\n"])
def test_half_characters_reach_nobody(half: str) -> None:
    for key in ("UNIT_NAME", "ASSY", "NEW", "PRODUCT_ID"):
        check(behind(f'"{key}": "x{half}"'))
    check(ORDINARY.replace(b'"NAME": ""', f'"NAME": "{half}"'.encode()))
    check_torn(f'{{"A": "it"s", "B": "{half}"}}'.encode())


def test_a_character_in_two_halves_is_whole() -> None:
    answer = check_answer(behind('"UNIT_NAME": "\\ud83d\\ude00"'))
    assert answer is not None
    assert answer.name == "\N{GRINNING FACE}"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_makes_no_answer(mark: bytes) -> None:
    assert check_answer(mark + ORDINARY) is None
    assert check_answer(ORDINARY.decode().encode("utf-16")) is None


@given(st.text(max_size=300))
@example("%00" * 100)
@example("%ff%FE%ed%a0%80")
@example("%" * 300)
def test_any_name_is_text_that_a_database_takes(name: str) -> None:
    document = captured_json("ayt_0") | {"UNIT_NAME": name}
    document["CT1"]["NAME"] = name
    assert check_answer(json.dumps(document).encode()) is not None or not name.isprintable()


# Anything


@given(st.sampled_from(SEEDS), st.integers(0, 2**32), st.integers(1, 4))
def test_an_answer_that_was_changed_is_read_right_or_refused(payload: bytes, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    for _ in range(changes):
        payload = mutated(payload, chance)
    check(payload)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_alone_is_no_answer(odd: bytes) -> None:
    check(odd)
    assert check_answer(odd) is None


@given(st.lists(st.sampled_from(ODD) | st.binary(max_size=20), max_size=20))
def test_any_bytes_are_read_right_or_refused(parts: list[bytes]) -> None:
    check(b"".join(parts))
