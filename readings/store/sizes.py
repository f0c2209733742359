"""About how many bytes a row takes in the database."""

from typing import Final

from django.db import connection, models

from readings.models import (
    DeviceDay,
    DeviceHour,
    DeviceMinute,
    DeviceReading,
    PortDay,
    PortHour,
    PortMinute,
    PortReading,
)

# Measured with SQLite's dbstat, the index of the key included, since a count of all rows would read all of the file.
_IN_SQLITE: Final[dict[type[models.Model], int]] = {
    PortReading: 57,
    PortMinute: 113,
    PortHour: 127,
    PortDay: 132,
    DeviceReading: 50,
    DeviceMinute: 85,
    DeviceHour: 94,
    DeviceDay: 97,
}
_ENOUGH_ROWS: Final = 10_000  # fewer lie in pages that are mostly empty


def bytes_per_row() -> dict[type[models.Model], float]:
    """By table: as MySQL counts its own, where there are enough rows to tell."""
    sizes: dict[type[models.Model], float] = dict(_IN_SQLITE)
    if connection.vendor != "mysql":
        return sizes
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, data_length + index_length, table_rows FROM information_schema.tables "
            "WHERE table_schema = DATABASE()"
        )
        found = {name: (size, rows) for name, size, rows in cursor.fetchall()}
    for table in sizes:
        size, rows = found.get(table._meta.db_table, (0, 0))
        if rows and rows >= _ENOUGH_ROWS:
            sizes[table] = float(size) / rows
    return sizes
