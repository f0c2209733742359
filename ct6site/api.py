"""The REST API under /api/v1/: the one router, logging in by token, and what joins several apps."""

from collections.abc import Iterable
from typing import Any, cast

import structlog
from django.contrib.auth import authenticate
from django.db.models import QuerySet
from django.urls import include, path
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from drf_spectacular.utils import extend_schema, extend_schema_field
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.mixins import DestroyModelMixin, ListModelMixin
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from ct6site.models import ApiToken, User
from ct6site.tokens import Scope, TokenAuthentication, may_revoke, scopes_of
from devices.api import DeviceSerializer, DeviceViewSet, PortSerializer, PortViewSet
from devices.api_calibration import CalibrateViewSet, CalibrationViewSet
from devices.api_discovery import AddView, DiscoveryView, SetUpView, SweepCancelView, SweepProgressView, SweepView
from devices.api_factory import BackUpViewSet, FactoryConfigViewSet
from devices.api_fields import OneOf
from devices.api_files import FilesViewSet
from devices.api_firmware import FirmwareViewSet, RolloutViewSet
from devices.api_jobs import JobViewSet
from devices.api_operating import OperateViewSet
from devices.api_port_past import PortPastViewSet
from devices.models import Device, Port
from readings.api import EnergyView, SeriesView
from readings.api_bad_spans import BadSpanViewSet
from readings.api_replacing import ReplaceViewSet
from readings.latest import Latest, latest
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES, Quantity

log = structlog.get_logger(__name__)


# --- Tokens -----------------------------------------------------------------------------------------------------
class LoginSerializer(serializers.Serializer[User]):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False, style={"input_type": "password"})
    scope = OneOf(Scope.choices, default=Scope.READ)
    name = serializers.CharField(default="", allow_blank=True, max_length=64, help_text=_("What will use the token."))


class TokenTextSerializer(serializers.Serializer[ApiToken]):
    token = serializers.CharField(help_text=_("Shown this once. Send it as 'Authorization: Token <token>'."))


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    current = serializers.SerializerMethodField(help_text=_("Whether this question was asked with it."))

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scope", "created", "last_used", "expires", "current"]
        read_only_fields = fields

    def get_current(self, token: ApiToken) -> bool:
        used = self.context["request"].auth
        return used is not None and used.pk == token.pk


class LoginView(APIView):
    # Whoever sends a password needs no other login, and a stale cookie or token shall not stand in the way.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return TokenAuthentication.keyword

    @extend_schema(request=LoginSerializer, responses=TokenTextSerializer)
    def post(self, request: Request) -> Response:
        """Get a token for a user name and password."""
        login = LoginSerializer(data=request.data)
        login.is_valid(raise_exception=True)
        values = login.validated_data
        user = authenticate(
            request=request._request,  # the failure is counted on Django's own request
            username=values["username"],
            password=values["password"],
        )
        if not isinstance(user, User):
            raise AuthenticationFailed(gettext("The user name or the password is wrong, or the user is switched off."))
        if values["scope"] not in (allowed := scopes_of(user)):
            sentence = gettext("This user may have: %(scopes)s. The others need a user who may do something to a unit.")
            raise serializers.ValidationError({"scope": [sentence % {"scopes": ", ".join(allowed)}]})
        token, text = ApiToken.make(user, name=values["name"], scope=values["scope"])
        log.info("An API token was made", user=user.username, scope=token.scope, name=token.name)
        return Response({"token": text})


class TokenViewSet(ListModelMixin, DestroyModelMixin, GenericViewSet[ApiToken]):
    """Your own tokens. Their texts cannot be had again."""

    serializer_class = TokenSerializer
    permission_classes = (IsAuthenticated,)
    queryset = ApiToken.objects.none()  # tells the schema the model; the rows come from get_queryset
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=cast(User, self.request.user))

    def perform_destroy(self, instance: ApiToken) -> None:
        if not may_revoke(cast("ApiToken | None", self.request.auth), instance):
            raise PermissionDenied(gettext("A token of scope 'read' revokes no other token than itself."))
        instance.delete()
        log.info("An API token was revoked", user=str(self.request.user), name=instance.name)


# --- Devices and ports with what they measured last -------------------------------------------------------------
def _values(quantities: Iterable[Quantity]) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    return {
        quantity.name: serializers.FloatField(allow_null=True, help_text=_unit_of(quantity)) for quantity in quantities
    }


