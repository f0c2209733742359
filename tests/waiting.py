"""Bounded waits for what other threads and processes do."""

import threading
import time
from collections.abc import Callable


def until(happened: Callable[[], object], limit_s: float = 60.0) -> float:
    """How many seconds it took. Fails past the limit, which is far longer than a busy machine needs."""
    started_s = time.monotonic()
    while not happened():
        assert time.monotonic() - started_s < limit_s, "it did not happen in time"
        threading.Event().wait(0.02)
    return time.monotonic() - started_s
