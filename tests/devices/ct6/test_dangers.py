"""Files, folders and sequences of commands that put a real unit out of action: none of them leaves the client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitUnreachable, WrongUnit
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from tests.devices.ct6.captured import captured_json
from tests.devices.ct6.test_destructive_values import NO_VALUES

RESTARTS = [UnitClient.reboot, UnitClient.power_cycle]
CODE = b"M\x06\x00\x1f\x02\x00\x08e.py\x00\x0f(\x00\x02\x01Qc"  # of an empty module


def changes(unit: SimulatedUnit) -> list[str]:
    """The requests that would have changed something."""
    asked = (line.split()[1] for line in unit.requests if line.startswith("GET "))
    files = [line.split()[0] for line in unit.requests if line.startswith("FILE ")]
    return files + [path for path in asked if not path.startswith(("/get_", "/fw_version"))]


def refused(unit: SimulatedUnit, act: Callable[[], object], match: str) -> None:
    """The act is refused with its reason and the unit's label, and the unit heard nothing of it."""
    before = changes(unit)
    with pytest.raises(DestructiveValue, match=match) as refusal:
        act()
    assert refusal.value.unit == unit.assy
    assert changes(unit) == before
    assert unit.state() is UnitState.RUNNING


def is_back(unit: SimulatedUnit, client: UnitClient) -> bool:
    """Whether it answers again within five seconds, started afresh."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            client.uptime_s()
        except UnitUnreachable:
            continue
        if unit.boots > 1:
            return True
    return False


def leaves(unit: SimulatedUnit) -> bool:
    """Whether the unit is off the network for good within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if unit.state() is UnitState.OFF_NETWORK:
            return True
    return False


# The captured disasters that are about no value


def swap_to_empty_app2(unit: SimulatedUnit, client: UnitClient) -> None:
    client.erase_inactive_folder()
    refused(unit, client.swap_active_folder, "never come back")


def broken_mpy_in_app2(unit: SimulatedUnit, client: UnitClient) -> None:
    refused(unit, lambda: client.send_file("app.mpy", "/app2", b"not bytecode"), "no bytecode")


def defaults_and_reboot(unit: SimulatedUnit, client: UnitClient) -> None:
    refused(unit, lambda: client.reset_to_defaults(meant_for=""), "only if that is meant")
    unit.reset_settings()  # by somebody else: what answers then is no unit that we know
    for restart in RESTARTS:
        with pytest.raises(WrongUnit):
            restart(client)
    assert changes(unit) == []


def reset_wifi_and_reboot(unit: SimulatedUnit, client: UnitClient) -> None:
    refused(unit, lambda: client._request("reset_wifi_config"), "no command that is ever sent")
    unit.forget_wifi()
    for restart in RESTARTS:
        refused(unit, partial(restart, client), "leave the network")


def corrupt_machine_cfg(unit: SimulatedUnit, client: UnitClient) -> None:
    refused(unit, lambda: client.send_file("this.machine.cfg", "/", b'{"CT1_NAME": '), "WiFi set-up")


def fill_disk(unit: SimulatedUnit, client: UnitClient) -> None:
    """The unit lived through it: the part of a file that is left can be removed."""
    impatient = UnitClient(unit.address, unit.http_port, assy=unit.assy, file_timeout_s=0.4)
    with pytest.raises(UnitUnreachable):
        impatient.send_file("big.bin", "/", bytes(700_000))
    client.remove_file("/big.bin")


def early_close(unit: SimulatedUnit, client: UnitClient) -> None:
    """A request is always sent whole, also by a client that then waits no longer."""
    unit.faults.http.append(HttpFault(HttpFaultKind.HANG, "/get_stats"))
    with pytest.raises(UnitUnreachable):
        UnitClient(unit.address, unit.http_port, timeout_s=0.2).stats()
    assert client.uptime_s() >= 0
    assert unit.stuck_connections == 0


DISASTERS = {
    "swap_to_empty_app2": swap_to_empty_app2,
    "broken_mpy_in_app2": broken_mpy_in_app2,
    "defaults_and_reboot": defaults_and_reboot,
    "reset_wifi_and_reboot": reset_wifi_and_reboot,
    "corrupt_machine_cfg": corrupt_machine_cfg,
    "corrupt_machine_cfg_plug": corrupt_machine_cfg,
    "fill_disk": fill_disk,
    "early_close": early_close,
}


