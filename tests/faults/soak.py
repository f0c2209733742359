"""How long and how often, in `make test` and in `make soak`."""

import os
import threading
import time
from collections.abc import Callable

SOAKING = bool(os.environ.get("CT6_SOAK"))
LIMIT_S = 300.0 if SOAKING else 60.0


def short(value: float, *, soak: float) -> float:
    return soak if SOAKING else value


def times(count: int, *, soak: int) -> int:
    return soak if SOAKING else count


def until(happened: Callable[[], object], limit_s: float = LIMIT_S) -> float:
    """How many seconds it took."""
    started_s = time.monotonic()
    while not happened():
        assert time.monotonic() - started_s < limit_s, "it did not happen in time"
        let_pass(0.05)
    return time.monotonic() - started_s


def let_pass(seconds: float) -> None:
    """The fault lasts; there is nothing to wait for."""
    threading.Event().wait(seconds)
