"""What can be made to go wrong between a simulated unit and whoever asks it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum, auto


class HttpFaultKind(Enum):
    """What happens to a request in place of its answer."""

    CUT_OFF = auto()  # done, but half of the answer is missing
    NOT_JSON = auto()  # done, but the answer is a text
    ERROR = auto()  # not done, {"ERROR": ...}
    HANG = auto()  # not done, no answer, the connection stays open
    RESET = auto()  # not done, the connection is reset
    WRONG_HASH = auto()  # a file arrives damaged: deleted, {"ERROR": ...}
    FLASH_FULL = auto()  # a file finds no room: a part of it stays, the connection hangs


class ApplicationFault(Enum):
    """What is wrong with the application in a folder; shows once the unit runs it."""

    RAISES = auto()  # at its start: the other one runs where main.py falls back, else none
    HANGS = auto()  # never reaches the network, and never raises: no falling back, and no watchdog yet
    NONSENSE = auto()  # answers with what meter chips that do not answer seem to measure
    SILENT = auto()  # serves HTTP and answers no question over UDP


@dataclass(slots=True)
class HttpFault:
    """One kind of fault, for the requests whose path starts with `command` ("FILE" for a file sent).

    The first `after` of them pass, then `times` of them fail (None: all).
    """

    kind: HttpFaultKind
    command: str = ""
    after: int = 0
    times: int | None = None

    def strikes(self, command: str) -> bool:
        """Whether this request fails; counts it."""
        if not command.startswith(self.command) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults of one unit. Shares are chances from 0 to 1, drawn alike for the same seed."""

    seed: int = 1
    question_loss: float = 0.0  # the unit never hears it: its mean goes on
    answer_loss: float = 0.0  # the unit has answered: its mean starts afresh
    duplicate: float = 0.0  # the answer comes twice
    reorder: float = 0.0  # the answer comes after the next one
    delay_s: float = 0.0  # every answer comes this much later
    publishes_nothing: bool = False  # no MQTT message leaves: its mean by MQTT goes on
    http_refused: bool = False  # no TCP connection is accepted
    deaf_chips: bool = False  # the meter chips keep the gains that they have, whatever they are loaded with
    http: list[HttpFault] = field(default_factory=list)
    applications: dict[str, ApplicationFault] = field(default_factory=dict)  # by folder
    falls_back: bool = False  # main.py starts the other application when one raises; shipped firmware does not
    questions_lost: int = field(default=0, init=False)
    answers_lost: int = field(default=0, init=False)
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance of a test, not a secret

    def loses_question(self) -> bool:
        """Whether this question gets lost; counted."""
        lost = self._happens(self.question_loss)
        self.questions_lost += lost
        return lost

    def loses_answer(self) -> bool:
        """Whether this answer gets lost; counted."""
        lost = self._happens(self.answer_loss)
        self.answers_lost += lost
        return lost

    def doubles(self) -> bool:
        """Whether this answer comes twice."""
        return self._happens(self.duplicate)

    def holds_back(self) -> bool:
        """Whether this answer waits for the next one."""
        return self._happens(self.reorder)

    def strike(self, command: str) -> HttpFaultKind | None:
        """The fault of this request, if it has one."""
        return next((fault.kind for fault in self.http if fault.strikes(command)), None)

    def _happens(self, share: float) -> bool:
        return share > 0.0 and self._chance.random() < share
