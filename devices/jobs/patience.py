"""Doing something on a unit in spite of a bad connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from devices.ct6.errors import UnitError
from devices.jobs.progress import Progress

Result = TypeVar("Result")


def patiently(progress: Progress, act: Callable[[], Result], *, within_s: float, every_s: float = 2.0) -> Result:
    """Do it, and again while it fails in a way that may pass. Raises the UnitError of the last time.

    `act` must be something that can be done twice: its answer may have been lost.
    """
    until_s = time.monotonic() + within_s
    while True:
        try:
            return act()
        except UnitError as error:
            if not error.retryable or time.monotonic() + every_s > until_s:
                raise
        progress.pause(every_s)
