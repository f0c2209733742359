"""One address cannot take the room of the others."""

import pytest

from readings.collect.floods import MOST_PER_S, Floods
from readings.collect.inbox import Arrival
from tests.readings.collect.arrivals import HERE, THERE, arrival

SECOND_MS = 1000


def flood(seconds: int, per_s: int, *, address: str = HERE) -> list[Arrival]:
    step_ms = SECOND_MS / per_s
    return [arrival(int(n * step_ms), b"?", address=address) for n in range(seconds * per_s)]


@pytest.mark.parametrize("per_s", [1, 5, MOST_PER_S])
def test_what_units_send_is_let_through(per_s: int) -> None:
    arrivals = flood(60, per_s)
    floods = Floods()
    assert floods.bounded(arrivals) == arrivals
    assert floods.left_out == 0


def test_of_a_flood_so_much_a_second_is_let_through() -> None:
    floods = Floods()
    taken = floods.bounded(flood(60, 1000))
    assert 60 * MOST_PER_S <= len(taken) <= 64 * MOST_PER_S
    assert floods.left_out == 60_000 - len(taken)


def test_others_lose_nothing_by_it() -> None:
    floods = Floods()
    unit = [arrival(second * SECOND_MS, address=THERE) for second in range(60)]
    both = sorted([*flood(60, 1000), *unit], key=lambda one: one.steady_ms)
    assert [one for one in floods.bounded(both) if one.address == THERE] == unit


def test_answers_that_were_held_up_come_in_a_burst() -> None:
    held_up = [arrival(60_000, b"%d" % n) for n in range(60)]
    assert len(Floods().bounded(held_up)) == 60


def test_it_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    Floods().bounded(flood(150, 1000))
    assert caplog.text.count("Somebody sends more than any unit does") == 3


def test_more_addresses_than_there_can_be_units_share_what_one_may_send() -> None:
    floods = Floods()
    many = [arrival(0, b"?", address=f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(20_000)]
    assert len(floods.bounded(many)) < 6_000
    later = arrival(60_000, address=HERE)
    assert floods.bounded([later]) == [later]
