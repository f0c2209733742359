"""Finding units that say nothing: asking the web server of every address of some networks whether it is a CT6.

Whoever else lives there gets one small request, complete and with time-outs, and is left alone.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

import msgspec

from devices.ct6.errors import AnswerError, UnitAnsweredBadly, UnitError
from devices.ct6.errors import gettext_noop as _
from devices.ct6.exchange import exchange
from devices.ct6.protocol import MAX_PORTS, Answer, decode_answer
from devices.ct6.torn_json import read_object
from devices.ct6.udp import interface_addresses

MOST_ADDRESSES: Final = 1024
SHORTEST_PREFIX: Final = 22
AT_ONCE: Final = 16  # few enough for a small router, enough for a /24 in half a minute
LONGEST_S: Final = 300.0

_CONNECT_S = 1.5  # a unit on a weak WiFi needs most of a second
_ANSWER_S = 5.0
_MOST_BYTES = 64 * 1024  # a unit's settings are some two thousand
_LOCAL: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")
)
_NO_NETWORK = _("%(text)s is no IPv4 network; write it like 192.168.1.0/24.")
_NO_ADDRESS = _("%(text)s is no IPv4 address; write it like 192.168.1.34.")
_NOT_LOCAL = _(
    "%(text)s is not a local network: only private addresses (10.x.x.x, 172.16.x.x to 172.31.x.x, 192.168.x.x), "
    "link-local (169.254.x.x) and loopback (127.x.x.x) ones are asked. Nothing was sent."
)
_TOO_LARGE = _(
    "%(text)s has %(count)d addresses; at most a /%(prefix)d (%(most)d addresses) is swept. Name a part of it. "
    "Nothing was sent."
)
_TOO_MANY = _(
    "These networks have %(count)d addresses together, at most %(most)d are swept at a time. Sweep them one after the "
    "other. Nothing was sent."
)
_NO_CT6 = _("what answers at %(address)s port %(port)d is not a CT6; check the address.")


class NotSwept(UnitError):
    """Networks or addresses that are not asked; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """A web server to ask."""

    address: str
    http_port: int


