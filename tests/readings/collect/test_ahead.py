"""Full batches are stored by a thread of their own; who waits for them learns how many are."""

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from readings.collect.ahead import Ahead
from tests.waiting import until

LIMIT_S = 20.0


class Shelf:
    """What was stored; ``refuses`` are batches that begin with one of these."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = 0
        self.refuses: set[int] = set()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.threads: set[str] = set()

    def store(self, batch: Sequence[int]) -> None:
        self.begun += 1
        assert self.goes_on.wait(LIMIT_S)
        self.threads.add(threading.current_thread().name)
        if batch[0] in self.refuses:
            raise OperationalError("database is away")
        self.batches.append(list(batch))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def ahead(shelf: Shelf) -> Iterator[Ahead[int]]:
    ahead = Ahead(shelf.store)
    yield ahead
    ahead.close()


def test_batches_are_stored_in_their_order_by_another_thread(ahead: Ahead[int], shelf: Shelf) -> None:
    for first in (0, 3, 6):
        ahead.begin([first, first + 1, first + 2])
    assert ahead.begun == 9
    assert ahead.finish() == 9
    assert shelf.batches == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert shelf.threads == {"store of full batches"}
    assert (ahead.begun, ahead.finish()) == (0, 0)


def test_who_hands_over_does_not_wait(ahead: Ahead[int], shelf: Shelf) -> None:
    shelf.goes_on.clear()
    ahead.begin([1])
    ahead.begin([2])
    assert shelf.batches == []
    shelf.goes_on.set()
    assert ahead.finish() == 2


def test_behind_a_batch_that_fails_nothing_is_stored(ahead: Ahead[int], shelf: Shelf) -> None:
    """Else the next process would take what is missing for measured already."""
    shelf.refuses = {3}
    for first in (0, 3, 6):
        ahead.begin([first, first + 1, first + 2])
    assert ahead.finish() == 3
    assert shelf.batches == [[0, 1, 2]]


def test_it_goes_on_after_a_failure(ahead: Ahead[int], shelf: Shelf) -> None:
    shelf.refuses = {1}
    ahead.begin([1])
    assert ahead.finish() == 0
    shelf.refuses.clear()
    ahead.begin([1])
    assert ahead.finish() == 1


def test_what_is_given_up_is_not_stored_but_for_what_is_on_its_way(ahead: Ahead[int], shelf: Shelf) -> None:
    shelf.goes_on.clear()
    for first in (1, 2, 3):
        ahead.begin([first])
    until(lambda: shelf.begun)
    ahead.give_up()
    shelf.goes_on.set()
    assert ahead.finish() == 1
    assert shelf.batches == [[1]]
    ahead.begin([4])
    assert ahead.finish() == 1


def test_a_connection_that_cannot_be_closed_keeps_nobody_waiting(
    ahead: Ahead[int], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("readings.collect.ahead.connection", SimpleNamespace(close=fails))
    shelf.refuses = {1}
    ahead.begin([1])
    assert ahead.finish() == 0
    ahead.begin([2])
    assert ahead.finish() == 1


def test_without_a_batch_there_is_no_thread() -> None:
    before = threading.active_count()
    ahead = Ahead(Shelf().store)
    assert ahead.finish() == 0
    ahead.close()
    assert threading.active_count() == before


def test_its_thread_ends_with_it(shelf: Shelf) -> None:
    ahead = Ahead(shelf.store)
    ahead.begin([1])
    ahead.finish()
    thread = next(one for one in threading.enumerate() if one.name in shelf.threads)
    ahead.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
