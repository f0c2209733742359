"""What is typed to let a unit take the place of a broken one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from devices.access import Right, devices_with
from devices.confirmation import ConfirmationNeeded, check_typed_name
from devices.models import Device, Replacement
from devices.moment_field import LocalMomentField
from devices.wording import translated
from readings import replacing
from readings.periods import floor_minute, to_datetime, to_ms
from readings.replacing import Foreseen, NotReplaced


class ReplacingForm(forms.Form):
    """Which unit takes the place, from when on. Valid only if that could be done now: `foreseen` tells what it does."""

    new = forms.ModelChoiceField(
        label=_("The unit that takes its place"),
        queryset=Device.objects.none(),
        widget=UnfoldAdminSelectWidget,
    )
    at = LocalMomentField(label=_("From"), required=False)
    forget_earlier = forms.BooleanField(
        label=_("Forget what it measured before"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Delete what the new unit measured before that moment. Otherwise that is refused."),
    )
    foreseen: Foreseen | None = None

    def __init__(self, old: Device, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.old = old
        new: Any = self.fields["new"]
        new.queryset = units_that_may_replace(old, user)
        new.label_from_instance = _in_words
        at = cast("LocalMomentField", self.fields["at"])
        at.zone = old.timezone
        first_ms = replacing.first_possible(old)
        at.initial = to_datetime(first_ms) if first_ms else None
        sentence = gettext("By the clocks of %(zone)s. Left empty: since this unit measured last.")
        at.help_text = sentence % {"zone": at.zone}

    @property
    def new_unit(self) -> Device:
        new: Device = self.cleaned_data["new"]
        return new

    @property
    def at_ms(self) -> int:
        """From when on, as a whole minute."""
        at: datetime | None = self.cleaned_data["at"]
        return replacing.first_possible(self.old) if at is None else floor_minute(to_ms(at))

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            forget_earlier = self.cleaned_data["forget_earlier"]
            try:
                self.foreseen = replacing.foresee(
                    self.old, self.new_unit, at_ms=self.at_ms, forget_earlier=forget_earlier
                )
            except NotReplaced as refusal:
                raise forms.ValidationError(translated(refusal), code="refused") from refusal
        return self.cleaned_data


class ConfirmedForm(forms.Form):
    """Whether just this unit's place is meant."""

    typed_name = forms.CharField(
        label=_("Name of the unit"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, device: Device, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._device = device

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        try:
            check_typed_name(self._device, typed)
        except ConfirmationNeeded as refusal:
            raise forms.ValidationError(translated(refusal), code="refused") from refusal
        return typed


def units_that_may_replace(old: Device, user: Any) -> Any:
    """The units about which this user may decide, but this one and those that are being emptied already."""
    emptied = Replacement.objects.filter(moving_from__isnull=False).values("moving_from")
    return devices_with(user, Right.ADOPT).exclude(pk=old.pk).exclude(pk__in=emptied).order_by("name", "assy")


def _in_words(device: Device) -> str:
    parts = (device.name, device.assy, device.address, device.get_adoption_display())
    return " · ".join(str(part) for part in parts if part)
