"""What is typed to upload a firmware release, and to give one to units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from devices.firmware.unpacking import MAX_UPLOAD_BYTES
from devices.firmware.versions import in_order
from devices.models import Device, FirmwareRelease
from devices.moment_field import LocalMomentField


class ReleaseForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # refused with the rest, in a sentence
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".zip,.tar,.gz,.tgz"}),
        help_text=_("A zip, tar or tar.gz of the application folder (app1): sources, not compiled."),
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, max_length=10_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4})
    )

    def content(self) -> bytes:
        """What was uploaded. One byte more than is accepted is enough to be refused."""
        content: bytes = self.cleaned_data["file"].read(MAX_UPLOAD_BYTES + 1)
        return content


class WhichForm(forms.Form):
    """Which release for which units."""

    release = forms.ModelChoiceField(
        label=_("Release"), queryset=FirmwareRelease.objects.none(), widget=UnfoldAdminSelectWidget, empty_label=None
    )
    device = forms.ModelMultipleChoiceField(
        label=_("Units"), queryset=Device.objects.none(), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    def __init__(self, *args: Any, devices: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        releases: Any = self.fields["release"]
        releases.queryset = FirmwareRelease.objects.defer("content")
        # The newest version stands first, and so is what is given unless another one is chosen.
        by_version = sorted(releases.queryset, key=lambda release: in_order(release.version), reverse=True)
        releases.choices = [(release.pk, str(release)) for release in by_version]
        units: Any = self.fields["device"]
        units.queryset = devices.order_by("name", "assy")
        units.label_from_instance = lambda device: f"{device} · {device.firmware_version or '?'} · {device.assy}"


class HowForm(forms.Form):
    """In which order, when, and how careful."""

    first = forms.ChoiceField(
        label=_("First unit"),
        widget=UnfoldAdminSelectWidget,
        help_text=_("It is upgraded alone. The others follow once it runs the new firmware and measures as before."),
    )
    stop_at_failure = forms.BooleanField(
        label=_("Stop at the first failure"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text=_("Units that have not begun are then left as they are."),
    )
    not_before = LocalMomentField(
        label=_("Not before"),
        required=False,
    )
    across_2_8 = forms.BooleanField(
        label=_("Every port will be calibrated again afterwards"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Between these versions the meaning of the current gains changes (at 2.8)."),
    )

    def __init__(self, *args: Any, devices: Iterable[Device], crosses_2_8: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first: Any = self.fields["first"]
        first.choices = [(str(device.pk), str(device)) for device in devices]
        if len(first.choices) == 1:
            first.widget = forms.HiddenInput()
            first.initial = first.choices[0][0]
            self.fields["stop_at_failure"].widget = forms.HiddenInput()
        if not crosses_2_8:
            del self.fields["across_2_8"]
        sentence = gettext("By the clocks of %(zone)s. Left empty, it begins at once.")
        self.fields["not_before"].help_text = sentence % {"zone": settings.CT6_TIMEZONE}

    def in_order(self, devices: Iterable[Device]) -> list[Device]:
        """The units with the chosen one in front."""
        first = self.cleaned_data["first"]
        return sorted(devices, key=lambda device: str(device.pk) != first)
