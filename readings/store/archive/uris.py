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


def without_secrets(uri: str) -> str:
    """The URI as people may see it."""
    before, separator, rest = uri.partition("://")
    if not separator:
        return uri
    address, mark, query = rest.partition("?")
    host, slash, path = address.partition("/")
    user, _, host = host.rpartition("@")
    shown = f"{user}@" if user and ":" not in user else ""  # a container, not a key
    options = (one if one.partition("=")[0] in _TOLD else f"{one.partition('=')[0]}=..." for one in query.split("&"))
    return f"{before}://{shown}{host}{slash}{path}{mark}{'&'.join(options) if mark else ''}"
