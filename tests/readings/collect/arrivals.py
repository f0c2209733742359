"""Captured answers as they arrive, at any time and from any unit."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from readings.collect.inbox import Arrival
from readings.collect.ingest import Ingest
from readings.collect.intake import Intake
from readings.collect.oddities import Oddities
from readings.collect.ways import Way

ASSY = "ASY0398_V003.300_SN00001801"
OTHER_ASSY = "ASY0398_V003.300_SN00001802"
HERE, THERE = "127.20.0.5", "127.20.0.9"  # nothing listens there
NOON_MS = 1_800_000_000_000

_SAMPLES = Path(__file__).parents[2] / "data" / "samples"


@cache
def captured(name: str = "ayt_0.json") -> bytes:
    return (_SAMPLES / name).read_bytes()


def answer_of(assy: str = ASSY, *, power_w: float | None = None, **changes: Any) -> bytes:
    """A captured answer with another label, another power of CT1, or other keys (None: left out)."""
    message = json.loads(captured()) | {"ASSY": assy}
    if power_w is not None:
        message["CT1"]["PRMS"] = power_w
    for key, value in changes.items():
        if value is None:
            del message[key]
        elif isinstance(value, dict) and isinstance(message.get(key), dict):
            message[key] = message[key] | value
        else:
            message[key] = value
    return json.dumps(message).encode()


def arrival(at_ms: int, payload: bytes | None = None, *, address: str = HERE, steady_ms: int | None = None) -> Arrival:
    """A datagram that arrives `at_ms` after noon; the steady clock agrees unless it is given."""
    steady_ms = NOON_MS + at_ms if steady_ms is None else NOON_MS + steady_ms
    return Arrival(answer_of() if payload is None else payload, address, NOON_MS + at_ms, steady_ms)


# What a unit leaves out of what it publishes.
_NOT_PUBLISHED = {"DEVICE_TYPE", "UNIT_NAME", "SERVICE_LIST", "PRODUCT_ID", "IP_ADDRESS", "OS", "GROUP_NAME"}
TOPIC = "ct6/house"


def published(at_ms: int, assy: str = ASSY, *, topic: str = TOPIC, **values: Any) -> Arrival:
    """An MQTT message of a unit that arrives `at_ms` after noon."""
    said = {key: value for key, value in json.loads(answer_of(assy, **values)).items() if key not in _NOT_PUBLISHED}
    return Arrival(json.dumps(said).encode(), topic, NOON_MS + at_ms, NOON_MS + at_ms, Way.MQTT)


class Collecting:
    """What the collector does with arrivals, without sockets and threads."""

    def __init__(self, *, period_s: float = 1.0, preferred: Way = Way.AYT) -> None:
        self.ingest = Ingest()
        self.oddities = Oddities()
        self.intake = Intake(self.ingest, self.oddities, period_s=period_s, preferred=preferred)

    def take(self, *arrivals: Arrival, at_ms: int | None = None) -> None:
        """Take these and store what becomes of them, all at once."""
        if at_ms is not None:
            now_ms = NOON_MS + at_ms
        else:
            now_ms = max((arrival.steady_ms for arrival in arrivals), default=NOON_MS)
        self.intake.look_into_database(now_ms)
        self.intake.take(arrivals)
        self.intake.settle(now_ms, now_ms)
        self.ingest.write()

    def take_each_second(self, first_s: int, last_s: int, payload: bytes | None = None, *, address: str = HERE) -> None:
        """One answer a second, from `first_s` to `last_s` after noon, each stored on its own."""
        for second in range(first_s, last_s + 1):
            self.take(arrival(second * 1000, payload, address=address))
