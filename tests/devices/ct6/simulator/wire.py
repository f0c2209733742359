"""Asking a simulated unit over real sockets, byte by byte, without the product's own client."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from devices.ct6.protocol import AYT_QUESTION
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState

CLOSED, RESET, LEFT_OPEN, REFUSED = "closed by unit", "reset", "left open", "refused"


class Exchange(NamedTuple):
    """What came back on a connection and how it ended."""

    payload: bytes
    end: str

    @property
    def head(self) -> bytes:
        """Everything before the body, its blank line included."""
        return self.payload[: len(self.payload) - len(self.body)]

    @property
    def body(self) -> bytes:
        """What follows the last head."""
        return self.payload.rpartition(b"\r\n\r\n")[2]

    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


def talk(unit: SimulatedUnit, request: bytes, *, patience_s: float = 5.0) -> Exchange:
    """Send the bytes and read until the unit closes, or for as long as the patience lasts."""
    payload = b""
    try:
        connection = socket.create_connection((unit.address, unit.http_port), timeout=patience_s)
    except ConnectionRefusedError:
        return Exchange(payload, REFUSED)
    except ConnectionResetError:
        return Exchange(payload, RESET)
    with connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                payload += piece
        except TimeoutError:
            return Exchange(payload, LEFT_OPEN)
        except (ConnectionResetError, BrokenPipeError):
            return Exchange(payload, RESET)
    return Exchange(payload, CLOSED)


def get(unit: SimulatedUnit, target: str, *, patience_s: float = 5.0) -> Exchange:
    """A plain GET."""
    return talk(unit, f"GET {target} HTTP/1.1\r\nHost: unit\r\n\r\n".encode(), patience_s=patience_s)


def question_socket(timeout_s: float = 2.0) -> socket.socket:
    """A UDP socket to ask from."""
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(timeout_s)
    return asking


def ask(fleet: Fleet, index: int = 0, *, question: bytes = AYT_QUESTION, timeout_s: float = 2.0) -> Any:
    """The answer to one question, or None when none comes in time."""
    with question_socket(timeout_s) as asking:
        asking.sendto(question, (fleet.units[index].address, fleet.ayt_port))
        try:
            return json.loads(asking.recv(65536))
        except TimeoutError:
            return None


def wait_for(condition: Callable[[], bool], what: str, *, patience_s: float = 5.0) -> None:
    """Poll until it is so; fails after the patience."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"still not so after {patience_s} s: {what}"
        time.sleep(0.01)


def wait_until_back(unit: SimulatedUnit, boots: int) -> None:
    """Poll until the unit has started so many times and takes connections."""
    wait_for(
        lambda: unit.state() is UnitState.RUNNING and unit.boots == boots and get(unit, "/fw_version").end == CLOSED,
        f"{unit.assy} is back",
    )
