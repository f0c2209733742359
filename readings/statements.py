"""Rows as plain integers, many at once, by few statements."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from numpy.typing import NDArray

Row = tuple[Any, ...]
Rows = models.QuerySet[Any, Any]


def fetch(parts: Iterable[Rows]) -> list[Row]:
    """The rows of all these ``values_list`` querysets, read by one statement and so all of one moment.

    Several simple ranges are faster than one condition with OR, for which SQLite reads the whole table of a port.
    """
    statements: list[str] = []
    parameters: list[Any] = []
    for part in parts:
        try:
            statement, values = part.query.sql_with_params()
        except EmptyResultSet:
            continue
        # SQLite takes a LIMIT inside a UNION only so.
        statements.append(f"SELECT * FROM ({statement}) AS part" if part.query.is_sliced else statement)  # noqa: S608
        parameters.extend(values)
    if not statements:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(statements), parameters)
        return list(cursor.fetchall())


def numbers(rows: Sequence[Row], columns: int) -> NDArray[np.float64]:
    """A table of numbers, NaN where a value is NULL. Sums of power times ms stay exact up to 2**53."""
    if rows and len(rows[0]) != columns:
        raise ValueError(f"rows of {len(rows[0])} columns instead of {columns}")
    try:  # a third quicker than an array of rows, but not for NULL
        table = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=len(rows) * columns)
    except TypeError:
        table = np.array(rows, dtype=np.float64)
    return table.reshape(-1, columns)
