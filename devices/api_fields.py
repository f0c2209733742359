"""Fields and questions that refuse in sentences which name what is allowed."""

from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.settings import api_settings


class OneOf(serializers.ChoiceField):
    """One of some names; a refusal tells all of them."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        allowed = ", ".join(str(name) for name in self.choices)
        self.error_messages["invalid_choice"] = f"'{{input}}' is not known; allowed are {allowed}."


class TrueOrFalse(OneOf):
    """A truth value of a query. A BooleanField would take a parameter that is left out for false."""

    def __init__(self, **options: Any) -> None:
        super().__init__(["true", "false"], **options)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.lower() if isinstance(data, str) else data) == "true"


class QueryParameters(serializers.Serializer[Any]):
    """What a question may be asked with; everything else is refused by its name."""

    several: ClassVar[tuple[str, ...]] = ()
    """The parameters that may be given more than once."""

    def to_internal_value(self, data: QueryDict) -> Any:
        problems = {}
        for name, values in data.lists():
            if name not in self.fields and name != api_settings.URL_FORMAT_OVERRIDE:
                problems[name] = [f"Is no parameter; allowed are {', '.join(self.fields)}."]
            elif len(values) > 1 and name not in self.several:
                only = f"; only {' and '.join(self.several)} may be" if self.several else ""
                problems[name] = [f"Is given more than once{only}."]
            elif "" in values:
                problems[name] = ["Is empty; give it a value or leave it out."]
        if problems:
            raise serializers.ValidationError(problems)
        return super().to_internal_value(data)
