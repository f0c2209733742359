"""Units that say nothing are found by asking every address once, and nobody else comes to harm."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from devices.ct6 import sweep as sweeping
from devices.ct6.errors import UnitAnsweredBadly, UnitUnreachable
from devices.ct6.protocol import MAX_NAME_CHARACTERS
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet, UnitNames
from devices.ct6.sweep import Guard, NotSwept, Reply, Target, addresses_of, local_address, networks_from, sweep, who_is
from devices.ct6.udp import InterfaceAddress

BIND = "127.0.0.2"


def common_port(addresses: Sequence[str]) -> int:
    """A TCP port that is free at all of these addresses."""
    for _ in range(50):
        with socket.socket() as first:
            first.bind((addresses[0], 0))
            port: int = first.getsockname()[1]
            if all(_is_free(address, port) for address in addresses[1:]):
                return port
    raise AssertionError("no port is free at all of them")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as other:
        try:
            other.bind((address, port))
        except OSError:
            return False
    return True


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    port = common_port(["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    with Fleet(3, BIND, http_port=port, ayt_port=0) as fleet:
        yield fleet


def targets(fleet: Fleet, network: str = "127.0.0.0/28") -> list[Target]:
    return [Target(address, fleet.units[0].http_port) for address in addresses_of(networks_from([network]))]


@contextmanager
def server(answer: bytes, *, stays_open: bool = False) -> Iterator[tuple[Target, list[bytes]]]:
    """Some other device's web server, and the requests that it got."""
    got: list[bytes] = []
    over = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(10)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if over.is_set():
                        return
                    got.append(connection.recv(65_536))
                    connection.sendall(answer)
                    if stays_open:
                        over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        target = Target("127.0.0.1", listener.getsockname()[1])
        try:
            yield target, got
        finally:
            over.set()
            socket.create_connection((target.address, target.http_port)).close()
            thread.join()


# --- What is found ----------------------------------------------------------------------------------------------
def test_every_unit_of_the_network_is_found_with_what_it_is(fleet: Fleet) -> None:
    fleet.units[1].set({"ACTIVE": "0"})
    asked = list(sweep(targets(fleet)))
    assert len(asked) == 14
    assert sum(one.reply is Reply.NOBODY for one in asked) == 11
    units = {one.target.address: one.unit for one in asked if one.unit is not None}
    assert {address: unit.assy for address, unit in units.items()} == {one.address: one.assy for one in fleet.units}
    house, annex = units["127.0.0.2"], units["127.0.0.3"]
    assert (house.name, house.active, house.firmware_version, house.product) == ("House", True, "3.1", "CT6")
    assert (house.http_port, house.device_type) == (fleet.units[0].http_port, "6_CHNL_CT_SENSOR")
    assert annex.active is False
    assert [port.number for port in annex.ports] == [1, 2, 3, 4, 5, 6]
    assert annex.ports[0].sensor_type == "SCT013_100A"


def test_each_unit_serves_one_connection_at_a_time_and_is_left_free(fleet: Fleet) -> None:
    list(sweep(targets(fleet)))
    for unit in fleet.units:
        assert [line.split()[1] for line in unit.requests] == ["/get_config", "/fw_version"]
        assert (unit.most_connections, unit.stuck_connections) == (1, 0)


@pytest.mark.parametrize("name", ["Dad's shed", 'the "big" one', "Küche", "2", "nan", "100 %"])
def test_names_are_read_as_people_gave_them(name: str) -> None:
    with Fleet(1, BIND, http_port=0, ayt_port=0, names=[UnitNames(name, [name] * 6)]) as fleet:
        unit = fleet.units[0]
        found = who_is(Target(unit.address, unit.http_port))
    assert (found.name, found.ports[5].name) == (name, name)


def test_a_raw_quote_in_a_name_does_not_hide_a_unit(fleet: Fleet) -> None:
    fleet.units[0].settings["YDEV_UNIT_NAME"] = "Dad's"
    assert who_is(targets(fleet)[1]).assy == fleet.units[0].assy


def test_a_name_too_long_is_cut(fleet: Fleet) -> None:
    fleet.units[0].settings["YDEV_UNIT_NAME"] = "x" * 500
    assert who_is(targets(fleet)[1]).name == "x" * MAX_NAME_CHARACTERS


