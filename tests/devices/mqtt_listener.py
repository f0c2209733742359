"""As much of an MQTT 3.1.1 server on loopback as a test message needs."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_CONNECT, _PUBLISH = 1, 3
_LOGIN_REFUSED = 4


@dataclass(slots=True)
class MqttListener:
    """What it says to those who connect, and what they told it."""

    port: int
    silent: bool = False  # takes connections and says nothing
    code: int = 0  # of its CONNACK; 0 lets in
    password: str | None = None  # anything else is turned away
    confirms: bool = True
    connections: int = 0
    messages: list[tuple[str, bytes]] = field(default_factory=list)


@contextmanager
def mqtt_listener(**options: object) -> Iterator[MqttListener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        listener = MqttListener(port=server.getsockname()[1], **options)  # type: ignore[arg-type]
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, listener, stop))
        thread.start()
        try:
            yield listener
        finally:
            stop.set()
            thread.join(5)


def _serve(server: socket.socket, listener: MqttListener, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection, _address = server.accept()
        except TimeoutError:
            continue
        listener.connections += 1
        with connection:
            connection.settimeout(0.05)
            _talk(connection, listener, stop)


def _talk(connection: socket.socket, listener: MqttListener, stop: threading.Event) -> None:
    received = b""
    while not stop.is_set():
        try:
            part = connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionResetError:
            return
        if not part:
            return
        received += part
        while not listener.silent and len(received) >= 2 and len(received) >= 2 + received[1]:
            kind, body, received = received[0], received[2 : 2 + received[1]], received[2 + received[1] :]
            connection.sendall(_reply(kind, body, listener))


def _reply(kind: int, body: bytes, listener: MqttListener) -> bytes:
    if kind >> 4 == _CONNECT:
        code = listener.code
        if listener.password is not None and not body.endswith(_text(listener.password)):
            code = _LOGIN_REFUSED
        return bytes([0x20, 2, 0, code])
    if kind >> 4 == _PUBLISH:
        (length,) = struct.unpack(">H", body[:2])
        topic, message_id, payload = body[2 : 2 + length], body[2 + length : 4 + length], body[4 + length :]
        listener.messages.append((topic.decode(), payload))
        return bytes([0x40, 2]) + message_id if listener.confirms else b""
    return b""


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
