"""Which tables are moved, and how their rows are read and written alike on every engine.

Values go as the databases tell them, without Django's models: a fixed-point quantity stays the integer that it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from itertools import chain
from types import NoneType
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

# Sessions end with the move, and nobody asks for the results of tasks that are done.
LEFT_OUT: Final = {"sessions", "django_celery_results"}
_ROWS_A_STATEMENT: Final = 1_000

Row = tuple[Any, ...]


class Kind(Enum):
    """How a column's values differ between engines; all others are told alike."""

    INTEGER = auto()
    TRUTH = auto()
    TEXT = auto()
    NUMBER = auto()
    MOMENT = auto()
    DECIMAL = auto()
    JSON = auto()
    BYTES = auto()


_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField"), Kind.INTEGER),
    **dict.fromkeys(("SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"), Kind.INTEGER),
    "PositiveSmallIntegerField": Kind.INTEGER,
    "BooleanField": Kind.TRUTH,
    **dict.fromkeys(("CharField", "TextField", "SlugField", "GenericIPAddressField"), Kind.TEXT),
    "FloatField": Kind.NUMBER,
    **dict.fromkeys(("DateTimeField", "DateField"), Kind.MOMENT),
    "DecimalField": Kind.DECIMAL,
    "JSONField": Kind.JSON,
    "BinaryField": Kind.BYTES,
}
_ROWS_AT_ONCE: Final = 5_000
_ROWS_AT_ONCE_WITH_TEXTS: Final = 500
_ROWS_AT_ONCE_WITH_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    places: int = 0

    def of(self) -> Callable[[Any], Any] | None:
        """Makes of what an engine tells what may be written to any; None where nothing has to be done."""
        if self.kind is Kind.MOMENT:
            return str
        if self.kind is Kind.DECIMAL:
            step = Decimal(1).scaleb(-self.places)
            return lambda value: str(Decimal(str(value)).quantize(step))
        return None


