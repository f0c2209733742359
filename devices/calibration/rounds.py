"""The rounds of a calibration: try a value, read what comes of it, try the next one, until it is near enough."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from devices import gains
from devices.calibration import arithmetic, measuring
from devices.calibration.putting_back import left_changed
from devices.calibration.wanted import VOLTAGE_KEYS, CalibrationRefused, Target, Wanted
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError
from devices.jobs import queue
from devices.jobs.patience import patiently
from devices.jobs.progress import Progress
from devices.models import Calibration
from devices.wording import counted

_FIRST_PERCENT, _LAST_PERCENT = 15, 80


class CalibrationFailed(UnitError):
    """No gain or offset was found; the sentence says why. The gains of before are put back."""


@dataclass(frozen=True, slots=True)
class _Gain:
    """A gain to be found, and how its round reads in the job's log."""

    key: str
    port: int
    quantity: str
    start: int
    near_enough: float
    said: str
    never: str
    never_at_once: str  # the same after one round

    def says(self, **values: Any) -> dict[str, Any]:
        return {"setting": self.key, "port": self.port, **values}


def _voltage_gain(key: str) -> _Gain:
    return _Gain(
        key,
        VOLTAGE_KEYS[key],
        measuring.VOLTAGE,
        arithmetic.START_VOLTAGE_GAIN,
        arithmetic.NEAR_ENOUGH_V,
        gettext_noop(
            "Round %(round)d: with %(setting)s = %(value)d CT%(port)d reads %(reading).2f V, %(error)+.2f V off."
        ),
        gettext_noop(
            "no %(setting)s makes CT%(port)d read %(reference)g V: after %(rounds)d rounds it reads %(reading).2f V "
            "with %(value)d. Check the reference and whether the voltage is steady."
        ),
        gettext_noop(
            "no %(setting)s makes CT%(port)d read %(reference)g V: after the first round it reads %(reading).2f V "
            "with %(value)d, and there is no better value. Check the reference and whether the voltage is steady."
        ),
    )


def _current_gain(port: int) -> _Gain:
    return _Gain(
        f"CT{port}_IGAIN",
        port,
        measuring.CURRENT,
        arithmetic.START_CURRENT_GAIN,
        arithmetic.NEAR_ENOUGH_A,
        gettext_noop(
            "Round %(round)d: with %(setting)s = %(value)d CT%(port)d reads %(reading).3f A, %(error)+.3f A off."
        ),
        gettext_noop(
            "no %(setting)s makes CT%(port)d read %(reference)g A: after %(rounds)d rounds it reads %(reading).3f A "
            "with %(value)d. Check the reference, the clamp, and whether the load is steady."
        ),
        gettext_noop(
            "no %(setting)s makes CT%(port)d read %(reference)g A: after the first round it reads %(reading).3f A "
            "with %(value)d, and there is no better value. Check the reference, the clamp, and whether the load is "
            "steady."
        ),
    )


def check_before(progress: Progress, client: UnitClient, wanted: Wanted) -> dict[str, float]:
    """What the unit reads with the gains of before, by setting. Raises CalibrationRefused for a load that is on."""
    match wanted.target:
        case Target.VOLTAGE:
            return {
                key: measuring.measure(progress, client, port, measuring.VOLTAGE) for key, port in VOLTAGE_KEYS.items()
            }
        case Target.CURRENT_OFFSET:
            reading_a = measuring.measure(progress, client, wanted.port, measuring.CURRENT)
            if reading_a >= arithmetic.LOAD_IS_OFF_BELOW_A:
                template = gettext_noop(
                    "CT%(port)d still reads %(reading).2f A: switch the load off, so that it is under %(most)g A, and "
                    "ask again. Nothing was changed."
                )
                values = {"port": wanted.port, "reading": reading_a, "most": arithmetic.LOAD_IS_OFF_BELOW_A}
                raise CalibrationRefused(client.assy or client.address, template, values)
    return {}


def find(
    progress: Progress, client: UnitClient, calibration: Calibration, wanted: Wanted, before: Mapping[str, float]
) -> gains.Gains:
    """The gains or offsets that make the unit read right, which it holds then. Raises CalibrationFailed."""
    if wanted.target == Target.RESTORED:
        progress.step(_FIRST_PERCENT, gettext_noop("Writing the gains of the earlier calibration."))
        load(progress, client, calibration, wanted.gains)
        return wanted.gains
    found: gains.Gains = {gains.LINE_FREQ_HZ: float(wanted.line_freq_hz)}
    progress.step(_FIRST_PERCENT, gettext_noop("Setting the line frequency to %(hz)d Hz."), hz=wanted.line_freq_hz)
    load(progress, client, calibration, found)
    rounds = _Rounds(progress, client, calibration)
    if wanted.target == Target.CURRENT_OFFSET:
        return found | rounds.offset(wanted.port)
    if wanted.target == Target.CURRENT_GAIN:
        return found | rounds.gain(_current_gain(wanted.port), wanted.reference)
    for index, key in enumerate(VOLTAGE_KEYS):
        share = (index / len(VOLTAGE_KEYS), (index + 1) / len(VOLTAGE_KEYS))
        found |= rounds.gain(_voltage_gain(key), wanted.reference, share, before[key])
    return found


