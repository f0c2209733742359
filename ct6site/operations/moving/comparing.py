"""Whether two databases hold the same: every row of every moved table, and the energies that both of them sum up."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper

from ct6site.operations.moving.tables import Kind, Row, Span, Table, chunks, count, read
from readings.models import PortDay, PortHour

_TOLD_OF_A_TABLE: Final = 5

Energies = dict[int, tuple[int, int, int]]


def differences(
    source: BaseDatabaseWrapper, target: BaseDatabaseWrapper, table: Table, advance: Callable[[int], None]
) -> list[str]:
    """A sentence for each range of keys in which the rows are not the same, at most a few."""
    found: list[str] = []
    here, there = count(source, table.name), count(target, table.name)
    if here != there:
        found.append(f"{table.name}: {here} rows here, {there} there.")
    for span, rows in chunks(source, table):
        others = read(target, table, span)
        if rows != others and (first := _first_difference(table, rows, others)) is not None:
            found.append(f"{table.name}, {_said(table, span)}: {first}.")
        advance(len(rows))
    more = len(found) - _TOLD_OF_A_TABLE
    return [*found[:_TOLD_OF_A_TABLE], f"{table.name}: {more} more ranges differ."] if more > 0 else found


def _first_difference(table: Table, here: Sequence[Row], there: Sequence[Row]) -> str | None:
    mine, theirs = ({table.key_of(row): row for row in rows} for rows in (here, there))
    for key in [*mine, *(key for key in theirs if key not in mine)]:
        name = ", ".join(map(str, key))
        if key not in theirs:
            return f"the row {name} is missing there"
        if key not in mine:
            return f"the row {name} is there only"
        columns = _differing_columns(table, mine[key], theirs[key])
        if columns:
            return f"the row {name} differs in {', '.join(columns)}"
    return None


def _differing_columns(table: Table, here: Row, there: Row) -> list[str]:
    return [
        column.name
        for column, mine, other in zip(table.columns, here, there, strict=True)
        # MySQL keeps JSON in an order and with blanks of its own.
        if mine != other and not (column.kind is Kind.JSON and mine and other and json.loads(mine) == json.loads(other))
    ]


def _said(table: Table, span: Span) -> str:
    parts = [f"{table.key[0]} {span.group}"] if span.group is not None else []
    bounds = [
        f"{word} {bound}" for word, bound in (("over", span.after), ("up to", span.upto)) if bound is not None
    ] or ["all of them"]
    return ", ".join([*parts, f"{table.key[-1]} {' '.join(bounds)}"])


def different_energies(source: BaseDatabaseWrapper, target: BaseDatabaseWrapper) -> tuple[int, list[str]]:
    """How many ports have hours or days, and a sentence for each whose sums are not the same, by the databases' own
    arithmetic."""
    ports: set[int] = set()
    found = []
    for model in (PortHour, PortDay):
        name = model._meta.db_table
        here, there = _energies(source, name), _energies(target, name)
        ports |= here.keys()
        found += [
            f"{name}: rows, positive and negative energy of port {port} are {_shown(here, port)} here, "
            f"{_shown(there, port)} there."
            for port in sorted(here.keys() | there.keys())
            if here.get(port) != there.get(port)
        ]
    return len(ports), found


def _energies(database: BaseDatabaseWrapper, table: str) -> Energies:
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT port_id, COUNT(*), SUM(positive_energy), SUM(negative_energy) FROM {table} GROUP BY port_id"  # noqa: S608
        )
        return {int(port): (int(rows), int(positive), int(negative)) for port, rows, positive, negative in cursor}


def _shown(energies: Energies, port: int) -> str:
    return ", ".join(map(str, energies.get(port, (0, 0, 0))))


def loose_ends(target: BaseDatabaseWrapper, tables: Sequence[Table]) -> Iterator[str]:
    """A sentence where a row refers to one that is not there."""
    try:
        target.check_constraints(table_names=[table.name for table in tables])
    except IntegrityError as error:
        yield f"A row refers to another that is not there: {error}"
