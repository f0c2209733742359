"""The field of a date, in which dates can be typed as people write them."""

import dash_mantine_components as dmc


class DateField(dmc.DateInput):  # type: ignore[misc]  # the package has no types
    """Mantine's field with a reader of its own for what is typed (static/dashboard/date_field.js), which the package
    has no property for. A text that is no date leaves the value as it was."""

    _namespace = "ct6_components"
    _type = "DateField"
    _children_props: list[str] = []
