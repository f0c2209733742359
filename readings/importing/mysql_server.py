"""Databases of ct6_db_store: on one MySQL or MariaDB server one per unit, named after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from readings.importing.databases import ROWS_AT_ONCE, Extent, Mean, TheirDatabase
from readings.importing.errors import NotImported, NotTheirs
from readings.importing.layout import META, SECONDS, TIMESTAMP, TheirRow, known_columns, their_unit

EXAMPLE: Final = "mysql://root:password@192.168.0.22:3306"
_CONNECT_S: Final = 10
_SILENT_S: Final = 600  # counting the rows of years takes minutes
_ROWS_A_STATEMENT: Final = 1_000_000
_ROWS_AT_FIRST: Final = 10_000
_INTEGERS: Final = ("tinyint", "smallint", "mediumint", "int", "bigint")
_REFUSED: Final = {1044, 1045, 1142, 1143, 1698}
_UNREACHABLE: Final = {2002, 2003, 2005, 2006, 2013}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a MySQL server is and how to get in; `database` is empty for all of them. Its text has no password."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    database: str = ""

    def __str__(self) -> str:
        return f"mysql://{self.host}:{self.port}"


def server_from(url: str) -> Server:
    """Raises NotImported for what is no address of a MySQL server."""
    try:
        parts = urlsplit(url)
        port, host = parts.port or 3306, parts.hostname
    except ValueError:
        parts, port, host = None, 0, None
    if parts is None or parts.scheme != "mysql" or not host or not parts.username:
        raise NotImported(f"--mysql takes the address of a server, with a user, such as {EXAMPLE}")
    password = None if parts.password is None else unquote(parts.password)
    return Server(host, port, unquote(parts.username), password, unquote(parts.path.strip("/")))


def mysql_databases(server: Server) -> list[str]:
    """The names of all databases with their table of seconds, or the one that was asked for. Raises NotImported."""
    statement = "SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE UPPER(TABLE_NAME) = %s ORDER BY TABLE_SCHEMA"
    with closing(_Connection(server)) as connection:
        found = [str(row[0]) for row in connection.fetch(statement, SECONDS)]
    if server.database:
        found = [name for name in found if name == server.database]
    if not found:
        where = f"The database {server.database} on {server}" if server.database else f"{server}"
        raise NotTheirs(
            f"{where} holds no table {SECONDS} that {server.user} may read: ct6_db_store has stored nothing there, or "
            "the user lacks the right SELECT."
        )
    return found


class MysqlDatabase(TheirDatabase):
    """Read with SELECT alone. Its table of seconds has no key as ct6_db_store makes it: rows are read in the order in
    which the server keeps them, which is the one in which they were stored. A table that somebody has given an integer
    key is read by that.
    """

    def __init__(self, server: Server, name: str) -> None:
        """Raises NotImported, NotTheirs."""
        self.origin, self.name = str(server), name
        self._server = server
        self._connection = _Connection(server, name)
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        self._tables = {str(row[0]).upper(): str(row[0]) for row in self._connection.fetch("SHOW TABLES")}
        columns = known_columns(self._columns_of(SECONDS))
        if columns is None:
            raise NotTheirs(f"{self} is no database of ct6_db_store: its {SECONDS} is not as ct6_db_store makes it.")
        self.columns = columns
        self._key = self._integer_key()
        meta: list[dict[str, Any]] = []
        if names := self._columns_of(META):
            rows = self._connection.fetch(f"SELECT {_listed(names)} FROM {self._table(META)}")  # noqa: S608
            meta = [dict(zip((name.upper() for name in names), row, strict=True)) for row in rows]
        self.unit = their_unit(meta, self.name)

    def extent(self) -> Extent:
        counted = f"SELECT COUNT(*), MIN({TIMESTAMP}), MAX({TIMESTAMP}) FROM {self._table(SECONDS)}"  # noqa: S608
        return Extent.of(*self._connection.fetch(counted)[0])

    def rows_after(self, position: int) -> Iterator[Sequence[TheirRow]]:
        return self._by_key(position) if self._key else self._as_kept(position)

    def _by_key(self, position: int) -> Iterator[Sequence[TheirRow]]:
        statement = f"{self._select()} WHERE {self._key} > %s ORDER BY {self._key} LIMIT {ROWS_AT_ONCE}"
        while rows := self._connection.fetch(statement, position):
            yield [TheirRow(row[0], row[1], row[2:]) for row in rows]
            position = rows[-1][0]

    def _as_kept(self, position: int) -> Iterator[Sequence[TheirRow]]:
        """Never ordered by time: that would mix the two passes of the doubled hour."""
        before, at_most = None, _ROWS_AT_FIRST  # not everybody reads on
        while position != before:
            before = position
            statement = f"{self._select()} LIMIT {at_most} OFFSET {position}"
            at_most = _ROWS_A_STATEMENT
            with closing(_Connection(self._server, self.name)) as connection:
                for rows in connection.stream(statement):
                    numbered = enumerate(rows, start=position + 1)
                    yield [TheirRow(number, row[0], row[1:]) for number, row in numbered]
                    position += len(rows)

    def row_at(self, position: int) -> TheirRow | None:
        if self._key:
            rows = self._connection.fetch(f"{self._select()} WHERE {self._key} = %s", position)
            return TheirRow(rows[0][0], rows[0][1], rows[0][2:]) if rows else None
        rows = self._connection.fetch(f"{self._select()} LIMIT 1 OFFSET {position - 1}")
        return TheirRow(position, rows[0][0], rows[0][1:]) if rows else None

    def means(self, table: str) -> list[Mean]:
        if known_columns(self._columns_of(table)) is None:
            return []
        columns = _listed([TIMESTAMP, *self._mean_columns()])
        return self._means_of(self._connection.fetch(f"SELECT {columns} FROM {self._table(table)}"))  # noqa: S608

    def close(self) -> None:
        self._connection.close()

    def _select(self) -> str:
        columns = _listed([TIMESTAMP, *self.columns.names])
        key = f"{self._key}, " if self._key else ""
        return f"SELECT {key}{columns} FROM {self._table(SECONDS)}"  # noqa: S608 - names that the server has told

    def _table(self, name: str) -> str:
        return _listed([self._tables.get(name, name)])

    def _columns_of(self, table: str) -> list[str]:
        if table not in self._tables:
            return []
        return [str(row[0]) for row in self._connection.fetch(f"SHOW COLUMNS FROM {self._table(table)}")]

    def _integer_key(self) -> str:
        columns = self._connection.fetch(f"SHOW COLUMNS FROM {self._table(SECONDS)}")
        keys = [(str(name), str(kind)) for name, kind, _null, key, *_rest in columns if key == "PRI"]
        if len(keys) == 1 and keys[0][1].split("(")[0].split()[0] in _INTEGERS:
            return _listed([keys[0][0]])
        return ""


class _Connection:
    """A connection on which nothing can be written."""

    def __init__(self, server: Server, database: str = "") -> None:
        try:
            import MySQLdb  # noqa: PLC0415 - not everybody has it
            from MySQLdb import converters, cursors  # noqa: PLC0415
            from MySQLdb.constants import FIELD_TYPE  # noqa: PLC0415
        except ImportError as error:
            install = "pip install --require-hashes -r requirements/lock/mysql.txt"
            raise NotImported(f"To read from MySQL a package is missing; install it with: {install}") from error
        self._server, self._error, self._streaming = server, MySQLdb.Error, cursors.SSCursor
        numbers = {FIELD_TYPE.DECIMAL: float, FIELD_TYPE.NEWDECIMAL: float}
        with self._said():
            self._connection = MySQLdb.connect(
                host=server.host, port=server.port, user=server.user, passwd=server.password or "", db=database,
                charset="utf8mb4", connect_timeout=_CONNECT_S, read_timeout=_SILENT_S, write_timeout=_SILENT_S,
                conv={**converters.conversions, **numbers}, autocommit=True,
            )  # fmt: skip
            # Its own time zone is left as it is: times come back as ct6_db_store wrote them. We may be slow to take
            # what is streamed.
            self.fetch("SET SESSION TRANSACTION READ ONLY")
            self.fetch(f"SET SESSION net_write_timeout = {_SILENT_S}")

    def fetch(self, statement: str, *parameters: object) -> Sequence[Any]:
        with self._said(), closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, parameters or None)
            found: Sequence[Any] = cursor.fetchall()
            return found

    def stream(self, statement: str) -> Iterator[Sequence[Any]]:
        """The rows of a statement while the server still sends them."""
        cursor = self._streaming(self._connection)
        with self._said():
            cursor.execute(statement)
        while True:
            with self._said():
                rows = cursor.fetchmany(ROWS_AT_ONCE)
            if not rows:
                return
            yield rows

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            code, reason = (*error.args, "")[:2] if error.args else (0, "")
            if code in _REFUSED:
                sentence = f"{self._server} does not let {self._server.user} in, or not read there: {reason}."
            elif code in _UNREACHABLE:
                sentence = f"{self._server} cannot be reached: {reason}."
            else:
                sentence = f"{self._server} cannot be read from: {reason or error}."
            raise NotImported(sentence) from error


def _listed(names: Sequence[str]) -> str:
    return ", ".join("`" + name.replace("`", "``") + "`" for name in names)
