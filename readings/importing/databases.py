"""Databases of ct6_db_store and ct6_app, as something that can be read from wherever it lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from readings.importing.layout import Columns, TheirRow, TheirUnit, read_shown

ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows of seconds there are, and what the least and the greatest of their times is."""

    rows: int
    first: datetime | None
    last: datetime | None

    @classmethod
    def of(cls, rows: int, first: Any, last: Any) -> Extent:
        return cls(rows, read_shown(first), read_shown(last))


@dataclass(frozen=True, slots=True)
class Mean:
    """A row of their hours or days: the mean of a port's active power in W, by port number."""

    shown: datetime
    powers_w: dict[int, float]


class TheirDatabase(ABC):
    """One database, of one unit. Nothing is ever written to it.

    All methods raise NotImported.
    """

    origin: str
    """Where it lies, without a password."""
    name: str
    """Which one it is there."""
    unit: TheirUnit
    columns: Columns

    @abstractmethod
    def extent(self) -> Extent: ...

    @abstractmethod
    def rows_after(self, position: int) -> Iterator[Sequence[TheirRow]]:
        """All rows that were stored after this one, in that order, some at a time; 0: from the first on."""

    @abstractmethod
    def row_at(self, position: int) -> TheirRow | None:
        """The row at a position, None if there is none."""

    @abstractmethod
    def means(self, table: str) -> list[Mean]:
        """The rows of their hours or days; none if there is no such table."""

    @abstractmethod
    def close(self) -> None: ...

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"

    def _mean_columns(self) -> list[str]:
        return [f"CT{number}_ACT_WATTS" for number in self.columns.ports]

    def _means_of(self, rows: Sequence[Sequence[Any]]) -> list[Mean]:
        found = []
        for shown, *values in rows:
            moment = read_shown(shown)
            if moment is not None:
                powers = zip(self.columns.ports, values, strict=True)
                found.append(Mean(moment, {n: float(w) for n, w in powers if isinstance(w, int | float)}))
        return found
