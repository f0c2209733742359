from typing import Any

from rest_framework import serializers


class OneOf(serializers.ChoiceField):
    """One of some names; a refusal tells all of them."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        allowed = ", ".join(str(name) for name in self.choices)
        self.error_messages["invalid_choice"] = f"'{{input}}' is not known; allowed are {allowed}."
