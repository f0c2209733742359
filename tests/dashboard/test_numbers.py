"""Numbers in sentences: English from the server, and all that the browser needs to say them otherwise."""

import pytest

from dashboard.numbers import numbered, written


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 2, "0.00"),
        (-7.891, 2, "−7.89"),
        (-0.001, 2, "0.00"),
        (-0.006, 2, "−0.01"),
        (1234.5, 2, "1,234.50"),
        (5, 0, "5"),
    ],
)
def test_a_number_has_a_true_minus_sign_and_none_before_zero(value: float, digits: int, text: str) -> None:
    assert written(value, digits) == text


def test_a_sentence_is_said_and_its_numbers_are_told_apart() -> None:
    props = numbered("Read in {seconds} s, {points} readings.", seconds=(0.041, 2), points=(1440, 0))
    assert props == {
        "children": "Read in 0.04 s, 1,440 readings.",
        "data-sentence": "Read in {seconds} s, {points} readings.",
        "data-numbers": [["seconds", 0.041, 2], ["points", 1440, 0]],
    }
