"""The manners of a unit's HTTP server, and the faults that can be asked of it."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from tests.devices.ct6.simulator.wire import CLOSED, LEFT_OPEN, REFUSED, RESET, get, talk, wait_for, wait_until_back

VERSION = {"FIRMWARE_VERSION": "3.1"}


def file_request(name: str, content: bytes = b"hello world\n") -> bytes:
    return f"FILE {name} / {len(content)} {hashlib.sha256(content).hexdigest()} HTTP/1.1\n".encode() + content


@contextmanager
def connections(unit: SimulatedUnit, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that have asked for nothing yet."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection((unit.address, unit.http_port), timeout=5.0))
            for _ in range(count)
        ]
        wait_for(lambda: unit.most_connections >= count or unit.boots > 1, "all of them were taken")
        yield opened


def test_one_request_after_the_other_is_served(unit: SimulatedUnit) -> None:
    assert [get(unit, "/fw_version").json() for _ in range(20)] == [VERSION] * 20
    assert unit.most_connections == 1


def test_requests_are_kept_for_tests_to_look_at(unit: SimulatedUnit) -> None:
    get(unit, "/fw_version")
    talk(unit, file_request("a.txt"))
    version, file = unit.requests
    assert version == "GET /fw_version HTTP/1.1"
    assert file.startswith("FILE a.txt / 12 ")


def test_a_fourth_connection_at_once_stalls(unit: SimulatedUnit) -> None:
    with connections(unit, 3):
        assert get(unit, "/fw_version", patience_s=0.2).end == LEFT_OPEN
    assert unit.most_connections == 4
    wait_for(lambda: get(unit, "/fw_version").end == CLOSED, "the unit has room again")


def test_sixteen_connections_at_once_use_up_the_memory_and_restart_the_unit(unit: SimulatedUnit) -> None:
    # The unit may be gone before the last connection is made.
    with contextlib.suppress(ConnectionResetError, ConnectionRefusedError), connections(unit, 16):
        wait_for(lambda: unit.state() is UnitState.AWAY or unit.boots > 1, "the unit restarts")
    wait_until_back(unit, 2)


def test_requests_wait_for_each_other(unit: SimulatedUnit) -> None:
    unit.timing = replace(unit.timing, request_s=0.1)
    with connections(unit, 2) as opened:
        began = time.monotonic()
        for connection in opened:
            connection.sendall(b"GET /fw_version HTTP/1.1\r\n\r\n")
        assert all(connection.recv(4096) for connection in opened)
        assert time.monotonic() - began >= 0.2


def test_a_client_that_closes_too_early_leaves_the_unit_busy_until_a_restart(unit: SimulatedUnit) -> None:
    with socket.create_connection((unit.address, unit.http_port)) as connection:
        connection.sendall(b"GET /fw_version HTTP/1.1\r\n")
    wait_for(lambda: unit.stuck_connections == 1, "the unit noticed")
    assert get(unit, "/fw_version").json() == VERSION
    get(unit, "/reboot")
    wait_until_back(unit, 2)
    assert unit.stuck_connections == 0


def test_an_unfinished_request_holds_nobody_else_up(unit: SimulatedUnit) -> None:
    with connections(unit, 1) as [connection]:
        connection.sendall(b"FILE part.txt / 100 00 HTTP/1.1\nhello")
        wait_for(lambda: unit.flash.files.get("/part.txt") == b"hello", "the part was stored")
        assert get(unit, "/fw_version").json() == VERSION


def test_a_restarting_unit_refuses_and_comes_back_at_the_same_port(unit: SimulatedUnit) -> None:
    port = unit.http_port
    unit.reboot()
    wait_for(lambda: get(unit, "/fw_version").end == REFUSED, "connections are refused")
    wait_until_back(unit, 2)
    assert unit.http_port == port
    assert get(unit, "/get_uptime").json()["UPTIME_SECONDS"] == 0


def test_a_restart_resets_what_is_open(unit: SimulatedUnit) -> None:
    with connections(unit, 1) as [connection]:
        unit.reboot()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_request_longer_than_the_memory_hangs(unit: SimulatedUnit) -> None:
    assert talk(unit, b"GET /" + b"x" * 20_000, patience_s=0.2).end == LEFT_OPEN


def test_a_refusing_unit_takes_no_connection_and_goes_on_otherwise(unit: SimulatedUnit) -> None:
    unit.faults.http_refused = True
    wait_for(lambda: get(unit, "/fw_version").end == REFUSED, "connections are refused")
    assert unit.state() is UnitState.RUNNING
    unit.faults.http_refused = False
    wait_for(lambda: get(unit, "/fw_version").end == CLOSED, "connections are taken again")


def test_a_cut_off_answer_was_done(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.CUT_OFF, "/set_config"))
    answer = get(unit, "/set_config?CT1_NAME=Solar")
    assert answer.end == CLOSED
    assert b'{"CT1_NAME": "Solar"}'.startswith(answer.body)
    assert len(answer.body) == 10
    assert unit.settings["CT1_NAME"] == "Solar"


def test_an_answer_that_is_not_json_was_done(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.NOT_JSON))
    assert get(unit, "/set_config?CT1_NAME=Solar").body == b"<html>busy</html>"
    assert unit.settings["CT1_NAME"] == "Solar"


@pytest.mark.parametrize(
    ("kind", "end"), [(HttpFaultKind.HANG, LEFT_OPEN), (HttpFaultKind.RESET, RESET), (HttpFaultKind.ERROR, CLOSED)]
)
def test_a_request_that_fails_otherwise_was_not_done(unit: SimulatedUnit, kind: HttpFaultKind, end: str) -> None:
    unit.faults.http.append(HttpFault(kind))
    answer = get(unit, "/set_config?CT1_NAME=Solar", patience_s=0.2)
    assert answer.end == end
    assert unit.settings["CT1_NAME"] == ""
    if kind is HttpFaultKind.ERROR:
        assert answer.json().keys() == {"ERROR"}


def test_the_third_file_of_five_arrives_damaged_once(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE", after=2, times=1))
    answers = [talk(unit, file_request(f"{n}.txt")).json() for n in range(5)]
    assert answers == [
        {"OK": True},
        {"OK": True},
        {"ERROR": "/2.txt XFER ERROR (deleted)."},
        {"OK": True},
        {"OK": True},
    ]
    assert "/2.txt" not in unit.flash.files


def test_a_file_that_finds_the_flash_full_leaves_a_part_and_hangs(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.FLASH_FULL, "FILE", times=1))
    assert talk(unit, file_request("a.txt"), patience_s=0.2).end == LEFT_OPEN
    assert unit.flash.files["/a.txt"] == b"hello "
    assert talk(unit, file_request("a.txt")).json() == {"OK": True}


def test_only_the_named_command_fails(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, "/get_config"))
    assert get(unit, "/fw_version").json() == VERSION
    assert get(unit, "/get_config").end == RESET
