"""Typed readers of environment variables.

Each refuses a wrong value with a sentence that names the variable, says what is wrong with its value and gives an
example. A secret may also come as ``NAME_FILE``, the path of a file that holds it.
"""

import importlib.util
import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured
from tzlocal import get_localzone_name

from devices.ct6.broker import Broker, broker_from
from devices.ct6.sweep import NotSwept, networks_from

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_STORES = ("file", "s3", "gs", "gcs", "abfs", "abfss")


class WrongSetting(ImproperlyConfigured):
    """An environment variable whose value cannot be used; the product does not start."""

    def __init__(self, name: str, problem: str, example: str = "") -> None:
        super().__init__(f"{name} {problem}." + (f" Set it like this: {name}={example}" if example else ""))


def read_env_file(path: Path) -> None:
    """Take the variables of a ``.env`` file that the environment does not set itself; no file is no error."""
    if path.is_file():
        environ.Env.read_env(str(path))


def read_text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def read_flag(name: str, *, default: bool) -> bool:
    text = os.environ.get(name)
    if text is None:
        return default
    if text.strip().lower() in _TRUE:
        return True
    if text.strip().lower() in _FALSE:
        return False
    raise WrongSetting(name, f"is {text!r}, which is neither yes nor no", "1")


def read_integer(name: str, *, default: int, lowest: int, highest: int) -> int:
    text = read_text(name, str(default))
    try:
        value = int(text)
    except ValueError:
        raise WrongSetting(name, f"is {text!r}, which is no whole number", str(default)) from None
    if not lowest <= value <= highest:
        raise WrongSetting(name, f"is {value}, outside {lowest} to {highest}", str(default))
    return value


