"""The MQTT server that units publish to, as an address tells it: mqtt://user:password@host:1883/topic."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_SHARED: Final = "$share/"
_MOST_TOPIC_BYTES: Final = 1024
_LONGEST_NAME: Final = 253
_PART: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_PART}(?:\.{_PART})*\.?")
_NUMBER_AT_END: Final = re.compile(r"(?:^|\.)(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to subscribe, and to which topics. `encrypted` checks its certificate with the system's authorities."""

    address: str
    port: int
    topics: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    encrypted: bool = False

    @property
    def shared(self) -> bool:
        """Whether a message goes to one of several that listen, and not to each."""
        return any(topic.startswith(_SHARED) for topic in self.topics)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}, {'topics' if len(self.topics) > 1 else 'topic'} {', '.join(self.topics)}"


def broker_from(url: str) -> Broker:
    """What an address says. Several topics are separated by commas, ``$share/group/topic`` shares one with others.

    Raises ValueError with what is wrong, as the end of a sentence that names the address; never with the password.
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in _PORTS:
        raise ValueError("starts neither with mqtt:// nor with mqtts://")
    if not url.isprintable():
        raise ValueError("holds characters that cannot be seen")
    where, _, topics_said = rest.partition("/")
    host, port = _host_and_port(where)
    username, password = _user(where.rpartition("@")[0])
    if "@" in topics_said and "@" not in where:
        raise ValueError("has an @ behind the first /: write %2F for / in a name or password, %40 for @ in a topic")
    topics = tuple(dict.fromkeys(_unquoted(topic.strip()) for topic in topics_said.split(",") if topic.strip()))
    if not topics:
        raise ValueError("names no topic behind the host")
    for topic in topics:
        _refuse_bad(topic)
    return Broker(host, port or _PORTS[scheme], topics, username, password, encrypted=scheme == "mqtts")


def _host_and_port(where: str) -> tuple[str, int | None]:
    if set(where) & set("?#"):
        raise ValueError("has a ? or # before the topic; in a user name or password write %3F and %23")
    try:
        parts = urlsplit(f"//{where}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "names no host and port that can be read; in a user name or password write %2F, %3A and %40 for / : and @"
        ) from None
    if not host or port == 0:
        raise ValueError("names no host")
    if where.endswith(":"):
        raise ValueError("names no port behind the colon")
    if not _can_be_a_host(host):
        raise ValueError(f"names the host {host[:80]!r}, which is neither a name nor an address that can be")
    return host, port


def _user(said: str) -> tuple[str, str]:
    name, _, password = said.partition(":")
    username, password = _unquoted(name), _unquoted(password)
    if password and not username:
        raise ValueError("has a password but no user name")
    if "\0" in username + password:
        raise ValueError("has a user name or password with a character that MQTT does not allow")
    return username, password


def _unquoted(said: str) -> str:
    try:
        return unquote(said, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("has a % that stands for no character; write %25 for the sign itself") from None


def _can_be_a_host(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    try:
        name = host.encode("idna").decode()
    except UnicodeError:  # a part of it is empty, or too long
        return False
    # What ends in a number would be taken for an address.
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None and not _NUMBER_AT_END.search(name)


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
