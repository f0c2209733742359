"""Devices and ports over the REST API: what they are, and what may be changed about them.

The values that units measure are not known here: ``ct6site.api`` adds them.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices.access import Right, devices_for, ports_for
from devices.adoption import adopt, ignore
from devices.api_fields import OneOf
from devices.api_filters import DeviceFilters, PortFilters, StrictFilterBackend
from devices.api_settings import SettingsActions, check_right, refuse_silent_mqtt, settings_field, wish_or_refuse
from devices.configuration import ACTIVE, OFF, ON, UNIT_NAME, open_wishes, port_name_key, with_open_wishes
from devices.ct6.names import MAX_NAME_CHARACTERS
from devices.models import Device, Port
from devices.port_past import LEAST_SCALE, change
from devices.querysets import DeviceQuerySet, PortQuerySet, silence_limit
from devices.timezones import UnknownTimeZone, change_timezone
from devices.wording import translated

_UNCONFIRMED = _("The wish for it that the unit has not confirmed yet, else null.")


class PortSerializer(serializers.ModelSerializer[Port]):
    wished_name = serializers.SerializerMethodField(help_text=_UNCONFIRMED)

    class Meta:
        model = Port
        fields = [
            *("id", "device", "number", "name", "wished_name", "sensor_type"),
            *("role", "reversed", "scale", "enabled"),
        ]
        read_only_fields = fields

    def get_wished_name(self, port: Port) -> str | None:
        return _wished(port.device, port_name_key(port.number))


class DeviceSerializer(serializers.ModelSerializer[Device]):
    online = serializers.SerializerMethodField(help_text=_("Whether it answered within the last seconds."))
    wished_name = serializers.SerializerMethodField(help_text=_UNCONFIRMED)
    wished_active = serializers.SerializerMethodField(help_text=_UNCONFIRMED)
    group = serializers.CharField(source="group_name", read_only=True)
    ports = PortSerializer(many=True, read_only=True)

    class Meta:
        model = Device
        fields = [
            *("id", "assy", "name", "wished_name", "group", "address", "online", "last_seen", "adoption"),
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
            sentence = gettext("Cannot be changed here; %(names)s can.") % {"names": ", ".join(self.fields)}
            if refused := [str(key) for key in data if key not in self.fields]:
                raise serializers.ValidationError({key: [sentence] for key in refused})
        return super().to_internal_value(data)


ADOPTIONS = {Device.Adoption.ADOPTED: adopt, Device.Adoption.IGNORED: ignore}


class DeviceChange(Change):
    """``name``, ``active`` and ``settings`` are the unit's own: they become wishes, kept until the unit confirms them.

    Before an MQTT server is wished, it has to take a test message from here.
    """

    name = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,  # a name of spaces is refused, and not taken for clearing the name
        max_length=MAX_NAME_CHARACTERS,
    )
    active = serializers.BooleanField(required=False)
    adoption = OneOf(list(ADOPTIONS), required=False)
    timezone = serializers.CharField(required=False, help_text=_("An IANA name such as Europe/London."))
    settings = settings_field(required=False, help_text=_("Settings of the unit, by its own names of them."))
    mqtt_unchecked = serializers.BooleanField(
        default=False, help_text=_("Wish an MQTT server although it took no test message from here.")
    )


class PortChange(Change):
    """``name`` is the unit's own: it becomes a wish, kept until the unit confirms it.

    The others hold for what was measured before as well; ``change-from`` keeps the past.
    """

    name = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,  # a name of spaces is refused, and not taken for clearing the name
        max_length=MAX_NAME_CHARACTERS,
    )
    role = OneOf(Port.Role.choices, required=False)
    reversed = serializers.BooleanField(required=False)
    scale = serializers.DecimalField(max_digits=9, decimal_places=5, required=False, min_value=LEAST_SCALE)
    enabled = serializers.BooleanField(required=False)


class DeviceViewSet(ListModelMixin, RetrieveModelMixin, SettingsActions):
    """The units that you may see, with their ports and newest values."""

    serializer_class: type[serializers.BaseSerializer[Device]] = DeviceSerializer
    queryset = Device.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = (StrictFilterBackend,)
    filterset_class = DeviceFilters

    def get_queryset(self) -> DeviceQuerySet:
        ports = Prefetch("ports", Port.objects.order_by("number"))
        return with_open_wishes(devices_for(self.request.user)).prefetch_related(ports).order_by("name", "assy")

    @extend_schema(request=DeviceChange)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is ours at once, and wish for what is the unit's: it is asked within half a minute."""
        device = self.get_object()
        values = _checked(DeviceChange(data=request.data))
        mqtt_unchecked = values.pop("mqtt_unchecked")
        _check_rights(request.user, device, values)
        fields, wished = {}, dict(values.get("settings", {}))
        if "name" in values:
            wished[UNIT_NAME], fields[UNIT_NAME] = values["name"], "name"
        if "active" in values:
            wished[ACTIVE], fields[ACTIVE] = ON if values["active"] else OFF, "active"
        if not mqtt_unchecked:
            refuse_silent_mqtt(device, wished)
        with transaction.atomic():
            wish_or_refuse(device, wished, request.user, fields)
            if "adoption" in values:
                ADOPTIONS[values["adoption"]](device, request.user)
            if "timezone" in values:
                _change_timezone(device, values["timezone"], request.user)
        return Response(self.get_serializer(self.get_object()).data)


class PortViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Port]):
    """The ports of the units that you may see, with their newest values."""

    serializer_class: type[serializers.BaseSerializer[Port]] = PortSerializer
    queryset = Port.objects.none()
    lookup_value_converter = "int"
    filter_backends = (StrictFilterBackend,)
    filterset_class = PortFilters

    def get_queryset(self) -> PortQuerySet:
        devices = Prefetch("device", with_open_wishes(Device.objects.prefetch_related("ports")))
        return ports_for(self.request.user).prefetch_related(devices).order_by("device_id", "number")

    @extend_schema(request=PortChange)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what is ours at once, and wish for what is the unit's: it is asked within half a minute."""
        port = self.get_object()
        values = _checked(PortChange(data=request.data))
        check_right(request.user, Right.CONFIGURE, port.device)
        with transaction.atomic():
            if "name" in values:
                key = port_name_key(port.number)
                wish_or_refuse(port.device, {key: values.pop("name")}, request.user, {key: "name"})
            change(port, who=request.user, **values)
        return Response(self.get_serializer(self.get_object()).data)


def _checked(sent: serializers.Serializer[Any]) -> dict[str, Any]:
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


def _check_rights(user: Any, device: Device, values: Mapping[str, Any]) -> None:
    if "adoption" in values:
        check_right(user, Right.ADOPT, device)
    if values.keys() - {"adoption"} or not values:
        check_right(user, Right.CONFIGURE, device)


def _change_timezone(device: Device, name: str, who: Any) -> None:
    try:
        change_timezone(device, name, who=who)
    except UnknownTimeZone as refusal:
        raise serializers.ValidationError({"timezone": [translated(refusal)]}) from refusal
