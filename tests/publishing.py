"""Publishes to a private MQTT server, as units do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import Mosquitto

LIMIT_S = 20.0


class Publishing:
    def __init__(self, client: Client) -> None:
        self._client = client

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """With the server once this returns, or on its way there without QoS."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(LIMIT_S)


@contextmanager
def publishing(server: Mosquitto) -> Iterator[Publishing]:
    connected = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.on_connect = lambda *_args: connected.set()
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    try:
        assert connected.wait(LIMIT_S)
        yield Publishing(client)
    finally:
        client.disconnect()
        client.loop_stop()
