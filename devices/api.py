"""Devices and ports over the REST API: what they are, and what may be changed about them.

The values that units measure are not known here: ``ct6site.api`` adds them.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, Prefetch, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices.access import devices_for, ports_for
from devices.adoption import adopt, ignore
from devices.api_fields import OneOf, QueryParameters, TrueOrFalse
from devices.configuration import ACTIVE, OFF, ON, UNIT_NAME, open_wishes, port_name_key, wish, with_open_wishes
from devices.ct6.errors import DestructiveValue
from devices.ct6.names import MAX_NAME_CHARACTERS
from devices.models import Device, Port
from devices.querysets import DeviceQuerySet, PortQuerySet, silence_limit
from devices.timezones import UnknownTimeZone, change_timezone

_Row = TypeVar("_Row", bound=Model)
_UNCONFIRMED = "The wish for it that the unit has not confirmed yet, else null."


class PortSerializer(serializers.ModelSerializer[Port]):
    wished_name = serializers.SerializerMethodField(help_text=_UNCONFIRMED)

    class Meta:
        model = Port
        fields = ["id", "device", "number", "name", "wished_name", "sensor_type", "role", "reversed", "enabled"]
        read_only_fields = fields

    def get_wished_name(self, port: Port) -> str | None:
        return _wished(port.device, port_name_key(port.number))


class DeviceSerializer(serializers.ModelSerializer[Device]):
    online = serializers.SerializerMethodField(help_text="Whether it answered within the last seconds.")
    wished_name = serializers.SerializerMethodField(help_text=_UNCONFIRMED)
    wished_active = serializers.SerializerMethodField(help_text=_UNCONFIRMED)
    ports = PortSerializer(many=True, read_only=True)

    class Meta:
        model = Device
        fields = [
            *("id", "assy", "name", "wished_name", "address", "online", "last_seen", "adoption"),
            *("active", "wished_active", "firmware_version", "timezone", "demo", "ports"),
        ]
        read_only_fields = fields

    def get_online(self, device: Device) -> bool:
        return device.last_seen is not None and device.last_seen >= timezone.now() - silence_limit()

    def get_wished_name(self, device: Device) -> str | None:
        return _wished(device, UNIT_NAME)

    def get_wished_active(self, device: Device) -> bool | None:
        text = _wished(device, ACTIVE)
        return None if text is None else text == ON


def _wished(device: Device, key: str) -> str | None:
    change = open_wishes(device).get(key)
    return change.wished if change else None


class Change(serializers.Serializer[Any]):
    """What may be changed of a row; everything else is refused by its name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            sentence = f"Cannot be changed here; {', '.join(self.fields)} can."
            if refused := [str(key) for key in data if key not in self.fields]:
                raise serializers.ValidationError({key: [sentence] for key in refused})
        return super().to_internal_value(data)


ADOPTIONS = {Device.Adoption.ADOPTED: adopt, Device.Adoption.IGNORED: ignore}


class DeviceChange(Change):
    """``name`` and ``active`` are the unit's own: they become wishes, kept until the unit confirms them."""

    name = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,  # a name of spaces is refused, and not taken for clearing the name
        max_length=MAX_NAME_CHARACTERS,
    )
    active = serializers.BooleanField(required=False)
    adoption = OneOf(list(ADOPTIONS), required=False)
    timezone = serializers.CharField(required=False, help_text="An IANA name such as Europe/London.")


class PortChange(Change):
    """``name`` is the unit's own: it becomes a wish, kept until the unit confirms it."""

    name = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,  # a name of spaces is refused, and not taken for clearing the name
        max_length=MAX_NAME_CHARACTERS,
    )
    role = OneOf(Port.Role.choices, required=False)
    reversed = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)


_LARGEST_ID = 2**31 - 1
_NO_ID: Any = dict.fromkeys(("invalid", "min_value", "max_value", "max_string_length"), "Has to be an id, as device=1.")


