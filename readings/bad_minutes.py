"""Which minutes of ports are bad: marked as such by somebody, and to be left out wherever is computed. Pure numpy."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class BadMinutes:
    """Of one port: when its bad spans begin and when they end, each in order. Spans may overlap."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def hold(self, minutes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these minutes, given by their start, lie in a bad span."""
        begun = np.searchsorted(self.starts, minutes, side="right")
        over = np.searchsorted(self.ends, minutes, side="right")
        return begun > over

    def touch(self, start_ms: int, end_ms: int) -> bool:
        """Whether any of [start_ms, end_ms) is bad."""
        return bool(((self.starts < end_ms) & (self.ends > start_ms)).any())


BadOf = Mapping[int, BadMinutes]
"""By port; ports without any are left out."""

NOTHING_BAD: Final[BadOf] = MappingProxyType({})


def bad_of(spans: Iterable[tuple[int, int, int]]) -> BadOf:
    """What these spans (port, start and end, whole minutes in epoch ms) make bad."""
    of_port: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for port_id, start_ms, end_ms in spans:
        of_port[port_id].append((start_ms, end_ms))
    return {
        port_id: BadMinutes(*(np.sort(np.array(edges, dtype=np.int64)) for edges in zip(*found, strict=True)))
        for port_id, found in of_port.items()
    }
