"""Letting a unit take the place of a broken one, over the REST API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.access import ReadOrConfigure, Right, devices_with
from devices.api_units import UnitViewSet, refused, sent
from devices.models import Replacement
from readings import replacing
from readings.periods import floor_minute, to_datetime, to_ms


class ReplacementSerializer(serializers.ModelSerializer[Replacement]):
    at = serializers.SerializerMethodField(help_text=_("What the new unit measured from then on belongs here."))
    moving = serializers.SerializerMethodField(
        help_text=_("Whether what the new unit measured until now is still being moved here; a worker does that.")
    )

    class Meta:
        model = Replacement
        fields = ["id", "device", "former_assy", "new_assy", "at", "moving", "made"]
        read_only_fields = fields

    def get_at(self, replacement: Replacement) -> str:
        return to_datetime(replacement.at_ms).isoformat()

    def get_moving(self, replacement: Replacement) -> bool:
        return replacement.moving_from_id is not None


class WhatToReplace(serializers.Serializer[Any]):
    new = serializers.IntegerField(min_value=1, help_text=_("The id of the unit that takes this one's place."))
    at = serializers.DateTimeField(
        required=False,
        help_text=_(
            "From when on the new unit measures in this one's place. Taken as the whole minute that it lies in; left "
            "out: the first one in which this unit measured nothing any more."
        ),
    )
    forget_earlier = serializers.BooleanField(
        default=False, help_text=_("Delete what the new unit measured before that moment, instead of refusing.")
    )


class ReplaceViewSet(UnitViewSet):
    permission_classes: Any = (ReadOrConfigure,)
    serializer_class = ReplacementSerializer

    @extend_schema(responses=ReplacementSerializer(many=True))
    @action(detail=True)
    def replacements(self, request: Request, **_kwargs: Any) -> Response:
        """Which units had this one's place before, newest first."""
        return Response(ReplacementSerializer(self.get_object().replacements.all(), many=True).data)

    @extend_schema(request=WhatToReplace, responses={202: ReplacementSerializer})
    @action(detail=True, methods=["post"])
    def replace(self, request: Request, **_kwargs: Any) -> Response:
        """Let another unit take this one's place: its name, ports, grants and history."""
        old = self.ours(Right.ADOPT)
        asked = sent(WhatToReplace, request)
        new = devices_with(request.user, Right.ADOPT).filter(pk=asked["new"]).first()
        if new is None:
            problem = gettext("There is no device %(id)d, or you have no right to adopt it.") % {"id": asked["new"]}
            raise serializers.ValidationError({"new": [problem]})
        at_ms = floor_minute(to_ms(asked["at"])) if "at" in asked else replacing.first_possible(old)
        try:
            replacement = replacing.replace(
                old, new, at_ms=at_ms, who=request.user, forget_earlier=asked["forget_earlier"]
            )
        except replacing.NotReplaced as refusal:
            raise refused("new", refusal) from refusal
        return Response(ReplacementSerializer(replacement).data, status=202)
