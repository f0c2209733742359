"""The form of all settings of one unit, made from the rules of what a unit may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)
from unfold.widgets import UnfoldBooleanSwitchWidget as SwitchWidget

from devices import configuration
from devices.configuration import MqttSilent, Setting
from devices.configuration.settings import (
    ACTIVE,
    GROUP_NAME,
    LINE_FREQUENCY,
    MQTT_ADDRESS,
    MQTT_PASSWORD,
    MQTT_PERIOD,
    MQTT_PORT,
    MQTT_TOPIC,
    MQTT_USERNAME,
    OFF,
    ON,
    POWER_FACTOR_THRESHOLD,
    UNIT_NAME,
    ZERO_POWER_GATE,
    Kind,
    kind_of,
    port_of,
)
from devices.ct6.errors import DestructiveValue
from devices.ct6.protocol import MAX_NAME_CHARACTERS
from devices.forms import ACTIVE_HELP, NAME_HELP
from devices.models import ConfigChange, Device
from devices.wording import translated

CLEAR_PASSWORD = "clear_password"  # noqa: S105 - the name of a field
MQTT_UNCHECKED = "mqtt_unchecked"
_TEXT_HELP = _(
    "Sent as it stands: letters, digits and most signs, without spaces, commas, quotes and umlauts, and no mere number."
)
_HELP = {
    ACTIVE: ACTIVE_HELP,
    LINE_FREQUENCY: _(
        "50 or 60 Hz, as the mains is. The unit loads it into its meter chips and keeps it in its factory "
        "configuration, which would put the old one back at the next start; it is confirmed once all three are done."
    ),
    POWER_FACTOR_THRESHOLD: _("In W, {low} to {high}. Below it the unit reports a power factor of 0."),
    ZERO_POWER_GATE: _("In W, {low} to {high}. Power below it is taken for none."),
    MQTT_ADDRESS: _(
        "A name or an IPv4 address. Empty: nothing is published. Before it is wished, a test message is sent from "
        "here: a unit whose server never answers restarts again and again."
    ),
    MQTT_PORT: _("{low} to {high}; 1883 as a rule. Units do not encrypt."),
    MQTT_TOPIC: _TEXT_HELP,
    MQTT_USERNAME: _TEXT_HELP,
    MQTT_PASSWORD: _(
        "Leave it empty to keep what the unit has. It is never shown, and kept here only until it is set."
    ),
    MQTT_PERIOD: _("In ms, {low} to {high}: how often the unit publishes."),
}
_GROUPS = (
    (_("The unit"), (UNIT_NAME, GROUP_NAME, ACTIVE)),
    (_("Measuring"), (LINE_FREQUENCY, POWER_FACTOR_THRESHOLD, ZERO_POWER_GATE)),
    (
        "MQTT",
        (
            *(MQTT_ADDRESS, MQTT_PORT, MQTT_TOPIC, MQTT_USERNAME, MQTT_PASSWORD, CLEAR_PASSWORD, MQTT_PERIOD),
            MQTT_UNCHECKED,
        ),
    ),
)


class UnitSettingsForm(forms.Form):
    """All settings that can be wished of one unit; its fields are called as the unit calls them.

    Only what was edited is wished. Checking it may send a test message to an MQTT server, which can take some ten
    seconds: not to be done inside a transaction.
    """

    def __init__(self, device: Device, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
        self.settings = {setting.key: setting for setting in configuration.settings_of(device)}
        for setting in self.settings.values():
            self.fields[setting.key] = field_of(setting)
        self.fields[CLEAR_PASSWORD] = forms.BooleanField(
            label=_("Clear the MQTT password"), required=False, widget=SwitchWidget
        )
        self.fields[MQTT_UNCHECKED] = forms.BooleanField(
            label=_("Wish the MQTT server untested"),
            required=False,
            widget=SwitchWidget,
            help_text=_("For a server that only the unit can reach."),
        )

    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """The fields as they belong together, each group with its title."""
        found = [(str(title), [self[name] for name in names]) for title, names in _GROUPS]
        ports = [self[key] for key in self.settings if port_of(key) is not None]
        return [found[0], (gettext("Ports"), ports), *found[1:]]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        wished = self.wishes()
        for key in list(wished):
            try:
                configuration.clean(key, wished[key])
            except DestructiveValue as refusal:
                self.add_error(key, forms.ValidationError(translated(refusal), code="refused"))
        if not self.errors and wished:
            self._check_together(wished, unchecked=cleaned[MQTT_UNCHECKED])
        return cleaned

    def wishes(self) -> dict[str, str]:
        """What was edited, by setting."""
        edited = {key: self.cleaned_data[key] for key in self.settings if self._is_edited(key)}
        if MQTT_PASSWORD not in edited and self.cleaned_data.get(CLEAR_PASSWORD):
            edited[MQTT_PASSWORD] = ""
        return edited

    def save(self, who: Any, *, now: datetime) -> list[ConfigChange]:
        """Wish for what was edited; nothing is sent (see `push`)."""
        return configuration.wish(self.device, self.wishes(), who, now=now)

    def _is_edited(self, key: str) -> bool:
        if key not in self.changed_data or key not in self.cleaned_data:
            return False
        # To leave a choice open is to leave the unit as it is.
        return bool(self.cleaned_data[key]) or key not in (ACTIVE, LINE_FREQUENCY, MQTT_PASSWORD)

    def _check_together(self, wished: Mapping[str, str], *, unchecked: bool) -> None:
        try:
            configuration.checked(self.device, wished)
            if not unchecked:
                configuration.refuse_silent_mqtt(self.device, wished)
        except DestructiveValue as refusal:
            self.add_error(refusal.key or None, forms.ValidationError(translated(refusal), code="refused"))
        except MqttSilent as refusal:
            self.add_error(MQTT_ADDRESS, forms.ValidationError(translated(refusal), code="silent"))


def field_of(setting: Setting) -> forms.Field:
    """The field in which this setting is edited, with what the unit has, or should have, in it."""
    key = setting.key
    options: dict[str, Any] = {
        "label": capfirst(configuration.setting_name(key)),
        "required": False,
        "help_text": _help_of(key),
    }
    shown = setting.held if setting.wished is None else setting.wished
    if kind_of(key) is Kind.PASSWORD:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        return forms.CharField(strip=False, widget=widget, **options)
    # What changed at the unit while the page was open is not changed back.
    options |= {"initial": shown or "", "show_hidden_initial": True}
    if key in (ACTIVE, LINE_FREQUENCY):
        return forms.ChoiceField(choices=_choices(key, shown), widget=UnfoldAdminSelectWidget, **options)
    attrs: dict[str, Any] = {"autocomplete": "off"}
    if kind_of(key) is Kind.NAME:
        attrs |= {"maxlength": MAX_NAME_CHARACTERS}
    if kind_of(key) is Kind.NUMBER:
        attrs |= {"inputmode": "decimal"}
    return forms.CharField(strip=False, widget=UnfoldAdminTextInputWidget(attrs=attrs), **options)


def _choices(key: str, shown: str | None) -> list[tuple[str, Any]]:
    if key == ACTIVE:
        choices: list[tuple[str, Any]] = [(ON, _("active")), (OFF, _("inactive"))]
    else:
        choices = [(hz, f"{hz} Hz") for hz in ("50", "60")]
    known = shown in [value for value, _label in choices]
    return choices if known else [("", _("leave it as it is")), *choices]


def _help_of(key: str) -> Any:
    if kind_of(key) is Kind.NAME:
        return NAME_HELP
    limits = configuration.limits_of(key)
    text = _HELP.get(key, _TEXT_HELP)
    return format_lazy(text, low=f"{limits[0]:g}", high=f"{limits[1]:.9g}") if limits else text


class SettingsOfManyForm(forms.Form):
    """The same settings for several units: what is ticked is set, an empty text too, and nothing else.

    The name of a unit is its own, and left out. Checking it may send a test message to an MQTT server, which can take
    some ten seconds: not to be done inside a transaction.
    """

    def __init__(self, devices: Sequence[Device], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.devices = devices
        settings = [
            {setting.key: setting for setting in configuration.settings_of(device) if setting.key != UNIT_NAME}
            for device in devices
        ]
        self.keys = [key for key in settings[0] if all(key in others for others in settings)]
        for key in self.keys:
            field = field_of(Setting(key, _shared([of_one[key].held for of_one in settings])))
            field.show_hidden_initial = False
            if port_of(key) not in (None, 1):
                field.help_text = ""  # that of the first port says it once
            if kind_of(key) is Kind.PASSWORD:
                field.help_text = _("Ticked and left empty it is cleared. It is never shown, and kept until it is set.")
            self.fields[key] = field
            self.fields[_ticked(key)] = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)
        self.fields[MQTT_UNCHECKED] = forms.BooleanField(
            label=_("Wish the MQTT server untested"),
            required=False,
            widget=SwitchWidget,
            help_text=_("For a server that only the units can reach."),
        )

    def groups(self) -> list[tuple[str, list[tuple[BoundField, BoundField]]]]:
        """The ticks and fields as they belong together, each group with its title."""
        pairs = {key: (self[_ticked(key)], self[key]) for key in self.keys}
        found = [(str(title), [pairs[key] for key in keys if key in pairs]) for title, keys in _GROUPS]
        ports = [pairs[key] for key in self.keys if port_of(key) is not None]
        return [found[0], (gettext("Ports"), ports), *found[1:]]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        wished = self.wishes()
        if not wished and not self.errors:
            raise forms.ValidationError(gettext("Tick what is to be set."), code="nothing")
        try:
            for device in self.devices:
                configuration.checked(device, wished)
            if not cleaned[MQTT_UNCHECKED]:
                configuration.refuse_silent_mqtt(self.devices[0], wished)
        except DestructiveValue as refusal:
            key = refusal.key if refusal.key in self.fields else None
            self.add_error(key, forms.ValidationError(translated(refusal), code="refused"))
        except MqttSilent as refusal:
            self.add_error(MQTT_ADDRESS, forms.ValidationError(translated(refusal), code="silent"))
        return cleaned

    def wishes(self) -> dict[str, str]:
        """What was ticked, by setting."""
        return {key: self.cleaned_data[key] for key in self.keys if key in self.cleaned_data and self._is_ticked(key)}

    def save(self, who: Any, *, now: datetime) -> list[ConfigChange]:
        """Wish for it on all of them; the workers write it, each unit by itself."""
        return configuration.push_to_many(self.devices, self.wishes(), who, now=now)

    def _is_ticked(self, key: str) -> bool:
        return bool(self.cleaned_data.get(_ticked(key)))


def _ticked(key: str) -> str:
    return f"set_{key}"


def _shared(held: Sequence[str | None]) -> str | None:
    """What all of them hold; None where they differ."""
    return held[0] if len(set(held)) == 1 else None
