"""What of the measurements can be looked at in the admin: tables with composite keys cannot be registered."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from readings.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(ModelAdmin):
    """When each part of the product last said that it works. Nothing is edited here."""

    list_display = ("part", "at", "detail")
    list_display_links = None
    ordering = ("part",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
