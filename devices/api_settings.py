"""A unit's settings over the REST API: what it holds, what is wished, what became of it, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from devices import configuration
from devices.access import Right, devices_with, may
from devices.configuration import CannotUndo, MqttSilent, Pushed, Setting
from devices.ct6.errors import DestructiveValue, UnitError
from devices.holding import UnitBusy
from devices.models import ConfigChange, Device
from devices.wording import translated

NEWEST_CHANGES = 200


# --- What is shown ----------------------------------------------------------------------------------------------
class SettingSerializer(serializers.Serializer[Setting]):
    key = serializers.CharField(help_text=_("The unit's own name of the setting."))
    name = serializers.SerializerMethodField(help_text=_("What people call it."))
    held = serializers.CharField(allow_null=True, help_text=_("As the unit last told; null if it never did."))
    wished = serializers.CharField(allow_null=True, help_text=_("What it should be; null if that is as it is."))
    was_confirmed = serializers.CharField(
        allow_null=True, help_text=_("What it confirmed when that was last wished, if it holds something else now.")
    )
    differs = serializers.BooleanField(
        help_text=_("Whether the unit is to be changed, or was changed from elsewhere since it confirmed a wish.")
    )
    unit = serializers.SerializerMethodField(help_text=_("Of a number, as Hz."))
    lowest = serializers.SerializerMethodField(help_text=_("The least number that may be wished."))
    highest = serializers.SerializerMethodField(help_text=_("The greatest number that may be wished."))

    def get_name(self, setting: Setting) -> str:
        return configuration.setting_name(setting.key)

    def get_unit(self, setting: Setting) -> str:
        return configuration.unit_of(setting.key)

    def get_lowest(self, setting: Setting) -> float | None:
        limits = configuration.limits_of(setting.key)
        return limits[0] if limits else None

    def get_highest(self, setting: Setting) -> float | None:
        limits = configuration.limits_of(setting.key)
        return limits[1] if limits else None


class SettingsSerializer(serializers.Serializer[Device]):
    """A password is never told: ``(hidden)`` stands for one."""

    told_at = serializers.DateTimeField(help_text=_("When the unit's web server last told its settings."))
    settings = SettingSerializer(many=True, source="*")
    differences = serializers.ListField(child=serializers.CharField(), help_text=_("The keys that differ."))

    def to_representation(self, instance: Device) -> dict[str, Any]:
        settings = configuration.settings_of(instance)
        return {
            "told_at": instance.told_at,
            "settings": [SettingSerializer(setting).data for setting in settings],
            "differences": [setting.key for setting in settings if setting.differs],
        }


class ChangeSerializer(serializers.ModelSerializer[ConfigChange]):
    name = serializers.SerializerMethodField(help_text=_("What people call the setting."))
    before = serializers.SerializerMethodField(help_text=_("Null if it was not known."))
    who = serializers.CharField(source="who.username", allow_null=True, default=None)
    answer = serializers.CharField(source="told", help_text=_("What the unit said, or why it could not be asked."))
    can_be_undone = serializers.SerializerMethodField()

    class Meta:
        model = ConfigChange
        fields = [
            *("id", "key", "name", "before", "wished", "state", "who", "made", "settled", "attempts", "next_attempt"),
            *("answer", "can_be_undone"),
        ]
        read_only_fields = fields

    def get_name(self, change: ConfigChange) -> str:
        return configuration.setting_name(change.key)

    def get_before(self, change: ConfigChange) -> str | None:
        return change.before if change.before_known else None

    def get_can_be_undone(self, change: ConfigChange) -> bool:
        return configuration.why_not_undone(change) is None


class PushedSerializer(serializers.Serializer[Pushed]):
    """What became of the wishes; those that wait are tried again by themselves."""

    confirmed = serializers.DictField(child=serializers.CharField(), help_text=_("What the unit said, by setting."))
    refused = serializers.DictField(child=serializers.CharField(), help_text=_("Why not, by setting."))
    waiting = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField(allow_null=True, help_text=_("Why those that wait do."))

    def to_representation(self, instance: Pushed) -> dict[str, Any]:
        answers = {key: translated(answer) for key, answer in instance.answers.items()}
        return {
            "confirmed": {change.key: answers[change.key] for change in instance.confirmed},
            "refused": {change.key: answers[change.key] for change in instance.refused},
            "waiting": [change.key for change in instance.waiting],
            "reason": translated(instance.error) if instance.error else None,
        }


class MqttCheckSerializer(serializers.Serializer[Any]):
    taken = serializers.BooleanField(help_text=_("Whether the server confirmed the test message."))
    answered = serializers.BooleanField(help_text=_("Whether it speaks MQTT, whatever it said."))
    sentence = serializers.SerializerMethodField()

    def get_sentence(self, check: Any) -> str:
        return translated(check)


# --- What is sent -----------------------------------------------------------------------------------------------
@extend_schema_field(OpenApiTypes.ANY)
class SettingValue(serializers.Field[str, Any, Any, Any]):
    """A setting's value as a text, a number or a truth value."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages["invalid"] = _("Has to be a text, a number, or true or false.")

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool):
            return configuration.ON if data else configuration.OFF
        if isinstance(data, int | float):
            return str(data)
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def settings_field(**options: Any) -> serializers.DictField:
    """Settings by the unit's own names of them."""
    return serializers.DictField(child=SettingValue(), **options)


