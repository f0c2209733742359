"""Calibration of a unit's meter chips against a reference, step by step, so that a stop leaves the gains of before."""

from devices.calibration.asking import ask, restore
from devices.calibration.drift import Drift, drift
from devices.calibration.job import calibrate
from devices.calibration.wanted import CalibrationRefused, Wanted

__all__ = ["CalibrationRefused", "Drift", "Wanted", "ask", "calibrate", "drift", "restore"]