def load(progress: Progress, client: UnitClient, calibration: Calibration, wanted: gains.Gains) -> None:
    """Write and load, remembering first what was sent: should the unit be lost now, that is what it may hold."""
    progress.job.memory["sent"] = {**progress.job.memory.get("sent", {}), **wanted}
    progress.remember(**queue.left_behind(left_changed(progress, calibration, saved=False)))
    patiently(progress, lambda: gains.load(client, wanted), within_s=measuring.PATIENCE_S)


class _Rounds:
    """Tries values on one unit, and keeps each round at once."""

    def __init__(self, progress: Progress, client: UnitClient, calibration: Calibration) -> None:
        self._progress = progress
        self._client = client
        self._calibration = calibration
        self._unit = client.assy or client.address

    def gain(
        self, what: _Gain, reference: float, share: tuple[float, float] = (0.0, 1.0), before: float = 0.0
    ) -> gains.Gains:
        """The gain with which the port reads the reference. `share` is its part of the whole work, and `before` what
        was read with the gain of before.
        """
        self._progress.step(
            _percent(share[0]), gettext_noop("Looking for %(setting)s, read on CT%(port)d."), **what.says()
        )
        value, number = what.start, 0
        while True:
            number += 1
            load(self._progress, self._client, self._calibration, {what.key: float(value)})
            reading = measuring.measure(self._progress, self._client, what.port, what.quantity)
            error = reading - reference
            self._keep(what.key, what.port, value, reading, error)
            self._progress.note(what.said, **what.says(round=number, value=value, reading=reading, error=error))
            self._progress.at(_percent(share[0] + (share[1] - share[0]) * number / arithmetic.MOST_GAIN_ROUNDS))
            if abs(error) < what.near_enough:
                return {what.key: float(value)}
            if number == 1:
                self._check_there_is_something(what, reading, before)
            following = arithmetic.next_gain(value, reading, reference)
            if following == value or number == arithmetic.MOST_GAIN_ROUNDS:
                values = what.says(reference=reference, rounds=number, reading=reading, value=value)
                raise CalibrationFailed(self._unit, counted(number, what.never_at_once, what.never), values)
            value = following

    def offset(self, port: int) -> gains.Gains:
        """The offset with which the port reads no current."""
        key, offset = f"CT{port}_IOFFSET", 0
        said = gettext_noop(
            "Round %(round)d: with %(setting)s = %(value)d CT%(port)d reads %(reading).4f A with no load."
        )
        self._progress.step(
            _percent(0), gettext_noop("Looking for %(setting)s, read on CT%(port)d."), setting=key, port=port
        )
        for number in range(1, arithmetic.MOST_OFFSET_ROUNDS + 1):
            register = arithmetic.as_register(offset)
            load(self._progress, self._client, self._calibration, {key: float(register)})
            reading = measuring.measure(self._progress, self._client, port, measuring.CURRENT)
            self._keep(key, port, register, reading, reading)
            self._progress.note(said, round=number, setting=key, value=register, port=port, reading=reading)
            self._progress.at(_percent(number / arithmetic.MOST_OFFSET_ROUNDS))
            if arithmetic.is_no_current(reading):
                return {key: float(register)}
            self._check_load_is_still_off(port, reading)
            offset = arithmetic.next_offset(offset, reading)
        template = gettext_noop(
            "no %(setting)s makes CT%(port)d read 0 A: after %(rounds)d rounds it still reads %(reading).4f A. Is the "
            "load really off?"
        )
        values = {"setting": key, "port": port, "rounds": arithmetic.MOST_OFFSET_ROUNDS, "reading": reading}
        raise CalibrationFailed(self._unit, template, values)

    def _check_there_is_something(self, what: _Gain, reading: float, before: float) -> None:
        """There has to be a voltage or current at all. The start value can show a true 100 V as a little less."""
        if what.quantity == measuring.CURRENT and arithmetic.is_no_current(max(reading, 0.0)):
            template = gettext_noop("CT%(port)d reads no current: is the clamp plugged in there, and the load on?")
            raise CalibrationFailed(self._unit, template, {"port": what.port})
        if what.quantity == measuring.VOLTAGE and max(reading, before) < arithmetic.LEAST_VOLTAGE_V:
            template = gettext_noop(
                "CT%(port)d reads %(reading).1f V; at least %(least)g V are needed. Is the mains adaptor plugged in?"
            )
            values = {"port": what.port, "reading": max(reading, before), "least": arithmetic.LEAST_VOLTAGE_V}
            raise CalibrationFailed(self._unit, template, values)

    def _check_load_is_still_off(self, port: int, reading_a: float) -> None:
        if reading_a >= arithmetic.LOAD_IS_OFF_BELOW_A:
            template = gettext_noop("the load of CT%(port)d came on in the middle: it reads %(reading).2f A.")
            raise CalibrationFailed(self._unit, template, {"port": port, "reading": reading_a})

    def _keep(self, key: str, port: int, value: int, reading: float, error: float) -> None:
        """At once: the page shows it while the next round runs."""
        self._calibration.rounds.append(
            {
                "setting": key,
                "port": port,
                "value": value,
                "reading": round(reading, 6),
                "error": round(error, 6),
                "at": time.time_ns() // 1_000_000,
            }
        )
        self._calibration.save(update_fields=["rounds"])


def _percent(share: float) -> float:
    return _FIRST_PERCENT + (_LAST_PERCENT - _FIRST_PERCENT) * share
