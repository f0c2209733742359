"""The MQTT side of a simulated unit: it publishes its means to the server that its settings name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from devices.ct6.simulator.load import SECOND_NS
from devices.ct6.simulator.unit import SimulatedUnit

_LEAST_PERIOD_MS: Final = 200
_USUAL_PERIOD_MS: Final = 2000
_AGAIN_S: Final = 1


@dataclass(frozen=True, slots=True)
class _Server:
    address: str
    port: int
    topic: str
    username: str
    password: str
    client_id: str


class Publisher:
    """Publishes for one unit whenever `follow` finds it due. Simulated units stay on loopback: another server than one
    there gets nothing."""

    def __init__(self, unit: SimulatedUnit) -> None:
        self._unit = unit
        self._server: _Server | None = None
        self._client: Client | None = None
        self._due_ns = 0

    def follow(self, now_ns: int) -> None:
        """Do what the unit's settings ask for by now."""
        server = _server_of(self._unit)
        if server != self._server:
            self.close()
            self._server, self._client = server, None if server is None else _connecting(server)
            self._due_ns = now_ns
        if self._client is None or server is None or now_ns < self._due_ns or not self._client.is_connected():
            return
        period_ns = _period_ms(self._unit) * SECOND_NS // 1000
        self._due_ns = max(self._due_ns + period_ns, now_ns)
        payload = self._unit.publication(now_ns)
        if payload is not None:
            self._client.publish(server.topic, payload)

    def close(self) -> None:
        """Say goodbye to the server."""
        client, self._client, self._server = self._client, None, None
        if client is not None:
            client.disconnect()
            client.loop_stop()


def _server_of(unit: SimulatedUnit) -> _Server | None:
    address, port, topic, username, password = (
        unit.settings.get(f"MQTT_{key}") for key in ("SERVER_ADDRESS", "SERVER_PORT", "TOPIC", "USERNAME", "PASSWORD")
    )
    if not (isinstance(address, str) and isinstance(port, int | float) and isinstance(topic, str) and topic):
        return None
    if not _is_loopback(address):
        return None
    return _Server(address, int(port), topic, str(username or ""), str(password or ""), unit.assy.encode().hex())


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        return False


def _period_ms(unit: SimulatedUnit) -> int:
    period_ms = unit.settings.get("MQTT_TX_PERIOD_MS")
    return max(_LEAST_PERIOD_MS, round(period_ms) if isinstance(period_ms, int | float) else _USUAL_PERIOD_MS)


def _connecting(server: _Server) -> Client | None:
    client = Client(CallbackAPIVersion.VERSION2, client_id=server.client_id, protocol=MQTTv311)
    client.reconnect_delay_set(_AGAIN_S, _AGAIN_S)
    if server.username:
        client.username_pw_set(server.username, server.password or None)
    client.connect_async(server.address, server.port)
    return client if client.loop_start() == MQTTErrorCode.MQTT_ERR_SUCCESS else None
