"""The settings of a unit: what it holds beside what is wished, reading and writing them, and taking changes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from devices import configuration
from devices.access import Right
from devices.admin.shown import CHANGE_COLOURS, ago, badge
from devices.configuration import CannotUndo, Setting, in_words, setting_name
from devices.configuration.settings import MQTT_PASSWORD, port_of
from devices.ct6.errors import DestructiveValue, UnitError
from devices.models import ConfigChange, Device
from devices.settings_form import CLEAR_PASSWORD, UnitSettingsForm
from devices.unit_pages import UnitPage, check, framed, of_unit, tell
from devices.wording import translated

_NEWEST_CHANGES = 50
_State = ConfigChange.State


@of_unit(Right.CONFIGURE)
def edit(request: HttpRequest, device: Device) -> HttpResponse:
    """Every setting: held, wished and different; what is edited is wished and written to the unit at once."""
    form = UnitSettingsForm(device, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if form.save(request.user, now=timezone.now()):
            tell(request, device, configuration.push(device, now=timezone.now()))
        else:
            messages.info(request, gettext("Nothing was edited."))
        return _back(device)
    differences = sum(setting.differs for setting in form.settings.values())
    return framed(
        request,
        "settings.html",
        gettext("Settings"),
        device,
        form=form,
        groups=[(title, list(_lines(form, fields))) for title, fields in form.groups()],
        differences=_differences(differences),
        told=ago(device.told_at) if device.settings_held else "",
        waits=any(setting.wish for setting in form.settings.values()),
        history=_history(device),
        newest=_NEWEST_CHANGES,
    )


@require_POST
@of_unit(Right.CONFIGURE)
def pull(request: HttpRequest, device: Device) -> HttpResponse:
    """Read the settings from the unit now."""
    try:
        configuration.pull(device, now=timezone.now())
    except UnitError as error:
        sentence = gettext("%(device)s was not read: %(reason)s")
        messages.error(request, sentence % {"device": device, "reason": translated(error)})
    else:
        messages.success(request, gettext("%(device)s: its settings were read.") % {"device": device})
    return _back(device)


@require_POST
@of_unit(Right.CONFIGURE)
def push(request: HttpRequest, device: Device) -> HttpResponse:
    """Write the open wishes to the unit now."""
    pushed = configuration.push(device, now=timezone.now())
    if not (pushed.confirmed or pushed.refused or pushed.waiting):
        messages.info(request, gettext("Nothing is wished that the unit does not have."))
    tell(request, device, pushed)
    return _back(device)


@require_POST
@of_unit(Right.CONFIGURE)
def undo(request: HttpRequest, device: Device, change_id: int) -> HttpResponse:
    """Wish for what a setting was before a change, and write it."""
    change = get_object_or_404(ConfigChange.objects.select_related("device"), pk=change_id, device=device)
    try:
        configuration.undo(change, request.user, now=timezone.now())
    except (CannotUndo, DestructiveValue) as refusal:
        messages.error(request, translated(refusal))
    else:
        tell(request, device, configuration.push(device, now=timezone.now()))
    return _back(device)


@require_POST
@of_unit(Right.ADOPT)
def test_mqtt_of_new(request: HttpRequest, device: Device) -> HttpResponse:
    """The same for who sets a new unit up."""
    if device.adoption == Device.Adoption.ADOPTED:
        check(request, Right.CONFIGURE, device)
    return _mqtt_tested(request, device)


@require_POST
@of_unit(Right.CONFIGURE)
def test_mqtt(request: HttpRequest, device: Device) -> HttpResponse:
    """Send a test message to the MQTT server that the unit would have with what is typed. Nothing is wished."""
    return _mqtt_tested(request, device)


def _mqtt_tested(request: HttpRequest, device: Device) -> HttpResponse:
    form = UnitSettingsForm(device, request.POST)
    texts = {key: request.POST.get(key, "") for key in form.settings if key.startswith("MQTT_")}
    typed = {key: text for key, text in texts.items() if key in form.changed_data and (text or key != MQTT_PASSWORD)}
    if request.POST.get(CLEAR_PASSWORD):
        typed.setdefault(MQTT_PASSWORD, "")
    try:
        tested = configuration.check_mqtt(device, typed)
    except DestructiveValue as refusal:
        return JsonResponse({"taken": False, "sentence": translated(refusal)})
    return JsonResponse({"taken": tested.taken, "sentence": translated(tested)})


def _back(device: Device) -> HttpResponse:
    return redirect("admin:devices_device_settings", device.pk)


# --- Held beside wished -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A setting on the page; without a key it is a switch that only concerns the form."""

    field: BoundField
    key: str = ""
    held: str = ""
    state: SafeString | str = ""
    why: str = ""

    @property
    def is_port(self) -> bool:
        """Whether it is one of many alike, so that its help is not repeated."""
        return port_of(self.key) not in (None, 1)


