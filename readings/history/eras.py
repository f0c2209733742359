"""Energies of ports that were something else before a moment, or whose clamps have a scale. Pure: integers only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from devices.models import Port
from devices.port_past import SCALE_PLACES, Era, PortThen
from readings.history.port_energy import PortEnergy

_ONE: Final = 10**SCALE_PLACES


def is_plain(port: Port) -> bool:
    """Whether its stored energies are those that went through it, but for ``reversed``."""
    return not port.has_past and port.scale == 1


def as_they_were(
    port: Port, rows: Sequence[PortEnergy], eras: Sequence[Era], bucket_starts: Iterable[int]
) -> list[PortEnergy]:
    """The rows of a port, ``port.reversed`` applied, as it was at their times, one per bucket.

    No row lies on both sides of one of its moments. Energies are added up times their scales in hundred-thousandths of
    0.1 mJ, and rounded once for each row that comes of it, half up.
    """
    starts = set(bucket_starts)
    buckets: list[list[_Piece]] = []
    for row in rows:
        then = next((era.then for era in eras if era.until_ms is None or row.start_ms < era.until_ms), None)
        piece = _Piece.of(row, port, then)
        if row.start_ms in starts or not buckets:
            buckets.append([piece])
        else:
            buckets[-1].append(piece)
    return [_joined(pieces, str(port.role)) for pieces in buckets]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A row with its energies not yet scaled, and what they have to be scaled by."""

    row: PortEnergy
    role: str
    factor: int

    @classmethod
    def of(cls, row: PortEnergy, port: Port, then: PortThen | None) -> "_Piece":
        if then is None:
            return cls(row, str(port.role), _factor(port.scale))
        if then.reversed != port.reversed:
            row = replace(row, import_energy=row.export_energy, export_energy=row.import_energy)
        return cls(row, then.role, _factor(then.scale))


def _factor(scale: Decimal) -> int:
    return int(Decimal(scale).scaleb(SCALE_PLACES))


def _joined(pieces: Sequence[_Piece], role_now: str) -> PortEnergy:
    whole = _added(pieces, pieces)
    roles = list(dict.fromkeys(piece.role for piece in pieces))
    if roles == [role_now]:
        return whole
    parts = tuple((role, _added(pieces, [piece for piece in pieces if piece.role == role])) for role in roles)
    return replace(whole, parts=parts)


def _added(bucket: Sequence[_Piece], pieces: Sequence[_Piece]) -> PortEnergy:
    """What some pieces of a bucket add up to, as a row of the bucket."""
    return PortEnergy(
        port_id=bucket[0].row.port_id,
        start_ms=bucket[0].row.start_ms,
        end_ms=bucket[-1].row.end_ms,
        import_energy=_rounded(sum(piece.row.import_energy * piece.factor for piece in pieces)),
        export_energy=_rounded(sum(piece.row.export_energy * piece.factor for piece in pieces)),
        covered_ms=sum(piece.row.covered_ms for piece in pieces),
        recovered_ms=sum(piece.row.recovered_ms for piece in pieces),
        missing_ms=sum(piece.row.missing_ms for piece in pieces),
    )


def _rounded(scaled: int) -> int:
    return (2 * scaled + _ONE) // (2 * _ONE)
