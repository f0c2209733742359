"""How much a unit takes on the disk, and for how long what it measured is kept, in the admin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from devices.access import Right, devices_for, may
from devices.models import Device
from devices.unit_pages import UnitPage, check, framed
from devices.wording import translated
from readings import keeping
from readings.keeping import NotKept
from readings.periods import to_datetime
from readings.storage_form import RetentionForm
from readings.store import disk_use
from readings.store.disk_use import Disk, Stored
from readings.store.due_to_go import Going, Part

_MB = 1_000_000
_GB = 1_000 * _MB
_LEVELS = {
    "readings": pgettext_lazy("what is stored", "Seconds"),
    "minutes": pgettext_lazy("what is stored", "Minutes"),
    "hours": pgettext_lazy("what is stored", "Hours"),
    "days": pgettext_lazy("what is stored", "Days"),
}


def storage_of_unit(request: HttpRequest, device_id: int) -> HttpResponse:
    """What it takes, for everybody who sees the unit; a form to look (GET), then to set (POST) for who may."""
    device = get_object_or_404(devices_for(request.user), pk=device_id)
    may_configure = may(request.user, Right.CONFIGURE, device)
    posted = request.POST if request.method == "POST" else None
    if posted is not None:
        check(request, Right.CONFIGURE, device)
    looked = request.GET if may_configure and "seconds_days" in request.GET else None
    form = RetentionForm(device, posted if posted is not None else looked)
    if posted is not None and form.is_valid() and _kept(request, device, form):
        return redirect("admin:devices_device_storage", device.pk)
    now_ms = time.time_ns() // 1_000_000
    growth = disk_use.growth_of([device], now_ms)
    context: dict[str, Any] = {
        "form": form,
        "may_configure": may_configure,
        "levels": [_level_shown(device, stored) for stored in disk_use.disk_use(device)],
        "growth": _size(growth.rows + growth.files),
        "disks": [_disk_shown(disk) for disk in disk_use.disks(now_ms)],
        "rule": list(_rule(device)),
    }
    if form.is_bound and form.is_valid() and form.foreseen is not None:
        seconds_days, minutes_years = form.kept
        context |= {
            "seconds_days": "" if seconds_days is None else seconds_days,
            "minutes_years": "" if minutes_years is None else minutes_years,
            "sentences": list(_foreseen(device, form.foreseen)),
        }
    title = gettext("Storage of %(device)s") % {"device": device}
    return framed(request, "readings/admin/storage.html", title, device, **context)


def _kept(request: HttpRequest, device: Device, form: RetentionForm) -> bool:
    """Set it and say so; False, with the reason in the form, if that was refused after all."""
    try:
        keeping.keep(device, *form.kept, who=request.user)
    except NotKept as refusal:
        form.add_error(None, translated(refusal))
        return False
    messages.success(request, gettext("From now on it is kept so; what is older goes at night."))
    return True


# --- As people read it ------------------------------------------------------------------------------------------


def _level_shown(device: Device, stored: Stored) -> dict[str, str]:
    in_files = ngettext("%(count)s in %(files)s file, %(size)s", "%(count)s in %(files)s files, %(size)s", stored.files)
    values = {"count": _count(stored.file_rows), "files": _count(stored.files), "size": _size(stored.file_bytes)}
    in_rows = gettext("about %(count)s, %(size)s") % {"count": _count(stored.rows), "size": _size(stored.row_bytes)}
    return {
        "name": str(_LEVELS[stored.level]),
        "since": "–" if stored.since_ms is None else _moment(device, stored.since_ms),
        "rows": in_rows if stored.rows else "–",
        "files": in_files % values if stored.files else "–",
    }


def _disk_shown(disk: Disk) -> dict[str, str]:
    """Unknown is said, not guessed."""
    shown = {
        "name": gettext("Database") if disk.holds == "database" else gettext("Archive"),
        "growth": gettext("about %(size)s a day") % {"size": _size(disk.growth_bytes)},
    }
    if disk.free is None:
        unknown = (
            gettext("not known: the database is on another machine or in a container of its own")
            if disk.holds == "database"
            else gettext("not known: the archive is in an object store")
        )
        return {**shown, "free": unknown, "lasts": "–"}
    lasts = gettext("it does not grow")
    if disk.days_left is not None:
        sentence = ngettext("about %(count)s day", "about %(count)s days", disk.days_left)
        lasts = sentence % {"count": _count(disk.days_left)}
        if disk.shared:
            lasts = gettext("%(days)s, both being on one disk") % {"days": lasts}
    return {**shown, "free": _size(disk.free), "lasts": lasts}


def _rule(device: Device) -> Iterator[str]:
    rule = keeping.rule_of(device)
    if rule.seconds_days is None:
        yield gettext("Everything is kept for ever.")
        return
    sentence = ngettext(
        "Seconds are kept for %(count)d day.", "Seconds are kept for %(count)d days.", rule.seconds_days
    )
    yield sentence % {"count": rule.seconds_days}
    if rule.minutes_years is None:
        yield gettext("Minutes, hours and days are kept for ever.")
        return
    sentence = ngettext(
        "Minutes are kept for %(count)d year.", "Minutes are kept for %(count)d years.", rule.minutes_years
    )
    yield sentence % {"count": rule.minutes_years}
    yield gettext("Hours and days are kept for ever.")


def _foreseen(device: Device, going: Going) -> Iterator[str]:
    if not going.parts:
        yield gettext("Nothing that is stored now is older than that: nothing goes yet.")
        return
    if (readings := going.readings) is not None:
        sentence = gettext(
            "%(count)s readings from %(start)s to %(end)s are deleted for good; that frees about %(size)s."
        )
        yield sentence % _values(device, readings)
    if (minutes := going.minutes) is not None:
        sentence = gettext(
            "%(count)s minutes from %(start)s to %(end)s are deleted for good; that frees about %(size)s."
        )
        yield sentence % _values(device, minutes)
    yield gettext("The kWh of every hour and day stay as they are. This cannot be undone.")


def _values(device: Device, part: Part) -> dict[str, str]:
    return {
        "count": _count(part.count),
        "start": _moment(device, part.first_ms),
        "end": _moment(device, part.until_ms),
        "size": _size(part.bytes),
    }


def _count(count: int) -> str:
    return number_format(count, force_grouping=True)


def _size(count: float) -> str:
    if count >= _GB:
        return f"{number_format(count / _GB, 1, force_grouping=True)} GB"
    return f"{number_format(count / _MB, 1)} MB"


def _moment(device: Device, ms: int) -> str:
    return f"{to_datetime(ms, device.timezone):%Y-%m-%d %H:%M %Z}"


PAGES = (UnitPage("storage", storage_of_unit, None, _("Storage"), "hard_drive"),)
