"""What went through a port in a span."""

from dataclasses import dataclass

from readings.quantities import ENERGY_PER_KWH


@dataclass(frozen=True, slots=True)
class PortEnergy:
    """What went through a port in [start_ms, end_ms), in units of 0.1 mJ, its direction and scale of the time applied.

    ``covered_ms`` was measured normally, ``recovered_ms`` lies in recovered windows; ``missing_ms`` is the rest since
    the port's first reading and up to now. Where the port had another role than it has in any of that time, ``parts``
    tell by role what of it was measured under that role; else there are none.
    """

    port_id: int
    start_ms: int
    end_ms: int
    import_energy: int
    export_energy: int
    covered_ms: int
    recovered_ms: int
    missing_ms: int
    parts: "tuple[tuple[str, PortEnergy], ...]" = ()

    @property
    def net_energy(self) -> int:
        return self.import_energy - self.export_energy

    @property
    def import_kwh(self) -> float:
        return self.import_energy / ENERGY_PER_KWH

    @property
    def export_kwh(self) -> float:
        return self.export_energy / ENERGY_PER_KWH

    @property
    def net_kwh(self) -> float:
        return self.net_energy / ENERGY_PER_KWH
