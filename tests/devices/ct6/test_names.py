"""Names on their way to a unit and back."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devices.ct6.errors import DestructiveValue, NameTooLong
from devices.ct6.names import MAX_NAME_BYTES, MAX_NAME_CHARACTERS, decode_name, encode_name
from devices.ct6.settings import refuse_destructive

# A text that a form can send: any character but control characters and halves of characters.
typed_names = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=MAX_NAME_CHARACTERS)
number_like_names = st.from_regex(r"[0-9._+\-einfatyEINFATY]{0,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("Garage", "Garage"),
        ("heat_pump-2", "heat_pump-2"),
        ("", ""),
        ("Solar PV", "Solar%20PV"),
        ("Kitchen, oven", "Kitchen%2C%20oven"),
        ("Küche", "K%C3%BCche"),
        ("Dad's", "Dad%27s"),
        ('a"b', "a%22b"),
        ("a?b&c=d", "a%3Fb%26c%3Dd"),
        ("100%", "100%25"),
        ("a.b~c", "a%2Eb%7Ec"),
        ("nan", "%6Ean"),
        ("NaN", "%4EaN"),
        ("inf", "%69nf"),
        ("-Infinity", "%2DInfinity"),
        ("1e99", "%31e99"),
        ("2", "%32"),
        ("007", "%3007"),
        ("2_0", "%32_0"),
        ("1e3", "%31e3"),
        # MicroPython skips underscores anywhere and needs no digits.
        ("1__0", "%31__0"),
        ("_1", "%5F1"),
        ("n_an", "%6E_an"),
        ("E1", "%451"),
        ("e9_9", "%659_9"),
        ("_", "%5F"),
        ("nano", "nano"),
        ("info", "info"),
        ("2nd floor", "2nd%20floor"),
        ("-", "-"),
    ],
)
def test_a_name_is_stored_so_that_it_cannot_hurt_and_comes_back(name: str, encoded: str) -> None:
    assert encode_name(name) == encoded
    assert decode_name(encoded) == name


@given(typed_names | number_like_names)
def test_what_encodes_comes_back_the_same(name: str) -> None:
    try:
        encoded = encode_name(name)
    except NameTooLong:
        assume(False)
    assert decode_name(encoded) == name


@given(typed_names | number_like_names)
def test_an_encoded_name_is_harmless(name: str) -> None:
    try:
        encoded = encode_name(name)
    except NameTooLong:
        assume(False)
    assert re.fullmatch(r"[A-Za-z0-9_%-]*", encoded)
    with pytest.raises(ValueError, match="could not convert"):
        float(encoded)
    with pytest.raises(ValueError, match="could not convert"):
        float(encoded.replace("_", ""))
    refuse_destructive({"CT1_NAME": encoded})


@given(st.text(max_size=MAX_NAME_CHARACTERS))
def test_what_no_name_can_hold_is_left_out(name: str) -> None:
    try:
        encoded = encode_name(name)
    except NameTooLong:
        assume(False)
    assert decode_name(encoded) == "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cs"))


@pytest.mark.parametrize("name", ["x" * 64, "," * 64, "ü" * 32, "漢" * 21, "🔌" * 16])
def test_the_greatest_names(name: str) -> None:
    assert len(encode_name(name)) <= MAX_NAME_BYTES
    assert decode_name(encode_name(name)) == name


@pytest.mark.parametrize("name", ["x" * 65, "ü" * 33, "漢" * 22, "🔌" * 17])
def test_a_longer_name_is_refused_and_says_how_long_it_may_be(name: str) -> None:
    with pytest.raises(NameTooLong, match="at most 64 characters and 192 bytes") as refusal:
        encode_name(name)
    assert isinstance(refusal.value, DestructiveValue)
    assert isinstance(refusal.value, ValueError)
    assert not refusal.value.retryable


def test_a_code_in_front_of_a_digit_counts_for_the_length_too() -> None:
    assert len(encode_name("," * 63 + "a")) == 190
    assert encode_name("1" * 64) == "%31" + "1" * 63


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (2.0, "2"),
        (3.7, "3.7"),
        (1000.0, "1000"),
        (123456790.0, "123456790"),
        (-5.0, "-5"),
        (0, "0"),
        ("Solar+PV", "Solar+PV"),
        ("%6Ean", "nan"),
        ("%zz", "%zz"),
        ("%", "%"),
        ("%00a%0A", "a"),
    ],
)
def test_what_a_unit_stored_is_shown_as_it_was_typed(stored: str | float, name: str) -> None:
    assert decode_name(stored) == name


@given(st.text() | st.floats() | st.integers(-(10**300), 10**300))
def test_whatever_is_stored_makes_a_name_within_the_limit(stored: str | float) -> None:
    name = decode_name(stored)
    assert len(name) <= MAX_NAME_CHARACTERS
    name.encode()
