"""What the URI of a store says, and what of it people may see."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, parse_qsl

_TOLD: Final = ("region", "location", "project_id", "scheme", "endpoint_override", "tls_ca_file_path")


def options_of(parts: SplitResult, known: Sequence[str]) -> dict[str, str]:
    """Raises ValueError for others."""
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(f"{', '.join(unknown)} is not known; known are {', '.join(known)}")
    return options


def refuse_cut_keys(uri: str) -> None:
    """Raises ValueError, which tells nothing of them, for keys that a character of theirs cuts into pieces."""
    host, _, path = uri.partition("://")[2].partition("/")
    if "@" in path and ":" in host and "@" not in host:
        raise ValueError("/ # ? @ or : in a key is written as %2F %23 %3F %40 %3A")


def without_secrets(uri: str) -> str:
    """The URI as people may see it."""
    before, separator, rest = uri.partition("://")
    if not separator:
        return uri
    keys, at, address = rest.rpartition("@")
    shown = f"{keys}{at}" if ":" not in keys and "?" not in keys else ""  # a container, or a part of a path
    address, mark, query = address.partition("?")
    options = "&".join(map(_without_value, query.split("&")))
    return f"{before}://{shown}{address}{mark}{options}"


def _without_value(option: str) -> str:
    name, is_one, _ = option.partition("=")
    if name in _TOLD or not option:
        return option
    return f"{name}=..." if is_one else "..."
