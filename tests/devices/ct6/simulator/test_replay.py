"""Every request of the captured session of a real unit, asked of a simulated one in the same order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.ct6.simulator.fleet import Fleet
from tests.devices.ct6.simulator.conftest import UNNAMED, quick_fleet
from tests.devices.ct6.simulator.wire import (
    CLOSED,
    LEFT_OPEN,
    RESET,
    Exchange,
    ask,
    get,
    talk,
    wait_for,
    wait_until_back,
)

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
INDEX: list[dict[str, Any]] = json.loads((SAMPLES / "index.json").read_text())

# Measured values and clocks: a number is all that can be expected of them.
VARYING = {
    *("PRMS", "PREACT", "PAPPARENT", "PF", "IRMS", "IPEAK", "VRMS", "FREQ", "TEMP", "TIMESENT", "READ_TIME_NS"),
    *("RSSI", "BOARD_TEMPERATURE", "CT6_BOARD_TEMPERATURE", "UPTIME_SECONDS"),
}
# What the unit of the session was set up with and ours is not.
SET_UP = {"YDEV_SERVICE_LIST": "WEB:80", "WIFI": json.loads((SAMPLES / "get_config.json").read_text())["WIFI"]}
WIFI_OF_THE_SESSION = {"SSID", "BSSID", "CHANNEL"}

HTTP_CASES = [n for n, entry in enumerate(INDEX) if "answer_bytes" in entry and " /" in entry.get("request", "")]
HTTP_CASES += [n for n, entry in enumerate(INDEX) if entry["name"] in {"garbage", "absolute_uri"}]
UDP_CASES = [n for n, entry in enumerate(INDEX) if entry["name"].startswith("ayt ")]


def name(number: int) -> str:
    return f"{number}-{INDEX[number]['name']}"


class Session:
    """The answers of one replay, by position in the index."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.unit = fleet, fleet.units[0]
        self.http: dict[int, Exchange] = {}
        self.udp: dict[int, Any] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self.silent_while_inactive: list[Any] = []

    def replay(self) -> None:
        for number, entry in enumerate(INDEX):
            if entry["name"] == "no_headers_then_close":
                talk_and_close(self, entry)
            elif number in HTTP_CASES:
                patience_s = 0.25 if entry["end"] == "no close within 4 s" else 5.0
                self.http[number] = talk(self.unit, whole_request(entry), patience_s=patience_s)
            elif number in UDP_CASES:
                self.udp[number] = ask(self.fleet, question=entry["request"].encode(), timeout_s=0.4)
            elif entry["name"] == "ayt_inactive":
                self.silent_while_inactive = [ask(self.fleet, timeout_s=0.4) for _ in entry["answers"]]
            elif entry["name"].startswith("persistence"):
                self.settings[entry["name"]] = dict(self.unit.settings)
            if entry["name"] in {"reboot", "reboot2", "power_cycle"}:
                wait_until_back(self.unit, self.unit.boots + 1)


def whole_request(entry: dict[str, Any]) -> bytes:
    """The request's bytes; the index cuts the two long ones short."""
    request: bytes = entry["request"].encode("latin-1")
    if entry["name"] == "set_name_long":
        long_name = json.loads((SAMPLES / "set_name_long.json").read_text())["CT1_NAME"]
        return f"GET /set_config?CT1_NAME={long_name} HTTP/1.1\r\n\r\n".encode()
    if entry["name"] == "file_binary":
        return request.partition(b"\n")[0] + b"\n" + bytes(range(256)) * 5
    return request


def talk_and_close(session: Session, entry: dict[str, Any]) -> None:
    """Send what is not a whole request, and go."""
    talk(session.unit, entry["request"].encode(), patience_s=0.05)
    wait_for(lambda: session.unit.stuck_connections > 0, "the unit noticed")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with quick_fleet(names=[UNNAMED]) as fleet:
        fleet.units[0].settings |= SET_UP
        fleet.units[0].save_settings()
        replayed = Session(fleet)
        replayed.replay()
        yield replayed