def read_number(name: str, *, default: float, lowest: float, highest: float) -> float:
    text = read_text(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise WrongSetting(name, f"is {text!r}, which is no number", str(default)) from None
    if not lowest <= value <= highest:
        raise WrongSetting(name, f"is {text}, outside {lowest:g} to {highest:g}", f"{default:g}")
    return value


def read_choice(name: str, choices: Sequence[str], *, default: str) -> str:
    value = read_text(name, default) or default
    if value not in choices:
        raise WrongSetting(name, f"is {value!r}, but only {', '.join(choices)} are known", choices[0])
    return value


def read_list(name: str) -> list[str]:
    """The parts between commas, without blanks around them; an unset variable is an empty list."""
    return [part.strip() for part in read_text(name).split(",") if part.strip()]


def read_origins(name: str) -> list[str]:
    """Where forms may be sent from, each with its scheme."""
    origins = read_list(name)
    for origin in origins:
        if not origin.startswith(("https://", "http://")):
            raise WrongSetting(name, f"holds {origin!r}, which lacks https://", "https://meters.example.org")
    return origins


def read_folder(name: str, default: Path) -> Path:
    """The path of a folder, which need not be there yet."""
    folder = Path(read_text(name) or default).resolve()
    if folder.exists() and not folder.is_dir():
        raise WrongSetting(name, f"is {folder}, which is no folder", "/var/lib/ct6")
    return folder


def read_own_folder(name: str, default: Path) -> Path:
    """The path of a folder to write to, made for this user alone if it is not there."""
    folder = read_folder(name, default)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(name, f"is {folder}, which cannot be made ({error.strerror})", "/var/lib/ct6") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WrongSetting(name, f"is {folder}, which this user cannot write to", "/var/lib/ct6")
    return folder


def read_archive(name: str, default: Path) -> str:
    """Where the archive lies: a folder's absolute path, or the URI of a store; empty when it is off."""
    text = read_text(name)
    if text.lower() == "off":
        return ""
    scheme, is_uri, rest = text.partition("://")
    if not is_uri:
        return str(read_folder(name, default))
    if scheme not in _STORES and not scheme.startswith("fsspec+"):
        problem = f"starts with {scheme!r}; known are off, a folder, and {', '.join(_STORES)}, fsspec+..."
        raise WrongSetting(name, problem, "s3://my-bucket/ct6?region=eu-central-1")
    if scheme == "file" and not rest.startswith("/"):
        raise WrongSetting(name, f"is {text!r}, which is no absolute path", "file:///var/lib/ct6/archive")
    if not rest.strip("/"):
        example = "container@account.dfs.core.windows.net" if scheme.startswith("abfs") else "my-bucket"
        raise WrongSetting(name, "names no bucket", f"{scheme}://{example}/ct6")
    return text


def read_secret(name: str) -> str:
    """The variable, or the text of the file that ``NAME_FILE`` names; empty when neither is set."""
    file_name = read_text(f"{name}_FILE")
    if not file_name:
        return read_text(name)
    try:
        return Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"names {file_name}, which cannot be read ({error})"
        raise WrongSetting(f"{name}_FILE", problem, "/run/secrets/" + name.lower()) from error


def read_secret_key(path: Path, *, make_it: bool) -> str:
    """``SECRET_KEY``; without it the key kept at ``path``, made there on the first run when ``make_it`` says so."""
    key = read_secret("SECRET_KEY")
    if key:
        return key
    if not make_it:
        problem = "is not set, which the server set-up (DATABASE_URL) needs; make one with: openssl rand -hex 32"
        raise WrongSetting("SECRET_KEY", problem, secrets.token_hex(32))
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def read_addresses(name: str) -> list[str]:
    """IPv4 addresses to ask, unicast or broadcast, and the word ``auto`` for every LAN's broadcast address."""
    parts = read_list(name)
    for part in parts:
        if part == "auto":
            continue
        try:
            address = ipaddress.IPv4Address(part)
        except ValueError:
            problem = f"holds {part!r}, which is neither an IPv4 address nor the word auto"
            raise WrongSetting(name, problem, "192.168.0.34,auto") from None
        if address.is_multicast or address.is_unspecified:
            problem = f"holds {part}, which is neither the address of a unit nor a broadcast address"
            raise WrongSetting(name, problem, "192.168.0.34,auto")
    return parts


def read_networks(name: str) -> list[str]:
    """IPv4 networks that may be searched for units: local ones of a bounded size."""
    parts = read_list(name)
    try:
        networks_from(parts)
    except NotSwept as error:
        raise WrongSetting(name, f"cannot be used: {error.message.removesuffix('.')}", "192.168.1.0/24") from error
    return parts


def read_timezone(name: str) -> str:
    """The variable, else the host's zone, else UTC."""
    zone = read_text(name) or get_localzone_name() or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise WrongSetting(name, f"is {zone!r}, which is no IANA time zone", "Europe/London") from None
    return zone


def read_database(name: str, default_url: str) -> dict[str, Any]:
    """A Django database entry from a URL: ``sqlite:///path`` or ``mysql://user:password@host:3306/name``."""
    example = "mysql://ct6:password@127.0.0.1:3306/ct6"
    url = read_secret(name) or default_url
    scheme = url.partition("://")[0]
    if scheme not in ("sqlite", "mysql"):
        raise WrongSetting(name, f"starts with {scheme!r}; only sqlite and mysql are known", example)
    try:
        entry: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, ImproperlyConfigured) as error:
        raise WrongSetting(name, f"cannot be read ({error})", example) from error
    if not entry.get("NAME"):
        raise WrongSetting(name, "names no database", example)
    if scheme == "mysql" and importlib.util.find_spec("MySQLdb") is None:
        install = "pip install --require-hashes -r requirements/lock/mysql.txt"
        raise WrongSetting(name, f"is a MySQL database, for which a package is missing; install it with: {install}")
    return entry


def read_broker(name: str) -> Broker | None:
    """The MQTT server that units publish to; None where none is named."""
    url = read_secret(name)
    try:
        return broker_from(url) if url else None
    except ValueError as error:
        raise WrongSetting(name, str(error), "mqtt://user:password@192.168.0.10:1883/ct6") from None


def read_asking(name: str, broker: Broker | None) -> bool:
    """Whether units are asked; what is not asked has to be published."""
    asking = read_flag(name, default=True)
    if not asking and broker is None:
        raise WrongSetting(name, "is off and CT6_MQTT_URL names no MQTT server, so no unit would be heard", "1")
    return asking


def read_redis(name: str) -> str:
    url = read_secret(name)
    if url and url.partition("://")[0] not in ("redis", "rediss", "unix"):
        raise WrongSetting(name, "is no redis:// address", "redis://127.0.0.1:6379/0")
    return url
