"""What MicroPython makes of texts and numbers."""

from __future__ import annotations

import math

import pytest

from devices.ct6.simulator.micropython import json_text, read_value, repr_text, single


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2.0),
        ("3.70", 3.7),
        ("007", 7.0),
        ("2_0", 20.0),
        ("_1__2_", 12.0),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("+5.", 5.0),
        ("123456789", 123456790.0),
        ("1e39", math.inf),
        ("-1e400", -math.inf),
        ("INF", math.inf),
        ("-infinity", -math.inf),
    ],
)
def test_what_float_takes_becomes_a_single_float(text: str, value: float) -> None:
    assert read_value(text) == value


def test_nan_becomes_a_number_that_is_none() -> None:
    assert math.isnan(float(read_value("NaN")))


@pytest.mark.parametrize("text", ["", "_", ".", "e3", "1e", "%32", "0x10", "1.2.3", "n_an", "Solar", "٣", "1 2"])
def test_anything_else_stays_a_text(text: str) -> None:
    assert read_value(text) == text


def test_a_single_float_is_printed_as_its_shortest_decimal() -> None:
    assert single(0.1 + 0.2) == 0.3
    assert single(-1840.0) == -1840.0
    assert single(27.49690812) == 27.496908


def test_json_is_written_with_raw_utf8_and_bare_words() -> None:
    value = {"a": math.nan, "b": math.inf, "c": True, "d": None, "e": ["Küche°", 1, 2.0]}
    assert json_text(value) == '{"a": nan, "b": inf, "c": true, "d": null, "e": ["Küche°", 1, 2.0]}'


def test_repr_escapes_what_is_not_ascii() -> None:
    assert repr_text({"a": "Küche°"}) == r"{'a': 'K\xfcche\xb0'}"
