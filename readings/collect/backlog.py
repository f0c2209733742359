"""What has arrived and is not stored yet: the newest in memory, and on disk what has waited there for too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from readings.collect.floods import Floods
from readings.collect.inbox import Arrival, Inbox
from readings.collect.losses import Loss
from readings.collect.spool import Batch, Spool, SpoolUnusable
from readings.collect.ways import Way

log = structlog.get_logger(__name__)

_IN_MEMORY_FLUSHES: Final = 1.5  # so long a database that is well never lets them wait
# Once some wait on disk the others follow, so that a process that is killed loses less than a flush interval.
_BEHIND_OTHERS_FLUSHES: Final = 0.75
_LOOKS_A_FLUSH: Final = 4
_SAID_AGAIN_S: Final = 30.0
_TRIED_EVERY_S: Final = 60.0
_BEGINNING: Final = 0
_MOVED_AT_ONCE: Final = 2000
_TAKEN_FROM_DISK: Final = 1000  # a few megabytes once they are readings
# Another collector is replaced within ten seconds of its last sign of life, and stores each second until then.
_OVERHEARD_MS: Final = 30_000
_OVERHEARD_BYTES: Final = 64 * 1024 * 1024


def boot_id() -> str:
    """What tells whether two moments of the steady clock can be compared."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Backlog:
    """Filled by the thread that reads the socket (`add`), emptied by the one that talks to the database (`take`, and
    `settled` once all that was taken is stored), moved to disk by a third (`keep`).

    What is on disk was taken by nobody, or is not settled: after the end of the process, whatever ended it, it is
    taken again. Without a spool, or while its disk is unusable, memory holds answers as the inbox does.

    As long as this collector stands by, what units publish is kept in memory for half a minute, and taken only once it
    takes over.
    """

    def __init__(self, spool: Spool | None = None, *, flush_s: float = 1.0, inbox: Inbox | None = None) -> None:
        self._inbox = Inbox() if inbox is None else inbox
        self._floods = Floods()
        self._overheard = Inbox(_OVERHEARD_MS, _OVERHEARD_BYTES)
        self._stands_by = False
        self._at_once = 0  # so many that were overheard are taken together
        self._changing = threading.Lock()  # between the two; `_lock` may be held while the disk is slow
        self._spool = spool
        self._boot = boot_id()
        self._flush_ms = flush_s * 1000
        self._lock = threading.Lock()
        self._in_flight: list[Arrival] = []  # taken from memory, neither settled nor on disk
        self._taken = _BEGINNING  # up to this batch of the spool
        self._newest: dict[str, Arrival] = {}
        self.follows_loss = False  # whether answers are lost between those taken last and those before
        self._told_lost = 0  # by memory
        self._told_dropped = 0
        self._trouble_said_s: float | None = None
        self._is_asking = False
        self.disk_trouble = ""  # why the disk's part cannot be written, empty while it can

    def __len__(self) -> int:
        """How many are waiting, those that were taken left out as long as they are in memory."""
        return len(self._inbox) + self.on_disk

    @property
    def on_disk(self) -> int:
        return 0 if self._spool is None else self._spool.waiting

    @property
    def bytes_on_disk(self) -> int:
        return 0 if self._spool is None else self._spool.bytes

    @property
    def flooded(self) -> int:
        """How many answers were left out as too many of one sender."""
        return self._floods.left_out

    @property
    def flooded_by(self) -> str:
        """The last sender of too many, empty as long as there was none."""
        return self._floods.last_sender

    @property
    def dropped(self) -> int:
        return self.dropped_in_memory + (0 if self._spool is None else self._spool.dropped)

    @property
    def dropped_in_memory(self) -> int:
        return self._inbox.dropped

    @property
    def given_up(self) -> Loss | None:
        """What went last for the bound of the disk's part, in this process or the one before."""
        return None if self._spool is None else self._spool.given_up

    @property
    def is_kept(self) -> bool:
        """Whether everything that was taken and is not settled is on disk."""
        return self._spool is not None and not self._in_flight

    def open(self) -> None:
        """Look at what the former process left on disk, and say it."""
        with self._lock:
            if self._spool is None:
                return
            with self._disk():
                self._spool.open()
            if self._spool.waiting:
                log.warning(
                    "Answers of before wait on disk; they are stored as soon as the database takes them",
                    count=self._spool.waiting,
                )

    def add(self, arrivals: Sequence[Arrival], now_ms: int) -> None:
        """Keep these, unless they are too many of one sender."""
        arrivals = self._floods.bounded(arrivals)
        with self._changing:
            if self._stands_by:
                self._overheard.add([arrival for arrival in arrivals if arrival.way is Way.MQTT], now_ms)
                arrivals = [arrival for arrival in arrivals if arrival.way is not Way.MQTT]
            self._inbox.add(arrivals, now_ms)
        if self.on_disk:
            self._newest.update((arrival.sender, arrival) for arrival in arrivals)

    def stand_by(self) -> None:
        """Another collector stores what units publish."""
        with self._changing:
            self._stands_by = True

    def take_over(self, now_ms: int) -> None:
        """From now on this one stores it, and before that what was overheard: that is taken at once, so that it can be
        compared with what is stored."""
        with self._changing:
            if self._stands_by:
                self._stands_by = False
                self._overheard.add([], now_ms)  # what is too old goes
                overheard = self._overheard.take(len(self._overheard))
                self._at_once = len(overheard)
                self._inbox.put_back([replace(arrival, overheard=True) for arrival in overheard])

    def take(self, limit: int) -> list[Arrival]:
        """Those that have waited longest, about so many at most."""
        with self._lock:
            if from_disk := self._take_from_disk():
                return from_disk
            lost = self._inbox.dropped
            self.follows_loss, self._told_lost = lost != self._told_lost, lost
            arrivals = self._take_from_memory(limit)
            self._in_flight += arrivals
            return arrivals

    def settled(self) -> None:
        """All that was taken is stored, or will never be."""
        with self._lock:
            self._in_flight.clear()
            if self._spool is not None and self._taken != _BEGINNING:
                with self._disk():
                    self._spool.forget(self._taken)
                    self._taken = _BEGINNING

    def newest(self) -> list[Arrival]:
        """The newest answers of each sender since this was asked last, as long as older ones wait on disk."""
        newest, self._newest = self._newest, {}
        return list(newest.values())

    def keep(self, now_ms: int, *, all_of_it: bool = False) -> None:
        """Move to disk what has waited in memory for more than 1.5 flush intervals, less where others are on disk
        already, or everything."""
        with self._lock:
            if self._spool is None:
                return
            oldest = self._in_flight[0] if self._in_flight else self._inbox.oldest()
            kept_ms = self._flush_ms * (_BEHIND_OTHERS_FLUSHES if self._spool.waiting else _IN_MEMORY_FLUSHES)
            if oldest is None or (now_ms - oldest.steady_ms < kept_ms and not all_of_it):
                return
            with self._disk():
                self._move(self._spool)
            self._say_dropped(self._spool)

    def try_disk(self) -> None:
        """Learn, and say, before it is needed whether the disk takes anything. Who asks nobody leaves it to others."""
        with self._lock:
            if self._spool is not None and self._is_asking:
                with self._disk():
                    self._spool.try_to_write()

    def was_asking(self) -> bool:
        """Whether the former process asked the units until it ended without a word."""
        found = False
        with self._lock:
            if self._spool is not None:
                with self._disk(writes=False):
                    found = self._spool.was_asking()
        return found

    def note_asking(self, *, asking: bool) -> None:
        """For the next process: whether this one asks the units."""
        with self._lock:
            self._is_asking = asking
            if self._spool is not None:
                with self._disk():
                    self._spool.note_asking(asking=asking)

    def close(self) -> None:
        """Let another process have the disk's part."""
        with self._lock:
            if self._spool is not None:
                self._spool.close()

    def _move(self, spool: Spool) -> None:
        """Raises SpoolUnusable; then memory goes on holding what could not be moved."""
        if self._in_flight:
            # Where the disk could not be read older ones may be left there: then these are taken once more.
            nothing_left = spool.after(self._taken) is None
            number = spool.append(self._in_flight, taken=self._taken)
            self._taken = number if nothing_left else self._taken
            self._in_flight = []
        lost = self._inbox.dropped
        while arrivals := self._take_from_memory(_MOVED_AT_ONCE):
            try:
                spool.append(arrivals, taken=self._taken, follows_loss=lost != self._told_lost)
                self._told_lost = lost
            except SpoolUnusable:
                self._inbox.put_back(arrivals)
                raise

    def _take_from_disk(self) -> list[Arrival]:
        """Some batches together, since each take costs the writer a turn; none across a loss."""
        found: list[Arrival] = []
        while len(found) < _TAKEN_FROM_DISK and (batch := self._next_on_disk()) is not None:
            if found and batch.follows_loss:
                break
            self._taken, self.follows_loss = batch.number, self.follows_loss if found else batch.follows_loss
            found += self._in_our_time(batch)  # of a damaged one nothing
        return found

    def _take_from_memory(self, limit: int) -> list[Arrival]:
        with self._changing:
            limit, self._at_once = max(limit, self._at_once), 0
            return self._inbox.take(limit)

    def _next_on_disk(self) -> Batch | None:
        batch = None
        if self._spool is not None and self._spool.waiting:
            with self._disk(writes=False):
                batch = self._spool.after(self._taken)
        return batch

    def _in_our_time(self, batch: Batch) -> list[Arrival]:
        """The steady clock of another boot tells only what lay between two answers."""
        if batch.boot == self._boot or not batch.arrivals:
            return batch.arrivals
        first = batch.arrivals[0]
        apart_ms = _apart_ms() - (first.steady_ms - first.time_ms)
        return [replace(arrival, steady_ms=arrival.steady_ms + apart_ms) for arrival in batch.arrivals]

    @contextmanager
    def _disk(self, *, writes: bool = True) -> Iterator[None]:
        """The block ends where the disk is unusable, and that is said now and then."""
        try:
            yield
        except SpoolUnusable as error:
            self.disk_trouble = str(error)
            now_s = time.monotonic()
            if self._trouble_said_s is None or now_s - self._trouble_said_s > _SAID_AGAIN_S:
                self._trouble_said_s = now_s
                log.error(  # noqa: TRY400 - the sentence says all
                    "Answers cannot be kept on disk; while the database takes none, memory holds them for a minute",
                    reason=str(error),
                    to_do="make room there, or name another folder with CT6_SPOOL_DIR",
                )
        else:
            if writes and self.disk_trouble:  # a full disk lets itself be read
                self.disk_trouble, self._trouble_said_s = "", None
                log.info("Answers can be kept on disk again")

    def _say_dropped(self, spool: Spool) -> None:
        count = spool.dropped - self._told_dropped
        if count:
            self._told_dropped = spool.dropped
            log.error(
                "The oldest answers on disk had to go: they are lost",
                count=count,
                bytes=spool.bytes,
                to_do="get the database to work; raise CT6_SPOOL_MAX where the disk has room",
            )


def _apart_ms() -> int:
    """How far the steady clock of this boot is from the wall's."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.time_ns()) // 1_000_000


class Keeper(threading.Thread):
    """Moves to disk what waits for too long, however long the database keeps the writer waiting.

    Now and then it tries the disk, so that people are told before answers have to wait there.
    """

    def __init__(self, backlog: Backlog, flush_s: float) -> None:
        super().__init__(name="keeper of waiting answers", daemon=True)
        self._backlog = backlog
        self._every_s = flush_s / _LOOKS_A_FLUSH
        self._stopping = threading.Event()

    def run(self) -> None:
        tried_s = time.monotonic()
        while not self._stopping.wait(self._every_s):
            self._backlog.keep(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
            if time.monotonic() - tried_s >= _TRIED_EVERY_S:
                self._backlog.try_disk()
                tried_s = time.monotonic()

    def stop(self) -> None:
        self._stopping.set()
        self.join()