class Reply(Enum):
    UNIT = auto()
    NOBODY = auto()  # nothing there, or nothing that serves HTTP
    OTHER = auto()  # something else, which is none of our business
    UNREADABLE = auto()  # it looks like a unit, but its answer was cut off or garbled
    LEFT_OUT = auto()  # a unit that somebody is talking to at this moment
    NOT_ASKED = auto()  # the time was over


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one address; `unit` is what the unit there says of itself, without measured values."""

    target: Target
    reply: Reply
    unit: Answer | None = None


# Yields whether the address may be asked now, and is left once it was.
Guard = Callable[[Target], AbstractContextManager[bool]]


# --- Which addresses --------------------------------------------------------------------------------------------


def networks_from(texts: Iterable[str]) -> list[ipaddress.IPv4Network]:
    """The networks, each once and as it was named. Raises NotSwept for what must not or cannot be swept."""
    networks = sorted({_network(text) for text in texts})
    count = sum(network.num_addresses for network in ipaddress.collapse_addresses(networks))
    if count > MOST_ADDRESSES:
        raise NotSwept("", _TOO_MANY, {"count": count, "most": MOST_ADDRESSES})
    return networks


def addresses_of(networks: Iterable[ipaddress.IPv4Network]) -> list[str]:
    """Every address that a unit can have, in order and each once.

    Network and broadcast addresses are left out, unless another of the networks holds them as a place for a unit: an
    address that was named by itself is always asked.
    """
    # Not collapsed into larger networks before, which would leave out what stands at their edges.
    found = {address for network in networks for address in network.hosts()}
    return [str(address) for address in sorted(found)]


def local_address(text: str) -> str:
    """The address in its usual form. Raises NotSwept if it is none, or not of a local network."""
    try:
        address = ipaddress.IPv4Address(text.strip())
    except ValueError:
        raise NotSwept("", _NO_ADDRESS, {"text": repr(text)}) from None
    if not any(address in local for local in _LOCAL):
        raise NotSwept("", _NOT_LOCAL, {"text": str(address)})
    return str(address)


def own_networks() -> list[str]:
    """The local networks that this machine is in, to offer; of one too large to be swept, our part of it."""
    found = []
    for own in interface_addresses():
        network = ipaddress.IPv4Network(f"{own.address}/{own.netmask}", strict=False)
        if network.prefixlen < SHORTEST_PREFIX:
            network = ipaddress.IPv4Network(f"{own.address}/24", strict=False)
        if network.prefixlen <= 30 and any(network.subnet_of(local) for local in _LOCAL):
            found.append(network)
    return [str(network) for network in sorted(set(found))]


def _network(text: str) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(text.strip(), strict=False)
    except ValueError:
        raise NotSwept("", _NO_NETWORK, {"text": repr(text)}) from None
    if not any(network.subnet_of(local) for local in _LOCAL):
        raise NotSwept("", _NOT_LOCAL, {"text": str(network)})
    if network.prefixlen < SHORTEST_PREFIX:
        limits = {"prefix": SHORTEST_PREFIX, "most": MOST_ADDRESSES}
        raise NotSwept("", _TOO_LARGE, {"text": str(network), "count": network.num_addresses} | limits)
    return network


# --- Asking -----------------------------------------------------------------------------------------------------


def sweep(
    targets: Sequence[Target], *, guard: Guard = lambda _target: nullcontext(True), limit_s: float = LONGEST_S
) -> Generator[Asked]:
    """Ask all of them, a few at once and each over one connection at a time; one result for each, as they come.

    `guard` is entered and left in the caller's thread. When `limit_s` is over, no more are asked: the rest is
    NOT_ASKED. Leaving the loop early waits for what is under way, since no request is broken off.
    """
    deadline = time.monotonic() + limit_s
    waiting = iter(targets)
    running: dict[Future[Asked], ExitStack] = {}
    with ExitStack() as guards, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as threads:
        # Whatever happens, guards are left only once the threads are through.
        guards.callback(_close_all, running)
        while True:
            while len(running) < AT_ONCE and (target := next(waiting, None)) is not None:
                if time.monotonic() > deadline:
                    yield Asked(target, Reply.NOT_ASKED)
                    continue
                stack = ExitStack()
                if not stack.enter_context(guard(target)):
                    stack.close()
                    yield Asked(target, Reply.LEFT_OUT)
                    continue
                running[threads.submit(_ask, target)] = stack
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                running.pop(done).close()
                yield done.result()


def _close_all(running: Mapping[Future[Asked], ExitStack]) -> None:
    for stack in running.values():
        stack.close()


def who_is(target: Target, *, connect_s: float | None = None) -> Answer:
    """What the unit there says of itself, in the form of an answer without values.

    Its firmware version is empty if it does not tell. Raises UnitError, also for what is no CT6.
    """
    config = read_object(_get(target, "get_config", connect_s))
    answer = None if config is None else _as_answer(config, target)
    if answer is None:
        raise UnitAnsweredBadly(target.address, _NO_CT6, {"address": target.address, "port": target.http_port})
    return _with_firmware(answer, target)


def _ask(target: Target) -> Asked:
    try:
        text = _get(target, "get_config", _CONNECT_S)
    except UnitAnsweredBadly:
        return Asked(target, Reply.OTHER)
    except UnitError:
        return Asked(target, Reply.NOBODY)
    config = read_object(text)
    if config is None:
        return Asked(target, Reply.UNREADABLE if '"YDEV_' in text or '"CT1_' in text else Reply.OTHER)
    answer = _as_answer(config, target)
    if answer is None:
        return Asked(target, Reply.OTHER)
    return Asked(target, Reply.UNIT, _with_firmware(answer, target))


def _get(target: Target, command: str, connect_s: float | None) -> str:
    request = f"GET /{command} HTTP/1.1\r\nHost: {target.address}\r\nConnection: close\r\n\r\n"
    return exchange(
        target.address,
        (target.address, target.http_port),
        request.encode("ascii"),
        timeout_s=_ANSWER_S,
        connect_s=connect_s,
        most_bytes=_MOST_BYTES,
    )


def _with_firmware(answer: Answer, target: Target) -> Answer:
    """A second request, which only a CT6 gets: its settings do not hold the version."""
    try:
        told = read_object(_get(target, "fw_version", _CONNECT_S)) or {}
    except UnitError:
        return answer
    version = told.get("FIRMWARE_VERSION")
    return replace(answer, firmware_version=version) if isinstance(version, str) else answer


_SAME: Final = {
    "ASSY": "ASSY",
    "PRODUCT_ID": "YDEV_PRODUCT_ID",
    "DEVICE_TYPE": "YDEV_DEVICE_TYPE",
    "UNIT_NAME": "YDEV_UNIT_NAME",
    "GROUP_NAME": "YDEV_GROUP_NAME",
    "ACTIVE": "ACTIVE",
}


def _as_answer(config: Mapping[str, object], target: Target) -> Answer | None:
    """The settings as the unit would tell them in an answer, so that the same rules hold; None if it is no CT6."""
    message: dict[str, object] = {key: _scalar(config.get(setting)) for key, setting in _SAME.items()}
    message["SERVICE_LIST"] = f"WEB:{target.http_port}"
    for number in range(1, MAX_PORTS + 1):
        if f"CT{number}_NAME" in config:
            told = {key: _scalar(config.get(f"CT{number}_{key}")) for key in ("NAME", "TYPE")}
            message[f"CT{number}"] = told
    try:
        return decode_answer(msgspec.json.encode(message))
    except (AnswerError, msgspec.MsgspecError, UnicodeError):
        return None


def _scalar(value: object) -> object:
    """A text or number; what a unit never stores counts as not told."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**53 else None
    return value if isinstance(value, str | float | bool) else None
