"""Files of ct6_app: one SQLite database per unit, named after its label."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from readings.importing.databases import ROWS_AT_ONCE, Extent, Mean, TheirDatabase
from readings.importing.errors import NotImported, NotTheirs
from readings.importing.layout import META, SECONDS, TIMESTAMP, TheirRow, known_columns, their_unit

ORIGIN: Final = "file"
_BUSY_S: Final = 20.0


def sqlite_files(path: Path) -> list[Path]:
    """The file itself, or all *.db of a folder. Raises NotImported."""
    if path.is_dir():
        files = sorted(path.glob("*.db"))
        if not files:
            raise NotImported(f"The folder {path} holds no file that ends in .db.")
        return files
    if not path.exists():
        raise NotImported(f"There is no file {path}.")
    return [path]


class SqliteFile(TheirDatabase):
    """Opened for reading alone. Rows are in the order in which they were stored, by their row id."""

    origin = ORIGIN

    def __init__(self, path: Path) -> None:
        """Raises NotImported, NotTheirs."""
        self._path = path.resolve()
        self.name = str(self._path)
        with self._said():
            with self._path.open("rb"):
                pass  # so that the system says why not
            self._connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        columns = known_columns(self._columns_of(SECONDS))
        if columns is None:
            raise NotTheirs(f"{self.name} is no database of ct6_app: it has no table {SECONDS} as ct6_app makes it.")
        self.columns = columns
        meta: list[dict[str, Any]] = []
        if names := self._columns_of(META):
            rows = self._fetch(f"SELECT {_listed(names)} FROM {META} ORDER BY rowid")  # noqa: S608 - their own names
            meta = [dict(zip((name.upper() for name in names), row, strict=True)) for row in rows]
        self.unit = their_unit(meta, self._path.stem)

    def extent(self) -> Extent:
        counted = f"SELECT COUNT(*), MIN({TIMESTAMP}), MAX({TIMESTAMP}) FROM {SECONDS}"  # noqa: S608
        return Extent.of(*self._fetch(counted)[0])

    def rows_after(self, position: int) -> Iterator[Sequence[TheirRow]]:
        statement = f"{self._select()} WHERE rowid > ? ORDER BY rowid LIMIT {ROWS_AT_ONCE}"
        while rows := self._fetch(statement, position):
            yield [TheirRow(row[0], row[1], row[2:]) for row in rows]
            position = rows[-1][0]

    def row_at(self, position: int) -> TheirRow | None:
        rows = self._fetch(f"{self._select()} WHERE rowid = ?", position)
        return TheirRow(rows[0][0], rows[0][1], rows[0][2:]) if rows else None

    def means(self, table: str) -> list[Mean]:
        if known_columns(self._columns_of(table)) is None:
            return []
        statement = f"SELECT {_listed([TIMESTAMP, *self._mean_columns()])} FROM {table} ORDER BY rowid"  # noqa: S608
        return self._means_of(self._fetch(statement))

    def close(self) -> None:
        self._connection.close()

    def _select(self) -> str:
        return f"SELECT rowid, {_listed([TIMESTAMP, *self.columns.names])} FROM {SECONDS}"  # noqa: S608 - known names

    def _columns_of(self, table: str) -> list[str]:
        return [str(row[1]) for row in self._fetch(f"PRAGMA table_info({table})")]

    def _fetch(self, statement: str, *parameters: int) -> list[Any]:
        with self._said():
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NotImported(f"{self.name} cannot be read: {error.strerror}.") from error
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error):
                raise NotTheirs(f"{self.name} is no SQLite database.") from error
            raise NotImported(f"{self.name} cannot be read: {error}.") from error


def _listed(names: Sequence[str]) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)
