"""How pages of the admin show states and moments."""

from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, npgettext_lazy

from devices.models import Device
from devices.querysets import silence_limit

# Of what became of a wish.
CHANGE_COLOURS = {"confirmed": "success", "open": "warning", "refused": "danger", "replaced": ""}

# In languages with cases these are others than the plain ones: 3 Tage, but vor 3 Tagen.
_SPANS = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}


def badge(text: str, colour: str) -> SafeString:
    """A small label; the colour is one of Unfold's (success, warning, danger, info) or empty for none."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def ago(moment: datetime | None) -> str:
    """How long ago that was, in the reader's language."""
    if moment is None:
        return gettext("never")
    now = timezone.now()
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return gettext("%(seconds)d s ago") % {"seconds": round(max(seconds, 0))}
    return gettext("%(span)s ago") % {
        "span": timesince(moment, now, time_strings=cast("dict[str, str]", _SPANS), depth=1)
    }


def sign_of_life(device: Device) -> str:
    """When the unit was heard, and when only its web server answered: a unit that was never heard has an address that
    somebody typed, and one that is inactive says nothing by itself.
    """
    heard, asked = device.last_seen, device.last_asked
    if asked is None or (heard is not None and heard >= asked - silence_limit()):
        return ago(heard)
    over_http = gettext("asked over HTTP %(ago)s") % {"ago": ago(asked)}
    return over_http if heard is None else f"{ago(heard)}; {over_http}"


def there(moment: datetime | None, zone: str, *, seconds: bool = False) -> str:
    """A moment as the clocks of a zone show it, with the zone's short name."""
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S %Z}" if seconds else f"{local:%Y-%m-%d %H:%M %Z}"


def span(seconds: float) -> str:
    """How long something takes or took: 42 s, 3 min 5 s, 2 h 10 min, 12 d 4 h."""
    whole = max(round(seconds), 0)
    for size, big, small_size, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {big} {rest} {small}" if rest else f"{whole // size} {big}"
    return f"{whole} s"


def size(count: int | None) -> str:
    """Bytes as people read them; – where it is not known."""
    if count is None:
        return "–"
    return f"{count} B" if count < 1024 else f"{count / 1024:.0f} KiB"


def as_file(content: bytes, name: str) -> HttpResponse:
    """An answer that a browser stores under this name, as far as it is plain, whatever is in it."""
    plain = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "._-")) or "file"
    headers = {"Content-Disposition": f'attachment; filename="{plain}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)
