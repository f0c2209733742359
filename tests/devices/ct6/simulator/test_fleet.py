"""Fleets start at the addresses they are given, or say why not, and leave nothing behind."""

from __future__ import annotations

import gc
import socket
import threading
import time
import warnings

import pytest

from devices.ct6.simulator.fleet import Fleet, SimulatorError, UnitNames, simulated_assy, simulated_curve
from tests.devices.ct6.simulator.conftest import quick_fleet
from tests.devices.ct6.simulator.wire import ask, get


def test_units_have_consecutive_addresses_and_labels() -> None:
    units = Fleet(3, "127.0.0.254").units
    assert [unit.address for unit in units] == ["127.0.0.254", "127.0.0.255", "127.0.1.0"]
    assert [unit.assy for unit in units] == [simulated_assy(index) for index in range(3)]
    assert simulated_assy(2) == "ASY0398_V003.300_SN00001803"


def test_units_are_named_and_each_has_a_load_of_its_own() -> None:
    house, annex, second_house = Fleet(3).units
    assert house.settings["YDEV_UNIT_NAME"] == "House"
    assert annex.settings["CT2_NAME"] == "Heat%20pump"
    assert second_house.settings["YDEV_UNIT_NAME"] == "House%202"
    end_ns = 1_795_305_600 * 10**9
    assert len({unit.true_energy_ws(1, end_ns - 86_400 * 10**9, end_ns) for unit in (house, annex, second_house)}) == 3


def test_a_unit_carries_the_load_that_history_is_made_from() -> None:
    now_ns = time.time_ns()
    unit = Fleet(2, seed=5).units[1]
    made = simulated_curve(1, seed=5).energy_ws(2, now_ns - 10**12, now_ns)
    assert unit.true_energy_ws(2, now_ns - 10**12, now_ns) == made


def test_names_are_stored_encoded() -> None:
    [unit] = Fleet(names=[UnitNames("Tom & Jo's", ["Küche", *[""] * 5])]).units
    assert (unit.settings["YDEV_UNIT_NAME"], unit.settings["CT1_NAME"]) == ("Tom%20%26%20Jo%27s", "K%C3%BCche")


def test_every_unit_answers_at_the_same_free_port_and_serves_http_at_its_own() -> None:
    with quick_fleet(3) as fleet:
        assert fleet.ayt_port > 1023
        for index, unit in enumerate(fleet.units):
            answer = ask(fleet, index)
            assert answer["ASSY"] == unit.assy
            assert answer["SERVICE_LIST"] == f"WEB:{unit.http_port}"
            assert get(unit, "/get_config").json()["ASSY"] == unit.assy


def test_two_fleets_run_beside_each_other() -> None:
    with quick_fleet() as one, quick_fleet() as other:
        assert one.ayt_port != other.ayt_port
        assert ask(one) is not None
        assert ask(other) is not None


def test_a_stacked_unit_has_24_ports() -> None:
    with quick_fleet(port_count=24) as fleet:
        answer = ask(fleet)
    assert {f"CT{n}" for n in range(1, 25)} <= answer.keys()


def test_stopping_waits_for_nobody_and_leaves_no_thread_and_no_socket() -> None:
    threads = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fleet = quick_fleet(3)
        fleet.start()
        with socket.create_connection((fleet.units[0].address, fleet.units[0].http_port)) as half_open:
            half_open.sendall(b"GET /fw")
            began = time.monotonic()
            fleet.stop()
            assert time.monotonic() - began < 4.0  # a busy machine takes its time
        gc.collect()
    assert set(threading.enumerate()) == threads
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free_again:
        free_again.bind((fleet.units[0].address, fleet.ayt_port))


def test_a_stopped_fleet_starts_again_where_it_was() -> None:
    fleet = quick_fleet()
    with fleet:
        port = fleet.ayt_port
    with fleet:
        assert fleet.ayt_port == port
        assert ask(fleet) is not None


def test_stopping_twice_is_fine() -> None:
    fleet = quick_fleet()
    fleet.start()
    fleet.stop()
    fleet.stop()


def test_a_taken_question_port_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", 0))
        port = taken.getsockname()[1]
        with pytest.raises(SimulatorError, match=rf"UDP port {port} .*127\.0\.0\.2.*--ayt-port"):
            Fleet(ayt_port=port, http_port=0).start()


def test_a_free_http_port_may_stand_in_for_a_taken_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Fleet(1, ayt_port=0, http_port=port, or_free_port=True) as fleet:
            assert fleet.units[0].http_port not in (0, port)


def test_a_taken_http_port_is_named_and_the_rest_is_given_back() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.3", 0))
        taken.listen()
        fleet = Fleet(2, ayt_port=0, http_port=taken.getsockname()[1])
        with pytest.raises(SimulatorError, match=r"TCP port \d+ cannot be used at 127\.0\.0\.3 .*--http-port"):
            fleet.start()
    gc.collect()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free_again:
        free_again.bind(("127.0.0.2", fleet.ayt_port))


@pytest.mark.parametrize(
    ("bind", "units"),
    [("192.168.1.5", 1), ("0.0.0.0", 1), ("127.255.255.254", 3), ("255.255.255.255", 2), ("127.0.0.2", 0), ("lo", 1)],
)
def test_units_live_on_loopback_only(bind: str, units: int) -> None:
    with pytest.raises(SimulatorError, match=r"--bind.*127\.0\.0\.2"):
        Fleet(units, bind)