def test_no_captured_disaster_is_forgotten() -> None:
    assert DISASTERS.keys() == NO_VALUES
    assert captured_json("destructive").keys() >= DISASTERS.keys()


@pytest.mark.parametrize("entry", DISASTERS)
def test_a_captured_disaster_does_not_happen(entry: str, unit: SimulatedUnit, client: UnitClient) -> None:
    DISASTERS[entry](unit, client)
    assert unit.state() is UnitState.RUNNING


# Restarting


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize("left", [[], ["/app1/lib/wifi.mpy"]], ids=["empty", "half"])
def test_a_restart_into_a_folder_without_an_application_is_refused(
    unit: SimulatedUnit, client: UnitClient, restart: Callable[[UnitClient], None], left: list[str]
) -> None:
    for path in [path for path in unit.flash.files if path.startswith("/app1/") and path not in left]:
        unit.flash.remove(path)
    refused(unit, lambda: restart(client), "holds no application")


@pytest.mark.parametrize("restart", RESTARTS)
def test_a_restart_after_a_swap_to_an_emptied_folder_is_refused(
    unit: SimulatedUnit, client: UnitClient, restart: Callable[[UnitClient], None]
) -> None:
    unit.swap_folders()  # by an older tool, which does not look
    refused(unit, lambda: restart(client), "/app2 holds no application")


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MQTT_SERVER_PORT", ""),
        ("MQTT_SERVER_PORT", "abc"),
        ("PF_WATTS_THRESHOLD", "abc"),
        ("ZERO_POWER_GATE_WATTS", ""),
    ],
)
def test_a_restart_with_a_setting_that_the_unit_crashes_at_is_refused(
    unit: SimulatedUnit, client: UnitClient, restart: Callable[[UnitClient], None], key: str, value: str
) -> None:
    unit.settings[key] = value
    refused(unit, lambda: restart(client), f"{key} is {value!r}.*restart for ever")


@pytest.mark.parametrize("restart", RESTARTS)
def test_a_restart_is_the_cure_of_a_line_frequency_that_the_chips_hang_at(
    unit: SimulatedUnit, client: UnitClient, restart: Callable[[UnitClient], None]
) -> None:
    unit.settings["LINE_FREQ_HZ"] = 55.0  # /factory.cfg overrides it
    restart(client)
    assert is_back(unit, client)
    assert unit.state() is UnitState.RUNNING


def test_firmware_of_old_without_two_folders_can_be_restarted(unit: SimulatedUnit, client: UnitClient) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/get_active_app_folder"))
    client.reboot()
    assert is_back(unit, client)


def test_a_swap_to_half_an_application_is_refused(unit: SimulatedUnit, client: UnitClient) -> None:
    client.send_file("constants.mpy", "/app2", CODE)
    refused(unit, client.swap_active_folder, "/app2 holds no application")


# The meter chips


@pytest.mark.parametrize("act", [UnitClient.init_meter_chips, UnitClient.save_factory_config])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LINE_FREQ_HZ", 55.0),
        ("LINE_FREQ_HZ", ""),
        ("CS4_VOLTAGE_GAIN", 0.0),
        ("CT1_IGAIN", 0),
        ("CT6_IGAIN", "abc"),
        ("CT3_IOFFSET", "x"),
    ],
)
def test_chips_are_not_loaded_with_what_the_unit_hangs_at_and_it_is_not_kept(
    unit: SimulatedUnit, client: UnitClient, act: Callable[[UnitClient], None], key: str, value: object
) -> None:
    unit.settings[key] = value
    refused(unit, lambda: act(client), f"{key} is .*hang")


# Files


@pytest.mark.parametrize("path", ["/main.py", "/boot.py", "/this.machine.cfg", "/factory.cfg", "/app2/../factory.cfg"])
def test_a_file_that_a_unit_cannot_do_without_is_not_removed(
    unit: SimulatedUnit, client: UnitClient, path: str
) -> None:
    refused(unit, lambda: client.remove_file(path), "must not be")


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.send_file("app.mpy", "/app1", CODE),
        lambda client: client.send_file("app.mpy", "/app2/../app1", CODE),
        lambda client: client.send_file("wifi.mpy", "app1/lib/", CODE),
        lambda client: client.remove_file("/app1/app.mpy"),
        lambda client: client.remove_file("app1/app.mpy"),
        lambda client: client.remove_folder("/app1/lib"),
        lambda client: client.remove_folder("/app1"),
        lambda client: client.make_folder("/app1/new"),
    ],
)
def test_the_application_that_a_unit_runs_is_left_alone(
    unit: SimulatedUnit, client: UnitClient, act: Callable[[UnitClient], None]
) -> None:
    refused(unit, lambda: act(client), "belongs to the application")


