"""Asks the units once a period, listens to what they publish, and hands both to the writer: ``collect_ct6``."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Final

import structlog

from devices.ct6.broker import Broker
from devices.ct6.mqtt import Message, Subscriber
from devices.ct6.udp import TAKEN_AT_ONCE, AnswerSocket, Datagram
from readings.collect.backlog import Backlog, boot_id
from readings.collect.inbox import Arrival
from readings.collect.questions import NOBODY, Questions, Targets
from readings.collect.spool import Spool
from readings.collect.ways import Way
from readings.collect.writer import Counts, Writer, steady_ns

log = structlog.get_logger(__name__)

_FLUSH_S: Final = 1.0
_SPOOL_MAX_BYTES: Final = 1_000_000_000
_TICK_S: Final = 1.0
_SUMMARY_S: Final = 60.0
_PATIENCE_S: Final = 10.0
# The kernel notes when each answer came; a turn that takes many of them costs little more than one that takes one.
_GATHER_S: Final = 0.01
# Leaving takes two seconds at most, a slow machine's end of the process included.
_LAST_ANSWERS_S: Final = 0.2
_LAST_TAKES: Final = 16
_LAST_FLUSH_S: Final = 1.1
_CLOCK_WAS_SET_NS: Final = 50_000_000
_CLOCK_GRAIN_NS: Final = 2_000_000
# Older than this is no datagram of ours: the clock was set while it waited.
_OLDEST_NS: Final = 120_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to collect: whom to ask, how often, and for how long (None: until told to stop).

    While the database takes no answers they wait in the folder ``spool`` (None: in memory, for a minute). What units
    publish to the ``broker`` is collected too; of a unit that is heard by both, the ``preferred`` way counts.
    """

    targets: Targets
    period_s: float
    duration_s: float | None = None
    flush_s: float = _FLUSH_S
    spool: Path | None = None
    spool_max_bytes: int = _SPOOL_MAX_BYTES
    broker: Broker | None = None
    preferred: Way = Way.AYT


