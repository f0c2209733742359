"""Sentences for users that are told in the language of whoever reads them, and kept in English."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from django.utils.formats import get_format
from django.utils.translation import gettext

_PLACE = re.compile(r"%\((\w+)\)[-+ 0#]*\d*(?:\.\d+)?[a-z]|%%")


@runtime_checkable
class Said(Protocol):
    """A marked English sentence with places such as %(name)s, and what stands in them: a UnitError is one.

    A value may be such a sentence itself.
    """

    @property
    def template(self) -> str: ...

    @property
    def values(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that is no error. As a text it is English."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template


def kept(said: Said) -> dict[str, Any]:
    """The sentence with all that it needs to be told in any language later, for a JSON column."""
    return {"template": said.template, "values": {name: _plain(value) for name, value in said.values.items()}}


def as_it_was_said(value: object) -> Sentence | None:
    """What `kept` made; None for anything else."""
    if not isinstance(value, Mapping) or set(value) != {"template", "values"}:
        return None
    values = {name: as_it_was_said(one) or one for name, one in value["values"].items()}
    return Sentence(value["template"], values)


def _plain(value: object) -> object:
    if isinstance(value, Said):
        return kept(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def counted(count: int, one: str, many: str) -> str:
    """The template for so many, for sentences that are kept: when they are read, only the template is there."""
    return one if count == 1 else many


def translated(said: Said) -> str:
    """The sentence in the reader's language."""
    values = {name: translated(value) if isinstance(value, Said) else value for name, value in said.values.items()}
    return filled(gettext(said.template), values)


def filled(sentence: str, values: Mapping[str, object]) -> str:
    """The values in their places, fractions with the reader's decimal separator; with no values it stays as it is."""
    if not values:
        return sentence
    point = get_format("DECIMAL_SEPARATOR")

    def shown(place: re.Match[str]) -> str:
        text = place[0] % values
        return text.replace(".", point) if isinstance(values.get(place[1]), float) else text

    return _PLACE.sub(shown, sentence)
