"""The files on a unit in the admin: seen, fetched, sent and removed; each page asks the unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from devices import unit_files
from devices.access import Right
from devices.admin.shown import as_file
from devices.ct6.errors import UnitError
from devices.models import Device
from devices.unit_files import MAX_PATH_CHARACTERS, Folder, Listing
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated

# More than the whole flash of a unit; what does not fit is refused with the numbers.
_MAX_UPLOAD_BYTES = 1024 * 1024


class UploadForm(forms.Form):
    folder = forms.ChoiceField(label=_("Folder"), widget=UnfoldAdminSelectWidget)
    file = forms.FileField(label=_("File"), allow_empty_file=True, widget=UnfoldAdminFileFieldWidget)
    replace = forms.BooleanField(
        label=_("Overwrite a file that is there already"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, folders: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        folder: Any = self.fields["folder"]
        folder.choices = [(path, path) for path in folders]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _MAX_UPLOAD_BYTES:
            raise forms.ValidationError(gettext("Has more bytes than the flash of a unit. Nothing was changed."))
        return file


class FolderForm(forms.Form):
    parent = forms.ChoiceField(label=_("In"), widget=UnfoldAdminSelectWidget)
    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_PATH_CHARACTERS,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, folders: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent: Any = self.fields["parent"]
        parent.choices = [(path, path) for path in folders]


# --- Looking ----------------------------------------------------------------------------------------------------


@of_unit(Right.FILES)
def files(request: HttpRequest, device: Device) -> HttpResponse:
    """The tree of what is on the unit, with what can be done to each."""
    context: dict[str, Any] = {}
    try:
        listing = unit_files.list_files(device, who=request.user, now=timezone.now())
    except UnitError as error:
        context["problem"] = translated(error)
    else:
        folders = _folders(listing)
        context |= {
            "tree": _shown(listing, listing.root),
            "active_folder": listing.active_folder,
            "upload": UploadForm(folders=folders),
            "new_folder": FolderForm(folders=folders),
        }
    title = gettext("Files of %(device)s") % {"device": device}
    return framed(request, "files.html", title, device, **context)


@of_unit(Right.FILES)
def view(request: HttpRequest, device: Device) -> HttpResponse:
    path = request.GET.get("path", "")
    try:
        text = unit_files.view(device, path, who=request.user, now=timezone.now())
    except UnitError as error:
        messages.error(request, translated(error))
        return _back(device)
    return framed(request, "file.html", path, device, path=path, text=text)


@of_unit(Right.FILES)
def download(request: HttpRequest, device: Device) -> HttpResponse:
    path = request.GET.get("path", "")
    try:
        content = unit_files.download(device, path, who=request.user, now=timezone.now())
    except UnitError as error:
        messages.error(request, translated(error))
        return _back(device)
    return as_file(content, path.rpartition("/")[2])


# --- Changing ---------------------------------------------------------------------------------------------------


@require_POST
@of_unit(Right.FILES)
def upload(request: HttpRequest, device: Device) -> HttpResponse:
    # The folders on the unit are not asked for again here: the verb looks at them.
    form = UploadForm(request.POST, request.FILES, folders=[request.POST.get("folder", "")])
    if not form.is_valid():
        return _tell_wrong(request, device, form)
    sent = form.cleaned_data

    def send() -> str:
        path = unit_files.upload(
            device,
            sent["folder"],
            sent["file"].name,
            sent["file"].read(),
            who=request.user,
            now=timezone.now(),
            replace=sent["replace"],
        )
        return gettext("%(path)s was sent.") % {"path": path}

    return _done(request, device, send)


@require_POST
@of_unit(Right.FILES)
def delete(request: HttpRequest, device: Device) -> HttpResponse:
    path = request.POST.get("path", "")

    def remove() -> str:
        unit_files.delete(device, path, who=request.user, now=timezone.now())
        return gettext("%(path)s was deleted.") % {"path": path}

    return _done(request, device, remove)


@require_POST
@of_unit(Right.FILES)
def make_folder(request: HttpRequest, device: Device) -> HttpResponse:
    form = FolderForm(request.POST, folders=[request.POST.get("parent", "")])
    if not form.is_valid():
        return _tell_wrong(request, device, form)
    path = f"{form.cleaned_data['parent'].rstrip('/')}/{form.cleaned_data['name']}"

    def make() -> str:
        made = unit_files.make_folder(device, path, who=request.user, now=timezone.now())
        return gettext("The folder %(path)s was made.") % {"path": made}

    return _done(request, device, make)


@require_POST
@of_unit(Right.FILES)
def remove_folder(request: HttpRequest, device: Device) -> HttpResponse:
    path = request.POST.get("path", "")

    def remove() -> str:
        unit_files.remove_folder(device, path, who=request.user, now=timezone.now())
        return gettext("The folder %(path)s was removed.") % {"path": path}

    return _done(request, device, remove)


PAGES = (
    UnitPage("files", files, Right.FILES, _("Files"), "folder_open"),
    UnitPage("file_view", view, Right.FILES, route="files/view/"),
    UnitPage("file_download", download, Right.FILES, route="files/download/"),
    UnitPage("file_upload", upload, Right.FILES, route="files/upload/"),
    UnitPage("file_delete", delete, Right.FILES, route="files/delete/"),
    UnitPage("folder_make", make_folder, Right.FILES, route="files/make-folder/"),
    UnitPage("folder_remove", remove_folder, Right.FILES, route="files/remove-folder/"),
)


# --- What they share --------------------------------------------------------------------------------------------


def _done(request: HttpRequest, device: Device, act: Callable[[], str]) -> HttpResponse:
    """Do it, tell what became of it, and show the files as they are then."""
    try:
        messages.success(request, act())
    except UnitError as error:
        messages.error(request, translated(error))
    return _back(device)


def _tell_wrong(request: HttpRequest, device: Device, form: forms.Form) -> HttpResponse:
    for name, errors in form.errors.items():
        messages.error(request, f"{form.fields[name].label}: {' '.join(map(str, errors))}")
    return _back(device)


def _back(device: Device) -> HttpResponse:
    return redirect("admin:devices_device_files", device.pk)


def _folders(listing: Listing) -> list[str]:
    return ["/", *sorted(path.rstrip("/") for path in listing.paths if path.endswith("/") and path != "/")]


def _shown(listing: Listing, folder: Folder) -> dict[str, Any]:
    """The folder as the template shows it: protected parts have no buttons, and only what is empty can be removed."""
    is_empty = not folder.folders and not folder.files
    return {
        "path": folder.path,
        "name": folder.name or "/",
        "is_active": folder.path == listing.active_folder,
        "is_root": folder.path == "/",
        "may_remove": is_empty and not listing.is_protected(folder.path),
        "folders": [_shown(listing, inner) for inner in folder.folders],
        "files": [
            {
                "path": path,
                "name": path.rpartition("/")[2],
                "is_text": not path.endswith(".mpy"),  # units read no other files aloud
                "may_delete": not listing.is_protected(path),
            }
            for path in folder.files
        ],
    }
