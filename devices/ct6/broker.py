"""The MQTT server that units publish to, as an address tells it: mqtt://user:password@host:1883/topic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_SHARED: Final = "$share/"
_MOST_TOPIC_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to subscribe, and to which topics. `encrypted` checks its certificate with the system's authorities."""

    address: str
    port: int
    topics: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    encrypted: bool = False

    def __str__(self) -> str:
        return f"{self.address}:{self.port}, {'topics' if len(self.topics) > 1 else 'topic'} {', '.join(self.topics)}"


def broker_from(url: str) -> Broker:
    """What an address says. Several topics are separated by commas, ``$share/group/topic`` shares one with others.

    Raises ValueError with what is wrong, as the end of a sentence that names the address; never with the password.
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in _PORTS:
        raise ValueError("starts neither with mqtt:// nor with mqtts://")
    where, _, topics_said = rest.partition("/")
    try:
        parts = urlsplit(f"//{where}")
        host, port = parts.hostname, parts.port
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise ValueError("names no host and port that can be read") from None
    if not host or port == 0:
        raise ValueError("names no host")
    if password and not username:
        raise ValueError("has a password but no user name")
    topics = tuple(dict.fromkeys(unquote(topic.strip()) for topic in topics_said.split(",") if topic.strip()))
    if not topics:
        raise ValueError("names no topic behind the host")
    for topic in topics:
        _refuse_bad(topic)
    return Broker(host, port or _PORTS[scheme], topics, username, password, encrypted=scheme == "mqtts")


def _refuse_bad(topic: str) -> None:
    """A topic filter as MQTT has it: + stands for one level, # for all levels at the end."""
    own = topic
    if topic.startswith(_SHARED):
        group, _, own = topic.removeprefix(_SHARED).partition("/")
        if not group or not own or set(group) & set("+#"):
            raise ValueError(f"has the topic {topic!r}, which is not of the form $share/group/topic")
    levels = own.split("/")
    wild = any(set(level) & set("+#") and level not in ("+", "#") for level in levels) or "#" in levels[:-1]
    if wild or "\0" in topic or len(topic.encode()) > _MOST_TOPIC_BYTES:
        raise ValueError(f"has the topic {topic[:80]!r}, which is none that can be subscribed to")
