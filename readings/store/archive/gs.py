"""Google's Cloud Storage, by a URI: ``gs://bucket/folder``."""

import re
from typing import Any, Final

from pyarrow import fs

from readings.store.archive.in_time import InTime

SCHEMES: Final = ("gs", "gcs")
_RETRIES = "retry_limit_seconds"  # 15 minutes, unless the URI says it
_RETRIES_S: Final = 3

_STATUS = re.compile(r"google::cloud::Status\((?P<said>.*?) error_info=.*", re.DOTALL)


def open_gs(uri: str) -> tuple[Any, str]:
    """The store, and the path of its folder. Raises ValueError for what the URI may not say, and OSError."""
    if f"{_RETRIES}=" not in uri:
        uri = f"{uri}{'&' if '?' in uri else '?'}{_RETRIES}={_RETRIES_S}"
    store, base = fs.FileSystem.from_uri(uri)
    return InTime(store), base


def plainly(reason: object) -> str:
    """What went wrong, without what the library notes for its authors."""
    return _STATUS.sub(r"\g<said>", str(reason))
