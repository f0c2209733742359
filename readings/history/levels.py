"""Which level a question is answered from: fine enough to be looked at, few enough rows to be quick. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from readings.periods import HOUR_MS, MINUTE_MS

Resolution = Literal["second", "minute", "hour", "day"]
Asked = Resolution | Literal["auto"]

LADDER: tuple[Resolution, ...] = ("second", "minute", "hour", "day")
STEP_MS: Final[dict[Literal["minute", "hour", "day"], int]] = {
    "minute": MINUTE_MS,
    "hour": HOUR_MS,
    "day": 24 * HOUR_MS,
}
ROWS_AT_EASE: Final = 20_000
ROWS_AT_MOST: Final = 65_000
POINTS_ENOUGH: Final = 300


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is asked for: so many lines over so much time. ``period_ms`` is the time from reading to reading."""

    lines: int
    length_ms: int
    max_points: int
    period_ms: float

    def points(self, level: Resolution) -> float:
        """How many a full line has at this level."""
        return self.length_ms / (self.period_ms if level == "second" else STEP_MS[level])

    def rows(self, level: Resolution) -> float:
        return self.lines * self.points(level)


def level_for(extent: Extent, asked: Asked) -> Resolution:
    """The level to read.

    ``auto`` is the finest whose points fit in max_points, or the one beneath it where that leaves fewer than 300
    points (and more are allowed) and there are at most 65,000 rows to read for it.

    More than 20,000 rows give way to the coarsest level that still has 300 points. If there is none, up to 65,000 rows
    are read, and in place of more those of the next level that has no more than that.
    """
    wanted = _auto(extent) if asked == "auto" else asked
    if extent.rows(wanted) <= ROWS_AT_EASE:
        return wanted
    bearable = [level for level in LADDER[LADDER.index(wanted) :] if extent.rows(level) <= ROWS_AT_MOST]
    enough = [level for level in bearable if level != wanted and extent.points(level) >= POINTS_ENOUGH]
    return (enough[-1:] or bearable[:1] or ["day"])[0]


def finer_level(measured: Extent, asked: Asked, answered: Resolution) -> Resolution | None:
    """The level that suits the part of a span in which anything was measured, where it is finer than the one answered.

    Readings, of which a live view reads a few more every other second, only where they are at most 20,000.
    """
    if not measured.length_ms or answered in (asked, "second"):
        return None
    level = level_for(measured, asked)
    if level == "second" and measured.rows(level) > ROWS_AT_EASE:
        level = "minute"
    return level if LADDER.index(level) < LADDER.index(answered) else None


def _auto(extent: Extent) -> Resolution:
    fits: Resolution = next((level for level in LADDER if extent.points(level) <= extent.max_points), "day")
    if extent.points(fits) >= POINTS_ENOUGH or extent.max_points < POINTS_ENOUGH or fits == "second":
        return fits
    finer = LADDER[LADDER.index(fits) - 1]
    return finer if extent.rows(finer) <= ROWS_AT_MOST else fits
