"""Several simulated units on consecutive loopback addresses, served by one event loop."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote

from devices.ct6.protocol import AYT_PORT
from devices.ct6.simulator.faults import Faults
from devices.ct6.simulator.http import HttpServer
from devices.ct6.simulator.load import ANNEX, HOME, SECOND_NS, LoadCurve
from devices.ct6.simulator.mqtt import Publisher
from devices.ct6.simulator.udp import AytEndpoint, PreparedEndpoint, QuestionSocket, prepared_answers
from devices.ct6.simulator.unit import SimulatedUnit, UnitTiming

FIRST_SERIAL = 1801

_STATE_CHECK_S = 0.05
_PREPARED_AHEAD_NS = 60 * SECOND_NS
_STOP_S = 5.0  # far longer than it takes, for machines with other work
_FREE_PORT_TRIES = 20
_PREPARED_ANSWERS = 12  # more than the collector remembers to know copies by
_RECEIVE_BUFFER_BYTES = 1 << 20


class SimulatorError(Exception):
    """The simulated units cannot start; the message says what to change."""


class UnitNames(NamedTuple):
    """What a unit and its ports are called, as people write it; empty is not named."""

    unit: str
    ports: Sequence[str]


def simulated_curve(index: int, *, seed: int = 1, utc_offset_s: int = 0, port_count: int = 6) -> LoadCurve:
    """The load of a fleet's unit number `index` (from 0): houses and annexes in turn, none like another."""
    layout = ANNEX if index % 2 else HOME
    return LoadCurve(seed + index, layout=layout, port_count=port_count, utc_offset_s=utc_offset_s)


def simulated_names(index: int, *, port_count: int = 6) -> UnitNames:
    """What a fleet calls its unit number `index` (from 0) unless it is told otherwise."""
    layout, kind = (ANNEX, "Annex") if index % 2 else (HOME, "House")
    ports = [layout[n].name if n < len(layout) else "" for n in range(port_count)]
    return UnitNames(kind if index < 2 else f"{kind} {index // 2 + 1}", ports)


def simulated_assy(index: int, *, first_serial: int = FIRST_SERIAL) -> str:
    """The label of a fleet's unit number `index` (from 0)."""
    return f"ASY0398_V003.300_SN{first_serial + index:08d}"


