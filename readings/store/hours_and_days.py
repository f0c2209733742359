"""Hours out of minutes, and local days out of hours.

The database sums where the rows already lie, in the transaction of the caller. Statements are put together from names
of our own tables and columns only (hence S608 is let pass); values are parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import connection

from readings.inserting import adding, insert
from readings.models import Rollup
from readings.periods import HOUR_MS, day_edges, day_start, floor_hour, next_day_start
from readings.store.lines import Lines, RollupRow, scaled_sum


@dataclass(frozen=True)
class _Piece:
    """The rollups of [start_ms, end_ms) in one table; ``instead`` of which others, the hour's own, if all are gone."""

    table: type[Rollup]
    start_ms: int
    end_ms: int
    instead: type[Rollup] | None = None


@dataclass(frozen=True)
class _Buckets:
    """All buckets that begin in [start_ms, end_ms): of which pieces, and as SQL the bucket that a piece's row is in."""

    start_ms: int
    end_ms: int
    bucket_of_row: str
    pieces: Sequence[_Piece]


def forget(lines: Lines, table: type[Rollup], ids: Sequence[int], start_ms: int, end_ms: int) -> None:
    """Delete the rollups of some lines that begin in [start_ms, end_ms)."""
    if not ids:
        return
    where, parameters = _where(lines, ids, start_ms, end_ms)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table._meta.db_table} {where}", parameters)  # noqa: S608


def lines_with(lines: Lines, table: type[Rollup], ids: Sequence[int], start_ms: int, end_ms: int) -> set[int]:
    """Those of these lines of which a rollup begins in [start_ms, end_ms)."""
    return _found(lines, table, ids, (start_ms, end_ms), "1 = 1")


def lines_with_holes(lines: Lines, table: type[Rollup], ids: Sequence[int], start_ms: int, end_ms: int) -> set[int]:
    """Those of which such a rollup lacks a sum: what is above it is more than the sum of its pieces."""
    return _found(lines, table, ids, (start_ms, end_ms), _is_hole(lines))


def add_to(lines: Lines, table: type[Rollup], rows: Sequence[RollupRow], bucket_of: Mapping[int, int]) -> None:
    """Add minutes that are new to the hours, or days, that they are in; ``bucket_of`` tells these by their starts.

    Right only where neither they nor what is there lack a sum.
    """
    head = f"INSERT INTO {table._meta.db_table} ({', '.join(lines.rollup_columns)})"
    tail = adding((lines.key, "start"), (*lines.additive, *lines.sums), lines.least, lines.greatest)
    insert(head, [(line, bucket_of[int(start or 0)], *rest) for line, start, *rest in rows], tail)


def write_hours(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int) -> None:
    """Compute every hour that begins in [start_ms, end_ms) anew from its minutes."""
    forget(lines, lines.hours, ids, start_ms, end_ms)
    hour_of_row = f"start - start %% {HOUR_MS}"
    minutes = _Piece(lines.minutes, start_ms, end_ms)
    _sum_up(lines, lines.hours, ids, _Buckets(start_ms, end_ms, hour_of_row, [minutes]))


def write_days(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int, zone: ZoneInfo) -> None:
    """Compute every local day that [start_ms, end_ms) touches anew from its hours.

    Day rows that lie elsewhere inside these days, from an earlier time zone, go.
    """
    first, end = day_start(start_ms, zone), next_day_start(end_ms - 1, zone)
    forget(lines, lines.days, ids, first, end)
    for day in day_edges(first, end, zone):
        end_of_day = next_day_start(day, zone)
        pieces = pieces_of_day(lines, day, end_of_day)
        if end_of_day % HOUR_MS:
            # Once its minutes are gone, an hour that midnight cuts counts whole in the day that it begins in.
            cut = floor_hour(end_of_day)
            pieces.append(_Piece(lines.hours, cut, cut + 1, instead=lines.minutes))
        _sum_up(lines, lines.days, ids, _Buckets(day, day + 1, str(day), pieces))


def pieces_of_day(lines: Lines, start_ms: int, end_ms: int) -> list[_Piece]:
    """The whole hours of a day, and minutes where its edges lie off the hour."""
    first_hour, end_hour = floor_hour(start_ms + HOUR_MS - 1), floor_hour(end_ms)
    pieces = [
        _Piece(lines.minutes, start_ms, first_hour),
        _Piece(lines.hours, first_hour, end_hour),
        _Piece(lines.minutes, end_hour, end_ms),
    ]
    return [piece for piece in pieces if piece.start_ms < piece.end_ms]


