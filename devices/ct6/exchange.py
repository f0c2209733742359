"""One request to a unit's web server and the whole of its answer.

The server is slow, takes one connection at a time and hangs on anything unusual: an unfinished request leaves
it busy until it is restarted. So a request is always sent whole, and the answer read to its end.
"""

from __future__ import annotations

import re
import socket
import time

from devices.ct6.errors import UnitAnsweredBadly, UnitUnreachable
from devices.ct6.errors import gettext_noop as _

MAX_ANSWER_BYTES = 2 * 1024 * 1024

# Sending a file is answered with two heads, one behind the other.
_HEAD = re.compile(rb"HTTP/\d\.\d (?P<status>\d{3})[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")


def exchange(  # noqa: PLR0913 - how long and how much to wait for depends on what is known of the other side
    unit: str,
    address: tuple[str, int],
    request: bytes,
    *,
    timeout_s: float,
    connect_s: float | None = None,
    most_bytes: int = MAX_ANSWER_BYTES,
) -> str:
    """Send one request and give the answer's text, without its heads.

    `timeout_s` bounds all of it, from connecting to the last byte, `connect_s` the connecting alone. `unit` is how
    errors name the unit. Raises UnitUnreachable or UnitAnsweredBadly.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with socket.create_connection(address, timeout=connect_s or timeout_s) as connection:
            connection.settimeout(_remaining_s(deadline))
            connection.sendall(request)
            answer = _read_to_end(unit, connection, deadline, most_bytes)
    except TimeoutError as error:
        template = _("no complete answer from %(address)s within %(seconds)s s; is it switched on and on this network?")
        raise UnitUnreachable(unit, template, {"address": address[0], "seconds": f"{timeout_s:g}"}) from error
    except OSError as error:
        reason = error.strerror or str(error)
        values = {"address": address[0], "port": address[1], "reason": reason}
        raise UnitUnreachable(unit, _("no connection to %(address)s port %(port)s: %(reason)s."), values) from error
    return body_of(unit, answer)


def body_of(unit: str, answer: bytes) -> str:
    """The text behind an answer's heads. Raises UnitAnsweredBadly if it is not a unit's answer."""
    if not answer:
        raise UnitAnsweredBadly(unit, _("it closed the connection without an answer; try again."))
    status = b""
    at = 0
    while head := _HEAD.match(answer, at):
        status = head["status"]
        at = head.end()
    if status != b"200":
        if status:
            template = _("what answers there is not a CT6's web server (status %(said)s); check the address.")
        else:
            template = _("what answers there is not a CT6's web server (%(said)s); check the address.")
        raise UnitAnsweredBadly(unit, template, {"said": status.decode() or repr(answer[:40])})
    return answer[at:].decode(errors="replace")


def _read_to_end(unit: str, connection: socket.socket, deadline: float, most_bytes: int) -> bytes:
    """Everything until the unit closes, which is its only sign that the answer is complete."""
    parts: list[bytes] = []
    size = 0
    while True:
        connection.settimeout(_remaining_s(deadline))
        try:
            part = connection.recv(65_536)
        except ConnectionResetError:
            if not parts:
                raise
            part = b""  # a restarting unit may reset behind its answer; whether that is whole shows when it is read
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            template = _("its answer is longer than %(limit)d bytes; check the address.")
            raise UnitAnsweredBadly(unit, template, {"limit": most_bytes})


def _remaining_s(deadline: float) -> float:
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s
