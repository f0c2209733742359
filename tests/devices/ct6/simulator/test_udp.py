"""Questions and answers over real UDP on loopback, and what can happen to them on the way."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from devices.ct6.protocol import AYT_QUESTION
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from tests.devices.ct6.simulator.conftest import quick_fleet
from tests.devices.ct6.simulator.wire import ask, question_socket, wait_for


def received(asking: socket.socket, wanted: int) -> list[tuple[Any, str]]:
    """So many answers and the addresses they came from."""
    answers = []
    for _ in range(wanted):
        payload, (address, _port) = asking.recvfrom(65536)
        answers.append((json.loads(payload), address))
    return answers


def test_the_answer_goes_to_the_asking_port_from_the_units_address(fleet: Fleet, unit: SimulatedUnit) -> None:
    with question_socket() as asking:
        asking.sendto(AYT_QUESTION, (unit.address, fleet.ayt_port))
        [(answer, address)] = received(asking, 1)
    assert address == unit.address == answer["IP_ADDRESS"]
    assert answer["ASSY"] == unit.assy == "ASY0398_V003.300_SN00001801"


@pytest.mark.parametrize("question", [b"", b"hello", b"{", b"[]", b'"AYT"', b'{"AYT": "x"}', b"\xff\xfe", b"null"])
def test_anything_but_the_question_is_ignored(fleet: Fleet, question: bytes) -> None:
    assert ask(fleet, question=question, timeout_s=0.1) is None
    assert ask(fleet) is not None


def test_a_broadcast_question_reaches_every_unit() -> None:
    with quick_fleet(3, broadcast="127.255.255.255") as fleet, question_socket() as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.sendto(AYT_QUESTION, ("127.255.255.255", fleet.ayt_port))
        assert {address for _, address in received(asking, 3)} == {unit.address for unit in fleet.units}


def test_a_lost_question_leaves_the_mean_running(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.question_loss = 1.0
    assert ask(fleet, timeout_s=0.1) is None
    assert (unit.faults.questions_lost, len(unit.sent)) == (1, 0)


def test_a_lost_answer_has_reset_the_mean(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.answer_loss = 1.0
    assert ask(fleet, timeout_s=0.1) is None
    assert (unit.faults.answers_lost, len(unit.sent)) == (1, 1)


def test_the_same_seed_loses_the_same_questions() -> None:
    def lost(seed: int) -> list[bool]:
        [unit] = Fleet(seed=seed).units
        unit.faults.question_loss = 0.5
        return [unit.faults.loses_question() for _ in range(50)]

    assert lost(7) == lost(7)
    assert lost(7) != lost(8)
    assert 5 < sum(lost(7)) < 45


def test_a_doubled_answer_comes_twice(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.duplicate = 1.0
    with question_socket() as asking:
        asking.sendto(AYT_QUESTION, (unit.address, fleet.ayt_port))
        first, second = received(asking, 2)
    assert first == second


def test_a_held_back_answer_comes_after_the_next(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.reorder = 1.0
    with question_socket() as asking:

        def two_were_made() -> bool:
            asking.sendto(AYT_QUESTION, (unit.address, fleet.ayt_port))
            return len(unit.sent) >= 2

        wait_for(two_were_made, "the second answer was made")
        (second, _), (first, _) = received(asking, 2)
    assert second["CT5"]["PRMS"] == unit.sent[1].means[4].active_power_w
    assert first["CT5"]["PRMS"] == unit.sent[0].means[4].active_power_w


def test_a_delayed_answer_comes_later(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.delay_s = 0.2
    with question_socket() as asking:
        asking.sendto(AYT_QUESTION, (unit.address, fleet.ayt_port))
        received(asking, 1)
    assert time.time_ns() - unit.sent[0].time_ns >= 200_000_000


def test_a_unit_that_does_nothing_else_answers_afterwards(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.block(0.2)
    free_again_ns = time.time_ns() + round(unit.blocked_s() * 1e9)
    assert ask(fleet) is not None
    assert unit.sent[0].time_ns >= free_again_ns


def test_prepared_units_answer_every_question_however_fast_they_come() -> None:
    answers = []
    with quick_fleet(3, prepared=True) as fleet, question_socket() as asking:
        # Never more at once than the asker's receive buffer holds: about 48 answers of this size by default.
        for _ in range(4):
            for unit in fleet.units * 5:
                asking.sendto(AYT_QUESTION, (unit.address, fleet.ayt_port))
            answers += received(asking, 15)
    assert {answer["ASSY"] for answer, _ in answers} == {unit.assy for unit in fleet.units}
    assert all(answer["IP_ADDRESS"] == address for answer, address in answers)
    powers = {answer["CT5"]["PRMS"] for answer, _ in answers}
    assert len(powers) > 1