class SettingsChange(serializers.Serializer[Any]):
    settings = settings_field(allow_empty=False)


class SettingsOfMany(SettingsChange):
    devices = serializers.ListField(child=serializers.IntegerField(min_value=1), allow_empty=False, max_length=1000)
    mqtt_unchecked = serializers.BooleanField(
        default=False, help_text=_("Wish an MQTT server although it took no test message from here.")
    )


class Undo(serializers.Serializer[Any]):
    change = serializers.IntegerField(min_value=1, help_text=_("The id of a change in the unit's history."))


# --- How it is refused ------------------------------------------------------------------------------------------
class UnitFailed(APIException):
    """The unit could not be asked, or did not do it; the sentence says why."""

    def __init__(self, error: UnitError) -> None:
        super().__init__(translated(error))
        self.status_code = status.HTTP_409_CONFLICT if isinstance(error, UnitBusy) else status.HTTP_502_BAD_GATEWAY


def check_right(user: Any, right: Right, device: Device) -> None:
    """Raise PermissionDenied unless the user may do this to this unit."""
    if not may(user, right, device):
        sentence = gettext("You have no right to do this to %(device)s ('%(right)s').")
        raise PermissionDenied(sentence % {"device": device, "right": str(right)})


def wish_or_refuse(device: Device, wished: Mapping[str, str], who: Any, fields: Mapping[str, str]) -> None:
    """Wish; a refusal is told under the name of the field that the setting came in, else under `settings`."""
    try:
        configuration.wish(device, wished, who, now=timezone.now())
    except DestructiveValue as refusal:
        raise _refused(refusal, fields) from refusal


def refuse_silent_mqtt(device: Device, wished: Mapping[str, str]) -> None:
    """Refuse wishes that point the unit at an MQTT server that takes no test message."""
    try:
        configuration.refuse_silent_mqtt(device, wished)
    except DestructiveValue as refusal:
        raise _refused(refusal, {}) from refusal
    except MqttSilent as refusal:
        raise serializers.ValidationError({"settings": {"MQTT_SERVER_ADDRESS": [translated(refusal)]}}) from refusal


def _refused(refusal: DestructiveValue, fields: Mapping[str, str]) -> serializers.ValidationError:
    sentence = [translated(refusal)]
    field = fields.get(refusal.key)
    return serializers.ValidationError({field: sentence} if field else {"settings": {refusal.key: sentence}})


