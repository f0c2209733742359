"""Client, socket and decoder against a whole simulated unit: what is written is what comes back."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.errors import (
    DestructiveValue,
    UnitAnsweredBadly,
    UnitError,
    UnitRefused,
    UnitUnreachable,
    WrongUnit,
)
from devices.ct6.protocol import Answer, decode_answer, decode_name, encode_name
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from devices.ct6.udp import AnswerSocket

AWKWARD_NAMES = ["Küche, Süd", 'Dad\'s "den"', "nan", "2", "1e99", "a=b&c?d", "_1", "100 % solar", "漢字", "-"]


def impatient(unit: SimulatedUnit) -> UnitClient:
    return UnitClient(unit.address, unit.http_port, assy=unit.assy, timeout_s=0.3, file_timeout_s=0.3)


def ask_until_answered(fleet: Fleet, *, for_s: float = 5.0) -> Answer | None:
    """The unit's next answer; it is silent within 200 ms of its last one."""
    deadline = time.monotonic() + for_s
    with AnswerSocket() as answers:
        while time.monotonic() < deadline:
            assert answers.ask(fleet.units[0].address, fleet.ayt_port)
            select.select([answers], [], [], 0.1)
            for datagram in answers.receive():
                return decode_answer(datagram.payload)
    return None


def ask_until_it_fails(client: UnitClient) -> None:
    """Ask over HTTP for five seconds at most."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        client.uptime_s()


def succeeds(action: Callable[[], object]) -> bool:
    """Whether an action works within five seconds: units are away while they restart."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            action()
        except UnitUnreachable:
            continue
        return True
    return False


def test_the_answer_over_udp_and_the_one_over_http_are_the_same_unit(fleet: Fleet, client: UnitClient) -> None:
    answer = ask_until_answered(fleet)
    assert answer is not None
    assert answer.assy == client.assy_label() == fleet.units[0].assy
    assert (answer.address, answer.http_port) == (client.address, client.port)
    assert answer.implausible == ()
    stats = client.stats()
    assert {f"CT{port.number}" for port in answer.ports} <= stats.keys()


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_an_awkward_name_comes_back_over_both_ways(fleet: Fleet, client: UnitClient, name: str) -> None:
    encoded = encode_name(name)
    assert client.set_config({"CT2_NAME": encoded, "YDEV_UNIT_NAME": encoded}) == {
        "CT2_NAME": encoded,
        "YDEV_UNIT_NAME": encoded,
    }
    stored = client.config()["CT2_NAME"]
    assert isinstance(stored, str)
    assert decode_name(stored) == name
    answer = ask_until_answered(fleet)
    assert answer is not None
    assert (answer.name, answer.ports[1].name) == (name, name)


@pytest.mark.parametrize(("raw", "read"), [("Dad's", "Dad's"), ('a"b', "a'b"), ("Küche°", "Küche°")])
def test_a_raw_name_that_somebody_else_set_stops_nothing(
    client: UnitClient, unit: SimulatedUnit, raw: str, read: str
) -> None:
    unit.set({"CT1_NAME": raw})
    config = client.config()
    assert (config["CT1_NAME"], config["ASSY"]) == (read, unit.assy)
    assert client.stats()["ASSY"] == unit.assy
    client.set_config({"CT1_NAME": encode_name(raw)})
    assert client.config()["CT1_NAME"] == encode_name(raw)


def test_an_inactive_unit_is_silent_and_still_takes_settings(fleet: Fleet, client: UnitClient) -> None:
    client.set_config({"ACTIVE": "0"})
    assert ask_until_answered(fleet, for_s=0.6) is None
    client.set_config({"ACTIVE": "1"})
    answer = ask_until_answered(fleet)
    assert answer is not None
    assert answer.active is True


@pytest.mark.parametrize("value", ["nan", "1e99", "a b", "2"])
def test_a_refused_value_never_reaches_the_unit(client: UnitClient, unit: SimulatedUnit, value: str) -> None:
    with pytest.raises(DestructiveValue):
        client.set_config({"CT1_NAME": value})
    assert list(unit.requests) == []
    assert unit.state() is UnitState.RUNNING


def test_a_unit_that_changed_places_is_left_alone(unit: SimulatedUnit) -> None:
    stranger = UnitClient(unit.address, unit.http_port, assy="ASY0398_V003.300_SN00009999")
    with pytest.raises(WrongUnit):
        stranger.set_config({"CT1_NAME": "Solar"})
    assert len(unit.requests) == 1
    assert unit.settings["CT1_NAME"] != "Solar"


