"""Many rows of whole numbers into the database at once, as quickly as it takes them."""

from collections.abc import Sequence
from typing import Final

from django.db import connection

Integers = Sequence[int | None]

_ROWS_A_STATEMENT: Final = 5_000


def leaving(key: str) -> str:
    """The ``tail`` for which rows that are there already are left alone; ``key`` is a column of theirs."""
    return f"ON DUPLICATE KEY UPDATE {key} = {key}" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"


def adding(key: Sequence[str], sums: Sequence[str], least: Sequence[str], greatest: Sequence[str]) -> str:
    """The ``tail`` for which rows that are there already take up those that come."""
    is_mysql = connection.vendor == "mysql"

    def new(name: str) -> str:
        return f"VALUES({name})" if is_mysql else f"excluded.{name}"

    def better(name: str, sign: str) -> str:
        return f"{name} = CASE WHEN {name} IS NULL OR {new(name)} {sign} {name} THEN {new(name)} ELSE {name} END"

    sets = [f"{name} = {name} + {new(name)}" for name in sums]
    sets += [better(name, "<") for name in least] + [better(name, ">") for name in greatest]
    head = "ON DUPLICATE KEY UPDATE" if is_mysql else f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET"
    return f"{head} {', '.join(sets)}"


def insert(head: str, rows: Sequence[Integers], tail: str = "") -> None:
    """``head`` VALUES ... ``tail``, of tuples of whole numbers, truths and None. Raises DatabaseError.

    For MySQL the numbers are written into the statement as they are: mysqlclient turns each one into text by a call of
    its own, which takes four times as long as all the rest of an insert.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor != "mysql":
            cursor.executemany(f"{head} VALUES ({', '.join(['%s'] * len(rows[0]))}) {tail}", rows)
            return
        for first in range(0, len(rows), _ROWS_A_STATEMENT):
            values = ",".join(map(str, rows[first : first + _ROWS_A_STATEMENT]))
            cursor.execute(f"{head} VALUES {values.replace('None', 'NULL')} {tail}")
