"""Which of two firmware versions is the later one."""

from __future__ import annotations

import re
from typing import Final

# From this version on current gains mean something else.
GAINS_CHANGED: Final = (2, 8, 0)
_COUNTED_IN_DECIMALS: Final = ((2, 60), (2, 79))
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})", re.ASCII)


def in_order(version: str) -> tuple[int, int, int]:
    """To compare versions by, which are two numbers; what is no version comes before all.

    For a time they were counted in decimals: 2.67 came before 2.8.
    """
    found = _VERSION.match(version)
    if found is None:
        return (0, 0, 0)
    major, minor = int(found[1]), int(found[2])
    if _COUNTED_IN_DECIMALS[0] <= (major, minor) <= _COUNTED_IN_DECIMALS[1]:
        return (major, *divmod(minor, 10))
    return (major, minor, 0)


def has_old_gains(version: str) -> bool:
    """Whether current gains mean what they meant before 2.8."""
    return in_order(version) < GAINS_CHANGED
