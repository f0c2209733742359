"""What is typed to mark a span of a port as bad."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from devices.models import Device, Port
from devices.moment_field import LocalMomentField
from devices.wording import translated
from readings import bad_spans
from readings.bad_spans import NotMarked
from readings.history import PortEnergy
from readings.models import BadSpan
from readings.periods import to_ms


class BadSpanForm(forms.Form):
    """Of which port, from when to when, and why. Valid only if that could be marked now: `foreseen` tells what counts
    no more then, and the whole minutes of it.
    """

    port = forms.ModelChoiceField(label=_("Port"), queryset=Port.objects.none(), widget=UnfoldAdminSelectWidget)
    start = LocalMomentField(label=_("From"))
    end = LocalMomentField(label=_("To"))
    reason = forms.CharField(
        label=_("Reason"),
        max_length=cast("int", BadSpan._meta.get_field("reason").max_length),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Why it is bad, e.g. the clamp was open. Kept with the span."),
    )
    foreseen: PortEnergy | None = None

    def __init__(self, device: Device, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._now = now
        port: Any = self.fields["port"]
        port.queryset = device.ports.select_related("device").order_by("number")
        port.label_from_instance = in_words
        sentence = gettext("By the clocks of %(zone)s; whole minutes.")
        for name in ("start", "end"):
            moment = cast("LocalMomentField", self.fields[name])
            moment.zone = device.timezone
            moment.help_text = sentence % {"zone": device.timezone}

    @property
    def span_ms(self) -> tuple[int, int]:
        return to_ms(self.cleaned_data["start"]), to_ms(self.cleaned_data["end"])

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            port, reason = self.cleaned_data["port"], self.cleaned_data["reason"]
            try:
                self.foreseen = bad_spans.foresee(port, *self.span_ms, reason=reason, now=self._now)
            except NotMarked as refusal:
                raise forms.ValidationError(translated(refusal), code="refused") from refusal
        return self.cleaned_data

    def save(self, who: Any) -> BadSpan | None:
        """The span that was marked; None, with the reason in the form, if that was refused after all."""
        port, reason = self.cleaned_data["port"], self.cleaned_data["reason"]
        try:
            return bad_spans.mark(port, *self.span_ms, reason=reason, who=who, now=self._now)
        except NotMarked as refusal:
            self.add_error(None, translated(refusal))
            return None


def in_words(port: Port) -> str:
    return f"CT{port.number} · {port.name}" if port.name else f"CT{port.number}"
