"""Before a unit is pointed at an MQTT server, that server has to take a message."""

from datetime import UTC, datetime

import pytest

from devices import configuration
from devices.configuration import MqttSilent, check_mqtt, refuse_silent_mqtt, wish
from devices.ct6 import mqtt_check
from devices.ct6.errors import DestructiveValue
from devices.models import ConfigChange, Device
from tests.devices.mqtt_listener import MqttListener, mqtt_listener
from tests.devices.units import closed_port
from tests.factories import make_device

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def server(port: int) -> dict[str, str]:
    return {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": str(port), "MQTT_TOPIC": "home/ct6"}


def holding(listener: MqttListener, **more: object) -> Device:
    held = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": float(listener.port), "MQTT_TOPIC": "home/ct6"}
    return make_device(settings_held=held | more)


def test_a_test_message_goes_to_the_server_of_these_settings() -> None:
    with mqtt_listener(password="correct") as listener:
        login = {"MQTT_USERNAME": "meter", "MQTT_PASSWORD": "correct"}
        assert configuration.test_mqtt(server(listener.port) | login).taken
    assert [topic for topic, _payload in listener.messages] == ["home/ct6"]


@pytest.mark.parametrize("port", ["", "port", "١٨٨٣"])
def test_a_port_that_is_none_is_said(port: str) -> None:
    assert not configuration.test_mqtt(server(1) | {"MQTT_SERVER_PORT": port}).taken


def test_what_the_unit_holds_fills_in_what_is_not_wished() -> None:
    with mqtt_listener() as listener:
        assert check_mqtt(holding(listener), {"MQTT_TOPIC": "elsewhere"}).taken
    assert listener.messages[0][0] == "elsewhere"


def test_the_password_of_an_open_wish_is_used() -> None:
    with mqtt_listener(password="correct") as listener:
        device = holding(listener, MQTT_USERNAME="meter")
        wish(device, {"MQTT_PASSWORD": "correct"}, None, now=NOW)
        assert check_mqtt(device, {"MQTT_TOPIC": "elsewhere"}).taken


def test_with_a_password_that_only_the_unit_knows_an_answer_is_enough() -> None:
    with mqtt_listener(password="correct") as listener:
        device = holding(listener, MQTT_USERNAME="meter", MQTT_PASSWORD="(hidden)")
        check = check_mqtt(device, {"MQTT_TOPIC": "elsewhere"})
    assert check.taken
    assert "only the unit knows the password" in str(check)


def test_what_could_not_be_wished_is_not_tried() -> None:
    with mqtt_listener() as listener:
        with pytest.raises(DestructiveValue, match="MQTT never works"):
            check_mqtt(make_device(), server(listener.port) | {"MQTT_TOPIC": "2026"})
        assert listener.connections == 0


# Before it is wished


def test_a_server_that_answers_may_be_wished() -> None:
    with mqtt_listener() as listener:
        refuse_silent_mqtt(make_device(), server(listener.port))
    assert len(listener.messages) == 1


def test_a_server_that_is_away_is_refused_with_the_reason() -> None:
    with pytest.raises(MqttSilent, match="restarts again and again") as refused:
        refuse_silent_mqtt(make_device(), server(closed_port()))
    assert "No connection to 127.0.0.1" in refused.value.message
    assert not ConfigChange.objects.exists()


def test_a_server_that_never_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = mqtt_check.send_test_message
    monkeypatch.setattr("devices.configuration.mqtt.send_test_message", lambda asked: quick(asked, timeout_s=0.4))
    with mqtt_listener(silent=True) as listener, pytest.raises(MqttSilent, match="does not answer as an MQTT server"):
        refuse_silent_mqtt(make_device(), server(listener.port))


@pytest.mark.parametrize("wished", [{"CT1_NAME": "Oven"}, {"MQTT_SERVER_ADDRESS": ""}, {"MQTT_TX_PERIOD_MS": "500"}])
def test_where_no_server_is_changed_none_is_asked(wished: dict[str, str]) -> None:
    with mqtt_listener() as listener:
        refuse_silent_mqtt(holding(listener), wished)
        refuse_silent_mqtt(holding_again(), {"MQTT_TOPIC": "home/ct6"})
    assert listener.connections == 0


def holding_again() -> Device:
    """The same settings that are wished, at a server that is away."""
    held = {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": 1.0, "MQTT_TOPIC": "home/ct6"}
    return make_device("OTHER", settings_held=held)
