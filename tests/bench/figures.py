"""Figures, and the medians that most of them are."""

import statistics
import time
from collections.abc import Callable

Figure = dict[str, object]

ROUNDS = 7


def figure(name: str, value: float, unit: str) -> Figure:
    return {"name": name, "value": round(value, 3), "unit": unit}


def median_s(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of the seconds that an action takes, after one round that does not count."""
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