def _sum_up(lines: Lines, table: type[Rollup], ids: Sequence[int], buckets: _Buckets) -> None:
    """Write the rows of these buckets: none for a line that has no pieces in one."""
    if not ids:
        return
    # A sum of which only some pieces know the quantity must be scaled, which _fill_holes does exactly.
    parts = [
        lines.key,
        "bucket",
        *(f"SUM({name})" for name in lines.additive),
        *(f"CASE WHEN COUNT({name}) = COUNT(*) THEN SUM({name}) END" for name in lines.sums),
        *(f"MIN({name})" for name in lines.least),
        *(f"MAX({name})" for name in lines.greatest),
    ]
    source, parameters = _source(lines, ids, buckets)
    insert = f"INSERT INTO {table._meta.db_table} ({', '.join(lines.rollup_columns)})"
    with connection.cursor() as cursor:
        select = f"SELECT {', '.join(parts)} FROM ({source}) AS pieces GROUP BY {lines.key}, bucket"  # noqa: S608
        cursor.execute(f"{insert} {select}", parameters)
    _fill_holes(lines, table, ids, buckets)


def _source(lines: Lines, ids: Sequence[int], buckets: _Buckets) -> tuple[str, list[int]]:
    """A statement that reads the pieces' rows of some lines, with the bucket of each, and its parameters."""
    columns = ", ".join(lines.rollup_columns)
    statements: list[str] = []
    parameters: list[int] = []
    for piece in buckets.pieces:
        where, bounds = _where(lines, ids, piece.start_ms, piece.end_ms)
        if piece.instead is not None:
            others = f"{piece.instead._meta.db_table} AS others"
            same_line = f"others.{lines.key} = {piece.table._meta.db_table}.{lines.key}"
            within = "others.start >= %s AND others.start < %s"
            where += f" AND NOT EXISTS (SELECT 1 FROM {others} WHERE {same_line} AND {within})"  # noqa: S608
            bounds = [*bounds, piece.start_ms, piece.start_ms + HOUR_MS]
        statements.append(
            f"SELECT {columns}, {buckets.bucket_of_row} AS bucket FROM {piece.table._meta.db_table} {where}"  # noqa: S608
        )
        parameters += bounds
    return " UNION ALL ".join(statements), parameters


def _where(lines: Lines, ids: Sequence[int], start_ms: int, end_ms: int) -> tuple[str, list[int]]:
    """Constant bounds of the key: databases then read these rows and no others."""
    marks = ", ".join(["%s"] * len(ids))
    return f"WHERE {lines.key} IN ({marks}) AND start >= %s AND start < %s", [*ids, start_ms, end_ms]


def _fill_holes(lines: Lines, table: type[Rollup], ids: Sequence[int], buckets: _Buckets) -> None:
    """Give a sum to buckets of which only some pieces know a quantity; all the pieces of most know all or none."""
    if not lines_with_holes(lines, table, ids, buckets.start_ms, buckets.end_ms):
        return
    known_ms = "SUM(CASE WHEN {} IS NOT NULL THEN covered_ms + recovered_ms END)"
    parts = [f"SUM({name}), {known_ms.format(name)}" for name in lines.sums]
    partly_known = " OR ".join(f"COUNT({name}) NOT IN (0, COUNT(*))" for name in lines.sums)
    source, parameters = _source(lines, ids, buckets)
    select = f"SELECT {lines.key}, bucket, SUM(covered_ms + recovered_ms), {', '.join(parts)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{select} FROM ({source}) AS pieces GROUP BY {lines.key}, bucket HAVING {partly_known}", parameters
        )
        found = cursor.fetchall()
    for line, start_ms, all_ms, *totals in found:
        sums = {
            name: scaled_sum(int(total), int(known), int(all_ms))
            for name, total, known in zip(lines.sums, totals[::2], totals[1::2], strict=True)
            if total is not None
        }
        table._default_manager.filter(**{lines.key: line}, start=start_ms).update(**sums)


def _is_hole(lines: Lines) -> str:
    return " OR ".join(f"{name} IS NULL" for name in lines.sums)


def _found(lines: Lines, table: type[Rollup], ids: Sequence[int], span: tuple[int, int], condition: str) -> set[int]:
    """The lines of the rollups that begin in a span and meet a condition."""
    if not ids:
        return set()
    where, parameters = _where(lines, ids, *span)
    select = f"SELECT DISTINCT {lines.key} FROM {table._meta.db_table}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"{select} {where} AND ({condition})", parameters)
        return {line for (line,) in cursor.fetchall()}
