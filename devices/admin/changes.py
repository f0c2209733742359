"""What was wished of units, in the admin."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from devices import configuration
from devices.admin import settings_of_many
from devices.admin.shown import CHANGE_COLOURS, badge, there
from devices.configuration import in_words
from devices.models import ConfigChange


@admin.register(ConfigChange)
class ConfigChangeAdmin(ModelAdmin):
    """Who wished what of which unit, and what became of it. Nothing is edited here."""

    list_display = ("made_there", "device", "setting", "before_shown", "wished_shown", "state_shown", "who", "told")
    list_display_links = None
    list_filter = ("state", "device", "who")
    list_select_related = ("device", "who")
    search_fields = ("device__name", "device__assy", "key", "before", "wished", "answer", "who__username")
    list_fullwidth = True

    @admin.display(description=_("Made"), ordering="made")
    def made_there(self, change: ConfigChange) -> str:
        return there(change.made, settings.CT6_TIMEZONE)

    @admin.display(description=_("Setting"), ordering="key")
    def setting(self, change: ConfigChange) -> str:
        return configuration.setting_name(change.key)

    @admin.display(description=_("Before"), ordering="before")
    def before_shown(self, change: ConfigChange) -> str:
        return in_words(change.key, change.before)

    @admin.display(description=_("Wished"), ordering="wished")
    def wished_shown(self, change: ConfigChange) -> str:
        return in_words(change.key, change.wished)

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, change: ConfigChange) -> SafeString:
        return badge(change.get_state_display(), CHANGE_COLOURS[change.state])

    @admin.display(description=_("Answer"), ordering="answer")
    def told(self, change: ConfigChange) -> str:
        return change.told

    def get_urls(self) -> list[URLPattern]:
        return [*settings_of_many.patterns(), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ConfigChange | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConfigChange | None = None) -> bool:
        return False
