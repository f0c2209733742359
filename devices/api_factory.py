"""Copies of units' factory configurations over the REST API: kept, compared, downloaded and put back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices import factory
from devices.access import Right, devices_for
from devices.api_fields import QueryParameters
from devices.api_filters import FactoryConfigFilters
from devices.api_jobs import JobSerializer
from devices.api_settings import UnitFailed, check_right
from devices.api_units import NewestFirst, UnitViewSet, refused
from devices.ct6.errors import UnitError
from devices.factory import RestoreRefused
from devices.jobs import queue
from devices.models import FactoryConfig, Job


class FactoryConfigSerializer(serializers.ModelSerializer[FactoryConfig]):
    who = serializers.CharField(source="who.username", allow_null=True, default=None)

    class Meta:
        model = FactoryConfig
        fields = ["id", "device", "taken", "reason", "sha256", "who"]
        read_only_fields = fields


class WholeFactoryConfigSerializer(FactoryConfigSerializer):
    class Meta(FactoryConfigSerializer.Meta):
        fields = [*FactoryConfigSerializer.Meta.fields, "content"]
        read_only_fields = fields


class DifferenceSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    was = serializers.JSONField(allow_null=True, help_text=_("In the copy of the address; null if it is not there."))
    now = serializers.JSONField(allow_null=True, help_text=_("In the other one; null if it is not there."))


class Other(QueryParameters):
    other = serializers.IntegerField(min_value=1, help_text=_("The id of the copy to compare with."))


class BackUpViewSet(UnitViewSet):
    serializer_class = JobSerializer

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="back-up-factory-config")
    def back_up(self, request: Request, **_kwargs: Any) -> Response:
        """Keep a copy of the unit's factory configuration, unless it is the same as in the newest copy."""
        device = self.ours(Right.CALIBRATE)
        return Response(JobSerializer(queue.ask(device, Job.Kind.BACKUP, who=request.user)).data, status=202)


class FactoryConfigViewSet(RetrieveModelMixin, NewestFirst[FactoryConfig]):
    """Copies of the factory configurations of the units that you may see: labels, gains and offsets."""

    serializer_class: type[serializers.BaseSerializer[FactoryConfig]] = FactoryConfigSerializer
    queryset = FactoryConfig.objects.none()  # tells the schema the model; the rows come from get_queryset
    filterset_class = FactoryConfigFilters

    def get_queryset(self) -> QuerySet[FactoryConfig]:
        seen = devices_for(self.request.user)
        return FactoryConfig.objects.filter(device__in=seen).select_related("who", "device")

    @extend_schema(responses=WholeFactoryConfigSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A copy with its content, as it stood on the unit."""
        return Response(WholeFactoryConfigSerializer(self.get_object()).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def download(self, request: Request, **_kwargs: Any) -> HttpResponse:
        """The copy as a file."""
        copy: FactoryConfig = self.get_object()
        name = f"factory-{copy.device.assy}-{copy.taken:%Y%m%d-%H%M}.cfg"
        return as_file(copy.content.encode(), name)

    @extend_schema(parameters=[Other], responses=DifferenceSerializer(many=True))
    @action(detail=True)
    def compare(self, request: Request, **_kwargs: Any) -> Response:
        """Where another copy differs from this one."""
        copy: FactoryConfig = self.get_object()
        asked = Other(data=request.query_params)
        asked.is_valid(raise_exception=True)
        other = self.get_queryset().filter(pk=asked.validated_data["other"]).first()
        if other is None:
            raise serializers.ValidationError({"other": [gettext("There is no such copy.")]})
        try:
            found = factory.compare(copy, other)
        except UnitError as error:
            raise UnitFailed(error) from error
        return Response([{"key": one.key, "was": one.was, "now": one.now} for one in found])

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **_kwargs: Any) -> Response:
        """Put the gains and offsets of this copy back onto its unit, never its label."""
        copy: FactoryConfig = self.get_object()
        check_right(request.user, Right.CALIBRATE, copy.device)
        try:
            job = factory.ask_restore(copy, copy.device, request.user)
        except RestoreRefused as refusal:
            raise refused("detail", refusal) from refusal
        except UnitError as error:
            raise UnitFailed(error) from error
        return Response(JobSerializer(job).data, status=202)


def as_file(content: bytes, name: str) -> HttpResponse:
    """An answer that a browser stores under this name, whatever is in it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)