class DeviceFilters(QueryParameters):
    assy = serializers.CharField(required=False, help_text="The assembly label.")
    adoption = OneOf(Device.Adoption.choices, required=False)
    active = TrueOrFalse(required=False)


class PortFilters(QueryParameters):
    device = serializers.IntegerField(
        required=False, min_value=1, max_value=_LARGEST_ID, error_messages=_NO_ID, help_text="Ports of this device."
    )
    role = OneOf(Port.Role.choices, required=False)
    enabled = TrueOrFalse(required=False)


@extend_schema_view(list=extend_schema(parameters=[DeviceFilters]))
class DeviceViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Device]):
    """The units that you may see, with their ports and newest values."""

    serializer_class: type[serializers.BaseSerializer[Device]] = DeviceSerializer
    queryset = Device.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = ()

    def get_queryset(self) -> DeviceQuerySet:
        ports = Prefetch("ports", Port.objects.order_by("number"))
        return with_open_wishes(devices_for(self.request.user)).prefetch_related(ports).order_by("name", "assy")

    def filter_queryset(self, queryset: Any) -> Any:
        return _filtered(self, queryset, DeviceFilters)

    @extend_schema(request=DeviceChange)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is ours at once, and wish for what is the unit's: it is asked within half a minute."""
        device = self.get_object()
        values = _checked(DeviceChange(data=request.data))
        wished = {}
        if "name" in values:
            wished[UNIT_NAME] = values["name"]
        if "active" in values:
            wished[ACTIVE] = ON if values["active"] else OFF
        with transaction.atomic():
            _wish(device, wished, request.user)
            if "adoption" in values:
                ADOPTIONS[values["adoption"]](device)
            if "timezone" in values:
                _change_timezone(device, values["timezone"])
        return Response(self.get_serializer(self.get_object()).data)


@extend_schema_view(list=extend_schema(parameters=[PortFilters]))
class PortViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Port]):
    """The ports of the units that you may see, with their newest values."""

    serializer_class: type[serializers.BaseSerializer[Port]] = PortSerializer
    queryset = Port.objects.none()
    lookup_value_converter = "int"
    filter_backends = ()

    def get_queryset(self) -> PortQuerySet:
        devices = Prefetch("device", with_open_wishes(Device.objects.prefetch_related("ports")))
        return ports_for(self.request.user).prefetch_related(devices).order_by("device_id", "number")

    def filter_queryset(self, queryset: Any) -> Any:
        return _filtered(self, queryset, PortFilters)

    @extend_schema(request=PortChange)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is ours at once, and wish for what is the unit's: it is asked within half a minute."""
        port = self.get_object()
        values = _checked(PortChange(data=request.data))
        with transaction.atomic():
            if "name" in values:
                _wish(port.device, {port_name_key(port.number): values.pop("name")}, request.user)
            if values:
                Port.objects.filter(pk=port.pk).update(**values)
        return Response(self.get_serializer(self.get_object()).data)


def _filtered(view: GenericViewSet[_Row], rows: QuerySet[_Row], filters: type[QueryParameters]) -> QuerySet[_Row]:
    """The rows of a list that its question asks for; one row by its id is not filtered."""
    if view.action != "list":
        return rows
    return rows.filter(**_checked(filters(data=view.request.query_params)))


def _checked(sent: serializers.Serializer[Any]) -> dict[str, Any]:
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


def _wish(device: Device, wished: Mapping[str, str], who: Any) -> None:
    if not wished:
        return
    try:
        wish(device, wished, who, now=timezone.now())
    except DestructiveValue as refusal:
        raise serializers.ValidationError({"name": [refusal.message]}) from refusal


def _change_timezone(device: Device, name: str) -> None:
    try:
        change_timezone(device, name)
    except UnknownTimeZone as refusal:
        raise serializers.ValidationError({"timezone": [str(refusal)]}) from refusal
