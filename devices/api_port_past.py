"""What ports are from a moment on, and what they were before, over the REST API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices.access import ReadOrConfigure, Right, ports_for
from devices.api_fields import OneOf
from devices.api_settings import check_right
from devices.api_units import refused, sent
from devices.ct6.errors import DestructiveValue
from devices.ct6.names import MAX_NAME_CHARACTERS
from devices.models import Port, PortPast
from devices.port_past import NotChanged, change_from, take_back, whole_hour
from devices.querysets import PortQuerySet


class PortPastSerializer(serializers.ModelSerializer[PortPast]):
    until = serializers.SerializerMethodField(help_text=_("It was this until then."))

    class Meta:
        model = PortPast
        fields = ["until", "name", "role", "reversed", "scale"]
        read_only_fields = fields

    def get_until(self, past: PortPast) -> datetime:
        return datetime.fromtimestamp(past.until_ms / 1000, UTC)


class ChangedFromSerializer(serializers.Serializer[Any]):
    """What the port is now, and what it was before, oldest first."""

    port = serializers.IntegerField(source="pk")
    name = serializers.CharField(help_text=_("What the unit last reported; a new one is wished until it confirms it."))
    role = serializers.CharField()
    reversed = serializers.BooleanField()
    scale = serializers.DecimalField(max_digits=9, decimal_places=5)
    past = PortPastSerializer(many=True)


class ChangeFrom(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    at = serializers.DateTimeField(
        help_text=_("From when on. Taken as the whole hour of UTC that it lies in; the answer tells which.")
    )
    name = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=MAX_NAME_CHARACTERS
    )
    role = OneOf(Port.Role.choices, required=False)
    reversed = serializers.BooleanField(required=False)
    scale = serializers.DecimalField(max_digits=9, decimal_places=5, required=False)


class OfOnePort(GenericViewSet[Port]):
    """What belongs to a port that the user sees, and that those change who may configure its unit."""

    permission_classes = (ReadOrConfigure,)
    queryset = Port.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = ()
    pagination_class = None

    def get_queryset(self) -> PortQuerySet:
        return ports_for(self.request.user).select_related("device")

    def ours(self) -> Port:
        """The port, if the user may change what belongs to it."""
        port: Port = self.get_object()
        check_right(self.request.user, Right.CONFIGURE, port.device)
        return port


class PortPastViewSet(OfOnePort):
    """What a port is from a moment on."""

    serializer_class: type[serializers.BaseSerializer[Any]] = ChangedFromSerializer

    @extend_schema(responses=ChangedFromSerializer)
    @action(detail=True)
    def past(self, request: Request, **_kwargs: Any) -> Response:
        """What the port is, and what it was before."""
        return Response(ChangedFromSerializer(self.get_object()).data)

    @extend_schema(request=ChangeFrom, responses=ChangedFromSerializer)
    @action(detail=True, methods=["post"], url_path="change-from")
    def change_from(self, request: Request, **_kwargs: Any) -> Response:
        """Let the port be something else from a moment on; what was measured before stays with what it was then."""
        port = self.ours()
        values = sent(ChangeFrom, request)
        at_ms = whole_hour(round(values.pop("at").timestamp() * 1000))
        try:
            change_from(port, at_ms, who=request.user, **values)
        except DestructiveValue as refusal:
            raise refused("name", refusal) from refusal
        except NotChanged as refusal:
            raise refused("at", refusal) from refusal
        return Response(ChangedFromSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=ChangedFromSerializer)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, **_kwargs: Any) -> Response:
        """Undo the last change from a moment on."""
        port = self.ours()
        try:
            take_back(port, who=request.user)
        except NotChanged as refusal:
            raise refused("port", refusal) from refusal
        return Response(ChangedFromSerializer(self.get_object()).data)
