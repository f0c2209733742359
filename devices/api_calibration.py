"""Calibrations over the REST API: asking for one, what they did, how gains drift, and putting an earlier one back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices import calibration
from devices.access import Right, devices_for
from devices.api_fields import OneOf
from devices.api_filters import CalibrationFilters
from devices.api_jobs import JobSerializer
from devices.api_settings import check_right
from devices.api_units import NewestFirst, UnitViewSet, refused, sent
from devices.calibration import CalibrationRefused
from devices.models import Calibration

_TARGETS = [Calibration.Target.VOLTAGE, Calibration.Target.CURRENT_GAIN, Calibration.Target.CURRENT_OFFSET]


class RoundSerializer(serializers.Serializer[Any]):
    setting = serializers.CharField()
    port = serializers.IntegerField()
    value = serializers.IntegerField()
    reading = serializers.FloatField(help_text=_("In V or A."))
    error = serializers.FloatField(help_text=_("In V or A."))
    at = serializers.IntegerField(help_text=_("Epoch ms."))


class CalibrationSerializer(serializers.ModelSerializer[Calibration]):
    who = serializers.CharField(source="who.username", allow_null=True, default=None)
    before = serializers.DictField(child=serializers.FloatField(), help_text=_("The gains of before, by setting."))
    after = serializers.DictField(child=serializers.FloatField(), help_text=_("The gains found, by setting."))
    succeeded = serializers.BooleanField(allow_null=True, help_text=_("Null while it runs."))
    rounds = RoundSerializer(many=True)

    class Meta:
        model = Calibration
        fields = [
            *("id", "device", "job", "target", "port_number", "reference", "before", "after", "rounds", "succeeded"),
            *("made", "who"),
        ]
        read_only_fields = fields


class DriftSerializer(serializers.Serializer[Any]):
    """A value that a setting took."""

    at = serializers.DateTimeField()
    value = serializers.FloatField(help_text=_("Offsets are with their sign."))
    change_percent = serializers.FloatField(
        allow_null=True, help_text=_("By how much a gain differs from its first known value.")
    )
    calibration = serializers.IntegerField(
        allow_null=True, help_text=_("The one that made it; null where it was found in a factory configuration.")
    )


class DriftsSerializer(serializers.Serializer[Any]):
    """Each value that was seen, oldest first, by setting."""

    settings = serializers.DictField(child=DriftSerializer(many=True))


class WhatToCalibrate(serializers.Serializer[Any]):
    target = OneOf(_TARGETS)
    port = serializers.IntegerField(required=False, min_value=1, help_text=_("For the current of a port."))
    reference = serializers.FloatField(required=False, help_text=_("What is really there, in V or A."))
    line_freq_hz = serializers.IntegerField(help_text=_("50 or 60."))
    mains_side_is_safe = serializers.BooleanField(
        default=False, help_text=_("That the mains side is safe: somebody works at live parts meanwhile.")
    )
    not_before = serializers.DateTimeField(required=False, allow_null=True, default=None)


class CalibrateViewSet(UnitViewSet):
    serializer_class = WhatToCalibrate

    @extend_schema(request=WhatToCalibrate, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def calibrate(self, request: Request, **_kwargs: Any) -> Response:
        """Calibrate the voltage of both chips, or the gain or offset of a port's current; stopped in the middle, the
        gains of before are put back.
        """
        device = self.ours(Right.CALIBRATE)
        asked = sent(WhatToCalibrate, request)
        not_before = asked.pop("not_before")
        try:
            job = calibration.ask(device, asked | {"target": str(asked["target"])}, request.user, not_before=not_before)
        except CalibrationRefused as refusal:
            raise refused("detail", refusal) from refusal
        return Response(JobSerializer(job).data, status=202)

    @extend_schema(responses=DriftsSerializer)
    @action(detail=True)
    def drift(self, request: Request, **_kwargs: Any) -> Response:
        """How its gains and offsets changed over time."""
        return Response(DriftsSerializer({"settings": calibration.drift(self.get_object())}).data)


class CalibrationViewSet(RetrieveModelMixin, NewestFirst[Calibration]):
    """What the calibrations of the units that you may see did."""

    serializer_class = CalibrationSerializer
    queryset = Calibration.objects.none()  # tells the schema the model; the rows come from get_queryset
    filterset_class = CalibrationFilters

    def get_queryset(self) -> QuerySet[Calibration]:
        seen = devices_for(self.request.user)
        return Calibration.objects.filter(device__in=seen).select_related("who", "device", "job")

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **_kwargs: Any) -> Response:
        """Put the gains back that a calibration ended with, or began with if it came to nothing."""
        earlier: Calibration = self.get_object()
        check_right(request.user, Right.CALIBRATE, earlier.device)
        try:
            job = calibration.restore(earlier, request.user)
        except CalibrationRefused as refusal:
            raise refused("detail", refusal) from refusal
        return Response(JobSerializer(job).data, status=202)
