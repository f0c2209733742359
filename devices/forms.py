"""The admin's forms of a device and its ports. What the unit holds is never edited, only what it should hold."""

from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from devices.configuration import ACTIVE, OFF, ON, UNIT_NAME, can_be_wished, clean, open_wishes, port_name_key, reported
from devices.ct6.errors import DestructiveValue
from devices.ct6.protocol import MAX_NAME_BYTES, MAX_NAME_CHARACTERS
from devices.models import Device, Port
from devices.timezones import known_timezones

if TYPE_CHECKING:
    DeviceModelForm = forms.ModelForm[Device]
    PortModelForm = forms.ModelForm[Port]
else:
    DeviceModelForm = PortModelForm = forms.ModelForm  # knows no type arguments when it runs

OWN_PORT_FIELDS = ("role", "reversed", "enabled")
NAME_LENGTHS = (
    f"At most {MAX_NAME_CHARACTERS} characters, and {MAX_NAME_BYTES} bytes once encoded: a space, comma or apostrophe "
    "takes 3, an umlaut 6, an emoji 12."
)
NAME_HELP = f"Written to the unit. Empty clears it. {NAME_LENGTHS}"
ACTIVE_HELP = (
    "Written to the unit. An inactive unit answers no question on the network: it looks offline and nothing is "
    "measured. Its web server still answers, so that it can be made active again here."
)


def _name_field(**attrs: str) -> forms.CharField:
    return forms.CharField(
        label="Name",
        required=False,
        strip=False,  # a name of spaces is refused, and not taken for clearing the name
        max_length=MAX_NAME_CHARACTERS,
        show_hidden_initial=True,  # a name that the unit changed while the page was open is not changed back
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", **attrs}),
        help_text=NAME_HELP,
    )


class DeviceForm(DeviceModelForm):
    name_wished = _name_field()
    active_wished = forms.ChoiceField(
        label="Active",
        required=False,
        show_hidden_initial=True,
        widget=UnfoldAdminSelectWidget,
        help_text=ACTIVE_HELP,
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=lambda: [(zone, zone) for zone in known_timezones()],
        widget=UnfoldAdminSelectWidget,
        help_text="The unit's days run from local midnight here. Changing it computes all its days anew.",
    )

    class Meta:
        model = Device
        fields = ("timezone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wished = {key: change.wished for key, change in open_wishes(self.instance).items()}
        self._target = reported(self.instance) | wished  # what the unit should hold
        self.fields["name_wished"].initial = self._target.get(UNIT_NAME, "")
        active = self.fields["active_wished"]
        active.initial = self._target.get(ACTIVE, "")
        unknown = [] if active.initial else [("", "not reported by the unit")]
        # The field is this form's own copy.
        active.choices = [*unknown, (ON, "active"), (OFF, "inactive")]  # type: ignore[attr-defined]

    def clean_name_wished(self) -> str:
        return _clean(UNIT_NAME, self.cleaned_data["name_wished"])

    def wishes(self) -> dict[str, str]:
        """What was edited and differs from what the unit holds or should hold."""
        edited = {UNIT_NAME: "name_wished", ACTIVE: "active_wished"}
        texts = {key: self.cleaned_data[field] for key, field in edited.items() if field in self.changed_data}
        if not texts.get(ACTIVE, ON):
            del texts[ACTIVE]
        return {key: text for key, text in texts.items() if text != self._target.get(key)}


class PortForm(PortModelForm):
    name_wished = _name_field()

    class Meta:
        model = Port
        fields = OWN_PORT_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:  # the empty form that the page keeps for adding rows
            return
        self._key = port_name_key(self.instance.number)
        wish = open_wishes(self.instance.device).get(self._key)
        self._target = wish.wished if wish else self.instance.name
        name = self.fields["name_wished"]
        name.initial = self._target
        name.disabled = not can_be_wished(self._key)
        name.widget.attrs["placeholder"] = f"CT{self.instance.number}"

    def clean_name_wished(self) -> str:
        return _clean(self._key, self.cleaned_data["name_wished"]) if not self.fields["name_wished"].disabled else ""

    def wishes(self) -> dict[str, str]:
        """The name, if it was edited and differs from what the unit holds or should hold."""
        # Nothing was cleaned for a user who may only look at the ports, whatever was sent.
        name = self.cleaned_data.get("name_wished", self._target)
        return {self._key: name} if "name_wished" in self.changed_data and name != self._target else {}

    def save(self, commit: bool = True) -> Port:
        """Store what belongs to us; the name in this row is the collector's to write."""
        ours = [field for field in OWN_PORT_FIELDS if field in self.changed_data]
        if commit and ours:
            self.instance.save(update_fields=ours)
        return self.instance


def _clean(key: str, text: str) -> str:
    try:
        return clean(key, text)
    except DestructiveValue as refusal:
        raise forms.ValidationError(f"This name {refusal.problem}: {refusal.reason}", code="refused") from refusal
