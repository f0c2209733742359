"""What the lists of devices and ports can be narrowed to. Refusals name what is allowed."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import fields
from django_filters.rest_framework import CharFilter, ChoiceFilter, DjangoFilterBackend, Filter, FilterSet
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from devices.api_fields import not_known, refused_parameters
from devices.models import Calibration, Device, FactoryConfig, Job, Port

_LARGEST_ID = 2**31 - 1
_NO_ID: Any = dict.fromkeys(("invalid", "min_value", "max_value"), _("Has to be an id, as device=1."))


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses by its name what is no filter, is empty or is given twice. One row by its id is not filtered."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        if view.action != "list":
            return queryset
        filters = self.get_filterset_class(view, queryset).base_filters
        if problems := refused_parameters(request.query_params, filters):
            raise ValidationError(problems)
        return super().filter_queryset(request, queryset, view)


class OneOfFilter(ChoiceFilter):
    """One of some names; a refusal tells all of them."""

    def __init__(self, choices: Any, **options: Any) -> None:
        names = [name for name, _label in choices]
        super().__init__(choices=choices, error_messages={"invalid_choice": not_known("%(value)s", names)}, **options)


class _LowerCase(fields.ChoiceField):
    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


@extend_schema_field({"type": "string", "enum": ["true", "false"]})
class TrueOrFalseFilter(OneOfFilter):
    """A truth value. A BooleanFilter would take a misspelt one for none."""

    field_class = _LowerCase

    def __init__(self, **options: Any) -> None:
        super().__init__([("true", "true"), ("false", "false")], **options)

    def filter(self, qs: QuerySet[Any], value: str) -> Any:
        return super().filter(qs, value and value == "true")


class IdFilter(Filter):
    field_class = forms.IntegerField


class DeviceFilters(FilterSet):
    assy = CharFilter(help_text=_("The assembly label."))
    name = CharFilter(strip=False, help_text=_("The name that the unit reports."))
    group = CharFilter(field_name="group_name", strip=False, help_text=_("The group that the unit reports."))
    adoption = OneOfFilter(Device.Adoption.choices)
    active = TrueOrFalseFilter()


class PortFilters(FilterSet):
    device = IdFilter(min_value=1, max_value=_LARGEST_ID, error_messages=_NO_ID, help_text=_("Ports of this device."))
    role = OneOfFilter(Port.Role.choices)
    enabled = TrueOrFalseFilter()


class OfUnits(FilterSet):
    """What belongs to units, newest first."""

    device = IdFilter(min_value=1, max_value=_LARGEST_ID, error_messages=_NO_ID, help_text=_("Those of this device."))
    before = IdFilter(
        field_name="id",
        lookup_expr="lt",
        min_value=1,
        max_value=_LARGEST_ID,
        error_messages=_NO_ID,
        help_text=_("Those older than the one with this id."),
    )


class JobFilters(OfUnits):
    kind = OneOfFilter(Job.Kind.choices)
    state = OneOfFilter(Job.State.choices)


class CalibrationFilters(OfUnits):
    target = OneOfFilter(Calibration.Target.choices)


class FactoryConfigFilters(OfUnits):
    reason = OneOfFilter(FactoryConfig.Reason.choices)
