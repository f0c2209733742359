"""Firmware releases in the admin: uploading one, and what was looked through."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from devices.access import Right, may_on_all, may_on_some
from devices.admin.shown import ago, size
from devices.firmware import releases
from devices.firmware.compiling import CompilerUnusable
from devices.firmware.refusal import ReleaseRefused
from devices.firmware_forms import ReleaseForm
from devices.models import FirmwareRelease
from devices.unit_pages import framed
from devices.wording import translated


@admin.register(FirmwareRelease)
class FirmwareReleaseAdmin(ModelAdmin):
    """For those who may upgrade a unit; uploading is for those who may upgrade all, as it can be started on each."""

    list_display = ("version", "file_name", "hash_shown", "notes_shown", "who", "added_ago")
    list_display_links = ("version", "file_name")
    list_select_related = ("who",)
    search_fields = ("version", "file_name", "notes", "sha256")
    actions = None
    list_fullwidth = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[FirmwareRelease]:
        found: QuerySet[FirmwareRelease] = super().get_queryset(request).defer("content")
        return found

    @admin.display(description="SHA-256", ordering="sha256")
    def hash_shown(self, release: FirmwareRelease) -> str:
        return f"{release.sha256[:12]}…"

    @admin.display(description=_("Notes"))
    def notes_shown(self, release: FirmwareRelease) -> str:
        line = release.notes.strip().partition("\n")[0]
        return line if len(line) <= 60 else f"{line[:60]}…"

    @admin.display(description=_("Uploaded"), ordering="added")
    def added_ago(self, release: FirmwareRelease) -> str:
        return ago(release.added)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_on_some(request.user, Right.OPERATE)

    def has_view_permission(self, request: HttpRequest, obj: FirmwareRelease | None = None) -> bool:
        return may_on_some(request.user, Right.OPERATE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_on_all(request.user, Right.OPERATE)

    def has_change_permission(self, request: HttpRequest, obj: FirmwareRelease | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FirmwareRelease | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Look an uploaded file through and keep it; what is wrong with it is told at the field."""
        if not self.has_add_permission(request):
            raise PermissionDenied(gettext("You have no right to upload firmware: that needs 'operate' on all units."))
        form = ReleaseForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if form.is_valid():
            known = set(FirmwareRelease.objects.values_list("pk", flat=True))
            try:
                notes, name = form.cleaned_data["notes"], form.cleaned_data["file"].name
                release = releases.accept(form.content(), name, notes=notes, who=request.user)
            except (ReleaseRefused, CompilerUnusable) as refusal:
                form.add_error("file", translated(refusal))
            else:
                _tell_accepted(request, release, is_new=release.pk not in known)
                return redirect("admin:devices_firmwarerelease_change", release.pk)
        title = gettext("Upload a firmware release")
        return framed(request, "release_add.html", title, opts=FirmwareRelease._meta, form=form)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What the release holds, and the way to the units."""
        if not self.has_view_permission(request):
            raise PermissionDenied(gettext("You have no right to upgrade any unit ('operate')."))
        found = FirmwareRelease.objects.defer("content").select_related("who")
        release = get_object_or_404(found, pk=int(object_id) if object_id.isdecimal() else 0)
        context: dict[str, Any] = {
            "release": release,
            "added": ago(release.added),
            "files": [(path, size(count)) for path, count in sorted(release.files.items())],
            "total": size(sum(release.files.values())),
            "upgrade": reverse("admin:devices_rollout_add") + f"?release={release.pk}",
            "rollouts": release.rollouts.all()[:10],
        }
        title = gettext("Firmware %(version)s") % {"version": release.version}
        return framed(request, "release.html", title, opts=FirmwareRelease._meta, **context)


def _tell_accepted(request: HttpRequest, release: FirmwareRelease, *, is_new: bool) -> None:
    if is_new:
        sentence = gettext("Firmware %(version)s was looked through and accepted.")
        messages.success(request, sentence % {"version": release.version})
    else:
        sentence = gettext("This very file was uploaded before, as firmware %(version)s; nothing was changed.")
        messages.warning(request, sentence % {"version": release.version})
