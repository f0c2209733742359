"""Marking what ports measured as bad, and letting it count again, over the REST API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api_port_past import OfOnePort
from devices.api_units import refused, sent
from readings import bad_spans
from readings.models import BadSpan
from readings.periods import to_datetime, to_ms


class BadSpanSerializer(serializers.ModelSerializer[BadSpan]):
    start = serializers.SerializerMethodField(help_text=_("A whole minute."))
    end = serializers.SerializerMethodField(help_text=_("A whole minute, the first that is good again."))
    marked_by = serializers.StringRelatedField[Any](help_text=_("Null where nobody with a login did it."))
    lifted_at = serializers.DateTimeField(help_text=_("Since when it counts again; null while it is bad."))
    lifted_by = serializers.StringRelatedField[Any]()

    class Meta:
        model = BadSpan
        fields = ["id", "port", "start", "end", "reason", "marked_at", "marked_by", "lifted_at", "lifted_by"]
        read_only_fields = fields

    def get_start(self, span: BadSpan) -> datetime:
        return to_datetime(span.start_ms)

    def get_end(self, span: BadSpan) -> datetime:
        return to_datetime(span.end_ms)


class WhatIsBad(serializers.Serializer[Any]):
    start = serializers.DateTimeField(help_text=_("Taken as the start of the minute that it lies in."))
    end = serializers.DateTimeField(help_text=_("Taken as the end of the last minute that is touched."))
    reason = serializers.CharField(max_length=200)


class BadSpanViewSet(OfOnePort):
    """What of a port's measurements is bad."""

    serializer_class: type[serializers.BaseSerializer[Any]] = BadSpanSerializer

    @extend_schema(responses=BadSpanSerializer(many=True))
    @action(detail=True, url_path="bad-spans")
    def marked(self, request: Request, **_kwargs: Any) -> Response:
        """The spans of the port that were marked as bad, the latest first, those that count again too."""
        spans = BadSpan.objects.filter(port=self.get_object()).select_related("marked_by", "lifted_by")
        return Response(BadSpanSerializer(spans, many=True).data)

    @extend_schema(request=WhatIsBad, responses={201: BadSpanSerializer})
    @marked.mapping.post
    def mark(self, request: Request, **_kwargs: Any) -> Response:
        """Let what the port measured in a span count nowhere; it is kept. The answer tells which whole minutes."""
        port = self.ours()
        asked = sent(WhatIsBad, request)
        start_ms, end_ms = to_ms(asked["start"]), to_ms(asked["end"])
        try:
            span = bad_spans.mark(port, start_ms, end_ms, reason=asked["reason"], who=request.user)
        except bad_spans.NotMarked as refusal:
            raise refused("start", refusal) from refusal
        return Response(BadSpanSerializer(span).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=BadSpanSerializer)
    @action(detail=True, methods=["post"], url_path="bad-spans/<int:span_id>/lift")
    def lift(self, request: Request, span_id: int, **_kwargs: Any) -> Response:
        """Let what was measured in a bad span count again."""
        span = get_object_or_404(BadSpan, port=self.ours(), pk=span_id)
        try:
            span = bad_spans.lift(span, who=request.user)
        except bad_spans.NotMarked as refusal:
            raise refused("span", refusal) from refusal
        return Response(BadSpanSerializer(span).data)
