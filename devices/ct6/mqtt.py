"""What units publish to an MQTT server, with the time that it arrived.

Each connection begins anew: the server is not asked to hold messages while nobody listens (a persistent session, QoS
1). Units publish with QoS 0, which servers do not hold as they are installed (mosquitto: `queue_qos0_messages`), and
subscribing with a higher one raises none. And where a server does hold them, it delivers all at once without a word
on when each came: their windows would be guessed, for the clocks of units are not to be trusted. So what is published
while nobody listens is gone with its mean; a collector that stands by hears it too (`readings.collect.backlog`), and a
unit that also answers questions tells of that time by the mean of its next answer (`readings.collect.ways`).
"""

from __future__ import annotations

import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from devices.ct6.broker import Broker
from devices.ct6.protocol import MAX_ANSWER_BYTES

log = structlog.get_logger(__name__)

_KEEPALIVE_S: Final = 15
_CONNECT_TIMEOUT_S: Final = 5.0
_TURN_S: Final = 0.2
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 5.0  # what is published in it after the server is back is lost
_LASTS_S: Final = 30.0
_SAID_AGAIN_S: Final = 30.0
_STOP_S: Final = 0.4  # the collector has two seconds to leave
# What nobody takes for so long is not kept: some seconds of a thousand units.
_WAITING_BYTES: Final = 64 * 1024 * 1024
_TOPIC_CHARACTERS: Final = 200
_LOGIN_REFUSED: Final = ("Bad user name or password", "Not authorized")


@dataclass(frozen=True, slots=True)
class Message:
    """What was published, where, and when it arrived: UNIX epoch, and a clock that nobody sets (CLOCK_BOOTTIME)."""

    payload: bytes
    topic: str
    received_ns: int
    steady_ns: int


class Subscriber:
    """Listens in a thread of its own until `stop`, and connects again for ever.

    `arrived` is called in that thread when there is something to `receive` again. `trouble` says in a sentence why
    nothing can come, and is empty while all is well. What the server kept from before (retained) is old and left out.
    """

    def __init__(self, broker: Broker, arrived: Callable[[], None]) -> None:
        self.messages = 0
        self.dropped = 0
        self.trouble = ""
        self._broker = broker
        self._arrived = arrived
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._stopping = threading.Event()
        self._is_well = False
        self._said_s: float | None = None
        self._is_said = True  # whether the log says how it is now
        self._client = self._new_client()
        # A daemon: the look-up of a name knows no time-out, and must not keep the process from ending.
        self._thread = threading.Thread(target=self._listen, name="listens to the MQTT server", daemon=True)

    @property
    def is_listening(self) -> bool:
        return self._is_well

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_STOP_S)

    def receive(self) -> list[Message]:
        """What has arrived and was not taken yet, oldest first."""
        with self._lock:
            taken, self._waiting_bytes = list(self._waiting), 0
            self._waiting.clear()
        return taken

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"ct6collector{secrets.token_hex(5)}",  # nobody else's, whose connection would be closed
            protocol=MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password or None)
        if self._broker.encrypted:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _listen(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            self._is_well = False
            started_s = time.monotonic()
            self._listen_once()
            lasted = self._is_well and time.monotonic() - started_s > _LASTS_S
            pause_s = _FIRST_PAUSE_S if lasted else pause_s
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _listen_once(self) -> None:
        """One connection, from its first packet to its last."""
        try:
            self._client.connect(self._broker.address, self._broker.port, keepalive=_KEEPALIVE_S)
            while not self._stopping.is_set() and self._client.loop(_TURN_S) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        except (OSError, UnicodeError) as error:  # the latter for a name that is none
            self._say_trouble(_reason_of(error, encrypted=self._broker.encrypted))
        else:
            if self._stopping.is_set():
                self._client.disconnect()
                self._client.loop(0.0)
            elif self._is_well or not self.trouble:
                self._say_trouble("the connection has ended")
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _on_connect(self, client: Client, _data: Any, _flags: Any, said: ReasonCode, _properties: Any) -> None:
        if not said.is_failure:
            client.subscribe([(topic, 0) for topic in self._broker.topics])
        elif str(said) in _LOGIN_REFUSED:
            self._say_trouble(f"it refuses this user name and password ({said})")
        else:
            self._say_trouble(f"it refuses the connection ({said})")

    def _on_subscribe(self, client: Client, _data: Any, _id: int, said: list[ReasonCode], _properties: Any) -> None:
        refused = [topic for topic, one in zip(self._broker.topics, said, strict=False) if one.is_failure]
        if refused:
            self._say_trouble(f"it does not let this user read {', '.join(refused)}")
            client.disconnect()
            return
        self._is_well, self.trouble = True, ""
        if self._is_said:
            self._is_said = False
            log.info("Listening to the MQTT server", server=str(self._broker))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        received_ns, steady_ns = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        if message.retain:
            return
        self.messages += 1
        payload = bytes(message.payload[: MAX_ANSWER_BYTES + 1])  # one more, so that it is seen to be too much
        kept = Message(payload, message.topic[:_TOPIC_CHARACTERS], received_ns, steady_ns)
        with self._lock:
            if self._waiting_bytes + len(payload) > _WAITING_BYTES:
                self.dropped += 1
                return
            is_first = not self._waiting
            self._waiting.append(kept)
            self._waiting_bytes += len(payload)
        if is_first:
            self._arrived()

    def _say_trouble(self, reason: str) -> None:
        self.trouble = f"The MQTT server {self._broker.address}:{self._broker.port} cannot be listened to: {reason}."
        now_s = time.monotonic()
        if self._said_s is None or now_s - self._said_s >= _SAID_AGAIN_S:
            self._said_s, self._is_said = now_s, True
            log.warning(
                "The MQTT server cannot be listened to; it is tried again and again",
                server=str(self._broker),
                reason=reason,
            )


def _reason_of(error: Exception, *, encrypted: bool = False) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) or (encrypted and isinstance(error, ConnectionResetError)):
        return "it does not speak TLS, or not one that we do; mqtt:// is without"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, UnicodeError):
        return "its name is none"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
