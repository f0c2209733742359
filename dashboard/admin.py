"""The links of wall displays, in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action

from dashboard import wall
from dashboard.models import WallDisplay


@admin.register(WallDisplay)
class WallDisplayAdmin(ModelAdmin):
    """Links that show the dashboard of chosen devices without a login. Staff make, renew and revoke them."""

    list_display = ("name", "shows", "state", "last_used", "made", "who")
    list_select_related = ("who",)
    search_fields = ("name", "devices__name", "devices__assy")
    filter_horizontal = ("devices",)
    actions = ("revoke_displays",)
    actions_submit_line = ("renew_link", "revoke_display")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WallDisplay]:
        displays: QuerySet[WallDisplay] = super().get_queryset(request).prefetch_related("devices")
        return displays

    def get_fields(self, request: HttpRequest, obj: WallDisplay | None = None) -> tuple[str, ...]:
        given = ("name", "devices")
        return given if obj is None else (*given, "state", "last_used", "made", "who")

    def get_readonly_fields(self, request: HttpRequest, obj: WallDisplay | None = None) -> tuple[str, ...]:
        return ("state", "last_used", "made", "who")

    @admin.display(description=_("Shows"))
    def shows(self, display: WallDisplay) -> str:
        return ", ".join(str(device) for device in display.devices.all())

    @admin.display(description=_("Link"), ordering="revoked")
    def state(self, display: WallDisplay) -> str:
        if display.revoked is None:
            return pgettext("state of a link", "open")
        return gettext("revoked on %(moment)s UTC") % {"moment": date_format(display.revoked, "Y-m-d H:i")}

    @action(description=_("Revoke their links"), permissions=["change"])
    def revoke_displays(self, request: HttpRequest, displays: QuerySet[WallDisplay]) -> None:
        for display in displays:
            self._revoke(request, display)

    @action(description=_("Revoke the link"), icon="link_off", permissions=["change"])
    def revoke_display(self, request: HttpRequest, display: WallDisplay) -> None:
        self._revoke(request, display)

    @action(description=_("New link"), icon="add_link", permissions=["change"])
    def renew_link(self, request: HttpRequest, display: WallDisplay) -> None:
        token = wall.draw_token(display)
        display.save(update_fields=["digest"])
        self._show_link(request, token)

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """None for what is revoked: that stays so."""
        if WallDisplay.objects.filter(pk=object_id).exclude(revoked=None).exists():
            return []
        buttons: list[Any] = super().get_actions_submit_line(request, object_id)
        return buttons

    def save_model(self, request: HttpRequest, obj: WallDisplay, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name"])  # a revocation of this moment is not undone
            for button in self.get_actions_submit_line(request, obj.pk):
                if button.action_name in request.POST:
                    button.method(request, obj)
            return
        obj.who_id = request.user.pk
        token = wall.draw_token(obj)
        obj.save()
        self._show_link(request, token)

    def _show_link(self, request: HttpRequest, token: str) -> None:
        link = request.build_absolute_uri(reverse("wall", args=[token]))
        shown_once = gettext(
            "This is the link. Copy it now: it is not shown again, and whoever has it sees the devices."
        )
        messages.warning(request, format_html("{} <code>{}</code>", shown_once, link))

    def _revoke(self, request: HttpRequest, display: WallDisplay) -> None:
        if wall.revoke(display):
            words = gettext("The link of %(display)s is revoked.") % {"display": display}
            self.message_user(request, words, messages.SUCCESS)
        else:
            self.message_user(request, gettext("The link of %(display)s was revoked before.") % {"display": display})
