"""A test message to an MQTT server ends in one sentence, whatever that server does, and within its time."""

import json
import time

import pytest

from devices.ct6.mqtt_check import MqttCheck, MqttServer, send_test_message
from tests.devices.mqtt_listener import MqttListener, mqtt_listener
from tests.devices.units import closed_port


def sent_to(listener: MqttListener, *, username: str = "", password: str = "", timeout_s: float = 5.0) -> MqttCheck:
    server = MqttServer("127.0.0.1", listener.port, "ct6/test", username, password)
    return send_test_message(server, timeout_s=timeout_s)


def test_a_server_that_takes_the_message_is_said_to() -> None:
    with mqtt_listener() as listener:
        check = sent_to(listener)
    assert (check.taken, check.answered) == (True, True)
    where = f"127.0.0.1 port {listener.port}"
    assert str(check) == f"The MQTT server {where} took a test message on the topic ct6/test."
    [(topic, payload)] = listener.messages
    assert topic == "ct6/test"
    assert json.loads(payload).keys() == {"TEST"}  # what no collector takes for an answer of a unit


def test_a_server_is_found_by_its_name() -> None:
    with mqtt_listener() as listener:
        assert send_test_message(MqttServer("localhost", listener.port, "ct6")).taken


def test_the_user_name_and_password_are_used() -> None:
    with mqtt_listener(password="correct") as listener:
        assert sent_to(listener, username="meter", password="correct").taken


def test_a_wrong_password_is_told_from_a_server_that_is_away() -> None:
    with mqtt_listener(password="correct") as listener:
        check = sent_to(listener, username="meter", password="wrong-one")
    assert (check.taken, check.answered) == (False, True)
    assert "refuses this user name and password" in str(check)
    assert "wrong-one" not in f"{check} {check!r}"


def test_a_server_that_is_not_available_says_so() -> None:
    with mqtt_listener(code=3) as listener:
        assert "refuses the connection (Server unavailable)" in str(sent_to(listener))


def test_a_message_that_is_never_confirmed_is_not_taken() -> None:
    with mqtt_listener(confirms=False) as listener:
        check = sent_to(listener, timeout_s=0.5)
    assert (check.taken, check.answered) == (False, True)
    assert "did not confirm a message on the topic ct6/test" in str(check)


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with mqtt_listener(silent=True) as listener:
        start_s = time.monotonic()
        check = sent_to(listener, timeout_s=0.5)
        assert time.monotonic() - start_s < 8
    assert (check.taken, check.answered) == (False, False)
    assert "takes connections but does not answer as an MQTT server" in str(check)


def test_nobody_there_is_said() -> None:
    check = send_test_message(MqttServer("127.0.0.1", closed_port(), "ct6"))
    assert not check.answered
    assert "No connection to 127.0.0.1" in str(check)


@pytest.mark.parametrize("name", ["no..name", "x" * 70])
def test_a_name_that_leads_nowhere_is_said(name: str) -> None:
    # None of these is a name, so that no look-up leaves this machine.
    assert "leads nowhere" in str(send_test_message(MqttServer(name, 1883, "ct6"), timeout_s=1.0))


@pytest.mark.parametrize(("address", "port", "topic"), [("", 1883, "x"), ("127.0.0.1", 0, "x"), ("127.0.0.1", 1, "")])
def test_half_a_server_is_not_tried(address: str, port: int, topic: str) -> None:
    assert "needs the MQTT server's address" in str(send_test_message(MqttServer(address, port, topic)))


def test_the_password_is_in_no_printed_server() -> None:
    assert "geheim" not in repr(MqttServer("127.0.0.1", 1883, "ct6", "meter", "geheim"))
