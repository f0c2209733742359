"""Reading what a unit meant as JSON.

The firmware turns every `'` of an answer into `"`, and writes its settings as Python's repr treated that way. A
name with a quote or an umlaut in it makes such an answer something that no JSON parser takes.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_MAX_DEPTH = 8
_KEY = re.compile(r'\s*"([^"\\]{1,128})"\s*:\s*')
# A string ends at the quote that the next key or the end of the object follows; all others belong to it.
_STRING_END = re.compile(r'"(?=\s*(?:,\s*"[^"\\]{1,128}"\s*:|\}))')
# No white space in front: each of ten thousand spaces would be tried as the first of them.
_VALUE_END = re.compile(r',\s*"[^"\\]{1,128}"\s*:|\}')
_ESCAPE_OR_QUOTE = re.compile(r'\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)|"', re.DOTALL)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_WORDS: dict[str, object] = {
    "True": True, "true": True, "False": False, "false": False, "None": None, "null": None
}  # fmt: skip
_UNREADABLE: Final = object()


class _Torn(Exception):
    """No object, or the text ends before it does."""


def read_object(text: str) -> dict[str, object] | None:
    """The object in an answer, read key by key where it is not JSON; None if it is cut off or no object.

    A quote inside a name comes back as an apostrophe, since the unit does not tell the two apart; a key whose
    value cannot be read is left out.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _read_torn_object(text.strip())


def read_file_text(text: str, path: str) -> str | None:
    """The content of the file in an answer to get_file, apostrophes included; None if it holds no such file."""
    entry = rf'"{re.escape(path)}": "(.*)"'
    for layout in (rf'\s*\{{{entry}, "OK": true\}}\s*', rf'\s*\{{"OK": true, {entry}\}}\s*'):
        if whole := re.fullmatch(layout, text, re.DOTALL):
            return _unescape(whole[1])
    return None


def _read_torn_object(text: str) -> dict[str, object] | None:
    try:
        found, end = _object_at(text, 0, depth=1)
    except _Torn:
        return None
    return found if end == len(text) else None


def _object_at(text: str, start: int, *, depth: int) -> tuple[dict[str, object], int]:
    if depth > _MAX_DEPTH or not text.startswith("{", start):
        raise _Torn
    found: dict[str, object] = {}
    at = start + 1
    while not text.startswith("}", at):
        key = _KEY.match(text, at)
        if key is None:
            raise _Torn
        value, at = _value_at(text, key.end(), depth)
        if value is not _UNREADABLE:
            found[key[1]] = value
        if text.startswith(",", at):
            at += 1
    return found, at + 1


def _value_at(text: str, start: int, depth: int) -> tuple[object, int]:
    if text.startswith("{", start):
        return _object_at(text, start, depth=depth + 1)
    is_text = text.startswith('"', start)
    end = _STRING_END.search(text, start + 1) if is_text else _VALUE_END.search(text, start)
    if end is None:
        raise _Torn
    if is_text:
        return _unescape(text[start + 1 : end.start()]), end.end()
    return _number_or_word(text[start : end.start()].rstrip()), end.start()


def _number_or_word(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return msgspec.json.decode(text, type=int | float)
    except (msgspec.DecodeError, UnicodeError):
        return _UNREADABLE


def _unescape(text: str) -> str:
    """The text that was meant, from its JSON or Python escapes; a bare quote was an apostrophe."""

    def meant(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code:
            number = int(code, 16)
            return chr(number) if number < 0xD800 or 0xDFFF < number < 0x110000 else "\N{REPLACEMENT CHARACTER}"
        return _CONTROL.get(found[4], found[4]) if found[4] else "'"

    return _ESCAPE_OR_QUOTE.sub(meant, text)
