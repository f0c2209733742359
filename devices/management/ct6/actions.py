"""Which function does which action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from devices.management.ct6 import calibrating, factory_configs, files, firmware, operating, ports, settings
from devices.management.ct6.call import Call

Action = Callable[[Call], None]

_ACTIONS: Final[Mapping[str, Action]] = {
    "status": operating.show_status,
    "config": settings.show_config,
    "pull": settings.pull,
    "push": settings.push,
    "set": settings.set_settings,
    "undo": settings.undo,
    "ports": ports.ports,
    "reboot": operating.reboot,
    "power-cycle": operating.power_cycle,
    "reset": operating.reset,
    "upgrade": firmware.upgrade,
    "calibrate": calibrating.calibrate,
    "calibrations": calibrating.calibrations,
    "jobs": operating.show_list_of_jobs,
    "job": operating.job,
}
_BELOW: Final[Mapping[str, Mapping[str, Action]]] = {"factory": factory_configs.ACTIONS, "files": files.ACTIONS}


def do(call: Call) -> None:
    """Do what was asked for. Raises Failed and UnitError."""
    action = call.options["action"]
    act = _BELOW[action][call.options["what"]] if action in _BELOW else _ACTIONS[action]
    act(call)
