"""A real Chromium, kept on this machine: what a page asks of another host fails, and is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Route
from pytest_django.live_server_helper import LiveServer

PATIENCE_MS = 20_000  # a loaded machine is slow, and a wait ends as soon as it can


@dataclass
class Complaints:
    """What must not happen on a page: errors in its console, and questions to other hosts."""

    errors: list[str] = field(default_factory=list)
    other_hosts: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def hear_crash(self, error: Error) -> None:
        self.errors.append(str(error))


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}


@pytest.fixture
def complaints(context: BrowserContext, live_server: LiveServer) -> Iterator[Complaints]:
    """Listens to every page of the test from now on; at its end nothing may have been complained about."""
    heard = Complaints()

    def let_through(route: Route) -> None:
        if route.request.url.startswith((live_server.url, "data:", "blob:")):
            route.continue_()
        else:
            heard.other_hosts.append(route.request.url)
            route.abort()

    context.route("**/*", let_through)
    context.on("console", heard.hear)
    context.on("weberror", lambda event: heard.hear_crash(event.error))
    yield heard
    assert heard.other_hosts == []
    assert heard.errors == []


@pytest.fixture
def page(page: Page, complaints: Complaints) -> Page:
    page.set_default_timeout(PATIENCE_MS)
    return page
