"""Where a home's energy came from and where it went, from the energies of ports by their roles. Pure: integers only.

Signs, by role (direction and scale are already applied to the energies). A port counts under the role that it had at
the time:

- **grid**: import is what the home drew from the grid, export what it gave to it.
- **solar**: production is what the port exports, with the clamp in its recommended direction. What an inverter draws
  for itself at night is part of what the home uses.
- **battery**: export is what it gave (out), import what it took (in).
- **load**, **ev**: import is what it used. **other**: in no balance.

Several ports of a role add up, each with its own import and export: of three phases the one can import while another
exports, and both are counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Self

from readings.history import PortEnergy

USES = ("load", "ev")


@dataclass(frozen=True, slots=True)
class Flows:
    """Which source fed what, in units of 0.1 mJ."""

    solar_to_home: int = 0
    solar_to_battery: int = 0
    solar_to_grid: int = 0
    battery_to_home: int = 0
    battery_to_grid: int = 0
    grid_to_home: int = 0
    grid_to_battery: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Balance:
    """The energies of a span, in units of 0.1 mJ; None where no port of that role measured anything."""

    imported: int | None
    exported: int | None
    solar: int | None
    battery_out: int | None
    battery_in: int | None
    flows: Flows

    @property
    def home(self) -> int | None:
        """What the home used: import + solar + battery out - export - battery in. Not known without a grid port.

        Negative only where a clamp sits the wrong way round, or a role is missing.
        """
        if self.imported is None or self.exported is None:
            return None
        gained = self.imported + (self.solar or 0) + (self.battery_out or 0)
        return gained - self.exported - (self.battery_in or 0)

    @property
    def self_sufficiency(self) -> float | None:
        """The share of what the home used that did not come from the grid, 0..1: 1 - import / home.

        What charged the battery from the grid counts as import. Not known without grid, a source of one's own, and use.
        """
        if self.imported is None or (self.solar is None and self.battery_out is None):
            return None
        if not self.home or self.home < 0:
            return None
        return _share(self.home - self.imported, self.home)

    @property
    def self_consumption(self) -> float | None:
        """The share of the production that was not exported, 0..1: (solar - solar exported) / solar.

        Not known without grid and solar ports, and while nothing was produced.
        """
        if self.imported is None or not self.solar:
            return None
        return _share(self.solar - self.flows.solar_to_grid, self.solar)


@dataclass(slots=True)
class _Sums:
    """What the ports of the three sources did in one bucket."""

    imported: int = 0
    exported: int = 0
    solar: int = 0
    battery_out: int = 0
    battery_in: int = 0

    def add(self, role: str, energy: PortEnergy) -> None:
        if role == "grid":
            self.imported += energy.import_energy
            self.exported += energy.export_energy
        elif role == "solar":
            self.solar += energy.export_energy
        elif role == "battery":
            self.battery_out += energy.export_energy
            self.battery_in += energy.import_energy


def balance_of(roles: Mapping[int, str], energies: Iterable[PortEnergy]) -> Balance:
    """The balance of the ports' energies (any order), ``roles`` of today by port id; ports without one are left out.

    The sums do not depend on the buckets. The flows are worked out bucket by bucket: the finer, the better they tell
    apart what happened at the same time from what merely happened on the same day.
    """
    ours = sorted(under_roles(roles, energies), key=_start)
    measured = {role for role, energy in ours if energy.covered_ms or energy.recovered_ms}
    total, flows = _Sums(), Flows()
    for _, of_bucket in groupby(ours, key=_start):
        sums = _Sums()
        for role, energy in of_bucket:
            sums.add(role, energy)
            total.add(role, energy)
        flows += flows_of(sums.imported, sums.exported, sums.solar, sums.battery_out, sums.battery_in)
    grid, solar, battery = (role in measured for role in ("grid", "solar", "battery"))
    return Balance(
        imported=total.imported if grid else None,
        exported=total.exported if grid else None,
        solar=total.solar if solar else None,
        battery_out=total.battery_out if battery else None,
        battery_in=total.battery_in if battery else None,
        flows=flows if grid else Flows(),
    )


def under_roles(roles: Mapping[int, str], energies: Iterable[PortEnergy]) -> Iterator[tuple[str, PortEnergy]]:
    """The energies of the ports in ``roles``, each with the role that the port had at the time."""
    for energy in energies:
        if energy.port_id in roles:
            yield from energy.parts or ((roles[energy.port_id], energy),)


def flows_of(imported: int, exported: int, solar: int, battery_out: int, battery_in: int) -> Flows:
    """Share out the energies of one bucket, in the order that energy managers assume.

    Import beyond what the home used charged the battery. The rest of what the battery took came from solar, then from
    the grid; what was exported came from solar, then from the battery; what is left fed the home.
    """
    home = max(imported + solar + battery_out - exported - battery_in, 0)
    beyond_home = _take(max(imported - home, 0), battery_in)
    imported, battery_in = imported - beyond_home, battery_in - beyond_home
    solar_to_battery = _take(solar, battery_in)
    solar, battery_in = solar - solar_to_battery, battery_in - solar_to_battery
    solar_to_grid = _take(solar, exported)
    solar, exported = solar - solar_to_grid, exported - solar_to_grid
    battery_to_grid = _take(battery_out, exported)
    battery_out -= battery_to_grid
    grid_to_battery = _take(imported, battery_in)
    imported -= grid_to_battery
    solar_to_home = _take(solar, home)
    battery_to_home = _take(battery_out, home - solar_to_home)
    return Flows(
        solar_to_home=solar_to_home,
        solar_to_battery=solar_to_battery,
        solar_to_grid=solar_to_grid,
        battery_to_home=battery_to_home,
        battery_to_grid=battery_to_grid,
        grid_to_home=_take(imported, home - solar_to_home - battery_to_home),
        grid_to_battery=beyond_home + grid_to_battery,
    )


def uses_of(roles: Mapping[int, str], energies: Sequence[PortEnergy]) -> dict[int, int]:
    """By port, what loads and EV chargers used, in units of 0.1 mJ; those that measured nothing are left out."""
    used: dict[int, int] = {}
    for role, energy in under_roles(roles, energies):
        if role in USES and (energy.covered_ms or energy.recovered_ms):
            used[energy.port_id] = used.get(energy.port_id, 0) + energy.import_energy
    return used


def _start(counted: tuple[str, PortEnergy]) -> int:
    return counted[1].start_ms


def _take(offered: int, wanted: int) -> int:
    return min(offered, wanted)


def _share(part: int, whole: int) -> float:
    return min(max(part / whole, 0.0), 1.0)
