"""When and whom to ask. Every unit is asked at whole multiples of the period of the wall clock, always at one phase."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from devices.ct6.errors import NoInterface
from devices.ct6.protocol import AYT_PORT
from devices.ct6.udp import AnswerSocket, broadcast_targets

log = structlog.get_logger(__name__)

AUTO: Final = "auto"
_LOOK_AGAIN_S: Final = 5.0
# A unit that was asked by broadcast does not hear a question that follows within 200 ms: asked both ways, it still
# answers once.
_BESIDE_BROADCAST_S: Final = 0.15
_GREATEST_STEP_S: Final = 0.005
_CLOCK_GRAIN_S: Final = 0.002
_NAMED_SINGLY: Final = 10
_SHARE_OF_PERIOD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom to ask: single addresses, and by broadcast on these interfaces (none named: on all)."""

    addresses: tuple[str, ...] = ()
    broadcast: bool = True
    interfaces: tuple[str, ...] = ()
    port: int = AYT_PORT

    def __str__(self) -> str:
        asked = list(self.addresses)
        if len(asked) > _NAMED_SINGLY:
            asked = [f"{len(asked)} addresses ({asked[0]} to {asked[-1]})"]
        if self.broadcast:
            asked.append(f"every unit on {', '.join(self.interfaces) or 'every interface'}")
        return ", ".join(asked) or "nobody"


NOBODY: Final = Targets(broadcast=False)


def targets_for(addresses: Sequence[str], interfaces: Sequence[str], port: int) -> Targets:
    """The targets that an operator asked for: the word auto, a named interface or no address at all broadcasts.

    Raises ValueError with a sentence about each address that cannot be asked.
    """
    wrong = [problem for address in addresses if address != AUTO and (problem := _problem_of(address))]
    if wrong:
        raise ValueError(" ".join(wrong))
    singles = tuple(dict.fromkeys(address for address in addresses if address != AUTO))
    return Targets(singles, AUTO in addresses or bool(interfaces) or not singles, tuple(interfaces), port)


def _problem_of(address: str) -> str:
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        return (
            f"{address!r} is no IPv4 address: give four numbers such as 192.168.0.34 (no name), a broadcast "
            "address such as 192.168.0.255, or the word auto."
        )
    if parsed.is_multicast or parsed.is_unspecified:
        return f"{address} is neither the address of a unit nor a broadcast address."
    return ""


def phases_s(count: int, period_s: float, *, broadcast: bool) -> list[float]:
    """How long after the period's start each of so many single addresses is asked, so that their answers do not
    come in one burst."""
    room_s = min(_SHARE_OF_PERIOD * period_s, _BESIDE_BROADCAST_S if broadcast else period_s)
    step_s = min(_GREATEST_STEP_S, room_s / max(1, count))
    return [index * step_s for index in range(count)]


def until_next_round_ns(wall_ns: int, period_ns: int) -> int:
    """How long to wait from the start of one round to that of the next.

    The next multiple of the period; between half a period and one and a half whatever the wall clock was set to, so
    that a step of it neither stalls the questions nor sends a burst.
    """
    wait_ns = period_ns - wall_ns % period_ns
    return wait_ns if 2 * wait_ns >= period_ns else wait_ns + period_ns


class Questions:
    """Asks all targets once a period, whenever it may. Counts the questions that left."""

    def __init__(
        self, socket: AnswerSocket, targets: Targets, period_s: float, may_ask: Callable[[], bool] = lambda: True
    ) -> None:
        self.asked = 0
        self._socket = socket
        self._targets = targets
        self._period_s = period_s
        self._may_ask = may_ask
        self._phases_s = phases_s(len(targets.addresses), period_s, broadcast=targets.broadcast)
        self._broadcasts: dict[str, str] = {}
        self._looked_s: float | None = None
        self._trouble = ""

    async def ask_for_ever(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        period_ns = round(self._period_s * 1e9)
        loop = asyncio.get_running_loop()
        due_s = loop.time() + (period_ns - wall_ns() % period_ns) / 1e9
        while True:
            await asyncio.sleep(due_s - loop.time())
            started_s = loop.time()
            due_s = started_s + until_next_round_ns(wall_ns(), period_ns) / 1e9
            if self._may_ask():
                await self._ask_all(started_s)

    async def _ask_all(self, started_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.look_for_interfaces(started_s)
        for address in self._broadcasts:
            self._ask(address)
        for address, phase_s in zip(self._targets.addresses, self._phases_s, strict=True):
            if (early_s := started_s + phase_s - loop.time()) > _CLOCK_GRAIN_S:
                await asyncio.sleep(early_s)
            self._ask(address)

    def _ask(self, address: str) -> None:
        self.asked += self._socket.ask(address, self._targets.port)

    def look_for_interfaces(self, now_s: float) -> None:
        """Find anew where to broadcast, unless that was done in the last seconds; says what changed."""
        if not self._targets.broadcast or (self._looked_s is not None and now_s - self._looked_s < _LOOK_AGAIN_S):
            return
        self._looked_s = now_s
        try:
            found, trouble = broadcast_targets(self._targets.interfaces), ""
        except NoInterface as error:
            found, trouble = {}, str(error)
        if not found and not trouble:
            trouble = (
                "No network interface is up that can broadcast. Connect one, or name the units with --address or "
                "CT6_ADDRESSES."
            )
        if trouble != self._trouble and trouble:
            log.warning("Nobody can be asked by broadcast; interfaces are looked for again and again", reason=trouble)
        if found != self._broadcasts and found:
            log.info("Asking by broadcast", on=", ".join(f"{address} ({name})" for address, name in found.items()))
        self._broadcasts, self._trouble = found, trouble
