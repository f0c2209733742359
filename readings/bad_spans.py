"""Marking a span of a port as bad, and lifting that again: its readings are kept, all sums follow.

The minutes of a span are marked to be rolled up again in the transaction that lets them be bad, or lets them be good.
Long spans go in steps of some days, each of which leaves everything in order; the rollups' worker goes on with them,
wherever they were stopped.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models.functions import Greatest
from django.utils.translation import gettext_noop

from devices import audit
from devices.ct6.errors import UnitError
from devices.models import Port
from readings import history
from readings.archive_models import ArchiveFile
from readings.history import PortEnergy
from readings.models import BadSpan, DeviceReading, DirtyBucket, PortMinute
from readings.periods import MINUTE_MS, floor_minute, format_time, parse_time, to_ms
from readings.store.archive.layout import minutes_of
from readings.store.gone import readings_gone
from readings.store.lines import PORT_LINES
from readings.store.recompute import computable_since
from readings.turn import Pause, let_others_write

log = structlog.get_logger(__name__)

# Some tenths of a second of SQLite's one write lock at most.
MINUTES_PER_STEP: Final = 5_000
STEPS_AT_ONCE: Final = 20
_MOST_CHARACTERS: Final = 200
_FIRST_MS: Final = parse_time("1971-01-01T00:00:00Z")
_LAST_MS: Final = parse_time("2198-12-31T00:00:00Z")


class NotMarked(UnitError):
    """This cannot be marked as bad, or lifted; nothing was changed."""


def whole_minutes(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The minutes that a span touches."""
    return floor_minute(start_ms), floor_minute(end_ms + MINUTE_MS - 1)


def foresee(port: Port, start_ms: int, end_ms: int, *, reason: str, now: datetime | None = None) -> PortEnergy:
    """What `mark` would leave out, with the whole minutes that it would take. Raises NotMarked as that does."""
    now = now or datetime.now(UTC)
    start_ms, end_ms, _ = _checked(port, start_ms, end_ms, reason, now)
    return history.energy([port], start_ms, end_ms, "total", now_ms=to_ms(now))[0]


def mark(  # noqa: PLR0913 - of what, from when to when, why, and who says so
    port: Port,
    start_ms: int,
    end_ms: int,
    *,
    reason: str,
    who: Any,
    now: datetime | None = None,
    pause: Pause = time.sleep,
) -> BadSpan:
    """Let what the port measured in these minutes, wholly or partly touched, count nowhere until that is lifted.

    Raises NotMarked, with nothing changed. Of a span of months a part is left to the rollups' worker.
    """
    now = now or datetime.now(UTC)
    start_ms, end_ms, reason = _checked(port, start_ms, end_ms, reason, now)
    with transaction.atomic():
        span = BadSpan.objects.create(
            port=port,
            start_ms=start_ms,
            end_ms=end_ms,
            until_ms=start_ms,
            reason=reason,
            marked_at=now,
            marked_by=who if getattr(who, "pk", None) else None,
        )
        audit.note(who, "mark_bad", port.device, after=_told(span))
        _step(span, now)
    log.info("A span of a port was marked as bad", unit=port.device.assy, port=port.number, **_times(span))
    go_on(span, now=now, pause=pause)
    return span


def lift(span: BadSpan, *, who: Any, now: datetime | None = None, pause: Pause = time.sleep) -> BadSpan:
    """Let what was measured in a bad span count again; the span is kept as history.

    Raises NotMarked, with nothing changed, if that was done already.
    """
    now = now or datetime.now(UTC)
    with transaction.atomic():
        span = BadSpan.objects.select_for_update().get(pk=span.pk)
        _refuse_lifting(span)
        span.lifted_at, span.lifted_by = now, who if getattr(who, "pk", None) else None
        span.save(update_fields=["lifted_at", "lifted_by"])
        audit.note(who, "lift_bad", span.port.device, before=_told(span))
        _step(span, now)
    log.info("A bad span counts again", unit=span.port.device.assy, port=span.port.number, **_times(span))
    go_on(span, now=now, pause=pause)
    return span


def go_on(
    span: BadSpan,
    *,
    limit_steps: int = STEPS_AT_ONCE,
    now: datetime | None = None,
    pause: Pause = time.sleep,
) -> None:
    """Go on with a span that is not yet, or still, in effect where it should not be. May be stopped anywhere."""
    now = now or datetime.now(UTC)
    unfinished = BadSpan.objects.unfinished().filter(pk=span.pk)
    for _ in range(limit_steps):
        with transaction.atomic():
            held = unfinished.select_for_update().first()
            if held is None:
                break
            _step(held, now)
        let_others_write(pause)
    span.refresh_from_db(fields=["until_ms"])


def go_on_all() -> None:
    """Go on with all such spans."""
    for span in BadSpan.objects.unfinished().order_by("pk"):
        go_on(span)


def hand_over(source: Port, target: Port, since_ms: int) -> None:
    """Let a port have the bad spans of another one from a moment on, as it gets what that one measured since then.

    In the caller's transaction, which sees to it that all minutes that are moved are rolled up again.
    """
    spans = BadSpan.objects.filter(port=source, end_ms__gt=since_ms)
    spans.filter(start_ms__lt=since_ms).update(start_ms=since_ms, until_ms=Greatest("until_ms", since_ms))
    spans.update(port=target)


