"""Jobs over the REST API: which there are, what they say of themselves, and stopping one."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import devices_for, right_for
from devices.api_filters import JobFilters
from devices.api_settings import check_right
from devices.api_units import Conflict, NewestFirst
from devices.jobs import queue
from devices.models import Calibration, Job, JobLine
from devices.querysets import JobQuerySet


class JobSerializer(serializers.ModelSerializer[Job]):
    who = serializers.CharField(source="who.username", allow_null=True, default=None)
    may_cancel = serializers.SerializerMethodField(
        help_text=_("Whether it can still be stopped with the unit left as it was.")
    )

    class Meta:
        model = Job
        fields = [
            *("id", "device", "kind", "state", "percent", "may_cancel", "cancel_wanted", "who"),
            *("made", "not_before", "started", "ended", "rollout", "wave"),
        ]
        read_only_fields = fields

    def get_may_cancel(self, job: Job) -> bool:
        return job.may_cancel and not job.is_over


class JobLineSerializer(serializers.ModelSerializer[JobLine]):
    text = serializers.CharField(help_text=_("In the language of whoever asks."))

    class Meta:
        model = JobLine
        fields = ["at", "level", "text"]
        read_only_fields = fields


class WholeJobSerializer(JobSerializer):
    lines = JobLineSerializer(many=True, read_only=True)
    calibration = serializers.SerializerMethodField(help_text=_("The id of the calibration that it made, else null."))

    class Meta(JobSerializer.Meta):
        fields = [*JobSerializer.Meta.fields, "lines", "calibration"]
        read_only_fields = fields

    def get_calibration(self, job: Job) -> int | None:
        return Calibration.objects.filter(job=job).values_list("pk", flat=True).first()


class JobViewSet(RetrieveModelMixin, NewestFirst[Job]):
    """Work on the units that you may see: restarts, upgrades, calibrations, restores."""

    serializer_class: type[serializers.BaseSerializer[Job]] = JobSerializer
    queryset = Job.objects.none()  # tells the schema the model; the rows come from get_queryset
    filterset_class = JobFilters

    def get_queryset(self) -> JobQuerySet:
        return Job.objects.filter(device__in=devices_for(self.request.user)).select_related("who", "device")

    @extend_schema(responses=WholeJobSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """How far a job is, with all that it has said of itself."""
        return Response(WholeJobSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=WholeJobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **_kwargs: Any) -> Response:
        """Stop a job: at once if it has not begun, else at the next place where the unit is left as it was."""
        job: Job = self.get_object()
        check_right(request.user, right_for(job.kind), job.device)
        if not queue.cancel(job, timezone.now(), who=request.user):
            raise Conflict(gettext("It is over, or stopping it now would leave the unit half-changed."))
        return Response(WholeJobSerializer(self.get_object()).data)
