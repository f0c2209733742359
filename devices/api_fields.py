"""Fields and questions that refuse in sentences which name what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import QueryDict
from django.utils.text import format_lazy, get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.settings import api_settings

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise  # exists for type checkers only


def not_known(given: str, allowed: Iterable[object]) -> _StrPromise:
    """The refusal of a name, lazily translated; `given` is what stands for the name in it."""
    names = ", ".join(str(name) for name in allowed)
    return format_lazy(_("'{input}' is not known; allowed are {allowed}."), input=given, allowed=names)


def refused_parameters(asked: QueryDict, allowed: Iterable[str], several: Sequence[str] = ()) -> dict[str, list[str]]:
    """What is wrong with the names of a question's parameters, by name; `several` may be given more than once."""
    allowed = list(allowed)
    problems = {}
    for name, values in asked.lists():
        if name not in allowed and name != api_settings.URL_FORMAT_OVERRIDE:
            problems[name] = [gettext("Is no parameter; allowed are %(names)s.") % {"names": ", ".join(allowed)}]
        elif len(values) > 1 and name not in several:
            problems[name] = [_more_than_once(several)]
        elif "" in values:
            problems[name] = [gettext("Is empty; give it a value or leave it out.")]
    return problems


def _more_than_once(several: Sequence[str]) -> str:
    if not several:
        return gettext("Is given more than once.")
    names = get_text_list(list(several), gettext("and"))
    return gettext("Is given more than once; only %(names)s may be.") % {"names": names}


class OneOf(serializers.ChoiceField):
    """One of some names; a refusal tells all of them."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        self.error_messages["invalid_choice"] = not_known("{input}", self.choices)


class QueryParameters(serializers.Serializer[Any]):
    """What a question may be asked with; everything else is refused by its name."""

    several: ClassVar[tuple[str, ...]] = ()
    """The parameters that may be given more than once."""

    def to_internal_value(self, data: QueryDict) -> Any:
        if problems := refused_parameters(data, self.fields, self.several):
            raise serializers.ValidationError(problems)
        return super().to_internal_value(data)
