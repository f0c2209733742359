"""A unit's status, and restarting it, over the REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from devices import restarting, status
from devices.access import Right
from devices.api_jobs import JobSerializer
from devices.api_settings import UnitFailed
from devices.api_units import UnitViewSet, refused, sent
from devices.confirmation import ConfirmationNeeded
from devices.ct6.errors import UnitError
from devices.models import Device, Job
from devices.status import Status


class StatusSerializer(serializers.Serializer[Status]):
    """Null: its firmware does not tell, or it is not known."""

    at = serializers.DateTimeField(help_text=_("When the unit was asked."))
    firmware_version = serializers.CharField()
    uptime_s = serializers.IntegerField()
    started = serializers.DateTimeField()
    restarts = serializers.IntegerField(help_text=_("Those that were seen; several between two looks count as one."))
    restarts_since = serializers.DateTimeField()
    ram_used_bytes = serializers.IntegerField(allow_null=True)
    ram_free_bytes = serializers.IntegerField(allow_null=True)
    ram_total_bytes = serializers.IntegerField(allow_null=True)
    flash_used_bytes = serializers.IntegerField(allow_null=True)
    flash_free_bytes = serializers.IntegerField(allow_null=True)
    flash_total_bytes = serializers.IntegerField(allow_null=True)
    active_folder = serializers.CharField(allow_blank=True)
    inactive_folder = serializers.CharField(allow_blank=True)
    clock_drift_s = serializers.FloatField(allow_null=True, help_text=_("How much its clock is ahead."))
    other_poller = serializers.BooleanField(
        allow_null=True, help_text=_("Whether somebody else asks the unit too, which shortens its means.")
    )
    also_claimed_from = serializers.CharField(
        allow_null=True, help_text=_("A second address at which a unit carries the same label.")
    )
    stats_text = serializers.CharField(help_text=_("What it last told over HTTP that it measures, as it came."))
    last_answer = serializers.DictField(allow_null=True, help_text=_("What is kept of its newest answer."))


class TypedName(serializers.Serializer[Any]):
    typed_name = serializers.CharField(
        max_length=64, help_text=_("The unit's name, or its label if it has none: that just this unit is meant.")
    )


class OperateViewSet(UnitViewSet):
    serializer_class = StatusSerializer

    @extend_schema(responses=StatusSerializer)
    @action(detail=True)
    def status(self, request: Request, **_kwargs: Any) -> Response:
        """How the unit did when it was last asked; 404 if it never was."""
        kept = status.kept_status(self.get_object())
        if kept is None:
            raise NotFound
        return Response(StatusSerializer(kept).data)

    @extend_schema(request=None, responses=StatusSerializer)
    @status.mapping.post
    def read_status(self, request: Request, **_kwargs: Any) -> Response:
        """Ask the unit now how it does."""
        device = self.ours(Right.OPERATE)
        try:
            return Response(StatusSerializer(status.read_status(device, now=timezone.now())).data)
        except UnitError as error:
            raise UnitFailed(error) from error

    @extend_schema(request=TypedName, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def reboot(self, request: Request, **_kwargs: Any) -> Response:
        """Restart the unit; the job waits until it is back."""
        return self._asked_for(restarting.ask_for_reboot)

    @extend_schema(request=TypedName, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="power-cycle")
    def power_cycle(self, request: Request, **_kwargs: Any) -> Response:
        """Let the unit cut its own supply for some seconds; the job waits until it is back."""
        return self._asked_for(restarting.ask_for_power_cycle)

    @extend_schema(request=TypedName, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, **_kwargs: Any) -> Response:
        """Set the unit back to its defaults. It leaves the network: somebody has to stand at the unit and set its WiFi
        up again over Bluetooth. Its label and calibration stay, and are backed up first.
        """
        return self._asked_for(restarting.ask_for_reset)

    def _asked_for(self, ask: Callable[..., Job]) -> Response:
        device: Device = self.ours(Right.OPERATE)
        try:
            job = ask(device, who=self.request.user, typed_name=sent(TypedName, self.request)["typed_name"])
        except ConfirmationNeeded as refusal:
            raise refused("typed_name", refusal) from refusal
        return Response(JobSerializer(job).data, status=202)
