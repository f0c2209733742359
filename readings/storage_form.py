"""What is typed to say how long a unit's measurements are kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from devices.models import Device
from devices.wording import translated
from readings import keeping
from readings.keeping import NotKept
from readings.retention_models import LEAST_DAYS
from readings.store.due_to_go import Going


class RetentionForm(forms.Form):
    """Days of seconds and years of minutes; empty is for ever. Valid only if it could be set now: `foreseen` tells what
    would go then.
    """

    seconds_days = forms.IntegerField(
        label=_("Keep seconds, days"),
        required=False,
        min_value=LEAST_DAYS,
        max_value=keeping.MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Empty: for ever."),
    )
    minutes_years = forms.IntegerField(
        label=_("Keep minutes, years"),
        required=False,
        min_value=1,
        max_value=keeping.MOST_YEARS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Empty: for ever. Hours and days are always kept."),
    )
    foreseen: Going | None = None

    def __init__(self, device: Device, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._device = device
        rule = keeping.rule_of(device)
        self.initial = {"seconds_days": rule.seconds_days, "minutes_years": rule.minutes_years}

    @property
    def kept(self) -> tuple[int | None, int | None]:
        return self.cleaned_data["seconds_days"], self.cleaned_data["minutes_years"]

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                self.foreseen = keeping.foresee(self._device, *self.kept)
            except NotKept as refusal:
                raise forms.ValidationError(translated(refusal), code="refused") from refusal
        return self.cleaned_data