def test_after_a_swap_the_other_folder_is_the_one_left_alone(unit: SimulatedUnit, client: UnitClient) -> None:
    client.send_file("app.mpy", "/app2", CODE)
    client.send_file("constants.mpy", "/app2", CODE + b"3.2")
    assert client.swap_active_folder() == "/app2"
    refused(unit, lambda: client.send_file("app.mpy", "/app2", CODE), "belongs to the application")
    client.remove_file("/app1/app.mpy")


@pytest.mark.parametrize(
    "data",
    [b"", b"M", b"M\x06", CODE[:15], b"M\x05" + CODE[2:], CODE[:3] + b"\x3f" + CODE[4:], b"import app # and the rest"],
    ids=["empty", "a letter", "two bytes", "cut off", "former format", "larger machine", "source"],
)
def test_bytecode_that_the_unit_cannot_run_is_not_sent(unit: SimulatedUnit, client: UnitClient, data: bytes) -> None:
    refused(unit, lambda: client.send_file("x.mpy", "/app2/lib", data), "no bytecode")


def test_a_whole_module_is_sent(unit: SimulatedUnit, client: UnitClient) -> None:
    client.send_file("x.mpy", "/app2/lib", CODE)
    assert unit.flash.read("/app2/lib/x.mpy") == CODE


@pytest.mark.parametrize("code", [b"import app", CODE])
@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/", "time.{}"),
        ("/", "json.{}"),
        ("/", "constants.{}"),
        ("/", "TIME.{}"),
        ("/lib", "wifi.{}"),
        ("lib/drivers/", "st7789.{}"),
        ("/notes", "harmless.{}"),
        ("/app2/..", "time.{}"),
        ("/app3", "app.{}"),
        ("/app", "app.{}"),
    ],
)
def test_code_goes_only_into_the_application_that_is_not_in_use(
    unit: SimulatedUnit, client: UnitClient, folder: str, name: str, code: bytes
) -> None:
    """A module in the root is found before the one of the same name that the unit starts with."""
    source, bytecode = name.format("py"), name.format("mpy")
    refused(unit, lambda: client.send_file(source, folder, code), "outside the application folders")
    refused(unit, lambda: client.send_file(bytecode, folder, code), "outside the application folders")


def test_source_is_code_too_and_may_stand_in_the_folder_that_is_not_in_use(
    unit: SimulatedUnit, client: UnitClient
) -> None:
    client.send_file("time.py", "/app2", b"import app")
    assert unit.flash.read("/app2/time.py") == b"import app"
    unit.swap_folders()
    other = UnitClient(unit.address, unit.http_port, assy=unit.assy)
    refused(unit, lambda: other.send_file("time.py", "/app2", b"import app"), "belongs to the application")


@pytest.mark.parametrize(
    "path", ["/factory.cfg", "/this.machine.cfg", "/main.py", "main.py/", "/BOOT.PY", "/notes/../main.py"]
)
@pytest.mark.parametrize("act", [UnitClient.make_folder, UnitClient.remove_folder])
def test_no_folder_takes_the_place_of_a_file_that_a_unit_starts_with(
    unit: SimulatedUnit, client: UnitClient, act: Callable[[UnitClient, str], None], path: str
) -> None:
    refused(unit, lambda: act(client, path), "must not be")


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.make_folder("/time"),
        lambda client: client.make_folder("lib/"),
        lambda client: client.make_folder("/app2/../json"),
        lambda client: client.make_folder("/lib/drivers"),
        lambda client: client.send_file("notes.txt", "/json", b"x"),  # the unit makes the folder itself
    ],
)
def test_no_folder_is_made_that_a_unit_would_take_for_a_module(
    unit: SimulatedUnit, client: UnitClient, act: Callable[[UnitClient], None]
) -> None:
    refused(unit, lambda: act(client), "name of a module")


def test_a_folder_that_was_made_in_place_of_a_module_can_be_removed(unit: SimulatedUnit, client: UnitClient) -> None:
    unit.flash.make_folder("/json")
    client.remove_folder("/json")
    assert "/json" not in unit.flash.folders


