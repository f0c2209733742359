"""Which texts a unit takes for a number.

The firmware hands every value to MicroPython's float(), whose grammar is wider than Python's: underscores are
skipped wherever they stand, and digits may be missing, so that `_`, `E1` and `.` are numbers to it.
"""

from __future__ import annotations

import re

# Single precision ends at 3.4e38; what comes near it is infinite after one multiplication.
GREATEST_NUMBER = 1e30
_GREATEST_EXPONENT = 30

_NUMBER = re.compile(r"[+-]?(?P<mantissa>\d*\.?\d*)(?:e(?P<exponent>[+-]?\d*))?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)


def reads_as_number(text: str) -> bool:
    """Whether a unit could store this text as a number. Errs on the side of yes."""
    bare = text.replace("_", "")
    if not text or text.strip("+-") == "":
        return False
    return bool(_NOT_FINITE.fullmatch(bare) or _NUMBER.fullmatch(bare))


def reads_as_not_finite(text: str) -> bool:
    """Whether a unit could make NaN or infinity of this text, which is what puts it out of action."""
    bare = text.replace("_", "")
    if _NOT_FINITE.fullmatch(bare):
        return True
    number = _NUMBER.fullmatch(bare)
    if number is None:
        return False
    # Some versions multiply by the power of ten: even 0e99 is 0 × infinity, which is NaN.
    if _power_of_ten(number["exponent"]) > _GREATEST_EXPONENT:
        return True
    digits = number["mantissa"].partition(".")[0].lstrip("0")
    return len(digits) + _power_of_ten(number["exponent"]) > _GREATEST_EXPONENT


def _power_of_ten(exponent: str | None) -> int:
    digits = (exponent or "").lstrip("+-0")[:9]  # enough to tell, and cheap however long the text is
    size = int(digits) if digits else 0
    return -size if exponent and exponent.startswith("-") else size
