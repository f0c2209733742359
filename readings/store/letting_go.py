"""Readings and minutes that are older than somebody wants to keep them go for good; hours and days stay for ever.

Before anything of a device is deleted its marks (``Retention``) move behind it, so that nobody writes anew what was
made of it. Then it goes in short steps. Stopped anywhere and started again, the outcome is the same; a file that was
not removed is swept away later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction

from devices import audit
from devices.models import Device
from readings.archive_models import ArchiveFile
from readings.models import DirtyBucket
from readings.periods import format_time, to_datetime
from readings.retention_models import Retention, RetentionQuerySet
from readings.store.archive.errors import ArchiveError
from readings.store.archive.layout import Kind
from readings.store.archive.span_rows import lock, rows_of
from readings.store.due_to_go import (
    OLD_READINGS,
    Going,
    Part,
    due_files,
    first_held,
    foresee,
    is_moving,
    lines_of,
)
from readings.turn import Turn, let_others_write

log = structlog.get_logger(__name__)

# Some tenths of a second of SQLite's one write lock at most.
_ROWS_PER_STEP: Final = 10_000
_FILES_PER_STEP: Final = 100


class _OutOfTime(Exception):
    """The turn is over; the next one goes on."""


class _Waits(Exception):
    """Something came that has to be rolled up first; the next turn goes on."""


@dataclass(slots=True)
class LetGo:
    """What went, or goes on going, by device; ``more``: there was no time for all of it. ``problems``: a sentence for
    each device of which something had to stay.
    """

    going: list[Going] = field(default_factory=list)
    more: bool = False
    problems: list[str] = field(default_factory=list)


def foresee_all(now_ms: int, *, device_ids: list[int] | None = None) -> list[Going]:
    """What would go now, by device; those of which nothing would are left out."""
    found = [foresee(rule, now_ms) for rule in _of(Retention.objects.in_force(), device_ids)]
    return [going for going in found if going.parts]


def let_go(now_ms: int, *, device_ids: list[int] | None = None, who: Any = None, turn: Turn | None = None) -> LetGo:
    """Let go of all that is older than each device's rule says."""
    return _work_off(_of(Retention.objects.in_force(), device_ids), now_ms, who, turn or Turn())


def let_go_tonight(now_ms: int, *, turn: Turn) -> LetGo:
    """The same in several turns a night, each of which goes on with the devices that the others had no time for."""
    return _work_off(Retention.objects.due(to_datetime(now_ms)), now_ms, None, turn)


def _took(turn: Turn, step: str) -> None:
    """Raises _OutOfTime."""
    turn.step(step)
    let_others_write(turn.pause)
    if turn.is_over:
        raise _OutOfTime


def _of(rules: RetentionQuerySet, device_ids: list[int] | None) -> RetentionQuerySet:
    return rules if device_ids is None else rules.filter(device__in=device_ids)


def _work_off(rules: RetentionQuerySet, now_ms: int, who: Any, turn: Turn) -> LetGo:
    done = LetGo()
    for rule in rules.select_related("device"):
        going = foresee(rule, now_ms)
        done.going += [going] if going.parts else []
        try:
            if going.parts:
                _let_go(rule, going, now_ms, who, turn)
            Retention.objects.filter(pk=rule.pk).update(looked_at=to_datetime(now_ms))
            _took(turn, "looked")
        except _OutOfTime:
            done.more = True
            return done
        except _Waits:
            log.info("Something has to be rolled up before more can be let go of", unit=rule.device.assy)
        except ArchiveError as error:
            Retention.objects.filter(pk=rule.pk).update(looked_at=to_datetime(now_ms))
            done.problems.append(f"{rule.device.assy}: {error}")
            log.error("What is too old stays for now", unit=rule.device.assy, reason=str(error))  # noqa: TRY400
    return done


def _let_go(rule: Retention, going: Going, now_ms: int, who: Any, turn: Turn) -> None:
    remove = _remover() if settings.CT6_ARCHIVE or any(part.files for part in going.parts) else _nothing_to_remove
    if not _mark(rule, going, now_ms, who):
        raise _Waits
    _took(turn, "marked")
    for part in going.parts:
        for kind in part.sort.kinds:
            _remove_files(rule.device, part, kind, remove, turn)
        for kind, line in lines_of(part.sort, rule.device):
            for start_ms, end_ms in part.spans:
                _delete_rows(rule.device, kind, (line, start_ms, end_ms), turn)
        for kind in part.sort.kinds:  # what an archiver put into files meanwhile
            _remove_files(rule.device, part, kind, remove, turn)
    if going.minutes is not None:
        Retention.objects.filter(pk=rule.pk).update(minutes_done_ms=going.minutes.until_ms)


