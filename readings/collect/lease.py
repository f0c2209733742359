"""Who asks the units: one collector at a time on one database, since two would store the same energy twice. Who tells
people what is wrong: one watch at a time, so that they are told once.

The lease is a row that its holder renews. Nobody compares the clocks of two machines: every renewal makes the row's
moment later, and another process takes the lease once it has watched the same moment for some seconds. Collectors
of different LANs that feed one database still take turns: one has to reach all units, by CT6_ADDRESSES.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import psutil
import structlog
from django.db import DatabaseError, IntegrityError, models, transaction

from readings.models import Heartbeat

log = structlog.get_logger(__name__)

PART: Final = "collector-lease"
_RENEWED_AFTER_S: Final = 2.0
# With a look a second, and a renewal seen a second late, it is taken within ten seconds of the last renewal.
_SILENT_S: Final = 7.0
_LONG_LOOK_S: Final = 2.0
_STEP: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Words:
    """What a process says about the other one that holds, or held, the lease."""

    overtaken: str
    stands_by: str
    takes_over: str
    goes_on: str


_OF_COLLECTORS: Final = Words(
    overtaken="Another collector has taken over while this one could not say that it works",
    stands_by="Another collector is asking the units; standing by, and taking over when it falls silent",
    takes_over="Taking over from a collector that has fallen silent",
    goes_on="Taking over from the other collector, which has ended",
)


class Lease:
    """A lease as one process sees it; `held` may be read by any thread.

    A holder that cannot reach the database keeps the lease until it learns that somebody else has taken it.
    """

    def __init__(self, part: str = PART, words: Words = _OF_COLLECTORS) -> None:
        self.held = False
        self._part, self._words = part, words
        self._holder = _this_process() | {"instance": os.urandom(8).hex()}
        self._moment = datetime.min.replace(tzinfo=UTC)
        self._renewed_s = 0.0
        self._watched: tuple[datetime, float] | None = None  # another's moment, and since when it stands still
        self._standing_by_for: object = None

    def hold(self, now: datetime, steady_s: float) -> bool:
        """Renew the lease where that is due, or take it where it is free. Raises DatabaseError."""
        if not self.held:
            self.held = self._take(now, steady_s)
        elif steady_s - self._renewed_s >= _RENEWED_AFTER_S and not self._swap(self._moment, now, steady_s):
            self.held = False
            log.warning(self._words.overtaken)
        return self.held

    def is_still_ours(self) -> bool:
        """Whether the database says so at this moment. Raises DatabaseError."""
        holder = Heartbeat.objects.filter(part=self._part).values_list("detail", flat=True).first()
        return holder is not None and holder.get("instance") == self._holder["instance"]

    def release(self, now: datetime) -> None:
        """Let another process take over at once. Raises DatabaseError."""
        if self.held:
            self.held = False
            self._row_at(self._moment).update(at=max(now, self._moment + _STEP), detail={})

    def _take(self, now: datetime, steady_s: float) -> bool:
        # A look that fails tells nothing, so the time that the database was away counts for nobody's silence.
        watched, self._watched = self._watched, None
        asked_s = monotonic()
        row = Heartbeat.objects.filter(part=self._part).values_list("at", "detail").first()
        if row is None:
            return self._create(now, steady_s)
        moment, holder = row
        # Nor does one that took long: the holder had to wait as well.
        took_s = monotonic() - asked_s
        if watched is None or watched[0] != moment or took_s >= _LONG_LOOK_S:
            watched = moment, steady_s + took_s
        self._watched = watched
        is_silent = steady_s - watched[1] >= _SILENT_S
        if holder.get("instance") and not is_silent and not _has_died(holder):
            self._say_standing_by(holder)
            return False
        if not self._swap(moment, now, steady_s):
            return False
        if holder.get("instance"):
            log.warning(self._words.takes_over, host=holder.get("host"), pid=holder.get("pid"))
        elif self._standing_by_for is not None:
            log.info(self._words.goes_on)
        self._standing_by_for = None
        return True

    def _create(self, now: datetime, steady_s: float) -> bool:
        try:
            with transaction.atomic():
                Heartbeat.objects.create(part=self._part, at=now, detail=self._holder)
        except IntegrityError:  # somebody was faster
            return False
        self._moment, self._renewed_s = now, steady_s
        return True

    def _swap(self, seen: datetime, now: datetime, steady_s: float) -> bool:
        """Make the lease ours if nothing has happened to it since it was seen."""
        later = max(now, seen + _STEP)
        if not self._row_at(seen).update(at=later, detail=self._holder):
            return False
        self._moment, self._renewed_s = later, steady_s
        return True

    def _say_standing_by(self, holder: dict[str, object]) -> None:
        if self._standing_by_for != holder["instance"]:
            self._standing_by_for = holder["instance"]
            log.warning(self._words.stands_by, host=holder.get("host"), pid=holder.get("pid"))

    def _row_at(self, moment: datetime) -> models.QuerySet[Heartbeat]:
        return Heartbeat.objects.filter(part=self._part, at=moment)


def release_quietly(lease: Lease) -> None:
    """Release it, unless the database does not let us: then its silence tells the others."""
    try:
        lease.release(datetime.now(UTC))
    except DatabaseError as error:
        log.warning("Another process can take over in some seconds only", reason=str(error))


def _this_process() -> dict[str, object]:
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "pids_of": _pids_of(),
    }


def _pids_of() -> str:
    """What tells whether another process's number means anything here: the boot, and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - it is no path that it names
    except OSError:
        return ""


def _has_died(holder: dict[str, object]) -> bool:
    """Whether the holder was a process of this machine that is no more; so that a restart costs no seconds."""
    pid, pids_of = holder.get("pid"), holder.get("pids_of")
    if not isinstance(pid, int) or not pids_of or pids_of != _pids_of():
        return False
    try:
        return psutil.Process(pid).create_time() != holder.get("started")
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
