"""The one way to read what was measured: it picks rollup or reading, and here alone ``Port.reversed`` is applied."""

from readings.history.energy import EnergyBucket, PortEnergy, energy
from readings.history.series import Line, Resolution, Series, series

__all__ = ["EnergyBucket", "Line", "PortEnergy", "Resolution", "Series", "energy", "series"]
