"""How often the page looks for new readings, and how often a drawing is worth reading anew. Pure."""

from typing import Final

LOOK_EVERY_MS: Final = 2_000
# By so many parts of its width a last point grows until it is drawn anew: minutes every two seconds.
PARTS_OF_A_POINT: Final = 30
# So many rows are read in a small part of the time that the drawing then stands.
ROWS_PER_MS: Final = 10


def pace_ms(*, points: int, step_ms: float, source_ms: float) -> int:
    """How long a drawing stands before it is read anew: two seconds, unless its points are so wide that nothing new
    would be seen, or so much was read for it that little else would be done.

    ``points`` are those of all lines, ``step_ms`` apart, and made of rows that are ``source_ms`` apart.
    """
    rows = points * step_ms / source_ms
    return round(max(LOOK_EVERY_MS, step_ms / PARTS_OF_A_POINT, rows / ROWS_PER_MS))
