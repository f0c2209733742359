"""Fields that hold what is being typed in them until it is whole, whatever is told to the page meanwhile
(static/dashboard/typed_field.js)."""

import dash_mantine_components as dmc


class TimeField(dmc.TimeInput):  # type: ignore[misc]  # the package has no types
    """A time of day: whole with its hours and minutes."""

    _namespace = "ct6_components"
    _type = "TimeField"
    _children_props: list[str] = []


class NumberField(dmc.NumberInput):  # type: ignore[misc]  # the package has no types
    """A number, or nothing."""

    _namespace = "ct6_components"
    _type = "NumberField"
    _children_props: list[str] = []
