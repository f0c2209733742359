"""A scratch environment, made before Django reads its settings (a pytest plugin, see pyproject.toml)."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_SCRATCH = "CT6_TEST_SCRATCH"


def _prepare() -> None:
    """Make the folder once per run; the workers of a parallel run inherit it and take one of their own inside."""
    root = os.environ.get(_SCRATCH)
    if root is None:
        root = os.environ[_SCRATCH] = tempfile.mkdtemp(prefix="ct6-tests-")
        os.environ["CT6_TEST_SCRATCH_OWNER"] = str(os.getpid())
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    os.environ["CT6_DATA_DIR"] = f"{root}/{worker}"
    Path(root, worker, "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
    os.environ["SECRET_KEY"] = "only-for-tests"
    os.environ["CT6_TIMEZONE"] = "Europe/London"
    os.environ["CT6_ADOPT"] = "all"
    os.environ["CT6_ADDRESSES"] = "127.0.0.1"  # nothing of a test run leaves the machine
    # Playwright's event loop runs in the thread of the tests that talk to the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


_prepare()


def pytest_unconfigure(config: pytest.Config) -> None:
    if os.environ.get("CT6_TEST_SCRATCH_OWNER") == str(os.getpid()):
        shutil.rmtree(os.environ[_SCRATCH], ignore_errors=True)
