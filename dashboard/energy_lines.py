"""Which ports the bars and the heat map are of, and their energies by bucket in kWh. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from dashboard.compare import FloatArray, Period, Piece, counterparts, name_of
from dashboard.energy_bars import BarLine
from devices.models import Port
from devices.port_past import eras_of
from readings import periods
from readings.balance import under_roles
from readings.history import PortEnergy
from readings.quantities import ENERGY_PER_KWH


@dataclass(frozen=True, slots=True)
class PortsOfLine:
    """Which ports make up a line of bars."""

    key: str
    name: str
    colour_number: int | None
    port_ids: tuple[int, ...]
    role: str | None = None  # only what they measured under this one

    def drawn(self, energies: Sequence[PortEnergy], pieces: Sequence[Piece]) -> BarLine:
        return BarLine(self.key, self.name, self.colour_number, *kwh_of(energies, self.port_ids, pieces))


def bar_ports(ports: Sequence[Port], chosen_number: str) -> tuple[list[Port], list[PortsOfLine]]:
    """The ports to read, and the lines to draw of them."""
    chosen = [port for port in ports if str(port.number) == chosen_number]
    grid = once_of_role(ports, "grid")
    if chosen:
        return chosen, [PortsOfLine(f"port-{chosen[0].pk}", chosen[0].label, None, (chosen[0].pk,))]
    if grid and chosen_number != "all":
        return grid, [PortsOfLine("grid", _("Grid"), None, tuple(port.pk for port in grid), "grid")]
    lines = [PortsOfLine(f"port-{port.pk}", port.label, port.number, (port.pk,)) for port in ports]
    return list(ports), lines


def of_lines(
    lines: Sequence[PortsOfLine], ports: Sequence[Port], energies: Sequence[PortEnergy]
) -> Sequence[PortEnergy]:
    """What of the ports' energies belongs to the lines: all of it, or what was measured under their role."""
    roles = {line.role for line in lines}
    if roles == {None}:
        return energies
    of_ports = {port.pk: str(port.role) for port in ports}
    return [energy for role, energy in under_roles(of_ports, energies) if role in roles]


def once_of_role(ports: Sequence[Port], role: str) -> list[Port]:
    """The ports that have this role, or had it before."""
    eras = eras_of(ports)
    had = {port_id for port_id, of_port in eras.items() if any(era.then.role == role for era in of_port)}
    return [port for port in ports if port.role == role or port.pk in had]


def of_role(ports: Sequence[Port], role: str) -> list[Port]:
    return [port for port in ports if port.role == role]


def heat_port(ports: Sequence[Port], number: str) -> Port | None:
    chosen = [port for port in ports if str(port.number) == number]
    return next(iter([*chosen, *of_role(ports, "grid"), *ports]), None)


def _sums(
    energies: Sequence[PortEnergy], port_ids: Sequence[int], pieces: Sequence[Piece]
) -> list[tuple[int, int, int, int]]:
    """By piece: import and export energy, measured and missing ms of these ports."""
    starts = np.array([start for start, _ in pieces], dtype=np.int64)
    ours = [energy for energy in energies if energy.port_id in port_ids]
    sums = np.zeros((len(pieces), 4), dtype=np.int64)
    if ours:
        places = np.searchsorted(starts, [energy.start_ms for energy in ours], side="right") - 1
        amounts = [
            (energy.import_energy, energy.export_energy, energy.covered_ms + energy.recovered_ms, energy.missing_ms)
            for energy in ours
        ]
        np.add.at(sums, places, np.array(amounts, dtype=np.int64))
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in sums.tolist()]


def kwh_of(
    energies: Sequence[PortEnergy], port_ids: Sequence[int], pieces: Sequence[Piece]
) -> tuple[FloatArray, FloatArray]:
    """Import and export by piece in kWh, NaN where nothing was measured."""
    table = np.array(_sums(energies, port_ids, pieces), dtype=np.float64).reshape(-1, 4)
    is_measured = table[:, 2] > 0
    imported, exported = (np.where(is_measured, table[:, column] / ENERGY_PER_KWH, np.nan) for column in (0, 1))
    return imported, exported


def measured_of(energies: Sequence[PortEnergy], pieces: Sequence[Piece]) -> list[float | None]:
    """By piece, how many percent were measured over all ports; None where there was nothing to measure."""
    ids = {energy.port_id for energy in energies}
    return [
        100 * measured / (measured + missing) if measured + missing else None
        for _imported, _exported, measured, missing in _sums(energies, list(ids), pieces)
    ]


def ghost(now: Period, before: Period, bucket: periods.Bucket, energies: Sequence[PortEnergy]) -> BarLine | None:
    """What all lines together were a period before, each bucket at the place of its counterpart."""
    ids = list({energy.port_id for energy in energies})
    imported, exported = kwh_of(energies, ids, before.pieces(bucket))
    if not np.isfinite(imported).any():
        return None
    places = counterparts(now, before, bucket)
    placed = [
        np.array([np.nan if place is None else values[place] for place in places]) for values in (imported, exported)
    ]
    return BarLine("ghost", name_of(before), None, *placed)
