import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, settings

from tests.chromium import ARGUMENTS, CHROMIUM
from tests.servers import Redis

# How long an example takes tells how busy the machine is, and nothing else.
settings.register_profile("ct6", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ct6")


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A request leaves its language to its thread; the next test shall not speak it."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """For all tests, since the browser of a worker is the one that its first test asks for."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """A database of the run's private Redis for this worker alone; started here when `make test` has not done so."""
    own_database = str(1 + int(worker_id.removeprefix("gw"))) if worker_id != "master" else "0"
    started = os.environ.get("CT6_TEST_REDIS_URL")
    if started:
        yield started.rsplit("/", 1)[0] + f"/{own_database}"
        return
    folder: Path = tmp_path_factory.mktemp("redis")
    server = Redis(folder)
    with server.run():
        yield server.url
