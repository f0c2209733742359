"""The form of a unit fresh from the box: all that has to be decided about it, at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanWidget
from unfold.widgets import UnfoldBooleanSwitchWidget as SwitchWidget

from devices import configuration
from devices.configuration import ACTIVE, MqttSilent, can_be_wished, port_name_key
from devices.configuration.settings import (
    MQTT_ADDRESS,
    MQTT_PASSWORD,
    MQTT_PERIOD,
    MQTT_PORT,
    MQTT_TOPIC,
    MQTT_USERNAME,
    UNIT_NAME,
)
from devices.ct6.errors import DestructiveValue
from devices.forms import ACTIVE_HELP
from devices.models import Device, Port
from devices.setting_up import NotSetUp, SetUp, set_up
from devices.settings_form import MQTT_UNCHECKED, field_of
from devices.wording import translated

_MQTT = (MQTT_ADDRESS, MQTT_PORT, MQTT_TOPIC, MQTT_USERNAME, MQTT_PASSWORD, MQTT_PERIOD)


@dataclass(frozen=True, slots=True)
class PortFields:
    """One port's line of the form; a stacked port has no name that could be given."""

    port: Port
    name: BoundField | None
    role: BoundField
    reversed: BoundField


class SetUpForm(forms.Form):
    """Its fields are called as the unit calls its settings. What is left as it is stays as it is."""

    def __init__(self, device: Device, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
        self.ports = list(device.ports.all())
        settings = {setting.key: setting for setting in configuration.settings_of(device)}
        self._names = {port.number: key for port in self.ports if can_be_wished(key := port_name_key(port.number))}
        for key in (UNIT_NAME, *self._names.values(), *_MQTT):
            self.fields[key] = field_of(settings[key])
        for key in self._names.values():
            self.fields[key].help_text = ""  # the unit's own name says it once
        for port in self.ports:
            self.fields[f"role_{port.number}"] = forms.ChoiceField(
                choices=Port.Role.choices, initial=port.role, widget=UnfoldAdminSelectWidget
            )
            self.fields[f"reversed_{port.number}"] = forms.BooleanField(
                required=False, initial=port.reversed, widget=UnfoldBooleanWidget
            )
        self.fields[ACTIVE] = forms.BooleanField(
            label=_("Active"), required=False, initial=True, widget=SwitchWidget, help_text=ACTIVE_HELP
        )
        self.fields["adopt"] = forms.BooleanField(
            label=_("Adopt"),
            required=False,
            initial=True,
            widget=SwitchWidget,
            help_text=_("Store what it measures from now on."),
        )
        self.fields[MQTT_UNCHECKED] = forms.BooleanField(
            label=_("Set the MQTT server untested"),
            required=False,
            widget=SwitchWidget,
            help_text=_("For a server that only the unit can reach."),
        )

    @property
    def port_fields(self) -> list[PortFields]:
        return [
            PortFields(
                port,
                self[self._names[port.number]] if port.number in self._names else None,
                self[f"role_{port.number}"],
                self[f"reversed_{port.number}"],
            )
            for port in self.ports
        ]

    @property
    def mqtt_fields(self) -> list[BoundField]:
        return [self[key] for key in (*_MQTT, MQTT_UNCHECKED)]

    @property
    def mqtt_errors(self) -> bool:
        """Whether something of MQTT is wrong, so that it should be seen."""
        return any(field.errors for field in self.mqtt_fields)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        for key in self._edited((UNIT_NAME, *self._names.values(), *_MQTT)):
            try:
                configuration.clean(key, cleaned[key])
            except DestructiveValue as refusal:
                self.add_error(key, forms.ValidationError(translated(refusal), code="refused"))
        return cleaned

    def save(self, who: Any, *, now: datetime) -> SetUp | None:
        """Set the unit up; None, with the reason at its field, if that is refused.

        May ask the MQTT server and does ask the unit: not to be done inside a transaction.
        """
        cleaned = self.cleaned_data
        try:
            return set_up(
                self.device,
                name=cleaned[UNIT_NAME] if self._edited([UNIT_NAME]) else None,
                port_names={number: cleaned[key] for number, key in self._names.items() if self._edited([key])},
                roles={port.number: cleaned[f"role_{port.number}"] for port in self.ports},
                reversed={port.number: cleaned[f"reversed_{port.number}"] for port in self.ports},
                active=None if cleaned[ACTIVE] == self.device.active else cleaned[ACTIVE],
                mqtt={key: cleaned[key] for key in self._edited(_MQTT)},
                mqtt_unchecked=cleaned[MQTT_UNCHECKED],
                adopt=cleaned["adopt"],
                who=who,
                now=now,
            )
        except DestructiveValue as refusal:
            self.add_error(refusal.key if refusal.key in self.fields else None, translated(refusal))
        except MqttSilent as refusal:
            self.add_error(MQTT_ADDRESS, translated(refusal))
        except NotSetUp as refusal:
            self.add_error(None, translated(refusal))
        return None

    def _edited(self, keys: Iterable[str]) -> list[str]:
        """An empty password leaves the one that the unit has."""
        edited = [key for key in keys if key in self.changed_data and key in self.cleaned_data]
        return [key for key in edited if key != MQTT_PASSWORD or self.cleaned_data[key]]
