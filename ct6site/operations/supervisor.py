"""Keeps the parts of an installation running as children of one process."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_LOOKS_EVERY_S: Final = 0.25
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 30.0
STABLE_AFTER_S = 60.0
STOP_LIMIT_S = 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the installation: its name in the log, its command and what its environment adds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False  # what it writes to its standard output is not worth reading; its log is elsewhere


class _Child:
    """A part's process: started again after a pause when it dies, a longer one each time it dies young."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._start_at = 0.0

    def look_after(self, now: float) -> None:
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif (code := self._process.poll()) is not None:
            self._note_death(code, now)

    def _start(self, now: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (the commands are ours)
            ended_with_parent(self.part.command),
            env={**os.environ, **self.part.environment},
            stdout=subprocess.DEVNULL if self.part.quiet else None,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops the parts in order
        )
        self._started = now

    def _note_death(self, code: int, now: float) -> None:
        self._end_group()  # what it forked must not live on beside its successor
        self._process = None
        if now - self._started >= STABLE_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        self._start_at = now + self._pause_s
        log.warning("a part ended and is started again", part=self.part.name, code=code, in_s=self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_until(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("a part did not stop in time and was killed", part=self.part.name)
        self._end_group()
        self._process.wait()

    def _end_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def ended_with_parent(command: Sequence[str]) -> list[str]:
    """The command in a way that the kernel ends it when its parent is killed, so that nothing runs unsupervised."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else list(command)


def outcome_of(command: Sequence[str]) -> int:
    """Run a command to its end, in a session of its own, and return its status. It does not outlive Ctrl-C: call it
    from the main thread.
    """
    interrupts: list[int] = []
    # An exception may come at any moment, and one while the process is made leaves it behind, unknown to us.
    former = signal.signal(signal.SIGINT, lambda number, _frame: interrupts.append(number))
    try:
        with subprocess.Popen(ended_with_parent(command), start_new_session=True) as process:  # noqa: S603  (ours)
            while process.poll() is None:
                if interrupts:
                    process.kill()
                    raise KeyboardInterrupt
                time.sleep(_LOOKS_EVERY_S)
            return process.returncode
    finally:
        signal.signal(signal.SIGINT, former)


class Supervisor:
    """Runs all parts until SIGTERM or SIGINT, then stops them in the order given."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._children = [_Child(part) for part in parts]
        self._stop = threading.Event()

    def run(self) -> None:
        """Return when a signal asked for the end and all parts are gone. Call it from the main thread."""
        former = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._stop.is_set():
                now = time.monotonic()
                for child in self._children:
                    child.look_after(now)
                self._stop.wait(_LOOKS_EVERY_S)
        finally:
            self._stop_all()
            for number, handler in former.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _stop_all(self) -> None:
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_LIMIT_S
        for child in self._children:
            child.wait_until(deadline)
