"""Answers of the real firmware, and a web server that gives them as the unit did."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from devices.ct6.client import UnitClient

SAMPLES = Path(__file__).parents[2] / "data" / "samples"

HEAD = b"HTTP/1.0 200 OK\r\nContent-type: application/json\r\n\r\n"


def captured(name: str) -> bytes:
    """The bytes of a captured answer, by its file name."""
    return (SAMPLES / name).read_bytes()


def captured_json(name: str) -> Any:
    """The captured body of an answer, where it is JSON."""
    return json.loads(captured(f"{name}.json"))


def answer(body: str) -> bytes:
    """An answer as the unit frames it."""
    return HEAD + body.encode()


class ReplayServer:
    """Answers `GET /command?...` by its command and every FILE by `FILE`, one connection at a time.

    An answer is sent in the given parts; a command without an answer is never answered, as the unit hangs.
    """

    def __init__(self, answers: dict[str, list[bytes]]) -> None:
        self.requests: list[bytes] = []
        self.closed_early = 0
        self._answers = answers
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=5)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def commands(self) -> list[str]:
        """The commands that came, without their arguments."""
        return [_command(request) for request in self.requests]

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection, suppress(OSError):  # a client may go away when it has had enough
                connection.settimeout(5)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while not _is_whole(request):
            part = connection.recv(65_536)
            if not part:
                self.closed_early += 1
                return
            request += part
        self.requests.append(request)
        parts = self._answers.get(_command(request))
        if parts is None:
            connection.recv(1)  # until the client gives up
            return
        for part in parts:
            connection.sendall(part)


@contextmanager
def replaying(**answers: bytes | list[bytes]) -> Iterator[ReplayServer]:
    """A server giving these answers by command."""
    server = ReplayServer({k: v if isinstance(v, list) else [v] for k, v in answers.items()})
    try:
        yield server
    finally:
        server.close()


def client_of(server: ReplayServer, *, assy: str | None = None, timeout_s: float = 5.0) -> UnitClient:
    """A client of the replaying unit."""
    return UnitClient("127.0.0.1", server.port, assy=assy, timeout_s=timeout_s, file_timeout_s=timeout_s)


def _command(request: bytes) -> str:
    word, _, rest = request.decode(errors="replace").partition(" ")
    return word if word == "FILE" else rest.split(" ")[0].lstrip("/").partition("?")[0]


def _is_whole(request: bytes) -> bool:
    if not request.startswith(b"FILE "):
        return request.endswith(b"\r\n\r\n")
    line, end, body = request.partition(b"\n")
    return bool(end) and len(body) >= int(line.split(b" ")[3])
