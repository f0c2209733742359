"""How long and how often, in `make test` and in `make soak`."""

import os
import threading
from collections.abc import Callable

from tests import waiting

SOAKING = bool(os.environ.get("CT6_SOAK"))
LIMIT_S = 300.0 if SOAKING else 60.0


def short(value: float, *, soak: float) -> float:
    return soak if SOAKING else value


def times(count: int, *, soak: int) -> int:
    return soak if SOAKING else count


def until(happened: Callable[[], object], limit_s: float = LIMIT_S) -> float:
    """How many seconds it took."""
    return waiting.until(happened, limit_s)


def let_pass(seconds: float) -> None:
    """The fault lasts; there is nothing to wait for."""
    threading.Event().wait(seconds)
