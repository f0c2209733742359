"""Asking all units at once, and taking their answers off the socket with the time they arrived."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import structlog

from devices.ct6.errors import NoInterface
from devices.ct6.protocol import AYT_PORT, AYT_QUESTION

log = structlog.get_logger(__name__)

TAKEN_AT_ONCE = 512
WANTED_BUFFER_BYTES = 8 * 1024 * 1024  # some two thousand answers with the kernel's overhead

# Linux's numbers for what the socket module does not name.
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("@9I")
_MEMINFO_DROPS = 8
_TIMESPEC = struct.Struct("@ll")
_MAX_DATAGRAM_BYTES = 65_536
_ANCILLARY_BYTES = 128


@dataclass(frozen=True, slots=True)
class Datagram:
    """What arrived, from where, and when (UNIX epoch; the kernel's stamp where it gives one)."""

    payload: bytes
    address: str
    port: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An IPv4 address of a network interface that is up and can broadcast."""

    interface: str
    address: str
    netmask: str
    broadcast: str | None


class AnswerSocket:
    """The one UDP socket that questions leave from and answers come back to. Never blocks.

    `receive_buffer_bytes` is what the kernel gave of `wanted_buffer_bytes`: less means that bursts of
    answers may be lost.
    """

    def __init__(
        self, bind_address: str = "", bind_port: int = 0, *, wanted_buffer_bytes: int = WANTED_BUFFER_BYTES
    ) -> None:
        self.wanted_buffer_bytes = wanted_buffer_bytes
        self._unreachable: set[str] = set()
        self._buffer = bytearray(_MAX_DATAGRAM_BYTES)
        self._view = memoryview(self._buffer)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.bind((bind_address, bind_port))
            self.receive_buffer_bytes = self._enlarge_buffer()
            with suppress(OSError):  # without the kernel's stamp we take the time ourselves
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    @property
    def bound_to(self) -> tuple[str, int]:
        """The address and port that units answer to."""
        address, port = self._socket.getsockname()
        return address, port

    def ask(self, address: str, port: int = AYT_PORT) -> bool:
        """Send one question; False if it could not leave this machine.

        A failure is logged once an address, until a question gets through again.
        """
        try:
            self._socket.sendto(AYT_QUESTION, (address, port))
        except OSError as error:
            if address not in self._unreachable:
                self._unreachable.add(address)
                log.warning("A question could not be sent", address=address, port=port, reason=str(error))
            return False
        if address in self._unreachable:
            self._unreachable.discard(address)
            log.info("Questions get out again", address=address, port=port)
        return True

    def receive(self, limit: int = TAKEN_AT_ONCE) -> list[Datagram]:
        """What has arrived and was not taken yet, oldest first; at most `limit` datagrams."""
        taken: list[Datagram] = []
        while len(taken) < limit:
            try:
                size, ancillary, _flags, (address, port) = self._socket.recvmsg_into([self._buffer], _ANCILLARY_BYTES)
            except BlockingIOError:
                break
            except ConnectionError:  # an earlier question came back as undeliverable
                continue
            payload = bytes(self._view[:size])
            taken.append(Datagram(payload, address, port, _received_ns(ancillary)))
        return taken

    def drops(self) -> int:
        """How many datagrams the kernel has dropped because the buffer was full; 0 where it does not tell."""
        try:
            meminfo = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:
            return 0
        if len(meminfo) < _MEMINFO.size:
            return 0
        return int(_MEMINFO.unpack(meminfo)[_MEMINFO_DROPS])

    def _enlarge_buffer(self) -> int:
        # The first may pass the system's limit but needs a privilege, the second is cut to the limit.
        for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, option, self.wanted_buffer_bytes)
                break
        # Linux doubles what was asked for, to have room for its own bookkeeping.
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def broadcast_targets(interfaces: Collection[str] | None = None) -> dict[str, str]:
    """Where to broadcast: one address a LAN, with the interface that it was found on.

    Only the named interfaces if any are named; one that exists but is down has no target for now. Raises
    NoInterface for a name that this machine does not have.
    """
    states = psutil.net_if_stats()
    if unknown := sorted(set(interfaces or ()) - states.keys()):
        raise NoInterface(
            f"This machine has no network interface {', '.join(unknown)}; it has {', '.join(sorted(states))}."
        )
    return one_target_a_lan(
        address for address in interface_addresses() if not interfaces or address.interface in interfaces
    )


def one_target_a_lan(addresses: Iterable[InterfaceAddress]) -> dict[str, str]:
    """One broadcast address for each network, however many interfaces share it.

    Two questions on one LAN would reset every unit's mean twice.
    """
    targets: dict[str, str] = {}
    asked: set[ipaddress.IPv4Network] = set()
    for one in sorted(addresses, key=lambda one: one.interface):
        network = ipaddress.IPv4Network(f"{one.address}/{one.netmask}", strict=False)
        if network in asked or network.is_loopback or network.prefixlen > 30:
            continue
        asked.add(network)
        targets.setdefault(one.broadcast or str(network.broadcast_address), one.interface)
    return targets


def interface_addresses() -> list[InterfaceAddress]:
    states = psutil.net_if_stats()
    return [
        InterfaceAddress(interface, one.address, one.netmask, one.broadcast)
        for interface, addresses in psutil.net_if_addrs().items()
        if (state := states.get(interface)) and state.isup and "broadcast" in state.flags.split(",")
        for one in addresses
        if one.family == socket.AF_INET and one.netmask
    ]


def _received_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, stamp in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(stamp) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