def test_an_application_has_folders_of_any_name(unit: SimulatedUnit, client: UnitClient) -> None:
    client.make_folder("/app2/json")
    assert "/app2/json" in unit.flash.folders


def factory_file(unit: SimulatedUnit, **changed: Any) -> bytes:
    return json.dumps(json.loads(unit.flash.read("/factory.cfg")) | changed).encode()


def test_the_unit_s_own_factory_configuration_can_be_put_back(unit: SimulatedUnit, client: UnitClient) -> None:
    content = factory_file(unit, CT1_IGAIN=40000.0)
    client.send_file("factory.cfg", "/", content)
    assert unit.flash.read("/factory.cfg") == content


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"ASSY": "ASY0398_V003.300_SN00009999"}, "is of ASY0398_V003.300_SN00009999"),
        ({"ASSY": 5}, "no factory configuration"),
        ({"LINE_FREQ_HZ": 55}, "LINE_FREQ_HZ '55' must be"),
        ({"CT1_IGAIN": 0}, "CT1_IGAIN '0' must be"),
        ({"CS0_VOLTAGE_GAIN": "abc"}, "CS0_VOLTAGE_GAIN 'abc' must be"),
        ({"CT2_IOFFSET": 70000}, "CT2_IOFFSET '70000' must be"),
        ({"CT2_IOFFSET": float("nan")}, "not finite"),
        ({"WIFI": {}}, "no setting"),
    ],
)
def test_a_factory_configuration_that_would_ruin_the_unit_is_not_sent(
    unit: SimulatedUnit, client: UnitClient, changed: dict[str, Any], match: str
) -> None:
    content = factory_file(unit, **changed)
    refused(unit, lambda: client.send_file("factory.cfg", "/", content), match)


@pytest.mark.parametrize("content", [b"", b'{"ASSY": ', b"[]", b"\xff", b"{}"])
def test_what_is_no_factory_configuration_is_not_sent(unit: SimulatedUnit, client: UnitClient, content: bytes) -> None:
    refused(unit, lambda: client.send_file("factory.cfg", "/", content), "no factory configuration")


# The deliberate act


def test_a_reset_that_is_meant_takes_the_unit_off_the_network(unit: SimulatedUnit, client: UnitClient) -> None:
    client.reset_to_defaults(meant_for=unit.assy)
    client.restart_after_reset()
    assert leaves(unit)
    assert unit.settings["ASSY"] == client.assy  # from /factory.cfg


@pytest.mark.parametrize("meant_for", ["", "ASY0398_V003.300_SN00009999"])
def test_a_reset_meant_for_another_unit_is_refused(unit: SimulatedUnit, client: UnitClient, meant_for: str) -> None:
    refused(unit, lambda: client.reset_to_defaults(meant_for=meant_for), "only if that is meant")


def test_a_client_that_knows_no_label_resets_nothing(unit: SimulatedUnit) -> None:
    anyone = UnitClient(unit.address, unit.http_port)
    with pytest.raises(DestructiveValue, match="only if that is meant"):
        anyone.reset_to_defaults(meant_for=unit.assy)


def test_a_reset_that_would_take_the_label_is_refused(unit: SimulatedUnit, client: UnitClient) -> None:
    unit.flash.remove("/factory.cfg")
    refused(unit, lambda: client.reset_to_defaults(meant_for=unit.assy), "label and its calibration")


def test_a_reset_into_an_empty_first_folder_is_refused(unit: SimulatedUnit, client: UnitClient) -> None:
    for path in [path for path in unit.flash.files if path.startswith("/app1/")]:
        unit.flash.write(path.replace("/app1/", "/app2/"), unit.flash.read(path))
        unit.flash.remove(path)
    unit.swap_folders()
    refused(unit, lambda: client.reset_to_defaults(meant_for=unit.assy), "/app1 holds no application")


def test_another_unit_at_the_address_is_not_restarted_after_a_reset(fleet: Fleet) -> None:
    meant, other = fleet.units
    client = UnitClient(other.address, other.http_port, assy=meant.assy)
    other.settings["ASSY"] = "ASY0197_V00.0000_SN00000000"  # uncalibrated, but on the network
    with pytest.raises(WrongUnit):
        client.restart_after_reset()
    assert changes(other) == []
