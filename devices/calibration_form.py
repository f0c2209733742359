"""What is asked of whoever calibrates a unit, before anything is done."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget
from unfold.widgets import UnfoldBooleanSwitchWidget as SwitchWidget

from devices import calibration
from devices.calibration import CalibrationRefused
from devices.configuration import LINE_FREQUENCY
from devices.models import Calibration, Device, Job
from devices.wording import translated

Target = Calibration.Target
_PORTS_WITH_GAINS = range(1, 7)  # the shipped firmware has settings for these only


class CalibrationForm(forms.Form):
    """What to calibrate, against which reference, and that it is safe to do so."""

    target = forms.ChoiceField(
        label=_("What to calibrate"),
        choices=[
            (Target.VOLTAGE, _("Voltage, of both meter chips")),
            (Target.CURRENT_GAIN, _("Current gain of a port")),
            (Target.CURRENT_OFFSET, _("Current offset of a port, with its load off")),
        ],
        initial=Target.VOLTAGE,
        widget=UnfoldAdminRadioSelectWidget,
    )
    port = forms.TypedChoiceField(
        label=_("Port"), required=False, coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget
    )
    reference = forms.FloatField(
        label=_("Reference"),
        required=False,
        localize=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    line_freq_hz = forms.TypedChoiceField(
        label=_("Line frequency"),
        choices=[(50, "50 Hz"), (60, "60 Hz")],
        coerce=int,
        widget=UnfoldAdminSelectWidget,
        help_text=_("As the mains is. It is set along with what is calibrated."),
    )
    mains_side_is_safe = forms.BooleanField(
        label=_("The mains side is safe: covered, and nobody can touch live parts"),
        widget=SwitchWidget,
        error_messages={"required": _("Nothing is begun without this confirmation.")},
    )

    def __init__(self, device: Device, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
        ports = [(port.number, _port_label(port.number, port.name)) for port in device.ports.all()]
        self.fields["port"].choices = [  # type: ignore[attr-defined]
            (number, label) for number, label in ports if number in _PORTS_WITH_GAINS
        ]
        held = device.settings_held.get(LINE_FREQUENCY)
        self.fields["line_freq_hz"].initial = 60 if held == 60 else 50

    def save(self, who: Any) -> Job | None:
        """Ask for the job; None, with the reason at the form, if it is refused."""
        asked = {key: value for key, value in self.cleaned_data.items() if value is not None}
        if asked["target"] == Target.VOLTAGE:
            asked.pop("port", None)
        if asked["target"] == Target.CURRENT_OFFSET:
            asked.pop("reference", None)
        try:
            return calibration.ask(self.device, asked, who)
        except CalibrationRefused as refusal:
            self.add_error(None, capfirst(translated(refusal)))
            return None


def _port_label(number: int, name: str) -> str:
    return f"CT{number} – {name}" if name else f"CT{number}"