def test_a_unit_that_does_not_tell_its_firmware_is_found_all_the_same(fleet: Fleet) -> None:
    fleet.units[0].faults.http = [HttpFault(HttpFaultKind.ERROR, "/fw_version")]
    assert who_is(targets(fleet)[1]).firmware_version == ""


def test_the_wifi_password_goes_no_further(fleet: Fleet) -> None:
    assert "simulated" not in repr(list(sweep(targets(fleet))))


# --- Bad units and others ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        (HttpFaultKind.CUT_OFF, Reply.UNREADABLE),
        (HttpFaultKind.NOT_JSON, Reply.OTHER),
        (HttpFaultKind.ERROR, Reply.OTHER),
        (HttpFaultKind.RESET, Reply.NOBODY),
    ],
)
def test_a_unit_that_misbehaves_spoils_nothing_else(fleet: Fleet, kind: HttpFaultKind, reply: Reply) -> None:
    fleet.units[0].faults.http = [HttpFault(kind)]
    replies = {one.target.address: one.reply for one in sweep(targets(fleet))}
    assert replies["127.0.0.2"] is reply
    assert replies["127.0.0.3"] is replies["127.0.0.4"] is Reply.UNIT


def test_a_unit_that_never_answers_is_given_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_ANSWER_S", 0.3)
    fleet.units[0].faults.http = [HttpFault(HttpFaultKind.HANG)]
    assert {one.reply for one in sweep(targets(fleet)[1:2])} == {Reply.NOBODY}
    with pytest.raises(UnitUnreachable):
        who_is(targets(fleet)[1])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>a printer</html>",
        b'HTTP/1.1 200 OK\r\n\r\n{"model": "a camera"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"YDEV_PRODUCT_ID": "OTHER", "ASSY": "ASY0001_V01.0000_SN00000001"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"YDEV_PRODUCT_ID": "CT6", "ASSY": "../etc"}',
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
    ids=["404", "page", "json", "other product", "bad label", "no web server", "nothing"],
)
def test_another_device_gets_one_small_whole_request_and_is_only_counted(answer: bytes) -> None:
    with server(answer) as (target, got):
        [asked] = sweep([target])
        assert (asked.reply, asked.unit) == (Reply.OTHER, None)
        [request] = got
    assert request.startswith(b"GET /get_config HTTP/1.1\r\n")
    assert request.endswith(b"\r\nConnection: close\r\n\r\n")
    assert len(request) < 120


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000) as (target, _):
        assert [one.reply for one in sweep([target])] == [Reply.OTHER]


def test_a_server_that_never_closes_is_left_after_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_ANSWER_S", 0.3)
    with server(b"HTTP/1.1 200 OK\r\n\r\n{", stays_open=True) as (target, got):
        assert [one.reply for one in sweep([target])] == [Reply.NOBODY]
        assert len(got) == 1


def test_what_is_no_ct6_cannot_be_added() -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n<html>") as (target, _), pytest.raises(UnitAnsweredBadly, match="not a CT6"):
        who_is(target)


# --- Bounds -----------------------------------------------------------------------------------------------------
def test_results_come_while_others_are_still_to_be_asked(fleet: Fleet) -> None:
    results = sweep(targets(fleet, "127.0.0.0/24"))
    next(results)
    asked_by_then = sum(len(unit.requests) for unit in fleet.units)
    results.close()
    assert asked_by_then <= 6
    assert all(unit.stuck_connections == 0 for unit in fleet.units)


def test_when_the_time_is_over_the_rest_is_not_asked(fleet: Fleet) -> None:
    assert {one.reply for one in sweep(targets(fleet), limit_s=-1)} == {Reply.NOT_ASKED}
    assert not fleet.units[0].requests


def guarding(refused: str, log: list[str]) -> Guard:
    @contextmanager
    def guard(target: Target) -> Iterator[bool]:
        log.append(f"in {target.address}")
        yield target.address != refused
        log.append(f"out {target.address}")

    return guard


def test_a_unit_that_somebody_talks_to_is_left_out(fleet: Fleet) -> None:
    log: list[str] = []
    replies = {one.target.address: one.reply for one in sweep(targets(fleet), guard=guarding("127.0.0.3", log))}
    assert replies["127.0.0.3"] is Reply.LEFT_OUT
    assert not fleet.units[1].requests
    assert sorted(log) == sorted(f"{way} {address}" for way in ("in", "out") for address in replies)


