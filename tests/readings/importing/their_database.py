"""Databases as ct6_db_store and ct6_app lay them out, wrong sums included."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ASSY = "ASY0398_V003.300_SN00001846"
PORTS = range(1, 7)
QUANTITIES = ("ACT_WATTS", "REACT_WATTS", "APP_WATTS", "PF")
COLUMNS = (
    *(f"CT{number}_{quantity}" for quantity in QUANTITIES for number in PORTS),
    "VOLTAGE", "FREQUENCY", "BOARD_TEMPERATURE", "RSSI_DBM",
)  # fmt: skip
NAMES = ("Grid", "Solar", "Battery", "EV", "Heat_pump", "")
DERIVED = ("CT6_SENSOR_MINUTE", "CT6_SENSOR_HOUR", "CT6_SENSOR_DAY")
_MYSQL_TYPES = {"ACT_WATTS": "FLOAT(6,1)", "REACT_WATTS": "FLOAT(6,1)", "APP_WATTS": "FLOAT(6,1)", "PF": "FLOAT(4,3)"}
_MYSQL_OTHERS = {"VOLTAGE": "FLOAT(4,1)", "FREQUENCY": "FLOAT(3,1)", "BOARD_TEMPERATURE": "FLOAT(4,1)"}

Value = float | str | None
Row = tuple[datetime | str | None, tuple[Value, ...]]


@dataclass
class Their:
    """What a database of theirs holds: seconds, in the order in which they were stored."""

    seconds: list[Row]
    assy: str | None = ASSY
    unit_name: str = "Meter_Cupboard"
    names: Sequence[str] = NAMES
    derived: bool = True
    former_assys: Sequence[str] = field(default_factory=list)

    def derived_rows(self) -> dict[str, list[Row]]:
        """Minutes are means of seconds; hours and days are means of single seconds, those that begin one."""
        if not self.derived:
            return {}
        moments = [(shown, values) for shown, values in self.seconds if isinstance(shown, datetime)]
        minutes = _grouped(moments, lambda shown: shown.replace(second=0, microsecond=0))
        firsts = [rows[0] for rows in minutes]
        hours = _grouped(firsts, lambda shown: shown.replace(minute=0, second=0, microsecond=0))
        days = _grouped(
            [rows[0] for rows in hours], lambda shown: shown.replace(hour=0, minute=0, second=0, microsecond=0)
        )
        return {
            table: [_mean(rows) for rows in groups]
            for table, groups in zip(DERIVED, (minutes, hours, days), strict=True)
        }


def local_seconds(start: datetime, seconds: int, zone: str = "Europe/London", *, seed: int = 1) -> list[Row]:
    """A row a second from an instant on, with the times that a clock on the wall shows, and a believable signal."""
    return [
        (shown.replace(tzinfo=None), values)
        for shown, values in zip(
            ((start + timedelta(seconds=n)).astimezone(ZoneInfo(zone)) for n in range(seconds)),
            signal(seconds, seed),
            strict=True,
        )
    ]


def signal(count: int, seed: int = 1) -> Iterator[tuple[float, ...]]:
    """Noise, switching loads, solar and an unused port; as many decimals as their columns keep."""
    chance = random.Random(seed)
    kettle = False
    for n in range(count):
        kettle = kettle if chance.random() > 0.01 else not kettle
        solar = max(0.0, 2500 * math.sin(n / 4000)) + chance.gauss(0, 3)
        ev = 7200.0 if (n // 1800) % 3 == 1 else 0.0
        house = -180 - (2400 if kettle else 0) + chance.gauss(0, 5)
        active = [round(power, 1) for power in (house - ev + solar, solar, 800 * math.sin(n / 900), -ev, house, 0.0)]
        reactive = [round(0.2 * power + chance.gauss(0, 1), 1) for power in active]
        apparent = [round(math.hypot(a, r), 1) for a, r in zip(active, reactive, strict=True)]
        factors = [round(a / s, 3) if s else 0.0 for a, s in zip(active, apparent, strict=True)]
        others = (round(232 + chance.gauss(0, 0.5), 1), 50.0, 27.5, -55.0)
        yield (*active, *reactive, *apparent, *factors, *others)


def only_power(*powers_w: float | None) -> tuple[Value, ...]:
    """Values with these active powers by port, and nothing else."""
    powers = [*powers_w, *[None] * (len(PORTS) - len(powers_w))]
    return (*powers, *[None] * (len(COLUMNS) - len(PORTS)))


def write_sqlite(path: Path, their: Their) -> Path:
    """As ct6_app does it: times are texts with microseconds, rows have no key but their row id."""
    with closing(sqlite3.connect(path)) as connection:
        names = ", ".join(f"CT{number}_NAME VARCHAR(64)" for number in PORTS)
        connection.execute(
            f"CREATE TABLE CT6_META (ID INTEGER PRIMARY KEY, HW_ASSY VARCHAR(64), UNIT_NAME VARCHAR(64), {names})"
        )
        columns = ", ".join(f"`{column}` NUMERIC(9,2)" for column in COLUMNS)
        for table in ("CT6_SENSOR", *DERIVED):
            connection.execute(f"CREATE TABLE {table} (`TIMESTAMP` TEXT, {columns})")
            connection.execute(f"CREATE INDEX {table}_INDEX ON {table} (TIMESTAMP)")
        for assy in (*their.former_assys, their.assy):
            connection.execute(
                "INSERT INTO CT6_META (HW_ASSY, UNIT_NAME, CT1_NAME, CT2_NAME, CT3_NAME, CT4_NAME, CT5_NAME, CT6_NAME)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (assy, their.unit_name, *their.names),
            )
        _fill_sqlite(connection, "CT6_SENSOR", their.seconds)
        for table, rows in their.derived_rows().items():
            _fill_sqlite(connection, table, rows)
        connection.commit()
    return path


def add_seconds(path: Path, seconds: Iterable[Row]) -> None:
    """As time goes on."""
    with closing(sqlite3.connect(path)) as connection:
        _fill_sqlite(connection, "CT6_SENSOR", seconds)
        connection.commit()


def write_mysql(cursor: Any, database: str, their: Their, *, key: bool = False) -> None:
    """As ct6_db_store does it: TIMESTAMP to the second, FLOAT with few digits, no key; `key` adds one."""
    cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")
    cursor.execute(f"CREATE DATABASE `{database}`")
    names = ", ".join(f"CT{number}_NAME VARCHAR(64)" for number in PORTS)
    cursor.execute(f"CREATE TABLE `{database}`.CT6_META (HW_ASSY VARCHAR(64), {names})")
    columns = ", ".join(f"{column} {_mysql_type(column)}" for column in COLUMNS)
    for table in ("CT6_SENSOR", *DERIVED):
        own_key = "ID INT AUTO_INCREMENT PRIMARY KEY, " if key and table == "CT6_SENSOR" else ""
        cursor.execute(f"CREATE TABLE `{database}`.{table} ({own_key}`TIMESTAMP` TIMESTAMP NULL, {columns})")
        cursor.execute(f"CREATE INDEX {table}_INDEX ON `{database}`.{table} (TIMESTAMP)")
    for assy in (*their.former_assys, their.assy):
        cursor.execute(f"INSERT INTO `{database}`.CT6_META VALUES (%s, %s, %s, %s, %s, %s, %s)", (assy, *their.names))
    for table, rows in {"CT6_SENSOR": their.seconds, **their.derived_rows()}.items():
        cursor.executemany(
            f"INSERT INTO `{database}`.{table} (TIMESTAMP, {', '.join(COLUMNS)}) VALUES (%s{', %s' * len(COLUMNS)})",
            [(None if shown is None else str(shown), *values) for shown, values in rows],
        )


def _fill_sqlite(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    connection.executemany(
        f"INSERT INTO {table} VALUES (?{', ?' * len(COLUMNS)})",
        ((None if shown is None else str(shown), *values) for shown, values in rows),
    )


def _mysql_type(column: str) -> str:
    return _MYSQL_OTHERS.get(column) or _MYSQL_TYPES.get(column.partition("_")[2], "FLOAT(3,1)")


def _grouped(
    rows: Iterable[tuple[datetime, tuple[Value, ...]]], key: Callable[[datetime], datetime]
) -> list[list[tuple[datetime, tuple[Value, ...]]]]:
    groups: list[list[tuple[datetime, tuple[Value, ...]]]] = []
    for row in rows:
        if groups and key(groups[-1][0][0]) == key(row[0]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _mean(rows: Sequence[tuple[datetime, tuple[Value, ...]]]) -> Row:
    columns = zip(*(values for _, values in rows), strict=True)
    means = []
    for column in columns:
        known = [value for value in column if isinstance(value, int | float)]
        means.append(sum(known) / len(known) if known else None)
    return rows[0][0], tuple(means)
