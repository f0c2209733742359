"""Whether what a unit measures after an upgrade makes as much sense as before."""

from __future__ import annotations

import select
import time
from typing import Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext_noop as _

from devices.ct6.client import UnitClient
from devices.ct6.errors import AnswerError
from devices.ct6.protocol import Answer, decode_answer
from devices.ct6.udp import AnswerSocket
from devices.firmware.unit_at_hand import UnitAtHand
from devices.models import Device
from devices.querysets import silence_limit
from devices.wording import Sentence

# Any supply that the meter chips can be calibrated for, and no register that was never written.
_VOLTAGE_V = (50.0, 400.0)
_FREQUENCY_HZ = (40.0, 65.0)
_ASKED_DIRECTLY_S = 2.0


def is_heard(device: Device, now_s: float) -> bool:
    """Whether a collector hears this unit now."""
    seen = device.last_seen
    return (
        device.active is not False and seen is not None and now_s - seen.timestamp() <= silence_limit().total_seconds()
    )


def sane_over_http(client: UnitClient) -> set[str]:
    """Which of its values make sense, by name: voltage, frequency, CT1 and so on."""
    stats = {"PRODUCT_ID": "CT6", "ASSY": client.assy} | client.stats()
    try:
        return _sane(decode_answer(msgspec.json.encode(stats)))
    except AnswerError:
        return set()


def sane_in_last_answer(answer: dict[str, Any]) -> set[str]:
    """The same of the newest answer as the collector keeps it in `Device.last_answer`."""
    ports: dict[str, dict[str, Any]] = answer.get("ports") or {}
    powers = {f"CT{number}": values.get("active_power") for number, values in ports.items()}
    return _sane_values(answer.get("voltage"), answer.get("frequency"), powers)


def wrong_with_values(unit: UnitAtHand, since_ms: int, before: set[str]) -> Sentence | None:
    """What is wrong with what the unit answers since it is back, or nothing. `before` made sense before."""
    if unit.memory.get("heard"):
        return _wrong_with_answers(unit, since_ms, before)
    unit.progress.note(_("It is inactive or heard by no collector, so its values are asked for over HTTP."))
    within_s = unit.patience.answers_within_s
    found: set[str] = set()

    def are_sane() -> bool:
        found.clear()
        found.update(sane_over_http(unit.client()))
        return before <= found

    if unit.progress.wait_until(are_sane, within_s=within_s, every_s=unit.patience.looks_every_s):
        return None
    return _missing(before - found)


def _wrong_with_answers(unit: UnitAtHand, since_ms: int, before: set[str]) -> Sentence | None:
    newest: list[dict[str, Any]] = []

    def are_sane() -> bool:
        answer = unit.device().last_answer or {}
        if answer.get("time", 0) <= since_ms:
            return False
        newest[:] = [answer]
        return before <= sane_in_last_answer(answer)

    within_s = unit.patience.answers_within_s
    if unit.progress.wait_until(are_sane, within_s=within_s, every_s=unit.patience.looks_every_s):
        return None
    if newest:
        return _missing(before - sane_in_last_answer(newest[0]))
    directly = _sane_when_asked(unit)
    if directly is None:
        template = _("It has answered no question since its restart, for %(seconds)s s.")
        return Sentence(template, {"seconds": f"{within_s:g}"})
    if before <= directly:
        unit.progress.warn(
            _(
                "No answer has reached the collector since its restart, yet it answers when asked. See that the "
                "collector runs."
            )
        )
        return None
    return _missing(before - directly)


def _sane_when_asked(unit: UnitAtHand) -> set[str] | None:
    """Ask the unit one question ourselves. It takes the mean from a collector only where that hears nothing anyway."""
    address = unit.device().address
    if address is None:
        return None
    until_s = time.monotonic() + _ASKED_DIRECTLY_S
    with AnswerSocket() as answers:
        while (left_s := until_s - time.monotonic()) > 0:
            answers.ask(address, settings.CT6_PORT)
            select.select([answers], [], [], min(left_s, 0.5))
            for datagram in answers.receive():
                try:
                    answer = decode_answer(datagram.payload)
                except AnswerError:
                    continue
                if answer.assy == unit.assy:
                    return _sane(answer)
    return None


def _sane(answer: Answer) -> set[str]:
    powers = {f"CT{port.number}": port.active_power_w for port in answer.ports}
    return _sane_values(answer.voltage_v, answer.frequency_hz, powers)


def _sane_values(voltage_v: float | None, frequency_hz: float | None, powers: dict[str, float | None]) -> set[str]:
    sane = {name for name, power_w in powers.items() if power_w is not None}
    if voltage_v is not None and _VOLTAGE_V[0] <= voltage_v <= _VOLTAGE_V[1]:
        sane.add("voltage")
    if frequency_hz is not None and _FREQUENCY_HZ[0] <= frequency_hz <= _FREQUENCY_HZ[1]:
        sane.add("frequency")
    return sane


def _missing(names: set[str]) -> Sentence:
    template = _(
        "Its answers make no sense since its restart: %(names)s was right before and is missing or impossible."
    )
    return Sentence(template, {"names": ", ".join(sorted(names))})
