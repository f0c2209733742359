"""Units and their ports in the admin."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from devices import adoption, configuration, port_past
from devices.access import Right
from devices.admin import calibration, factory, files, operating, ports, rollouts, set_up, settings
from devices.admin.rollouts import upgrade_units
from devices.admin.settings_of_many import set_same_settings
from devices.admin.shown import badge, sign_of_life
from devices.admin.unit_card import unit_context
from devices.admin.unit_rights import UnitRights
from devices.configuration import UNIT_NAME, in_words, open_wishes, port_name_key, with_open_wishes
from devices.ct6.errors import UnitError
from devices.forms import DeviceForm, PortForm
from devices.models import ConfigChange, Device, Port
from devices.querysets import DeviceQuerySet, silence_limit
from devices.timezones import change_timezone
from devices.unit_pages import UnitPage, check, given_by_apps, tell
from devices.wording import translated

# The pages of a unit beside its own that modules of this package give.
PAGES: tuple[UnitPage, ...] = (
    *set_up.PAGES,
    *settings.PAGES,
    *ports.PAGES,
    *rollouts.PAGES,
    *calibration.PAGES,
    *factory.PAGES,
    *files.PAGES,
    *operating.PAGES,
)

NOT_DELETED = _(
    "A unit is not deleted, since its readings would be left without it. Ignore it instead: then nothing more is "
    "stored of it."
)
_ADOPTION_COLOURS = {"adopted": "success", "pending": "warning", "ignored": ""}
_DECIDED = {
    "adopted": gettext_noop("%(device)s is adopted now."),
    "ignored": gettext_noop("%(device)s is ignored now."),
}
_DONE_BY = {"adopted": "adopt_unit", "ignored": "ignore_unit"}


def _every_page() -> tuple[UnitPage, ...]:
    return (*PAGES, *given_by_apps())


def _reported(name: str, wish: ConfigChange | None) -> SafeString:
    """What the unit reports, and beside it what it should report: Garage (waiting for the unit: Werkstatt).

    In an element of its own, since the admin takes the text 'None' for no value.
    """
    if wish is None:
        return format_html("<span>{}</span>", name or "–")
    wished = in_words(wish.key, wish.wished)
    both = gettext("%(reported)s (waiting for the unit: %(wished)s)")
    return format_html("<span>{}</span>", both % {"reported": name or gettext("no name"), "wished": wished})


class OnlineFilter(admin.SimpleListFilter):
    title = _("online")
    parameter_name = "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("online")), ("no", gettext("offline"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() not in ("yes", "no"):
            return queryset
        online = Device.objects.online(timezone.now()).values("pk")
        return queryset.filter(pk__in=online) if self.value() == "yes" else queryset.exclude(pk__in=online)


class PortInline(UnitRights, TabularInline):
    model = Port
    form = PortForm
    fields = ("number", "name_reported", "name_wished", "sensor_type", "role", "reversed", "scale", "enabled")
    readonly_fields = ("number", "name_reported", "sensor_type")
    verbose_name_plural = _("Ports")
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

    @admin.display(description=_("Reported by the unit"))
    def name_reported(self, port: Port) -> SafeString:
        return _reported(port.name, open_wishes(port.device).get(port_name_key(port.number)))


_UNIT_SETTINGS = (_("Settings of the unit"), {"fields": ("name_held", "name_wished", "active_held", "active_wished")})
_UNIT_SETTINGS_SEEN = (_("Settings of the unit"), {"fields": ("name_held", "active_held")})


@admin.register(Device)
class DeviceAdmin(UnitRights, ModelAdmin):
    form = DeviceForm
    inlines = (PortInline,)
    list_display = ("name_reported", "state", "address", "firmware_version", "seen", "adoption_state", "assy")
    list_filter = ("adoption", OnlineFilter, "active", "firmware_version")
    search_fields = ("name", "assy", "address", "ports__name")
    ordering = ("name",)
    actions = ("adopt_units", "ignore_units", upgrade_units, set_same_settings)
    actions_submit_line = ("adopt_unit", "ignore_unit", "read_unit")
    change_form_template = "devices/admin/unit_change_form.html"
    change_form_outer_before_template = "devices/admin/unit.html"
    change_form_outer_after_template = "devices/admin/unit_history.html"
    readonly_fields = (
        *("state", "seen", "adoption_state", "name_held", "active_held", "assy", "address", "http_port"),
        *("product", "device_type", "group_name", "firmware_version", "first_seen"),
    )
    fieldsets = (
        (None, {"fields": (("state", "seen"), ("adoption_state", "assy"))}),
        _UNIT_SETTINGS,
        (_("Settings kept here"), {"fields": ("timezone",)}),
        (
            _("About the unit"),
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

    @admin.display(description=_("Name"), ordering="name")
    def name_reported(self, device: Device) -> SafeString:
        return _reported(device.name or gettext("no name"), open_wishes(device).get(UNIT_NAME))

    @admin.display(description=_("Reported name"))
    def name_held(self, device: Device) -> SafeString:
        return self.name_reported(device)

    @admin.display(description=_("State"), ordering="last_seen")
    def state(self, device: Device) -> SafeString:
        if device.last_seen is None and device.last_asked is None:
            return badge(gettext("never seen"), "")
        if device.last_seen is not None and device.last_seen >= timezone.now() - silence_limit():
            return badge(gettext("online"), "success")
        if device.active is False:
            return badge(gettext("inactive"), "info")
        # Of one that was added by its address, only its web server has answered.
        return badge(gettext("not heard yet"), "") if device.last_seen is None else badge(gettext("offline"), "danger")

    @admin.display(description=_("Last seen"), ordering="last_seen")
    def seen(self, device: Device) -> str:
        return sign_of_life(device)

    @admin.display(description=_("Adoption"), ordering="adoption")
    def adoption_state(self, device: Device) -> SafeString:
        decided = badge(device.get_adoption_display(), _ADOPTION_COLOURS[device.adoption])
        if not adoption.doubts(device):
            return decided
        return format_html("{} {}", decided, badge(gettext("label in doubt"), "danger"))

    @admin.display(description=_("Reported state"))
    def active_held(self, device: Device) -> SafeString:
        if device.active is None:
            told = gettext("not reported by the unit")
        else:
            told = gettext("active") if device.active else gettext("inactive")
        return _reported(told, open_wishes(device).get(configuration.ACTIVE))

    # What may be done

    def get_urls(self) -> list[URLPattern]:
        return [*(page.pattern() for page in _every_page()), *super().get_urls()]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self.message_user(request, NOT_DELETED, messages.ERROR)
        return redirect("admin:devices_device_change", object_id)

    @action(description=_("Adopt: store their readings"), permissions=["adopt"])
    def adopt_units(self, request: HttpRequest, devices: QuerySet[Device]) -> None:
        self._decide(request, devices, adoption.adopt)

    @action(description=_("Ignore: store nothing of them"), permissions=["adopt"])
    def ignore_units(self, request: HttpRequest, devices: QuerySet[Device]) -> None:
        self._decide(request, devices, adoption.ignore)

    @action(description=_("Adopt"), icon="check", permissions=["adopt"])
    def adopt_unit(self, request: HttpRequest, device: Device) -> None:
        self._decide(request, [device], adoption.adopt)

    @action(description=_("Ignore"), icon="block", permissions=["adopt"])
    def ignore_unit(self, request: HttpRequest, device: Device) -> None:
        self._decide(request, [device], adoption.ignore)

    @action(description=_("Read from the unit"), icon="sync", permissions=["change"])
    def read_unit(self, request: HttpRequest, device: Device) -> None:
        """Read the unit's settings and try the open wishes: `changeform_view` does it, after the commit."""

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that would change something."""
        decided = Device.objects.filter(pk=object_id).values_list("adoption", flat=True).first()
        buttons: list[Any] = super().get_actions_submit_line(request, object_id)
        return [button for button in buttons if not button.action_name.endswith(_DONE_BY.get(decided or "", "-"))]

    def _decide(self, request: HttpRequest, devices: Iterable[Device], verb: Callable[[Device, Any], bool]) -> None:
        devices = list(devices)
        for device in devices:
            check(request, Right.ADOPT, device)
        changed = [device for device in devices if verb(device, request.user)]
        for device in changed:
            self.message_user(request, gettext(_DECIDED[device.adoption]) % {"device": device}, messages.SUCCESS)
        if not changed:
            self.message_user(request, gettext("That was so already."))

    # Saving

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        device = Device.objects.filter(pk=int(object_id)).first() if object_id and object_id.isdecimal() else None
        # Saving always stays on the page, so one button for it is enough.
        context = {**(extra_context or {}), "not_deleted": NOT_DELETED, "show_save_and_continue": False}
        if device is not None and request.method == "GET":
            context |= unit_context(request, device, _every_page())
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        if device and request.method == "POST" and isinstance(response, HttpResponseRedirect):
            # Only now, since saving is one transaction: a unit that does not answer must not hold the database.
            self._talk_to(request, Device.objects.get(pk=device.pk))
        return response

    def save_model(self, request: HttpRequest, obj: Device, form: DeviceForm, change: bool) -> None:
        """Nothing of the row is saved as a whole: the collector writes it all the time."""
        if "timezone" in form.changed_data and change_timezone(obj, form.cleaned_data["timezone"], who=request.user):
            sentence = gettext("The days of %(device)s run in %(zone)s now and are computed anew.")
            self.message_user(request, sentence % {"device": obj, "zone": obj.timezone})
        for button in self.get_actions_submit_line(request, obj.pk):
            if button.action_name in request.POST:
                button.method(request, obj)

    def save_related(self, request: HttpRequest, form: DeviceForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        wished = form.wishes()
        for port_form in (port_form for formset in formsets for port_form in formset.initial_forms):
            port_past.change(port_form.instance, who=request.user, **port_form.ours())
            wished |= port_form.wishes()
        if wished:
            configuration.wish(form.instance, wished, request.user, now=timezone.now())

    def response_change(self, request: HttpRequest, obj: Device) -> HttpResponse:
        """Stay on the page, where what the unit says is shown."""
        if "_save" in request.POST:
            self.message_user(request, gettext("Saved."), messages.SUCCESS)
        return redirect(request.get_full_path())

    def _talk_to(self, request: HttpRequest, device: Device) -> None:
        """Write the wishes that were not tried yet, or all of them if asked to, and say what the unit answered."""
        asked = f"{self.opts.app_label}_{self.opts.model_name}_read_unit" in request.POST
        try:
            if asked:
                configuration.pull(device, now=timezone.now())
                sentence = gettext("%(device)s: its settings were read.")
                self.message_user(request, sentence % {"device": device}, messages.SUCCESS)
        except UnitError as error:
            sentence = gettext("%(device)s was not read: %(reason)s")
            self.message_user(request, sentence % {"device": device, "reason": translated(error)}, messages.ERROR)
            return
        if asked or any(change.attempts == 0 for change in open_wishes(device).values()):
            tell(request, device, configuration.push(device, now=timezone.now()))
