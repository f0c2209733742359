"""The thread that talks to the database, so that the socket is read meanwhile, however slow the database is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from django.db import Error, ProgrammingError, connection

from readings.collect.backlog import Backlog, Keeper
from readings.collect.inbox import KEPT_MS
from readings.collect.ingest import Ingest, Overtaken
from readings.collect.intake import Intake
from readings.collect.lease import Lease, release_quietly
from readings.collect.losses import Cause, Losses
from readings.collect.oddities import Oddities
from readings.collect.ways import Way
from readings.heartbeats import note as note_heartbeat
from readings.models import Heartbeat

log = structlog.get_logger(__name__)

HEARTBEAT: Final = "collector"
LOSSES: Final = "losses"
_ENDED: Final = "ended"
_HEARTBEAT_S: Final = 5.0
_TROUBLE_SAID_AGAIN_S: Final = 30.0
_TAKEN_AT_ONCE: Final = 5000
_LEAST_PAUSE_S: Final = 0.05
_SHOWN_EVERY_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Counts:
    """What the collector did since its start."""

    units: int
    answers: int
    stored: int
    dropped: int
    refused: int
    warnings: int
    waiting: int


def steady_ns() -> int:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Writer(threading.Thread):
    """Takes what has arrived and stores it, once a flush interval, as long as it holds the lease.

    Ends with `stop`, or with `failure`.
    """

    def __init__(  # noqa: PLR0913 - what the collector's plan says, and how to tell the collector
        self,
        backlog: Backlog,
        *,
        period_s: float,
        flush_s: float,
        heartbeat: Callable[[], dict[str, object]],
        failed: Callable[[], None],
        preferred: Way = Way.AYT,
    ) -> None:
        # A daemon: a database that hangs must not keep the process from ending.
        super().__init__(name="writer of readings", daemon=True)
        self.failure: BaseException | None = None
        self._backlog = backlog
        backlog.stand_by()  # until the database tells who has the lease
        self._keeper = Keeper(backlog, flush_s)
        self._lease = Lease()
        # SQLite works in this process, and takes one writer at a time.
        self._ingest = Ingest(ahead=connection.vendor == "mysql", is_ours=self._lease.is_still_ours)
        self._oddities = Oddities()
        self._intake = Intake(self._ingest, self._oddities, period_s=period_s, preferred=preferred)
        self._flush_s = flush_s
        self._heartbeat = heartbeat
        self._failed = failed
        self._stopping = threading.Event()
        self._losses = Losses()
        self._dropped = 0
        self._dropped_as_old = 0
        self._beat_s = 0.0
        self._shown_ms = 0
        self._trouble_said_s: float | None = None
        self._goes_on_asking = False  # until the database tells who has the lease
        self._noted_asking: bool | None = None

    @property
    def may_ask(self) -> bool:
        """Whether this collector is the one that asks the units; else it stands by.

        Started while the database is away it asks if the process before it did: nobody can have taken over.
        """
        return self._lease.held or self._goes_on_asking

    def counts(self) -> Counts:
        """How far it is; for other threads too."""
        return Counts(
            units=self._intake.units_answering,
            answers=self._intake.answers,
            stored=self._ingest.stored,
            dropped=self._dropped + self._backlog.dropped,
            refused=self._ingest.refused,
            warnings=self._oddities.total,
            waiting=len(self._backlog) + self._intake.waiting + len(self._ingest),
        )

    def stop(self, timeout_s: float) -> bool:
        """Store what is there; False if the database did not let that happen in time."""
        self._stopping.set()
        self.join(timeout_s)
        self._keeper.stop()
        self._backlog.keep(steady_ns() // 1_000_000, all_of_it=True)
        return not self.is_alive() and not self.counts().waiting

    def run(self) -> None:
        try:
            self._keeper.start()
            self._backlog.open()
            self._goes_on_asking = self._backlog.was_asking()
            if self._goes_on_asking:
                self._backlog.take_over(steady_ns() // 1_000_000)
            pause_s = 0.0
            while not self._stopping.wait(pause_s):
                started_s = time.monotonic()
                self._turn()
                pause_s = max(_LEAST_PAUSE_S, self._flush_s - (time.monotonic() - started_s))
            if self._lease.held:
                self._intake.wait_no_more()
                self._turn()
                self._say_that_it_ends()
            release_quietly(self._lease)
            self._backlog.note_asking(asking=False)
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits for this one
            self.failure = error
            self._failed()
        finally:
            self._ingest.close()
            connection.close()

    def _turn(self) -> None:
        try:
            with suppress(Overtaken):  # the next look at the lease tells it
                self._store_all()
        except Error as error:
            connection.close()  # the next turn opens another one
            self._drop_old()
            self._say_trouble(error)
        else:
            self._say_recovered()
        self._count_losses()
        self._oddities.say_due(steady_ns() / 1e9)

    def _store_all(self) -> None:
        """Store everything that has arrived. What fails is tried again before anything more is taken: the backlog,
        which is bounded, is where answers wait."""
        while True:
            now_ms, steady_ms = time.time_ns() // 1_000_000, steady_ns() // 1_000_000
            if not self._holds_lease(steady_ms / 1000):
                self._forget()
                return
            self._intake.look_into_database(steady_ms)
            self._intake.settle(now_ms, steady_ms)
            self._ingest.write()
            if not self._intake.waiting:
                self._backlog.settled()
            self._beat()
            arrivals = self._backlog.take(_TAKEN_AT_ONCE)
            if not arrivals:
                return
            if self._backlog.follows_loss:
                self._intake.note_loss(arrivals[0].steady_ms)
            self._intake.take(arrivals)
            self._show_newest(steady_ms)

    def _show_newest(self, steady_ms: int) -> None:
        """Every other second, since each answer that is shown early is one more to decode."""
        if not self._backlog.on_disk:
            self._backlog.newest()  # what comes now is taken as it comes
        elif steady_ms - self._shown_ms >= _SHOWN_EVERY_MS:
            self._intake.show(self._backlog.newest())
            self._shown_ms = steady_ms

    def _holds_lease(self, steady_s: float) -> bool:
        held = self._lease.hold(datetime.now(UTC), steady_s)
        if held:
            self._backlog.take_over(round(steady_s * 1000))
        self._goes_on_asking = False
        if held and not self._noted_asking:
            self._go_on(is_start=self._noted_asking is None)
        if held != self._noted_asking:
            self._backlog.note_asking(asking=held)
            self._noted_asking = held
        return held

    def _go_on(self, *, is_start: bool) -> None:
        """Look at what the collector before this one left behind. Raises DatabaseError."""
        row = Heartbeat.objects.filter(part=HEARTBEAT).values_list("at", "detail").first()
        if row is None:
            return
        at, detail = row
        self._losses.go_on_from(detail.get(LOSSES))
        if is_start and not detail.get(_ENDED):
            log.warning(
                "The collector before this one did not end by itself; what reached it in its last second may be lost",
                last_sign_of_life=at.isoformat(timespec="seconds"),
            )

    def _forget(self) -> None:
        """Somebody else stores what the units answer: what came here would be energy stored twice."""
        self._backlog.stand_by()
        given_up = self._ingest.drop_all() + self._intake.forget()
        while arrivals := self._backlog.take(_TAKEN_AT_ONCE):
            given_up += len(arrivals)
        if given_up:
            self._dropped += given_up
            log.warning(
                "Answers that were not stored yet are given up, since another collector goes on", count=given_up
            )
        self._backlog.settled()
        self._backlog.close()

    def _beat(self) -> None:
        now_s = time.monotonic()
        if now_s - self._beat_s >= _HEARTBEAT_S:
            note_heartbeat(HEARTBEAT, datetime.now(UTC), self._detail())
            self._beat_s = now_s

    def _say_that_it_ends(self) -> None:
        """For the next one. Without the database it is left unsaid."""
        try:
            note_heartbeat(HEARTBEAT, datetime.now(UTC), {**self._detail(), _ENDED: True})
        except Error:
            connection.close()

    def _detail(self) -> dict[str, object]:
        counts = self.counts()
        return {
            "units": counts.units,
            "answers": counts.answers,
            **{f"answers_{way}": self._intake.by_way[way] for way in Way},
            "stored": counts.stored,
            "dropped": counts.dropped + counts.refused,
            "warnings": counts.warnings,
            "waiting": counts.waiting,
            "on_disk": self._backlog.on_disk,
            "bytes_on_disk": self._backlog.bytes_on_disk,
            "flooded": self._backlog.flooded,
            "flooded_by": self._backlog.flooded_by,
            "disk_trouble": self._backlog.disk_trouble,
            **self._heartbeat(),
            LOSSES: self._losses.as_json(),
        }

    def _count_losses(self) -> None:
        """What another collector goes on with is none."""
        now_ms = time.time_ns() // 1_000_000
        figures = self._heartbeat()
        self._losses.count(Cause.MEMORY, self._backlog.dropped_in_memory + self._dropped_as_old, now_ms)
        self._losses.count(Cause.FLOOD, self._backlog.flooded, now_ms)
        self._losses.count(Cause.RECEIVE_BUFFER, _integer(figures.get("receive_drops")), now_ms)
        self._losses.count(Cause.MQTT, _integer(figures.get("mqtt_dropped")), now_ms)
        if (given_up := self._backlog.given_up) is not None:
            self._losses.put(Cause.SPOOL, given_up)

    def _drop_old(self) -> None:
        if self._backlog.is_kept:
            return
        oldest_ms = steady_ns() // 1_000_000 - KEPT_MS
        dropped = self._ingest.drop_older_than(oldest_ms) + self._intake.drop_waiting_before(oldest_ms)
        self._dropped += dropped
        self._dropped_as_old += dropped

    def _say_trouble(self, error: Error) -> None:
        now_s = time.monotonic()
        if self._trouble_said_s is not None and now_s - self._trouble_said_s < _TROUBLE_SAID_AGAIN_S:
            return
        self._trouble_said_s = now_s
        counts = self.counts()
        no_tables = isinstance(error, ProgrammingError) or "no such table" in str(error)
        log.error(
            "The database takes no readings; answers wait for it on disk",
            reason=str(error),
            to_do="run manage.py migrate" if no_tables else "start it, or see why it is busy",
            waiting=counts.waiting,
            dropped=counts.dropped,
        )

    def _say_recovered(self) -> None:
        if self._trouble_said_s is not None:
            self._trouble_said_s = None
            log.info("The database takes readings again", dropped=self.counts().dropped)


def _integer(figure: object) -> int:
    return figure if isinstance(figure, int) else 0
