"""A test message to an MQTT server, as a unit would send it, before a unit is pointed at that server."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from devices.ct6.errors import gettext_noop as _

TIMEOUT_S = 5.0
_PAYLOAD = json.dumps({"TEST": "A test message of the server that looks after the CT6 units"})
_TURN_S = 0.1
_LOGIN_REFUSED = ("Bad user name or password", "Not authorized")


@dataclass(frozen=True, slots=True)
class MqttServer:
    """Where a unit is to publish. Units speak IPv4 without encryption, and so does the test."""

    address: str
    port: int
    topic: str
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MqttCheck:
    """What came of a test message, as a sentence with places for values.

    `taken`: the server confirmed the message. `answered`: it spoke MQTT, whatever it said.
    """

    taken: bool
    answered: bool
    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template


def send_test_message(server: MqttServer, *, timeout_s: float = TIMEOUT_S) -> MqttCheck:
    """Look the name up, connect, log in and publish one message, at most `timeout_s` for the name and as long again
    for all the rest. Says what went wrong and raises nothing for it.
    """
    if not server.address or not server.port or not server.topic:
        return MqttCheck(False, False, _("A test message needs the MQTT server's address, a port and a topic."))
    ip = _ip_of(server.address, timeout_s)
    if ip is None:
        template = _("The name %(address)s leads nowhere: no IPv4 address is known for it.")
        return MqttCheck(False, False, template, {"address": server.address})
    attempt = _Attempt(server)
    try:
        return attempt.make(ip, time.monotonic() + timeout_s, timeout_s)
    finally:
        attempt.end()


def _ip_of(name: str, timeout_s: float) -> str | None:
    """The name's address. Looked up beside us, since the system's look-up knows no time-out."""
    found: list[str] = []

    def look_up() -> None:
        try:
            found.extend(str(entry[4][0]) for entry in socket.getaddrinfo(name, None, socket.AF_INET))
        except (OSError, UnicodeError):
            return

    looking = threading.Thread(target=look_up, daemon=True)
    looking.start()
    looking.join(timeout_s)
    return found[0] if found else None


class _Attempt:
    """One connection, from the first packet to the last."""

    def __init__(self, server: MqttServer) -> None:
        self._server = server
        self._said: ReasonCode | None = None
        self._confirmed = False
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"ct6test{secrets.token_hex(6)}",  # nobody else's, whose connection would be closed
            protocol=MQTTv311,
            reconnect_on_failure=False,
        )
        if server.username:
            self._client.username_pw_set(server.username, server.password or None)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish

    def make(self, ip: str, until_s: float, timeout_s: float) -> MqttCheck:
        self._client.connect_timeout = timeout_s
        try:
            self._client.connect(ip, self._server.port, keepalive=60)
        except OSError as error:
            template = _("No connection to %(address)s port %(port)d: %(reason)s.")
            reason = "timed out" if isinstance(error, TimeoutError) else error.strerror or str(error)
            return self._failed(template, reason=reason)
        while self._said is None and self._goes_on(until_s):
            pass
        if self._said is None:
            return self._failed(
                _(
                    "%(address)s port %(port)d takes connections but does not answer as an MQTT server without "
                    "encryption does, within %(seconds)s s."
                ),
                seconds=f"{timeout_s:g}",
            )
        if self._said.is_failure:
            return self._refused(str(self._said))
        return self._published(until_s)

    def end(self) -> None:
        """Say goodbye and close, whatever state this is in."""
        self._client.disconnect()
        self._client.loop(0.0)
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _published(self, until_s: float) -> MqttCheck:
        # Confirmed delivery, which units do not ask for: otherwise nobody knows whether the server took it.
        self._client.publish(self._server.topic, _PAYLOAD, qos=1)
        while not self._confirmed and self._goes_on(until_s):
            pass
        if self._confirmed:
            return MqttCheck(
                True,
                True,
                _("The MQTT server %(address)s port %(port)d took a test message on the topic %(topic)s."),
                self._values,
            )
        template = _(
            "The MQTT server %(address)s port %(port)d let us in but did not confirm a message on the topic %(topic)s; "
            "may this user publish there?"
        )
        return self._failed(template, answered=True)

    def _refused(self, said: str) -> MqttCheck:
        if said in _LOGIN_REFUSED:
            template = _("The MQTT server %(address)s port %(port)d refuses this user name and password (%(reason)s).")
        else:
            template = _("The MQTT server %(address)s port %(port)d refuses the connection (%(reason)s).")
        return self._failed(template, answered=True, reason=said)

    def _failed(self, template: str, *, answered: bool = False, **values: object) -> MqttCheck:
        return MqttCheck(False, answered, template, self._values | values)

    @property
    def _values(self) -> dict[str, object]:
        server = self._server
        return {"address": server.address, "port": server.port, "topic": server.topic}

    def _goes_on(self, until_s: float) -> bool:
        left_s = until_s - time.monotonic()
        return left_s > 0 and self._client.loop(min(_TURN_S, left_s)) == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, said: ReasonCode, _properties: Any) -> None:
        self._said = said

    def _on_publish(self, _client: Client, _data: Any, _id: int, _said: Any, _properties: Any) -> None:
        self._confirmed = True
