"""The one UDP socket, on loopback only, and which addresses a broadcast goes to."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from devices.ct6.errors import AskError, NoInterface
from devices.ct6.protocol import AYT_QUESTION
from devices.ct6.udp import AnswerSocket, Datagram, InterfaceAddress, broadcast_targets, one_target_a_lan

LOOPBACK = "127.0.0.1"


@pytest.fixture
def answers() -> Iterator[AnswerSocket]:
    with AnswerSocket(LOOPBACK) as answers:
        yield answers


@pytest.fixture
def unit() -> Iterator[socket.socket]:
    """A plain socket standing where a unit would."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unit:
        unit.bind((LOOPBACK, 0))
        unit.settimeout(5)
        yield unit


def wait_for(answers: AnswerSocket, count: int) -> list[Datagram]:
    """What arrives until there are so many, for five seconds at most."""
    deadline = time.monotonic() + 5
    taken: list[Datagram] = []
    while len(taken) < count and time.monotonic() < deadline:
        select.select([answers], [], [], 0.1)
        taken += answers.receive()
    return taken


def test_a_question_is_the_exact_datagram(answers: AnswerSocket, unit: socket.socket) -> None:
    assert answers.ask(*unit.getsockname()) is True
    assert unit.recv(1000) == AYT_QUESTION


def test_an_answer_comes_back_to_the_port_that_asked(answers: AnswerSocket, unit: socket.socket) -> None:
    answers.ask(*unit.getsockname())
    _, asker = unit.recvfrom(1000)
    assert asker == answers.bound_to
    unit.sendto(b"{}", asker)
    [datagram] = wait_for(answers, 1)
    assert datagram.payload == b"{}"
    assert (datagram.address, datagram.port) == unit.getsockname()


def test_an_answer_is_stamped_with_its_arrival_not_with_its_reading(answers: AnswerSocket, unit: socket.socket) -> None:
    before_ns = time.time_ns()
    unit.sendto(b"early", answers.bound_to)
    sent_ns = time.time_ns()
    select.select([answers], [], [], 5)
    later_ns = time.time_ns()
    while time.time_ns() < later_ns + 20_000_000:  # it waits in the socket
        pass
    [datagram] = answers.receive()
    assert before_ns - 1_000_000 <= datagram.received_ns <= sent_ns + 10_000_000


def test_nothing_there_is_an_empty_list_at_once(answers: AnswerSocket) -> None:
    assert answers.receive() == []


def test_answers_are_taken_oldest_first_and_no_more_than_asked_for(answers: AnswerSocket, unit: socket.socket) -> None:
    for number in range(5):
        unit.sendto(bytes([number]), answers.bound_to)
    select.select([answers], [], [], 5)
    assert [one.payload for one in answers.receive(limit=3)] == [b"\x00", b"\x01", b"\x02"]
    assert [one.payload for one in wait_for(answers, 2)] == [b"\x03", b"\x04"]


def test_an_empty_and_a_greatest_datagram_arrive_whole(answers: AnswerSocket, unit: socket.socket) -> None:
    unit.sendto(b"", answers.bound_to)
    unit.sendto(b"x" * 65_507, answers.bound_to)
    assert [len(one.payload) for one in wait_for(answers, 2)] == [0, 65_507]


def test_the_receive_buffer_is_enlarged_and_says_what_was_got() -> None:
    with AnswerSocket(LOOPBACK, wanted_buffer_bytes=65_536) as small, AnswerSocket(LOOPBACK) as usual:
        assert (small.wanted_buffer_bytes, small.receive_buffer_bytes) == (65_536, 65_536)
        assert usual.wanted_buffer_bytes >= usual.receive_buffer_bytes > 65_536


def test_what_does_not_fit_is_counted_by_the_kernel(unit: socket.socket) -> None:
    with AnswerSocket(LOOPBACK, wanted_buffer_bytes=4_096) as answers:
        assert answers.drops() == 0
        for _ in range(200):
            unit.sendto(b"x" * 1_000, answers.bound_to)
        kept = len(wait_for(answers, 1))
        assert kept > 0
        assert answers.drops() == 200 - kept


