"""The one way to read what was measured: it picks rollup or reading.

Here alone ``Port.reversed`` and ``Port.scale`` are applied, as they were at the time (``devices.port_past``); to the
newest answer ``readings.latest`` applies those of now.
"""

from readings.history.energy import EnergyBucket, energy
from readings.history.levels import Resolution
from readings.history.peak_day import PeakDay, PeakOf, peak_day
from readings.history.port_energy import PortEnergy
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
