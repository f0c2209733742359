"""Parts of the product as processes of their own, on the database of the test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 60.0


def database_url() -> str:
    entry = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{entry['NAME']}"
    return f"mysql://{entry['USER']}:{entry['PASSWORD']}@{entry['HOST']}:{entry['PORT']}/{entry['NAME']}"


@contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """``python ARGUMENTS`` as an operator would run it; ended by SIGTERM, which it must obey."""
    everything = {**os.environ, "DATABASE_URL": database_url(), "CT6_LOG_LEVEL": "WARNING", **(environment or {})}
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=everything)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
