"""The requests that put a real unit out of action do the same to a simulated one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from tests.devices.ct6.simulator.conftest import UNNAMED, quick_fleet
from tests.devices.ct6.simulator.wire import CLOSED, LEFT_OPEN, REFUSED, ask, get, talk, wait_for

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
CAPTURED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "destructive.json").read_text())

MQTT = "MQTT_SERVER_ADDRESS=127.0.0.1"
SEND_BIG, SEND_SMALL = ("big.bin", "/", b"\x00" * 600_000), ("small.bin", "/", b"\x01" * 100)
SEND_BROKEN_APP = ("app.mpy", "/app2", b"not bytecode")
SEND_BROKEN_SETTINGS = ("this.machine.cfg", "/", b'{"CT1_NAME": ')
PULL_THE_PLUG = "pull the plug"

# What was asked, in order; the capture holds the answers only.
ASKED: dict[str, list[str | tuple[str, str, bytes]]] = {
    "name_nan": ["/set_config?CT1_NAME=nan"],
    "name_inf": ["/set_config?CT1_NAME=inf"],
    "name_1e99": ["/set_config?YDEV_UNIT_NAME=1e99"],
    "unit_name_numeric": ["/set_config?YDEV_UNIT_NAME=12", "/reboot"],
    "line_freq_55": ["/set_config?LINE_FREQ_HZ=55", "/init_atm90e32_devs", "/reboot"],
    "voltage_gain_0": ["/set_config?CS4_VOLTAGE_GAIN=0", "/init_atm90e32_devs", "/reboot"],
    "voltage_gain_1": ["/set_config?CS4_VOLTAGE_GAIN=1", "/init_atm90e32_devs", "/reboot"],
    "gain_text": ["/set_config?CT1_IGAIN=abc", "/init_atm90e32_devs", "/reboot"],
    "gain_above_16_bit": ["/set_config?CT1_IGAIN=70000", "/init_atm90e32_devs", "/get_stats"],
    "pf_threshold_text": ["/set_config?PF_WATTS_THRESHOLD=abc", "/get_stats"],
    "mqtt_port_text": ["/set_config?MQTT_SERVER_PORT=abc", "/reboot"],
    "mqtt_port_empty": ["/set_config?MQTT_SERVER_PORT=", "/reboot"],
    "mqtt_period_text": [f"/set_config?MQTT_TX_PERIOD_MS=x,{MQTT},MQTT_TOPIC=t"],
    "mqtt_numeric_topic": [f"/set_config?{MQTT},MQTT_TOPIC=12"],
    "mqtt_numeric_password": [f"/set_config?{MQTT},MQTT_TOPIC=t,MQTT_USERNAME=u,MQTT_PASSWORD=1234"],
    "mqtt_refused": [f"/set_config?{MQTT},MQTT_SERVER_PORT=9,MQTT_TOPIC=t"],
    "mqtt_bad_hostname": ["/set_config?MQTT_SERVER_ADDRESS=no.such.host.invalid,MQTT_TOPIC=t"],
    "swap_to_empty_app2": ["/erase_offline_app", "/swap_active_app", "/reboot"],
    "broken_mpy_in_app2": [SEND_BROKEN_APP, "/swap_active_app", "/reboot"],
    "defaults_and_reboot": ["/reset_to_default_config", "/reboot"],
    "reset_wifi_and_reboot": ["/reset_wifi_config", "/reboot"],
    "corrupt_machine_cfg": [SEND_BROKEN_SETTINGS, "/get_config"],
    "corrupt_machine_cfg_plug": [SEND_BROKEN_SETTINGS, PULL_THE_PLUG],
    "fill_disk": [SEND_BIG, "/get_sys_stats", SEND_SMALL, "/set_config?CT1_NAME=x", "/reboot"],
}

# How the real unit answered where the text of its answer is not a text of ours to compare.
SHAPE_ONLY = {"/get_stats", "/get_config"}


def perform(unit: SimulatedUnit, step: str | tuple[str, str, bytes]) -> str | int:
    """What came back, in the words of the capture."""
    if step == PULL_THE_PLUG:
        unit.reboot()
        return 0
    if isinstance(step, str):
        answer = get(unit, step, patience_s=0.25)
    else:
        name, folder, content = step
        digest = hashlib.sha256(content).hexdigest()
        head = f"FILE {name} {folder} {len(content)} {digest} HTTP/1.1\n".encode()
        answer = talk(unit, head + content)
    return answer.body.decode() if answer.end == CLOSED else "NO ANSWER"


def as_json(text: str) -> Any:
    """The value, or the text where even MicroPython could not read it."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return {key: value[key] for key in value if not key.startswith("RAM")} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", ASKED)