def _mark(rule: Retention, going: Going, now_ms: int, who: Any) -> bool:
    """Move the marks, so that nobody writes again what is made of what goes; False where that has to wait."""
    end_ms = max(part.until_ms for part in going.parts)
    limits = {"seconds_days": rule.seconds_days, "minutes_years": rule.minutes_years}
    with transaction.atomic():
        lock(rule.device_id)
        same = Retention.objects.select_for_update().filter(pk=rule.pk, **limits)
        if not same.exists() or is_moving(rule.device) or first_held(rule.device, end_ms, now_ms) is not None:
            return False
        moved = [
            Retention.objects.filter(pk=rule.pk, **{f"{mark}__lt": part.until_ms}).update(**{mark: part.until_ms})
            for part in going.parts
            for mark in [part.sort.mark]
        ]
        if any(moved):
            audit.note(who, "let_go", rule.device, before=told(going))
            log.info("What is older than it is to be kept goes for good", unit=rule.device.assy, **told(going))
    return True


def _remover() -> Callable[[str], None]:
    """Raises ArchiveOff, ArchiveUnreachable."""
    from readings.store.archive.place import archive  # noqa: PLC0415 - 50 MB, of everybody who never archives

    return archive().remove


def _nothing_to_remove(_path: str) -> None:
    pass


def _remove_files(device: Device, part: Part, kind: Kind, remove: Callable[[str], None], turn: Turn) -> None:
    """Remove the files that go whole; those with an hour that is kept become rows first, of which the others go."""
    while files := due_files(kind, device, (part.since_ms, part.until_ms), part.kept):
        cut = [file for file in files if _holds_one_of(part.kept, file)]
        if cut:
            _take_apart(device, part, kind, cut[0], turn)
            continue
        some = files[:_FILES_PER_STEP]
        with transaction.atomic():
            lock(device.pk)  # an archiver that puts them together finds them gone, or we its new one
            ArchiveFile.objects.filter(pk__in=[file.pk for file in some]).delete()
            _refuse_waiting(device, kind, part.until_ms)
        turn.step("unnamed")
        for file in some:
            remove(file.path)
        _took(turn, "removed")


def _holds_one_of(hours: tuple[int, ...], file: ArchiveFile) -> bool:
    return any(file.start_ms <= hour < file.end_ms for hour in hours)


def _take_apart(device: Device, part: Part, kind: Kind, file: ArchiveFile, turn: Turn) -> None:
    from readings.store.archive.restoring import restore  # noqa: PLC0415 - as above

    restore(device.pk, file.start_ms, file.end_ms, kinds=[kind], pause=turn.pause)
    for of_kind, line in lines_of(part.sort, device):
        for start_ms, end_ms in part.spans:
            span = max(start_ms, file.start_ms), min(end_ms, file.end_ms)
            if of_kind is kind and span[0] < span[1]:
                _delete_rows(device, kind, (line, *span), turn)


def _delete_rows(device: Device, kind: Kind, span: tuple[int, int, int], turn: Turn) -> None:
    """Delete the rows of a line in a span, by ranges of the primary key, never by a sliced subquery."""
    line, start_ms, end_ms = span
    until: int | None = start_ms
    while until is not None:
        with transaction.atomic():
            lock(device.pk)
            rows = rows_of(kind, line, until, end_ms)
            later = rows.order_by(kind.moment).values_list(kind.moment, flat=True)
            until = next(iter(later[_ROWS_PER_STEP : _ROWS_PER_STEP + 1]), None)
            part = rows if until is None else rows.filter(**{f"{kind.moment}__lt": until})
            if not part.delete()[0]:
                return
            _refuse_waiting(device, kind, end_ms)
        _took(turn, "rows")


def _refuse_waiting(device: Device, kind: Kind, end_ms: int) -> None:
    """Raises _Waits where a minute waits for readings that were just deleted, which the transaction then brings back.

    Whoever stores a reading marks its minutes in the same transaction: after a delete that saw one its mark is there.
    """
    if kind in OLD_READINGS.kinds and DirtyBucket.objects.filter(device=device, minute__lt=end_ms).exists():
        raise _Waits


def told(going: Going) -> dict[str, Any]:
    """For the record."""
    of_parts: dict[str, Any] = {
        part.sort.name: {"count": part.count, "from": format_time(part.first_ms), "to": format_time(part.until_ms)}
        for part in going.parts
    }
    files = sum(part.files for part in going.parts)
    return {**of_parts, **({"files": files} if files else {})}
