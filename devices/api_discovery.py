"""Finding units, adding one by its address and setting one up, over the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from devices import discovery, sweeping
from devices.access import Right, devices_for, may_on_all
from devices.api_fields import OneOf, QueryParameters
from devices.api_settings import PushedSerializer, UnitFailed, check_right, settings_field
from devices.configuration import MqttSilent
from devices.ct6.client import DEFAULT_HTTP_PORT
from devices.ct6.errors import DestructiveValue, UnitError
from devices.ct6.names import MAX_NAME_CHARACTERS
from devices.ct6.sweep import NotSwept
from devices.discovery import Mark
from devices.models import Device, Port, Sweep
from devices.setting_up import NotSetUp, SetUp, set_up
from devices.wording import translated

_MARKS = _("new, known, moved or claimed; and inactive, default_label.")
_LATELY_S = 300


# --- What is shown ----------------------------------------------------------------------------------------------
class HeardUnitSerializer(serializers.Serializer[Any]):
    device = serializers.IntegerField()
    assy = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_null=True)
    last_seen = serializers.DateTimeField(allow_null=True)
    adoption = serializers.CharField()
    marks = serializers.ListField(child=serializers.ChoiceField(list(Mark)), help_text=_MARKS)


class HeardSerializer(serializers.Serializer[Any]):
    collector_runs = serializers.BooleanField(help_text=_("Where it does not run nothing can have been heard."))
    collector_at = serializers.DateTimeField(allow_null=True, help_text=_("When it last said that it works."))
    networks = serializers.ListField(child=serializers.CharField(), help_text=_("What to offer for a sweep."))
    units = HeardUnitSerializer(many=True)


class FoundUnitSerializer(serializers.Serializer[Any]):
    assy = serializers.CharField()
    address = serializers.CharField()
    http_port = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField(allow_null=True)
    firmware_version = serializers.CharField(allow_blank=True)
    product = serializers.CharField()
    marks = serializers.ListField(child=serializers.ChoiceField(list(Mark)), help_text=_MARKS)
    device_id = serializers.IntegerField(allow_null=True, help_text=_("Null if it is not here yet."))
    known_address = serializers.CharField(allow_null=True, help_text=_("Where it was before."))
    adoption = serializers.CharField(allow_null=True)


class FoundSerializer(serializers.Serializer[Any]):
    units = FoundUnitSerializer(many=True)
    nobody = serializers.IntegerField(help_text=_("Addresses where nobody answered."))
    others = serializers.IntegerField(help_text=_("Other web servers."))
    unreadable = serializers.ListField(
        child=serializers.CharField(), help_text=_("Where a unit seems to be whose answer was cut off.")
    )
    busy = serializers.ListField(child=serializers.CharField(), help_text=_("Units that were left alone: in use."))
    not_asked = serializers.IntegerField(help_text=_("Addresses left when the time was over."))


class SweepSerializer(serializers.ModelSerializer[Sweep]):
    found = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField(help_text=_("Why it failed, else empty."))
    who = serializers.CharField(source="who.username", allow_null=True, default=None)

    class Meta:
        model = Sweep
        fields = [
            *("id", "networks", "http_port", "state", "total", "asked", "found", "error"),
            *("who", "made", "started", "ended"),
        ]
        read_only_fields = fields

    @extend_schema_field(FoundSerializer)
    def get_found(self, sweep: Sweep) -> dict[str, Any]:
        found = sweep.found or discovery.Found(total=sweep.total).as_json()
        return dict(FoundSerializer(found).data)

    def get_error(self, sweep: Sweep) -> str:
        return gettext(sweep.error) if sweep.error else ""


class AddedSerializer(serializers.Serializer[Any]):
    device = serializers.IntegerField()
    assy = serializers.CharField()
    standing = serializers.ChoiceField([Mark.NEW, Mark.KNOWN, Mark.MOVED])


class SetUpSerializer(serializers.Serializer[SetUp]):
    """What became of it; what waits is tried again by itself."""

    adopted = serializers.BooleanField(help_text=_("Whether it was adopted just now."))
    settings = PushedSerializer(source="pushed")


# --- What is sent -----------------------------------------------------------------------------------------------
class Lately(QueryParameters):
    seconds = serializers.IntegerField(default=_LATELY_S, min_value=1, max_value=86_400)


class WhatToSweep(serializers.Serializer[Any]):
    networks = serializers.ListField(
        child=serializers.CharField(max_length=32), allow_empty=False, max_length=64, help_text="192.168.1.0/24"
    )
    http_port = serializers.IntegerField(default=DEFAULT_HTTP_PORT, min_value=1, max_value=65_535)


class WhatToAdd(serializers.Serializer[Any]):
    address = serializers.CharField(max_length=32)
    http_port = serializers.IntegerField(default=DEFAULT_HTTP_PORT, min_value=1, max_value=65_535)


def _name(**options: Any) -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=MAX_NAME_CHARACTERS, **options
    )


class PortOfSetUp(serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=1)
    name = _name()
    role = OneOf(Port.Role.choices, required=False)
    reversed = serializers.BooleanField(required=False)


class WhatToSetUp(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = _name()
    active = serializers.BooleanField(required=False, allow_null=True, default=None)
    adopt = serializers.BooleanField(default=True)
    ports = PortOfSetUp(many=True, required=False, default=list)
    mqtt = settings_field(required=False, default=dict, help_text=_("MQTT settings, by the unit's own names of them."))
    mqtt_unchecked = serializers.BooleanField(
        default=False, help_text=_("Wish an MQTT server although it took no test message from here.")
    )


# --- The calls --------------------------------------------------------------------------------------------------
class DiscoveryView(APIView):
    @extend_schema(parameters=[Lately], responses=HeardSerializer)
    def get(self, request: Request) -> Response:
        """What answered lately, what is new or has a new address, and whether the collector listens at all."""
        _may_find(request)
        asked = Lately(data=request.query_params)
        asked.is_valid(raise_exception=True)
        heard = discovery.listen(asked.validated_data["seconds"], now=timezone.now())
        units = [
            {
                "device": device.pk,
                "assy": device.assy,
                "name": device.name,
                "address": device.address,
                "last_seen": device.last_seen,
                "adoption": device.adoption,
                "marks": marks,
            }
            for device, marks in heard.devices
        ]
        found = {"collector_runs": heard.collector_runs, "collector_at": heard.collector_at, "units": units}
        return Response(HeardSerializer(found | {"networks": discovery.sweep_networks()}).data)


class SweepView(APIView):
    @extend_schema(request=WhatToSweep, responses={202: SweepSerializer})
    def post(self, request: Request) -> Response:
        """Let a worker ask every address of some local networks whether a unit is there; active or not."""
        _may_find(request)
        sent = _sent(WhatToSweep, request)
        try:
            sweep = sweeping.ask(sent["networks"], request.user, http_port=sent["http_port"])
        except NotSwept as refusal:
            raise serializers.ValidationError({"networks": [translated(refusal)]}) from refusal
        return Response(SweepSerializer(sweep).data, status=202)


class SweepProgressView(APIView):
    @extend_schema(responses=SweepSerializer)
    def get(self, request: Request, sweep_id: int) -> Response:
        """How far a sweep is, and what it has found so far."""
        _may_find(request)
        return Response(SweepSerializer(get_object_or_404(Sweep, pk=sweep_id)).data)


class SweepCancelView(APIView):
    @extend_schema(request=None, responses=SweepSerializer)
    def post(self, request: Request, sweep_id: int) -> Response:
        """Stop a sweep; what it has found stays. One that is over is left as it is."""
        _may_find(request)
        sweep = get_object_or_404(Sweep, pk=sweep_id)
        sweeping.cancel(sweep, who=request.user)
        sweep.refresh_from_db()
        return Response(SweepSerializer(sweep).data)


class AddView(APIView):
    @extend_schema(request=WhatToAdd, responses=AddedSerializer)
    def post(self, request: Request) -> Response:
        """Ask the unit at an address what it is, and register it: also one that is inactive and so silent."""
        _may_find(request)
        sent = _sent(WhatToAdd, request)
        try:
            added = discovery.add_by_address(sent["address"], sent["http_port"], request.user)
        except NotSwept as refusal:
            raise serializers.ValidationError({"address": [translated(refusal)]}) from refusal
        except UnitError as error:
            raise UnitFailed(error) from error
        said = {"device": added.device.pk, "assy": added.device.assy, "standing": added.standing}
        return Response(AddedSerializer(said).data, status=201 if added.standing is Mark.NEW else 200)


class SetUpView(APIView):
    @extend_schema(request=WhatToSetUp, responses=SetUpSerializer)
    def post(self, request: Request, device_id: int) -> Response:
        """Adopt a unit, name it and its ports, give these their roles and make it active, in one act."""
        device = get_object_or_404(devices_for(request.user), pk=device_id)
        check_right(request.user, Right.ADOPT, device)
        if device.adoption == Device.Adoption.ADOPTED:  # no longer a new one: its settings have a right of their own
            check_right(request.user, Right.CONFIGURE, device)
        sent = _sent(WhatToSetUp, request)
        try:
            done = _set_up(device, sent, request.user)
        except DestructiveValue as refusal:
            raise serializers.ValidationError({refusal.key or "name": [translated(refusal)]}) from refusal
        except (NotSetUp, MqttSilent) as refusal:
            field = "mqtt" if isinstance(refusal, MqttSilent) else "ports"
            raise serializers.ValidationError({field: [translated(refusal)]}) from refusal
        return Response(SetUpSerializer(done).data)


def _set_up(device: Device, sent: Mapping[str, Any], who: Any) -> SetUp:
    def of_ports(field: str) -> dict[int, Any]:
        return {port["number"]: port[field] for port in sent["ports"] if field in port}

    return set_up(
        device,
        name=sent.get("name"),
        port_names=of_ports("name"),
        roles=of_ports("role"),
        reversed=of_ports("reversed"),
        active=sent["active"],
        mqtt=sent["mqtt"],
        mqtt_unchecked=sent["mqtt_unchecked"],
        adopt=sent["adopt"],
        who=who,
        now=timezone.now(),
    )


def _may_find(request: Request) -> None:
    """Raise PermissionDenied for those who may not decide about new units."""
    if not may_on_all(request.user, Right.ADOPT):
        raise PermissionDenied(gettext("You have no right to look for new units ('adopt')."))


def _sent(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
