"""One message to one address, whatever it leads to: ntfy, a webhook, a mail server (by the package apprise).

The package is loaded when something is sent, since it takes some 50 MB; and it only logs what went wrong, so that is
read from its log. Nothing of a log line is shown but codes: addresses, and the secrets in them, stand there too.
"""

from __future__ import annotations

import functools
import importlib
import logging
import re
import threading
from typing import Any, Final

from ct6site.models import AlertChannel

CONNECT_LIMIT_S: Final = 5.0
ANSWER_LIMIT_S: Final = 10.0

_LOGGER: Final = "apprise"
_HTTP_STATUS: Final = re.compile(r"error=(\d{3})\b")
_SMTP_STATUS: Final = re.compile(r"\((\d{3}), b['\"]")
_NO_CONNECTION: Final = re.compile(r"\[Errno -?\d+\] ([A-Z][A-Za-z ,]+)|(timed out)|(CERTIFICATE_VERIFY_FAILED)")
_TRIED: Final = ("Connection error", "Socket Exception")


class NotSent(Exception):
    """A message did not arrive. ``problem`` says why, ``detail`` what the other side or the system said of it."""

    def __init__(self, problem: AlertChannel.Problem, detail: str = "") -> None:
        super().__init__(f"{problem}: {detail}" if detail else str(problem))
        self.problem, self.detail = problem, detail


class _LinesOfThread(logging.Handler):
    """Keeps what the package logs, for each thread apart."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._kept = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.lines = [*self.take(), record.getMessage()]

    def take(self) -> list[str]:
        lines: list[str] = getattr(self._kept, "lines", [])
        self._kept.lines = []
        return lines


def check(address: str) -> None:
    """Raises NotSent when nothing can be sent to the address, as far as its form tells."""
    _service_at(address)


def send(address: str, title: str, body: str) -> None:
    """Send a message, in bounded time but for the look-up of a name. Raises NotSent."""
    service, lines = _service_at(address), _lines()
    lines.take()
    try:
        sent = service.notify(title=title, body=body)
    except Exception as error:  # whatever one of its hundred services did not expect itself
        raise NotSent(AlertChannel.Problem.WRONG_ADDRESS, type(error).__name__) from error
    said = "\n".join(lines.take())
    if not sent:
        raise _reason(said)


def _service_at(address: str) -> Any:
    apprise, lines = _apprise(), _lines()
    service = apprise.Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True) if address else None
    lines.take()
    if service is None:
        raise NotSent(AlertChannel.Problem.WRONG_ADDRESS)
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_LIMIT_S, ANSWER_LIMIT_S
    return service


def _reason(said: str) -> NotSent:
    problem = AlertChannel.Problem
    if status := _HTTP_STATUS.search(said):
        return NotSent(problem.REFUSED, f"HTTP {status[1]}")
    if status := _SMTP_STATUS.search(said):
        return NotSent(problem.REFUSED, f"SMTP {status[1]}")
    if any(words in said for words in _TRIED):
        found = _NO_CONNECTION.search(said)
        return NotSent(problem.UNREACHABLE, next(filter(None, found.groups()), "").strip() if found else "")
    return NotSent(problem.WRONG_ADDRESS)


def _apprise() -> Any:
    return importlib.import_module("apprise")


@functools.cache
def _asset() -> Any:
    """How the package presents itself: as us, and without pictures from the Internet."""
    return _apprise().AppriseAsset(
        app_id="CT6", app_desc="CT6 energy meters", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )


@functools.cache
def _lines() -> _LinesOfThread:
    lines, logger = _LinesOfThread(), logging.getLogger(_LOGGER)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(lines)
    return lines