def test_one_unreachable_address_is_said_once_and_stops_nobody(answers: AnswerSocket, unit: socket.socket) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            # Port 0 is refused by the kernel before anything leaves.
            assert answers.ask(LOOPBACK, 0) is False
    assert [(one["address"], one["log_level"]) for one in logs] == [(LOOPBACK, "warning")]
    with capture_logs() as logs:
        assert answers.ask(*unit.getsockname()) is True
        assert answers.ask(*unit.getsockname()) is True
    assert [one["event"] for one in logs] == ["Questions get out again"]
    with capture_logs() as logs:
        assert answers.ask(LOOPBACK, 0) is False
    assert len(logs) == 1


def test_it_can_be_waited_for_and_closes_with_its_block(unit: socket.socket) -> None:
    with AnswerSocket(LOOPBACK) as answers:
        assert answers.fileno() >= 0
        unit.sendto(b"x", answers.bound_to)
        assert select.select([answers.fileno()], [], [], 5)[0]
    assert answers.fileno() == -1


def test_an_address_that_is_not_ours_cannot_be_bound() -> None:
    with pytest.raises(OSError, match="assign"):
        AnswerSocket("192.0.2.123")


# Where to broadcast


def found(
    interface: str, address: str, netmask: str = "255.255.255.0", broadcast: str | None = None
) -> InterfaceAddress:
    return InterfaceAddress(interface, address, netmask, broadcast)


def test_each_lan_has_its_broadcast_address() -> None:
    assert one_target_a_lan(
        [found("eth0", "192.168.1.5", broadcast="192.168.1.255"), found("wlan0", "10.1.2.3", "255.255.252.0")]
    ) == {"192.168.1.255": "eth0", "10.1.3.255": "wlan0"}


def test_a_lan_that_two_interfaces_share_is_asked_once() -> None:
    cable = found("eth0", "192.168.1.5", broadcast="192.168.1.255")
    radio = found("wlan0", "192.168.1.77", broadcast="192.168.1.255")
    assert one_target_a_lan([radio, cable]) == {"192.168.1.255": "eth0"}


def test_two_addresses_of_one_interface_on_one_lan_are_one_target() -> None:
    assert one_target_a_lan([found("eth0", "10.0.0.1"), found("eth0", "10.0.0.2")]) == {"10.0.0.255": "eth0"}


def test_two_networks_of_one_interface_are_two_targets() -> None:
    targets = one_target_a_lan([found("eth0", "10.0.0.1"), found("eth0", "10.0.1.1")])
    assert targets == {"10.0.0.255": "eth0", "10.0.1.255": "eth0"}


@pytest.mark.parametrize(
    "address",
    [
        found("lo", "127.0.0.1", "255.0.0.0"),
        found("tun0", "10.8.0.2", "255.255.255.255"),
        found("p2p", "10.9.0.1", "255.255.255.254"),
    ],
)
def test_loopback_and_tunnels_have_nobody_to_ask(address: InterfaceAddress) -> None:
    assert one_target_a_lan([address]) == {}


def test_an_interface_that_does_not_exist_is_refused_and_the_others_are_named() -> None:
    with pytest.raises(NoInterface, match=r"no network interface ether9, nosuch0; it has .*lo") as refusal:
        broadcast_targets(["nosuch0", "lo", "ether9"])
    assert isinstance(refusal.value, AskError)


def test_this_machines_own_interfaces_give_targets_of_theirs_only() -> None:
    targets = broadcast_targets()
    assert "lo" not in targets.values()
    assert all(not address.startswith("127.") for address in targets)
    for interface in set(targets.values()):
        assert set(broadcast_targets([interface]).values()) == {interface}


def test_loopback_can_be_named_but_has_no_target() -> None:
    assert broadcast_targets(["lo"]) == {}