def _lines(form: UnitSettingsForm, fields: list[BoundField]) -> Iterator[Line]:
    for field in fields:
        setting = form.settings.get(field.name)
        if setting is None:
            yield Line(field)
            continue
        held = gettext("not read yet") if setting.held is None else in_words(setting.key, setting.held)
        wish = setting.wish
        if wish is None and setting.confirmed is not None:
            yield Line(field, setting.key, held, badge(gettext("changed at the unit"), "info"), _changed(setting))
            continue
        state = badge(gettext("waiting for the unit"), "warning") if wish is not None else ""
        yield Line(field, setting.key, held, state, wish.told if wish is not None else "")


def _changed(setting: Setting) -> str:
    values = {
        "value": in_words(setting.key, setting.was_confirmed or ""),
        "date": ago(setting.confirmed.settled if setting.confirmed else None),
    }
    return gettext("It confirmed %(value)s, %(date)s, and has something else now.") % values


def _differences(count: int) -> str:
    if not count:
        return gettext("The unit has all that is wished, as far as is known.")
    sentence = ngettext(
        "%(count)d setting differs from what is wished.", "%(count)d settings differ from what is wished.", count
    )
    return sentence % {"count": count}


# --- History ----------------------------------------------------------------------------------------------------


def _history(device: Device) -> list[dict[str, Any]]:
    """The newest changes of its settings, each with whether it can be taken back."""
    changes = ConfigChange.objects.filter(device=device).select_related("who", "device")[:_NEWEST_CHANGES]
    zone = ZoneInfo(device.timezone)
    newest: set[str] = set()
    rows = []
    for change in changes:
        counts = change.state in (_State.OPEN, _State.CONFIRMED)
        # Only the last one of a setting can be: the others need not be asked.
        can_be_undone = counts and change.key not in newest and configuration.why_not_undone(change) is None
        if counts:
            newest.add(change.key)
        rows.append(
            {
                "change": change,
                "made": change.made.astimezone(zone),
                "setting": capfirst(setting_name(change.key)),
                "before": in_words(change.key, change.before) if change.before_known else gettext("not known"),
                "wished": in_words(change.key, change.wished),
                "state": badge(change.get_state_display(), CHANGE_COLOURS[change.state]),
                "undo": can_be_undone,
            }
        )
    return rows


PAGES = (
    UnitPage("settings", edit, Right.CONFIGURE, _("Settings"), "tune"),
    UnitPage("pull", pull, Right.CONFIGURE, route="settings/pull/"),
    UnitPage("push", push, Right.CONFIGURE, route="settings/push/"),
    UnitPage("undo", undo, Right.CONFIGURE, route="settings/undo/<int:change_id>/"),
    UnitPage("test_mqtt", test_mqtt, Right.CONFIGURE, route="settings/test-mqtt/"),
    UnitPage("test_mqtt_of_new", test_mqtt_of_new, Right.ADOPT, route="set-up/test-mqtt/"),
)
