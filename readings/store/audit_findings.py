"""What audits found, kept until one finds it right again: people are told of it as long as it stands."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from devices.models import Device
from readings import heartbeats
from readings.periods import HOUR_MS, day_start
from readings.store import auditing
from readings.store.auditing import Audited

PART: Final = "audit"
_WRONG: Final = "wrong"
_MOST_KEPT: Final = 200


def look_again(devices: Sequence[Device], chance: random.Random) -> Audited:
    """At the hours that were wrong the last time: that a sample leaves them out does not make them right."""
    found, by_id = Audited(), {device.pk: device for device in devices}
    for device_id, hour_ms in _wrong_before():
        if device_id not in by_id:
            continue
        again = auditing.audit([by_id[device_id]], hour_ms, hour_ms + HOUR_MS - 1, sample=None, chance=chance)
        found.hours, found.left_out = found.hours + again.hours, found.left_out + again.left_out
        found.mismatches += again.mismatches
        unseen = {(device_id, hour_ms): (device_id, hour_ms)} if again.left_out else {}
        found.wrong = {**found.wrong, **again.wrong, **unseen}
    return found


def note(found: Sequence[Audited], now: datetime) -> Mapping[str, object]:
    """Keep this in place of what was found before; returns the counts."""
    wrong = {span: seen_at for one in found for span, seen_at in one.wrong.items()}
    counts = {
        "hours": sum(one.hours for one in found),
        "left_out": sum(one.left_out for one in found),
        "mismatches": len({mismatch for one in found for mismatch in one.mismatches}),
        **({"wrong_spans": len(wrong)} if wrong else {}),
    }
    heartbeats.note(PART, now, {**counts, **({_WRONG: sorted(set(wrong.values()))[:_MOST_KEPT]} if wrong else {})})
    return counts


def first_wrong(device: Device, end_ms: int) -> int | None:
    """The start of the first local day before a moment in which an hour was found wrong: its readings are needed."""
    hours = [hour_ms for device_id, hour_ms in _wrong_before() if device_id == device.pk]
    return min((day for hour in hours if (day := day_start(hour, device.timezone)) < end_ms), default=None)


def _wrong_before() -> list[tuple[int, int]]:
    wrong = heartbeats.detail(PART).get(_WRONG)
    return [(int(device_id), int(hour_ms)) for device_id, hour_ms in wrong] if isinstance(wrong, list) else []
