"""Units that publish to a private MQTT server, and a collector that listens there and asks nobody."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from tests.bench.ingest import Watched, collecting
from tests.bench.meters import Meter, Usage
from tests.servers import Mosquitto

_TOPIC = "ct6"
_FIRST_SERIAL = 50_001  # none of those that are asked elsewhere
_SECOND_NS = 1_000_000_000
_PREPARED = 12  # more than the collector remembers to know copies by


def published(folder: Path, units: int, duration_s: float) -> tuple[Watched, Usage]:
    """What collector and database use while so many publish once a second, and what the MQTT server uses."""
    server = Mosquitto(folder)
    fleet = Fleet(units, "127.0.64.1", prepared=True, first_serial=_FIRST_SERIAL)
    messages = [_messages(unit) for unit in fleet.units]
    told = {"CT6_MQTT_URL": server.url(_TOPIC), "CT6_ASK": "0"}
    with server.run() as process, collecting([], told) as collector, _publishing(server, messages):
        meter = Meter(psutil.Process(process.pid))
        seen = collector.watch(duration_s)
        return seen, meter.read()


def _messages(unit: SimulatedUnit) -> list[bytes]:
    now_ns = time.time_ns()
    found = (unit.publication(now_ns + n * _SECOND_NS) for n in range(1, _PREPARED + 1))
    return [message for message in found if message is not None]


@contextmanager
def _publishing(server: Mosquitto, messages: list[list[bytes]]) -> Iterator[None]:
    """Each unit once a second, evenly, over one connection: the server takes those of many for about as much."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    stop = threading.Event()

    def publish_all() -> None:
        sent, started = 0, time.monotonic()
        while not stop.wait(0.02):
            due = int((time.monotonic() - started) * len(messages))
            for n in range(sent, due):
                of_unit = messages[n % len(messages)]
                client.publish(_TOPIC, of_unit[n // len(messages) % len(of_unit)])
            sent = max(sent, due)

    thread = threading.Thread(target=publish_all, name="publishing units")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        client.disconnect()
        client.loop_stop()
