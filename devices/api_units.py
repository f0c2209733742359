"""What the calls over the REST API that do something to units have in common."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices.access import ReadOrOperate, Right, devices_for, may_on_all
from devices.api_filters import StrictFilterBackend
from devices.api_settings import UnitFailed, check_right
from devices.ct6.errors import UnitError
from devices.models import Device
from devices.querysets import DeviceQuerySet
from devices.wording import Said, translated

NEWEST = 200
Row = TypeVar("Row", bound=Model)


class Conflict(APIException):
    """It cannot be done any more; the sentence says why."""

    status_code = status.HTTP_409_CONFLICT


class UnitViewSet(GenericViewSet[Device]):
    """Calls about one unit, among those that the user may see."""

    permission_classes = (ReadOrOperate,)
    serializer_class: type[serializers.BaseSerializer[Any]]
    queryset = Device.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"
    filter_backends = ()
    pagination_class = None

    def get_queryset(self) -> DeviceQuerySet:
        return devices_for(self.request.user)

    def ours(self, right: Right) -> Device:
        """The unit, to which the user may do this. Raises Http404 and PermissionDenied."""
        device: Device = self.get_object()
        check_right(self.request.user, right, device)
        return device


class NewestFirst(ListModelMixin, GenericViewSet[Row]):
    """Rows of the units that the user may see, of which a list has the newest two hundred."""

    permission_classes = (ReadOrOperate,)
    lookup_value_converter = "int"
    filter_backends = (StrictFilterBackend,)
    pagination_class = None

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest two hundred; those before them are had with ``before``."""
        rows: QuerySet[Row] = self.filter_queryset(self.get_queryset())
        return Response(self.get_serializer(rows[:NEWEST], many=True).data)


def sent(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What a request sends, checked. Raises ValidationError."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refused(field: str, refusal: Said) -> serializers.ValidationError:
    """That what was sent in this field is not done, with the reason in the reader's language."""
    return serializers.ValidationError({field: [translated(refusal)]})


def refused_or_failed(field: str, error: UnitError, refusals: tuple[type[UnitError], ...]) -> APIException:
    """What was sent is refused if the error is one of these; else the unit did not do it."""
    return refused(field, error) if isinstance(error, refusals) else UnitFailed(error)


def check_right_on_all(user: Any, right: Right) -> None:
    """Raise PermissionDenied unless the user may do this to all units."""
    if not may_on_all(user, right):
        raise PermissionDenied(gettext("You have no right to do this to all units ('%(right)s').") % {"right": right})


def devices_named(ids: list[int], devices: DeviceQuerySet, right: Right) -> list[Device]:
    """These devices, in the order in which they were named. Raises ValidationError if one is not among `devices`."""
    found = devices.in_bulk(ids)
    if missing := [device_id for device_id in ids if device_id not in found]:
        sentence = gettext("Not known, or you have no right to do this to them ('%(right)s'): %(ids)s.")
        values = {"ids": ", ".join(map(str, missing)), "right": str(right)}
        raise serializers.ValidationError({"devices": [sentence % values]})
    return [found[device_id] for device_id in dict.fromkeys(ids)]
