"""Asking for a calibration: refused at once where it may not be done, and a job otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from devices.calibration.wanted import Target, wanted_from
from devices.jobs import queue
from devices.models import Calibration, Device, Job


def ask(device: Device, asked: Mapping[str, Any], who: Any, *, not_before: datetime | None = None) -> Job:
    """Ask for a job that calibrates.

    `asked` has `target` (voltage, current_gain, current_offset), `port` and `reference` (V or A) where the target
    needs them, `line_freq_hz` (50 or 60) and `mains_side_is_safe` (True). Raises CalibrationRefused.
    """
    wanted_from(asked, device)
    return queue.ask(device, Job.Kind.CALIBRATION, who=who, asked=dict(asked), not_before=not_before)


def restore(calibration: Calibration, who: Any) -> Job:
    """Ask for a job that puts an earlier calibration's gains back: those that it ended with, or began with if it came
    to nothing. Only the settings that it changed are written. Raises CalibrationRefused.
    """
    return ask(calibration.device, {"target": str(Target.RESTORED), "calibration": calibration.pk}, who)
