"""Sentences for users that are told in the language of whoever reads them, and kept in English."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from django.utils.translation import gettext


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


def counted(count: int, one: str, many: str) -> str:
    """The template for so many, for sentences that are kept: when they are read, only the template is there."""
    return one if count == 1 else many


def translated(said: Said) -> str:
    """The sentence in the reader's language."""
    sentence = gettext(said.template)
    if not said.values:
        return sentence
    return sentence % {
        name: translated(value) if isinstance(value, Said) else value for name, value in said.values.items()
    }
