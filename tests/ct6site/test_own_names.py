"""Under which names the pages may be opened where nobody said which."""

import time

import pytest

from ct6site import own_names
from ct6site.own_names import OwnNames


def test_this_machine_has_its_loopback_names() -> None:
    assert {"localhost", "127.0.0.1", "[::1]"} <= set(OwnNames())


def test_an_address_that_came_later_is_found_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    names = OwnNames()
    looked_s = time.monotonic()
    monkeypatch.setattr(own_names, "own_names", lambda: ["192.0.2.7"])
    monkeypatch.setattr(time, "monotonic", lambda: looked_s + 30)
    assert "localhost" in list(names)
    monkeypatch.setattr(time, "monotonic", lambda: looked_s + 61)
    assert list(names) == ["192.0.2.7"]
