"""S3 and what speaks like it, by a URI: ``s3://bucket/folder?region=eu-central-1``.

Opened here and not by ``pyarrow.fs`` alone, which asks a store that is silent 31 times, for a hundred seconds, and
sends each file in three requests.
"""

from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from pyarrow import fs

from readings.store.archive.uris import options_of

SCHEMES: Final = ("s3",)
_OPTIONS: Final = ("region", "scheme", "endpoint_override", "tls_ca_file_path")
_REGION_OF_OTHERS: Final = "us-east-1"  # who has a store of his own seldom has regions
_TRIES: Final = 2  # of a request, each of which waits for three seconds without a byte
_CONNECT_TIMEOUT_S: Final = 3.0


def open_s3(uri: str) -> tuple[Any, str]:
    """The store, and the path of its folder. Raises ValueError for what the URI may not say, and OSError."""
    parts = urlsplit(uri)
    options = options_of(parts, _OPTIONS)
    bucket = parts.netloc.rpartition("@")[2]
    if "region" not in options:
        if "endpoint_override" not in options:  # the library would go and look for it
            raise ValueError("it names no region, as in s3://bucket/folder?region=eu-central-1")
        options["region"] = _REGION_OF_OTHERS
    store = fs.S3FileSystem(
        **_keys(parts),
        **options,
        connect_timeout=_CONNECT_TIMEOUT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        allow_delayed_open=True,  # a file in one request
    )
    return store, f"{bucket}{unquote(parts.path)}"


def _keys(parts: SplitResult) -> dict[str, str]:
    """Those that the URI names; without any the library looks in the environment and in files."""
    if parts.username is None or parts.password is None:
        return {}
    return {"access_key": unquote(parts.username), "secret_key": unquote(parts.password)}
