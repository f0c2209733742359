"""Simulated units publish as real ones do: their own means, to the server that their settings name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.ct6.broker import broker_from
from devices.ct6.mqtt import Subscriber
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.mqtt import Publisher
from devices.ct6.simulator.unit import SimulatedUnit
from tests.devices.ct6.captured import captured_json
from tests.servers import Mosquitto
from tests.waiting import until

ASSY = "ASY0398_V003.300_SN00001801"
SECOND_NS = 1_000_000_000
START_NS = 1_795_329_363 * SECOND_NS


@pytest.fixture
def unit() -> SimulatedUnit:
    return SimulatedUnit(ASSY, clock=lambda: START_NS)


def message_of(unit: SimulatedUnit, after_s: float) -> dict[str, Any]:
    payload = unit.publication(START_NS + round(after_s * SECOND_NS))
    assert payload is not None
    message: dict[str, Any] = json.loads(payload)
    return message


def test_a_message_has_the_keys_that_a_real_one_has(unit: SimulatedUnit) -> None:
    assert message_of(unit, 2.0).keys() == captured_json("mqtt_message").keys()


def test_its_means_are_its_own_whatever_the_unit_answers_meanwhile(unit: SimulatedUnit) -> None:
    for second in range(1, 5):
        unit.answer(START_NS + second * SECOND_NS)
    message_of(unit, 4.0)
    (sent,) = unit.published
    assert sent.window_ns == 4 * SECOND_NS
    answered = [one.means[0].active_power_w for one in unit.sent]
    assert sent.means[0].active_power_w == pytest.approx(sum(answered) / 4, rel=1e-4)


def test_an_inactive_unit_publishes_nothing(unit: SimulatedUnit) -> None:
    unit.settings["ACTIVE"] = 0
    assert unit.publication(START_NS + 2 * SECOND_NS) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"MQTT_TOPIC": ""},
        {"MQTT_TOPIC": 7.0},
        {"MQTT_SERVER_ADDRESS": ""},
        {"MQTT_SERVER_ADDRESS": "192.0.2.7"},
        {"MQTT_SERVER_ADDRESS": "mqtt.example.org"},
        {"MQTT_SERVER_PORT": ""},
    ],
)
def test_it_connects_nowhere_without_all_settings_and_never_off_this_machine(
    unit: SimulatedUnit, changed: dict[str, object]
) -> None:
    unit.settings |= {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": 1883.0, "MQTT_TOPIC": "ct6"} | changed
    publisher = Publisher(unit)
    publisher.follow(START_NS)
    assert publisher._client is None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path / "mosquitto", "meter", "correct")
    with server.run():
        yield server


def test_a_fleet_publishes_as_often_as_its_settings_say(mosquitto: Mosquitto) -> None:
    subscriber = Subscriber(broker_from(mosquitto.url("house", user="meter:correct")), lambda: None)
    subscriber.start()
    until(lambda: subscriber.is_listening)
    with Fleet(2, "127.22.7.2", http_port=0, ayt_port=0) as fleet:
        for unit in fleet.units:
            unit.settings |= {
                "MQTT_SERVER_ADDRESS": "127.0.0.1",
                "MQTT_SERVER_PORT": float(mosquitto.port),
                "MQTT_USERNAME": "meter",
                "MQTT_PASSWORD": "correct",
                "MQTT_TX_PERIOD_MS": 300.0,
                "MQTT_TOPIC": "house",
            }
        until(lambda: all(len(unit.published) >= 5 for unit in fleet.units))
    until(lambda: subscriber.messages >= sum(len(unit.published) for unit in fleet.units))
    subscriber.stop()
    said = [json.loads(message.payload)["ASSY"] for message in subscriber.receive()]
    for unit in fleet.units:
        assert said.count(unit.assy) == len(unit.published)
        windows_s = [one.window_ns / SECOND_NS for one in unit.published][1:]
        assert sum(windows_s) / len(windows_s) == pytest.approx(0.3, abs=0.1)