# --- The calls --------------------------------------------------------------------------------------------------
class SettingsActions(GenericViewSet[Device]):
    """What can be asked and done about one unit's settings; for the view of devices."""

    @extend_schema(responses=SettingsSerializer)
    @action(detail=True, url_path="settings")
    def held_and_wished(self, request: Request, **_kwargs: Any) -> Response:
        """What the unit holds, as it last told, beside what is wished."""
        return Response(SettingsSerializer(self._ours()).data)

    @extend_schema(request=None, responses=SettingsSerializer)
    @action(detail=True, methods=["post"])
    def pull(self, request: Request, **_kwargs: Any) -> Response:
        """Read the settings from the unit now."""
        device = self._ours()
        try:
            configuration.pull(device, now=timezone.now())
        except UnitError as error:
            raise UnitFailed(error) from error
        return Response(SettingsSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=PushedSerializer)
    @action(detail=True, methods=["post"])
    def push(self, request: Request, **_kwargs: Any) -> Response:
        """Write the open wishes to the unit now."""
        return Response(PushedSerializer(configuration.push(self._ours(), now=timezone.now())).data)

    @extend_schema(responses=ChangeSerializer(many=True))
    @action(detail=True, filter_backends=[], pagination_class=None)
    def history(self, request: Request, **_kwargs: Any) -> Response:
        """The newest two hundred changes of its settings: who wished what, and what became of it."""
        changes = ConfigChange.objects.filter(device=self._ours()).select_related("who", "device")
        return Response(ChangeSerializer(changes[:NEWEST_CHANGES], many=True).data)

    @extend_schema(request=Undo, responses=ChangeSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, **_kwargs: Any) -> Response:
        """Wish for what a setting was before a change."""
        device = self._ours()
        change = ConfigChange.objects.filter(device=device, pk=_sent(Undo, request)["change"]).first()
        if change is None:
            raise serializers.ValidationError({"change": [gettext("Is no change of this unit's settings.")]})
        try:
            again = configuration.undo(change, request.user, now=timezone.now())
        except (CannotUndo, DestructiveValue) as refusal:
            raise serializers.ValidationError({"change": [translated(refusal)]}) from refusal
        return Response(ChangeSerializer(again).data)

    @extend_schema(request=SettingsChange, responses=MqttCheckSerializer)
    @action(detail=True, methods=["post"])
    def test_mqtt(self, request: Request, **_kwargs: Any) -> Response:
        """Send a test message to the MQTT server that the unit would have with these settings. Nothing is wished."""
        device = self._ours()
        try:
            check = configuration.check_mqtt(device, _sent(SettingsChange, request)["settings"])
        except DestructiveValue as refusal:
            raise _refused(refusal, {}) from refusal
        return Response(MqttCheckSerializer(check).data)

    @extend_schema(request=SettingsOfMany, responses=ChangeSerializer(many=True))
    @action(detail=False, methods=["post"], filter_backends=[], pagination_class=None)
    def push_to_many(self, request: Request, **_kwargs: Any) -> Response:
        """Wish the same settings for several units; the workers write them. All or none."""
        sent = _sent(SettingsOfMany, request)
        ids = set(sent["devices"])
        devices = list(devices_with(request.user, Right.CONFIGURE).filter(pk__in=ids).order_by("pk"))
        if missing := ids - {device.pk for device in devices}:
            sentence = gettext("Not known, or you have no right to configure them: %(ids)s.")
            problem = sentence % {"ids": ", ".join(map(str, sorted(missing)))}
            raise serializers.ValidationError({"devices": [problem]})
        if not sent["mqtt_unchecked"]:
            refuse_silent_mqtt(devices[0], sent["settings"])
        try:
            changes = configuration.push_to_many(devices, sent["settings"], request.user, now=timezone.now())
        except DestructiveValue as refusal:
            raise _refused(refusal, {}) from refusal
        return Response(ChangeSerializer(changes, many=True).data)

    def _ours(self) -> Device:
        """The unit, which the user may configure."""
        device: Device = self.get_object()
        check_right(self.request.user, Right.CONFIGURE, device)
        return device


def _sent(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
