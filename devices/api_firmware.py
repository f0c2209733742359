"""Firmware releases and giving them to units, over the REST API."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices.access import ReadOrOperate, Right, devices_for, devices_with, may_on_all
from devices.api_jobs import JobSerializer
from devices.api_units import NEWEST, check_right_on_all, devices_named, refused, sent
from devices.firmware import releases, rollouts
from devices.firmware.compiling import CompilerUnusable
from devices.firmware.preflight import UpgradeRefused
from devices.firmware.refusal import ReleaseRefused
from devices.firmware.rollouts import MomentPassed
from devices.firmware.unpacking import MAX_UPLOAD_BYTES
from devices.models import FirmwareRelease, Job, Rollout
from devices.wording import translated


class ReleaseSerializer(serializers.ModelSerializer[FirmwareRelease]):
    who = serializers.CharField(source="who.username", allow_null=True, default=None)
    files = serializers.DictField(child=serializers.IntegerField(), help_text=_("Sizes in bytes, by path."))

    class Meta:
        model = FirmwareRelease
        fields = ["id", "version", "sha256", "file_name", "files", "notes", "who", "added"]
        read_only_fields = fields


class ReleaseUpload(serializers.Serializer[Any]):
    file = serializers.FileField(
        max_length=200, allow_empty_file=True, help_text=_("A zip, tar or tar.gz of the application folder.")
    )
    notes = serializers.CharField(default="", allow_blank=True, max_length=10_000)


class RolloutSerializer(serializers.ModelSerializer[Rollout]):
    who = serializers.CharField(source="who.username", allow_null=True, default=None)
    version = serializers.CharField(source="release.version")
    jobs = JobSerializer(many=True, read_only=True, help_text=_("Those of the units that you may see."))

    class Meta:
        model = Rollout
        fields = ["id", "release", "version", "stop_at_failure", "who", "made", "jobs"]
        read_only_fields = fields


class WhatToRollOut(serializers.Serializer[Any]):
    release = serializers.IntegerField(min_value=1)
    devices = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        allow_empty=False,
        max_length=1000,
        help_text=_("The first one alone, the others once it has succeeded."),
    )
    not_before = serializers.DateTimeField(required=False, allow_null=True, default=None)
    stop_at_failure = serializers.BooleanField(
        default=True, help_text=_("Leave those as they are that have not begun when one fails.")
    )
    across_2_8 = serializers.BooleanField(
        default=False, help_text=_("That it is known that every port must be calibrated again if 2.8 is crossed.")
    )


class Unavailable(APIException):
    """The server cannot do this now, whatever is sent; the sentence says why."""

    status_code = 503


class FirmwareViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[FirmwareRelease]):
    """Firmware that was looked through and accepted, for those who may upgrade units."""

    permission_classes = (ReadOrOperate,)
    serializer_class = ReleaseSerializer
    queryset = FirmwareRelease.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = ()
    pagination_class = None

    def get_queryset(self) -> QuerySet[FirmwareRelease]:
        user = self.request.user
        if not may_on_all(user, Right.OPERATE) and not devices_with(user, Right.OPERATE).exists():
            raise PermissionDenied
        return FirmwareRelease.objects.select_related("who").defer("content")

    def get_parsers(self) -> list[Any]:
        return [MultiPartParser()]

    @extend_schema(request=ReleaseUpload, responses={201: ReleaseSerializer})
    def create(self, request: Request) -> Response:
        """Look an application folder through and keep it; the same file again gives the same release.

        Needs the right to operate all units: what is accepted here can be started on each of them.
        """
        check_right_on_all(request.user, Right.OPERATE)
        upload = sent(ReleaseUpload, request)
        # One byte more than is accepted is enough to be refused.
        content = upload["file"].read(MAX_UPLOAD_BYTES + 1)
        try:
            release = releases.accept(content, upload["file"].name, notes=upload["notes"], who=request.user)
        except ReleaseRefused as refusal:
            raise refused("file", refusal) from refusal
        except CompilerUnusable as unusable:
            raise Unavailable(translated(unusable)) from unusable
        return Response(ReleaseSerializer(release).data, status=201)


class RolloutViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Rollout]):
    """Firmware for one or several units, in waves: one unit first, the others once it has succeeded."""

    permission_classes = (ReadOrOperate,)
    serializer_class = RolloutSerializer
    queryset = Rollout.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = ()
    pagination_class = None

    def get_queryset(self) -> QuerySet[Rollout]:
        seen = Job.objects.filter(device__in=devices_for(self.request.user), rollout__isnull=False)
        jobs = Prefetch("jobs", seen.select_related("who").order_by("pk"))
        ours = Rollout.objects.filter(pk__in=seen.values("rollout_id"))
        # Not the release's content, which is large.
        return ours.select_related("who", "release").defer("release__content").prefetch_related(jobs)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest two hundred of those with a unit that you may see."""
        return Response(RolloutSerializer(self.get_queryset()[:NEWEST], many=True).data)

    @extend_schema(request=WhatToRollOut, responses={202: RolloutSerializer})
    def create(self, request: Request) -> Response:
        """Ask for new firmware for one or several units; all or none are asked for."""
        asked = sent(WhatToRollOut, request)
        mine = devices_with(request.user, Right.OPERATE)
        devices = devices_named(asked["devices"], mine, Right.OPERATE)
        release = FirmwareRelease.objects.filter(pk=asked["release"]).first()
        if release is None:
            raise serializers.ValidationError({"release": [_("There is no such release.")]})
        try:
            rollout = rollouts.roll_out(
                release,
                devices,
                who=request.user,
                not_before=asked["not_before"],
                stop_at_failure=asked["stop_at_failure"],
                across_2_8=asked["across_2_8"],
            )
        except MomentPassed as refusal:
            raise refused("not_before", refusal) from refusal
        except UpgradeRefused as refusal:
            raise refused("devices", refusal) from refusal
        return Response(RolloutSerializer(self.get_queryset().get(pk=rollout.pk)).data, status=202)
