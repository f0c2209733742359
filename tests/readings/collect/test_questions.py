"""When and whom the collector asks. Nothing here leaves the machine."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.protocol import AYT_QUESTION
from devices.ct6.udp import AnswerSocket
from readings.collect.questions import Questions, Targets, phases_s, targets_for, until_next_round_ns

SECOND_NS = 1_000_000_000


def test_without_any_address_every_interface_is_asked_by_broadcast() -> None:
    assert targets_for([], [], 29340) == Targets((), True, (), 29340)


def test_named_addresses_are_asked_and_nobody_else() -> None:
    assert targets_for(["127.0.0.2", "127.0.0.3", "127.0.0.2"], [], 29340) == Targets(("127.0.0.2", "127.0.0.3"), False)


def test_the_word_auto_keeps_broadcasting_beside_them() -> None:
    assert targets_for(["127.0.0.2", "auto"], [], 29340) == Targets(("127.0.0.2",), True)


def test_a_named_interface_is_asked_by_broadcast() -> None:
    assert targets_for([], ["eth0"], 29340) == Targets((), True, ("eth0",))


def test_a_broadcast_address_may_be_named() -> None:
    assert targets_for(["192.168.0.255"], [], 29340).addresses == ("192.168.0.255",)


@pytest.mark.parametrize("address", ["localhost", "::1", "1.2.3", "192.168.0.34:80", "", "224.0.0.1", "0.0.0.0"])
def test_what_is_no_address_of_a_unit_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        targets_for(["127.0.0.2", address], [], 29340)


def test_all_wrong_addresses_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"'one'.*'two'"):
        targets_for(["one", "two"], [], 29340)


def test_a_thousand_addresses_are_spread_over_the_first_half_of_the_period() -> None:
    phases = phases_s(1000, 1.0, broadcast=False)
    assert phases[0] == 0.0
    assert phases[-1] < 0.5
    assert {round(later - former, 9) for former, later in itertools.pairwise(phases)} == {0.0005}


def test_a_few_addresses_follow_each_other_closely() -> None:
    assert phases_s(3, 10.0, broadcast=False) == [0.0, 0.005, 0.01]


def test_beside_a_broadcast_all_are_asked_before_a_unit_would_answer_again() -> None:
    assert phases_s(1000, 1.0, broadcast=True)[-1] < 0.15


def test_rounds_start_at_whole_multiples_of_the_period() -> None:
    assert until_next_round_ns(1_700_000_000 * SECOND_NS + 3_000_000, SECOND_NS) == 997_000_000


def test_a_round_that_started_a_little_early_does_not_ask_twice() -> None:
    assert until_next_round_ns(1_700_000_000 * SECOND_NS - 1000, SECOND_NS) == SECOND_NS + 1000


@given(st.integers(0, 4 * 10**18), st.integers(SECOND_NS // 4, 300 * SECOND_NS))
def test_no_step_of_the_clock_stalls_the_questions_or_makes_a_burst(wall_ns: int, period_ns: int) -> None:
    wait_ns = until_next_round_ns(wall_ns, period_ns)
    assert period_ns <= 2 * wait_ns <= 3 * period_ns
    assert (wall_ns + wait_ns) % period_ns == 0


def test_questions_leave_on_the_period_of_the_wall_clock() -> None:
    """Over real UDP, to ourselves."""
    with AnswerSocket("127.0.0.1") as asker, AnswerSocket("127.0.0.1") as asked:
        targets = Targets(("127.0.0.1",), broadcast=False, port=asked.bound_to[1])
        questions = Questions(asker, targets, 0.25)

        async def ask_for_a_while() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(questions.ask_for_ever(), 1.1)

        with ThreadPoolExecutor(1) as beside:  # a browser of an earlier test may have left its loop in this thread
            beside.submit(asyncio.run, ask_for_a_while()).result(20)
        received = asked.receive()
    assert questions.asked == len(received) in (4, 5)
    assert {datagram.payload for datagram in received} == {AYT_QUESTION}
    late_ms = [datagram.received_ns // 1_000_000 % 250 for datagram in received]
    assert sorted(late_ms)[len(late_ms) // 2] < 100


def test_nobody_to_broadcast_to_is_said_once_and_looked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("devices.ct6.udp.psutil.net_if_addrs", dict)
    with AnswerSocket("127.0.0.1") as asker:
        questions = Questions(asker, Targets(), 1.0)
        questions.look_for_interfaces(0.0)
        questions.look_for_interfaces(10.0)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "--address" in said[0]


def test_an_interface_that_goes_away_does_not_end_the_collector(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with AnswerSocket("127.0.0.1") as asker:
        questions = Questions(asker, Targets(interfaces=("gone0",)), 1.0)
        questions.look_for_interfaces(0.0)
    assert "gone0" in caplog.text