class Collector:
    """Runs in the thread that calls `run`; `stop` and `counts` may be called from any other.

    It asks nobody while another collector does so on the same database.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        spool = None if plan.spool is None else Spool(plan.spool, plan.spool_max_bytes, boot_id())
        self._backlog = Backlog(spool, flush_s=plan.flush_s)
        self._receive_drops = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stop_asked = threading.Event()
        self._socket: AnswerSocket | None = None
        self._questions: Questions | None = None
        self._subscriber: Subscriber | None = None
        self._writer = Writer(
            self._backlog,
            period_s=plan.period_s,
            flush_s=plan.flush_s,
            heartbeat=self._heartbeat,
            failed=self.stop,
            preferred=plan.preferred,
        )

    def counts(self) -> Counts:
        return self._writer.counts()

    @property
    def on_disk(self) -> int:
        """How many answers wait there for the database."""
        return self._backlog.on_disk

    def stop(self) -> None:
        """Store what is there and return from `run`, within two seconds."""
        self._stop_asked.set()
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    def run(self) -> None:
        """Collect until `stop`, SIGTERM or SIGINT, or the end of the duration. Raises OSError without a socket."""
        asyncio.run(self._collect())

    async def _collect(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        if self._stop_asked.is_set():
            self._loop = None
            return
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stopping.set)
        with AnswerSocket() as answers:
            self._socket = answers
            self._questions = Questions(answers, self._plan.targets, self._plan.period_s, lambda: self._writer.may_ask)
            self._say_start(answers)
            self._loop.add_reader(answers, self._gather, self._loop, answers)
            self._writer.start()
            self._listen()
            try:
                await self._until_stopped(self._questions)
                await asyncio.sleep(_LAST_ANSWERS_S)
                self._drain_all(answers)
            finally:
                self._loop.remove_reader(answers)
                self._loop = None
                self._listen_no_more()
                stored_all = self._writer.stop(_LAST_FLUSH_S)
                self._backlog.close()
        self._say_end(stored_all=stored_all)
        if self._writer.failure is not None:
            raise self._writer.failure

    async def _until_stopped(self, questions: Questions) -> None:
        """Ask until the event, the duration's end, or an error of one of the tasks, which it raises."""
        assert self._stopping is not None  # noqa: S101 - tells the type checker what _collect has just set
        tasks = {
            asyncio.create_task(self._stopping.wait()),
            asyncio.create_task(questions.ask_for_ever()),
            asyncio.create_task(self._look_after(questions)),
        }
        try:
            done, _ = await asyncio.wait(tasks, timeout=self._plan.duration_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        for task in done:
            task.result()

    def _gather(self, loop: asyncio.AbstractEventLoop, answers: AnswerSocket) -> None:
        if answers.receive_buffer_bytes < answers.wanted_buffer_bytes:  # it may be full before
            self._drain(answers)
            return
        loop.remove_reader(answers)
        loop.call_later(_GATHER_S, self._take_gathered, loop, answers)

    def _take_gathered(self, loop: asyncio.AbstractEventLoop, answers: AnswerSocket) -> None:
        if self._loop is None:  # it has been taken, and the socket is closed
            return
        taken = 0
        try:
            taken = self._drain(answers)
        finally:
            if taken < TAKEN_AT_ONCE:
                loop.add_reader(answers, self._gather, loop, answers)
            else:  # a flood
                loop.call_soon(self._take_gathered, loop, answers)

    def _drain(self, answers: AnswerSocket) -> int:
        """How many datagrams there were."""
        datagrams = answers.receive()
        wall_ns, now_ns = _clocks_ns()
        arrivals = [_arrival(datagram, wall_ns, now_ns) for datagram in datagrams]
        if self._subscriber is not None:
            published = map(_publication, self._subscriber.receive())
            arrivals = sorted([*arrivals, *published], key=attrgetter("steady_ms"))
        self._backlog.add(arrivals, now_ns // 1_000_000)
        return len(datagrams)

    def _drain_all(self, answers: AnswerSocket) -> None:
        """What has come so far; in a flood there is always more."""
        for _ in range(_LAST_TAKES):
            if self._drain(answers) < TAKEN_AT_ONCE:
                return

    def _listen(self) -> None:
        """A collector that stands by listens too, so that nothing is missing when it takes over. But of a topic that is
        shared it would take its share away.
        """
        broker = self._plan.broker
        may_listen = broker is not None and (self._writer.may_ask or not broker.shared)
        if broker is not None and may_listen and self._subscriber is None:
            self._subscriber = Subscriber(broker, self._published)
            self._subscriber.start()
        elif not may_listen:
            self._listen_no_more()

    def _listen_no_more(self) -> None:
        if self._subscriber is not None:
            self._subscriber.stop()
            self._subscriber = None

    def _published(self) -> None:
        """Units have published something; called in the thread that listens."""
        loop, answers = self._loop, self._socket
        if loop is not None and answers is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._drain, answers)

    async def _look_after(self, questions: Questions) -> None:
        """Once a second: say what an operator has to know."""
        started_s = said_s = time.monotonic()
        hinted, asked = False, 0
        before = self._writer.counts()
        wall_ns, now_ns = _clocks_ns()
        apart_ns = wall_ns - now_ns
        while True:
            await asyncio.sleep(_TICK_S)
            apart_ns = _say_if_clock_was_set(apart_ns)
            self._say_receive_drops()
            self._listen()
            now_s, counts = time.monotonic(), self._writer.counts()
            if not self._writer.may_ask:
                started_s = said_s = now_s
                before, asked = counts, questions.asked
                continue
            if not hinted and not counts.answers and now_s - started_s > _PATIENCE_S + 2 * self._plan.period_s:
                hinted = True
                _say_nobody_answers(self._plan.targets, self._plan.broker)
            if now_s - said_s >= _SUMMARY_S:
                _say_summary(before, counts, questions.asked - asked)
                said_s, before, asked = now_s, counts, questions.asked

    def _heartbeat(self) -> dict[str, object]:
        answers, questions = self._socket, self._questions
        if answers is None or questions is None:
            return {}
        return {
            "asking": str(self._plan.targets),
            "port": self._plan.targets.port,
            "questions": questions.asked,
            "receive_buffer_bytes": answers.receive_buffer_bytes,
            "wanted_buffer_bytes": answers.wanted_buffer_bytes,
            "receive_drops": self._receive_drops,
            **self._mqtt(),
        }

    def _mqtt(self) -> dict[str, object]:
        broker, subscriber = self._plan.broker, self._subscriber
        if broker is None:
            return {}
        said: dict[str, object] = {"mqtt": str(broker), "asks_nobody": self._plan.targets == NOBODY}
        if subscriber is not None:
            said["mqtt_messages"], said["mqtt_dropped"] = subscriber.messages, subscriber.dropped
            said["mqtt_trouble"] = subscriber.trouble
        return said

    def _say_start(self, answers: AnswerSocket) -> None:
        log.info(
            "Collecting has started",
            asking=str(self._plan.targets),
            listening=str(self._plan.broker or "to no MQTT server"),
            port=self._plan.targets.port,
            period_s=self._plan.period_s,
            receive_buffer_bytes=answers.receive_buffer_bytes,
        )
        if answers.receive_buffer_bytes < answers.wanted_buffer_bytes:
            log.warning(
                "The receive buffer is smaller than wanted: with hundreds of units answers may get lost",
                bytes=answers.receive_buffer_bytes,
                wanted=answers.wanted_buffer_bytes,
                to_do=_enlarge_command(answers),
            )

    def _say_receive_drops(self) -> None:
        answers = self._socket
        if answers is None:
            return
        drops = answers.drops()
        if drops > self._receive_drops:
            log.warning(
                "Answers were lost because the receive buffer was full",
                count=drops - self._receive_drops,
                to_do=_enlarge_command(answers),
            )
            self._receive_drops = drops

    def _say_end(self, *, stored_all: bool) -> None:
        counts = self._writer.counts()
        log.info("Collecting has ended", answers=counts.answers, stored=counts.stored, dropped=counts.dropped)
        if self.on_disk:
            log.warning("The database did not take the last answers; they wait on disk", count=self.on_disk)
        elif not stored_all and (counts.waiting or not self._backlog.is_kept):  # else it was only slow to end
            log.error("The database did not take the last answers; they are lost", count=counts.waiting)


def _clocks_ns() -> tuple[int, int]:
    """The wall clock and the steady one, read at one moment."""
    for _ in range(5):
        before_ns = steady_ns()
        wall_ns = time.time_ns()
        if steady_ns() - before_ns < _CLOCK_GRAIN_NS:  # else we were interrupted in between
            break
    return wall_ns, before_ns


def _arrival(datagram: Datagram, wall_ns: int, now_ns: int) -> Arrival:
    age_ns = wall_ns - datagram.received_ns
    if not 0 <= age_ns <= _OLDEST_NS:
        age_ns = 0
    return Arrival(
        datagram.payload, datagram.address, datagram.received_ns // 1_000_000, (now_ns - age_ns) // 1_000_000
    )


def _publication(message: Message) -> Arrival:
    received_ms, steady_ms = message.received_ns // 1_000_000, message.steady_ns // 1_000_000
    return Arrival(message.payload, message.topic, received_ms, steady_ms, Way.MQTT)


def _say_if_clock_was_set(apart_ns: int) -> int:
    wall_ns, now_ns = _clocks_ns()
    step_ns = wall_ns - now_ns - apart_ns
    if abs(step_ns) > _CLOCK_WAS_SET_NS:
        log.warning(
            "The clock of this machine was set; time that is measured already is not measured again",
            by_s=round(step_ns / 1e9, 3),
        )
    return wall_ns - now_ns


def _say_nobody_answers(targets: Targets, broker: Broker | None) -> None:
    if targets == NOBODY:
        log.warning(
            "No unit has published anything yet",
            listening=str(broker),
            to_do="see that the units are active and that their MQTT server and topic are these",
        )
        return
    log.warning(
        "No unit has answered yet",
        asked=str(targets),
        to_do=f"see that the units are switched on, active and on this LAN, that no firewall drops UDP from and to "
        f"port {targets.port}, or name their addresses with --address or CT6_ADDRESSES",
    )


def _say_summary(before: Counts, now: Counts, asked: int) -> None:
    log.info(
        "The last minute",
        units=now.units,
        questions=asked,
        answers=now.answers - before.answers,
        stored=now.stored - before.stored,
        dropped=now.dropped + now.refused - before.dropped - before.refused,
        warnings=now.warnings - before.warnings,
        waiting=now.waiting,
    )


def _enlarge_command(answers: AnswerSocket) -> str:
    return f"sysctl -w net.core.rmem_max={answers.wanted_buffer_bytes}, and start again"
