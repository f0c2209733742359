"""How the unit's MicroPython reads and writes values: single floats, `float()` of any text, its own repr."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

# Past this a single float is infinite (half a step above the greatest one).
_OVERFLOW = 3.4028235677973366e38
_NOT_FINITE = re.compile(r"([+-]?)(inf|infinity|nan)", re.IGNORECASE | re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def single(value: float) -> float:
    """The nearest single float, as the shortest decimal that names it, which is what a unit prints."""
    if not math.isfinite(value):
        return value
    if abs(value) >= _OVERFLOW:
        return math.copysign(math.inf, value)
    return float(str(np.float32(value)))


def read_value(text: str) -> float | str:
    """What a setting becomes: a number wherever MicroPython's `float()` takes it, else the text."""
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    # Unlike CPython it skips underscores wherever digits may stand.
    digits = text.replace("_", "")
    return single(float(digits)) if _DECIMAL.fullmatch(digits) else text


def json_text(value: object) -> str:
    """JSON as the unit writes it: raw UTF-8, and `nan` and `inf` as bare words that nothing can read."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case bool() | None:
            return json.dumps(value)
        case Mapping():
            return "{" + ", ".join(f"{json_text(k)}: {json_text(v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(json_text(item) for item in value) + "]"
        case _:
            return repr(value)


def read_json(text: str) -> object:
    """The value, or ValueError: like the unit's reader it knows no bare `nan` and `inf`."""
    return json.loads(text)


def repr_text(value: object) -> str:
    """The repr, in which the unit escapes everything that is not ASCII."""
    return ascii(value)
