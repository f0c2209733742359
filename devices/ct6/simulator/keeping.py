"""What a simulated unit was set to, in a JSON file that outlives the simulator."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from devices.ct6.simulator.settings import Settings, compares, factory_keys, mqtt_starts, settable_keys

log = structlog.get_logger(__name__)


class KeptSettings:
    """Names, thresholds, MQTT and the like: all that can be set, but for the label and the calibration."""

    def __init__(self, path: Path, port_count: int) -> None:
        self._path = path
        self._keys = settable_keys(port_count) - set(factory_keys(port_count))

    def onto(self, settings: Settings) -> Settings:
        """The settings of a new unit with what was kept of it; as they are if that cannot be read or would ruin it."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"), parse_constant=_refuse)
        except FileNotFoundError:
            return settings
        except (OSError, ValueError) as error:
            log.warning("a simulated unit starts as a new one", file=str(self._path), reason=str(error))
            return settings
        kept = {key: value for key, value in stored.items() if key in self._keys} if isinstance(stored, dict) else {}
        merged = settings | kept
        return merged if compares(merged) and mqtt_starts(merged) else settings

    def keep(self, settings: Settings) -> None:
        text = json.dumps({key: settings[key] for key in sorted(self._keys) if key in settings}, indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is what a unit cannot read back")