class Fleet:
    """Units 0..n-1 at `bind` and the addresses after it.

    Port 0 picks free ports when the fleet starts; `ayt_port` and each unit's `http_port` then tell them.
    `broadcast` is an address at which a question reaches every unit (127.255.255.255 on loopback).
    `prepared` units are a load generator: they answer as often as they are asked, from a few answers made
    beforehand, and serve no HTTP. The units have been measuring for `uptime_s` already. `or_free_port` takes a free
    HTTP port where the wanted one is taken. In the folder `kept_in` the units find again what they were set to. Those
    whose settings name an MQTT server on loopback publish to it.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a test or the command line chooses
        self,
        units: int = 1,
        bind: str = "127.0.0.2",
        *,
        http_port: int = 8080,
        ayt_port: int = AYT_PORT,
        seed: int = 1,
        prepared: bool = False,
        names: Sequence[UnitNames] | None = None,
        timing: UnitTiming | None = None,
        broadcast: str | None = None,
        utc_offset_s: int = 0,
        port_count: int = 6,
        uptime_s: float = 1.0,
        first_serial: int = FIRST_SERIAL,
        or_free_port: bool = False,
        kept_in: Path | None = None,
    ) -> None:
        self.ayt_port = ayt_port
        self.prepared = prepared
        self._http_ports = (http_port, 0) if or_free_port else (http_port,)
        self._broadcast = broadcast
        shared = simulated_curve(0, seed=seed, utc_offset_s=utc_offset_s, port_count=port_count)
        started_ns = time.time_ns() - round(uptime_s * SECOND_NS)
        self.units: list[SimulatedUnit] = []
        for index, address in enumerate(_addresses(bind, units)):
            own = simulated_names(index, port_count=port_count) if names is None else names[index]
            curve = shared
            if index and not prepared:
                curve = simulated_curve(index, seed=seed, utc_offset_s=utc_offset_s, port_count=port_count)
            unit = SimulatedUnit(
                simulated_assy(index, first_serial=first_serial),
                address=address,
                http_port=http_port,
                curve=curve,
                unit_name=quote(own.unit, safe=""),
                port_names=[quote(name, safe="") for name in own.ports],
                timing=timing,
                faults=Faults(seed=seed + index),
                started_ns=started_ns,
                kept_in=kept_in,
            )
            self.units.append(unit)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve from a thread of its own; raises SimulatorError when an address or port is not to be had."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="simulated units", daemon=True)
        self._thread.start()
        try:
            ready.result()
        except Exception:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Close every socket and end the thread, within a second."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(_STOP_S)
        if thread.is_alive():
            raise SimulatorError("the simulated units did not stop")

    async def run_until(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Serve on the running loop until the event is set; calls `ready` once the units answer.

        Raises SimulatorError like `start`.
        """
        sockets = self._question_sockets()
        endpoints: list[AytEndpoint | PreparedEndpoint | QuestionSocket] = []
        servers: list[HttpServer] = []
        publishers = [] if self.prepared else [Publisher(unit) for unit in self.units]
        try:
            endpoints += self._endpoints(sockets)
            if not self.prepared:
                for unit in self.units:
                    servers.append(_server(unit, self._http_ports))
            self._look_after(servers)
            if ready is not None:
                ready()
            await self._watch(servers, publishers, stop)
        finally:
            for publisher in publishers:
                publisher.close()
            for endpoint in endpoints:
                endpoint.close()
            for bound in sockets:
                bound.close()
            for server in servers:
                await server.close()

    def _run(self, ready: Future[None]) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            await self.run_until(self._stop, lambda: ready.set_result(None))

        try:
            asyncio.run(serve())
        except Exception as error:  # handed to the thread that waits for us to be ready
            if ready.done():
                raise
            ready.set_exception(error)

    async def _watch(self, servers: Sequence[HttpServer], publishers: Sequence[Publisher], stop: asyncio.Event) -> None:
        """Units leave the network and come back by themselves: look after them until it is over."""
        while not stop.is_set():
            self._look_after(servers)
            for publisher in publishers:
                publisher.follow(time.time_ns())
            try:
                await asyncio.wait_for(stop.wait(), _STATE_CHECK_S if servers else None)
            except TimeoutError:
                continue

    def _look_after(self, servers: Sequence[HttpServer]) -> None:
        for server in servers:
            server.follow_state()
        if self.prepared:
            return
        # So that answers leave at the moment that their means end at.
        now_ns = time.time_ns()
        for unit in self.units:
            for ahead_ns in (0, _PREPARED_AHEAD_NS):
                unit.curve.prepare(now_ns + ahead_ns)

    def _endpoints(self, sockets: Sequence[socket.socket]) -> list[AytEndpoint | PreparedEndpoint | QuestionSocket]:
        endpoints: list[AytEndpoint | PreparedEndpoint] = []
        for unit, bound in zip(self.units, sockets, strict=False):
            if self.prepared:
                answers = prepared_answers(unit, time.time_ns(), _PREPARED_ANSWERS)
                endpoints.append(PreparedEndpoint(unit, answers, bound))
            else:
                endpoints.append(AytEndpoint(unit, bound))
        if self._broadcast is None:
            return list(endpoints)

        def all_asked(asker: tuple[str, int]) -> None:
            for endpoint in endpoints:
                endpoint.asked(asker)

        return [*endpoints, QuestionSocket(sockets[-1], all_asked)]

    def _question_sockets(self) -> list[socket.socket]:
        """A socket per unit, and one more at the broadcast address, all at the same port."""
        addresses = [unit.address for unit in self.units]
        if self._broadcast is not None:
            addresses.append(self._broadcast)
        wanted = self.ayt_port
        for tries_left in range(_FREE_PORT_TRIES if wanted == 0 else 1, 0, -1):
            try:
                sockets = _bound_alike(addresses, wanted)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or tries_left == 1:
                    raise SimulatorError(
                        f"UDP port {wanted} cannot be used at {addresses[0]} and the addresses after it "
                        f"({error.strerror}): stop what listens there, or choose another --ayt-port or --bind"
                    ) from error
            else:
                self.ayt_port = sockets[0].getsockname()[1]
                return sockets
        raise AssertionError("the last try returns or raises")


def _addresses(bind: str, count: int) -> list[str]:
    try:
        first = ipaddress.IPv4Address(bind)
        addresses = [first + index for index in range(count)]
    except ipaddress.AddressValueError as error:
        raise SimulatorError(f"--bind {bind}: {error}; an example is 127.0.0.2") from error
    if count < 1 or not (first.is_loopback and addresses[-1].is_loopback):
        raise SimulatorError(
            f"{count} units from --bind {bind}: simulated units live on loopback addresses only, "
            "one each, such as 127.0.0.2 and the addresses after it"
        )
    return [str(address) for address in addresses]


def _bound_alike(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """A UDP socket at each address, all at the port that the first one gets."""
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            bound.bind((address, port))
            port = bound.getsockname()[1]
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _server(unit: SimulatedUnit, ports: Sequence[int]) -> HttpServer:
    """At the first of the ports that is to be had."""
    port, *others = ports
    try:
        server = HttpServer(unit, port)
    except OSError as error:
        if others:
            return _server(unit, others)
        raise SimulatorError(
            f"TCP port {port} cannot be used at {unit.address} ({error.strerror}): "
            "stop what listens there, or choose another --http-port or --bind"
        ) from error
    unit.listen_at(server.port)
    return server
