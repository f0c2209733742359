"""One simulated unit: its settings, its flash, its means, and how it starts, restarts and dies."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from devices.ct6.simulator.ayt import (
    CLOCK_NOT_SET_S,
    Document,
    PortMeans,
    as_old_firmware,
    as_unread_chips,
    ayt_answer,
    live_stats,
    port_means,
    published,
)
from devices.ct6.simulator.chips import Mains, MeterChips
from devices.ct6.simulator.faults import ApplicationFault, Faults
from devices.ct6.simulator.flash import Flash
from devices.ct6.simulator.keeping import KeptSettings
from devices.ct6.simulator.load import SECOND_NS, LoadCurve, MeanValues
from devices.ct6.simulator.micropython import json_text, read_json, read_value
from devices.ct6.simulator.settings import (
    Settings,
    chips_take,
    compares,
    default_settings,
    factory_keys,
    mqtt_starts,
    new_settings,
    settable_keys,
)

FIRMWARE_VERSION = "3.1"
SETTINGS_FILE = "/this.machine.cfg"
FACTORY_FILE = "/factory.cfg"

# The meter chips are read this often; until then there is nothing new to answer.
_READ_NS = 200_000_000
_SENT_KEPT = 36_000
_REQUESTS_KEPT = 10_000


class UnitState(Enum):
    """What a unit is doing, as far as the network can tell."""

    RUNNING = "running"
    AWAY = "restarting"
    CRASH_LOOP = "restarting for ever"
    OFF_NETWORK = "without WiFi until it is set up over Bluetooth"
    DEAD = "stopped until somebody connects a USB cable"


@dataclass(frozen=True, slots=True)
class UnitTiming:
    """How long things take; requests and files are quick here, so that tests are."""

    away_s: float = 5.0
    reboot_delay_s: float = 0.5
    power_cycle_delay_s: float = 0.25
    chips_s: float = 0.45
    request_s: float = 0.0
    file_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """An answer or an MQTT message as it left: its moment, the window that it speaks of, and every port's means."""

    time_ns: int
    window_ns: int
    means: tuple[PortMeans, ...]


