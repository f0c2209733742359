import pytest

from devices.jobs import queue


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are asked for, and nobody takes them up."""
    monkeypatch.setattr(queue, "tell_workers", lambda _ids: None)
