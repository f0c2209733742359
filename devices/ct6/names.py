"""Names as people write them, and as a unit can carry them without coming to harm."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote

from devices.ct6.errors import NameTooLong
from devices.ct6.errors import gettext_noop as _
from devices.ct6.unit_numbers import reads_as_number

MAX_NAME_CHARACTERS = 64
# A unit repeats its own name and those of its ports in every answer: at this length they double it, no more.
MAX_NAME_BYTES = 192

_NO_TEXT = {"Cc", "Cs"}  # control characters, and halves of characters that cannot be encoded


def clean_text(text: str) -> str:
    """The text without control characters and cut to the greatest length of a name."""
    if len(text) <= MAX_NAME_CHARACTERS and text.isprintable():
        return text
    # The slice bounds the work that a hostile text can make.
    kept = (c for c in text[: 4 * MAX_NAME_CHARACTERS] if unicodedata.category(c) not in _NO_TEXT)
    return "".join(kept)[:MAX_NAME_CHARACTERS]


def encode_name(text: str) -> str:
    """The name as it goes into a unit's settings: only letters, digits, `_`, `-` and percent-codes.

    `decode_name` gives the same name back, without control characters. Raises NameTooLong past 64 characters
    or 192 encoded bytes (64 Latin letters, 32 umlauts, 21 Chinese characters).
    """
    kept = "".join(c for c in text if unicodedata.category(c) not in _NO_TEXT)
    encoded = quote(kept, safe="").replace(".", "%2E").replace("~", "%7E")
    if reads_as_number(encoded):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(kept) > MAX_NAME_CHARACTERS or len(encoded) > MAX_NAME_BYTES:
        template = _(
            "The name has %(characters)d characters, %(bytes)d bytes once encoded: at most %(most_characters)d "
            "characters and %(most_bytes)d bytes fit into a unit's answers. Nothing was sent."
        )
        limits = {"most_characters": MAX_NAME_CHARACTERS, "most_bytes": MAX_NAME_BYTES}
        raise NameTooLong("", template, {"characters": len(kept), "bytes": len(encoded), **limits})
    return encoded


def decode_name(value: str | float) -> str:
    """The name a person gave, from what the unit stored: percent-codes undone, a number as it was typed."""
    if isinstance(value, str):
        # What is longer was not set by us, and would fill the memory.
        return _known_name(value) if len(value) <= MAX_NAME_BYTES else _decoded(value)
    return clean_text(str(value).removesuffix(".0"))


def _decoded(text: str) -> str:
    return clean_text(unquote(text, errors="replace") if "%" in text else text)


# Each answer repeats all names of its unit.
_known_name = lru_cache(maxsize=16_384)(_decoded)
