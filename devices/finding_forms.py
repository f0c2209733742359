"""What is typed to look for units: which networks, or just one address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from devices import discovery
from devices.ct6.client import DEFAULT_HTTP_PORT


def _port_field() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Port of the web server"),
        initial=DEFAULT_HTTP_PORT,
        min_value=1,
        max_value=65_535,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class SweepForm(forms.Form):
    """Networks to ask every address of; those that this machine is in are offered."""

    networks = forms.MultipleChoiceField(
        label=_("Networks"), required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, choices=[]
    )
    others = forms.CharField(
        label=_("Other networks"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "192.168.2.0/24, 10.1.0.34", "autocomplete": "off"}),
        help_text=_("Local networks or addresses, with commas between them."),
    )
    http_port = _port_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = discovery.sweep_networks()
        networks = self.fields["networks"]
        networks.choices = [(network, network) for network in offered]  # type: ignore[attr-defined]
        networks.initial = discovery.configured_networks()
        if not offered:
            networks.widget = forms.MultipleHiddenInput()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        if not self.errors and not self.wanted():
            raise forms.ValidationError(gettext("Choose a network, or type one."))
        return cleaned

    def wanted(self) -> list[str]:
        """The networks, as they were chosen and typed."""
        typed = self.cleaned_data["others"].replace(",", " ").split()
        return list(dict.fromkeys([*self.cleaned_data["networks"], *typed]))


class AddressForm(forms.Form):
    """Where just one unit is."""

    address = forms.CharField(
        label=_("Address"),
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "192.168.1.34", "autocomplete": "off"}),
    )
    http_port = _port_field()
