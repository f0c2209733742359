"""Letting a unit take the place of a broken one, in the admin: chosen, looked at beforehand, confirmed by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from devices.access import Right
from devices.configuration import in_words, setting_name
from devices.confirmation import name_to_type
from devices.models import Device, Replacement
from devices.querysets import silence_limit
from devices.unit_pages import UnitPage, framed, of_unit
from devices.wording import translated
from readings import replacing
from readings.periods import to_datetime
from readings.replacing import Foreseen, NotReplaced
from readings.replacing_form import ConfirmedForm, ReplacingForm, units_that_may_replace


@of_unit(Right.ADOPT)
def replace_unit(request: HttpRequest, device: Device) -> HttpResponse:
    """Choose and look (GET), then confirm (POST)."""
    posted = request.POST if request.method == "POST" else None
    asked = posted if posted is not None else request.GET if "new" in request.GET else None
    form = ReplacingForm(device, request.user, asked)
    confirmed = ConfirmedForm(device, posted)
    if posted is not None and form.is_valid() and confirmed.is_valid() and _replaced(request, form):
        return redirect("admin:devices_device_change", device.pk)
    context: dict[str, Any] = {
        "form": form,
        "confirmed": confirmed,
        "others": units_that_may_replace(device, request.user).exists(),
        "still_measures": device.last_seen is not None and device.last_seen >= timezone.now() - silence_limit(),
        "former": [_former(device, one) for one in device.replacements.select_related("who")],
    }
    if form.is_bound and form.is_valid() and form.foreseen is not None:
        context |= {
            "name": name_to_type(device),
            "new": form.new_unit,
            "at": to_datetime(form.at_ms, device.timezone).isoformat(),
            "sentences": list(_foreseen(device, form, form.foreseen)),
            "names": [(capfirst(setting_name(key)), in_words(key, text)) for key, text in form.foreseen.names.items()],
        }
    title = gettext("Replace %(device)s by another unit") % {"device": device}
    return framed(request, "readings/admin/replace.html", title, device, **context)


def _replaced(request: HttpRequest, form: ReplacingForm) -> bool:
    """Do it and say so; False, with the reason in the form, if that was refused after all."""
    at_ms, values = form.at_ms, {"old": form.old.assy, "new": form.new_unit.assy}
    try:
        replacing.replace(
            form.old,
            form.new_unit,
            at_ms=at_ms,
            who=request.user,
            forget_earlier=form.cleaned_data["forget_earlier"],
        )
    except NotReplaced as refusal:
        form.add_error(None, translated(refusal))
        return False
    sentence = gettext(
        "%(new)s has the place of %(old)s from %(moment)s on. What it has measured since then is moved here by itself, "
        "and its names are written to it; that takes some minutes."
    )
    messages.success(request, sentence % {**values, "moment": _moment(form.old, at_ms)})
    return True


# --- As people read it ------------------------------------------------------------------------------------------


def _foreseen(old: Device, form: ReplacingForm, foreseen: Foreseen) -> Iterator[str]:
    sentence = gettext("%(old)s stays, with its ports, settings here and history; from then on its label is %(assy)s.")
    yield sentence % {"old": old, "assy": form.new_unit.assy}
    yield from _of_measurements(old, form.at_ms, foreseen)
    ports, added = len(foreseen.ports), len(foreseen.added_ports)
    if ports:
        sentence = ngettext(
            "%(count)d port keeps its role, direction and scale: %(ports)s.",
            "%(count)d ports keep their roles, directions and scales: %(ports)s.",
            ports,
        )
        yield sentence % {"count": ports, "ports": _numbers(foreseen.ports)}
    if added:
        sentence = ngettext(
            "%(count)d port that only the new unit has is added: %(ports)s.",
            "%(count)d ports that only the new unit has are added: %(ports)s.",
            added,
        )
        yield sentence % {"count": added, "ports": _numbers(foreseen.added_ports)}
    if foreseen.groups:
        sentence = ngettext(
            "%(count)d group of users goes on seeing it.",
            "%(count)d groups of users go on seeing it.",
            foreseen.groups,
        )
        yield sentence % {"count": foreseen.groups}
    sentence = gettext("%(new)s is no device of its own any more; what was granted on it goes.")
    yield sentence % {"new": form.new_unit}


def _of_measurements(old: Device, at_ms: int, foreseen: Foreseen) -> Iterator[str]:
    moment = _moment(old, at_ms)
    if foreseen.measured_until_ms is not None:
        until = _moment(old, foreseen.measured_until_ms)
        yield gettext("What the broken unit measured until %(until)s stays as it is.") % {"until": until}
    if foreseen.moves:
        yield gettext("What the new unit has measured from %(moment)s on is moved here.") % {"moment": moment}
    else:
        yield gettext("What the new unit measures from %(moment)s on is stored here.") % {"moment": moment}
    if foreseen.forgotten_since_ms is not None:
        sentence = gettext("What the new unit measured from %(since)s to %(moment)s is deleted for good.")
        yield sentence % {"since": _moment(old, foreseen.forgotten_since_ms), "moment": moment}


def _numbers(ports: Iterable[int]) -> str:
    return ", ".join(f"CT{number}" for number in ports)


def _former(device: Device, replacement: Replacement) -> dict[str, Any]:
    return {
        "assy": replacement.former_assy,
        "new_assy": replacement.new_assy,
        "at": _moment(device, replacement.at_ms),
        "who": replacement.who or "",
        "moving": replacement.moving_from_id is not None,
    }


def _moment(device: Device, ms: int) -> str:
    return f"{to_datetime(ms, device.timezone):%Y-%m-%d %H:%M %Z}"


PAGES = (UnitPage("replace", replace_unit, Right.ADOPT, _("Replace a broken unit"), "swap_horiz", is_dangerous=True),)