def assert_alike(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal but for what varies from second to second, of which only the kind must agree."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        assert ours.keys() == theirs.keys(), where
        for key, value in theirs.items():
            if key in VARYING:
                assert_same_kind(ours[key], value, f"{where} {key}")
            elif key not in WIFI_OF_THE_SESSION or "WIFI_SCAN" not in where:
                assert_alike(ours[key], value, f"{where} {key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for our_item, their_item in zip(ours, theirs, strict=True):
            assert_alike(our_item, their_item, where)
    elif isinstance(theirs, str) and theirs.startswith("{"):
        assert_alike(json.loads(ours), json.loads(theirs), where)  # a file of JSON inside the JSON
    else:
        assert ours == theirs, where


def assert_same_kind(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, list):
        assert [type(item) for item in ours] == [type(item) for item in theirs], where
    else:
        assert isinstance(ours, int | float), where


def pieces(body: bytes) -> list[bytes]:
    """What is not JSON, comparable in any order of keys and without the measured values."""
    measured = tuple(f'"{key}"'.encode() for key in VARYING)
    parts = body.strip(b"{}").replace(b"{", b", ").replace(b"}", b"").split(b", ")
    return sorted(part for part in parts if not part.startswith(measured))


@pytest.mark.parametrize("number", HTTP_CASES, ids=name)
def test_an_http_request_is_answered_as_captured(session: Session, number: int) -> None:
    entry = INDEX[number]
    if entry["name"] == "no_headers_then_close":
        assert number not in session.http
        return
    ours = session.http[number]
    if entry["end"] == "no close within 4 s":
        assert ours == Exchange(b"", LEFT_OPEN)
        return
    assert ours.end == (CLOSED if entry["end"] == "closed by unit" else RESET)
    captured = Exchange(captured_bytes(entry), ours.end)
    assert ours.head == captured.head
    if entry["body_is_json"]:
        assert_alike(ours.json(), captured.json())
    else:
        assert pieces(ours.body) == pieces(captured.body)


def captured_bytes(entry: dict[str, Any]) -> bytes:
    """The raw answer; short ones stand in the index alone."""
    path = SAMPLES / f"{entry['name']}.http"
    if path.exists():
        return path.read_bytes()
    head = b"HTTP/1.0 200 OK\r\nContent-type: application/json\r\n\r\n"
    assert len(head) + len(entry["body"].encode()) == entry["answer_bytes"], "the index holds the whole body"
    return head + bytes(entry["body"].encode())


@pytest.mark.parametrize("number", UDP_CASES, ids=name)
def test_a_question_is_answered_as_captured(session: Session, number: int) -> None:
    answered = session.udp[number] is not None
    assert answered == (INDEX[number]["answer_bytes"] > 0)


def test_an_inactive_unit_says_nothing(session: Session) -> None:
    assert session.silent_while_inactive == [None, None]


def test_factory_settings_override_the_others_at_every_start(session: Session) -> None:
    entry = next(entry for entry in INDEX if entry["name"] == "persistence")
    after = session.settings["persistence"]
    assert {key: after[key] for key in entry["after_reboot"]} == entry["after_reboot"]


def test_saved_factory_settings_survive(session: Session) -> None:
    assert session.settings["persistence_saved"]["CT1_IGAIN"] == 40000.0


def test_every_request_of_the_session_is_replayed() -> None:
    asked = {number for number, entry in enumerate(INDEX) if "answer_bytes" in entry}
    ordinary = {number for number, entry in enumerate(INDEX) if entry.get("request") == "AYT unicast UDP"}
    assert asked == {*HTTP_CASES, *UDP_CASES, *ordinary}


@pytest.mark.parametrize("sample", sorted(path.stem for path in SAMPLES.glob("ayt_*.json")))
def test_an_answer_has_the_keys_and_kinds_of_a_captured_one(fleet: Fleet, sample: str) -> None:
    captured = json.loads((SAMPLES / f"{sample}.json").read_text())
    unit = fleet.units[0]
    unit.settings |= {f"CT{n}_NAME": captured[f"CT{n}"]["NAME"] for n in range(1, 7)}
    unit.settings |= {"YDEV_UNIT_NAME": captured["UNIT_NAME"], "ASSY": captured["ASSY"], "ACTIVE": captured["ACTIVE"]}
    ours = ask(fleet)
    assert_alike(ours | {"SERVICE_LIST": "WEB:80", "IP_ADDRESS": captured["IP_ADDRESS"]}, captured)


@pytest.mark.parametrize("command", ["reset_to_default_config", "reset_wifi_config"])
def test_a_reset_is_answered_as_captured(fleet: Fleet, command: str) -> None:
    assert get(fleet.units[0], f"/{command}").payload == (SAMPLES / f"{command}.http").read_bytes()
