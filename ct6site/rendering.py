"""How the REST API writes JSON: with orjson, straight from numpy arrays."""

from typing import Any

import numpy as np
import orjson
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer


class OrjsonRenderer(JSONRenderer):
    """Writes what a view answers; numpy arrays become lists, and NaN (a gap) null."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    """What orjson does not know by itself: translated texts, and arrays that are slices of others."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