@dataclass(frozen=True, slots=True)
class Span:
    """Keys of a table: over ``after`` up to ``upto`` (None: without bound); where a key has two columns these are
    those of the second, and the first is ``group``."""

    group: int | None = None
    after: int | None = None
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """``key`` has one or two columns. One whose key is a text is small, and goes as a whole."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def is_ranged(self) -> bool:
        return all(column.kind is Kind.INTEGER for column in self.columns if column.name in self.key)

    @property
    def has_integers_only(self) -> bool:
        return all(column.kind in (Kind.INTEGER, Kind.TRUTH) for column in self.columns) and len(self.columns) > 1

    @property
    def rows_at_once(self) -> int:
        if self.has_integers_only:
            return _ROWS_AT_ONCE
        has_bytes = any(column.kind is Kind.BYTES for column in self.columns)
        return _ROWS_AT_ONCE_WITH_BYTES if has_bytes else _ROWS_AT_ONCE_WITH_TEXTS

    def key_of(self, row: Row) -> Row:
        names = [column.name for column in self.columns]
        return tuple(row[names.index(name)] for name in self.key)


def moved_tables() -> list[Table]:
    """Every table of the product and its packages but those LEFT_OUT; django_migrations is what migrating writes."""
    found: dict[str, Table] = {}
    for model in apps.get_models(include_auto_created=True):
        about = model._meta
        if about.managed and not about.proxy and about.app_label not in LEFT_OUT:
            columns = tuple(_column(field) for field in about.concrete_fields)
            found[about.db_table] = Table(
                about.db_table, columns, tuple(str(field.column) for field in about.pk_fields)
            )
    return list(found.values())


def known_names() -> set[str]:
    """The names of all tables that a prepared database of the product has."""
    models_here = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models_here if model._meta.managed} | {"django_migrations"}


def _column(field: "models.Field[Any, Any]") -> Column:
    shown: Any = field
    while shown.remote_field is not None:
        shown = shown.target_field
    return Column(str(field.column), _KINDS[shown.get_internal_type()], getattr(shown, "decimal_places", 0) or 0)


def count(database: BaseDatabaseWrapper, table: str) -> int:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {database.ops.quote_name(table)}")  # noqa: S608 - a name of ours
        return int(cursor.fetchone()[0])


def chunks(
    database: BaseDatabaseWrapper, table: Table, done: Span | None = None
) -> Iterator[tuple[Span, Sequence[Row]]]:
    """The rows behind those of the span ``done``, in the order of their keys, each time with the span that they are
    all of. Together the spans leave out no key of a group that there is."""
    if not table.is_ranged:
        if done is None:
            yield Span(), read(database, table, Span())
        return
    for group in _groups(database, table, done):
        after = done.upto if done is not None and done.group == group else None
        while True:
            rows = read(database, table, Span(group, after), table.rows_at_once)
            upto = table.key_of(rows[-1])[-1] if len(rows) == table.rows_at_once else None
            yield Span(group, after, upto), rows
            if upto is None:
                break
            after = upto


def _groups(database: BaseDatabaseWrapper, table: Table, done: Span | None) -> Iterator[int | None]:
    if len(table.key) == 1:
        if done is None or done.upto is not None:
            yield None
        return
    group = None if done is None else done.group
    if done is not None and done.upto is not None:
        yield group
    first, name = (database.ops.quote_name(word) for word in (table.key[0], table.name))
    while True:
        with database.cursor() as cursor:
            where = "" if group is None else f" WHERE {first} > %s"
            cursor.execute(
                f"SELECT MIN({first}) FROM {name}{where}",  # noqa: S608 - names of ours
                [] if group is None else [group],
            )
            group = cursor.fetchone()[0]
        if group is None:
            return
        yield group


def read(database: BaseDatabaseWrapper, table: Table, span: Span, at_most: int | None = None) -> list[Row]:
    """The rows of a span by their key, as they may be written to any engine."""
    quoted = database.ops.quote_name
    conditions, values = [], []
    *first, last = (quoted(name) for name in table.key)
    for expression, value in (
        *((f"{name} = %s", span.group) for name in first),
        (f"{last} > %s", span.after),
        (f"{last} <= %s", span.upto),
    ):
        if value is not None:
            conditions.append(expression)
            values.append(value)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f" ORDER BY {last}" if table.is_ranged else ""
    limit = f" LIMIT {at_most}" if at_most is not None else ""
    columns = ", ".join(_told(quoted(column.name), column) for column in table.columns)
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {quoted(table.name)}{where}{order}{limit}", values)  # noqa: S608
        rows = list(cursor.fetchall())
    if table.has_integers_only:
        return rows
    makers = [column.of() for column in table.columns]
    made = [
        tuple(
            value if maker is None or value is None else maker(value) for value, maker in zip(row, makers, strict=True)
        )
        for row in rows
    ]
    return made if table.is_ranged else sorted(made, key=table.key_of)


def _told(name: str, column: Column) -> str:
    # As an expression a boolean is 0 or 1 on SQLite as well.
    return f"{name} + 0" if column.kind is Kind.TRUTH else name


def write(database: BaseDatabaseWrapper, table: Table, rows: Sequence[Row]) -> None:
    quoted = database.ops.quote_name
    columns = ", ".join(quoted(column.name) for column in table.columns)
    insert = f"INSERT INTO {quoted(table.name)} ({columns}) VALUES "  # noqa: S608 - names of ours
    with database.cursor() as cursor:
        if table.has_integers_only and set(map(type, chain.from_iterable(rows))) <= {int, NoneType}:
            # A text of numbers is made several times faster than parameters are put in.
            for start in range(0, len(rows), _ROWS_A_STATEMENT):
                text = str(list(rows[start : start + _ROWS_A_STATEMENT]))[1:-1].replace("None", "NULL")
                cursor.execute(insert + text)
        else:
            cursor.executemany(insert + f"({', '.join(['%s'] * len(table.columns))})", rows)


def empty(database: BaseDatabaseWrapper, table: Table) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"DELETE FROM {database.ops.quote_name(table.name)}")  # noqa: S608 - a name of ours


def counters(database: BaseDatabaseWrapper) -> dict[str, int]:
    """The last number that each table has given; it is never given again, though its row is gone."""
    with database.cursor() as cursor:
        if database.vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
        else:
            if not database.mysql_is_mariadb:  # type: ignore[attr-defined]  # of Django's MySQL
                cursor.execute("SET SESSION information_schema_stats_expiry = 0")
            cursor.execute(
                "SELECT table_name, auto_increment - 1 FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL"
            )
        return {str(name): int(last) for name, last in cursor.fetchall()}


def set_counter(database: BaseDatabaseWrapper, table: str, last: int) -> None:
    with database.cursor() as cursor:
        if database.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])
        else:
            cursor.execute(f"ALTER TABLE {database.ops.quote_name(table)} AUTO_INCREMENT = {last + 1}")