def test_a_destructive_request_ends_as_captured(fleet: Fleet, case: str) -> None:
    unit, captured = fleet.units[0], CAPTURED[case]
    boots_before = unit.boots
    answers = [perform(unit, step) for step in ASKED[case]]
    assert len(answers) == len(captured["answers"])
    for step, ours, theirs in zip(ASKED[case], answers, captured["answers"], strict=True):
        if step in SHAPE_ONLY and theirs != "NO ANSWER":
            assert str(ours).startswith("{")
        else:
            assert as_json(str(ours)) == as_json(str(theirs))
    if unit.boots == boots_before and any(step in {"/reboot", PULL_THE_PLUG} for step in ASKED[case]):
        wait_for(lambda: unit.state() is not UnitState.AWAY and unit.boots > boots_before, "the unit started again")
    survives = captured["rest_after"].startswith("{")
    assert (unit.state() is UnitState.RUNNING) == survives
    assert (captured["ayt_after_bytes"] > 0) == survives
    assert bool(unit.ruined_by) != survives
    if survives:
        wait_for(lambda: ask(fleet, timeout_s=0.5) is not None, "it answers, once it has measured anything")
        wait_for(lambda: get(unit, "/fw_version").end == CLOSED, "HTTP answers")
        assert get(unit, "/fw_version").body.decode() == captured["rest_after"]
    else:
        assert [ask(fleet, timeout_s=0.22) for _ in range(2)] == [None, None]
        wait_for(lambda: get(unit, "/fw_version").end == REFUSED, "HTTP is gone")


def test_every_captured_case_is_tried() -> None:
    elsewhere = {"early_close"}  # test_http.py
    assert set(ASKED) | elsewhere == set(CAPTURED)


@pytest.mark.parametrize("value", ["nan", "NaN", "-inf", "Infinity", "1e39", "9" * 40, "1_0e9_9"])
@pytest.mark.parametrize("key", ["CT6_NAME", "YDEV_GROUP_NAME", "MQTT_TOPIC", "ACTIVE"])
def test_a_number_that_is_not_finite_ends_the_unit_in_any_setting(key: str, value: str) -> None:
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801")
    unit.set({key: value})
    assert unit.state() is UnitState.OFF_NETWORK
    assert key in unit.ruined_by


@pytest.mark.parametrize("name", ["n%61n", "%6Ean", "%31e99", "nano", "infinite", "x1e99"])
def test_an_encoded_or_ordinary_name_harms_nobody(name: str) -> None:
    unit = SimulatedUnit("ASY0398_V003.300_SN00001801")
    assert unit.set({"CT1_NAME": name}) == {"CT1_NAME": name}
    assert unit.state() is UnitState.RUNNING


def test_a_gain_of_0_saved_as_factory_setting_never_starts_again(fleet: Fleet) -> None:
    unit = fleet.units[0]
    get(unit, "/set_config?CT1_IGAIN=0")
    get(unit, "/save_factory_cfg")
    get(unit, "/reboot")
    wait_for(lambda: unit.state() is UnitState.CRASH_LOOP, "the unit crashes at every start")


def test_an_application_that_was_sent_whole_starts_and_tells_its_version() -> None:
    with quick_fleet(names=[UNNAMED]) as fleet:
        unit = fleet.units[0]
        get(unit, "/erase_offline_app")
        for name in ("app.mpy", "constants.mpy"):
            assert perform(unit, (name, "/app2", b"M\x06\x00\x1f" + b"\x063.10\x00")) == '{"OK": true}'
        get(unit, "/swap_active_app")
        get(unit, "/reboot")
        wait_for(lambda: unit.boots == 2 and get(unit, "/fw_version").end == CLOSED, "the unit is back")
        assert get(unit, "/fw_version").json() == {"FIRMWARE_VERSION": "3.10"}
        assert get(unit, "/get_active_app_folder").json() == {"ACTIVE_APP_FOLDER": "/app2"}


def test_a_file_that_finds_no_room_leaves_the_connection_open_and_a_part_of_it(fleet: Fleet) -> None:
    unit = fleet.units[0]
    content = bytes(700_000)
    head = f"FILE big.bin / {len(content)} {hashlib.sha256(content).hexdigest()} HTTP/1.1\n".encode()
    assert talk(unit, head + content, patience_s=0.5).end == LEFT_OPEN
    assert 0 < len(unit.flash.files["/big.bin"]) < len(content)
