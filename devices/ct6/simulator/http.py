"""The HTTP side of a simulated unit: sockets with the manners of the real one's little server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import structlog

from devices.ct6.simulator import commands
from devices.ct6.simulator.commands import Hangs
from devices.ct6.simulator.faults import HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit, UnitState

log = structlog.get_logger(__name__)

OK_HEAD = b"HTTP/1.0 200 OK\r\nContent-type: application/json\r\n\r\n"
ERROR_HEAD = b"HTTP/1.0 500 ERROR\r\nContent-type: application/json\r\n\r\n"

_BACKLOG = 5
# Memory for so many connections; further ones get no answer, and at the second bound all of it is gone.
_SERVED_AT_ONCE = 3
_OUT_OF_MEMORY = 16
# What each connection that was closed too early costs every later request, until the next start.
_STUCK_S = 0.005
_LINE_BYTES = 8192
_CHUNK_BYTES = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _ClosedEarly(Exception):
    """The client closed before the blank line of its request."""


class HttpServer:
    """Serves one unit at its address; port 0 picks a free one, kept while the unit is away."""

    def __init__(self, unit: SimulatedUnit, port: int) -> None:
        self._unit = unit
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._listener: socket.socket | None = None
        self._open_connections = 0
        # Bound for good and never listening: it keeps the port ours, and refuses connections for us.
        self._place = _bound(unit.address, port)
        self.port: int = self._place.getsockname()[1]

    def follow_state(self) -> None:
        """Listen while the unit runs and nobody wants it to refuse; be gone otherwise."""
        wanted = self._unit.state() is UnitState.RUNNING and not self._unit.faults.http_refused
        if wanted and self._listener is None:
            self._listener = _bound(self._unit.address, self.port)
            self._listener.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)
        elif not wanted and self._listener is not None:
            self._stop_listening()
            for task in self._tasks:
                task.cancel()

    async def close(self) -> None:
        """Drop every connection and give the port back."""
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._place.close()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        # Not by awaiting sock_accept: cancelled at the wrong moment, it loses an open connection.
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._served)
            # Cancelled before its first step, the task itself would never close it.
            task.add_done_callback(lambda _: connection.close())

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("simulated unit failed to serve a request", unit=self._unit.assy, exc_info=error)

    async def _serve(self, connection: socket.socket) -> None:
        self._open_connections += 1
        self._unit.most_connections = max(self._unit.most_connections, self._open_connections)
        reader = _Reader(connection)
        try:
            await self._talk(connection, reader)
        except OSError:
            log.debug("client of a simulated unit went away", unit=self._unit.assy)
        except _ClosedEarly:
            self._unit.stuck_connections += 1
        except asyncio.CancelledError:
            _reset_on_close(connection)
            raise
        finally:
            self._open_connections -= 1
            connection.close()

    async def _talk(self, connection: socket.socket, reader: _Reader) -> None:
        if self._open_connections >= _OUT_OF_MEMORY:
            log.info("simulated unit ran out of memory and restarts", unit=self._unit.assy)
            self._unit.reboot()
        if self._unit.state() is not UnitState.RUNNING:
            _reset_on_close(connection)
            return
        if self._open_connections > _SERVED_AT_ONCE:
            await reader.to_end()
            return
        try:
            line = await reader.line()
            self._unit.requests.append(line.decode("utf-8", "replace").rstrip())
            await self._request(connection, reader, line)
        except Hangs as why:
            log.debug("simulated unit leaves a connection open", unit=self._unit.assy, why=str(why))
            await reader.to_end()

    async def _request(self, connection: socket.socket, reader: _Reader, line: bytes) -> None:
        is_file = line.startswith(b"FILE ")
        if not is_file:
            await reader.rest_of_head()
        fault = self._unit.faults.strike(commands.command_of(line))
        if fault is HttpFaultKind.HANG:
            raise Hangs("a fault was asked for")
        if fault is HttpFaultKind.RESET:
            _reset_on_close(connection)
            return
        payload = await (self._file(reader, line, fault) if is_file else self._command(line, fault))
        await asyncio.get_running_loop().sock_sendall(connection, _cut(payload, fault))
        if reader.unread:
            # The real one closes without reading on, which resets the connection.
            _reset_on_close(connection)

    async def _command(self, line: bytes, fault: HttpFaultKind | None) -> bytes:
        if fault is HttpFaultKind.ERROR:
            return OK_HEAD + b'{"ERROR": "A fault was asked for"}'
        await self._work(self._unit.timing.request_s)
        body = commands.answer_line(self._unit, line)
        while blocked_s := self._unit.blocked_s():
            await asyncio.sleep(blocked_s)
        return OK_HEAD + (b"<html>busy</html>" if fault is HttpFaultKind.NOT_JSON else body.encode())

    async def _file(self, reader: _Reader, line: bytes, fault: HttpFaultKind | None) -> bytes:
        name, folder, length, sha256 = commands.file_request(line)
        path = commands.open_file(self._unit, name, folder)
        content = b""
        commands.write_file(self._unit, path, content)
        while len(content) < length:
            content += await reader.more()
            if fault is HttpFaultKind.FLASH_FULL:
                commands.write_file(self._unit, path, content[: length // 2])
                raise Hangs("the flash is full")
            commands.write_file(self._unit, path, content[:length])
        await self._work(self._unit.timing.file_s)
        damaged = fault in {HttpFaultKind.WRONG_HASH, HttpFaultKind.ERROR}
        whole, body = commands.close_file(self._unit, path, sha256, damaged=damaged)
        return (OK_HEAD if whole else ERROR_HEAD) + OK_HEAD + body.encode()

    async def _work(self, seconds: float) -> None:
        """The unit has one processor: requests wait for each other."""
        async with self._turn:
            await asyncio.sleep(seconds + self._unit.stuck_connections * _STUCK_S)


class _Reader:
    """What a client sends, in lines and in pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.unread = b""

    async def line(self) -> bytes:
        """The next line with its end; raises _ClosedEarly when there is none."""
        while b"\n" not in self.unread:
            if len(self.unread) > _LINE_BYTES:
                raise Hangs("the request is longer than the unit's memory")
            self.unread += await self._received()
        line, end, self.unread = self.unread.partition(b"\n")
        return line + end

    async def rest_of_head(self) -> None:
        """Read up to the blank line, which must be CR LF."""
        while await self.line() != b"\r\n":
            pass

    async def more(self) -> bytes:
        """What is there or comes next."""
        piece, self.unread = self.unread, b""
        return piece or await self._received()

    async def to_end(self) -> None:
        """Wait until the client closes."""
        with contextlib.suppress(_ClosedEarly):
            while True:
                await self._received()

    async def _received(self) -> bytes:
        piece = await asyncio.get_running_loop().sock_recv(self._connection, _CHUNK_BYTES)
        if not piece:
            raise _ClosedEarly
        return piece


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Lets the listener join the socket that keeps the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def _cut(payload: bytes, fault: HttpFaultKind | None) -> bytes:
    return payload[: (len(payload) + len(OK_HEAD)) // 2] if fault is HttpFaultKind.CUT_OFF else payload


def _reset_on_close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
