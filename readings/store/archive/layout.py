"""Which files there are: their kinds, columns and paths. No database and no disk.

    {kind}/device={id}/day={YYYY-MM-DD}/{HH}-{sha8}.parquet       an hour of readings
    {kind}/device={id}/day={YYYY-MM-DD}/day-{sha8}.parquet        a UTC day of readings, or of minute rollups

A reading belongs to the hour that holds its time. The name holds the beginning of the hash of what is in the file, so a
path never changes its content.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from readings.models import Reading, Rollup
from readings.periods import HOUR_MS
from readings.quantities import ENERGY_PER_KWH, Quantity
from readings.store.lines import DEVICE_LINES, PORT_LINES, Lines

DAY_MS: Final = 24 * HOUR_MS
_SUFFIX: Final = ".parquet"

_ENERGY_PER_J: Final = ENERGY_PER_KWH // 3_600_000

KindName = Literal["port_readings", "device_readings", "port_minutes", "device_minutes"]


@dataclass(frozen=True)
class Column:
    """A column of a file: value = integer / scale, in the unit."""

    name: str
    type: Literal["int16", "int32", "int64", "bool", "time"]
    nullable: bool = False
    unit: str = ""
    scale: int | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of files, and the table that the same rows are in before."""

    name: KindName
    lines: Lines
    table: type[Reading] | type[Rollup]
    moment: Literal["time", "start"]
    step_ms: int
    """How much is written at once: an hour, or a UTC day."""
    columns: tuple[Column, ...]
    """Those after the line: the moment first, then as in the table."""

    @property
    def key(self) -> str:
        """The table's column that names the line: ``port_id`` or ``device_id``."""
        return self.lines.key

    @property
    def of_ports(self) -> bool:
        return self.lines is PORT_LINES

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """What is in a file. The device is in its path, which Parquet's readers show as a column."""
        return (*(PORT_COLUMNS if self.of_ports else ()), *self.columns)


PORT_COLUMNS: Final = (Column("port", "int16"), Column("port_id", "int32"))


def _reading_columns(lines: Lines) -> tuple[Column, ...]:
    return (
        Column("time", "time"),
        Column("window_ms", "int32", unit="ms"),
        Column("recovered", "bool"),
        *(_measured(quantity) for quantity in lines.quantities),
    )


def _minute_columns(lines: Lines) -> tuple[Column, ...]:
    """As in ``Lines.rollup_columns``."""
    energies = [name for name in lines.additive if name.endswith("_energy")]
    return (
        Column("start", "time"),
        Column("samples", "int32"),
        Column("covered_ms", "int32", unit="ms"),
        Column("recovered_ms", "int32", unit="ms"),
        *(Column(name, "int64", unit="J", scale=_ENERGY_PER_J) for name in energies),
        *(Column(f"{q.name}_sum", "int64", True, f"{q.unit}·ms", q.scale) for q in lines.weighted),
        *(_measured(quantity, "_min") for quantity in lines.quantities),
        *(_measured(quantity, "_max") for quantity in lines.quantities),
    )


def _measured(quantity: Quantity, suffix: str = "") -> Column:
    return Column(f"{quantity.name}{suffix}", "int32", True, quantity.unit, quantity.scale)


KINDS: Final[dict[KindName, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("port_readings", PORT_LINES, PORT_LINES.readings, "time", HOUR_MS, _reading_columns(PORT_LINES)),
        Kind("device_readings", DEVICE_LINES, DEVICE_LINES.readings, "time", HOUR_MS, _reading_columns(DEVICE_LINES)),
        Kind("port_minutes", PORT_LINES, PORT_LINES.minutes, "start", DAY_MS, _minute_columns(PORT_LINES)),
        Kind("device_minutes", DEVICE_LINES, DEVICE_LINES.minutes, "start", DAY_MS, _minute_columns(DEVICE_LINES)),
    )
}
READINGS: Final = (KINDS["port_readings"], KINDS["device_readings"])
MINUTES: Final = (KINDS["port_minutes"], KINDS["device_minutes"])


def kind_of(lines: Lines) -> Kind:
    """That of these lines' readings."""
    return KINDS["port_readings" if lines is PORT_LINES else "device_readings"]


def minutes_of(lines: Lines) -> Kind:
    """That of these lines' minute rollups."""
    return KINDS["port_minutes" if lines is PORT_LINES else "device_minutes"]


def floor_day(ms: int) -> int:
    """The start of an instant's UTC day."""
    return ms // DAY_MS * DAY_MS


def path_of(kind: Kind, device_id: int, start_ms: int, end_ms: int, sha256: str) -> str:
    """Where the file of a whole hour or a whole UTC day lies, below the archive's root."""
    begin = datetime.fromtimestamp(start_ms / 1000, UTC)
    piece = "day" if end_ms - start_ms > HOUR_MS else f"{begin:%H}"
    return f"{folder_of(kind, device_id)}/day={begin:%Y-%m-%d}/{piece}-{sha256[:8]}{_SUFFIX}"


def folder_of(kind: Kind, device_id: int) -> str:
    return f"{kind.name}/device={device_id}"


def device_of(path: str) -> int | None:
    """The device that a path of ours is of; None for what is none."""
    parts = path.split("/")
    if len(parts) != 4 or parts[0] not in KINDS or not path.endswith(_SUFFIX):
        return None
    name, _, number = parts[1].partition("=")
    return int(number) if name == "device" and number.isdecimal() else None
