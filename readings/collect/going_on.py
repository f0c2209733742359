"""Where a unit's stored readings leave off, at a start of ours and when we take over from another collector.

What was overheard before that is stored already up to some message. Which one that is its values tell, since two that
listen note different times for it; where it was not heard, its time does. What came after it is stored with the windows
that it would have had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.models import Device
from devices.registration import KnownUnit, mean_was_cut
from readings.collect.ingest import new_reading, stored_timeline, values_said
from readings.collect.units import Heard, Unit
from readings.collect.ways import Before, Way
from readings.collect.windows import PERIODS_BRIDGED, SHORTEST_RESTART_MS
from readings.import_models import ImportSource


@dataclass(frozen=True, slots=True)
class _Last:
    """A unit's newest reading, and what `Device.last_answer` says of it, or of one that was told but not stored."""

    time_ms: int
    said: Mapping[str, Any]

    @property
    def way(self) -> Way:
        return Way.MQTT if self.said.get("way") == Way.MQTT else Way.AYT

    def is_what_came(self, heard: Heard, known: KnownUnit) -> bool:
        """Whether the reading was made of this message."""
        if self.way is Way.AYT or self.said.get("time") != self.time_ms:
            return False
        if self.said.get("sent_at_s") != heard.answer.sent_at_s:
            return False
        arrival = heard.arrival
        values = values_said(new_reading(known, heard.answer, arrival.time_ms, 0, arrival.steady_ms))
        return all(self.said.get(name) == value for name, value in values.items())


def go_on(unit: Unit, known: KnownUnit, *, now_ms: int, steady_ms: int, period_ms: int) -> None:
    """Let the unit's waiting answers follow what is stored of it, and leave out those that are themselves. Raises
    DatabaseError.
    """
    timeline = stored_timeline(known.device_id, now_ms, period_ms)
    if timeline.newest_ms is not None:
        _follow(unit, known, timeline.newest_ms, steady_ms, period_ms)
    unit.timeline = timeline
    if unit.mean_is_cut:
        unit.ways.cut()


def _follow(unit: Unit, known: KnownUnit, newest_ms: int, steady_ms: int, period_ms: int) -> None:
    last = _last(known, newest_ms)
    first = unit.waiting[0].arrival
    before = _before(last, first.steady_ms - first.time_ms)
    told = _told(unit.waiting, known, last)
    untold = [heard for heard in unit.waiting if not any(heard is one for one in told)]
    next_ms = (untold[0] if untold else told[-1]).arrival.time_ms
    is_cut = mean_was_cut(known.device_id, last.time_ms, next_ms, slack_ms=PERIODS_BRIDGED * period_ms)
    is_cut |= _was_imported(known.device_id, last.time_ms)
    # Nothing of the unit is changed before the database has answered everything.
    unit.waiting = untold
    unit.mean_is_cut |= is_cut
    unit.ways.go_on(before, steady_ms)
    for heard in told:
        unit.leave_out(heard, is_last=heard is told[-1] and last.is_what_came(heard, known))


def _last(known: KnownUnit, time_ms: int) -> _Last:
    said = Device.objects.filter(pk=known.device_id).values_list("last_answer", flat=True).first()
    return _Last(time_ms, said or {})


def _before(last: _Last, apart_ms: int) -> Before:
    """What it is that the unit goes on from; `apart_ms` is how far the steady clock is from the wall's."""
    if last.way is Way.AYT:
        return Before(Way.AYT)
    interval_ms, answered_ms = last.said.get("interval_ms"), last.said.get("answered_ms")
    # Until its next message was due it may have answered questions that nothing tells of. Where that is long its next
    # mean cannot be taken for that of the time since the last message.
    is_soon = interval_ms is not None and interval_ms <= SHORTEST_RESTART_MS
    if answered_ms is None or not is_soon:
        return Before(Way.MQTT, last.time_ms + apart_ms, interval_ms)
    return Before(Way.MQTT, last.time_ms + apart_ms, interval_ms, min(answered_ms, last.time_ms) + apart_ms)


def _told(waiting: list[Heard], known: KnownUnit, last: _Last) -> list[Heard]:
    """Those of before that are stored."""
    overheard = [heard for heard in waiting if heard.arrival.overheard]
    same = [index for index, heard in enumerate(overheard) if last.is_what_came(heard, known)]
    if same:  # more than one of a unit that measures nothing
        nearest = min(same, key=lambda index: abs(overheard[index].arrival.time_ms - last.time_ms))
        return overheard[: nearest + 1]
    return [heard for heard in overheard if heard.arrival.time_ms <= last.time_ms]


def _was_imported(device_id: int, newest_ms: int) -> bool:
    """Whether the newest reading is one that another application stored. It asked the unit too, and may have since."""
    return ImportSource.objects.filter(device=device_id, placed_ms__gte=newest_ms).exists()
