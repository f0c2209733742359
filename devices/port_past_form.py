"""What is typed to let a port be something else from a moment on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from devices.configuration import can_be_wished, open_wishes, port_name_key
from devices.ct6.errors import DestructiveValue
from devices.forms import clean_name, clean_scale, name_field
from devices.models import Port
from devices.moment_field import LocalMomentField
from devices.port_past import LEAST_SCALE, NotChanged, change_from, last_change_ms, shortest, whole_hour
from devices.wording import translated


class ChangeFromForm(forms.Form):
    """The port as it is now; what is left as it is stays as it is."""

    at = LocalMomentField(label=_("From"))
    name = name_field()
    role = forms.ChoiceField(label=_("Role"), choices=Port.Role.choices, widget=UnfoldAdminSelectWidget)
    reversed = forms.BooleanField(
        label=_("Reversed"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("The clamp sits the other way round: swaps import and export."),
    )
    scale = forms.DecimalField(
        label=_("Scale"),
        max_digits=9,
        decimal_places=5,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "number", "step": str(LEAST_SCALE), "min": str(LEAST_SCALE)}),
        help_text=_("For odd clamps: what is measured is multiplied by this when it is read."),
    )

    def __init__(self, port: Port, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.port = port
        self._now = now
        self._key = port_name_key(port.number)
        at = cast("LocalMomentField", self.fields["at"])
        at.zone = port.device.timezone
        at.initial = now.replace(minute=0, second=0, microsecond=0)
        sentence = gettext("By the clocks of %(zone)s; taken as the whole hour that it lies in.")
        at.help_text = sentence % {"zone": at.zone}
        if (changed_ms := last_change_ms(port)) is not None:
            moment = datetime.fromtimestamp(changed_ms / 1000, ZoneInfo(at.zone))
            merging = gettext(
                "Its last change is from %(moment)s on: with the same hour, both become one change, and taking that "
                "back undoes both."
            )
            at.help_text += " " + merging % {"moment": f"{moment:%Y-%m-%d %H:%M %Z}"}
        wish = open_wishes(port.device).get(self._key)
        name = self.fields["name"]
        name.initial = wish.wished if wish else port.name
        name.disabled = not can_be_wished(self._key)
        name.widget.attrs["placeholder"] = f"CT{port.number}"
        self.initial.update({"role": port.role, "reversed": port.reversed, "scale": shortest(port.scale)})

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        return clean_name(self._key, name) if "name" in self.changed_data else name

    def clean_scale(self) -> Decimal:
        return clean_scale(self.port, self.cleaned_data["scale"])

    def save(self, who: Any) -> int | None:
        """The moment, in epoch ms, from which the port is this; None, with the reason in the form, if it is refused."""
        at_ms = whole_hour(round(self.cleaned_data["at"].timestamp() * 1000))
        edited = {name: self.cleaned_data[name] for name in ("name", "role", "reversed", "scale")}
        if "name" not in self.changed_data:
            del edited["name"]
        try:
            change_from(self.port, at_ms, who=who, now=self._now, **edited)
        except DestructiveValue as refusal:
            self.add_error("name", translated(refusal))
        except NotChanged as refusal:
            self.add_error(None, translated(refusal))
        else:
            return at_ms
        return None