class SimulatedUnit:
    """A unit without a network. Times are UNIX epoch nanoseconds, `clock` tells the present one."""

    def __init__(  # noqa: PLR0913 - what a unit is, each with the value that a test rarely changes
        self,
        assy: str,
        *,
        address: str = "127.0.0.2",
        http_port: int = 80,
        curve: LoadCurve | None = None,
        unit_name: str = "",
        port_names: Sequence[str] | None = None,
        timing: UnitTiming | None = None,
        faults: Faults | None = None,
        clock: Callable[[], int] = time.time_ns,
        started_ns: int | None = None,
        kept_in: Path | None = None,
    ) -> None:
        self.address = address
        self.http_port = http_port
        self.curve = curve or LoadCurve()
        self.port_count = len(self.curve.ports)
        self.timing = timing or UnitTiming()
        self.faults = faults or Faults()
        self.firmware_version = FIRMWARE_VERSION
        self.old_firmware = False
        self.clock_set = True
        self.boots = 1
        self.ruined_by = ""
        self.sent: deque[SentAnswer] = deque(maxlen=_SENT_KEPT)
        self.published: deque[SentAnswer] = deque(maxlen=_SENT_KEPT)
        self.answers_sent = 0
        self.requests: deque[str] = deque(maxlen=_REQUESTS_KEPT)  # first lines, as they came
        self.most_connections = 0  # that were ever open at once
        self.stuck_connections = 0  # closed by the client before its request was complete
        self._clock = clock
        self._state = UnitState.RUNNING
        self._starting = threading.Lock()  # a test asks for the state beside the fleet's own thread
        self._boot_ns = clock() if started_ns is None else started_ns
        self._mean_since_ns = self._mqtt_mean_since_ns = self._boot_ns
        self._restart_ns: tuple[int, int] | None = None  # when it leaves, when it is back
        self._blocked_until_ns = 0
        self.flash = Flash(self.firmware_version)
        self.settings: Settings = new_settings(assy, unit_name, port_names or [""] * self.port_count, http_port)
        self._kept = None if kept_in is None else KeptSettings(kept_in / f"{assy}.json", self.port_count)
        if self._kept is not None:
            self.settings = self._kept.onto(self.settings)
        self.mains = Mains()
        self.chips = MeterChips(self.settings, self.port_count)
        self._running_folder = self.active_folder()
        self.save_settings()
        self.save_factory_settings()
        self._log_start([f"activeApp={self.settings['APP']}"])

    @property
    def assy(self) -> str:
        """The label that the unit gives itself now."""
        return str(self.settings["ASSY"])

    def listen_at(self, http_port: int) -> None:
        """Serve HTTP there and say so in the answers."""
        self.http_port = http_port
        self.settings["YDEV_SERVICE_LIST"] = f"WEB:{http_port}"
        self.save_settings()

    @property
    def active(self) -> bool:
        """Any text counts as active, `False` too."""
        return bool(self.settings["ACTIVE"])

    def state(self, now_ns: int | None = None) -> UnitState:
        """What the unit is doing now (or at a given later moment)."""
        now_ns = self._clock() if now_ns is None else now_ns
        with self._starting:
            if self._restart_ns is None:
                return self._state
            leaves_ns, back_ns = self._restart_ns
            if now_ns >= back_ns:
                self._boot(back_ns)
                return self._state
        return UnitState.AWAY if now_ns >= leaves_ns else self._state

    def answer(self, now_ns: int) -> bytes | None:
        """The AYT answer with the means since the last one; None while inactive, away or gone, and within
        200 ms of the last."""
        if self.state(now_ns) is not UnitState.RUNNING or not self.active:
            return None
        if self._application_fault() is ApplicationFault.SILENT:
            return None
        window_ns = now_ns - self._mean_since_ns
        if window_ns < _READ_NS:
            return None
        means = self._means(self._mean_since_ns, now_ns)
        self._mean_since_ns = now_ns
        ports = port_means(means)
        self.answers_sent += 1
        self.sent.append(SentAnswer(now_ns, window_ns, ports))
        document = ayt_answer(
            self._live_stats(means, ports),
            self.settings,
            address=self.address,
            clock_s=self._clock_s(now_ns),
        )
        return json.dumps(as_old_firmware(document) if self.old_firmware else document, ensure_ascii=False).encode()

    def publication(self, now_ns: int) -> bytes | None:
        """The MQTT message with the means since the last one; None while it publishes nothing."""
        if self.state(now_ns) is not UnitState.RUNNING or not self.active or self.faults.publishes_nothing:
            return None
        window_ns = now_ns - self._mqtt_mean_since_ns
        if window_ns < _READ_NS:
            return None
        means = self._means(self._mqtt_mean_since_ns, now_ns)
        self._mqtt_mean_since_ns = now_ns
        ports = port_means(means)
        self.published.append(SentAnswer(now_ns, window_ns, ports))
        document = published(self._live_stats(means, ports), self._clock_s(now_ns))
        return json.dumps(as_old_firmware(document) if self.old_firmware else document, ensure_ascii=False).encode()

    def stats(self, now_ns: int | None = None) -> Document:
        """The live values of `/get_stats`: the present step of the load, not a mean."""
        now_ns = self._clock() if now_ns is None else now_ns
        means = self._means(now_ns - _READ_NS, now_ns)
        return self._live_stats(means, port_means(means))

    def true_energy_ws(self, port: int, start_ns: int, end_ns: int) -> float:
        """What really flowed through the port, in watt-seconds, answered or not."""
        return self.curve.energy_ws(port, start_ns, end_ns)

    def uptime_s(self, now_ns: int | None = None) -> int:
        """Whole seconds since the last start."""
        return ((self._clock() if now_ns is None else now_ns) - self._boot_ns) // SECOND_NS

    def _clock_s(self, now_ns: int) -> int:
        return now_ns // SECOND_NS if self.clock_set else CLOCK_NOT_SET_S + self.uptime_s(now_ns)

    # What commands do to it

    def set(self, pairs: Mapping[str, str]) -> Settings:
        """Store what can be set, in flash too, and return it as stored. Does not refuse what destroys it."""
        allowed = settable_keys(self.port_count)
        accepted: Settings = {key: read_value(text) for key, text in pairs.items() if key in allowed}
        if accepted:
            self.settings |= accepted
            self.save_settings()
        for key, value in accepted.items():
            if isinstance(value, float) and not math.isfinite(value):
                self._ruin(UnitState.OFF_NETWORK, f"{key} became {value}; the settings file is unreadable")
        if not compares(self.settings):
            self._ruin(UnitState.CRASH_LOOP, "a threshold in watts is a text")
        return accepted

    def load_chips(self) -> bool:
        """Load the gains into the meter chips: everything waits meanwhile. False if that fails half-way."""
        self.block(self.timing.chips_s)
        if not chips_take(self.settings, self.port_count):
            return False
        if not self.faults.deaf_chips:
            self.chips.load(self.settings)
        return True

    def save_settings(self) -> None:
        """Write the settings file."""
        self.flash.files[SETTINGS_FILE] = json_text(self.settings).encode()
        if self._kept is not None:
            self._kept.keep(self.settings)

    def save_factory_settings(self) -> None:
        """Write the calibration and the label where a reset leaves them."""
        kept = {key: self.settings[key] for key in factory_keys(self.port_count)}
        self.flash.files[FACTORY_FILE] = json_text(kept).encode()

    def reset_settings(self) -> None:
        """Back to defaults; the WiFi is lost at the next start."""
        self.settings = default_settings(self.port_count)
        self.save_settings()

    def forget_wifi(self) -> None:
        """The WiFi is lost at the next start."""
        self.settings["WIFI"] = {}
        self.save_settings()

    def active_folder(self) -> str:
        """Where the application lies that the next start runs."""
        return f"/app{self.settings['APP']}"

    def inactive_folder(self) -> str:
        """The other one."""
        return "/app1" if self.settings["APP"] == 2 else "/app2"

    def swap_folders(self) -> int:
        """Let the next start run the other folder; returns its number."""
        number = 1 if self.settings["APP"] == 2 else 2
        self.settings["APP"] = number
        self.save_settings()
        return number

    def reboot(self, delay_s: float = 0.0, *, away_s: float | None = None) -> None:
        """Leave the network after the delay and start afresh `away_s` later."""
        leaves_ns = self._clock() + round(delay_s * SECOND_NS)
        away_s = self.timing.away_s if away_s is None else away_s
        self._restart_ns = leaves_ns, leaves_ns + round(away_s * SECOND_NS)

    def block(self, seconds: float) -> None:
        """Do nothing else for so long."""
        self._blocked_until_ns = self._clock() + round(seconds * SECOND_NS)

    def blocked_s(self) -> float:
        """How long it still does nothing else."""
        return max(0, self._blocked_until_ns - self._clock()) / SECOND_NS

    def _boot(self, at_ns: int) -> None:
        self._restart_ns = None
        self._boot_ns = self._mean_since_ns = self._mqtt_mean_since_ns = at_ns
        self._blocked_until_ns = 0
        self.stuck_connections = 0
        self.boots += 1
        self._state, self.ruined_by = UnitState.RUNNING, ""
        self._load_settings()
        self._start_application()

    def _load_settings(self) -> None:
        try:
            stored = read_json(self.flash.files[SETTINGS_FILE].decode())
        except (KeyError, ValueError):
            stored = None
        readable = isinstance(stored, dict)
        self.settings = default_settings(self.port_count) | (stored if isinstance(stored, dict) else {})
        try:
            overrides = read_json(self.flash.files[FACTORY_FILE].decode())
        except (KeyError, ValueError):
            overrides = {}
        if isinstance(overrides, dict):
            self.settings |= overrides
        if not self.settings.get("WIFI"):
            why = "its WiFi set-up was reset" if readable else "its settings file is unreadable"
            self._ruin(UnitState.OFF_NETWORK, why)

    def _start_application(self) -> None:
        if "/main.py" not in self.flash.files:
            self._ruin(UnitState.DEAD, "/main.py is gone")
            return
        if not self._run_application():
            return
        if not chips_take(self.settings, self.port_count):
            self._ruin(UnitState.CRASH_LOOP, "the meter chips take no such gains or line frequency")
        elif not mqtt_starts(self.settings):
            self._ruin(UnitState.CRASH_LOOP, "MQTT_SERVER_PORT is no number")
        elif not compares(self.settings):
            self._ruin(UnitState.CRASH_LOOP, "a threshold in watts is a text")
        else:
            self.chips.load(self.settings)
            folder = self._running_folder
            self.firmware_version = self.flash.application_version(folder) or self.firmware_version

    def _run_application(self) -> bool:
        """As main.py does: run the active folder, and the other one where it may fall back. False if neither runs."""
        said = [f"activeApp={self.settings['APP']}"]
        starts = self._starts(self.active_folder())
        if not starts:
            said.append("Exception 1: =no module named 'app'")
            if self.faults.falls_back and self._starts(self.inactive_folder()):
                number = self.swap_folders()
                said += [f"Reverting to app {number}", f"activeApp={number}"]
                starts = True
        self._running_folder = self.active_folder()
        self._log_start(said)
        if not starts:
            self._ruin(UnitState.DEAD, f"{self._running_folder} holds no application that starts")
        elif self._application_fault() is ApplicationFault.HANGS:
            self._ruin(UnitState.DEAD, f"the application in {self._running_folder} never reaches the network")
            starts = False
        return starts

    def _starts(self, folder: str) -> bool:
        broken = self.faults.applications.get(folder) is ApplicationFault.RAISES
        return self.flash.application_starts(folder) and not broken

    def _application_fault(self) -> ApplicationFault | None:
        return self.faults.applications.get(self._running_folder)

    def _ruin(self, state: UnitState, why: str) -> None:
        self._state, self.ruined_by = state, why

    def _log_start(self, said: Sequence[str]) -> None:
        self.flash.files["/bootlog.txt"] = "".join(f"{line}\n" for line in ("Booting", *said)).encode()

    def _live_stats(self, means: MeanValues, ports: Sequence[PortMeans]) -> Document:
        document = live_stats(self.settings, means, ports, self.firmware_version, self.chips.voltage_ratio)
        nonsense = self._application_fault() is ApplicationFault.NONSENSE
        return as_unread_chips(document) if nonsense else document

    def _means(self, start_ns: int, end_ns: int) -> MeanValues:
        threshold = self.settings.get("PF_WATTS_THRESHOLD")
        threshold_w = threshold if isinstance(threshold, int | float) else 0.0
        flowed = self.curve.mean_values([start_ns, end_ns], pf_threshold_w=threshold_w)
        return self.chips.measured(self.mains.truth(flowed))
