"""One request and its whole answer: cut off, hanging, trickling, or from something that is no unit."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, UnitError, UnitUnreachable
from devices.ct6.exchange import MAX_ANSWER_BYTES
from tests.devices.ct6.captured import HEAD, answer, captured, captured_json, client_of, replaying

ASSY = "ASY0398_V003.300_SN00001801"
LOOPBACK = "127.0.0.1"
CONFIG = captured("get_config.http")


def test_an_answer_in_many_pieces_is_read_to_its_end() -> None:
    whole = captured("get_stats.http")
    with replaying(
        get_stats=[whole[:17], whole[17:51], *[whole[at : at + 100] for at in range(51, len(whole), 100)]]
    ) as s:
        assert client_of(s).stats() == captured_json("get_stats")


@pytest.mark.parametrize("length", [1, 16, 52, 60, 700, 1302])
def test_a_cut_off_answer_is_never_taken_for_a_whole_one(length: int) -> None:
    with replaying(get_config=CONFIG[:length]) as server, pytest.raises(UnitAnsweredBadly) as error:
        client_of(server).config()
    assert error.value.retryable


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        HEAD,
        HEAD + b"[]",
        HEAD + b"{} trailing",
        HEAD + b"\xff\xfe",
        HEAD + b"{}",
        b"{}",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
        b"HTTP/1.0 200 OK\r\n" * 5,
    ],
)
def test_what_is_no_answer_of_a_unit_is_said_to_be_none(raw: bytes) -> None:
    with replaying(fw_version=raw) as server, pytest.raises(UnitAnsweredBadly) as error:
        client_of(server, assy=ASSY).firmware_version()
    assert error.value.unit == ASSY
    assert error.value.retryable


@pytest.mark.parametrize("body", ['{"UPTIME_SECONDS": "long"}', '{"UPTIME_SECONDS": true}', '{"OK": true}'])
def test_a_value_of_the_wrong_kind_is_a_bad_answer(body: str) -> None:
    with replaying(get_uptime=answer(body)) as server, pytest.raises(UnitAnsweredBadly, match="UPTIME_SECONDS"):
        client_of(server).uptime_s()


def test_an_endless_answer_is_given_up() -> None:
    endless = [HEAD + b"{", b" " * (MAX_ANSWER_BYTES + 1)]
    with replaying(get_stats=endless) as server, pytest.raises(UnitAnsweredBadly, match="longer than"):
        client_of(server).stats()


def test_a_unit_that_hangs_is_given_up_after_the_timeout() -> None:
    with replaying() as server:
        started = time.monotonic()
        with pytest.raises(UnitUnreachable, match=r"within 0\.2 s") as error:
            client_of(server, timeout_s=0.2).stats()
        assert 0.2 <= time.monotonic() - started < 8
        assert server.closed_early == 0  # the whole request was sent, or the unit would stay busy
        assert server.commands == ["get_stats"]
    assert error.value.retryable


def test_a_unit_that_trickles_is_given_up_after_the_timeout_too() -> None:
    listener = socket.create_server((LOOPBACK, 0))
    stop = threading.Event()

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection:
            while not stop.wait(0.02):
                connection.sendall(b" ")

    with listener, ThreadPoolExecutor(1) as pool:
        trickling = pool.submit(trickle)
        started = time.monotonic()
        with pytest.raises(UnitUnreachable):
            UnitClient(LOOPBACK, listener.getsockname()[1], timeout_s=0.3).stats()
        assert time.monotonic() - started < 8
        stop.set()
        assert trickling.exception(5) is None or isinstance(trickling.exception(5), ConnectionError)


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))  # bound, but not listening
        with pytest.raises(UnitUnreachable, match="refused") as error:
            UnitClient(LOOPBACK, bound.getsockname()[1], assy=ASSY).reboot()
    assert isinstance(error.value, UnitError)
    assert str(error.value).startswith(f"{ASSY}: no connection to {LOOPBACK}")


def test_one_client_never_has_two_connections_at_once() -> None:
    listener = socket.create_server((LOOPBACK, 0), backlog=8)
    listener.settimeout(5)
    waiting_too = []

    def serve() -> None:
        for _ in range(4):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                listener.settimeout(0.05)
                with suppress(TimeoutError):
                    waiting_too.append(listener.accept()[0])
                listener.settimeout(5)
                connection.sendall(captured("fw_version.http"))

    client = UnitClient(LOOPBACK, listener.getsockname()[1])
    with listener, ThreadPoolExecutor(5) as pool:
        serving = pool.submit(serve)
        versions = list(pool.map(lambda _: client.firmware_version(), range(4)))
        serving.result(5)
    for connection in waiting_too:
        connection.close()
    assert versions == ["3.1"] * 4
    assert waiting_too == []
