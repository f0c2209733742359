"""Warnings that cannot flood the log: counted by kind and source, said once and then at most once a minute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_SOURCES_KEPT: Final = 64
_MANY: Final = "many others"


class Oddity(StrEnum):
    """What can be wrong with something that arrived, as the log says it."""

    NO_ANSWER = "Something arrived that is no answer of a unit"
    OTHER_PRODUCT = "Another product answered and is ignored"
    DUPLICATE = "An answer came twice; the copy was left out"
    IMPLAUSIBLE = "A unit reported values outside any physical range; they count as missing"
    CONTESTED = "An answer came under a label that two units claim"
    UPTIME_UNKNOWN = "A unit did not tell whether it restarted while it was silent; that time counts as not measured"
    TOO_MANY_LABELS = "One address claims more labels than units have addresses; it is ignored"


_DAY_S: Final = 86_400.0
# How long a kind of a source stays unsaid. Another product on the LAN is there to stay.
_QUIET_S: Final = {Oddity.OTHER_PRODUCT: _DAY_S}
_QUIET_OTHERWISE_S: Final = 60.0


@dataclass(slots=True)
class _Entry:
    said_s: float
    unsaid: int
    detail: str


class Oddities:
    """The oddities of one collector; `now_s` is a clock that never jumps."""

    def __init__(self) -> None:
        self.counts: Counter[Oddity] = Counter()
        self._entries: dict[Oddity, dict[str, _Entry]] = {kind: {} for kind in Oddity}

    @property
    def total(self) -> int:
        return self.counts.total()

    def count(self, kind: Oddity) -> None:
        """Count one that is said elsewhere."""
        self.counts[kind] += 1

    def note(self, kind: Oddity, source: str, now_s: float, detail: str = "") -> None:
        """Count one, and say it unless the same was said lately."""
        self.counts[kind] += 1
        entries = self._entries[kind]
        if source not in entries and len(entries) >= _SOURCES_KEPT:
            source = _MANY
        entry = entries.get(source)
        if entry is None:
            entries[source] = _Entry(now_s, 0, detail)
            log.warning(kind.value, source=source, reason=detail, count=1)
            return
        entry.unsaid += 1
        entry.detail = detail

    def say_due(self, now_s: float) -> None:
        """Say what was counted since, and forget what has stopped."""
        for kind, entries in self._entries.items():
            quiet_s = _QUIET_S.get(kind, _QUIET_OTHERWISE_S)
            for source, entry in list(entries.items()):
                if now_s - entry.said_s < quiet_s:
                    continue
                if not entry.unsaid:
                    del entries[source]
                    continue
                log.warning(kind.value, source=source, reason=entry.detail, count=entry.unsaid)
                entry.said_s, entry.unsaid = now_s, 0