def _unit_of(quantity: Quantity) -> Any:
    return format_lazy(_("in {unit}"), unit=quantity.unit) if quantity.unit else _("in parts of 1")


class LatestOfPortSerializer(serializers.Serializer[Any]):
    """Means over the window that ended at ``time``; null is a value that the unit did not give."""

    time = serializers.IntegerField(help_text=_("Epoch ms."))
    direction = serializers.ChoiceField(["import", "export", "idle"], allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | _values(PORT_QUANTITIES)


class LatestOfDeviceSerializer(serializers.Serializer[Any]):
    """Means over the window that ended at ``time``; null is a value that the unit did not give."""

    time = serializers.IntegerField(help_text=_("Epoch ms."))

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | _values(DEVICE_QUANTITIES)


class MeasuredPortSerializer(PortSerializer):
    latest = serializers.SerializerMethodField(help_text=_("Null before its device's first answer."))

    class Meta(PortSerializer.Meta):
        fields = [*PortSerializer.Meta.fields, "latest"]
        read_only_fields = fields

    @extend_schema_field(LatestOfPortSerializer(allow_null=True))
    def get_latest(self, port: Port) -> dict[str, Any] | None:
        newest = _latest(self, port.device)
        if newest is None:
            return None
        of_port = newest.ports[port.number]
        return {"time": newest.time_ms, "direction": of_port.direction, **of_port.values}


class MeasuredDeviceSerializer(DeviceSerializer):
    latest = serializers.SerializerMethodField(help_text=_("Null before its first answer."))
    ports = MeasuredPortSerializer(many=True, read_only=True)

    class Meta(DeviceSerializer.Meta):
        fields = [*DeviceSerializer.Meta.fields, "latest"]
        read_only_fields = fields

    @extend_schema_field(LatestOfDeviceSerializer(allow_null=True))
    def get_latest(self, device: Device) -> dict[str, Any] | None:
        newest = _latest(self, device)
        return None if newest is None else {"time": newest.time_ms, **newest.values}


def _latest(serializer: serializers.BaseSerializer[Any], device: Device) -> Latest | None:
    """The device's newest values, worked out once for all of its ports."""
    known: dict[int, Latest | None] = cast("dict[str, Any]", serializer.context).setdefault("latest", {})
    if device.pk not in known:
        known[device.pk] = latest(device)
    return known[device.pk]


class MeasuredDeviceViewSet(DeviceViewSet):
    serializer_class = MeasuredDeviceSerializer


class MeasuredPortViewSet(PortViewSet):
    serializer_class = MeasuredPortSerializer


router = SimpleRouter(use_regex_path=False)
router.register("devices", MeasuredDeviceViewSet, basename="device")
router.register("devices", OperateViewSet, basename="device-operate")
router.register("devices", CalibrateViewSet, basename="device-calibrate")
router.register("devices", BackUpViewSet, basename="device-factory")
router.register("devices", FilesViewSet, basename="device-files")
router.register("devices", ReplaceViewSet, basename="device-replace")
router.register("jobs", JobViewSet, basename="job")
router.register("firmware", FirmwareViewSet, basename="firmware")
router.register("rollouts", RolloutViewSet, basename="rollout")
router.register("calibrations", CalibrationViewSet, basename="calibration")
router.register("factory-configs", FactoryConfigViewSet, basename="factory-config")
router.register("ports", MeasuredPortViewSet, basename="port")
router.register("ports", PortPastViewSet, basename="port-past")
router.register("ports", BadSpanViewSet, basename="port-bad-spans")
router.register("tokens", TokenViewSet, basename="token")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-docs")),
    path("token/", LoginView.as_view(), name="token"),
    path("series/", SeriesView.as_view(), name="series"),
    path("energy/", EnergyView.as_view(), name="energy"),
    path("discovery/", DiscoveryView.as_view(), name="discovery"),
    path("discovery/sweep/", SweepView.as_view(), name="sweep"),
    path("discovery/sweeps/<int:sweep_id>/", SweepProgressView.as_view(), name="sweep-progress"),
    path("discovery/sweeps/<int:sweep_id>/cancel/", SweepCancelView.as_view(), name="sweep-cancel"),
    path("devices/add/", AddView.as_view(), name="device-add"),
    path("devices/<int:device_id>/set-up/", SetUpView.as_view(), name="device-set-up"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(), name="api-docs"),
    path("", include(router.urls)),
]
