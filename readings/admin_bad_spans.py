"""Bad measurements of a unit in the admin: listed, marked after a look at what is left out, and let count again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.access import Right, devices_for, may
from devices.models import Device
from devices.unit_pages import UnitPage, check, framed, of_unit
from devices.wording import translated
from readings import bad_spans
from readings.bad_spans import NotMarked
from readings.bad_spans_form import BadSpanForm, in_words
from readings.history import PortEnergy
from readings.models import BadSpan
from readings.periods import to_datetime

_NEWEST = 200


def bad_spans_of_unit(request: HttpRequest, device_id: int) -> HttpResponse:
    """The spans, for everybody who sees the unit; a form to look (GET), then to mark (POST) for who may."""
    device = get_object_or_404(devices_for(request.user), pk=device_id)
    may_configure = may(request.user, Right.CONFIGURE, device)
    posted = request.POST if request.method == "POST" else None
    if posted is not None:
        check(request, Right.CONFIGURE, device)
    asked = posted if posted is not None else request.GET if "port" in request.GET else None
    form = BadSpanForm(device, asked, now=timezone.now())
    if posted is not None and form.is_valid() and (span := form.save(request.user)) is not None:
        sentence = gettext("What %(port)s measured from %(start)s to %(end)s is left out now.")
        messages.success(request, sentence % _values(device, span))
        return redirect("admin:devices_device_bad_spans", device.pk)
    context: dict[str, Any] = {
        "form": form,
        "may_configure": may_configure,
        "spans": [_shown(device, span) for span in _spans_of(device)],
    }
    if may_configure and form.is_bound and form.is_valid() and form.foreseen is not None:
        start_ms, end_ms = form.span_ms
        context |= {
            "port": form.cleaned_data["port"],
            "start": to_datetime(start_ms, device.timezone).isoformat(),
            "end": to_datetime(end_ms, device.timezone).isoformat(),
            "sentence": _foreseen(device, form, form.foreseen),
        }
    title = gettext("Bad measurements of %(device)s") % {"device": device}
    return framed(request, "readings/admin/bad_spans.html", title, device, **context)


@of_unit(Right.CONFIGURE)
def lift_bad_span(request: HttpRequest, device: Device, span_id: int) -> HttpResponse:
    """Let a span count again (POST)."""
    span = get_object_or_404(BadSpan.objects.select_related("port"), port__device=device, pk=span_id)
    if request.method == "POST":
        try:
            bad_spans.lift(span, who=request.user)
        except NotMarked as refusal:
            messages.error(request, translated(refusal))
        else:
            sentence = gettext("What %(port)s measured from %(start)s to %(end)s counts again.")
            messages.success(request, sentence % _values(device, span))
    return redirect("admin:devices_device_bad_spans", device.pk)


# --- As people read it ------------------------------------------------------------------------------------------


def _spans_of(device: Device) -> list[BadSpan]:
    spans = BadSpan.objects.filter(port__device=device).select_related("port", "marked_by", "lifted_by")
    return list(spans.order_by("port__number", "-start_ms", "-pk")[:_NEWEST])


def _shown(device: Device, span: BadSpan) -> dict[str, Any]:
    return _values(device, span) | {
        "id": span.pk,
        "reason": span.reason,
        "marked_at": _moment(device, round(span.marked_at.timestamp() * 1000)),
        "marked_by": span.marked_by or "",
        "lifted_at": "" if span.lifted_at is None else _moment(device, round(span.lifted_at.timestamp() * 1000)),
        "lifted_by": span.lifted_by or "",
    }


def _values(device: Device, span: BadSpan) -> dict[str, str]:
    return {
        "port": in_words(span.port),
        "start": _moment(device, span.start_ms),
        "end": _moment(device, span.end_ms),
    }


def _foreseen(device: Device, form: BadSpanForm, foreseen: PortEnergy) -> str:
    sentence = gettext(
        "What %(port)s measured from %(start)s to %(end)s is kept, but counts nowhere: %(import)s kWh of import and "
        "%(export)s kWh of export are left out, and the time counts as missing."
    )
    return sentence % {
        "port": in_words(form.cleaned_data["port"]),
        "start": _moment(device, foreseen.start_ms),
        "end": _moment(device, foreseen.end_ms),
        "import": number_format(foreseen.import_kwh, 3),
        "export": number_format(foreseen.export_kwh, 3),
    }


def _moment(device: Device, ms: int) -> str:
    return f"{to_datetime(ms, device.timezone):%Y-%m-%d %H:%M %Z}"


PAGES = (
    UnitPage("bad_spans", bad_spans_of_unit, None, _("Bad measurements"), "block", route="bad-measurements/"),
    UnitPage("bad_span_lift", lift_bad_span, Right.CONFIGURE, route="bad-measurements/<int:span_id>/lift/"),
)
