"""Gets messages to channels, with patience: whoever judges hands them over and never waits."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from ct6site.operations import sending
from ct6site.operations.alerting import Subject
from ct6site.operations.sending import NotSent

log = structlog.get_logger(__name__)

Send = Callable[[str, str, str], None]

PAUSES_S: Final = (5.0, 15.0, 60.0, 300.0, 900.0)
GIVEN_UP_AFTER_S: Final = 86_400.0
MOST_WAITING: Final = 100


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it was last known, its address readable."""

    id: int
    name: str
    address: str
    about_units: bool
    about_parts: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A title, lines, and whom it is about."""

    title: str
    body: str
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: ``failure`` is None when the channel took the message."""

    channel_id: int
    at: datetime
    subjects: tuple[Subject, ...]
    failure: NotSent | None = None


class Delivery:
    """A thread for each channel, so that one that hangs holds up no other."""

    def __init__(self, send: Send = sending.send, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._send, self._pauses_s = send, pauses_s
        self._postmen: dict[int, _Postman] = {}
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()

    def know(self, channels: Iterable[Channel]) -> None:
        """These are all there are now. What waits for others is forgotten; a changed address is tried at once."""
        known = {channel.id: channel for channel in channels}
        for channel_id in self._postmen.keys() - known.keys():
            self._postmen.pop(channel_id).end()
        for channel_id, channel in known.items():
            if channel_id in self._postmen:
                self._postmen[channel_id].channel = channel
            else:
                self._postmen[channel_id] = _Postman(channel, self._send, self._pauses_s, self._outcomes)

    @property
    def channels(self) -> list[Channel]:
        return [postman.channel for postman in self._postmen.values()]

    def hand_over(self, channel: Channel, message: Message) -> None:
        self._postmen[channel.id].take(message)

    def outcomes(self) -> list[Outcome]:
        """What became of attempts since this was asked last."""
        found = []
        while True:
            try:
                found.append(self._outcomes.get_nowait())
            except Empty:
                return found

    def end(self) -> None:
        for postman in self._postmen.values():
            postman.end()


class _Postman:
    """Sends one channel's messages in their order, each until it is taken or a day old."""

    def __init__(self, channel: Channel, send: Send, pauses_s: Sequence[float], outcomes: SimpleQueue[Outcome]) -> None:
        self._channel, self._send, self._pauses_s, self._outcomes = channel, send, pauses_s, outcomes
        self._waiting: deque[tuple[float, Message]] = deque(maxlen=MOST_WAITING)  # at the bound the oldest go
        self._changed = threading.Condition()
        self._try_now = self._ended = False
        threading.Thread(target=self._run, name=f"alerts to {channel.name}", daemon=True).start()

    @property
    def channel(self) -> Channel:
        return self._channel

    @channel.setter
    def channel(self, channel: Channel) -> None:
        with self._changed:
            self._try_now |= channel.address != self._channel.address
            self._channel = channel
            self._changed.notify()

    def take(self, message: Message) -> None:
        with self._changed:
            self._waiting.append((time.monotonic(), message))
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or bool(self._waiting))
                if self._ended:
                    return
                taken_s, message = self._waiting.popleft()
            self._deliver(message, taken_s + GIVEN_UP_AFTER_S)

    def _deliver(self, message: Message, until_s: float) -> None:
        for pause_s in itertools.chain(self._pauses_s, itertools.repeat(self._pauses_s[-1])):
            channel = self._channel
            failure = self._attempt(channel, message)
            self._outcomes.put(Outcome(channel.id, datetime.now(UTC), message.subjects, failure))
            if failure is None or time.monotonic() + pause_s > until_s:
                return
            log.warning(
                "An alert could not be sent and is sent again", channel=channel.name, reason=str(failure), in_s=pause_s
            )
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._try_now, timeout=pause_s)
                self._try_now = False
                if self._ended:
                    return

    def _attempt(self, channel: Channel, message: Message) -> NotSent | None:
        try:
            self._send(channel.address, message.title, message.body)
        except NotSent as failure:
            return failure
        return None
