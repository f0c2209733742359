"""Listening to a real MQTT server: what is published arrives, whatever becomes of the server meanwhile."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from devices.ct6.broker import Broker, broker_from
from devices.ct6.mqtt import Message, Subscriber, _reason_of
from devices.ct6.mqtt_check import MqttServer, send_test_message
from devices.ct6.protocol import MAX_ANSWER_BYTES
from tests.devices.mqtt_listener import mqtt_listener
from tests.devices.units import closed_port
from tests.publishing import Publishing, publishing
from tests.servers import Mosquitto
from tests.waiting import until

NO_NAME = Broker("no..name", 1883, ("ct6",))
# It closes no socket whose TLS handshake failed; the garbage collection does.
PAHO_LEAVES_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path / "mosquitto")
    with server.run():
        yield server


class Heard:
    """What a subscriber took, as a collector would take it."""

    def __init__(self, broker: Broker) -> None:
        self.messages: list[Message] = []
        self.subscriber = Subscriber(broker, self._take)

    def _take(self) -> None:
        self.messages += self.subscriber.receive()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


@contextmanager
def listening(where: str | Broker) -> Iterator[Heard]:
    heard = Heard(broker_from(where) if isinstance(where, str) else where)
    heard.subscriber.start()
    try:
        yield heard
    finally:
        heard.subscriber.stop()


def until_there_is_trouble(heard: Heard) -> None:
    until(lambda: heard.subscriber.trouble)


def until_it_arrives(heard: Heard, publisher: Publishing, payload: bytes) -> None:
    """Publish until one arrives: nobody is told when a subscription begins."""

    def arrived() -> bool:
        publisher.publish("ct6", payload)
        threading.Event().wait(0.05)
        return payload in heard.payloads

    until(arrived)


def test_what_is_published_arrives_with_its_topic_and_its_time(mosquitto: Mosquitto) -> None:
    before_ns = time.time_ns()
    with listening(mosquitto.url("ct6,annex/%23")) as heard, publishing(mosquitto) as publisher:
        until_it_arrives(heard, publisher, b"first")
        publisher.publish("annex/cellar", b"second")
        publisher.publish("elsewhere", b"third")
        publisher.publish("ct6", b"fourth")
        until(lambda: b"fourth" in heard.payloads)
        assert heard.subscriber.trouble == ""
    assert b"third" not in heard.payloads
    (second,) = [message for message in heard.messages if message.payload == b"second"]
    assert second.topic == "annex/cellar"
    assert before_ns < second.received_ns <= time.time_ns()
    assert 0 <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) - second.steady_ns < 20_000_000_000


def test_what_the_server_kept_from_before_is_left_out(mosquitto: Mosquitto) -> None:
    with publishing(mosquitto) as publisher:
        publisher.publish("ct6", b"old", retain=True)
        with listening(mosquitto.url()) as heard:
            until_it_arrives(heard, publisher, b"new")
    assert b"old" not in heard.payloads


def test_of_a_message_that_is_too_long_only_so_much_is_kept_that_it_is_seen_to_be(mosquitto: Mosquitto) -> None:
    with listening(mosquitto.url()) as heard, publishing(mosquitto) as publisher:
        until_it_arrives(heard, publisher, b"first")
        publisher.publish("ct6", bytes(300_000))
        until(lambda: any(len(payload) > 100 for payload in heard.payloads))
    assert len(heard.payloads[-1]) == MAX_ANSWER_BYTES + 1


def test_a_server_that_was_away_is_listened_to_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Mosquitto(tmp_path / "mosquitto")
    with listening(server.url()) as heard:
        until(lambda: "Connection refused" in heard.subscriber.trouble)
        for payload in (b"one", b"two"):
            with server.run(), publishing(server) as publisher:
                until_it_arrives(heard, publisher, payload)
                assert heard.subscriber.trouble == ""
            until(lambda: heard.subscriber.trouble)
    assert caplog.text.count("cannot be listened to; it is tried again") == 1  # not again within half a minute


def test_a_wrong_password_is_said_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Mosquitto(tmp_path / "mosquitto", "meter", "correct")
    with server.run():
        with listening(server.url(user="meter:wrong-one")) as refused:
            until(lambda: refused.subscriber.trouble)
        assert "refuses this user name and password" in refused.subscriber.trouble
        assert "refuses this user name and password" in caplog.text
        assert "wrong-one" not in caplog.text + refused.subscriber.trouble
        with listening(server.url(user="meter:correct")), listening(server.url(user="meter:correct")) as heard:
            address = MqttServer("127.0.0.1", server.port, "ct6", "meter", "correct")
            until(lambda: send_test_message(address).taken and heard.payloads)


def test_a_server_that_says_nothing_is_no_server_that_is_well() -> None:
    with mqtt_listener(silent=True) as odd, listening(f"mqtt://127.0.0.1:{odd.port}/ct6") as heard:
        until(lambda: odd.connections)
    assert not heard.subscriber.is_listening


def test_nobody_there_and_names_that_lead_nowhere_are_said() -> None:
    for where, said in ((Broker("127.0.0.1", closed_port(), ("ct6",)), "refused"), (NO_NAME, "name")):
        with listening(where) as heard:
            until_there_is_trouble(heard)
        assert said in heard.subscriber.trouble


def test_a_server_that_was_away_for_long_is_listened_to_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []
    with listening(Broker("127.0.0.1", closed_port(), ("ct6",))) as heard:
        until_there_is_trouble(heard)
        heard.subscriber.stop()

    def wait(pause_s: float) -> bool:
        pauses_s.append(pause_s)
        return len(pauses_s) > 20

    stopping = heard.subscriber._stopping
    monkeypatch.setattr(stopping, "is_set", lambda: len(pauses_s) > 20)
    monkeypatch.setattr(stopping, "wait", wait)
    heard.subscriber._listen()
    assert (pauses_s[0], max(pauses_s)) == (1.0, 5.0)


@PAHO_LEAVES_SOCKETS
def test_a_server_without_tls_is_told_from_one_that_is_not_there(mosquitto: Mosquitto) -> None:
    with listening(mosquitto.url().replace("mqtt://", "mqtts://")) as heard:
        until(lambda: heard.subscriber.trouble)
    assert "does not speak TLS" in heard.subscriber.trouble


@PAHO_LEAVES_SOCKETS
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=60
    )
    server = Mosquitto(tmp_path / "mosquitto", certificate=certificate, key=key)
    with server.run(), listening(server.url().replace("mqtt://", "mqtts://")) as heard:
        until(lambda: heard.subscriber.trouble)
    assert "certificate is not to be trusted" in heard.subscriber.trouble


def test_what_nobody_takes_is_bounded(monkeypatch: pytest.MonkeyPatch, mosquitto: Mosquitto) -> None:
    monkeypatch.setattr("devices.ct6.mqtt._WAITING_BYTES", 1000)
    subscriber = Subscriber(broker_from(mosquitto.url()), lambda: None)
    subscriber.start()
    with publishing(mosquitto) as publisher:

        def dropped() -> bool:
            publisher.publish("ct6", bytes(300))
            return subscriber.dropped > 0

        until(dropped)
    subscriber.stop()
    assert [len(message.payload) for message in subscriber.receive()] == [300, 300, 300]


def test_stopping_takes_no_time() -> None:
    for where in (Broker("127.0.0.1", closed_port(), ("ct6",)), NO_NAME):
        with listening(where) as heard:
            until_there_is_trouble(heard)
            started_s = time.monotonic()
            heard.subscriber.stop()
            assert time.monotonic() - started_s < 4.0


@contextmanager
def session(server: Mosquitto, took: list[bytes]) -> Iterator[None]:
    """Of one who is known to the server when it comes again, and asks it to hold what was published meanwhile."""
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="same", clean_session=False, protocol=MQTTv311)
    connected = threading.Event()
    client.on_connect = lambda *_args: connected.set()
    client.on_subscribe = lambda *_args: ready.set()
    client.on_message = lambda _client, _data, message: took.append(bytes(message.payload))
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    try:
        assert connected.wait(20)
        client.subscribe("ct6", 1)
        assert ready.wait(20)
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_server_holds_nothing_of_what_units_publish_for_one_who_comes_again(mosquitto: Mosquitto) -> None:
    """Why there is no persistent session; units publish with QoS 0."""
    took: list[bytes] = []
    with session(mosquitto, took):
        pass
    with publishing(mosquitto) as publisher:
        publisher.publish("ct6", b"as a unit does", qos=0)
        publisher.publish("ct6", b"as others do", qos=1)
    with session(mosquitto, took):
        until(lambda: took)
    assert took == [b"as others do"]


def test_reasons_are_sentences() -> None:
    assert _reason_of(TimeoutError()) == "it does not answer in time"
    assert _reason_of(OSError(113, "No route to host")) == "No route to host"