# --- What speaks against it ---------------------------------------------------------------------------------------
def _checked(port: Port, start_ms: int, end_ms: int, reason: str, now: datetime) -> tuple[int, int, str]:
    """The whole minutes and the reason without blanks around it."""
    reason = reason.strip()
    if not reason:
        raise NotMarked(_named(port), gettext_noop("say why what it measured is bad. Nothing was marked."))
    if len(reason) > _MOST_CHARACTERS:
        template = gettext_noop("the reason has more than %(most)d characters. Nothing was marked.")
        raise NotMarked(_named(port), template, {"most": _MOST_CHARACTERS})
    if end_ms <= start_ms:
        raise NotMarked(_named(port), gettext_noop("the start has to lie before the end. Nothing was marked."))
    if start_ms < _FIRST_MS or end_ms > _LAST_MS:
        template = gettext_noop("a span lies between %(first)s and %(last)s. Nothing was marked.")
        raise NotMarked(_named(port), template, {"first": format_time(_FIRST_MS), "last": format_time(_LAST_MS)})
    start_ms, end_ms = whole_minutes(start_ms, end_ms)
    if start_ms > floor_minute(to_ms(now)):
        template = gettext_noop("%(moment)s is still to come. Nothing was marked.")
        raise NotMarked(_named(port), template, {"moment": format_time(start_ms)})
    _refuse_sums(port, start_ms, end_ms)
    return start_ms, end_ms, reason


def _refuse_sums(port: Port, start_ms: int, end_ms: int) -> None:
    """Minutes whose readings are gone could neither be computed without them, nor ever again with them."""
    since_ms = computable_since(port.device_id)
    last_ms = _newest_minute(port, start_ms, end_ms if since_ms is None else min(end_ms, since_ms))
    gone_ms = readings_gone(port.device_id)
    until_ms = gone_ms if start_ms < gone_ms else None if last_ms is None else last_ms + MINUTE_MS
    if until_ms is not None:
        template = gettext_noop(
            "of what it measured until %(moment)s only sums are stored, from which nothing can be left out. Nothing "
            "was marked."
        )
        raise NotMarked(_named(port), template, {"moment": format_time(until_ms)})


def _newest_minute(port: Port, start_ms: int, end_ms: int) -> int | None:
    """The start of the newest minute that is stored of a span; in a file, the newest that its port may have there."""
    rows = PortMinute.objects.filter(port=port, start__gte=start_ms, start__lt=end_ms).order_by("-start")
    files = ArchiveFile.objects.filter(
        kind=minutes_of(PORT_LINES).name, device=port.device_id, start_ms__lt=end_ms, last_ms__gte=start_ms
    )
    in_files = files.order_by("-start_ms").values_list("last_ms", flat=True)[:1]
    found = [*rows.values_list("start", flat=True)[:1], *(min(last, end_ms - MINUTE_MS) for last in in_files)]
    return max(found, default=None)


def _refuse_lifting(span: BadSpan) -> None:
    if span.lifted_at is not None:
        raise NotMarked(_named(span.port), gettext_noop("that span counts again already. Nothing was changed."))
    gone_ms = readings_gone(span.port.device_id)
    since_ms = computable_since(span.port.device_id) or gone_ms
    if span.start_ms >= since_ms:
        return
    # Only where something is stored from before does the start of the readings say that others are gone.
    if span.start_ms < gone_ms or PortMinute.objects.filter(port=span.port, start__lt=since_ms).exists():
        template = gettext_noop(
            "the readings from before %(moment)s are not stored any more, so that this cannot be undone. Nothing was "
            "changed."
        )
        raise NotMarked(_named(span.port), template, {"moment": format_time(since_ms)})


# --- Steps --------------------------------------------------------------------------------------------------------
def _step(span: BadSpan, now: datetime) -> None:
    """Let some more minutes of a span be bad, or good again if it is lifted, and mark them to be rolled up again.

    In the caller's transaction, which holds the row of the span. Minutes that are not over yet, or of which nothing is
    stored, need no mark: readings that come to them bring it along.
    """
    stored = _stored(span.port.device_id, to_ms(now))
    if span.lifted_at is None:
        begin = max(span.until_ms, stored.start)
        end = begin + MINUTES_PER_STEP * MINUTE_MS
        minutes = range(begin, min(end, span.end_ms, stored.stop), MINUTE_MS)
        span.until_ms = span.end_ms if end >= min(span.end_ms, stored.stop) else end
    else:
        end = min(span.until_ms, stored.stop)
        begin = end - MINUTES_PER_STEP * MINUTE_MS
        minutes = range(max(begin, span.start_ms, stored.start), end, MINUTE_MS)
        span.until_ms = span.start_ms if begin <= max(span.start_ms, stored.start) else begin
    marks = [DirtyBucket(device_id=span.port.device_id, minute=minute) for minute in minutes]
    DirtyBucket.objects.bulk_create(marks, ignore_conflicts=True)
    span.save(update_fields=["until_ms"])


def _stored(device_id: int, now_ms: int) -> range:
    """The minutes of a device that may have readings, or rollups."""
    since_ms = computable_since(device_id)
    if since_ms is None:
        return range(0)
    times = DeviceReading.objects.filter(device=device_id).order_by("-time").values_list("time", flat=True)
    return range(since_ms, floor_minute(max(now_ms, times.first() or 0)) + MINUTE_MS, MINUTE_MS)


# --- As it is told ------------------------------------------------------------------------------------------------
def _told(span: BadSpan) -> dict[str, str]:
    return {"port": f"CT{span.port.number}", **_times(span), "reason": span.reason}


def _times(span: BadSpan) -> dict[str, str]:
    return {"from": format_time(span.start_ms), "to": format_time(span.end_ms)}


def _named(port: Port) -> str:
    return f"{port.device} {port.label}"
