"""The admin's forms of a device and its ports. What the unit holds is never edited, only what it should hold."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from devices.configuration import ACTIVE, OFF, ON, UNIT_NAME, can_be_wished, clean, open_wishes, port_name_key
from devices.ct6.errors import DestructiveValue
from devices.ct6.protocol import MAX_NAME_BYTES, MAX_NAME_CHARACTERS
from devices.models import Device, Port
from devices.port_past import NotChanged, as_scale, shortest
from devices.timezones import known_timezones
from devices.wording import translated

if TYPE_CHECKING:
    DeviceModelForm = forms.ModelForm[Device]
    PortModelForm = forms.ModelForm[Port]
else:
    DeviceModelForm = PortModelForm = forms.ModelForm  # knows no type arguments when it runs

OWN_PORT_FIELDS = ("role", "reversed", "scale", "enabled")
NAME_HELP = format_lazy(
    _(
        "Written to the unit. Empty clears it. At most {characters} characters, and {bytes} bytes once encoded: a "
        "space, comma or apostrophe takes 3, an umlaut 6, an emoji 12."
    ),
    characters=MAX_NAME_CHARACTERS,
    bytes=MAX_NAME_BYTES,
)
ACTIVE_HELP = _(
    "Written to the unit. An inactive unit answers no question on the network: it looks offline and nothing is "
    "measured. Its web server still answers, so that it can be made active again here."
)


def name_field() -> forms.CharField:
    return forms.CharField(
        label=_("Name"),
        required=False,
        strip=False,  # a name of spaces is refused, and not taken for clearing the name
        show_hidden_initial=True,  # a name that the unit changed while the page was open is not changed back
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "maxlength": MAX_NAME_CHARACTERS}),
        help_text=NAME_HELP,
    )


class DeviceForm(DeviceModelForm):
    name_wished = name_field()
    active_wished = forms.ChoiceField(
        label=_("Active"),
        required=False,
        # What it reported last can be out of date, so that each of the two can be chosen whatever that was.
        choices=[("", _("leave it as it is")), (ON, _("active")), (OFF, _("inactive"))],
        widget=UnfoldAdminSelectWidget,
        help_text=ACTIVE_HELP,
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("The unit's days run from local midnight here. Changing it computes all its days anew."),
    )

    class Meta:
        model = Device
        fields = ("timezone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wish = open_wishes(self.instance).get(UNIT_NAME)
        self.fields["name_wished"].initial = wish.wished if wish else self.instance.name
        # One that is not offered any more stays until another is chosen.
        zones = sorted({*known_timezones(), self.instance.timezone})
        # The field is this form's own copy.
        self.fields["timezone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]

    def clean_name_wished(self) -> str:
        name: str = self.cleaned_data["name_wished"]
        return clean_name(UNIT_NAME, name) if "name_wished" in self.changed_data else name

    def wishes(self) -> dict[str, str]:
        """What was edited."""
        edited = {UNIT_NAME: "name_wished", ACTIVE: "active_wished"}
        texts = {key: self.cleaned_data[field] for key, field in edited.items() if field in self.changed_data}
        return {key: text for key, text in texts.items() if text or key != ACTIVE}


class PortForm(PortModelForm):
    name_wished = name_field()

    class Meta:
        model = Port
        fields = OWN_PORT_FIELDS
        widgets: ClassVar = {"scale": UnfoldAdminDecimalFieldWidget(attrs={"style": "min-width: 0; width: 5.5rem"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:  # the empty form that the page keeps for adding rows
            return
        self._key = port_name_key(self.instance.number)
        self.initial["scale"] = shortest(self.instance.scale)
        wish = open_wishes(self.instance.device).get(self._key)
        name = self.fields["name_wished"]
        name.initial = wish.wished if wish else self.instance.name
        name.disabled = not can_be_wished(self._key)
        name.widget.attrs["placeholder"] = f"CT{self.instance.number}"

    def clean_scale(self) -> Decimal:
        return clean_scale(self.instance, self.cleaned_data["scale"])

    def clean_name_wished(self) -> str:
        name: str = self.cleaned_data["name_wished"]
        return clean_name(self._key, name) if "name_wished" in self.changed_data else name

    def wishes(self) -> dict[str, str]:
        """The name, if it was edited."""
        # Nothing was cleaned for a user who may only look at the ports, whatever was sent.
        edited = "name_wished" in self.changed_data and "name_wished" in self.cleaned_data
        return {self._key: self.cleaned_data["name_wished"]} if edited else {}

    def ours(self) -> dict[str, Any]:
        """What was edited of what belongs to us, as `port_past.change` takes it."""
        edited = (field for field in OWN_PORT_FIELDS if field in self.changed_data)
        return {field: self.cleaned_data[field] for field in edited if field in self.cleaned_data}

    def save(self, commit: bool = True) -> Port:
        """Write nothing: the name in this row is the collector's, and a verb changes the rest."""
        return self.instance


def clean_name(key: str, text: str) -> str:
    """The name as it will be wished. Only one that was edited is looked at: a unit may hold others already."""
    if len(text) > MAX_NAME_CHARACTERS:
        sentence = gettext("A name has at most %(most)d characters, this one %(characters)d.")
        raise forms.ValidationError(sentence, params={"most": MAX_NAME_CHARACTERS, "characters": len(text)})
    try:
        return clean(key, text)
    except DestructiveValue as refusal:
        raise forms.ValidationError(translated(refusal), code="refused") from refusal


def clean_scale(port: Port, scale: Decimal) -> Decimal:
    """The scale as it will be kept."""
    try:
        return as_scale(port, scale)
    except NotChanged as refusal:
        raise forms.ValidationError(translated(refusal), code="refused") from refusal
