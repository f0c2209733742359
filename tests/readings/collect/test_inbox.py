"""What waits is bounded by age and by size; the oldest go first, counted."""

from readings.collect.inbox import Arrival, Inbox


def arrivals(*seconds: int, size: int = 10) -> list[Arrival]:
    return [Arrival(bytes(size), "127.0.0.2", second * 1000, second * 1000) for second in seconds]


def taken_seconds(inbox: Inbox, limit: int = 1000) -> list[int]:
    return [arrival.time_ms // 1000 for arrival in inbox.take(limit)]


def test_arrivals_come_out_in_their_order() -> None:
    inbox = Inbox()
    inbox.add(arrivals(1, 2), 2000)
    inbox.add(arrivals(3), 3000)
    assert len(inbox) == 3
    assert taken_seconds(inbox, 2) == [1, 2]
    assert taken_seconds(inbox) == [3]
    assert taken_seconds(inbox) == []
    assert inbox.dropped == 0


def test_what_waited_for_more_than_a_minute_goes() -> None:
    inbox = Inbox()
    inbox.add(arrivals(*range(60)), 59_000)
    assert inbox.dropped == 0
    inbox.add(arrivals(70), 70_000)
    assert inbox.dropped == 10
    assert taken_seconds(inbox)[0] == 10


def test_a_flood_of_big_datagrams_is_bounded() -> None:
    inbox = Inbox(kept_bytes=1_000_000)
    for _ in range(100):
        inbox.add(arrivals(*range(10), size=60_000), 9000)
    assert len(inbox) < 17
    assert inbox.dropped == 1000 - len(inbox)


def test_a_flood_of_empty_datagrams_is_bounded_too() -> None:
    inbox = Inbox(kept_bytes=1_000_000)
    inbox.add(arrivals(*[1] * 10_000, size=0), 1000)
    assert len(inbox) < 4000


def test_what_was_taken_makes_room() -> None:
    inbox = Inbox(kept_bytes=100_000)
    for _ in range(20):
        inbox.add(arrivals(1, size=60_000), 1000)
        assert len(inbox.take(10)) == 1
    assert inbox.dropped == 0


def test_two_that_the_net_delivers_in_one_have_times_of_their_own() -> None:
    former = Arrival(b"", "127.0.0.2", 1000, 500)
    # Both clocks are cut to whole milliseconds: within one of them the steady clock may still have gone on.
    for later in (Arrival(b"", "127.0.0.2", 1000, 500), Arrival(b"", "127.0.0.2", 1000, 501)):
        behind = later.behind(former)
        assert (behind.time_ms, behind.steady_ms) == (1001, 501)
