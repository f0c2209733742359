"""The audit log in the admin: who did what to which unit, with what was so before and after. Nothing is edited here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from devices import audit
from devices.admin.shown import there
from devices.models import AuditEntry
from devices.wording import as_it_was_said, translated

# How people call what the verbs write down.
_ACTIONS = {
    "add": _("added by its address"),
    "adopt": _("adopted"),
    "grant": _("grant changed"),
    "ignore": _("ignored"),
    "cancel": _("job cancelled"),
    "calibrated": _("calibrated"),
    "calibration_left_gains": _("calibration stopped, gains left"),
    "change_from": _("port changed from a moment on"),
    "change_port": _("port changed"),
    "factory_config_kept": _("factory configuration copied"),
    "factory_config_restored": _("factory configuration restored"),
    "file_delete": _("file deleted"),
    "file_download": _("file downloaded"),
    "file_upload": _("file uploaded"),
    "file_view": _("file looked at"),
    "files_list": _("files listed"),
    "folder_make": _("folder made"),
    "folder_remove": _("folder removed"),
    "import": _("readings of another application imported"),
    "let_go": _("old measurements deleted"),
    "lift_bad": _("bad measurements count again"),
    "mark_bad": _("measurements marked as bad"),
    "move": _("found at another address"),
    "power_cycle": _("power cycle asked for"),
    "reboot": _("reboot asked for"),
    "release_accepted": _("firmware release accepted"),
    "replace": _("replaced by another unit"),
    "reset": _("reset to defaults asked for"),
    "retention": _("retention changed"),
    "set_up": _("set up"),
    "sweep": _("networks swept"),
    "take_back": _("port's last change taken back"),
    "time_zone": _("time zone changed"),
    "undo": _("change of settings taken back"),
    "upgrade_asked": _("upgrade asked for"),
    "upgrade_lost": _("upgrade failed, unit lost"),
    "upgrade_taken_back": _("upgrade taken back"),
    "upgraded": _("upgraded"),
    "wish": _("settings wished"),
}


# What the verbs call what was so; settings and ports have names of their own.
_WHAT = {
    "address": _("address"),
    "addresses": _("addresses"),
    "adoption": _("adoption"),
    "asked": _("asked"),
    "assy": _("assembly label"),
    "bytes": _("bytes"),
    "cancel_wanted": _("cancel wanted"),
    "factory_config": _("factory configuration"),
    "failed": _("failed"),
    "firmware_version": _("firmware"),
    "files": _("files"),
    "from": pgettext_lazy("a moment", "from"),
    "group": _("group"),
    "job": _("job"),
    "kind": _("kind"),
    "minutes": _("minutes"),
    "minutes_years": _("years of minutes"),
    "networks": _("networks"),
    "path": pgettext_lazy("of a file", "path"),
    "port": _("port"),
    "readings": _("readings"),
    "reason": _("reason"),
    "release": _("release"),
    "replaced": _("replaced"),
    "rights": _("rights"),
    "seconds_days": _("days of seconds"),
    "state": _("state"),
    "timezone": _("time zone"),
    "to": pgettext_lazy("a moment", "to"),
    "units": _("units"),
    "version": _("version"),
}


def action_in_words(action: str) -> str:
    """What was done, as people call it."""
    return str(_ACTIONS.get(action) or action.replace("_", " "))


def entry_shown(entry: AuditEntry) -> dict[str, Any]:
    """An entry for a table of one unit's entries."""
    return {
        "at": there(entry.at, entry.device.timezone if entry.device else settings.CT6_TIMEZONE, seconds=True),
        "who": _who(entry),
        "action": capfirst(action_in_words(entry.action)),
        "before": _values(entry.before),
        "after": _values(entry.after),
    }


def _who(entry: AuditEntry) -> str:
    if entry.who_id is None and entry.who_name.endswith(audit.COMMAND_LINE):
        return gettext("%(name)s (command line)") % {"name": entry.who_name.removesuffix(audit.COMMAND_LINE)}
    return entry.who_name or gettext("by itself")


def _values(values: Mapping[str, Any]) -> SafeString:
    if not values:
        return format_html("<span>{}</span>", "–")
    return format_html_join(
        "",
        '<div><span class="text-font-subtle-light dark:text-font-subtle-dark">{}:</span> {}</div>',
        ((_WHAT.get(key, key), _value(value)) for key, value in values.items()),
    )


def _value(value: Any) -> str:
    if (said := as_it_was_said(value)) is not None:
        return translated(said)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):
    list_display = ("moment", "who_shown", "action_shown", "device", "before_shown", "after_shown")
    list_display_links = None
    list_filter = ("action", "device", "who")
    list_select_related = ("device", "who")
    search_fields = ("who_name", "action", "device__name", "device__assy")
    date_hierarchy = "at"
    list_fullwidth = True
    actions = None

    @admin.display(description=_("At"), ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return there(entry.at, settings.CT6_TIMEZONE, seconds=True)

    @admin.display(description=_("Who"), ordering="who_name")
    def who_shown(self, entry: AuditEntry) -> str:
        return _who(entry)

    @admin.display(description=_("Action"), ordering="action")
    def action_shown(self, entry: AuditEntry) -> str:
        return capfirst(action_in_words(entry.action))

    @admin.display(description=_("Before"))
    def before_shown(self, entry: AuditEntry) -> SafeString:
        return _values(entry.before)

    @admin.display(description=_("After"))
    def after_shown(self, entry: AuditEntry) -> SafeString:
        return _values(entry.after)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False
