"""Azure's Blob Storage, by a URI: ``abfs://container@account.dfs.core.windows.net/folder``, and its account's key.

Opened here and not by ``pyarrow.fs`` alone, which takes no key from a URI; with a SAS token its errors tell it, and
with other credentials that are refused the library ends the process.
"""

import os
from base64 import b64decode
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pyarrow import fs

from readings.store.archive.in_time import InTime
from readings.store.archive.uris import options_of

SCHEMES: Final = ("abfs", "abfss")
_OPTIONS: Final = ("scheme", "endpoint_override")
_KEY: Final = "AZURE_STORAGE_KEY"
_DOMAIN: Final = ".dfs.core.windows.net"


def open_abfs(uri: str) -> tuple[Any, str]:
    """The store, and the path of its folder. Raises ValueError for what the URI may not say, and OSError."""
    parts = urlsplit(uri)
    options = options_of(parts, _OPTIONS)
    account, container = (parts.hostname or "").removesuffix(_DOMAIN), parts.username
    if not container or not account or "." in account:
        raise ValueError(f"it names no container and account, as in abfs://container@account{_DOMAIN}/folder")
    endpoint, scheme = options.get("endpoint_override"), options.get("scheme")
    store = fs.AzureFileSystem(
        account,
        account_key=_key(),
        blob_storage_authority=endpoint,
        dfs_storage_authority=endpoint,
        blob_storage_scheme=scheme,
        dfs_storage_scheme=scheme,
    )
    return InTime(store), f"{container}{unquote(parts.path)}"


def _key() -> str:
    key = os.environ.get(_KEY, "").strip()
    try:
        if b64decode(key, validate=True):
            return key
    except ValueError:
        pass
    raise ValueError(f"{_KEY} holds no key of an account of Azure")