def test_guards_are_left_when_the_loop_is_left_early(fleet: Fleet) -> None:
    log: list[str] = []
    results = sweep(targets(fleet), guard=guarding("", log))
    next(results)
    results.close()
    assert sum(line.startswith("in") for line in log) == sum(line.startswith("out") for line in log)


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        (["8.8.8.0/24"], "8.8.8.0/24 is not a local network"),
        (["100.64.0.0/24"], "not a local network"),
        (["192.0.2.0/24"], "not a local network"),
        (["224.0.0.0/24"], "not a local network"),
        (["0.0.0.0/0"], "not a local network"),
        (["172.32.0.0/24"], "not a local network"),
        (["10.0.0.0/8"], "16777216 addresses; at most a /22"),
        (["192.168.0.0/21"], "2048 addresses; at most a /22"),
        (["10.0.0.0/22", "10.1.0.0/24"], "1280 addresses together, at most 1024"),
        (["meters.local"], "is no IPv4 network; write it like 192.168.1.0/24"),
        (["fe80::/64"], "is no IPv4 network"),
        ([""], "is no IPv4 network"),
    ],
)
def test_what_must_not_be_swept_is_refused_with_the_reason(networks: list[str], sentence: str) -> None:
    with pytest.raises(NotSwept) as refusal:
        networks_from(networks)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("networks", "count"),
    [
        (["192.168.1.0/24"], 254),
        (["192.168.1.77/24"], 254),
        (["10.0.0.0/22"], 1022),
        (["192.168.1.34"], 1),
        (["169.254.7.0/30"], 2),
        (["192.168.1.0/24", "192.168.1.64/26"], 254),
        (["127.0.0.0/28", "127.0.0.16/28"], 28),
    ],
)
def test_local_networks_are_swept_address_by_address_each_once(networks: list[str], count: int) -> None:
    addresses = addresses_of(networks_from(networks))
    assert len(addresses) == len(set(addresses)) == count


@pytest.mark.parametrize(
    ("networks", "last_parts"),
    [
        (["127.0.0.172", "127.0.0.173", "127.0.0.174", "127.0.0.175"], [172, 173, 174, 175]),
        (["127.0.0.175", "127.0.0.172", "127.0.0.175/32"], [172, 175]),
        (["127.0.0.172/31"], [172, 173]),
        (["127.0.0.172/31", "127.0.0.174/31"], [172, 173, 174, 175]),
        (["127.0.0.172/30"], [173, 174]),
        (["127.0.0.172/30", "127.0.0.175"], [173, 174, 175]),
        (["127.0.0.172/30", "127.0.0.172", "127.0.0.173"], [172, 173, 174]),
        (["127.0.0.172/30", "127.0.0.168/30"], [169, 170, 173, 174]),
        (["127.0.0.172/30", "127.0.0.168/29"], [169, 170, 171, 172, 173, 174]),
    ],
)
def test_every_address_that_was_named_is_asked_once(networks: list[str], last_parts: list[int]) -> None:
    assert addresses_of(networks_from(networks)) == [f"127.0.0.{last}" for last in last_parts]


def test_many_networks_in_one_another_count_once() -> None:
    assert len(networks_from(["10.0.0.0/22", *(f"10.0.{third}.0/24" for third in range(4))])) == 5


@pytest.mark.parametrize("address", ["8.8.8.8", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "meter", ""])
def test_only_local_addresses_are_asked(address: str) -> None:
    with pytest.raises(NotSwept):
        local_address(address)
    assert local_address(" 192.168.1.34 ") == "192.168.1.34"


def test_the_own_networks_are_offered_and_a_large_one_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [
        InterfaceAddress("eth0", "192.168.1.20", "255.255.255.0", None),
        InterfaceAddress("eth1", "10.3.7.9", "255.0.0.0", None),
        InterfaceAddress("wan", "93.184.216.34", "255.255.255.0", None),
        InterfaceAddress("ppp", "10.9.9.9", "255.255.255.255", None),
        InterfaceAddress("wlan0", "192.168.1.21", "255.255.255.0", None),
    ]
    monkeypatch.setattr(sweeping, "interface_addresses", lambda: own)
    assert sweeping.own_networks() == ["10.3.7.0/24", "192.168.1.0/24"]
