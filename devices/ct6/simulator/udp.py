"""The UDP side of simulated units: a socket per address that answers "are you there"."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from devices.ct6.protocol import AYT_QUESTION
from devices.ct6.simulator.unit import SimulatedUnit

Asker: TypeAlias = tuple[str, int]

_EXPECTED = json.loads(AYT_QUESTION)["AYT"]
_QUESTIONS_A_TURN = 64
_QUESTION_BYTES = 2048


def is_question(payload: bytes) -> bool:
    """Whether a datagram asks "are you there": other keys beside the known one do no harm."""
    if payload == AYT_QUESTION:
        return True
    try:
        asked = json.loads(payload)
    except ValueError:
        return False
    return isinstance(asked, dict) and asked.get("AYT") == _EXPECTED


class QuestionSocket:
    """Calls `answer` for every question that reaches a bound socket; owns the socket."""

    def __init__(self, bound: socket.socket, answer: Callable[[Asker], None]) -> None:
        self._socket = bound
        self._answer = answer
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Stop listening."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def send(self, payload: bytes, asker: Asker) -> None:
        """Send, or lose it as any datagram may be lost."""
        with contextlib.suppress(OSError):
            self._socket.sendto(payload, asker)

    def _readable(self) -> None:
        # Bounded, so that a flood of questions at one address leaves the others their turn.
        for _ in range(_QUESTIONS_A_TURN):
            try:
                payload, asker = self._socket.recvfrom(_QUESTION_BYTES)
            except OSError:
                return
            if is_question(payload):
                self._answer(asker)


class AytEndpoint:
    """Answers for one unit, with the unit's faults."""

    def __init__(self, unit: SimulatedUnit, bound: socket.socket) -> None:
        self._unit = unit
        self._loop = asyncio.get_running_loop()
        self._socket = QuestionSocket(bound, self.asked)
        self._held: tuple[bytes, Asker] | None = None

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def asked(self, asker: Asker) -> None:
        """A question has come for this unit."""
        if self._unit.faults.loses_question():
            return
        if blocked_s := self._unit.blocked_s():
            self._loop.call_later(blocked_s, self._answer, asker)
        else:
            self._answer(asker)

    def _answer(self, asker: Asker) -> None:
        payload = self._unit.answer(time.time_ns())
        faults = self._unit.faults
        if payload is None or faults.loses_answer():
            return
        if self._held is None and faults.holds_back():
            self._held = payload, asker
            return
        held, self._held = self._held, None
        self._send(payload, asker)
        if faults.doubles():
            self._send(payload, asker)
        if held is not None:
            self._send(*held)

    def _send(self, payload: bytes, asker: Asker) -> None:
        if self._unit.faults.delay_s > 0.0:
            self._loop.call_later(self._unit.faults.delay_s, self._socket.send, payload, asker)
        else:
            self._socket.send(payload, asker)


class PreparedEndpoint:
    """Sends prepared answers in turn, one for each question, however fast they come."""

    def __init__(self, unit: SimulatedUnit, answers: Sequence[bytes], bound: socket.socket) -> None:
        self._unit = unit
        self._answers = itertools.cycle(answers)
        self._socket = QuestionSocket(bound, self.asked)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def asked(self, asker: Asker) -> None:
        """A question has come for this unit."""
        self._socket.send(next(self._answers), asker)
        self._unit.answers_sent += 1


def prepared_answers(unit: SimulatedUnit, now_ns: int, count: int) -> list[bytes]:
    """What the unit would answer in the next `count` seconds; the unit itself has sent nothing then."""
    moments = (now_ns + second * 1_000_000_000 for second in range(1, count + 1))
    answers = [answer for moment in moments if (answer := unit.answer(moment)) is not None]
    unit.sent.clear()
    unit.answers_sent = 0
    return answers
