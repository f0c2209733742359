"""The one way to read what was measured: it picks rollup or reading, and here alone ``Port.reversed`` is applied."""

from readings.history.energy import EnergyBucket, PortEnergy, energy
from readings.history.levels import Resolution
from readings.history.peak_day import PeakDay, PeakOf, peak_day
from readings.history.series import Line, Series, series

__all__ = [
    "EnergyBucket",
    "Line",
    "PeakDay",
    "PeakOf",
    "PortEnergy",
    "Resolution",
    "Series",
    "energy",
    "peak_day",
    "series",
]
