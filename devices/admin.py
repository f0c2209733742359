"""Units, their ports and what was wished of them, in the admin."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from devices import adoption, configuration
from devices.configuration import UNIT_NAME, in_words, open_wishes, port_name_key, with_open_wishes
from devices.ct6.errors import UnitError
from devices.forms import DeviceForm, PortForm
from devices.models import ConfigChange, Device, Port
from devices.querysets import DeviceQuerySet, silence_limit
from devices.timezones import change_timezone

NOT_DELETED = (
    "A unit is not deleted, since its readings would be left without it. Ignore it instead: then nothing more is "
    "stored of it."
)
_ADOPTION_COLOURS = {"adopted": "success", "pending": "warning", "ignored": ""}
_DONE_BY = {"adopted": "adopt_unit", "ignored": "ignore_unit"}
_STATE_COLOURS = {"confirmed": "success", "open": "warning", "refused": "danger", "replaced": ""}


def _badge(text: str, colour: str) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def _reported(name: str, wish: ConfigChange | None) -> SafeString:
    """What the unit reports, and beside it what it should report: Garage (waiting for the unit: Werkstatt).

    In an element of its own, since the admin takes the text 'None' for no value.
    """
    if wish is None:
        return format_html("<span>{}</span>", name or "–")
    wished = in_words(wish.key, wish.wished)
    return format_html("<span>{} (waiting for the unit: {})</span>", name or "no name", wished)


def _setting(key: str) -> str:
    """A setting as people call it."""
    plain = {configuration.UNIT_NAME: "name", configuration.ACTIVE: "active"}
    return plain.get(key) or f"name of {key.removesuffix('_NAME')}"


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    now = timezone.now()
    seconds = (now - moment).total_seconds()
    return f"{max(seconds, 0):.0f} s ago" if seconds < 60 else f"{timesince(moment, now, depth=1)} ago"


class OnlineFilter(admin.SimpleListFilter):
    title = "online"
    parameter_name = "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "online"), ("no", "offline")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() not in ("yes", "no"):
            return queryset
        online = Device.objects.online(timezone.now()).values("pk")
        return queryset.filter(pk__in=online) if self.value() == "yes" else queryset.exclude(pk__in=online)


class PortInline(TabularInline):
    model = Port
    form = PortForm
    fields = ("number", "name_reported", "name_wished", "sensor_type", "role", "reversed", "enabled")
    readonly_fields = ("number", "name_reported", "sensor_type")
    verbose_name_plural = "Ports"
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Port]:
        devices = Prefetch("device", with_open_wishes(Device.objects.all()))
        ports: QuerySet[Port] = super().get_queryset(request).prefetch_related(devices)
        return ports

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """All; without what is typed into, for those who may only look."""
        may_change = self.has_change_permission(request, obj)
        return tuple(field for field in self.fields if may_change or field != "name_wished")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="Reported by the unit")
    def name_reported(self, port: Port) -> SafeString:
        return _reported(port.name, open_wishes(port.device).get(port_name_key(port.number)))


_UNIT_SETTINGS = ("Settings of the unit", {"fields": ("name_held", "name_wished", "active_held", "active_wished")})
_UNIT_SETTINGS_SEEN = ("Settings of the unit", {"fields": ("name_held", "active_held")})


@admin.register(Device)
class DeviceAdmin(ModelAdmin):
    form = DeviceForm
    inlines = (PortInline,)
    list_display = ("name_reported", "state", "address", "firmware_version", "seen", "adoption_state", "assy")
    list_filter = ("adoption", OnlineFilter, "active", "firmware_version")
    search_fields = ("name", "assy", "address", "ports__name")
    ordering = ("name",)
    actions = ("adopt_units", "ignore_units")
    actions_submit_line = ("adopt_unit", "ignore_unit", "read_unit")
    change_form_before_template = "devices/admin/doubts.html"
    change_form_after_template = "devices/admin/not_deleted.html"
    readonly_fields = (
        *("state", "seen", "adoption_state", "name_held", "active_held", "assy", "address", "http_port"),
        *("product", "device_type", "group_name", "firmware_version", "first_seen"),
    )
    fieldsets = (
        (None, {"fields": (("state", "seen"), ("adoption_state", "assy"))}),
        _UNIT_SETTINGS,
        ("Settings kept here", {"fields": ("timezone",)}),
        (
            "About the unit",
            {
                "classes": ("collapse",),
                "fields": (
                    ("address", "http_port"),
                    ("firmware_version", "device_type"),
                    ("product", "group_name"),
                    "first_seen",
                ),
            },
        ),
    )

    # What is shown

    def get_queryset(self, request: HttpRequest) -> DeviceQuerySet:
        return with_open_wishes(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Device | None = None) -> Any:
        """All; without what is typed into, for those who may only look."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [_UNIT_SETTINGS_SEEN if part is _UNIT_SETTINGS else part for part in self.fieldsets]

    @admin.display(description="Name", ordering="name")
    def name_reported(self, device: Device) -> SafeString:
        return _reported(device.name or "no name", open_wishes(device).get(UNIT_NAME))

    @admin.display(description="Reported name")
    def name_held(self, device: Device) -> SafeString:
        return self.name_reported(device)

    @admin.display(description="State", ordering="last_seen")
    def state(self, device: Device) -> SafeString:
        if device.last_seen is None:
            return _badge("never seen", "")
        if device.last_seen >= timezone.now() - silence_limit():
            return _badge("online", "success")
        return _badge("inactive", "info") if device.active is False else _badge("offline", "danger")

    @admin.display(description="Last seen", ordering="last_seen")
    def seen(self, device: Device) -> str:
        return _ago(device.last_seen)

    @admin.display(description="Adoption", ordering="adoption")
    def adoption_state(self, device: Device) -> SafeString:
        decided = _badge(device.get_adoption_display(), _ADOPTION_COLOURS[device.adoption])
        return format_html("{} {}", decided, _badge("label in doubt", "danger")) if adoption.doubts(device) else decided

    @admin.display(description="Reported state")
    def active_held(self, device: Device) -> SafeString:
        told = {True: "active", False: "inactive", None: "not reported by the unit"}[device.active]
        return _reported(told, open_wishes(device).get(configuration.ACTIVE))

    # What may be done

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a unit is here because it answered

    def has_delete_permission(self, request: HttpRequest, obj: Device | None = None) -> bool:
        return False

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self.message_user(request, NOT_DELETED, messages.ERROR)
        return redirect("admin:devices_device_change", object_id)

    @action(description="Adopt: store their readings", permissions=["change"])
    def adopt_units(self, request: HttpRequest, devices: QuerySet[Device]) -> None:
        self._decide(request, devices, adoption.adopt)

    @action(description="Ignore: store nothing of them", permissions=["change"])
    def ignore_units(self, request: HttpRequest, devices: QuerySet[Device]) -> None:
        self._decide(request, devices, adoption.ignore)

    @action(description="Adopt", icon="check", permissions=["change"])
    def adopt_unit(self, request: HttpRequest, device: Device) -> None:
        self._decide(request, [device], adoption.adopt)

    @action(description="Ignore", icon="block", permissions=["change"])
    def ignore_unit(self, request: HttpRequest, device: Device) -> None:
        self._decide(request, [device], adoption.ignore)

    @action(description="Read from the unit", icon="sync", permissions=["change"])
    def read_unit(self, request: HttpRequest, device: Device) -> None:
        """Read the unit's settings and try the open wishes: `changeform_view` does it, after the commit."""

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that would change something."""
        decided = Device.objects.filter(pk=object_id).values_list("adoption", flat=True).first()
        buttons: list[Any] = super().get_actions_submit_line(request, object_id)
        return [button for button in buttons if not button.action_name.endswith(_DONE_BY.get(decided or "", "-"))]

    def _decide(self, request: HttpRequest, devices: Iterable[Device], verb: Callable[[Device], bool]) -> None:
        changed = [device for device in devices if verb(device)]
        for device in changed:
            self.message_user(request, f"{device} is {device.get_adoption_display()} now.", messages.SUCCESS)
        if not changed:
            self.message_user(request, "That was so already.")

    # Saving

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        device = Device.objects.filter(pk=int(object_id)).first() if object_id and object_id.isdecimal() else None
        doubts = adoption.doubts(device) if device else []
        # Saving always stays on the page, so one button for it is enough.
        context = {
            **(extra_context or {}),
            "doubts": doubts,
            "not_deleted": NOT_DELETED,
            "show_save_and_continue": False,
        }
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        if device and request.method == "POST" and isinstance(response, HttpResponseRedirect):
            # Only now, since saving is one transaction: a unit that does not answer must not hold the database.
            self._talk_to(request, Device.objects.get(pk=device.pk))
        return response

    def save_model(self, request: HttpRequest, obj: Device, form: DeviceForm, change: bool) -> None:
        """Nothing of the row is saved as a whole: the collector writes it all the time."""
        if "timezone" in form.changed_data and change_timezone(obj, form.cleaned_data["timezone"]):
            self.message_user(request, f"The days of {obj} run in {obj.timezone} now and are computed anew.")
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def save_related(self, request: HttpRequest, form: DeviceForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        wished = form.wishes()
        for port_form in (port_form for formset in formsets for port_form in formset.initial_forms):
            wished |= port_form.wishes()
        if wished:
            configuration.wish(form.instance, wished, request.user, now=timezone.now())

    def response_change(self, request: HttpRequest, obj: Device) -> HttpResponse:
        """Stay on the page, where what the unit says is shown."""
        if "_save" in request.POST:
            self.message_user(request, "Saved.", messages.SUCCESS)
        return redirect(request.get_full_path())

    def _talk_to(self, request: HttpRequest, device: Device) -> None:
        """Write the wishes that were not tried yet, or all of them if asked to, and say what the unit answered."""
        asked = f"{self.opts.app_label}_{self.opts.model_name}_read_unit" in request.POST
        try:
            if asked:
                configuration.pull(device, now=timezone.now())
                self.message_user(request, f"{device}: its settings were read.", messages.SUCCESS)
        except UnitError as error:
            self.message_user(request, f"{device} was not read: {error.message}", messages.ERROR)
            return
        if asked or any(change.attempts == 0 for change in open_wishes(device).values()):
            self._tell(request, device, configuration.push(device, now=timezone.now()))

    def _tell(self, request: HttpRequest, device: Device, pushed: configuration.Pushed) -> None:
        for change in pushed.confirmed:
            self.message_user(request, f"{capfirst(_setting(change.key))}: {change.answer}", messages.SUCCESS)
        for change in pushed.refused:
            self.message_user(request, f"{capfirst(_setting(change.key))}, refused: {change.answer}", messages.ERROR)
        if pushed.waiting and pushed.error:
            kept = ", ".join(_setting(change.key) for change in pushed.waiting)
            why = f"{device} did not take it yet ({kept}): {pushed.error.message}"
            self.message_user(request, f"{why} The wish is kept and tried again by itself.", messages.WARNING)


@admin.register(ConfigChange)
class ConfigChangeAdmin(ModelAdmin):
    """Who wished what of which unit, and what became of it. Nothing is edited here."""

    list_display = ("made_there", "device", "setting", "before_shown", "wished_shown", "state_shown", "who", "answer")
    list_display_links = None
    list_filter = ("state", "device", "who")
    list_select_related = ("device", "who")
    search_fields = ("device__name", "device__assy", "key", "before", "wished", "answer", "who__username")
    list_fullwidth = True

    @admin.display(description="Made", ordering="made")
    def made_there(self, change: ConfigChange) -> str:
        local = change.made.astimezone(ZoneInfo(change.device.timezone))
        return f"{local:%Y-%m-%d %H:%M %Z}"

    @admin.display(description="Setting", ordering="key")
    def setting(self, change: ConfigChange) -> str:
        return _setting(change.key)

    @admin.display(description="Before", ordering="before")
    def before_shown(self, change: ConfigChange) -> str:
        return in_words(change.key, change.before)

    @admin.display(description="Wished", ordering="wished")
    def wished_shown(self, change: ConfigChange) -> str:
        return in_words(change.key, change.wished)

    @admin.display(description="State", ordering="state")
    def state_shown(self, change: ConfigChange) -> SafeString:
        return _badge(change.get_state_display(), _STATE_COLOURS[change.state])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ConfigChange | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConfigChange | None = None) -> bool:
        return False
