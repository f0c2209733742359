"""How far a move is: a table in the database that is moved to, written in the transaction that brings the rows."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from ct6site.operations.moving.tables import Span

NAME: Final = "ct6_move"
_WHOLE: Final = "*"


class Stage(StrEnum):
    PREPARING = "preparing"
    COPYING = "copying"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is moved, and when a part of the product last wrote to it."""

    source: str
    last_used: str


class Mark:
    def __init__(self, database: BaseDatabaseWrapper) -> None:
        self._database = database

    def make(self) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {NAME} (name VARCHAR(64) NOT NULL PRIMARY KEY, note TEXT NOT NULL)")

    def drop(self) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(f"DROP TABLE {NAME}")

    def stage(self) -> tuple[Stage, Origin | None]:
        """How far the whole is, and of what; a call that was killed as it began has not noted that."""
        note = self._read(_WHOLE)
        if note is None:
            return Stage.PREPARING, None
        return Stage(note["stage"]), Origin(note["source"], note["last_used"])

    def note_stage(self, stage: Stage, origin: Origin) -> None:
        self._write(_WHOLE, {"stage": stage, "source": origin.source, "last_used": origin.last_used})

    def done(self, table: str) -> tuple[Span | None, int]:
        """The last span of the table that is there, and how many rows came until then."""
        note = self._read(table)
        return (None, 0) if note is None else (Span(note["group"], upto=note["upto"]), note["rows"])

    def note(self, table: str, span: Span, rows: int) -> None:
        self._write(table, {"group": span.group, "upto": span.upto, "rows": rows})

    def forget_all(self) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(f"DELETE FROM {NAME}")  # noqa: S608 - a name of ours

    def _read(self, name: str) -> dict[str, Any] | None:
        with self._database.cursor() as cursor:
            cursor.execute(f"SELECT note FROM {NAME} WHERE name = %s", [name])  # noqa: S608
            row = cursor.fetchone()
        return None if row is None else json.loads(row[0])

    def _write(self, name: str, note: dict[str, Any]) -> None:
        with self._database.cursor() as cursor:
            cursor.execute(f"DELETE FROM {NAME} WHERE name = %s", [name])  # noqa: S608
            cursor.execute(f"INSERT INTO {NAME} (name, note) VALUES (%s, %s)", [name, json.dumps(note)])  # noqa: S608