def test_an_application_is_sent_swapped_and_started(client: UnitClient, unit: SimulatedUnit) -> None:
    active, folder = client.active_folder(), client.inactive_folder()
    sources = {
        path: unit.flash.read(path) for path in client.file_list() if path.startswith(f"{active}/") and path[-1] != "/"
    }
    client.erase_inactive_folder()
    assert not [path for path in client.file_list() if path.startswith(f"{folder}/")]
    for sub in ("", "/lib", "/lib/drivers"):
        for path, content in sources.items():
            parent, _, name = path.rpartition("/")
            if parent == f"{active}{sub}":
                client.send_file(name, f"{folder}{sub}", content)
    assert sum(path.startswith(f"{folder}/") and path[-1] != "/" for path in client.file_list()) == len(sources)
    assert client.swap_active_folder() == folder
    client.reboot()
    assert succeeds(lambda: _restarted(client, unit))
    assert (client.active_folder(), unit.state()) == (folder, UnitState.RUNNING)


def _restarted(client: UnitClient, unit: SimulatedUnit) -> None:
    client.uptime_s()
    if unit.boots == 1:
        raise UnitUnreachable(unit.assy, "it has not restarted yet")


def test_swapping_to_an_erased_folder_is_refused(client: UnitClient) -> None:
    client.erase_inactive_folder()
    with pytest.raises(DestructiveValue, match="never come back"):
        client.swap_active_folder()
    assert client.active_folder() == "/app1"


def test_files_and_folders(client: UnitClient) -> None:
    client.make_folder("/notes")
    client.send_file("a.txt", "/notes", b"it's\n{'a': \"b\"}\n")
    assert client.read_file("/notes/a.txt") == "it's\n{'a': \"b\"}\n"
    assert "/notes/a.txt" in client.file_list()
    with pytest.raises(UnitRefused):
        client.remove_folder("/notes")
    client.remove_file("/notes/a.txt")
    client.remove_folder("/notes")
    assert "/notes/" not in client.file_list()


def test_calibration_is_loaded_and_kept(client: UnitClient, unit: SimulatedUnit) -> None:
    client.set_config({"CT1_IGAIN": "40000"})
    client.init_meter_chips()
    client.save_factory_config()
    client.power_cycle()
    assert succeeds(lambda: _restarted(client, unit))
    assert client.config()["CT1_IGAIN"] == 40000


def test_a_file_without_a_parent_folder_makes_the_unit_hang_and_is_given_up(unit: SimulatedUnit) -> None:
    with pytest.raises(UnitUnreachable):
        impatient(unit).send_file("a.txt", "/no/such/parent", b"x")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (HttpFaultKind.CUT_OFF, UnitAnsweredBadly),
        (HttpFaultKind.NOT_JSON, UnitAnsweredBadly),
        (HttpFaultKind.ERROR, UnitRefused),
        (HttpFaultKind.HANG, UnitUnreachable),
        (HttpFaultKind.RESET, UnitUnreachable),
    ],
)
def test_each_way_to_fail_is_its_own_error_naming_the_unit(
    client: UnitClient, unit: SimulatedUnit, kind: HttpFaultKind, error: type[UnitError]
) -> None:
    unit.faults.http.append(HttpFault(kind, "/get_stats"))
    asking = impatient(unit) if kind is HttpFaultKind.HANG else client
    with pytest.raises(error, match=unit.assy) as raised:
        asking.stats()
    assert raised.value.retryable is (error is not UnitRefused)


@pytest.mark.parametrize(
    ("kind", "error"), [(HttpFaultKind.WRONG_HASH, UnitRefused), (HttpFaultKind.FLASH_FULL, UnitUnreachable)]
)
def test_a_file_that_does_not_arrive_is_an_error(
    client: UnitClient, unit: SimulatedUnit, kind: HttpFaultKind, error: type[UnitError]
) -> None:
    unit.faults.http.append(HttpFault(kind, "FILE"))
    sending = impatient(unit) if kind is HttpFaultKind.FLASH_FULL else client
    with pytest.raises(error):
        sending.send_file("a.txt", "/app2", b"x" * 100)


def test_a_unit_that_is_away_is_unreachable_and_worth_another_try(client: UnitClient, unit: SimulatedUnit) -> None:
    client.reboot()
    with pytest.raises(UnitUnreachable) as error:
        ask_until_it_fails(client)
    assert error.value.retryable
    assert succeeds(lambda: _restarted(client, unit))


def test_every_connection_is_used_alone_and_closed_properly(client: UnitClient, unit: SimulatedUnit) -> None:
    client.set_config({"CT1_NAME": "Solar"})
    client.stats()
    client.send_file("a.txt", "/app2", b"x" * 100_000)
    assert unit.most_connections == 1
    assert unit.stuck_connections == 0
