"""Series and energies over the REST API. Every refusal names its parameter and what it allows."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from devices.access import devices_for, ports_for
from devices.api_fields import OneOf, QueryParameters
from devices.models import Device, Port
from devices.port_past import all_as_they_were
from readings import history, periods
from readings.quantities import PORT_QUANTITIES, QUANTITIES

RESOLUTIONS = ("auto", "second", "minute", "hour", "day")
BUCKETS = ("total", "hour", "day", "month")
MAX_POINTS = 20_000
MAX_LINES = 200
MAX_ROWS = 100_000
_SHORTEST_MS = {"hour": periods.HOUR_MS, "day": 23 * periods.HOUR_MS, "month": 28 * 24 * periods.HOUR_MS}
_LARGEST_ID = 2**31 - 1
_UNKNOWN = {
    "device": gettext_noop("There is no device %(ids)s that you may read; see /api/v1/devices/."),
    "port": gettext_noop("There is no port %(ids)s that you may read; see /api/v1/ports/."),
}
# The '+' of an offset that nobody percent-encoded arrives as a blank.
_LOST_PLUS = re.compile(r"(T\d\d:?\d\d\S*) (\d\d(?::?\d\d)?)$", re.ASCII)


# --- Parameters -------------------------------------------------------------------------------------------------
@extend_schema_field({"type": "array", "items": {"type": "integer", "minimum": 1}})
class IdsField(serializers.Field[Any, Any, Any, Any]):
    """Ids as ``?port=1&port=2``, each once and in the order asked for."""

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.getlist(self.field_name) or serializers.empty

    def to_internal_value(self, data: Sequence[str]) -> list[int]:
        for text in data:
            if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not 0 < int(text) <= _LARGEST_ID:
                problem = gettext("%(text)s is no id; write %(name)s=1, for several %(name)s=1&%(name)s=2.")
                raise serializers.ValidationError(problem % {"text": repr(text), "name": self.field_name})
        return list(dict.fromkeys(int(text) for text in data))


@extend_schema_field({"type": "string", "format": "date-time"})
class TimeField(serializers.Field[int, str, str, Any]):
    """An ISO 8601 time with its offset, as epoch ms."""

    default_error_messages = {"required": _("Is missing; write for example 2026-03-29T00:00:00+01:00.")}

    def to_internal_value(self, data: str) -> int:
        try:
            return periods.parse_time(_LOST_PLUS.sub(r"\1+\2", data))
        except periods.UnreadableTime as error:
            raise serializers.ValidationError(gettext(error.template) % error.values) from None


class SpanParameters(QueryParameters):
    """Which lines, from when to when. A device stands for its enabled ports."""

    several = ("port", "device")

    port = IdsField(default=list)
    device = IdsField(default=list)
    start = TimeField()
    end = TimeField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError({"start": [gettext("Has to lie before end.")]})
        if not attrs["port"] and not attrs["device"]:
            raise serializers.ValidationError({"device": [gettext("Name a device or a port: device=1 or port=1.")]})
        return attrs


class SeriesParameters(SpanParameters):
    field = OneOf(list(QUANTITIES), default="active_power")
    resolution = OneOf(
        RESOLUTIONS,
        default="auto",
        help_text=_(
            "Where this one has too many rows for these lines and this span, a coarser one is answered: the answer's "
            "resolution tells which."
        ),
    )
    max_points = serializers.IntegerField(
        default=2000,
        min_value=1,
        max_value=MAX_POINTS,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length"),
            format_lazy(_("Has to be a whole number from 1 to {highest}."), highest=MAX_POINTS),
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        quantity = QUANTITIES[attrs["field"]]
        if quantity.of == "device" and attrs["port"]:
            allowed = ", ".join(one.name for one in PORT_QUANTITIES)
            problem = gettext("%(name)s is measured once per device: ask with device=. Ports have %(allowed)s.")
            raise serializers.ValidationError({"port": [problem % {"name": quantity.name, "allowed": allowed}]})
        return attrs


class EnergyParameters(SpanParameters):
    bucket = OneOf(BUCKETS, default="total")


# --- What is answered -------------------------------------------------------------------------------------------
class LineSerializer(serializers.Serializer[Any]):
    device = serializers.IntegerField()
    port = serializers.IntegerField(allow_null=True, help_text=_("Null for what is measured once per device."))
    name = serializers.CharField(help_text=_("The port's, or the device's; a port's as it was at the span's end."))
    times = serializers.ListField(child=serializers.IntegerField(), help_text=_("Epoch ms; a bucket's is its start."))
    values = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text=_("Null is a gap."))
    min = serializers.ListField(child=serializers.FloatField(allow_null=True))
    max = serializers.ListField(child=serializers.FloatField(allow_null=True))
    covered_s = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text=_("How many seconds of each point were measured normally. A reading's are those of its window."),
    )
    recovered_s = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text=_("How many seconds of each point were measured as one mean over a span nobody asked in."),
    )


class SeriesSerializer(serializers.Serializer[Any]):
    resolution = serializers.ChoiceField(RESOLUTIONS[1:])
    unit = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    step_s = serializers.FloatField(allow_null=True, help_text=_("Null: as they came."))
    series = LineSerializer(many=True)


class PortEnergySerializer(serializers.Serializer[Any]):
    port = serializers.IntegerField()
    name = serializers.CharField(help_text=_("The port's, as it was at the span's end."))
    start = serializers.DateTimeField()
    import_kwh = serializers.FloatField()
    export_kwh = serializers.FloatField()
    net_kwh = serializers.FloatField(help_text=_("Import less export."))
    covered_s = serializers.FloatField(help_text=_("Time that was measured normally."))
    recovered_s = serializers.FloatField(help_text=_("Time that was measured as one mean over a span nobody asked in."))
    missing_s = serializers.FloatField(help_text=_("The rest since the port's first reading, up to now."))


# By the name of each refused parameter, sentences that say what it allows.
_REFUSAL = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}


class SeriesView(APIView):
    @extend_schema(parameters=[SeriesParameters], responses={200: SeriesSerializer, 400: _REFUSAL})
    def get(self, request: Request) -> Response:
        """One quantity of ports or devices over time, never with more points a line than asked for."""
        asked = _checked(SeriesParameters(data=request.query_params))
        quantity = QUANTITIES[asked["field"]]
        lines: Sequence[Device] | Sequence[Port]
        lines = _devices(request.user, asked) if quantity.of == "device" else _ports(request.user, asked)
        _bounded(lines)
        names = _names(lines, asked["end"])
        found = history.series(
            lines,
            quantity,
            asked["start"],
            asked["end"],
            now_ms=_now_ms(),
            resolution=asked["resolution"],
            max_points=asked["max_points"],
        )
        return Response(
            {
                "resolution": found.resolution,
                "unit": found.unit,
                "start": periods.format_time(found.start_ms),
                "end": periods.format_time(found.end_ms),
                "step_s": None if found.step_ms is None else found.step_ms / 1000,
                "series": [
                    {
                        "device": line.device_id,
                        "port": line.port_id,
                        "name": names[line.port_id or line.device_id],
                        "times": line.times,
                        "values": line.values,
                        "min": line.minimum,
                        "max": line.maximum,
                        "covered_s": line.covered_ms / 1000,
                        "recovered_s": line.recovered_ms / 1000,
                    }
                    for line in found.lines
                ],
            }
        )


class EnergyView(APIView):
    @extend_schema(parameters=[EnergyParameters], responses={200: PortEnergySerializer(many=True), 400: _REFUSAL})
    def get(self, request: Request) -> Response:
        """The energies of ports, one row per port and bucket."""
        asked = _checked(EnergyParameters(data=request.query_params))
        ports = _ports(request.user, asked)
        _bounded(ports)
        start_ms, end_ms, bucket = asked["start"], asked["end"], asked["bucket"]
        if len(ports) * (end_ms - start_ms) > MAX_ROWS * _SHORTEST_MS.get(bucket, end_ms - start_ms):
            problem = gettext("Gives more than %(highest)d rows; take a longer bucket or a shorter span.")
            raise serializers.ValidationError({"bucket": [problem % {"highest": MAX_ROWS}]})
        zones = {port.pk: port.device.timezone for port in ports}
        names = _names(ports, end_ms)
        rows = history.energy(ports, start_ms, end_ms, bucket, now_ms=_now_ms())
        return Response(
            [
                {
                    "port": row.port_id,
                    "name": names[row.port_id],
                    "start": periods.format_time(row.start_ms, zones[row.port_id]),
                    "import_kwh": row.import_kwh,
                    "export_kwh": row.export_kwh,
                    "net_kwh": row.net_kwh,
                    "covered_s": row.covered_ms / 1000,
                    "recovered_s": row.recovered_ms / 1000,
                    "missing_s": row.missing_ms / 1000,
                }
                for row in rows
            ]
        )


def _checked(parameters: SpanParameters) -> dict[str, Any]:
    parameters.is_valid(raise_exception=True)
    return dict(parameters.validated_data)


def _now_ms() -> int:
    return periods.to_ms(timezone.now())


def _devices(user: Any, asked: dict[str, Any]) -> list[Device]:
    """The devices asked for. One that the user may not see is unknown like one that does not exist."""
    found = devices_for(user).in_bulk(asked["device"])
    _all_known("device", asked["device"], found)
    return [found[pk] for pk in asked["device"]]


def _ports(user: Any, asked: dict[str, Any]) -> list[Port]:
    """The ports asked for, then the enabled ones of the devices asked for."""
    found = ports_for(user).select_related("device").in_bulk(asked["port"])
    _all_known("port", asked["port"], found)
    devices = _devices(user, asked)
    shown: dict[int, list[Port]] = {device.pk: [] for device in devices}
    for port in Port.objects.shown().select_related("device").filter(device__in=devices):
        shown[port.device_id].append(port)
    ports = [found[pk] for pk in asked["port"]]
    ports += [port for group in shown.values() for port in group if port.pk not in found]
    return ports


def _names(lines: Sequence[Device] | Sequence[Port], end_ms: int) -> dict[int, str]:
    """By id, what lines were called right before a moment."""
    then = all_as_they_were([line for line in lines if isinstance(line, Port)], end_ms - 1)
    return {line.pk: then[line.pk].name if line.pk in then and isinstance(line, Port) else line.name for line in lines}


def _all_known(parameter: Literal["device", "port"], asked: Sequence[int], found: dict[int, Any]) -> None:
    if unknown := [str(pk) for pk in asked if pk not in found]:
        problem = gettext(_UNKNOWN[parameter]) % {"ids": ", ".join(unknown)}
        raise serializers.ValidationError({parameter: [problem]})


def _bounded(lines: Sequence[object]) -> None:
    if len(lines) > MAX_LINES:
        problem = gettext("That is %(count)d lines; at most %(highest)d in one question.")
        raise serializers.ValidationError({"device": [problem % {"count": len(lines), "highest": MAX_LINES}]})
